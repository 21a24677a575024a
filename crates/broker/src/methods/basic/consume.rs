//! `basic.consume`: a subscription to a queue, or to direct replies.

use crate::arguments::{Arguments, type_name};
use crate::call::Call;
use crate::channel::ReplyConsumer;
use crate::consumer::Consumer;
use crate::names::{Name, text};
use crate::refusal::Refusal;
use warren_access::Operation;
use warren_amqp::methods::{BasicConsume, BasicConsumeOk};
use warren_amqp::{ReplyCode, ShortStr};

const REPLY_QUEUE: &[u8] = b"amq.rabbitmq.reply-to";

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, consume: BasicConsume<'_>) -> Result<(), Refusal> {
    let channel = call.channel();
    let is_used = channel.consumers.contains_key(consume.consumer_tag.as_bytes())
        || channel.reply_consumer.as_ref().is_some_and(|reply| *reply.tag == *consume.consumer_tag);
    if is_used {
        let text = format!("attempt to reuse consumer tag '{}'", text(&consume.consumer_tag));
        return Err(Refusal::new(ReplyCode::NotAllowed, text));
    }
    if &*consume.queue == REPLY_QUEUE {
        return consume_replies(call, &consume);
    }
    let name = call.named_queue(&consume.queue)?;
    call.check(Operation::Read, &call.queue_resource(&name))?;
    let slot = call.usable_queue(&name)?;
    let arguments = Arguments::from(consume.arguments);
    check_stream_arguments(call, slot, &arguments)?;
    let priority = priority(call, &arguments, &name)?;
    check_exclusive(call, slot, consume.exclusive, &name)?;
    let tag = actual_tag(call, consume.consumer_tag);
    subscribe(call, slot, &consume, &tag, priority, arguments);
    // The client hears of its subscription before its first message.
    let consumer_tag = ShortStr::new(&tag).unwrap_or_default();
    call.reply_unless(consume.nowait, BasicConsumeOk { consumer_tag });
    call.broker.deliver_ready(call.step, slot);
    Ok(())
}

fn actual_tag(call: &mut Call<'_, '_>, asked: ShortStr<'_>) -> Name {
    if asked.is_empty() { call.broker.generated_name("amq.ctag") } else { (*asked).into() }
}

/// What only consumers of streams may say.
fn check_stream_arguments(call: &Call<'_, '_>, slot: u32, arguments: &Arguments) -> Result<(), Refusal> {
    const STREAM_ARGUMENTS: [&str; 3] = ["x-stream-offset", "x-stream-filter", "x-stream-match-unfiltered"];
    let Some(argument) = STREAM_ARGUMENTS.into_iter().find(|name| arguments.get(name).is_some()) else {
        return Ok(());
    };
    let queue = call.broker.state.queue(slot);
    let (resource, kind) = (call.queue_resource(&queue.name), queue.features.queue_type.name());
    let text = format!("invalid arg '{argument}' for {resource} of queue type rabbit_{kind}_queue");
    Err(Refusal::precondition_failed(text))
}

fn priority(call: &Call<'_, '_>, arguments: &Arguments, queue: &[u8]) -> Result<i64, Refusal> {
    let Some(value) = arguments.get("x-priority") else { return Ok(0) };
    value.as_integer().ok_or_else(|| {
        let (queue, kind) = (call.queue_resource(queue), type_name(&value));
        let text = format!("invalid arg 'x-priority' for {queue}: \"expected integer, got {kind}\"");
        Refusal::precondition_failed(text)
    })
}

/// Exclusive is only who is alone; and where one consumer is the active one, nobody is.
fn check_exclusive(call: &Call<'_, '_>, slot: u32, exclusive: bool, name: &[u8]) -> Result<(), Refusal> {
    let queue = call.broker.state.queue(slot);
    let is_shared = queue.features.single_active_consumer || !queue.consumers.is_empty();
    if queue.consumers.exclusive || (exclusive && is_shared) {
        let queue = call.queue_resource(name);
        return Err(Refusal::new(ReplyCode::AccessRefused, format!("{queue} in exclusive use")));
    }
    Ok(())
}

fn subscribe(
    call: &mut Call<'_, '_>,
    slot: u32,
    consume: &BasicConsume<'_>,
    tag: &Name,
    priority: i64,
    arguments: Arguments,
) {
    let (channel_key, peer, now) = (call.channel, call.peer, call.step.now);
    let prefetch_count = call.channel().prefetch_per_consumer;
    call.broker.newest_serial = call.broker.newest_serial.wrapping_add(1);
    let consumer = Consumer {
        serial: call.broker.newest_serial,
        tag: tag.clone(),
        channel: channel_key,
        peer,
        queue: call.broker.state.queue_ref(slot),
        no_ack: consume.no_ack,
        priority,
        prefetch_count: if consume.no_ack { 0 } else { prefetch_count },
        unacked: 0,
        parked: false,
        arguments,
    };
    let key = call.broker.consumers.insert(consumer) as u32;
    call.channel().consumers.insert(tag.clone(), key);
    let queue = call.broker.state.queue_mut(slot);
    queue.consumers.add(key, priority);
    queue.consumers.exclusive = consume.exclusive;
    queue.used_at = now;
}

fn consume_replies(call: &mut Call<'_, '_>, consume: &BasicConsume<'_>) -> Result<(), Refusal> {
    if !consume.no_ack {
        return Err(Refusal::precondition_failed("reply consumer cannot acknowledge"));
    }
    if call.channel().reply_consumer.is_some() {
        return Err(Refusal::precondition_failed("reply consumer already set"));
    }
    let tag = actual_tag(call, consume.consumer_tag);
    let address = call.broker.generated_name("amq.rabbitmq.reply-to.g1");
    call.broker.reply_channels.insert(address.clone(), call.channel);
    call.channel().reply_consumer = Some(ReplyConsumer { tag: tag.clone(), address });
    let consumer_tag = ShortStr::new(&tag).unwrap_or_default();
    call.reply_unless(consume.nowait, BasicConsumeOk { consumer_tag });
    Ok(())
}
