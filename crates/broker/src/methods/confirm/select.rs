//! `confirm.select`: from now on every publish on this channel is answered.

use crate::call::Call;
use crate::refusal::Refusal;
use warren_amqp::methods::{ConfirmSelect, ConfirmSelectOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, select: ConfirmSelect) -> Result<(), Refusal> {
    let channel = call.channel();
    if channel.transaction.is_some() {
        return Err(Refusal::precondition_failed("cannot switch from tx to confirm mode"));
    }
    channel.confirms.get_or_insert_default();
    call.reply_unless(select.nowait, ConfirmSelectOk {});
    Ok(())
}
