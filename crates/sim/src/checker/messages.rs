//! Deliveries: what comes was published and is not settled, nobody else holds it, the order is that of the
//! publishes, what was seen before says so, and counts agree.

use super::failure::{Checked, Failure};
use super::{Level, Released};
use crate::client::amqp::Held;
use crate::workload::{is_untracked, model_queue};

fn wrong(text: String) -> Failure {
    Failure::new("messages", text)
}

impl Released<'_> {
    /// A message goes to `client`; `newest_order` is that of the consumer's newest first delivery.
    pub fn delivered(
        &mut self,
        held: &Held,
        client: usize,
        is_redelivered: bool,
        newest_order: Option<&mut u64>,
    ) -> Checked {
        if is_untracked(&held.queue) {
            return Ok(());
        }
        let name = model_queue(&held.queue).to_owned();
        let queue = self.model.queues.queue(&name);
        let is_pair = queue.is_pair;
        let Some(message) = queue.messages.get_mut(&held.id) else {
            return Err(wrong(format!(
                "client {client} gets {held:?}, which nobody published or which is gone"
            )));
        };
        if let Some(removed) = message.removed {
            return Err(wrong(format!("client {client} gets {held:?}, which record {removed} removed")));
        }
        if let Some(holder) = message.holder {
            return Err(wrong(format!("client {client} gets {held:?}, which client {holder} holds")));
        }
        if message.was_seen && !is_redelivered && !is_pair {
            return Err(wrong(format!(
                "client {client} gets {held:?} again, and is not told that it is again"
            )));
        }
        message.holder = Some(client);
        message.was_seen = true;
        if let Some(newest) = newest_order.filter(|_| !is_redelivered && !is_pair) {
            if message.order < *newest {
                return Err(wrong(format!("client {client} gets {held:?} behind a later message")));
            }
            *newest = message.order;
        }
        // Where a dead message was published anew is in a record that the model does not know.
        let strictest = self.resp_level.max(self.confirm_level);
        let level = if message.is_strict { strictest } else { Level::Written };
        let lsn = message.published;
        self.told(format!("delivery of {held:?}"), lsn, level)
    }

    /// queue.declare-ok says how many messages wait in a queue of which nobody holds one.
    pub fn counted(&mut self, queue: &str, count: usize, (least, most): (usize, usize)) -> Checked {
        if is_untracked(queue)
            || self.model.queues.queue(model_queue(queue)).is_pair
            || (least..=most).contains(&count)
        {
            return Ok(());
        }
        // Only a start counts; while clients hold messages fewer of them wait.
        let is_held = |queue: &crate::model::queues::Queue| {
            queue.messages.values().any(|message| message.holder.is_some())
        };
        if count < least && is_held(self.model.queues.queue(queue)) {
            return Ok(());
        }
        Err(wrong(format!("queue {queue} has {count} messages, but should have {least} to {most}")))
    }
}
