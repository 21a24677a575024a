//! The messages of one queue that wait for a consumer, in their order.
//!
//! ```text
//! first chunk | middle (Arc) -> [ page (Arc) -> [ chunk (Arc) ] .. ] .. | last chunk
//! ```
//! The two chunks in use are plain: messages come and go in them without a look at who shares them. A frozen
//! view puts them into the middle and takes its root; a later change copies the root (one pointer for 32,768
//! messages), one page and one chunk. So a checkpoint or a purge of millions of messages costs the engine
//! nothing (decision 8).
//!
//! This module never knows a consumer or the log.

use crate::message::Message;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

const CHUNK_ENTRY_COUNT: usize = 256;
const PAGE_CHUNK_COUNT: usize = 128;

/// A frozen view of so few messages is a copy.
const COPIED_ENTRY_COUNT_MAX: usize = 32;

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
type Page = VecDeque<Arc<Chunk>>;

/// All chunks but the two in use. None of them is empty.
#[derive(Clone, Debug, Default)]
struct Middle {
    pages: VecDeque<Arc<Page>>,
}

#[derive(Clone, Debug, Default)]
pub struct Ready {
    first: Chunk,
    middle: Option<Arc<Middle>>,
    last: Chunk,
    count: usize,
    absent_count: usize,
    body_bytes: u64,
    present_bytes: u64,
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

    /// Sizes of all bodies, wherever they are.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Sizes of the bodies that are in memory.
    pub fn present_bytes(&self) -> u64 {
        self.present_bytes
    }

    /// Messages whose bodies are in the log only.
    #[inline]
    pub fn absent_count(&self) -> usize {
        self.absent_count
    }

    #[inline]
    pub fn front(&self) -> Option<&Entry> {
        match self.first.front() {
            Some(entry) => Some(entry),
            None => match &self.middle {
                Some(middle) => middle.front(),
                None => self.last.front(),
            },
        }
    }

    fn back(&self) -> Option<&Entry> {
        match (self.last.back(), &self.middle) {
            (Some(entry), _) => Some(entry),
            (None, Some(middle)) => middle.back(),
            (None, None) => self.first.back(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        let pages = self.middle.iter().flat_map(|middle| &middle.pages);
        let middle = pages.flat_map(|page| page.iter()).flat_map(|chunk| chunk.iter());
        self.first.iter().chain(middle).chain(&self.last)
    }

    #[inline]
    fn count_in(&mut self, entry: &Entry) {
        let size = entry.message.body_size() as u64;
        let is_absent = entry.message.is_absent();
        self.count += 1;
        self.body_bytes += size;
        self.absent_count += usize::from(is_absent);
        self.present_bytes += if is_absent { 0 } else { size };
    }

    #[inline]
    fn count_out(&mut self, entry: &Entry) {
        let size = entry.message.body_size() as u64;
        let is_absent = entry.message.is_absent();
        self.count -= 1;
        self.body_bytes -= size;
        self.absent_count -= usize::from(is_absent);
        self.present_bytes -= if is_absent { 0 } else { size };
    }

    #[inline]
    pub fn push_back(&mut self, entry: Entry) {
        self.count_in(&entry);
        self.last.push_back(entry);
        if self.last.len() >= CHUNK_ENTRY_COUNT {
            let full = std::mem::replace(&mut self.last, Chunk::with_capacity(CHUNK_ENTRY_COUNT));
            self.middle_mut().push_back(full);
        }
    }

    #[inline]
    pub fn pop_front(&mut self) -> Option<Entry> {
        if self.first.is_empty() {
            self.refill();
        }
        let entry = self.first.pop_front()?;
        self.count_out(&entry);
        Some(entry)
    }

    /// The next chunk becomes the first one.
    fn refill(&mut self) {
        match &mut self.middle {
            None => std::mem::swap(&mut self.first, &mut self.last),
            Some(middle) => {
                let chunk = Arc::make_mut(middle).pop_front();
                self.first = Arc::unwrap_or_clone(chunk);
                self.drop_empty_middle();
            }
        }
    }

    fn middle_mut(&mut self) -> &mut Middle {
        Arc::make_mut(self.middle.get_or_insert_default())
    }

    fn drop_empty_middle(&mut self) {
        if self.middle.as_ref().is_some_and(|middle| middle.pages.is_empty()) {
            self.middle = None;
        }
    }

    /// Puts a message back into its old place.
    pub fn insert(&mut self, entry: Entry) {
        let position = entry.position();
        if self.back().is_none_or(|back| back.position() < position) {
            return self.push_back(entry);
        }
        self.count_in(&entry);
        if self.first.back().is_some_and(|back| position < back.position()) {
            self.first.insert(place_in(&self.first, position), entry);
            if self.first.len() > 2 * CHUNK_ENTRY_COUNT {
                let second_half = self.first.split_off(CHUNK_ENTRY_COUNT);
                self.middle_mut().push_front(second_half);
            }
        } else if self.last.front().is_some_and(|front| front.position() < position) {
            self.last.insert(place_in(&self.last, position), entry);
        } else {
            match &mut self.middle {
                Some(middle) if middle.front().is_some_and(|front| front.position() < position) => {
                    Arc::make_mut(middle).insert(entry);
                }
                _ => self.first.push_back(entry),
            }
        }
    }

    pub fn get_mut(&mut self, position: Position) -> Option<&mut Entry> {
        if is_within(&self.first, position) {
            let place = find_in(&self.first, position)?;
            return self.first.get_mut(place);
        }
        if is_within(&self.last, position) {
            let place = find_in(&self.last, position)?;
            return self.last.get_mut(place);
        }
        let middle = self.middle.as_mut()?;
        let (page, chunk, place) = middle.find(position)?;
        Arc::make_mut(middle).chunk_mut(page, chunk).get_mut(place)
    }

    pub fn get(&self, position: Position) -> Option<&Entry> {
        if is_within(&self.first, position) {
            return self.first.get(find_in(&self.first, position)?);
        }
        if is_within(&self.last, position) {
            return self.last.get(find_in(&self.last, position)?);
        }
        let middle = self.middle.as_ref()?;
        let (page, chunk, place) = middle.find(position)?;
        middle.pages[page][chunk].get(place)
    }

    pub fn remove(&mut self, position: Position) -> Option<Entry> {
        let entry = if is_within(&self.first, position) {
            self.first.remove(find_in(&self.first, position)?)?
        } else if is_within(&self.last, position) {
            self.last.remove(find_in(&self.last, position)?)?
        } else {
            let middle = self.middle.as_mut()?;
            let place = middle.find(position)?;
            let entry = Arc::make_mut(middle).remove(place)?;
            self.drop_empty_middle();
            entry
        };
        self.count_out(&entry);
        Some(entry)
    }

    /// Gives an absent message its body; answers how many bytes are in memory by it.
    pub fn fill(&mut self, position: Position, body: &Bytes, scratch: &mut Vec<u8>) -> u64 {
        let Some(entry) = self.get_mut(position).filter(|entry| entry.message.is_absent()) else { return 0 };
        entry.message = entry.message.with_body(body, scratch);
        self.absent_count -= 1;
        self.present_bytes += body.len() as u64;
        body.len() as u64
    }

    /// A view of the messages that no later change touches. Costs no more for many messages than for few.
    pub fn freeze(&mut self) -> Ready {
        if self.count > COPIED_ENTRY_COUNT_MAX {
            let (first, last) = (std::mem::take(&mut self.first), std::mem::take(&mut self.last));
            if !first.is_empty() {
                self.middle_mut().push_front(first);
            }
            if !last.is_empty() {
                self.middle_mut().push_back(last);
            }
        }
        self.clone()
    }

    /// Takes everything out; the caller decides which thread frees it.
    pub fn take(&mut self) -> Ready {
        std::mem::take(self)
    }
}

impl Middle {
    fn front(&self) -> Option<&Entry> {
        self.pages.front()?.front()?.front()
    }

    fn back(&self) -> Option<&Entry> {
        self.pages.back()?.back()?.back()
    }

    fn push_back(&mut self, chunk: Chunk) {
        match self.pages.back_mut().filter(|page| page.len() < PAGE_CHUNK_COUNT) {
            Some(page) => Arc::make_mut(page).push_back(Arc::new(chunk)),
            None => self.pages.push_back(Arc::new(Page::from([Arc::new(chunk)]))),
        }
    }

    fn push_front(&mut self, chunk: Chunk) {
        match self.pages.front_mut().filter(|page| page.len() < PAGE_CHUNK_COUNT) {
            Some(page) => Arc::make_mut(page).push_front(Arc::new(chunk)),
            None => self.pages.push_front(Arc::new(Page::from([Arc::new(chunk)]))),
        }
    }

    fn pop_front(&mut self) -> Arc<Chunk> {
        let page = Arc::make_mut(self.pages.front_mut().expect("an empty middle is dropped"));
        let chunk = page.pop_front().expect("no page is empty");
        if page.is_empty() {
            self.pages.pop_front();
        }
        chunk
    }

    fn chunk_mut(&mut self, page: usize, chunk: usize) -> &mut Chunk {
        Arc::make_mut(&mut Arc::make_mut(&mut self.pages[page])[chunk])
    }

    /// (page, chunk) where the position is, or would be; `None` if it is behind all.
    fn chunk_of(&self, position: Position) -> Option<(usize, usize)> {
        let is_before = |chunk: &Arc<Chunk>| chunk.back().is_some_and(|entry| entry.position() < position);
        let page = self.pages.partition_point(|page| page.back().is_some_and(is_before));
        let chunk = self.pages.get(page)?.partition_point(is_before);
        Some((page, chunk))
    }

    fn find(&self, position: Position) -> Option<(usize, usize, usize)> {
        let (page, chunk) = self.chunk_of(position)?;
        Some((page, chunk, find_in(&self.pages[page][chunk], position)?))
    }

    /// Between others: something is before it.
    fn insert(&mut self, entry: Entry) {
        let position = entry.position();
        let Some((page_index, chunk_index)) = self.chunk_of(position) else {
            return self.push_back(Chunk::from([entry]));
        };
        let page = Arc::make_mut(&mut self.pages[page_index]);
        let chunk = Arc::make_mut(&mut page[chunk_index]);
        chunk.insert(place_in(chunk, position), entry);
        if chunk.len() > CHUNK_ENTRY_COUNT {
            let second_half = chunk.split_off(CHUNK_ENTRY_COUNT / 2);
            page.insert(chunk_index + 1, Arc::new(second_half));
        }
        if page.len() > PAGE_CHUNK_COUNT {
            let second_half = page.split_off(PAGE_CHUNK_COUNT / 2);
            self.pages.insert(page_index + 1, Arc::new(second_half));
        }
    }

    fn remove(&mut self, (page_index, chunk_index, place): (usize, usize, usize)) -> Option<Entry> {
        let page = Arc::make_mut(&mut self.pages[page_index]);
        let chunk = Arc::make_mut(&mut page[chunk_index]);
        let entry = chunk.remove(place)?;
        if chunk.is_empty() {
            page.remove(chunk_index);
        }
        if page.is_empty() {
            self.pages.remove(page_index);
        }
        Some(entry)
    }
}

fn is_within(chunk: &Chunk, position: Position) -> bool {
    let (Some(front), Some(back)) = (chunk.front(), chunk.back()) else { return false };
    front.position() <= position && position <= back.position()
}

fn find_in(chunk: &Chunk, position: Position) -> Option<usize> {
    chunk.binary_search_by_key(&position, Entry::position).ok()
}

fn place_in(chunk: &Chunk, position: Position) -> usize {
    chunk.partition_point(|entry| entry.position() < position)
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
            name: None,
        };
        let message = Message::new(&parts, Payload::Plain(b"x"), &mut Vec::new());
        Entry { message, sequence, minor, delivery_count: 0, durable: minor == 0, redelivered: false }
    }

    fn positions(ready: &Ready) -> Vec<(u64, u32)> {
        ready.iter().map(|entry| (entry.sequence, entry.minor)).collect()
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_list(operations in prop::collection::vec((0u8..64, any::<u16>()), 0..3000)) {
            let mut ready = Ready::default();
            let mut model: Vec<(u64, u32)> = Vec::new();
            let mut out: Vec<(u64, u32)> = Vec::new();
            let mut next = 0;
            let mut frozen = Vec::new();
            for (operation, choice) in operations {
                match operation {
                    63 => frozen.push((ready.freeze(), model.clone())),
                    0..32 => {
                        next += 1;
                        ready.push_back(entry(next, 0));
                        model.push((next, 0));
                    }
                    32..48 => {
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
            for (view, then) in frozen {
                prop_assert_eq!(positions(&view), then);
            }
        }
    }

    #[test]
    fn a_frozen_view_does_not_see_later_changes() {
        let mut ready = Ready::default();
        (1..=2000).for_each(|sequence| ready.push_back(entry(sequence, 0)));
        let frozen = ready.freeze();
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
