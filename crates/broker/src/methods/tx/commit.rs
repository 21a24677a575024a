//! `tx.commit`: all that was collected, in the one record of this step. What can be refused was refused when
//! it was published; the answer waits for the log as a confirm does.

use super::not_transactional;
use crate::call::{Call, seen};
use crate::confirms::ConfirmLevel;
use crate::held_back::NAMED_MESSAGE_SIZE_BYTES;
use crate::methods::basic::publish;
use crate::refusal::Refusal;
use warren_amqp::encode;
use warren_amqp::methods::{TxCommit, TxCommitOk};
use warren_units::Gate;

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, _: TxCommit) -> Result<(), Refusal> {
    let transaction = call.broker.channels[call.channel as usize].transaction.as_mut();
    let transaction = transaction.ok_or_else(not_transactional)?;
    let (settled_count, is_growing) = (transaction.settled_count(), !transaction.publishes.is_empty());
    let size = settled_count * NAMED_MESSAGE_SIZE_BYTES + publish::recorded_size(call);
    if is_growing {
        call.need_growth_room(size)?
    } else {
        call.need_room(size)?
    }
    call.broker.keep_held(call.channel);
    let transaction = call.channel().transaction.as_mut().ok_or_else(not_transactional)?;
    let mut transaction = std::mem::take(transaction);
    let mut is_rejected = false;
    for buffered in std::mem::take(&mut transaction.publishes).iter() {
        is_rejected |= publish::commit(call, buffered);
    }
    for (settlement, deliveries) in transaction.into_settlements() {
        call.broker.settle(call.step, call.channel, deliveries, settlement);
    }
    let mut gate = seen(call.step);
    if call.step.batch.has_open_record() && call.broker.settings.publisher_confirms == ConfirmLevel::Synced {
        let lsn = call.step.batch.next_lsn();
        gate = Gate::synced(lsn);
        call.step.batch.want_sync(lsn);
    }
    if is_rejected {
        return Err(Refusal::precondition_failed("partial tx completion"));
    }
    let number = call.number;
    call.step.peers.output(call.peer, gate, |rope| encode::method_frame(rope, number, TxCommitOk {}));
    Ok(())
}
