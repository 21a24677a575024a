//! Consumers, and the ring in which a queue gives each of them its turn.

use crate::arguments::Arguments;
use crate::names::Name;
use crate::queue::QueueRef;
use smallvec::SmallVec;
use std::collections::VecDeque;
use warren_units::PeerId;

/// A consumer as deliveries remember it: the key may belong to another one by now, the serial tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerRef {
    pub key: u32,
    pub serial: u32,
}

impl ConsumerRef {
    /// Of messages that basic.get took.
    pub const NONE: ConsumerRef = ConsumerRef { key: u32::MAX, serial: 0 };
}

/// A subscription of one channel to one queue.
pub struct Consumer {
    pub serial: u32,
    pub tag: Name,
    /// Key of its channel.
    pub channel: u32,
    pub peer: PeerId,
    pub queue: QueueRef,
    pub no_ack: bool,
    pub priority: i64,
    /// The most unsettled deliveries; 0 for no limit.
    pub prefetch_count: u16,
    pub unacked: u32,
    /// Not in its queue's ring: it cannot take a message until something is settled or its connection has
    /// credit again.
    pub parked: bool,
    pub arguments: Arguments,
}

impl Consumer {
    #[inline]
    pub fn has_room(&self) -> bool {
        self.prefetch_count == 0 || self.unacked < u32::from(self.prefetch_count)
    }
}

/// The consumers of one queue. Those that can take messages stand in line, the highest priority first, and
/// go to the end of their line after each message; parked ones stand nowhere.
pub struct Ring {
    /// All of them with their priorities, in the order in which they came.
    members: Vec<(u32, i64)>,
    /// Lines by descending priority.
    lines: SmallVec<[(i64, VecDeque<u32>); 1]>,
    /// With `x-single-active-consumer`: only this one stands in line.
    single_active: bool,
    active: Option<u32>,
    /// The only member asked to stay the only one.
    pub exclusive: bool,
}

impl Ring {
    pub fn new(single_active: bool) -> Ring {
        Ring { members: Vec::new(), lines: SmallVec::new(), single_active, active: None, exclusive: false }
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn keys(&self) -> impl Iterator<Item = u32> {
        self.members.iter().map(|(key, _)| *key)
    }

    pub fn is_active(&self, key: u32) -> bool {
        !self.single_active || self.active == Some(key)
    }

    pub fn add(&mut self, key: u32, priority: i64) {
        self.members.push((key, priority));
        if self.single_active && self.active.is_none() {
            self.active = Some(key);
        }
        self.stand_in_line(key, priority);
    }

    pub fn remove(&mut self, key: u32) {
        self.members.retain(|(member, _)| *member != key);
        self.exclusive &= !self.members.is_empty();
        self.leave_line(key);
        if self.active == Some(key) {
            let next = self.members.iter().rev().max_by_key(|(_, priority)| *priority).copied();
            self.active = next.map(|(key, _)| key);
            if let Some((key, priority)) = next {
                self.stand_in_line(key, priority);
            }
        }
    }

    fn stand_in_line(&mut self, key: u32, priority: i64) {
        if !self.is_active(key) {
            return;
        }
        let place = self.lines.partition_point(|(known, _)| *known > priority);
        if self.lines.get(place).is_none_or(|(known, _)| *known != priority) {
            self.lines.insert(place, (priority, VecDeque::new()));
        }
        self.lines[place].1.push_back(key);
    }

    /// A parked consumer can take messages again. Only for one that stands in no line.
    pub fn unpark(&mut self, key: u32, priority: i64) {
        self.stand_in_line(key, priority);
    }

    fn leave_line(&mut self, key: u32) {
        self.lines.iter_mut().for_each(|(_, line)| line.retain(|member| *member != key));
        self.lines.retain(|(_, line)| !line.is_empty());
    }

    /// Whose turn it is.
    #[inline]
    pub fn first(&self) -> Option<u32> {
        self.lines.first()?.1.front().copied()
    }

    /// The first one got a message: it goes to the end of its line.
    #[inline]
    pub fn rotate(&mut self) {
        if let Some((_, line)) = self.lines.first_mut()
            && line.len() > 1
        {
            line.rotate_left(1);
        }
    }

    /// The first one cannot take a message now.
    pub fn park_first(&mut self) {
        let Some((_, line)) = self.lines.first_mut() else { return };
        line.pop_front();
        if line.is_empty() {
            self.lines.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(ring: &mut Ring, count: usize) -> Vec<Option<u32>> {
        let turn = |_| {
            let first = ring.first();
            ring.rotate();
            first
        };
        (0..count).map(turn).collect()
    }

    #[test]
    fn everybody_gets_a_turn_and_higher_priorities_go_first() {
        let mut ring = Ring::new(false);
        assert_eq!(ring.first(), None);
        ring.add(1, 0);
        ring.add(2, 0);
        assert_eq!(turns(&mut ring, 3), [Some(1), Some(2), Some(1)]);
        ring.add(3, 5);
        assert_eq!(turns(&mut ring, 2), [Some(3), Some(3)]);
        ring.park_first();
        assert_eq!(turns(&mut ring, 2), [Some(2), Some(1)]);
        ring.unpark(3, 5);
        ring.remove(2);
        assert_eq!(turns(&mut ring, 1), [Some(3)]);
        ring.park_first();
        assert_eq!(turns(&mut ring, 2), [Some(1), Some(1)]);
    }

    #[test]
    fn a_single_active_consumer_is_followed_by_the_oldest_of_the_highest_priority() {
        let mut ring = Ring::new(true);
        ring.add(1, 0);
        ring.add(2, 0);
        ring.add(3, 1);
        ring.add(4, 1);
        assert_eq!(turns(&mut ring, 2), [Some(1), Some(1)]);
        ring.remove(1);
        assert_eq!(turns(&mut ring, 2), [Some(3), Some(3)]);
        ring.park_first();
        ring.unpark(2, 0);
        assert_eq!(ring.first(), None);
        ring.unpark(3, 1);
        assert_eq!(ring.first(), Some(3));
    }
}
