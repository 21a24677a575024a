//! What all threads of a server share: the engine under its lock, the log, and who is to be woken.

use crate::io::Waker;
use crate::syncer::SyncRequests;
use parking_lot::{Mutex, MutexGuard};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use warren_engine::Engine;
use warren_log::Log;
use warren_units::{LoopId, UnixMillis};

/// Loops are named by bits of one word.
pub const LOOP_COUNT_MAX: usize = 64;

pub struct Core {
    engine: Mutex<Engine>,
    pub log: Log,
    pub sync_requests: SyncRequests,
    wakers: OnceLock<Vec<Waker>>,
    /// Loops with outputs whose gates are closed: to be woken when the log has come further.
    waiting_loops: AtomicU64,
    is_stopping: AtomicBool,
}

impl Core {
    pub fn new(engine: Engine, log: Log) -> Core {
        Core {
            engine: Mutex::new(engine),
            log,
            sync_requests: SyncRequests::default(),
            wakers: OnceLock::new(),
            waiting_loops: AtomicU64::new(0),
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

    /// Syncs the log, and takes the time. A log that cannot be synced ends the process.
    pub fn sync_log(&self) {
        let begin = Instant::now();
        if let Err(error) = self.log.sync() {
            fail(&error);
        }
        self.sync_requests.note_sync(begin.elapsed());
        if self.log.wants_filling() {
            self.sync_requests.wake_filler();
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
    eprintln!("warren: fatal: {error}");
    std::process::exit(1);
}
