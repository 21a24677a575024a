//! How exchanges, queues, bindings and consumers come and go in the live broker: the effect, its application,
//! and what follows from it (orphaned exchanges, cancelled consumers, auto-delete queues).

use crate::broker::Broker;
use crate::connection::ChannelSlot;
use crate::consumer::Consumer;
use crate::effects::{BoundTo, Effect};
use crate::exchange::{Binding, Destination, ExchangeDeclaration, ExchangeType};
use crate::queue::{Queue, QueueDeclaration};
use crate::refusal::{Refusal, Resource};
use crate::state::{Orphans, State};
use warren_access::Operation;
use warren_amqp::methods::BasicCancel;
use warren_amqp::{ReplyCode, ShortStr, encode};
use warren_units::room::STEP_SIZE_BYTES;
use warren_units::{Gate, PeerId, Step};

impl Broker {
    pub(crate) fn declare_exchange(
        &mut self,
        step: &mut Step<'_>,
        vhost: u32,
        declaration: &ExchangeDeclaration<'_>,
        exchange_type: &'static ExchangeType,
    ) {
        if declaration.durable {
            let effect = Effect::ExchangeDeclared {
                vhost: self.state.vhost_name(vhost).as_bytes(),
                name: declaration.name,
                exchange_type: exchange_type.name.as_bytes(),
                auto_delete: declaration.auto_delete,
                internal: declaration.internal,
                arguments: declaration.arguments.as_bytes(),
            };
            effect.record(step.batch);
        }
        self.state.create_exchange(vhost, declaration, exchange_type);
    }

    pub(crate) fn delete_exchange(&mut self, step: &mut Step<'_>, slot: u32) {
        let exchange = self.state.exchange(slot);
        if exchange.durable {
            let vhost = self.state.vhost_name(exchange.vhost).as_bytes();
            Effect::ExchangeDeleted { vhost, name: &exchange.name }.record(step.batch);
        }
        let orphans = self.state.remove_exchange(slot);
        self.delete_orphans(step, &orphans);
    }

    /// Auto-delete exchanges go with their last binding.
    fn delete_orphans(&mut self, step: &mut Step<'_>, orphans: &Orphans) {
        for slot in orphans {
            let is_orphaned = |state: &State| {
                state.exchanges.get(*slot as usize).is_some_and(|exchange| exchange.is_orphaned())
            };
            if !is_orphaned(&self.state) {
                continue;
            }
            if self.state.exchange(*slot).durable && !step.batch.has_room(STEP_SIZE_BYTES) {
                self.hold_back_exchange(step, *slot);
            } else {
                self.delete_exchange(step, *slot);
            }
        }
    }

    /// Answers the slot of the new queue.
    pub(crate) fn declare_queue(
        &mut self,
        step: &mut Step<'_>,
        vhost: u32,
        declaration: QueueDeclaration<'_>,
    ) -> u32 {
        if declaration.id == self.state.next_recorded_id() {
            let effect = Effect::QueueDeclared {
                id: declaration.id,
                vhost: self.state.vhost_name(vhost).as_bytes(),
                name: declaration.name,
                auto_delete: declaration.auto_delete,
                arguments: declaration.arguments.as_bytes(),
            };
            effect.record(step.batch);
        }
        let owner = declaration.exclusive_owner;
        let slot = self.state.create_queue(vhost, declaration);
        let reference = self.state.queue_ref(slot);
        if let Some(connection) = owner.and_then(|owner| self.connection_mut(owner)) {
            connection.exclusive_queues.push(reference);
        }
        self.state.queue_mut(slot).used_at = step.now;
        self.schedule_queue(slot);
        slot
    }

    /// The queue goes with its messages; its consumers are told.
    pub(crate) fn delete_queue(&mut self, step: &mut Step<'_>, slot: u32) {
        // What it gave up still names it.
        self.flush_dead_letters(step);
        let consumers: Vec<u32> = self.state.queue(slot).consumers.keys().collect();
        for key in consumers {
            let consumer = self.forget_consumer(key);
            self.notify_cancelled(step, &consumer);
        }
        let queue = self.state.queue(slot);
        if queue.is_recorded() {
            Effect::QueueDeleted { id: queue.id }.record(step.batch);
        }
        // A basic.get that waits is told that the queue is gone.
        self.wake_waiting(slot);
        let reference = self.state.queue_ref(slot);
        let (mut queue, orphans) = self.state.remove_queue(slot);
        if let Some(connection) = queue.exclusive_owner.and_then(|owner| self.connection_mut(owner)) {
            connection.exclusive_queues.retain(|known| *known != reference);
        }
        self.discard(queue.take_ready());
        self.delete_orphans(step, &orphans);
    }

    fn notify_cancelled(&self, step: &mut Step<'_>, consumer: &Consumer) {
        let wants = self.connection(consumer.peer).is_some_and(|connection| connection.wants_cancel_notify);
        let Some(channel) = self.channels.get(consumer.channel as usize).filter(|_| wants) else { return };
        let consumer_tag = ShortStr::new(&consumer.tag).unwrap_or_default();
        let method = BasicCancel { consumer_tag, nowait: true };
        let output = |rope: &mut _| encode::method_frame(rope, channel.number, method);
        step.peers.output(consumer.peer, Gate::OPEN, output);
    }

    pub(crate) fn bind(&mut self, step: &mut Step<'_>, vhost: u32, source: u32, binding: Binding) {
        if self.state.exchange(source).is_bound(&binding) {
            return;
        }
        if self.state.is_recorded_binding(source, binding.destination) {
            let effect = Effect::Bound {
                vhost: self.state.vhost_name(vhost).as_bytes(),
                source: &self.state.exchange(source).name,
                destination: self.bound_to(binding.destination),
                key: &binding.key,
                arguments: binding.arguments.as_bytes(),
            };
            effect.record(step.batch);
        }
        self.state.bind(source, binding);
    }

    pub(crate) fn unbind(&mut self, step: &mut Step<'_>, vhost: u32, source: u32, binding: &Binding) {
        if !self.state.exchange(source).is_bound(binding) {
            return;
        }
        if self.state.is_recorded_binding(source, binding.destination) {
            let effect = Effect::Unbound {
                vhost: self.state.vhost_name(vhost).as_bytes(),
                source: &self.state.exchange(source).name,
                destination: self.bound_to(binding.destination),
                key: &binding.key,
                arguments: binding.arguments.as_bytes(),
            };
            effect.record(step.batch);
        }
        let orphans = self.state.unbind(source, binding);
        self.delete_orphans(step, &orphans);
    }

    fn bound_to(&self, destination: Destination) -> BoundTo<'_> {
        match destination {
            Destination::Queue(slot) => BoundTo::Queue(self.state.queue(slot).id),
            Destination::Exchange(slot) => BoundTo::Exchange(&self.state.exchange(slot).name),
        }
    }

    /// Takes the consumer out of everything that knows it, without telling its client.
    pub(crate) fn forget_consumer(&mut self, key: u32) -> Consumer {
        let consumer = self.consumers.remove(key as usize);
        if let Some(channel) = self.channels.get_mut(consumer.channel as usize) {
            channel.consumers.remove(&consumer.tag);
            channel.parked_count -= u32::from(consumer.parked);
        }
        if let Some(queue) = self.state.live_queue(consumer.queue) {
            queue.consumers.remove(key);
        }
        consumer
    }

    /// A consumer goes. An auto-delete queue goes with its last one; else the next in line takes over.
    pub(crate) fn remove_consumer(&mut self, step: &mut Step<'_>, key: u32) {
        let consumer = self.forget_consumer(key);
        let Some(queue) = self.state.live_queue(consumer.queue) else { return };
        queue.used_at = step.now;
        let is_last = queue.consumers.is_empty();
        if is_last && queue.auto_delete {
            if queue.is_recorded() && !step.batch.has_upkeep_room(STEP_SIZE_BYTES) {
                self.hold_back_queue(step, consumer.queue);
            } else {
                self.delete_queue(step, consumer.queue.slot);
            }
        } else if !is_last {
            self.deliver_ready(step, consumer.queue.slot);
        }
    }

    pub(crate) fn cancel_consumers(&mut self, step: &mut Step<'_>, channel: u32) {
        let keys: Vec<u32> = self.channels[channel as usize].consumers.values().copied().collect();
        for key in keys {
            // Deleting an auto-delete queue cannot take another consumer of this channel with it, unless
            // that one is exclusive to the same queue: then it is gone already.
            if self.consumers.contains(key as usize) {
                self.remove_consumer(step, key);
            }
        }
    }

    /// Ends the channel: its consumers go, what its client held goes back.
    pub(crate) fn release_channel(&mut self, step: &mut Step<'_>, key: u32) {
        self.cancel_consumers(step, key);
        self.forget_postponed(key);
        self.keep_held(key);
        let channel = &mut self.channels[key as usize];
        if let Some(transaction) = channel.transaction.take() {
            transaction.into_settlements().for_each(|(_, deliveries)| channel.unacked.put_back(deliveries));
        }
        if let Some(reply) = channel.reply_consumer.take() {
            self.reply_channels.remove(&reply.address);
        }
        self.give_back_all(step, key);
    }

    /// Frees a channel number and what was on it.
    pub(crate) fn close_channel(
        &mut self,
        step: &mut Step<'_>,
        peer: PeerId,
        number: u16,
        then: ChannelSlot,
    ) {
        let Some(connection) = self.connection_mut(peer) else { return };
        let slot = connection.channel(number);
        connection.set_channel(number, then);
        if let ChannelSlot::Open(key) = slot {
            self.release_channel(step, key);
        }
    }

    pub(crate) fn check_permission(
        &self,
        user: &str,
        vhost: u32,
        operation: Operation,
        resource: &Resource<'_>,
    ) -> Result<(), Refusal> {
        let name = match (resource.kind, resource.name) {
            ("exchange", b"") => b"amq.default",
            (_, name) => name,
        };
        if self.access.allows(user, self.state.vhost_name(vhost), operation, name) {
            return Ok(());
        }
        let operation = match operation {
            Operation::Configure => "configure",
            Operation::Write => "write",
            Operation::Read => "read",
        };
        let named = Resource { name, ..*resource };
        let text = format!("{operation} access to {named} refused for user '{user}'");
        Err(Refusal::new(ReplyCode::AccessRefused, text))
    }

    /// The queue, if this connection may use it.
    pub(crate) fn usable_queue(&self, vhost: u32, name: &[u8], peer: PeerId) -> Result<u32, Refusal> {
        let resource = Resource::queue(name, self.state.vhost_name(vhost));
        let slot = self.state.queue_named(vhost, name).ok_or_else(|| Refusal::not_found(&resource))?;
        check_owner(self.state.queue(slot), peer, &resource)?;
        Ok(slot)
    }
}

/// Refuses queues that are exclusive to another connection.
pub(crate) fn check_owner(queue: &Queue, peer: PeerId, resource: &Resource<'_>) -> Result<(), Refusal> {
    match queue.exclusive_owner {
        Some(owner) if owner != peer => Err(Refusal::locked(resource)),
        _ => Ok(()),
    }
}
