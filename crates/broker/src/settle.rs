//! What becomes of a delivered message: acknowledged, given back to its old place, or given up.

use crate::broker::Broker;
use crate::dead_letter::Reason;
use crate::effects::Effect;
use crate::queue::QueueRef;
use crate::runs::Runs;
use crate::unacked::Deliveries;
use smallvec::SmallVec;
use warren_units::Step;

/// What a client said about deliveries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settlement {
    Acknowledge,
    /// Back into the queue, to be delivered again.
    Requeue,
    /// Dropped, or dead-lettered.
    Reject,
}

/// So many messages settled at once are freed on another thread.
const DISCARDED_COUNT_MIN: usize = 1024;

/// Numbers of durable messages of one queue that become one effect.
#[derive(Default)]
pub(crate) struct Gathered {
    queue: Option<QueueRef>,
    sequences: SmallVec<[u64; 8]>,
}

impl Gathered {
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    pub fn flush(&mut self, settlement: Settlement, step: &mut Step<'_>) {
        let Some(queue) = self.queue.take().map(|reference| reference.id) else { return };
        let sequences = Runs::from_unsorted(std::mem::take(&mut self.sequences));
        let effect = match settlement {
            Settlement::Requeue => Effect::GivenBack { queue, sequences },
            Settlement::Acknowledge | Settlement::Reject => Effect::Removed { queue, sequences },
        };
        effect.record(step.batch);
    }

    pub fn add(&mut self, queue: QueueRef, sequence: u64, settlement: Settlement, step: &mut Step<'_>) {
        if self.queue != Some(queue) {
            self.flush(settlement, step);
            self.queue = Some(queue);
        }
        self.sequences.push(sequence);
    }
}

impl Broker {
    /// Settles deliveries of one channel; their queues deliver on.
    pub(crate) fn settle(
        &mut self,
        step: &mut Step<'_>,
        channel: u32,
        deliveries: Deliveries,
        settlement: Settlement,
    ) {
        // To free very many takes long: that is for another thread.
        let mut settled = Vec::new();
        let are_many = deliveries.len() >= DISCARDED_COUNT_MIN;
        if are_many && settlement == Settlement::Acknowledge {
            settled.reserve(deliveries.len());
        }
        let (mut gathered, mut given_up) = (Gathered::default(), Gathered::default());
        let mut returned_to: SmallVec<[QueueRef; 4]> = SmallVec::new();
        for (_, delivery) in deliveries {
            let consumer = self.consumers.get_mut(delivery.consumer.key as usize);
            if let Some(consumer) = consumer.filter(|consumer| consumer.serial == delivery.consumer.serial) {
                consumer.unacked -= 1;
            }
            // A queue that is gone took its messages with it.
            let Some(queue) = self.state.live_queue(delivery.queue) else {
                self.state.memory().subtract(delivery.entry.message.present_bytes());
                continue;
            };
            let entry = delivery.entry;
            queue.note_settled(&entry);
            let reference = delivery.queue;
            let limit = queue.features.delivery_count_max;
            let is_over_limit = limit.is_some_and(|limit| u64::from(entry.delivery_count) >= limit);
            match settlement {
                Settlement::Acknowledge => {
                    queue.counters.acknowledged += 1;
                    self.counters.acknowledged += 1;
                    if entry.durable {
                        gathered.add(reference, entry.sequence, settlement, step);
                    }
                    if are_many {
                        settled.push(entry);
                    }
                }
                Settlement::Requeue if is_over_limit => {
                    self.give_up(step, reference.slot, entry, Reason::DeliveryLimit, &mut given_up);
                }
                Settlement::Requeue => {
                    if entry.durable {
                        gathered.add(reference, entry.sequence, settlement, step);
                    }
                    queue.give_back(entry);
                    if !returned_to.contains(&reference) {
                        returned_to.push(reference);
                    }
                }
                Settlement::Reject => {
                    self.give_up(step, reference.slot, entry, Reason::Rejected, &mut given_up);
                }
            }
        }
        self.discard_settled(settled);
        gathered.flush(settlement, step);
        given_up.flush(Settlement::Reject, step);
        for reference in returned_to {
            if self.state.live_queue(reference).is_some() {
                self.schedule_head(reference.slot);
                self.deliver_ready(step, reference.slot);
            }
        }
        self.unpark(step, channel);
    }
}
