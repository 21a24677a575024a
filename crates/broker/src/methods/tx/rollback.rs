//! `tx.rollback`: publishes are forgotten, settled deliveries wait again.

use super::not_transactional;
use crate::call::Call;
use crate::refusal::Refusal;
use warren_amqp::methods::{TxRollback, TxRollbackOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, _: TxRollback) -> Result<(), Refusal> {
    call.broker.keep_held(call.channel);
    let channel = call.channel();
    let transaction = channel.transaction.as_mut().ok_or_else(not_transactional)?;
    for (_, deliveries) in std::mem::take(transaction).into_settlements() {
        channel.unacked.put_back(deliveries);
    }
    call.reply(TxRollbackOk {});
    Ok(())
}
