//! `basic.cancel`: a subscription ends; what its client holds stays with it. An unknown tag is no error.

use crate::call::Call;
use crate::refusal::Refusal;
use warren_amqp::methods::{BasicCancel, BasicCancelOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, cancel: BasicCancel<'_>) -> Result<(), Refusal> {
    let consumer_tag = cancel.consumer_tag;
    let channel = call.channel();
    if let Some(key) = channel.consumers.get(consumer_tag.as_bytes()).copied() {
        call.broker.remove_consumer(call.step, key);
    } else if let Some(reply) = channel.reply_consumer.take_if(|reply| *reply.tag == *consumer_tag) {
        call.broker.reply_channels.remove(&reply.address);
    }
    call.reply_unless(cancel.nowait, BasicCancelOk { consumer_tag });
    Ok(())
}

/// The client's answer to a cancel of ours: its consumer is gone already.
pub(in crate::methods) fn handle_ok(_: &mut Call<'_, '_>, _: BasicCancelOk<'_>) -> Result<(), Refusal> {
    Ok(())
}
