//! What time asks for, in its order: heartbeats, queues nobody uses, messages that grow too old.
//!
//! A deadline may fire late or in vain, never be forgotten: whoever it wakes looks at the truth again.

use crate::broker::Broker;
use crate::connection::Phase;
use crate::dead_letter::Reason;
use crate::queue::QueueRef;
use crate::queue_feature::Overflow;
use crate::settle::{Gathered, Settlement};
use std::collections::BTreeSet;
use warren_amqp::encode;
use warren_units::room::STEP_SIZE_BYTES;
use warren_units::{Gate, PeerId, Step, UnixMillis};

/// How long a client may take to log in, and to answer connection.close.
const HANDSHAKE_MILLISECONDS_MAX: u64 = 10_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Deadline {
    /// The message in front of the queue may be too old.
    Head(QueueRef),
    /// The queue holds more than it may.
    Excess(QueueRef),
    /// The queue may have been unused for too long.
    Unused(QueueRef),
    /// What is held back may go on.
    HeldBack,
    /// A heartbeat is due, or the peer's is missing.
    Heartbeat { index: u32, generation: u32 },
    /// The client should have logged in, or answered our goodbye.
    Handshake { index: u32, generation: u32 },
}

#[derive(Default)]
pub struct Deadlines {
    ordered: BTreeSet<(UnixMillis, Deadline)>,
}

impl Deadlines {
    pub fn next(&self) -> Option<UnixMillis> {
        self.ordered.first().map(|(at, _)| *at)
    }

    fn take_due(&mut self, now: UnixMillis) -> Option<Deadline> {
        let first = *self.ordered.first().filter(|(at, _)| *at <= now)?;
        self.ordered.remove(&first);
        Some(first.1)
    }

    pub fn handshake(&mut self, peer: PeerId, now: UnixMillis) {
        let PeerId { index, generation } = peer;
        let at = now.saturating_add(HANDSHAKE_MILLISECONDS_MAX);
        self.ordered.insert((at, Deadline::Handshake { index, generation }));
    }

    /// There is more to drop than one step does.
    pub fn excess(&mut self, queue: QueueRef, at: UnixMillis) {
        self.ordered.insert((at, Deadline::Excess(queue)));
    }

    /// Something is held back that may go on then.
    pub fn held_back(&mut self, at: UnixMillis) {
        self.ordered.insert((at, Deadline::HeldBack));
    }

    /// A heartbeat every half interval.
    pub fn heartbeat(&mut self, peer: PeerId, seconds: u16, now: UnixMillis) {
        if seconds > 0 {
            let PeerId { index, generation } = peer;
            let at = now.saturating_add(u64::from(seconds) * 500);
            self.ordered.insert((at, Deadline::Heartbeat { index, generation }));
        }
    }
}

impl Broker {
    /// Notes when the queue's first message grows too old, unless an earlier look is planned.
    pub(crate) fn schedule_head(&mut self, slot: u32) {
        let queue = self.state.queue_mut(slot);
        if !queue.expires_heads {
            return;
        }
        let Some(at) = queue.head_expires_at() else { return };
        self.look_at_head(slot, at);
    }

    /// Plans a look at the queue's first message, unless an earlier one is planned.
    fn look_at_head(&mut self, slot: u32, at: UnixMillis) {
        let reference = self.state.queue_ref(slot);
        let queue = self.state.queue_mut(slot);
        if queue.head_look_at.is_none_or(|planned| at < planned) {
            queue.head_look_at = Some(at);
            self.deadlines.ordered.insert((at, Deadline::Head(reference)));
        }
    }

    /// All that time may do to this queue.
    pub(crate) fn schedule_queue(&mut self, slot: u32) {
        let reference = self.state.queue_ref(slot);
        let queue = self.state.queue(slot);
        if let Some(milliseconds) = queue.features.expires_milliseconds {
            let at = queue.used_at.saturating_add(milliseconds);
            self.deadlines.ordered.insert((at, Deadline::Unused(reference)));
        }
        if queue.features.overflow == Overflow::DropHead && queue.exceeds_length(0, 0) {
            self.deadlines.excess(reference, queue.used_at);
        }
        self.schedule_head(slot);
    }

    pub(crate) fn run_deadlines(&mut self, step: &mut Step<'_>) {
        let mut dropped_left = self.settings.dropped_per_step_max;
        while dropped_left > 0 {
            let Some(deadline) = self.deadlines.take_due(step.now) else { return };
            match deadline {
                Deadline::Head(queue) => self.expire_heads(step, queue, &mut dropped_left),
                Deadline::Excess(queue) => {
                    if self.state.live_queue(queue).is_some() {
                        self.drop_excess(step, queue.slot, &mut dropped_left);
                    }
                }
                Deadline::Unused(queue) => self.expire_queue(step, queue),
                // It fills the step, more or less.
                Deadline::HeldBack => {
                    self.go_on(step);
                    return;
                }
                Deadline::Heartbeat { index, generation } => {
                    self.heartbeat_due(step, PeerId { index, generation });
                }
                Deadline::Handshake { index, generation } => {
                    self.handshake_due(step, PeerId { index, generation });
                }
            }
        }
    }

    fn expire_heads(&mut self, step: &mut Step<'_>, reference: QueueRef, left: &mut usize) {
        let Some(queue) = self.state.live_queue(reference) else { return };
        queue.head_look_at = None;
        if self.drop_expired(step, reference.slot, left) {
            self.deliver_ready(step, reference.slot);
        }
    }

    /// Gives up what is too old in front of the queue, at most `left` messages; a deadline takes care of the
    /// rest. True if the first message may be delivered.
    pub(crate) fn drop_expired(&mut self, step: &mut Step<'_>, slot: u32, left: &mut usize) -> bool {
        if !self.state.queue(slot).expires_heads {
            return true;
        }
        let mut dropped = Gathered::default();
        let is_fresh = loop {
            let queue = self.state.queue_mut(slot);
            if queue.head_expires_at().is_none_or(|at| at > step.now) {
                self.schedule_head(slot);
                break true;
            }
            if *left == 0 {
                self.schedule_head(slot);
                break false;
            }
            if !self.may_give_up(step, slot, &dropped) {
                self.look_at_head(slot, Broker::retry_at(step));
                break false;
            }
            let Some(entry) = self.state.queue_mut(slot).pop() else { break true };
            self.give_up(step, slot, entry, Reason::Expired, &mut dropped);
            *left -= 1;
        };
        dropped.flush(Settlement::Reject, step);
        is_fresh
    }

    fn expire_queue(&mut self, step: &mut Step<'_>, reference: QueueRef) {
        let Some(queue) = self.state.live_queue(reference) else { return };
        let Some(milliseconds) = queue.features.expires_milliseconds else { return };
        if !queue.consumers.is_empty() {
            queue.used_at = step.now;
        }
        if queue.used_at.saturating_add(milliseconds) <= step.now {
            if self.state.queue(reference.slot).is_recorded() && !step.batch.has_upkeep_room(STEP_SIZE_BYTES)
            {
                self.deadlines.ordered.insert((Broker::retry_at(step), Deadline::Unused(reference)));
                return;
            }
            self.delete_queue(step, reference.slot);
        } else {
            self.schedule_queue(reference.slot);
        }
    }

    fn heartbeat_due(&mut self, step: &mut Step<'_>, peer: PeerId) {
        let Some(connection) = self.connection(peer) else { return };
        let (seconds, received_at) = (connection.heartbeat_seconds, connection.received_at);
        if received_at.saturating_add(u64::from(seconds) * 2000) <= step.now {
            self.release_connection(step, peer);
            self.set_phase(peer, Phase::Closing);
            step.peers.end(peer);
            return;
        }
        step.peers.output(peer, Gate::OPEN, encode::heartbeat);
        self.deadlines.heartbeat(peer, seconds, step.now);
    }

    fn handshake_due(&mut self, step: &mut Step<'_>, peer: PeerId) {
        let is_late = self.connection(peer).is_some_and(|connection| connection.phase != Phase::Running);
        if is_late {
            step.peers.end(peer);
        }
    }
}
