//! How much a batch may still take: what a step asks before its first effect.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

/// What follows from a request besides what is counted for it (a key expires, a client that waited is served) writes
/// no more than this, as a rule.
pub const STEP_SIZE_BYTES: usize = 1024;

/// How soon what can wait is tried again, where the log has no room for it.
pub const RETRY_MILLISECONDS: u64 = 200;

/// How large a batch may become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// By steps that grow the state: the rest is kept for the others.
    pub growth_size_bytes_max: u64,
    /// By what is done of the server's own accord, and can wait: the rest is kept for clients.
    pub upkeep_size_bytes_max: u64,
    /// By any step.
    pub size_bytes_max: u64,
}

impl Room {
    pub const UNBOUNDED: Room =
        Room { growth_size_bytes_max: u64::MAX, upkeep_size_bytes_max: u64::MAX, size_bytes_max: u64::MAX };
}

/// Whoever knows what the log's disk has room for.
pub trait RoomSource: Send + Sync {
    /// The room for a batch that is to hold `size_bytes`; made now if it is not there and can be.
    fn room(&self, size_bytes: u64) -> Room;
}

/// The room of one batch: what its source has said last. It does not shrink before the batch has its place.
#[derive(Default)]
pub(crate) struct BatchRoom {
    pub source: Option<Arc<dyn RoomSource>>,
    pub growth_size_bytes_max: Cell<u64>,
    pub upkeep_size_bytes_max: Cell<u64>,
    pub size_bytes_max: Cell<u64>,
}

impl fmt::Debug for BatchRoom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = (self.growth_size_bytes_max.get(), self.size_bytes_max.get());
        formatter.debug_tuple("BatchRoom").field(&known).finish()
    }
}

impl BatchRoom {
    pub fn of(source: Option<Arc<dyn RoomSource>>) -> BatchRoom {
        BatchRoom { source, ..BatchRoom::default() }
    }

    #[cold]
    fn ask(&self, size_bytes: u64) {
        let room = self.source.as_ref().map(|source| source.room(size_bytes));
        let room = room.unwrap_or(Room::UNBOUNDED);
        self.growth_size_bytes_max.set(room.growth_size_bytes_max);
        self.upkeep_size_bytes_max.set(room.upkeep_size_bytes_max);
        self.size_bytes_max.set(room.size_bytes_max);
    }

    #[inline]
    pub fn takes(&self, bound: &Cell<u64>, size_bytes: u64) -> bool {
        if size_bytes > bound.get() {
            self.ask(size_bytes);
        }
        size_bytes <= bound.get()
    }
}
