//! A frozen view of the durable state, taken in small steps while the broker goes on.
//!
//! [`Broker::begin_checkpoint`] begins a new *generation*. Queues and channels are of an older one until they
//! are written. Whoever is about to change one of them freezes it first (a clone of a few roots, however much
//! it holds); [`Broker::checkpoint_step`] walks over the others. What is made later is of the new generation
//! and plays no part.
//!
//! ```text
//! newest queue id | exchanges | queues | bindings | messages of queues, and of those that clients hold
//! ```
//! The first line, up to the bindings, is encoded within the steps, and all of it before any message; whoever
//! is about to change an exchange, a queue's existence or a binding in the record finishes it first. Messages
//! are encoded by [`encode`] outside the engine. Read back, the effects rebuild the state in an empty broker.

use crate::broker::Broker;
use crate::checkpoint_messages::MessageWriter;
use crate::effects::{BoundTo, Effect};
use crate::exchange::{Binding, Destination};
use crate::queue::{Queue, QueueId};
use crate::ready::{Entry, Ready};
use crate::state::{State, is_built_in};
use crate::transaction::Settlements;
use crate::unacked::FrozenUnacked;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;
use warren_units::{BodyName, Rope};

/// Effects are handed out in pieces of about this size.
const BLOCK_SIZE_BYTES: usize = 64 * 1024;

/// A part of the view. It is encoded by [`encode`], on any thread.
pub struct Part(Content);

enum Content {
    Effects(Rope),
    Queue(FrozenQueue),
    Held(FrozenHeld),
}

/// The waiting messages of one queue.
struct FrozenQueue {
    /// Of a queue in the record; others only tell which bodies they need.
    id: Option<QueueId>,
    newest: u64,
    redelivered_through: u64,
    levels: SmallVec<[Ready; 1]>,
}

/// What the client of one channel holds; or the broker itself, of messages to be dead-lettered.
struct FrozenHeld {
    unacked: FrozenUnacked,
    settled: Option<Arc<Settlements>>,
}

/// How far a checkpoint has come.
pub(crate) struct Walk {
    place: Place,
    /// Pieces of topology that were finished in a hurry.
    topology: Vec<Part>,
    /// What was frozen before its turn. Behind all topology.
    early: Vec<Part>,
}

/// What comes next; the numbers are slots.
#[derive(Clone)]
enum Place {
    Exchanges(usize),
    Queues(usize),
    /// Those of one exchange that are behind this one.
    Bindings(usize, Option<Binding>),
    Messages(usize),
    Held(usize),
    End,
}

impl Place {
    fn is_topology(&self) -> bool {
        matches!(self, Place::Exchanges(_) | Place::Queues(_) | Place::Bindings(..))
    }
}

/// Freezes a queue of an older generation, if a checkpoint is being taken.
#[cold]
pub(crate) fn keep_queue(walk: Option<&mut Walk>, generation: u64, queue: &mut Queue) {
    queue.generation = generation;
    if let Some(walk) = walk {
        walk.early.push(freeze(queue));
    }
}

fn freeze(queue: &mut Queue) -> Part {
    Part(Content::Queue(FrozenQueue {
        id: queue.is_recorded().then_some(queue.id),
        newest: queue.newest().sequence,
        redelivered_through: queue.redelivered_through(),
        levels: queue.freeze(),
    }))
}

impl State {
    /// Finishes what a checkpoint has to write of exchanges, queues and bindings, before they change.
    #[inline]
    pub(crate) fn keep_topology(&mut self) {
        if self.walk.as_ref().is_some_and(|walk| walk.place.is_topology()) {
            self.finish_topology();
        }
    }

    #[cold]
    fn finish_topology(&mut self) {
        let Some(mut walk) = self.walk.take() else { return };
        while walk.place.is_topology() {
            let mut rope = Rope::new();
            walk.place = self.write_topology(&walk.place, &mut rope, &mut usize::MAX.clone());
            if !rope.is_empty() {
                walk.topology.push(Part(Content::Effects(rope)));
            }
        }
        self.walk = Some(walk);
    }

    /// Appends the effects of things from `place` on, at most `budget` of them or one piece; answers where to
    /// go on.
    fn write_topology(&self, place: &Place, rope: &mut Rope, budget: &mut usize) -> Place {
        let mut place = place.clone();
        while place.is_topology() && *budget > 0 && rope.len() < BLOCK_SIZE_BYTES {
            *budget -= 1;
            place = match place {
                Place::Exchanges(slot) if slot >= self.exchanges.capacity() => Place::Queues(0),
                Place::Exchanges(slot) => {
                    self.write_exchange(slot, rope);
                    Place::Exchanges(slot + 1)
                }
                Place::Queues(slot) if slot >= self.queues.capacity() => Place::Bindings(0, None),
                Place::Queues(slot) => {
                    self.write_queue(slot, rope);
                    Place::Queues(slot + 1)
                }
                Place::Bindings(slot, _) if slot >= self.exchanges.capacity() => Place::Messages(0),
                Place::Bindings(slot, last) => self.write_bindings(slot, last, rope, budget),
                done => done,
            };
        }
        place
    }

    fn write_exchange(&self, slot: usize, rope: &mut Rope) {
        let exchange = self.exchanges.get(slot);
        let Some(exchange) = exchange.filter(|exchange| exchange.durable && !is_built_in(&exchange.name))
        else {
            return;
        };
        let effect = Effect::ExchangeDeclared {
            vhost: self.vhost_name(exchange.vhost).as_bytes(),
            name: &exchange.name,
            exchange_type: exchange.exchange_type.name.as_bytes(),
            auto_delete: exchange.auto_delete,
            internal: exchange.internal,
            arguments: exchange.arguments.as_bytes(),
        };
        effect.encode(rope.bytes_mut());
    }

    fn write_queue(&self, slot: usize, rope: &mut Rope) {
        let Some(queue) = self.queues.get(slot).filter(|queue| queue.is_recorded()) else { return };
        let effect = Effect::QueueDeclared {
            id: queue.id,
            vhost: self.vhost_name(queue.vhost).as_bytes(),
            name: &queue.name,
            auto_delete: queue.auto_delete,
            arguments: queue.arguments.as_bytes(),
        };
        effect.encode(rope.bytes_mut());
    }

    fn write_bindings(
        &self,
        slot: usize,
        last: Option<Binding>,
        rope: &mut Rope,
        budget: &mut usize,
    ) -> Place {
        let source = slot as u32;
        let Some(exchange) = self.exchanges.get(slot).filter(|exchange| exchange.durable) else {
            return Place::Bindings(slot + 1, None);
        };
        let mut newest = None;
        for binding in exchange.bindings_behind(last.as_ref(), (*budget).saturating_add(1)) {
            *budget = budget.saturating_sub(1);
            newest = Some(binding);
            if self.is_recorded_binding(source, binding.destination) {
                let effect = Effect::Bound {
                    vhost: self.vhost_name(exchange.vhost).as_bytes(),
                    source: &exchange.name,
                    destination: match binding.destination {
                        Destination::Queue(slot) => BoundTo::Queue(self.queue(slot).id),
                        Destination::Exchange(slot) => BoundTo::Exchange(&self.exchange(slot).name),
                    },
                    key: &binding.key,
                    arguments: binding.arguments.as_bytes(),
                };
                effect.encode(rope.bytes_mut());
            }
            if rope.len() >= BLOCK_SIZE_BYTES {
                break;
            }
        }
        match newest {
            Some(binding) => Place::Bindings(slot, Some(binding.clone())),
            None => Place::Bindings(slot + 1, None),
        }
    }
}

impl Broker {
    /// The view is the state of now. One that was being taken is given up.
    pub fn begin_checkpoint(&mut self) {
        self.state.generation += 1;
        let mut rope = Rope::new();
        let newest_queue = self.state.newest_recorded_id();
        Effect::NumbersRestored { newest_queue }.encode(rope.bytes_mut());
        let topology = vec![Part(Content::Effects(rope))];
        self.state.walk = Some(Box::new(Walk { place: Place::Exchanges(0), topology, early: Vec::new() }));
    }

    /// Appends what comes next of the view, looking at about `budget` exchanges, queues, bindings and channels.
    /// True if that was the last of it.
    pub fn checkpoint_step(&mut self, budget: usize, parts: &mut Vec<Part>) -> bool {
        let mut budget = budget.max(1);
        let Some(mut walk) = self.state.walk.take() else { return true };
        parts.append(&mut walk.topology);
        if walk.place.is_topology() {
            let mut rope = Rope::new();
            walk.place = self.state.write_topology(&walk.place, &mut rope, &mut budget);
            parts.push(Part(Content::Effects(rope)));
            self.state.walk = Some(walk);
            return false;
        }
        parts.append(&mut walk.early);
        while budget > 0 {
            budget -= 1;
            walk.place = match walk.place {
                Place::Messages(slot) if slot >= self.state.queues.capacity() => Place::Held(0),
                Place::Messages(slot) => {
                    let generation = self.state.generation;
                    let queue = self.state.queues.get_mut(slot);
                    if let Some(queue) = queue.filter(|queue| queue.generation != generation) {
                        queue.generation = generation;
                        parts.push(freeze(queue));
                    }
                    Place::Messages(slot + 1)
                }
                Place::Held(slot) if slot >= self.channels.capacity() => {
                    parts.extend(self.freeze_dead_letters());
                    Place::End
                }
                Place::Held(slot) => {
                    if self.channels.contains(slot) {
                        parts.extend(self.freeze_held(slot as u32));
                    }
                    Place::Held(slot + 1)
                }
                _ => return true,
            };
        }
        self.state.walk = Some(walk);
        false
    }

    /// True until the view is handed out to its end.
    pub fn is_checkpointing(&self) -> bool {
        self.state.walk.is_some()
    }

    /// Gives up a checkpoint that is being taken.
    pub fn end_checkpoint(&mut self) {
        self.state.walk = None;
    }

    /// What the channel's client holds is about to change: a checkpoint has it before that.
    #[inline]
    pub(crate) fn keep_held(&mut self, channel: u32) {
        if self.channels[channel as usize].generation != self.state.generation {
            self.keep_held_now(channel);
        }
    }

    #[cold]
    fn keep_held_now(&mut self, channel: u32) {
        let part = self.freeze_held(channel);
        if let Some(walk) = &mut self.state.walk {
            walk.early.extend(part);
        }
    }

    /// The same of messages that wait to be dead-lettered.
    #[inline]
    pub(crate) fn keep_dead_letters(&mut self) {
        if self.dead_letters.generation != self.state.generation {
            let part = self.freeze_dead_letters();
            if let Some(walk) = &mut self.state.walk {
                walk.early.extend(part);
            }
        }
    }

    fn freeze_dead_letters(&mut self) -> Option<Part> {
        if self.dead_letters.generation == self.state.generation {
            return None;
        }
        self.dead_letters.generation = self.state.generation;
        let unacked = self.dead_letters.freeze();
        Some(Part(Content::Held(FrozenHeld { unacked, settled: None })))
    }

    fn freeze_held(&mut self, channel: u32) -> Option<Part> {
        let channel = &mut self.channels[channel as usize];
        if channel.generation == self.state.generation {
            return None;
        }
        channel.generation = self.state.generation;
        let unacked = channel.unacked.freeze();
        let settled = channel.transaction.as_ref().map(|transaction| transaction.settlements().clone());
        Some(Part(Content::Held(FrozenHeld { unacked, settled })))
    }
}

/// Writes parts in their order. `block` is given whole effects, `body` the name and size of each body that a
/// message of the view needs; of a body that several queues share more than once.
///
/// # Errors
/// Of `block`.
pub fn encode<E>(
    parts: Vec<Part>,
    block: &mut dyn FnMut(&Rope) -> Result<(), E>,
    body: &mut dyn FnMut(BodyName, u32),
) -> Result<(), E> {
    let mut encoder = Encoder { rope: Rope::new(), block, body };
    for part in parts {
        match part.0 {
            Content::Effects(mut rope) => encoder.rope.append(&mut rope),
            Content::Queue(queue) => encoder.queue(&queue)?,
            Content::Held(held) => encoder.held(&held)?,
        }
        encoder.flush(BLOCK_SIZE_BYTES)?;
    }
    encoder.flush(1)
}

struct Encoder<'a, E> {
    rope: Rope,
    block: &'a mut dyn FnMut(&Rope) -> Result<(), E>,
    body: &'a mut dyn FnMut(BodyName, u32),
}

impl<E> Encoder<'_, E> {
    fn flush(&mut self, size_bytes_min: usize) -> Result<(), E> {
        if self.rope.len() >= size_bytes_min {
            (self.block)(&self.rope)?;
            self.rope.clear_keeping(2 * BLOCK_SIZE_BYTES);
        }
        Ok(())
    }

    fn effect(&mut self, effect: &Effect<'_>) -> Result<(), E> {
        effect.encode(self.rope.bytes_mut());
        self.flush(BLOCK_SIZE_BYTES)
    }

    /// Tells of the body; answers its name if the message is to be written.
    fn needs(&mut self, entry: &Entry) -> Option<BodyName> {
        let name = entry.message.name()?;
        (self.body)(name, entry.message.body_size() as u32);
        entry.durable.then_some(name)
    }

    fn queue(&mut self, queue: &FrozenQueue) -> Result<(), E> {
        let mut messages = MessageWriter::default();
        if let Some(id) = queue.id.filter(|_| queue.newest > 0) {
            let (newest, redelivered_through) = (queue.newest, queue.redelivered_through);
            self.effect(&Effect::QueueRestored { queue: id, newest, redelivered_through })?;
        }
        for entry in queue.levels.iter().flat_map(Ready::iter) {
            let (Some(name), Some(id)) = (self.needs(entry), queue.id) else { continue };
            messages.push(entry, name);
            if messages.bytes.len() >= BLOCK_SIZE_BYTES {
                self.effect(&Effect::MessagesRestored { queue: id, messages: &messages.bytes })?;
                messages.clear();
            }
        }
        match queue.id.filter(|_| !messages.bytes.is_empty()) {
            Some(id) => self.effect(&Effect::MessagesRestored { queue: id, messages: &messages.bytes }),
            None => Ok(()),
        }
    }

    fn held(&mut self, held: &FrozenHeld) -> Result<(), E> {
        let mut by_queue: BTreeMap<QueueId, MessageWriter> = BTreeMap::new();
        let settled = held.settled.iter().flat_map(|settled| settled.iter());
        let settled = settled.flat_map(|(_, deliveries)| deliveries.iter().map(|(_, delivery)| delivery));
        for delivery in held.unacked.iter().chain(settled) {
            let Some(name) = self.needs(&delivery.entry) else { continue };
            let queue = delivery.queue.id;
            let messages = by_queue.entry(queue).or_default();
            messages.push(&delivery.entry, name);
            if messages.bytes.len() >= BLOCK_SIZE_BYTES {
                self.effect(&Effect::HeldRestored { queue, messages: &messages.bytes })?;
                messages.clear();
            }
        }
        for (queue, messages) in by_queue {
            if !messages.bytes.is_empty() {
                self.effect(&Effect::HeldRestored { queue, messages: &messages.bytes })?;
            }
        }
        Ok(())
    }
}
