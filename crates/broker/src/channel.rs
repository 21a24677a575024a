//! One channel: what its client holds, what it asked for, and what it published last.

use crate::confirms::Confirms;
use crate::names::Name;
use crate::postponed::Postponed;
use crate::state::Targets;
use crate::transaction::Transaction;
use crate::unacked::Unacked;
use std::collections::BTreeMap;
use std::sync::Arc;
use warren_units::PeerId;

pub struct Channel {
    pub peer: PeerId,
    pub number: u16,
    pub vhost: u32,
    pub user: Arc<str>,
    pub frame_max: u32,
    delivery_tag: u64,
    pub unacked: Unacked,
    /// Keys of its consumers by tag.
    pub consumers: BTreeMap<Name, u32>,
    /// How many of its consumers stand in no line (see [`crate::consumer::Ring`]).
    pub parked_count: u32,
    /// For consumers to come; 0 for no limit.
    pub prefetch_per_consumer: u16,
    /// For all its consumers together; 0 for no limit.
    pub prefetch_in_all: u16,
    pub confirms: Option<Confirms>,
    pub transaction: Option<Transaction>,
    /// The queue declared last: what an empty queue name stands for.
    pub last_queue: Name,
    pub route: Route,
    pub reply_consumer: Option<ReplyConsumer>,
    pub counters: ChannelCounters,
    /// What it sent since a basic.get that waits for a body.
    pub postponed: Option<Box<Postponed>>,
    /// No client has it: messages stand in it that go back from this channel.
    pub returns_for: Option<u32>,
    /// Which checkpoint has what its client holds, see [`crate::checkpoint`].
    pub generation: u64,
}

/// Since the channel was opened, for the management API.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ChannelCounters {
    pub published: u64,
    pub delivered: u64,
    pub acknowledged: u64,
}

/// A consumer of direct replies: no queue is behind it.
pub struct ReplyConsumer {
    pub tag: Name,
    /// What `reply-to` is rewritten to.
    pub address: Name,
}

/// Where the last message went. Publishers repeat themselves: while exchange and topology are the same the
/// exchange is not looked up and its permission not checked again, and while the key is the same, too, nothing is.
#[derive(Default)]
pub struct Route {
    exchange: Vec<u8>,
    routing_key: Vec<u8>,
    topology_version: u64,
    exchange_slot: u32,
    /// `targets` are those of `routing_key`.
    has_targets: bool,
    pub targets: Targets,
}

impl Route {
    /// The exchange's slot, if it is the one of the last message.
    #[inline]
    pub fn exchange_slot(&self, exchange: &[u8], topology_version: u64) -> Option<u32> {
        let is_same = self.topology_version == topology_version && self.exchange == exchange;
        is_same.then_some(self.exchange_slot)
    }

    /// Whether `targets` are those of the key. Only for the exchange of the last message.
    #[inline]
    pub fn is_for_key(&self, routing_key: &[u8]) -> bool {
        self.has_targets && self.routing_key == routing_key
    }

    pub fn remember_exchange(&mut self, exchange: &[u8], topology_version: u64, exchange_slot: u32) {
        self.exchange.clear();
        self.exchange.extend_from_slice(exchange);
        (self.topology_version, self.exchange_slot, self.has_targets) =
            (topology_version, exchange_slot, false);
    }

    pub fn remember_targets(&mut self, routing_key: &[u8], targets: Targets) {
        self.routing_key.clear();
        self.routing_key.extend_from_slice(routing_key);
        (self.targets, self.has_targets) = (targets, true);
    }
}

impl Channel {
    pub fn new(peer: PeerId, number: u16, vhost: u32, user: Arc<str>, frame_max: u32) -> Channel {
        Channel {
            peer,
            number,
            vhost,
            user,
            frame_max,
            delivery_tag: 0,
            unacked: Unacked::default(),
            consumers: BTreeMap::new(),
            parked_count: 0,
            prefetch_per_consumer: 0,
            prefetch_in_all: 0,
            confirms: None,
            transaction: None,
            last_queue: Name::from([]),
            route: Route::default(),
            reply_consumer: None,
            counters: ChannelCounters::default(),
            postponed: None,
            returns_for: None,
            generation: 0,
        }
    }

    #[inline]
    pub fn next_delivery_tag(&mut self) -> u64 {
        self.delivery_tag += 1;
        self.delivery_tag
    }

    /// Whether `basic.qos global` lets its consumers take another message.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.prefetch_in_all == 0 || self.unacked.len() < usize::from(self.prefetch_in_all)
    }
}
