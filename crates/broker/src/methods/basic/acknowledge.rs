//! `basic.ack`, `basic.reject`, `basic.nack`: what the client did with its deliveries.

use crate::call::Call;
use crate::held_back::NAMED_MESSAGE_SIZE_BYTES;
use crate::refusal::Refusal;
use crate::settle::Settlement;
use warren_amqp::methods::{BasicAck, BasicNack, BasicReject};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, ack: BasicAck) -> Result<(), Refusal> {
    settle(call, ack.delivery_tag, ack.multiple, Settlement::Acknowledge)
}

pub(in crate::methods) fn handle_reject(call: &mut Call<'_, '_>, reject: BasicReject) -> Result<(), Refusal> {
    settle(call, reject.delivery_tag, false, negative(reject.requeue))
}

pub(in crate::methods) fn handle_nack(call: &mut Call<'_, '_>, nack: BasicNack) -> Result<(), Refusal> {
    settle(call, nack.delivery_tag, nack.multiple, negative(nack.requeue))
}

fn negative(requeue: bool) -> Settlement {
    if requeue { Settlement::Requeue } else { Settlement::Reject }
}

#[inline]
fn settle(call: &mut Call<'_, '_>, tag: u64, multiple: bool, settlement: Settlement) -> Result<(), Refusal> {
    let channel = call.channel();
    if multiple && settlement == Settlement::Requeue && channel.transaction.is_none() {
        return requeue_through(call, tag);
    }
    call.broker.keep_held(call.channel);
    let channel = call.channel();
    let deliveries = channel.unacked.take(tag, multiple);
    let deliveries =
        deliveries.ok_or_else(|| Refusal::precondition_failed(format!("unknown delivery tag {tag}")))?;
    if let Err(refusal) = call.need_room(deliveries.len() * NAMED_MESSAGE_SIZE_BYTES) {
        call.channel().unacked.put_back(deliveries);
        return Err(refusal);
    }
    let channel = call.channel();
    channel.counters.acknowledged += deliveries.len() as u64;
    match &mut channel.transaction {
        Some(transaction) => transaction.settle(settlement, deliveries),
        None => call.broker.settle(call.step, call.channel, deliveries, settlement),
    }
    Ok(())
}

/// Very many go back in steps, and wait for room in the log.
fn requeue_through(call: &mut Call<'_, '_>, tag: u64) -> Result<(), Refusal> {
    let count = call.broker.give_back_through(call.step, call.channel, tag);
    let count = count.ok_or_else(|| Refusal::precondition_failed(format!("unknown delivery tag {tag}")))?;
    call.channel().counters.acknowledged += count as u64;
    Ok(())
}
