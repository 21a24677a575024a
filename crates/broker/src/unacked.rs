//! The deliveries of one channel that its client has not settled, by delivery tag.

use crate::consumer::ConsumerRef;
use crate::queue::QueueRef;
use crate::ready::Entry;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// A message that a client holds.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub consumer: ConsumerRef,
    pub queue: QueueRef,
    pub entry: Entry,
}

pub type Deliveries = SmallVec<[(u64, Delivery); 4]>;

/// Deliveries by tag, ascending; `None` where one was settled out of order.
type Chunk = VecDeque<(u64, Option<Delivery>)>;

/// Tags of one chunk.
const CHUNK_TAG_COUNT: usize = 1024;

/// A part of the list. What a frozen view holds is copied before it changes.
#[derive(Debug)]
enum Block {
    Own(Chunk),
    Frozen(Arc<Chunk>),
}

impl Block {
    fn get(&self) -> &Chunk {
        match self {
            Block::Own(chunk) => chunk,
            Block::Frozen(chunk) => chunk,
        }
    }

    #[inline]
    fn own(&mut self) -> &mut Chunk {
        if let Block::Frozen(chunk) = self {
            let chunk = std::mem::take(chunk);
            *self = Block::Own(Arc::unwrap_or_clone(chunk));
        }
        match self {
            Block::Own(chunk) => chunk,
            Block::Frozen(_) => unreachable!("it was replaced just now"),
        }
    }

    /// False if the block ends before the tag.
    fn reaches(&self, tag: u64) -> bool {
        self.get().back().is_some_and(|(known, _)| *known >= tag)
    }
}

/// Ascending tags. Settling out of order leaves a gap, which closes when all before it is settled, so that
/// no settlement moves the others.
#[derive(Default, Debug)]
pub struct Unacked {
    /// None of them is empty, but for a single one that keeps its memory.
    blocks: VecDeque<Block>,
    /// Tags in the list, those of gaps included.
    count: usize,
    live: usize,
}

/// The deliveries of one channel as they were.
#[derive(Default, Debug)]
pub struct FrozenUnacked(Vec<Arc<Chunk>>);

impl FrozenUnacked {
    pub fn iter(&self) -> impl Iterator<Item = &Delivery> {
        self.0.iter().flat_map(|chunk| chunk.iter()).filter_map(|(_, delivery)| delivery.as_ref())
    }
}

impl Unacked {
    #[inline]
    pub fn len(&self) -> usize {
        self.live
    }

    pub fn iter(&self) -> impl Iterator<Item = &Delivery> {
        self.blocks.iter().flat_map(|block| block.get()).filter_map(|(_, delivery)| delivery.as_ref())
    }

    /// A view that no later change touches. Costs one small allocation for a thousand deliveries.
    pub fn freeze(&mut self) -> FrozenUnacked {
        let frozen =
            self.blocks.iter_mut().filter(|block| !block.get().is_empty()).map(|block| match block {
                Block::Frozen(chunk) => chunk.clone(),
                Block::Own(chunk) => {
                    let chunk = Arc::new(std::mem::take(chunk));
                    *block = Block::Frozen(chunk.clone());
                    chunk
                }
            });
        FrozenUnacked(frozen.collect())
    }

    /// `tag` is above all others.
    #[inline]
    pub fn push(&mut self, tag: u64, delivery: Delivery) {
        self.live += 1;
        self.count += 1;
        match self.blocks.back_mut() {
            Some(block) if block.get().len() < CHUNK_TAG_COUNT => {
                block.own().push_back((tag, Some(delivery)))
            }
            _ => self.blocks.push_back(Block::Own(Chunk::from([(tag, Some(delivery))]))),
        }
    }

    /// Takes one delivery, or with `multiple` all up to it; tag 0 with `multiple` means all there are.
    /// `None` if no such delivery waits.
    pub fn take(&mut self, tag: u64, multiple: bool) -> Option<Deliveries> {
        if multiple && tag == 0 {
            return Some(self.take_all());
        }
        let index = match self.blocks.front()?.reaches(tag) {
            true => 0,
            false => self.blocks.partition_point(|block| !block.reaches(tag)),
        };
        let chunk = self.blocks.get(index)?.get();
        let place = match chunk.front()?.0 == tag {
            true => 0,
            false => chunk.binary_search_by_key(&tag, |(known, _)| *known).ok()?,
        };
        chunk[place].1.as_ref()?;
        let mut taken = Deliveries::new();
        if multiple {
            taken.reserve(self.live.min((index + 1) * CHUNK_TAG_COUNT));
            for mut block in self.blocks.drain(..index) {
                let all = block.own().drain(..);
                self.count -= all.len();
                taken.extend(all.filter_map(|(tag, delivery)| Some((tag, delivery?))));
            }
            let all = self.blocks[0].own().drain(..=place);
            self.count -= all.len();
            taken.extend(all.filter_map(|(tag, delivery)| Some((tag, delivery?))));
        } else {
            let (tag, delivery) = &mut self.blocks[index].own()[place];
            taken.extend(delivery.take().map(|delivery| (*tag, delivery)));
        }
        self.live -= taken.len();
        self.close_gaps();
        Some(taken)
    }

    /// Cuts off all deliveries up to the one with this tag, 0 for all there are, at no cost for each of them;
    /// `None` if no such delivery waits.
    pub fn split_through(&mut self, tag: u64) -> Option<Unacked> {
        if tag == 0 {
            return Some(std::mem::take(self));
        }
        let index = self.blocks.partition_point(|block| !block.reaches(tag));
        let place = self.blocks.get(index)?.get().binary_search_by_key(&tag, |(known, _)| *known).ok()?;
        self.blocks[index].get()[place].1.as_ref()?;
        let rest = self.blocks[index].own().split_off(place + 1);
        let mut behind = self.blocks.split_off(index + 1);
        if !rest.is_empty() {
            behind.push_front(Block::Own(rest));
        }
        let has_gaps = self.count > self.live;
        let first = Unacked::of(std::mem::replace(&mut self.blocks, behind), has_gaps);
        *self = Unacked::of(std::mem::take(&mut self.blocks), has_gaps);
        self.close_gaps();
        Some(first)
    }

    fn of(blocks: VecDeque<Block>, has_gaps: bool) -> Unacked {
        let chunks = || blocks.iter().map(Block::get);
        let count = chunks().map(VecDeque::len).sum();
        let live = match has_gaps {
            true => chunks().flatten().filter(|(_, delivery)| delivery.is_some()).count(),
            false => count,
        };
        Unacked { blocks, count, live }
    }

    /// Takes the first `count` deliveries.
    pub fn take_first(&mut self, count: usize) -> Deliveries {
        let mut taken = Deliveries::new();
        while taken.len() < count
            && let Some(block) = self.blocks.front_mut()
        {
            let wanted = count - taken.len();
            let chunk = block.own();
            let end = chunk.iter().enumerate().filter(|(_, (_, delivery))| delivery.is_some()).nth(wanted);
            let end = end.map_or(chunk.len(), |(place, _)| place);
            self.count -= end;
            taken.extend(chunk.drain(..end).filter_map(|(tag, delivery)| Some((tag, delivery?))));
            if chunk.is_empty() {
                self.blocks.pop_front();
            }
        }
        self.live -= taken.len();
        taken
    }

    pub fn take_all(&mut self) -> Deliveries {
        let mut taken = Deliveries::with_capacity(self.live);
        (self.live, self.count) = (0, 0);
        for mut block in self.blocks.drain(..) {
            taken.extend(block.own().drain(..).filter_map(|(tag, delivery)| Some((tag, delivery?))));
        }
        taken
    }

    /// A rollback: settled deliveries wait again.
    pub fn put_back(&mut self, deliveries: Deliveries) {
        for (tag, delivery) in deliveries {
            self.live += 1;
            let index = self.blocks.partition_point(|block| !block.reaches(tag));
            let Some(block) = self.blocks.get_mut(index) else {
                self.live -= 1;
                self.push(tag, delivery);
                continue;
            };
            let chunk = block.own();
            let place = chunk.partition_point(|(known, _)| *known < tag);
            match chunk.get_mut(place) {
                Some((known, gap)) if *known == tag => *gap = Some(delivery),
                _ => {
                    chunk.insert(place, (tag, Some(delivery)));
                    self.count += 1;
                }
            }
        }
    }

    /// Drops gaps at the front, and all of them once they are most of the list.
    #[inline]
    fn close_gaps(&mut self) {
        loop {
            let is_single = self.blocks.len() == 1;
            let Some(block) = self.blocks.front_mut() else { return };
            match block.get().front() {
                Some((_, Some(_))) => break,
                Some((_, None)) => {
                    block.own().pop_front();
                    self.count -= 1;
                }
                None if is_single => return,
                None => drop(self.blocks.pop_front()),
            }
        }
        if self.count > 64 && self.count > 2 * self.live {
            for block in &mut self.blocks {
                block.own().retain(|(_, delivery)| delivery.is_some());
            }
            self.blocks.retain(|block| !block.get().is_empty());
            self.count = self.live;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, MessageParts};
    use crate::queue::QueueId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use warren_amqp::{Payload, ShortStr};
    use warren_units::{Lsn, UnixMillis};

    fn delivery() -> Delivery {
        let parts = MessageParts {
            exchange: ShortStr::EMPTY,
            routing_key: ShortStr::EMPTY,
            properties: &[0, 0],
            published_at: UnixMillis(0),
            lsn: Lsn::NONE,
            strict: false,
            name: None,
        };
        let message = Message::new(&parts, Payload::Plain(b""), &mut Vec::new());
        let queue = QueueRef { slot: 0, id: QueueId(1) };
        Delivery { consumer: ConsumerRef::NONE, queue, entry: Entry::durable(message, 1) }
    }

    fn tags(deliveries: Option<Deliveries>) -> Option<Vec<u64>> {
        deliveries.map(|all| all.into_iter().map(|(tag, _)| tag).collect())
    }

    #[test]
    fn tags_settle_once_in_any_order() {
        let mut unacked = Unacked::default();
        (1..=200).for_each(|tag| unacked.push(tag, delivery()));
        assert_eq!(tags(unacked.take(1, false)), Some(vec![1]));
        assert_eq!(tags(unacked.take(1, false)), None);
        assert_eq!(tags(unacked.take(5, false)), Some(vec![5]));
        assert_eq!(tags(unacked.take(5, true)), None);
        assert_eq!(tags(unacked.take(6, true)), Some(vec![2, 3, 4, 6]));
        assert_eq!(tags(unacked.take(201, true)), None);
        (8..=199).for_each(|tag| drop(unacked.take(tag, false)));
        assert_eq!((unacked.len(), unacked.count < 100), (2, true));
        assert_eq!(tags(unacked.take(0, true)), Some(vec![7, 200]));
        assert_eq!(unacked.len(), 0);
        assert_eq!(tags(unacked.take(0, true)), Some(vec![]));
    }

    #[test]
    fn a_rollback_restores_the_order() {
        let mut unacked = Unacked::default();
        (1..=5).for_each(|tag| unacked.push(tag, delivery()));
        let middle = unacked.take(3, false).unwrap();
        let first = unacked.take(2, true).unwrap();
        unacked.put_back(middle);
        unacked.put_back(first);
        assert_eq!(tags(unacked.take(0, true)), Some(vec![1, 2, 3, 4, 5]));
    }

    #[derive(Clone, Debug)]
    enum Act {
        Push,
        Take { choice: usize, multiple: bool },
        PutBack,
        TakeFirst { count: usize },
        Split { choice: usize },
        Freeze,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            30 => Just(Act::Push),
            14 => any::<usize>().prop_map(|choice| Act::Take { choice, multiple: false }),
            1 => any::<usize>().prop_map(|choice| Act::Take { choice, multiple: true }),
            4 => Just(Act::PutBack),
            2 => (0..40usize).prop_map(|count| Act::TakeFirst { count }),
            1 => any::<usize>().prop_map(|choice| Act::Split { choice }),
            1 => Just(Act::Freeze),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn behaves_as_an_ordered_map_and_keeps_frozen_views(
            bulk in 0..3000u64,
            acts in prop::collection::vec(act(), 0..400),
        ) {
            let (mut unacked, mut model) = (Unacked::default(), BTreeMap::new());
            let (mut settled, mut frozen) = (Vec::new(), Vec::new());
            let sequences = |view: &FrozenUnacked| view.iter().map(|it| it.entry.sequence).collect::<Vec<_>>();
            let tagged = |tag: u64| Delivery { entry: Entry { sequence: tag, ..delivery().entry }, ..delivery() };
            let mut newest = bulk;
            (1..=bulk).for_each(|tag| {
                unacked.push(tag, tagged(tag));
                model.insert(tag, ());
            });
            for act in acts {
                match act {
                    Act::Push => {
                        newest += 1;
                        unacked.push(newest, tagged(newest));
                        model.insert(newest, ());
                    }
                    Act::Take { choice, multiple } => {
                        let tag = choice as u64 % (newest + 2);
                        let expected = match (model.contains_key(&tag), multiple) {
                            (_, true) if tag == 0 => Some(model.keys().copied().collect()),
                            (false, _) => None,
                            (true, true) => Some(model.range(..=tag).map(|(tag, _)| *tag).collect()),
                            (true, false) => Some(vec![tag]),
                        };
                        let taken = unacked.take(tag, multiple);
                        prop_assert_eq!(tags(taken.clone()), expected);
                        for (tag, _) in taken.iter().flatten() {
                            model.remove(tag);
                        }
                        settled.extend(taken);
                    }
                    Act::PutBack => {
                        if let Some(deliveries) = settled.pop() {
                            model.extend(deliveries.iter().map(|(tag, _)| (*tag, ())));
                            unacked.put_back(deliveries);
                        }
                    }
                    Act::Split { choice } => {
                        let tag = choice as u64 % (newest + 2);
                        let is_there = tag == 0 || model.contains_key(&tag);
                        let through = if tag == 0 { u64::MAX } else { tag };
                        let mut first = unacked.split_through(tag);
                        prop_assert_eq!(first.is_some(), is_there);
                        if let Some(first) = &mut first {
                            let expected: Vec<u64> = model.range(..=through).map(|(tag, _)| *tag).collect();
                            prop_assert_eq!(first.len(), expected.len());
                            prop_assert_eq!(tags(Some(first.take_all())), Some(expected));
                            model.retain(|tag, _| *tag > through);
                        }
                    }
                    Act::TakeFirst { count } => {
                        let expected: Vec<u64> = model.keys().take(count).copied().collect();
                        let taken = unacked.take_first(count);
                        prop_assert_eq!(tags(Some(taken)), Some(expected.clone()));
                        model.retain(|tag, _| !expected.contains(tag));
                    }
                    Act::Freeze => frozen.push((unacked.freeze(), model.keys().copied().collect::<Vec<_>>())),
                }
                prop_assert_eq!(unacked.len(), model.len());
            }
            prop_assert_eq!(sequences(&unacked.freeze()), model.keys().copied().collect::<Vec<_>>());
            for (view, then) in frozen {
                prop_assert_eq!(sequences(&view), then);
            }
        }
    }
}
