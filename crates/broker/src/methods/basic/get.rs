//! `basic.get`: one message, now.

use crate::call::{Call, seen};
use crate::consumer::ConsumerRef;
use crate::delivery_count;
use crate::effects::Effect;
use crate::queue_feature::QueueType;
use crate::refusal::Refusal;
use crate::runs::Runs;
use crate::unacked::Delivery;
use warren_access::Operation;
use warren_amqp::methods::{BasicGet, BasicGetEmpty, BasicGetOk};
use warren_amqp::{RawProperties, ReplyCode, ShortStr, encode};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, get: BasicGet<'_>) -> Result<(), Refusal> {
    let name = call.named_queue(&get.queue)?;
    call.check(Operation::Read, &call.queue_resource(&name))?;
    let slot = call.usable_queue(&name)?;
    if get.no_ack {
        call.need_room(0)?;
    }
    let mut expired_left = call.broker.settings.dropped_per_step_max;
    let is_fresh = call.broker.drop_expired(call.step, slot, &mut expired_left);
    let reference = call.broker.state.queue_ref(slot);
    let now = call.step.now;
    let queue = call.broker.state.queue_mut(slot);
    queue.used_at = now;
    if queue.features.single_active_consumer && queue.features.queue_type == QueueType::Quorum {
        let resource = call.queue_resource(&name);
        let text = format!(
            "cannot obtain access to locked {resource}. basic.get operations are not supported by quorum queues with single active consumer"
        );
        return Err(Refusal::new(ReplyCode::ResourceLocked, text));
    }
    if is_fresh && queue.is_front_absent() {
        call.broker.postpone(call.channel, reference, get);
        return Ok(());
    }
    // What is too old is given to nobody, even if it has to wait for its end.
    let Some(mut entry) = is_fresh.then(|| queue.pop()).flatten() else {
        call.reply(BasicGetEmpty { cluster_id: ShortStr::EMPTY });
        return Ok(());
    };
    queue.counters.got += 1;
    let redelivered = queue.is_redelivered(&entry);
    let message_count = queue.ready_count() as u32;
    let has_absent = queue.absent_count() > 0;
    let counted = delivery_count::told(queue, &entry);
    let channel = &mut call.broker.channels[call.channel as usize];
    let delivery_tag = channel.next_delivery_tag();
    let message = &entry.message;
    let (exchange, routing_key) = (message.exchange(), message.routing_key());
    let method = BasicGetOk { delivery_tag, redelivered, exchange, routing_key, message_count };
    let gate = seen(call.step).and(message.gate());
    let (number, frame_max) = (call.number, channel.frame_max);
    call.step.peers.output(call.peer, gate, |rope| {
        let properties = counted.as_deref().map_or(message.properties(), RawProperties::trusted);
        encode::content(rope, number, method, properties, message.body(), frame_max);
    });
    if !get.no_ack {
        call.broker.page_out(&mut entry);
        call.broker.state.queue_mut(slot).note_delivered(&entry);
        call.broker.keep_held(call.channel);
        let channel = call.channel();
        let delivery = Delivery { consumer: ConsumerRef::NONE, queue: reference, entry };
        channel.unacked.push(delivery_tag, delivery);
    } else if entry.durable {
        Effect::Removed { queue: reference.id, sequences: Runs::one(entry.sequence) }.record(call.step.batch);
    }
    if has_absent {
        call.broker.look_ahead(slot);
    }
    Ok(())
}
