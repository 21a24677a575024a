//! The thread that syncs the log: at once when a gate waits for it, else once a second.

use crate::core::{Core, fail};
use parking_lot::{Condvar, Mutex};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use warren_engine::cache::settings::AppendFsync;
use warren_units::{LoopId, Lsn};

/// How long written records stay unsynced at most while nobody waits (`appendfsync everysec`).
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// What the loops ask of the syncing thread.
#[derive(Default)]
pub struct SyncRequests {
    wanted: AtomicU64,
    /// Size of the largest batch that is coming and has no room in the log yet.
    room_wanted: AtomicU64,
    /// `appendfsync no`: nothing is synced that nobody waits for.
    leaves_syncs_to_kernel: AtomicBool,
    /// What the last sync took.
    sync_nanos: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
    filler: OnceLock<Thread>,
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

    /// A batch of `size` bytes is coming that does not fit.
    pub fn want_room(&self, size: u64) {
        if self.room_wanted.fetch_max(size, Ordering::SeqCst) < size {
            let state = self.state.lock();
            if state.is_asleep {
                self.changed.notify_one();
            }
        }
    }

    /// The setting, as it is now.
    #[inline]
    pub fn set_append_fsync(&self, append_fsync: AppendFsync) {
        let leaves = append_fsync == AppendFsync::No;
        if self.leaves_syncs_to_kernel.load(Ordering::Relaxed) != leaves {
            self.leaves_syncs_to_kernel.store(leaves, Ordering::Relaxed);
        }
    }

    /// The newest record that something waits to see synced.
    pub fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::SeqCst)
    }

    pub fn note_sync(&self, time: Duration) {
        self.sync_nanos.store(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// What the last sync took, whichever thread did it.
    pub fn sync_time(&self) -> Duration {
        Duration::from_nanos(self.sync_nanos.load(Ordering::Relaxed))
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.state.lock().is_stopping = true;
        self.changed.notify_one();
        self.wake_filler();
    }

    /// The log's next segment is to be filled.
    pub fn wake_filler(&self) {
        if let Some(filler) = self.filler.get() {
            filler.unpark();
        }
    }

    /// Sleeps until a sync or room is wanted, or `until` has come; false when the thread is to end.
    fn sleep(&self, synced: Lsn, until: Instant) -> bool {
        let mut state = self.state.lock();
        while self.wanted.load(Ordering::SeqCst) <= synced.0
            && self.room_wanted.load(Ordering::SeqCst) == 0
            && !state.is_stopping
        {
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

/// Fills segments before they are used, apart from the syncs, so that none waits for that. Runs until
/// [`SyncRequests::stop`].
pub fn fill(core: &Core) {
    let _ = core.sync_requests.filler.set(thread::current());
    while !core.sync_requests.state.lock().is_stopping {
        match core.log.fill_next() {
            Ok(true) => {}
            Ok(false) => thread::park(),
            Err(error) => fail(&error),
        }
    }
}

/// Runs until [`SyncRequests::stop`].
pub fn run(core: &Core) {
    let mut next = Instant::now() + SYNC_INTERVAL;
    while core.sync_requests.sleep(core.log.progress().synced, next) {
        let is_due = Instant::now() >= next;
        if is_due {
            next = Instant::now() + SYNC_INTERVAL;
        }
        let progress = core.log.progress();
        let is_wanted = core.sync_requests.wanted.load(Ordering::SeqCst) > progress.synced.0;
        let each_second = !core.sync_requests.leaves_syncs_to_kernel.load(Ordering::Relaxed);
        if is_wanted || (is_due && each_second && progress.synced < progress.written) {
            core.sync_log();
            core.wake_waiting(None);
        }
        let room = core.sync_requests.room_wanted.swap(0, Ordering::SeqCst);
        if room > 0 {
            // Without room on the disk the record itself will be refused, if it comes.
            core.log.has_room_for(room);
        }
        let was_low = core.log.is_room_low();
        if let Err(error) = core.log.prepare() {
            fail(&error);
        }
        if was_low != core.log.is_room_low() {
            // Publishers are to be told, which a loop does in its next turn.
            core.wake(LoopId(0));
        }
        // Only a sync that somebody waits for is worth writing everything twice.
        if is_wanted && core.log.wants_filling() {
            core.sync_requests.wake_filler();
        }
    }
}
