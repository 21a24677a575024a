//! `tx.select`: the channel collects from now on.

use crate::call::Call;
use crate::refusal::Refusal;
use warren_amqp::methods::{TxSelect, TxSelectOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, _: TxSelect) -> Result<(), Refusal> {
    let channel = call.channel();
    if channel.confirms.is_some() {
        return Err(Refusal::precondition_failed("cannot switch from confirm to tx mode"));
    }
    channel.transaction.get_or_insert_default();
    call.reply(TxSelectOk {});
    Ok(())
}
