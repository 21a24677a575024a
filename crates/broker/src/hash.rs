//! A number over all durable state, which replay must reproduce.
//!
//! Messages count wherever they are: waiting, or held by a client. The order of summing plays no part, so
//! maps and slots need none.

use crate::broker::Broker;
use crate::exchange::{Destination, Exchange};
use crate::queue::QueueId;
use crate::ready::Entry;
use crate::state::State;
use rapidhash::fast::SeedableState;
use std::hash::{BuildHasher, Hash};

fn hash(value: impl Hash) -> u64 {
    SeedableState::new(0).hash_one(value)
}

impl Broker {
    pub fn state_hash(&self) -> u64 {
        let held = self.held_deliveries().filter(|delivery| delivery.entry.durable);
        // What a deleted queue's clients still hold is no state any more.
        let held = held.filter(|delivery| self.state.slot_of(delivery.queue.id).is_some());
        let held = held.map(|delivery| entry_hash(delivery.queue.id, &delivery.entry));
        held.fold(self.state.hash(), u64::wrapping_add)
    }
}

impl State {
    fn hash(&self) -> u64 {
        let exchanges = self.exchanges.iter().map(|(_, exchange)| self.exchange_hash(exchange));
        let queues = self.queues.iter().map(|(_, queue)| queue).filter(|queue| queue.is_recorded());
        let queues = queues.map(|queue| {
            let vhost = self.vhost_name(queue.vhost);
            let newest = queue.newest().sequence;
            let numbers = (queue.id.0, newest, queue.redelivered_through());
            let declared = (&queue.name, vhost, queue.auto_delete, queue.arguments.as_bytes(), numbers);
            let durable = queue.ready().filter(|entry| entry.durable);
            durable.map(|entry| entry_hash(queue.id, entry)).fold(hash(declared), u64::wrapping_add)
        });
        exchanges.chain(queues).fold(0, u64::wrapping_add)
    }

    fn exchange_hash(&self, exchange: &Exchange) -> u64 {
        if !exchange.durable {
            return 0;
        }
        let name = (self.vhost_name(exchange.vhost), &exchange.name);
        let flags = (exchange.exchange_type.name, exchange.auto_delete, exchange.internal);
        let bindings = exchange.bindings().map(|binding| {
            let destination = match binding.destination {
                Destination::Queue(slot) => {
                    let queue = self.queue(slot);
                    queue.is_recorded().then(|| hash(("queue", &queue.name)))
                }
                Destination::Exchange(slot) => {
                    let target = self.exchange(slot);
                    target.durable.then(|| hash(("exchange", &target.name)))
                }
            };
            let key = (&binding.key, binding.arguments.as_bytes());
            destination.map_or(0, |destination| hash((name, destination, key)))
        });
        bindings.fold(hash((name, flags, exchange.arguments.as_bytes())), u64::wrapping_add)
    }
}

fn entry_hash(queue: QueueId, entry: &Entry) -> u64 {
    let message = &entry.message;
    let identity = (queue.0, entry.sequence, entry.delivery_count, entry.redelivered);
    let head = (message.exchange(), message.routing_key(), message.properties().as_bytes());
    hash((identity, head, message.published_at().0, message.name(), message.body_size()))
}
