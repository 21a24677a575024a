//! What exists: virtual hosts, exchanges, bindings, queues with their messages. All of it changes only
//! through the methods here and those of [`Queue`], which the live path and replay share (decision 4).
//!
//! State never knows a connection, a channel or the log.

use crate::checkpoint::{Walk, keep_queue};
use crate::exchange::{
    Binding, Destination, Destinations, Exchange, ExchangeDeclaration, ExchangeType, Routed,
};
use crate::exchanges::{EXCHANGE_TYPES, exchange_type};
use crate::paging::BodyMemory;
use crate::queue::{Queue, QueueDeclaration, QueueId, QueueRef};
use crate::vhost::Vhost;
use hashbrown::HashMap;
use rapidhash::fast::SeedableState;
use slab::Slab;
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Slots of the queues that get a message.
pub type Targets = SmallVec<[u32; 4]>;

/// Slots of auto-delete exchanges that lost their last binding: the live step deletes them, replay waits for
/// the effect that says so.
pub type Orphans = SmallVec<[u32; 2]>;

pub struct State {
    pub vhosts: Vec<Vhost>,
    pub exchanges: Slab<Exchange>,
    pub queues: Slab<Queue>,
    /// Slots of queues in the record, by id.
    slot_of: HashMap<u64, u32, SeedableState<'static>>,
    newest_recorded_id: u64,
    newest_volatile_id: u64,
    /// Changes with every exchange, queue and binding: what a channel remembers of a route ends then.
    topology_version: u64,
    memory: BodyMemory,
    /// For messages in the making.
    pub(crate) scratch: Vec<u8>,
    /// The checkpoint that is being taken, or was last; things of an older one are still to be written.
    pub(crate) generation: u64,
    pub(crate) walk: Option<Box<Walk>>,
}

/// True for the exchanges that every virtual host has from the beginning.
pub fn is_built_in(exchange: &[u8]) -> bool {
    BUILT_IN.iter().any(|(name, _)| name.as_bytes() == exchange)
}

/// The exchanges every virtual host has, with their types.
const BUILT_IN: [(&str, &str); 7] = [
    ("", "direct"),
    ("amq.direct", "direct"),
    ("amq.fanout", "fanout"),
    ("amq.topic", "topic"),
    ("amq.headers", "headers"),
    ("amq.match", "headers"),
    ("amq.rabbitmq.trace", "topic"),
];

impl State {
    pub fn new(seed: u64) -> State {
        let mut state = State {
            vhosts: vec![Vhost::new("/", seed)],
            exchanges: Slab::new(),
            queues: Slab::new(),
            slot_of: HashMap::with_hasher(SeedableState::new(seed)),
            newest_recorded_id: 0,
            newest_volatile_id: QueueId::VOLATILE_BIT,
            topology_version: 1,
            memory: BodyMemory::default(),
            scratch: Vec::new(),
            generation: 0,
            walk: None,
        };
        for (name, type_name) in BUILT_IN {
            let declaration = ExchangeDeclaration {
                name: name.as_bytes(),
                durable: true,
                auto_delete: false,
                internal: name == "amq.rabbitmq.trace",
                arguments: Default::default(),
            };
            let kind = exchange_type(type_name.as_bytes()).unwrap_or(EXCHANGE_TYPES[0]);
            state.create_exchange(0, &declaration, kind);
        }
        state
    }

    #[inline]
    pub fn topology_version(&self) -> u64 {
        self.topology_version
    }

    /// What channels remember of routes and permissions ends.
    pub fn touch_topology(&mut self) {
        self.topology_version += 1;
    }

    pub fn vhost_named(&self, name: &[u8]) -> Option<u32> {
        let place = self.vhosts.iter().position(|vhost| vhost.name.as_bytes() == name)?;
        Some(place as u32)
    }

    pub fn vhost_name(&self, vhost: u32) -> &str {
        &self.vhosts[vhost as usize].name
    }

    pub fn exchange_named(&self, vhost: u32, name: &[u8]) -> Option<u32> {
        self.vhosts[vhost as usize].exchanges.get(name).copied()
    }

    pub fn queue_named(&self, vhost: u32, name: &[u8]) -> Option<u32> {
        self.vhosts[vhost as usize].queues.get(name).copied()
    }

    #[inline]
    pub fn exchange(&self, slot: u32) -> &Exchange {
        &self.exchanges[slot as usize]
    }

    #[inline]
    pub fn queue(&self, slot: u32) -> &Queue {
        &self.queues[slot as usize]
    }

    /// The queue, to be changed: a checkpoint has it before that.
    #[inline]
    pub fn queue_mut(&mut self, slot: u32) -> &mut Queue {
        let queue = &mut self.queues[slot as usize];
        if queue.generation != self.generation {
            keep_queue(self.walk.as_deref_mut(), self.generation, queue);
        }
        queue
    }

    pub fn memory(&self) -> &BodyMemory {
        &self.memory
    }

    pub fn newest_recorded_id(&self) -> QueueId {
        QueueId(self.newest_recorded_id)
    }

    /// A checkpoint is read back: no id up to this one is given to another queue.
    pub fn restore_newest_id(&mut self, id: QueueId) {
        self.newest_recorded_id = self.newest_recorded_id.max(id.0);
    }

    pub fn queue_ref(&self, slot: u32) -> QueueRef {
        QueueRef { slot, id: self.queue(slot).id }
    }

    /// The queue, if it is still the one that was meant.
    #[inline]
    pub fn live_queue(&mut self, reference: QueueRef) -> Option<&mut Queue> {
        let queue = self.queues.get_mut(reference.slot as usize).filter(|queue| queue.id == reference.id)?;
        if queue.generation != self.generation {
            keep_queue(self.walk.as_deref_mut(), self.generation, queue);
        }
        Some(queue)
    }

    /// After an unclean end nobody knows what clients have seen.
    pub fn count_all_as_redelivered(&mut self) {
        self.queues.iter_mut().for_each(|(_, queue)| queue.count_all_as_redelivered());
    }

    /// Slot of a queue in the record.
    pub fn slot_of(&self, id: QueueId) -> Option<u32> {
        self.slot_of.get(&id.0).copied()
    }

    pub fn next_recorded_id(&self) -> QueueId {
        QueueId(self.newest_recorded_id + 1)
    }

    pub fn next_volatile_id(&self) -> QueueId {
        QueueId(self.newest_volatile_id + 1)
    }

    pub fn create_exchange(
        &mut self,
        vhost: u32,
        declaration: &ExchangeDeclaration<'_>,
        exchange_type: &'static ExchangeType,
    ) -> u32 {
        if declaration.durable {
            self.keep_topology();
        }
        let exchange = Exchange::new(vhost, declaration, exchange_type);
        let name = exchange.name.clone();
        let slot = self.exchanges.insert(exchange) as u32;
        self.vhosts[vhost as usize].exchanges.insert(name, slot);
        self.topology_version += 1;
        slot
    }

    /// The exchange goes with all bindings from and to it.
    pub fn remove_exchange(&mut self, slot: u32) -> Orphans {
        if self.exchange(slot).durable {
            self.keep_topology();
        }
        let exchange = self.exchanges.remove(slot as usize);
        self.vhosts[exchange.vhost as usize].exchanges.remove(&exchange.name);
        self.topology_version += 1;
        self.unbind_everywhere(Destination::Exchange(slot), &exchange.bound_to)
    }

    fn unbind_everywhere(&mut self, destination: Destination, sources: &BTreeSet<u32>) -> Orphans {
        let mut orphans = Orphans::new();
        for source in sources {
            let Some(exchange) = self.exchanges.get_mut(*source as usize) else { continue };
            if exchange.unbind_destination(destination) > 0 && exchange.is_orphaned() {
                orphans.push(*source);
            }
        }
        orphans
    }

    pub fn create_queue(&mut self, vhost: u32, declaration: QueueDeclaration<'_>) -> u32 {
        if declaration.id.0 & QueueId::VOLATILE_BIT == 0 {
            self.keep_topology();
        }
        let mut queue = Queue::new(vhost, declaration, self.memory.clone());
        queue.generation = self.generation;
        let (id, name, is_recorded) = (queue.id, queue.name.clone(), queue.is_recorded());
        let slot = self.queues.insert(queue) as u32;
        if is_recorded {
            self.slot_of.insert(id.0, slot);
            self.newest_recorded_id = self.newest_recorded_id.max(id.0);
        } else {
            self.newest_volatile_id = id.0;
        }
        self.vhosts[vhost as usize].queues.insert(name, slot);
        self.topology_version += 1;
        slot
    }

    /// The queue goes with its bindings; its messages are in what is answered.
    pub fn remove_queue(&mut self, slot: u32) -> (Queue, Orphans) {
        if self.queue_mut(slot).is_recorded() {
            self.keep_topology();
        }
        let queue = self.queues.remove(slot as usize);
        self.slot_of.remove(&queue.id.0);
        self.vhosts[queue.vhost as usize].queues.remove(&queue.name);
        self.topology_version += 1;
        let orphans = self.unbind_everywhere(Destination::Queue(slot), &queue.bound_to);
        (queue, orphans)
    }

    pub fn bind(&mut self, source: u32, binding: Binding) {
        if self.is_recorded_binding(source, binding.destination) {
            self.keep_topology();
        }
        match binding.destination {
            Destination::Queue(slot) => self.queue_mut(slot).bound_to.insert(source),
            Destination::Exchange(slot) => self.exchanges[slot as usize].bound_to.insert(source),
        };
        self.exchanges[source as usize].bind(binding);
        self.topology_version += 1;
    }

    pub fn unbind(&mut self, source: u32, binding: &Binding) -> Orphans {
        if self.is_recorded_binding(source, binding.destination) {
            self.keep_topology();
        }
        let exchange = &mut self.exchanges[source as usize];
        let mut orphans = Orphans::new();
        if exchange.unbind(binding) && exchange.is_orphaned() {
            orphans.push(source);
        }
        self.topology_version += 1;
        orphans
    }

    /// True if the binding is in the record: both of its ends are.
    pub fn is_recorded_binding(&self, source: u32, destination: Destination) -> bool {
        let destination_is_recorded = match destination {
            Destination::Queue(slot) => self.queue(slot).is_recorded(),
            Destination::Exchange(slot) => self.exchange(slot).durable,
        };
        self.exchange(source).durable && destination_is_recorded
    }

    /// Appends the queues that a message published to `exchange` reaches, each once. True if only exchange
    /// and key decided that.
    pub fn route(&self, exchange: u32, message: Routed<'_>, out: &mut Targets) -> bool {
        let first = self.exchange(exchange);
        if first.name.is_empty() {
            out.extend(self.queue_named(first.vhost, message.routing_key));
            return true;
        }
        let mut by_key = true;
        let mut seen: SmallVec<[u32; 4]> = smallvec::smallvec![exchange];
        let mut next = 0;
        let mut destinations = Destinations::new();
        while let Some(slot) = seen.get(next).copied() {
            next += 1;
            let exchange = self.exchange(slot);
            by_key &= exchange.exchange_type.routes_by_key;
            destinations.clear();
            if exchange.name.is_empty() {
                // As an alternate exchange: the default one cannot be bound.
                destinations
                    .extend(self.queue_named(exchange.vhost, message.routing_key).map(Destination::Queue));
            } else {
                exchange.route(message, &mut destinations);
            }
            let alternate = exchange.alternate.as_ref().filter(|_| destinations.is_empty());
            let alternate = alternate.and_then(|name| self.exchange_named(exchange.vhost, name));
            destinations.extend(alternate.map(Destination::Exchange));
            for destination in &destinations {
                match destination {
                    Destination::Queue(queue) => out.push(*queue),
                    Destination::Exchange(exchange) if !seen.contains(exchange) => seen.push(*exchange),
                    Destination::Exchange(_) => {}
                }
            }
        }
        if out.len() > 1 {
            out.sort_unstable();
            out.dedup();
        }
        by_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;

    fn exchange(state: &mut State, name: &str, kind: &str, alternate: Option<&str>) -> u32 {
        let mut table = warren_amqp::FieldTable::new();
        if let Some(alternate) = alternate {
            table.insert(warren_amqp::ShortStr::literal("alternate-exchange"), alternate);
        }
        let arguments = Arguments::from(table.as_table(&mut Vec::new()));
        let (name, auto_delete) = (name.as_bytes(), true);
        let declaration =
            ExchangeDeclaration { name, durable: false, auto_delete, internal: false, arguments };
        state.create_exchange(0, &declaration, exchange_type(kind.as_bytes()).unwrap())
    }

    fn queue(state: &mut State, name: &str) -> u32 {
        let declaration = QueueDeclaration {
            id: state.next_volatile_id(),
            name: name.as_bytes(),
            durable: false,
            auto_delete: false,
            exclusive_owner: None,
            arguments: Arguments::default(),
            features: Default::default(),
        };
        state.create_queue(0, declaration)
    }

    fn bind(state: &mut State, source: u32, key: &str, destination: Destination) -> Binding {
        let binding = Binding { destination, key: key.as_bytes().into(), arguments: Arguments::default() };
        state.bind(source, binding.clone());
        binding
    }

    fn route(state: &State, exchange: u32, key: &str) -> Vec<u32> {
        let mut out = Targets::new();
        state.route(exchange, Routed { routing_key: key.as_bytes(), properties: &[0, 0] }, &mut out);
        out.to_vec()
    }

    #[test]
    fn messages_follow_exchanges_once_even_in_a_circle() {
        let mut state = State::new(7);
        let (one, two) = (queue(&mut state, "one"), queue(&mut state, "two"));
        let fanout = exchange(&mut state, "f", "fanout", None);
        let direct = exchange(&mut state, "d", "direct", None);
        bind(&mut state, fanout, "", Destination::Exchange(direct));
        bind(&mut state, fanout, "", Destination::Queue(two));
        bind(&mut state, direct, "k", Destination::Queue(one));
        bind(&mut state, direct, "k", Destination::Queue(two));
        bind(&mut state, direct, "k", Destination::Exchange(fanout));
        assert_eq!(route(&state, fanout, "k"), [one, two]);
        assert_eq!(route(&state, fanout, "other"), [two]);
        let default = state.exchange_named(0, b"").unwrap();
        assert_eq!(route(&state, default, "one"), [one]);
        assert_eq!(route(&state, default, "three"), []);
    }

    #[test]
    fn what_an_exchange_cannot_route_goes_to_its_alternate() {
        let mut state = State::new(7);
        let one = queue(&mut state, "one");
        let direct = exchange(&mut state, "d", "direct", Some("rest"));
        assert_eq!(route(&state, direct, "k"), []);
        let rest = exchange(&mut state, "rest", "fanout", None);
        bind(&mut state, rest, "", Destination::Queue(one));
        assert_eq!(route(&state, direct, "k"), [one]);
    }

    #[test]
    fn removing_a_destination_names_the_exchanges_it_leaves_alone() {
        let mut state = State::new(7);
        let one = queue(&mut state, "one");
        let direct = exchange(&mut state, "d", "direct", None);
        let binding = bind(&mut state, direct, "k", Destination::Queue(one));
        bind(&mut state, direct, "j", Destination::Queue(one));
        assert!(state.unbind(direct, &binding).is_empty());
        let (removed, orphans) = state.remove_queue(one);
        assert_eq!((&*removed.name, orphans.to_vec()), (&b"one"[..], vec![direct]));
        assert_eq!(route(&state, direct, "j"), []);
        assert!(state.remove_exchange(direct).is_empty());
        assert_eq!(state.exchange_named(0, b"d"), None);
    }
}
