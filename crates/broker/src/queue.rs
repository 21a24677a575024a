//! One queue: what it was declared with, the messages that wait in it, and who consumes from it.
//!
//! A queue never knows a socket, the log or another queue. Its messages change only through the methods
//! here, which the live path and replay share.

use crate::arguments::Arguments;
use crate::consumer::Ring;
use crate::names::Name;
use crate::paging::{BodyMemory, QueuePaging};
use crate::queue_feature::Features;
use crate::ready::{Entry, Position, Ready};
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use warren_units::{PeerId, UnixMillis};

/// A queue's number for all time. Those of queues in the record count on their own; the others have
/// `VOLATILE_BIT` set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueId(pub u64);

impl QueueId {
    pub const VOLATILE_BIT: u64 = 1 << 63;
}

/// A queue as others remember it: the slot may hold another queue by now, the id tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueRef {
    pub slot: u32,
    pub id: QueueId,
}

/// Counters for the management API, since start.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct QueueCounters {
    pub published: u64,
    pub delivered: u64,
    pub delivered_no_ack: u64,
    pub got: u64,
    pub got_no_ack: u64,
    pub acknowledged: u64,
    pub redelivered: u64,
}

pub struct Queue {
    pub id: QueueId,
    pub vhost: u32,
    pub name: Name,
    pub durable: bool,
    pub auto_delete: bool,
    pub exclusive_owner: Option<PeerId>,
    pub arguments: Arguments,
    pub features: Features,
    /// Exchanges that have or had a binding to it.
    pub bound_to: BTreeSet<u32>,
    pub consumers: Ring,
    /// Messages delivered and not yet settled.
    pub unacked: usize,
    /// Sizes of their bodies, added up.
    pub unacked_body_bytes: u64,
    /// When a client last did something with it, for `x-expires`.
    pub used_at: UnixMillis,
    /// Heads may expire: the queue has a time-to-live or saw a message with one.
    pub expires_heads: bool,
    /// When somebody will look at the head next, if that is planned.
    pub head_look_at: Option<UnixMillis>,
    pub counters: QueueCounters,
    /// Waiting messages by priority, lowest first. One level without `x-max-priority`.
    levels: SmallVec<[Ready; 1]>,
    /// What waits here for bodies to be read.
    pub paging: QueuePaging,
    /// Which checkpoint has it, see [`crate::checkpoint`].
    pub generation: u64,
    memory: BodyMemory,
    newest: Position,
    /// Durable messages up to this number count as redelivered: they were here before an unclean end.
    redelivered_through: u64,
}

/// What a queue is made from.
#[derive(Clone, Debug)]
pub struct QueueDeclaration<'a> {
    pub id: QueueId,
    pub name: &'a [u8],
    pub durable: bool,
    pub auto_delete: bool,
    pub exclusive_owner: Option<PeerId>,
    pub arguments: Arguments,
    pub features: Features,
}

impl Queue {
    pub fn new(vhost: u32, declaration: QueueDeclaration<'_>, memory: BodyMemory) -> Queue {
        let level_count = usize::from(declaration.features.priority_max) + 1;
        Queue {
            id: declaration.id,
            vhost,
            name: declaration.name.into(),
            durable: declaration.durable,
            auto_delete: declaration.auto_delete,
            exclusive_owner: declaration.exclusive_owner,
            arguments: declaration.arguments,
            bound_to: BTreeSet::new(),
            consumers: Ring::new(declaration.features.single_active_consumer),
            unacked: 0,
            unacked_body_bytes: 0,
            used_at: UnixMillis(0),
            expires_heads: declaration.features.message_ttl_milliseconds.is_some(),
            head_look_at: None,
            features: declaration.features,
            counters: QueueCounters::default(),
            levels: smallvec::smallvec![Ready::default(); level_count],
            paging: QueuePaging::default(),
            generation: 0,
            memory,
            newest: Position::default(),
            redelivered_through: 0,
        }
    }

    /// True if the queue and its persistent messages are in the log.
    #[inline]
    pub fn is_recorded(&self) -> bool {
        self.id.0 & QueueId::VOLATILE_BIT == 0
    }

    #[inline]
    pub fn ready_count(&self) -> usize {
        match &self.levels[..] {
            [only] => only.len(),
            levels => levels.iter().map(Ready::len).sum(),
        }
    }

    #[inline]
    pub fn has_ready(&self) -> bool {
        self.levels.iter().any(|level| !level.is_empty())
    }

    /// A client holds the message now.
    #[inline]
    pub fn note_delivered(&mut self, entry: &Entry) {
        self.unacked += 1;
        self.unacked_body_bytes += entry.message.body_size() as u64;
        self.memory.add(entry.message.present_bytes());
    }

    /// No client holds the message any more.
    #[inline]
    pub fn note_settled(&mut self, entry: &Entry) {
        self.unacked -= 1;
        self.unacked_body_bytes -= entry.message.body_size() as u64;
        self.memory.subtract(entry.message.present_bytes());
    }

    /// Waiting messages whose bodies are in the log only.
    #[inline]
    pub fn absent_count(&self) -> usize {
        match &self.levels[..] {
            [only] => only.absent_count(),
            levels => levels.iter().map(Ready::absent_count).sum(),
        }
    }

    /// The next message has to be read from the log before anybody gets it.
    #[inline]
    pub fn is_front_absent(&self) -> bool {
        self.absent_count() > 0 && self.front().is_some_and(|entry| entry.message.is_absent())
    }

    /// The body of a waiting message was read. Nothing happens if the message has left meanwhile.
    pub fn fill(&mut self, position: Position, body: &Bytes, scratch: &mut Vec<u8>) {
        let filled: u64 = self.levels.iter_mut().map(|level| level.fill(position, body, scratch)).sum();
        self.memory.add(filled);
    }

    pub fn ready_body_bytes(&self) -> u64 {
        self.levels.iter().map(Ready::body_bytes).sum()
    }

    /// The waiting messages, those to be delivered first first.
    pub fn ready(&self) -> impl Iterator<Item = &Entry> {
        self.levels.iter().rev().flat_map(Ready::iter)
    }

    pub fn newest(&self) -> Position {
        self.newest
    }

    /// The place behind all others. Durable messages get the next number.
    #[inline]
    pub fn next_position(&mut self, durable: bool) -> Position {
        if durable {
            self.newest = Position { sequence: self.newest.sequence + 1, minor: 0 };
        } else {
            // Beyond four billion transient messages in a row the last ones share a place; only the order
            // in which some of them would be put back is lost.
            self.newest.minor = self.newest.minor.saturating_add(1);
        }
        self.newest
    }

    /// Replay and checkpoints name the place themselves.
    pub fn advance_to(&mut self, sequence: u64) {
        if sequence > self.newest.sequence {
            self.newest = Position { sequence, minor: 0 };
        }
    }

    fn level(&mut self, entry: &Entry) -> &mut Ready {
        let level = entry.message.priority().min(self.features.priority_max);
        &mut self.levels[usize::from(level)]
    }

    /// A new message, behind all others of its priority.
    #[inline]
    pub fn push(&mut self, entry: Entry) {
        self.memory.add(entry.message.present_bytes());
        self.level(&entry).push_back(entry);
    }

    #[inline]
    fn taken(&mut self, entry: Option<Entry>) -> Option<Entry> {
        if let Some(entry) = &entry {
            self.memory.subtract(entry.message.present_bytes());
        }
        entry
    }

    /// The message to be delivered next.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry> {
        let entry = self.levels.iter_mut().rev().find_map(Ready::pop_front);
        self.taken(entry)
    }

    pub fn front(&self) -> Option<&Entry> {
        self.levels.iter().rev().find_map(Ready::front)
    }

    /// The message that a full queue drops first: the oldest of the highest priority, as in RabbitMQ.
    pub fn pop_for_overflow(&mut self) -> Option<Entry> {
        let entry = self.levels.iter_mut().rev().find_map(Ready::pop_front);
        self.taken(entry)
    }

    /// A delivered message comes back to its old place.
    pub fn give_back(&mut self, mut entry: Entry) {
        mark_returned(&mut entry);
        self.restore(entry);
    }

    /// A message comes to its place among the others, as it is.
    pub fn restore(&mut self, entry: Entry) {
        self.memory.add(entry.message.present_bytes());
        self.level(&entry).insert(entry);
    }

    /// Replay: a durable message leaves the queue.
    pub fn remove(&mut self, sequence: u64) -> Option<Entry> {
        let position = Position { sequence, minor: 0 };
        let entry = self.levels.iter_mut().find_map(|level| level.remove(position));
        self.taken(entry)
    }

    /// Replay: a durable message was delivered and came back.
    pub fn mark_given_back(&mut self, sequence: u64) -> bool {
        let entry = self.levels.iter_mut().find_map(|level| level.get_mut(Position { sequence, minor: 0 }));
        entry.is_some_and(|entry| {
            mark_returned(entry);
            true
        })
    }

    /// A message waits at this place whose body is in the log only.
    pub fn is_absent_at(&self, position: Position) -> bool {
        let entry = self.levels.iter().find_map(|level| level.get(position));
        entry.is_some_and(|entry| entry.message.is_absent())
    }

    pub fn find(&self, sequence: u64) -> Option<&Entry> {
        self.levels.iter().find_map(|level| level.get(Position { sequence, minor: 0 }))
    }

    /// Takes all waiting messages out; their memory is the caller's to free.
    pub fn take_ready(&mut self) -> SmallVec<[Ready; 1]> {
        self.memory.subtract(self.levels.iter().map(Ready::present_bytes).sum());
        self.levels.iter_mut().map(Ready::take).collect()
    }

    /// The waiting messages as they are now, lowest priority first.
    pub fn freeze(&mut self) -> SmallVec<[Ready; 1]> {
        self.levels.iter_mut().map(Ready::freeze).collect()
    }

    /// Number of the newest durable message that an unclean end made count as redelivered.
    pub fn redelivered_through(&self) -> u64 {
        self.redelivered_through
    }

    /// After an unclean end nobody knows what was delivered.
    pub fn count_all_as_redelivered(&mut self) {
        self.redelivered_through = self.newest.sequence;
    }

    /// A checkpoint is read back: where numbering goes on, and what counts as redelivered.
    pub fn restore_numbers(&mut self, newest: u64, redelivered_through: u64) {
        self.advance_to(newest);
        self.redelivered_through = redelivered_through;
    }

    #[inline]
    pub fn is_redelivered(&self, entry: &Entry) -> bool {
        entry.redelivered || (entry.durable && entry.sequence <= self.redelivered_through)
    }

    /// When the next message to be delivered is too old, if ever.
    pub fn head_expires_at(&self) -> Option<UnixMillis> {
        let message = &self.front()?.message;
        let limits = [self.features.message_ttl_milliseconds, message.expiration_milliseconds()];
        let shortest = limits.into_iter().flatten().min()?;
        Some(message.published_at().saturating_add(shortest))
    }

    /// True while more waits than `x-max-length` and `x-max-length-bytes` allow, `extra_count` messages of
    /// `extra_bytes` included.
    pub fn exceeds_length(&self, extra_count: u64, extra_bytes: u64) -> bool {
        let features = &self.features;
        features.length_max.is_some_and(|max| self.ready_count() as u64 + extra_count > max)
            || features.length_bytes_max.is_some_and(|max| self.ready_body_bytes() + extra_bytes > max)
    }

    #[inline]
    pub fn has_length_limit(&self) -> bool {
        self.features.length_max.is_some() || self.features.length_bytes_max.is_some()
    }
}

fn mark_returned(entry: &mut Entry) {
    entry.redelivered = true;
    entry.delivery_count = entry.delivery_count.saturating_add(1);
}
