//! The thread that syncs the log: at once when a gate waits for it, else once a second.

use crate::core::{Core, fail};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use warren_units::{LoopId, Lsn};

/// How long written records stay unsynced at most while nobody waits (`appendfsync everysec`).
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// What the loops ask of the syncing thread.
#[derive(Default)]
pub struct SyncRequests {
    wanted: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_asleep: bool,
    is_stopping: bool,
}

impl SyncRequests {
    /// Some output waits until `lsn` is synced.
    pub fn want(&self, lsn: Lsn) {
        if self.wanted.fetch_max(lsn.0, Ordering::SeqCst) < lsn.0 {
            let state = self.state.lock();
            if state.is_asleep {
                self.changed.notify_one();
            }
        }
    }

    /// The newest record that something waits to see synced.
    pub fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.state.lock().is_stopping = true;
        self.changed.notify_one();
    }

    /// Sleeps until a sync is wanted or `until` has come; false when the thread is to end.
    fn sleep(&self, synced: Lsn, until: Instant) -> bool {
        let mut state = self.state.lock();
        while self.wanted.load(Ordering::SeqCst) <= synced.0 && !state.is_stopping {
            state.is_asleep = true;
            let timed_out = self.changed.wait_until(&mut state, until).timed_out();
            state.is_asleep = false;
            if timed_out {
                break;
            }
        }
        !state.is_stopping
    }
}

/// Runs until [`SyncRequests::stop`]. `each_second`: sync once a second even if nobody waits.
pub fn run(core: &Core, each_second: bool) {
    let mut next = Instant::now() + SYNC_INTERVAL;
    while core.sync_requests.sleep(core.log.progress().synced, next) {
        let is_due = Instant::now() >= next;
        if is_due {
            next = Instant::now() + SYNC_INTERVAL;
        }
        let progress = core.log.progress();
        let is_wanted = core.sync_requests.wanted.load(Ordering::SeqCst) > progress.synced.0;
        if is_wanted || (is_due && each_second && progress.synced < progress.written) {
            if let Err(error) = core.log.sync() {
                fail(&error);
            }
            core.wake_waiting(None);
        }
        let was_low = core.log.is_room_low();
        if let Err(error) = core.log.prepare() {
            fail(&error);
        }
        if was_low != core.log.is_room_low() {
            // Publishers are to be told, which a loop does in its next turn.
            core.wake(LoopId(0));
        }
    }
}
