//! What the operator sees of a start that takes its time.

use std::time::{Duration, Instant};

/// Nothing is shown before this time is over, and then it is shown again and again after it.
const QUIET_TIME_MAX: Duration = Duration::from_secs(1);

/// Says how far a long start is.
pub(crate) struct Progress {
    what: &'static str,
    total_bytes: u64,
    started: Instant,
    shown: Instant,
}

impl Progress {
    pub fn new(what: &'static str, total_bytes: u64) -> Progress {
        let now = Instant::now();
        Progress { what, total_bytes, started: now, shown: now }
    }

    pub fn show(&mut self, done_bytes: u64) {
        if self.shown.elapsed() < QUIET_TIME_MAX {
            return;
        }
        self.shown = Instant::now();
        let percent = done_bytes * 100 / self.total_bytes.max(1);
        let rate = done_bytes as f64 / 1e6 / self.started.elapsed().as_secs_f64();
        println!("warren: {}: {percent}%, {rate:.0} MB/s", self.what);
    }
}
