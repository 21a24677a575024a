//! `basic.recover`: everything that the channel's client holds goes back into its queues.

use crate::call::Call;
use crate::held_back::NAMED_MESSAGE_SIZE_BYTES;
use crate::refusal::Refusal;
use crate::settle::Settlement;
use warren_amqp::ReplyCode;
use warren_amqp::methods::{BasicRecover, BasicRecoverAsync, BasicRecoverOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, recover: BasicRecover) -> Result<(), Refusal> {
    requeue_all(call, recover.requeue)?;
    call.reply(BasicRecoverOk {});
    Ok(())
}

pub(in crate::methods) fn handle_async(
    call: &mut Call<'_, '_>,
    recover: BasicRecoverAsync,
) -> Result<(), Refusal> {
    requeue_all(call, recover.requeue)
}

fn requeue_all(call: &mut Call<'_, '_>, requeue: bool) -> Result<(), Refusal> {
    if !requeue {
        return Err(Refusal::new(ReplyCode::NotImplemented, "requeue=false"));
    }
    let count = call.channel().unacked.len();
    call.need_room(count * NAMED_MESSAGE_SIZE_BYTES)?;
    call.broker.keep_held(call.channel);
    let deliveries = call.channel().unacked.take_all();
    call.broker.settle(call.step, call.channel, deliveries, Settlement::Requeue);
    Ok(())
}
