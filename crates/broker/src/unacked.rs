//! The deliveries of one channel that its client has not settled, by delivery tag.

use crate::consumer::ConsumerRef;
use crate::queue::QueueRef;
use crate::ready::Entry;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// A message that a client holds.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub consumer: ConsumerRef,
    pub queue: QueueRef,
    pub entry: Entry,
}

pub type Deliveries = SmallVec<[(u64, Delivery); 4]>;

/// Ascending tags. Settling out of order leaves a gap, which closes when all before it is settled, so that
/// no settlement moves the others.
#[derive(Default)]
pub struct Unacked {
    list: VecDeque<(u64, Option<Delivery>)>,
    live: usize,
}

impl Unacked {
    #[inline]
    pub fn len(&self) -> usize {
        self.live
    }

    pub fn iter(&self) -> impl Iterator<Item = &Delivery> {
        self.list.iter().filter_map(|(_, delivery)| delivery.as_ref())
    }

    /// `tag` is above all others.
    #[inline]
    pub fn push(&mut self, tag: u64, delivery: Delivery) {
        self.list.push_back((tag, Some(delivery)));
        self.live += 1;
    }

    /// Takes one delivery, or with `multiple` all up to it; tag 0 with `multiple` means all there are.
    /// `None` if no such delivery waits.
    pub fn take(&mut self, tag: u64, multiple: bool) -> Option<Deliveries> {
        if multiple && tag == 0 {
            return Some(self.take_all());
        }
        let place = match self.list.front()?.0 == tag {
            true => 0,
            false => self.list.binary_search_by_key(&tag, |(known, _)| *known).ok()?,
        };
        self.list[place].1.as_ref()?;
        let mut taken = Deliveries::new();
        if multiple {
            let all = self.list.drain(..=place);
            taken.extend(all.filter_map(|(tag, delivery)| Some((tag, delivery?))));
        } else {
            let (tag, delivery) = &mut self.list[place];
            taken.extend(delivery.take().map(|delivery| (*tag, delivery)));
        }
        self.live -= taken.len();
        self.close_gaps();
        Some(taken)
    }

    pub fn take_all(&mut self) -> Deliveries {
        self.live = 0;
        self.list.drain(..).filter_map(|(tag, delivery)| Some((tag, delivery?))).collect()
    }

    /// A rollback: settled deliveries wait again.
    pub fn put_back(&mut self, deliveries: Deliveries) {
        for (tag, delivery) in deliveries {
            let place = self.list.partition_point(|(known, _)| *known < tag);
            match self.list.get_mut(place) {
                Some((known, gap)) if *known == tag => *gap = Some(delivery),
                _ => self.list.insert(place, (tag, Some(delivery))),
            }
            self.live += 1;
        }
    }

    /// Drops gaps at the front, and all of them once they are most of the list.
    fn close_gaps(&mut self) {
        while let Some((_, None)) = self.list.front() {
            self.list.pop_front();
        }
        if self.list.len() > 64 && self.list.len() > 2 * self.live {
            self.list.retain(|(_, delivery)| delivery.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, MessageParts};
    use crate::queue::QueueId;
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
        assert_eq!((unacked.len(), unacked.list.len() < 100), (2, true));
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
}
