//! What follows from requests and from time and cannot be refused, because nobody asked: it goes on in steps, and
//! waits while the log has no room. What a client that has gone held goes back to its queues, auto-delete queues
//! and exchanges go, dead letters are published.
//!
//! What waits is part of the state as if nothing had happened yet, and comes back so after a crash: a message that
//! is still to go back or to be dead-lettered is one that a client holds.

use crate::broker::Broker;
use crate::channel::Channel;
use crate::names::Name;
use crate::queue::QueueRef;
use crate::settle::Settlement;
use std::collections::VecDeque;
use warren_units::room::{RETRY_MILLISECONDS, STEP_SIZE_BYTES};
use warren_units::{Step, UnixMillis};

/// Bytes of one message in an effect that names messages.
pub const NAMED_MESSAGE_SIZE_BYTES: usize = 24;

/// Messages that go back to their queues in one step.
const RETURNED_PER_STEP_MAX: usize = 2048;

#[derive(Default)]
pub struct HeldBack {
    /// Channels that are gone, with messages of theirs that are still to go back.
    channels: VecDeque<u32>,
    /// Auto-delete queues that have lost their last consumer.
    abandoned: VecDeque<QueueRef>,
    /// Auto-delete exchanges that have lost their last binding: virtual host and name.
    orphans: VecDeque<(u32, Name)>,
    /// Queues whose deliveries would have to be recorded.
    stalled: VecDeque<QueueRef>,
    /// When somebody will look, if that is planned.
    look_at: Option<UnixMillis>,
}

impl HeldBack {
    fn is_empty(&self) -> bool {
        self.channels.is_empty()
            && self.abandoned.is_empty()
            && self.orphans.is_empty()
            && self.stalled.is_empty()
    }
}

impl Broker {
    /// Plans a look at what is held back: at once where only the step was full.
    pub(crate) fn go_on_later(&mut self, step: &Step<'_>) {
        let has_room = step.batch.has_upkeep_room(STEP_SIZE_BYTES);
        self.go_on_at(if has_room { step.now } else { Broker::retry_at(step) });
    }

    pub(crate) fn go_on_at(&mut self, at: UnixMillis) {
        if self.held_back.look_at.is_none_or(|planned| at < planned) {
            self.held_back.look_at = Some(at);
            self.deadlines.held_back(at);
        }
    }

    /// The next moment at which what found no room is tried again: the same for all.
    pub(crate) fn retry_at(step: &Step<'_>) -> UnixMillis {
        UnixMillis((step.now.0 / RETRY_MILLISECONDS + 1) * RETRY_MILLISECONDS)
    }

    pub(crate) fn hold_back_queue(&mut self, step: &Step<'_>, queue: QueueRef) {
        self.held_back.abandoned.push_back(queue);
        self.go_on_later(step);
    }

    pub(crate) fn hold_back_exchange(&mut self, step: &Step<'_>, slot: u32) {
        let exchange = self.state.exchange(slot);
        self.held_back.orphans.push_back((exchange.vhost, exchange.name.clone()));
        self.go_on_later(step);
    }

    pub(crate) fn hold_back_deliveries(&mut self, step: &Step<'_>, slot: u32) {
        let queue = self.state.queue_ref(slot);
        if !self.held_back.stalled.contains(&queue) {
            self.held_back.stalled.push_back(queue);
        }
        self.go_on_later(step);
    }

    /// Messages that a client holds go back, those up to a tag: very many of them in steps. They wait in a channel
    /// of their own, which nobody uses. Answers how many; `None` if no such delivery waits.
    pub(crate) fn give_back_through(&mut self, step: &mut Step<'_>, key: u32, tag: u64) -> Option<usize> {
        self.keep_held(key);
        let channel = &mut self.channels[key as usize];
        let unacked = channel.unacked.split_through(tag)?;
        let count = unacked.len();
        let mut aside = Channel::new(channel.peer, channel.number, channel.vhost, channel.user.clone(), 0);
        (aside.unacked, aside.generation, aside.returns_for) = (unacked, self.state.generation, Some(key));
        let aside = self.channels.insert(aside) as u32;
        self.give_back_all(step, aside);
        Some(count)
    }

    /// What the channel's client holds goes back, and then the channel is no more. Its consumers are gone.
    pub(crate) fn give_back_all(&mut self, step: &mut Step<'_>, channel: u32) {
        if !self.give_back_some(step, channel) {
            self.held_back.channels.push_back(channel);
            self.go_on_later(step);
        }
    }

    /// A part of it; true if that was the last.
    fn give_back_some(&mut self, step: &mut Step<'_>, key: u32) -> bool {
        let count = self.channels[key as usize].unacked.len().min(RETURNED_PER_STEP_MAX);
        if count > 0 {
            if !step.batch.has_upkeep_room(STEP_SIZE_BYTES + count * NAMED_MESSAGE_SIZE_BYTES) {
                return false;
            }
            self.keep_held(key);
            let deliveries = self.channels[key as usize].unacked.take_first(count);
            self.settle(step, key, deliveries, Settlement::Requeue);
            if let Some(channel) = self.channels[key as usize].returns_for {
                // By now it may be another one: then this is in vain.
                self.unpark(step, channel);
            }
        }
        let is_done = self.channels[key as usize].unacked.len() == 0;
        if is_done {
            self.channels.remove(key as usize);
        }
        is_done
    }

    /// Goes on with what is held back: as much as one step does.
    pub(crate) fn go_on(&mut self, step: &mut Step<'_>) {
        self.held_back.look_at = None;
        self.dead_letters_go_on(step);
        if let Some(key) = self.held_back.channels.front().copied()
            && self.give_back_some(step, key)
        {
            self.held_back.channels.pop_front();
        }
        while step.batch.has_upkeep_room(STEP_SIZE_BYTES)
            && let Some(queue) = self.held_back.abandoned.pop_front()
        {
            let is_abandoned =
                |queue: &mut crate::queue::Queue| queue.auto_delete && queue.consumers.is_empty();
            if self.state.live_queue(queue).is_some_and(is_abandoned) {
                self.delete_queue(step, queue.slot);
            }
        }
        while step.batch.has_upkeep_room(STEP_SIZE_BYTES)
            && let Some((vhost, name)) = self.held_back.orphans.pop_front()
        {
            let slot = self.state.exchange_named(vhost, &name);
            if let Some(slot) = slot.filter(|slot| self.state.exchange(*slot).is_orphaned()) {
                self.delete_exchange(step, slot);
            }
        }
        if step.batch.has_upkeep_room(STEP_SIZE_BYTES)
            && let Some(queue) = self.held_back.stalled.pop_front()
            && self.state.live_queue(queue).is_some()
        {
            self.deliver_ready(step, queue.slot);
        }
        if !self.held_back.is_empty() {
            self.go_on_later(step);
        }
    }
}
