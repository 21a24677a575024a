//! `queue.purge`: all waiting messages go; those that clients hold stay theirs.

use crate::broker::Broker;
use crate::call::Call;
use crate::effects::Effect;
use crate::held_back::NAMED_MESSAGE_SIZE_BYTES;
use crate::refusal::Refusal;
use crate::runs::Runs;
use smallvec::SmallVec;
use warren_access::Operation;
use warren_amqp::methods::{QueuePurge, QueuePurgeOk};
use warren_units::Step;

pub(in crate::methods) fn handle(call: &mut Call<'_, '_>, purge: QueuePurge<'_>) -> Result<(), Refusal> {
    let name = call.named_queue(&purge.queue)?;
    call.check(Operation::Read, &call.queue_resource(&name))?;
    let slot = call.usable_queue(&name)?;
    let held_count = call.broker.state.queue(slot).unacked;
    call.need_room(held_count * NAMED_MESSAGE_SIZE_BYTES)?;
    let message_count = call.broker.purge(call.step, slot) as u32;
    call.reply_unless(purge.nowait, QueuePurgeOk { message_count });
    Ok(())
}

impl Broker {
    /// Takes the waiting messages out of the queue in one move; answers how many there were.
    pub(crate) fn purge(&mut self, step: &mut Step<'_>, slot: u32) -> usize {
        let reference = self.state.queue_ref(slot);
        let queue = self.state.queue_mut(slot);
        queue.used_at = step.now;
        let count = queue.ready_count();
        let (is_recorded, through) = (queue.is_recorded(), queue.newest().sequence);
        let purged = queue.take_ready();
        if is_recorded && count > 0 {
            let kept = Runs::from_unsorted(self.held_sequences(slot));
            Effect::Purged { queue: reference.id, through, kept }.record(step.batch);
        }
        self.discard(purged);
        count
    }

    /// Numbers of the durable messages that clients hold of a queue.
    fn held_sequences(&self, slot: u32) -> SmallVec<[u64; 8]> {
        let queue = self.state.queue_ref(slot);
        if self.state.queue(slot).unacked == 0 {
            return SmallVec::new();
        }
        let held = self.held_deliveries();
        let held = held.filter(|delivery| delivery.entry.durable && delivery.queue == queue);
        held.map(|delivery| delivery.entry.sequence).collect()
    }

    /// Every delivery that a client holds, transactions included, and what waits to be dead-lettered.
    pub(crate) fn held_deliveries(&self) -> impl Iterator<Item = &crate::unacked::Delivery> {
        let by_clients = self.channels.iter().flat_map(|(_, channel)| {
            let settled = channel.transaction.iter().flat_map(|transaction| &**transaction.settlements());
            let settled = settled.flat_map(|(_, deliveries)| deliveries.iter().map(|(_, delivery)| delivery));
            channel.unacked.iter().chain(settled)
        });
        by_clients.chain(self.dead_letters.iter())
    }
}
