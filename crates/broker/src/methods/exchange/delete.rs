//! `exchange.delete`: an exchange goes with its bindings. Deleting what is not there succeeds.

use super::check_not_default;
use crate::call::{Call, stripped};
use crate::refusal::Refusal;
use warren_access::Operation;
use warren_amqp::ReplyCode;
use warren_amqp::methods::{ExchangeDelete, ExchangeDeleteOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, delete: ExchangeDelete<'_>) -> Result<(), Refusal> {
    let name = stripped(&delete.exchange);
    check_not_default(&name)?;
    let resource = call.exchange_resource(&name);
    if name.starts_with(b"amq.") {
        let text = format!("deletion of system {resource} not allowed");
        return Err(Refusal::new(ReplyCode::AccessRefused, text));
    }
    call.check(Operation::Configure, &resource)?;
    if let Some(slot) = call.broker.state.exchange_named(call.vhost(), &name) {
        if delete.if_unused && call.broker.state.exchange(slot).bindings().len() > 0 {
            return Err(Refusal::precondition_failed(format!("{resource} in use")));
        }
        call.need_room(0)?;
        call.broker.delete_exchange(call.step, slot);
    }
    call.reply_unless(delete.nowait, ExchangeDeleteOk {});
    Ok(())
}
