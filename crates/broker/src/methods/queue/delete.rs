//! `queue.delete`: a queue goes with its messages. Deleting what is not there succeeds.

use crate::call::{Call, stripped};
use crate::refusal::Refusal;
use crate::topology::check_owner;
use warren_access::Operation;
use warren_amqp::methods::{QueueDelete, QueueDeleteOk};

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, delete: QueueDelete<'_>) -> Result<(), Refusal> {
    let name = call.named_queue(&stripped(&delete.queue))?;
    let resource = call.queue_resource(&name);
    call.check(Operation::Configure, &resource)?;
    let mut message_count = 0;
    if let Some(slot) = call.broker.state.queue_named(call.vhost(), &name) {
        let queue = call.broker.state.queue(slot);
        check_owner(queue, call.peer, &resource)?;
        if delete.if_unused && !queue.consumers.is_empty() {
            return Err(Refusal::precondition_failed(format!("{resource} in use")));
        }
        if delete.if_empty && queue.has_ready() {
            return Err(Refusal::precondition_failed(format!("{resource} not empty")));
        }
        if queue.is_recorded() {
            call.need_room(0)?;
        }
        message_count = queue.ready_count() as u32;
        call.broker.delete_queue(call.step, slot);
    }
    call.reply_unless(delete.nowait, QueueDeleteOk { message_count });
    Ok(())
}
