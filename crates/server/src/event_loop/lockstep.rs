//! When a loop syncs the log itself.
//!
//! A publisher that waits for each confirm before it sends the next message, and is alone on its loop, pays for
//! every switch between threads: to the syncing thread, and back to the loop. Where nobody else could be kept
//! waiting, the loop syncs in its own turn instead, and then looks a moment for the next message before it
//! sleeps. As soon as a second connection has something to do, syncs are the syncing thread's again.

use crate::io::Token;
use std::time::{Duration, Instant};

/// So many turns in a row must have been of one connection that waited for the sync at the end of each.
const TURN_COUNT_MIN: u32 = 16;

/// A slower sync is the syncing thread's: whoever comes meanwhile would be kept waiting, and the switches
/// hardly count beside it.
const SYNC_TIME_MAX: Duration = Duration::from_millis(1);

/// The part of the sync's time for which the loop looks for the next message.
const LOOK_SHARE: u32 = 6;

#[derive(Default)]
pub struct Lockstep {
    connection: Option<Token>,
    turn_count: u32,
    /// Until when the loop does not sleep.
    look_until: Option<Instant>,
}

impl Lockstep {
    /// A turn has requests of these connections; true if the loop may sync at its end.
    pub fn begin_turn(&mut self, mut connections: impl Iterator<Item = Token>) -> bool {
        let Some(first) = connections.next() else { return false };
        if self.connection != Some(first) || connections.next().is_some() {
            (self.connection, self.turn_count) = (Some(first), 0);
        }
        self.turn_count >= TURN_COUNT_MIN
    }

    /// A turn with requests is over. `is_in_step`: it was one record that somebody waits to see synced, and
    /// nothing could leave before. True if that is a sync for the loop, should the last one have been quick.
    pub fn end_turn(&mut self, is_in_step: bool, sync_time: Duration) -> bool {
        let is_steady = self.turn_count >= TURN_COUNT_MIN;
        self.turn_count = if is_in_step { self.turn_count.saturating_add(1) } else { 0 };
        is_in_step && is_steady && sync_time < SYNC_TIME_MAX
    }

    /// The loop has synced, and the answer is on its way.
    pub fn look_on(&mut self, sync_time: Duration) {
        self.look_until = Some(Instant::now() + sync_time.min(SYNC_TIME_MAX) / LOOK_SHARE);
    }

    /// Whether the loop should look again before it sleeps.
    pub fn looks_on(&mut self) -> bool {
        let looks_on = self.look_until.is_some_and(|until| Instant::now() < until);
        if !looks_on {
            self.look_until = None;
        }
        looks_on
    }
}
