//! What all threads of a server share: the engine under its lock, the log, and who is to be woken.

use crate::checkpointer::Checkpoints;
use crate::fetcher::Fetches;
use crate::io::Waker;
use crate::syncer::SyncRequests;
use parking_lot::{Mutex, MutexGuard};
use signal_hook::iterator::Handle;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use warren_engine::Engine;
use warren_log::Log;
use warren_units::{LoopId, Lsn, UnixMillis};

/// Loops are named by bits of one word.
pub const LOOP_COUNT_MAX: usize = 64;

/// Bytes of records that may be written and not on stable storage: past it a loop syncs before it goes on.
const UNSYNCED_SIZE_BYTES_MAX: i64 = 256 * 1024 * 1024;
/// Past it a sync is asked for, so that it does not come to that.
const UNSYNCED_SIZE_BYTES_HIGH: i64 = 64 * 1024 * 1024;

pub struct Core {
    engine: Mutex<Engine>,
    pub log: Arc<Log>,
    pub sync_requests: SyncRequests,
    pub fetches: Fetches,
    pub checkpoints: Arc<Checkpoints>,
    wakers: OnceLock<Vec<Waker>>,
    /// Loops with outputs whose gates are closed: to be woken when the log has come further.
    waiting_loops: AtomicU64,
    /// Bytes of large batches that have their place in the log and are not written.
    large_bytes: AtomicI64,
    /// Ends the wait for a signal, as a signal would.
    stop_handle: OnceLock<Handle>,
    is_stopping: AtomicBool,
}

impl Core {
    pub fn new(mut engine: Engine, log: Arc<Log>) -> Core {
        engine.set_room_source(log.clone());
        Core {
            engine: Mutex::new(engine),
            log,
            sync_requests: SyncRequests::default(),
            fetches: Fetches::default(),
            checkpoints: Arc::default(),
            wakers: OnceLock::new(),
            waiting_loops: AtomicU64::new(0),
            large_bytes: AtomicI64::new(0),
            stop_handle: OnceLock::new(),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// Sets the loops' wakers, once, before the loops run.
    pub fn set_wakers(&self, wakers: Vec<Waker>) {
        assert!(self.wakers.set(wakers).is_ok(), "the wakers are set once");
    }

    /// Waits until [`Core::set_wakers`] was called: from then on loops can wake each other.
    pub fn wait_until_started(&self) {
        self.wakers.wait();
    }

    #[inline]
    pub fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock()
    }

    /// The engine, if nobody is in it.
    pub fn try_engine(&self) -> Option<MutexGuard<'_, Engine>> {
        self.engine.try_lock()
    }

    pub fn wake(&self, loop_id: LoopId) {
        if let Some(wakers) = self.wakers.get() {
            wakers[loop_id.0 as usize].wake();
        }
    }

    /// Says whether a loop has outputs that wait for the log.
    pub fn set_waiting(&self, loop_id: LoopId, is_waiting: bool) {
        let bit = 1 << loop_id.0;
        if is_waiting {
            self.waiting_loops.fetch_or(bit, Ordering::SeqCst);
        } else {
            self.waiting_loops.fetch_and(!bit, Ordering::SeqCst);
        }
    }

    /// The log has come further: wakes the loops that wait for it, but not `own`.
    #[inline]
    pub fn wake_waiting(&self, own: Option<LoopId>) {
        let mut waiting = self.waiting_loops.load(Ordering::SeqCst);
        if let Some(own) = own {
            waiting &= !(1 << own.0);
        }
        while waiting != 0 {
            self.wake(LoopId(waiting.trailing_zeros() as u16));
            waiting &= waiting - 1;
        }
    }

    /// A batch is written: asks for the syncs that are due and wakes whoever waits, but not `own`.
    pub fn after_write(&self, own: Option<LoopId>, sync_wanted: Lsn) {
        if sync_wanted > Lsn::NONE {
            self.sync_requests.want(sync_wanted);
        }
        self.wake_waiting(own);
        let unsynced = self.log.unsynced_bytes() as i64 - self.large_bytes.load(Ordering::Relaxed);
        if unsynced > UNSYNCED_SIZE_BYTES_MAX {
            self.log.sync().unwrap_or_else(|error| fail(&error));
            self.wake_waiting(own);
        } else if unsynced > UNSYNCED_SIZE_BYTES_HIGH {
            self.sync_requests.want(self.log.progress().written);
        }
    }

    /// So many bytes more (or less) are in large batches on their way to the log.
    pub fn note_large(&self, size_bytes: i64) {
        self.large_bytes.fetch_add(size_bytes, Ordering::Relaxed);
    }

    /// A value of `size` bytes is on its way: the syncing thread makes room for its record meanwhile.
    pub fn want_room(&self, size: usize) {
        if !self.log.fits(size as u64) {
            self.sync_requests.want_room(size as u64);
        }
    }

    /// Says how [`Core::request_stop`] reaches the thread that waits for signals.
    pub fn set_stop_handle(&self, handle: Handle) {
        assert!(self.stop_handle.set(handle).is_ok(), "the handle is set once");
    }

    /// Asks for the end of the server, as SIGTERM does.
    pub fn request_stop(&self) {
        if let Some(handle) = self.stop_handle.get() {
            handle.close();
        }
    }

    /// Syncs the log, because some output waits for it or because it is time, and notes what that took. A log that
    /// cannot be synced ends the process.
    pub fn sync_log(&self) {
        let begin = Instant::now();
        if let Err(error) = self.log.sync() {
            fail(&error);
        }
        self.sync_requests.note_sync(begin.elapsed());
        if self.log.wants_segment() {
            self.sync_requests.want_room(1);
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Asks all loops to end in order.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        for waker in self.wakers.get().into_iter().flatten() {
            waker.wake();
        }
    }
}

/// The clock.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(since.as_millis() as u64)
}

/// The log can no longer be trusted: says why and ends the process. No gated output has left.
pub fn fail(error: &dyn std::fmt::Display) -> ! {
    static HAS_FAILED: AtomicBool = AtomicBool::new(false);
    if HAS_FAILED.swap(true, Ordering::SeqCst) {
        // Others fail because the first one did. What that was is said once.
        loop {
            std::thread::park();
        }
    }
    eprintln!("warren: fatal: {error}");
    std::process::exit(1);
}
