//! `basic.recover`: everything that the channel's client holds goes back into its queues.

use crate::call::Call;
use crate::refusal::Refusal;
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
    call.broker.give_back_through(call.step, call.channel, 0);
    Ok(())
}
