//! The messages of one queue that wait for a consumer, in their order.
//!
//! ```text
//! root (Arc) -> [ chunk (Arc) ][ chunk (Arc) ] ...      each chunk up to CHUNK_ENTRY_COUNT entries
//! ```
//! A clone is a frozen view: it takes the root; a later change copies the root's pointers once and each chunk it touches. So a
//! checkpoint or a purge of millions of messages costs the engine nothing (decision 8).
//!
//! This module never knows a consumer or the log.

use crate::message::Message;
use std::collections::VecDeque;
use std::sync::Arc;

const CHUNK_ENTRY_COUNT: usize = 256;

/// Where a message stands in its queue. Durable messages are numbered by `sequence`, from 1 without gaps;
/// transient ones stand behind the durable one that came before them and count in `minor`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Position {
    pub sequence: u64,
    pub minor: u32,
}

/// One message in one queue.
#[derive(Clone, Debug)]
pub struct Entry {
    pub message: Message,
    pub sequence: u64,
    pub minor: u32,
    pub delivery_count: u16,
    /// It is in the log for this queue: leaving the queue is an effect too.
    pub durable: bool,
    pub redelivered: bool,
}

impl Entry {
    /// A message in the log, not delivered yet.
    pub fn durable(message: Message, sequence: u64) -> Entry {
        Entry { message, sequence, minor: 0, delivery_count: 0, durable: true, redelivered: false }
    }

    pub fn position(&self) -> Position {
        Position { sequence: self.sequence, minor: self.minor }
    }
}

type Chunk = VecDeque<Entry>;

#[derive(Clone, Debug, Default)]
pub struct Ready {
    chunks: Arc<VecDeque<Arc<Chunk>>>,
    count: usize,
    body_bytes: u64,
}

impl Ready {
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub fn front(&self) -> Option<&Entry> {
        self.chunks.front()?.front()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub fn push_back(&mut self, entry: Entry) {
        self.count += 1;
        self.body_bytes += entry.message.body_size() as u64;
        let chunks = Arc::make_mut(&mut self.chunks);
        match chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK_ENTRY_COUNT => Arc::make_mut(chunk).push_back(entry),
            _ => chunks.push_back(Arc::new(Chunk::from([entry]))),
        }
    }

    pub fn pop_front(&mut self) -> Option<Entry> {
        if self.count == 0 {
            return None;
        }
        let chunks = Arc::make_mut(&mut self.chunks);
        let front = Arc::make_mut(chunks.front_mut()?);
        let entry = front.pop_front()?;
        // The last chunk stays, so that a queue that is often empty does not allocate for each message.
        if front.is_empty() && chunks.len() > 1 {
            chunks.pop_front();
        }
        self.count -= 1;
        self.body_bytes -= entry.message.body_size() as u64;
        Some(entry)
    }

    /// Puts a message back into its old place.
    pub fn insert(&mut self, entry: Entry) {
        let position = entry.position();
        let is_newest = self.chunks.back().is_none_or(|c| c.back().is_none_or(|e| e.position() < position));
        if is_newest {
            return self.push_back(entry);
        }
        self.count += 1;
        self.body_bytes += entry.message.body_size() as u64;
        let chunks = Arc::make_mut(&mut self.chunks);
        let index = chunks.partition_point(|chunk| chunk.back().is_some_and(|e| e.position() < position));
        let chunk = Arc::make_mut(&mut chunks[index]);
        chunk.insert(chunk.partition_point(|e| e.position() < position), entry);
        if chunk.len() > CHUNK_ENTRY_COUNT {
            let second_half = chunk.split_off(CHUNK_ENTRY_COUNT / 2);
            chunks.insert(index + 1, Arc::new(second_half));
        }
    }

    fn find(&self, position: Position) -> Option<(usize, usize)> {
        let index =
            self.chunks.partition_point(|chunk| chunk.back().is_some_and(|e| e.position() < position));
        let place = self.chunks.get(index)?.binary_search_by_key(&position, Entry::position).ok()?;
        Some((index, place))
    }

    pub fn get_mut(&mut self, position: Position) -> Option<&mut Entry> {
        let (index, place) = self.find(position)?;
        Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[index]).get_mut(place)
    }

    pub fn get(&self, position: Position) -> Option<&Entry> {
        let (index, place) = self.find(position)?;
        self.chunks[index].get(place)
    }

    pub fn remove(&mut self, position: Position) -> Option<Entry> {
        let (index, place) = self.find(position)?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(&mut chunks[index]);
        let entry = chunk.remove(place)?;
        if chunk.is_empty() && chunks.len() > 1 {
            chunks.remove(index);
        }
        self.count -= 1;
        self.body_bytes -= entry.message.body_size() as u64;
        Some(entry)
    }

    /// Takes everything out; the caller decides which thread frees it.
    pub fn take(&mut self) -> Ready {
        std::mem::take(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageParts;
    use proptest::prelude::*;
    use warren_amqp::ShortStr;
    use warren_amqp::encode::Payload;
    use warren_units::{Lsn, UnixMillis};

    fn entry(sequence: u64, minor: u32) -> Entry {
        let parts = MessageParts {
            exchange: ShortStr::EMPTY,
            routing_key: ShortStr::literal("q"),
            properties: &[0, 0],
            published_at: UnixMillis(0),
            lsn: Lsn::NONE,
            strict: false,
        };
        let message = Message::new(&parts, Payload::Plain(b"x"), &mut Vec::new());
        Entry { message, sequence, minor, delivery_count: 0, durable: minor == 0, redelivered: false }
    }

    fn positions(ready: &Ready) -> Vec<(u64, u32)> {
        ready.iter().map(|entry| (entry.sequence, entry.minor)).collect()
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_list(operations in prop::collection::vec((0u8..4, any::<u16>()), 0..3000)) {
            let mut ready = Ready::default();
            let mut model: Vec<(u64, u32)> = Vec::new();
            let mut out: Vec<(u64, u32)> = Vec::new();
            let mut next = 0;
            for (operation, choice) in operations {
                match operation {
                    0 | 1 => {
                        next += 1;
                        ready.push_back(entry(next, 0));
                        model.push((next, 0));
                    }
                    2 => {
                        let popped = ready.pop_front().map(|entry| (entry.sequence, entry.minor));
                        let expected = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(popped, expected);
                        out.extend(popped);
                    }
                    _ if choice % 2 == 0 && !out.is_empty() => {
                        let (sequence, minor) = out.swap_remove(choice as usize % out.len());
                        ready.insert(entry(sequence, minor));
                        let place = model.partition_point(|p| *p < (sequence, minor));
                        model.insert(place, (sequence, minor));
                    }
                    _ if !model.is_empty() => {
                        let (sequence, minor) = model.remove(choice as usize % model.len());
                        let removed = ready.remove(Position { sequence, minor });
                        prop_assert!(removed.is_some());
                        let is_gone = ready.get(Position { sequence, minor }).is_none();
                        prop_assert!(is_gone);
                    }
                    _ => {}
                }
                prop_assert_eq!(ready.len(), model.len());
            }
            prop_assert_eq!(positions(&ready), model);
            prop_assert_eq!(ready.body_bytes(), ready.len() as u64);
        }
    }

    #[test]
    fn a_frozen_view_does_not_see_later_changes() {
        let mut ready = Ready::default();
        (1..=2000).for_each(|sequence| ready.push_back(entry(sequence, 0)));
        let frozen = ready.clone();
        let before = positions(&frozen);
        (0..700).for_each(|_| drop(ready.pop_front()));
        ready.remove(Position { sequence: 1500, minor: 0 });
        ready.push_back(entry(2000, 1));
        ready.get_mut(Position { sequence: 1000, minor: 0 }).unwrap().redelivered = true;
        assert_eq!(positions(&frozen), before);
        assert!(frozen.iter().all(|entry| !entry.redelivered));
        assert_eq!(ready.len(), 1300);
        assert_eq!(ready.take().len(), 1300);
        assert!(ready.is_empty() && ready.pop_front().is_none());
    }

    #[test]
    fn entries_stay_small() {
        assert_eq!(size_of::<Entry>(), 32);
    }
}
