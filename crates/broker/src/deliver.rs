//! How messages leave queues for consumers: each consumer in turn, as long as it has room and its connection
//! has credit; the delivery is encoded straight into the connection's outbox.

use crate::broker::Broker;
use crate::consumer::ConsumerRef;
use crate::delivery_count;
use crate::effects::Effect;
use crate::queue::QueueRef;
use crate::ready::Entry;
use crate::runs::Runs;
use crate::unacked::Delivery;
use warren_amqp::methods::BasicDeliver;
use warren_amqp::{RawProperties, ShortStr, encode};
use warren_units::Step;
use warren_units::room::STEP_SIZE_BYTES;

impl Broker {
    /// The consumer whose turn it is and that can take a message. Those that cannot are parked on the way.
    #[inline]
    fn next_taker(&mut self, step: &Step<'_>, slot: u32) -> Option<u32> {
        let ring = &mut self.state.queue_mut(slot).consumers;
        loop {
            let key = ring.first()?;
            let consumer = &mut self.consumers[key as usize];
            let channel = &mut self.channels[consumer.channel as usize];
            if consumer.has_room() && channel.has_room() && step.peers.has_credit(consumer.peer) {
                return Some(key);
            }
            ring.park_first();
            consumer.parked = true;
            channel.parked_count += 1;
        }
    }

    /// A new message goes straight to a consumer; it comes back if none can take it.
    #[inline]
    pub(crate) fn hand_over(&mut self, step: &mut Step<'_>, slot: u32, entry: Entry) -> Option<Entry> {
        match self.next_taker(step, slot) {
            Some(key) => {
                self.send(step, key, slot, entry);
                None
            }
            None => Some(entry),
        }
    }

    /// Delivers what waits in the queue until nobody can take more.
    pub(crate) fn deliver_ready(&mut self, step: &mut Step<'_>, slot: u32) {
        let mut expired_left = self.settings.dropped_per_step_max;
        while self.state.queue(slot).has_ready() {
            if !self.drop_expired(step, slot, &mut expired_left) {
                return;
            }
            let Some(key) = self.next_taker(step, slot) else { return };
            if self.consumers[key as usize].no_ack && !step.batch.has_room(STEP_SIZE_BYTES) {
                return self.hold_back_deliveries(step, slot);
            }
            let queue = self.state.queue_mut(slot);
            let has_absent = queue.absent_count() > 0;
            if has_absent && queue.is_front_absent() {
                return self.ask_for_bodies(slot);
            }
            let Some(entry) = queue.pop() else { return };
            self.send(step, key, slot, entry);
            if has_absent {
                self.look_ahead(slot);
            }
        }
    }

    #[inline]
    fn send(&mut self, step: &mut Step<'_>, key: u32, slot: u32, mut entry: Entry) {
        let is_memory_short = self.is_body_memory_short();
        let consumer = &mut self.consumers[key as usize];
        let channel_key = consumer.channel;
        let channel = &mut self.channels[consumer.channel as usize];
        let queue = self.state.queue_mut(slot);
        let redelivered = queue.is_redelivered(&entry);
        queue.consumers.rotate();
        queue.counters.delivered += 1;
        queue.counters.redelivered += u64::from(redelivered);
        channel.counters.delivered += 1;
        self.counters.delivered += 1;
        let delivery_tag = channel.next_delivery_tag();
        let message = &entry.message;
        let counted = delivery_count::told(queue, &entry);
        if let Some(outbox) = step.peers.outbox(consumer.peer) {
            let method = BasicDeliver {
                consumer_tag: ShortStr::new(&consumer.tag).unwrap_or_default(),
                delivery_tag,
                redelivered,
                exchange: message.exchange(),
                routing_key: message.routing_key(),
            };
            let properties = counted.as_deref().map_or(message.properties(), RawProperties::trusted);
            let body = message.body();
            encode::deliver(outbox.rope_mut(), channel.number, &method, properties, body, channel.frame_max);
            outbox.close_gate(message.gate());
        }
        if consumer.no_ack {
            queue.counters.delivered_no_ack += 1;
            if entry.durable {
                Effect::Removed { queue: queue.id, sequences: Runs::one(entry.sequence) }.record(step.batch);
            }
            return;
        }
        consumer.unacked += 1;
        // The client has it; if it comes back, it is read again.
        if is_memory_short && let Some(absent) = entry.message.without_body() {
            entry.message = absent;
        }
        queue.note_delivered(&entry);
        let reference = QueueRef { slot, id: queue.id };
        let consumer = ConsumerRef { key, serial: consumer.serial };
        self.keep_held(channel_key);
        let channel = &mut self.channels[channel_key as usize];
        channel.unacked.push(delivery_tag, Delivery { consumer, queue: reference, entry });
    }

    /// The consumers of a channel that have room again stand in line, and their queues deliver.
    pub(crate) fn unpark(&mut self, step: &mut Step<'_>, channel_key: u32) {
        let Some(channel) = self.channels.get(channel_key as usize) else { return };
        if channel.parked_count == 0 || !step.peers.has_credit(channel.peer) {
            return;
        }
        let keys: smallvec::SmallVec<[u32; 8]> = channel.consumers.values().copied().collect();
        for key in keys {
            // A delivery may fill the channel, and none of these goes away by it.
            let consumer = &mut self.consumers[key as usize];
            let channel = &mut self.channels[channel_key as usize];
            if !consumer.parked || !consumer.has_room() || !channel.has_room() {
                continue;
            }
            consumer.parked = false;
            channel.parked_count -= 1;
            let (reference, priority) = (consumer.queue, consumer.priority);
            if let Some(queue) = self.state.live_queue(reference) {
                queue.consumers.unpark(key, priority);
                self.deliver_ready(step, reference.slot);
            }
        }
    }
}
