//! Bodies that are not in memory: how much memory bodies may take, and which ones are to be read back before
//! somebody gets their messages.
//!
//! Past the budget, messages whose bodies are in the log join a backlog without them. A queue with somebody to
//! deliver to asks for the bodies at its front, a bounded part ahead of delivery; [`Broker::take_fetches`]
//! hands the questions out, [`Broker::fetched`] brings the answers, and meanwhile the queue's order is held.
//! This module never reads a body.

use crate::broker::Broker;
use crate::queue::{Queue, QueueRef};
use crate::ready::{Entry, Position};
use bytes::Bytes;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use warren_units::{BodyName, Step};

/// What a queue asks for at once while there is memory: enough that a fast consumer reads what was fetched
/// while the next bodies are on their way.
const FETCH_COUNT_MAX: usize = 1024;
const FETCH_BYTES_MAX: u64 = 1024 * 1024;

/// The same, once bodies take all the memory they may.
const SMALL_FETCH_COUNT_MAX: usize = 64;
const SMALL_FETCH_BYTES_MAX: u64 = 64 * 1024;

/// Bytes of bodies in memory that messages in queues and in clients' hands take. A message counts in each
/// queue that has it, so that it is never more than what is counted. One number for all queues of a broker; it
/// is changed by whoever is in the engine and by nobody else, so it needs no atomic addition.
#[derive(Clone, Default)]
pub struct BodyMemory(Arc<AtomicU64>);

impl BodyMemory {
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub fn add(&self, bytes: u64) {
        self.0.store(self.bytes() + bytes, Ordering::Relaxed);
    }

    #[inline]
    pub fn subtract(&self, bytes: u64) {
        self.0.store(self.bytes() - bytes, Ordering::Relaxed);
    }
}

/// What one queue knows of bodies on their way.
#[derive(Default)]
pub struct QueuePaging {
    /// A fetch is under way; there is one at a time.
    is_fetching: bool,
    /// So many more deliveries, then the front is looked at again.
    deliveries_to_look: usize,
    /// Keys of the channels whose basic.get waits for a body.
    waiting: SmallVec<[u32; 2]>,
}

impl QueuePaging {
    pub fn forget_waiting(&mut self, channel: u32) {
        self.waiting.retain(|key| *key != channel);
    }
}

/// Bodies that a queue needs: the answer is given to [`Broker::fetched`] together with it.
#[derive(Debug)]
pub struct Fetch {
    queue: QueueRef,
    wanted: Vec<(Position, BodyName)>,
}

impl Fetch {
    /// The bodies, in the order in which [`Broker::fetched`] wants them.
    pub fn names(&self) -> impl ExactSizeIterator<Item = BodyName> {
        self.wanted.iter().map(|(_, name)| *name)
    }
}

/// How far a queue looks ahead.
#[derive(Clone, Copy)]
struct Window {
    count: usize,
    bytes: u64,
}

/// What a look at the front of a queue found.
enum Look {
    /// Enough is in memory: look again after so many deliveries.
    Later(usize),
    Wanted(Vec<(Position, BodyName)>),
}

fn look(queue: &Queue, window: Window) -> Look {
    let mut wanted = Vec::new();
    let (mut seen_count, mut seen_bytes) = (0, 0);
    for entry in queue.ready().take(window.count) {
        let size = entry.message.body_size() as u64;
        if seen_count > 0 && seen_bytes + size > window.bytes {
            break;
        }
        if let Some(name) = entry.message.name().filter(|_| entry.message.is_absent()) {
            // What lies in front of the first one keeps consumers busy for a while.
            if wanted.is_empty() && seen_count > window.count / 2 {
                return Look::Later(seen_count - window.count / 2);
            }
            if wanted.is_empty() && seen_bytes > window.bytes / 2 {
                return Look::Later(seen_count.div_ceil(4));
            }
            wanted.push((entry.position(), name));
        }
        seen_count += 1;
        seen_bytes += size;
    }
    if wanted.is_empty() { Look::Later(seen_count.div_ceil(2)) } else { Look::Wanted(wanted) }
}

impl Broker {
    /// Bytes of bodies in memory.
    pub fn body_memory_bytes(&self) -> u64 {
        self.state.memory().bytes()
    }

    /// Bodies that join a backlog now stay in the log only. A quarter of the budget is left for what is read
    /// back.
    #[inline]
    pub(crate) fn is_body_memory_short(&self) -> bool {
        let budget = self.settings.body_memory_bytes;
        self.state.memory().bytes() > budget - budget / 4
    }

    /// Gives the body of a message that will wait back to the log, if memory is short.
    #[inline]
    pub(crate) fn page_out(&self, entry: &mut Entry) {
        if self.is_body_memory_short()
            && let Some(absent) = entry.message.without_body()
        {
            entry.message = absent;
        }
    }

    fn fetch_window(&self) -> Window {
        let budget = self.settings.body_memory_bytes;
        if self.state.memory().bytes() > budget {
            return Window { count: SMALL_FETCH_COUNT_MAX, bytes: SMALL_FETCH_BYTES_MAX };
        }
        let bytes = (budget / 8).clamp(SMALL_FETCH_BYTES_MAX, FETCH_BYTES_MAX);
        Window { count: FETCH_COUNT_MAX, bytes }
    }

    /// Asks for absent bodies at the front of the queue, unless it has asked already.
    pub(crate) fn ask_for_bodies(&mut self, slot: u32) {
        let window = self.fetch_window();
        let reference = self.state.queue_ref(slot);
        let queue = self.state.queue_mut(slot);
        if queue.paging.is_fetching {
            return;
        }
        match look(queue, window) {
            Look::Later(deliveries) => queue.paging.deliveries_to_look = deliveries,
            Look::Wanted(wanted) => {
                queue.paging.is_fetching = true;
                self.fetches.push(Fetch { queue: reference, wanted });
            }
        }
    }

    /// A queue with absent messages has delivered one: asks for more in time.
    #[inline]
    pub(crate) fn look_ahead(&mut self, slot: u32) {
        let paging = &mut self.state.queue_mut(slot).paging;
        match paging.deliveries_to_look.checked_sub(1) {
            Some(left) => paging.deliveries_to_look = left,
            None => self.ask_for_bodies(slot),
        }
    }

    /// The channel's basic.get waits until the body in front of the queue is here.
    pub(crate) fn wait_for_body(&mut self, slot: u32, channel: u32) {
        self.ask_for_bodies(slot);
        self.state.queue_mut(slot).paging.waiting.push(channel);
    }

    /// Bodies that queues need since the last call, to be read from the log.
    pub fn take_fetches(&mut self) -> Vec<Fetch> {
        std::mem::take(&mut self.fetches)
    }

    /// The bodies of a fetch are here: who waited for them gets them, as far as they are still wanted.
    ///
    /// # Errors
    /// A body that could not be read (`None`) and that a message still waits for. The broker cannot go on.
    ///
    /// # Panics
    /// If a body is not of its message's size.
    pub fn fetched(
        &mut self,
        step: &mut Step<'_>,
        fetch: &Fetch,
        bodies: &[Option<Bytes>],
    ) -> Result<(), BodyName> {
        assert_eq!(bodies.len(), fetch.wanted.len(), "a fetch is answered as a whole");
        let mut scratch = std::mem::take(&mut self.scratch);
        // A queue that is gone wants nothing any more.
        let Some(queue) = self.state.live_queue(fetch.queue) else { return Ok(()) };
        queue.paging.is_fetching = false;
        queue.paging.deliveries_to_look = 0;
        for ((position, name), body) in fetch.wanted.iter().zip(bodies) {
            match body {
                Some(body) => queue.fill(*position, body, &mut scratch),
                // Nobody keeps the body of a message that has left its queue meanwhile.
                None if queue.is_absent_at(*position) => return Err(*name),
                None => {}
            }
        }
        self.scratch = scratch;
        self.wake_waiting(fetch.queue.slot);
        self.run_woken(step);
        if self.state.live_queue(fetch.queue).is_some() {
            self.deliver_ready(step, fetch.queue.slot);
        }
        self.finish(step);
        Ok(())
    }

    /// Those whose basic.get waits at this queue ask again when the step ends.
    pub(crate) fn wake_waiting(&mut self, slot: u32) {
        let waiting = std::mem::take(&mut self.state.queue_mut(slot).paging.waiting);
        self.woken.extend(waiting);
    }
}
