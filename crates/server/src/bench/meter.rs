//! The clock of a run: warm-up, a rate line every second, the end; and the CPU time that other processes
//! used in between, from /proc.

use std::time::{Duration, Instant};

/// The kernel's unit of CPU times in /proc, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

pub struct Meter {
    begin: Instant,
    seconds: f64,
    server_pids: Vec<u32>,
    server_cpu_before: f64,
    reported_at: Instant,
    reported_count: u64,
}

impl Meter {
    /// Begins the measured time.
    pub fn start(seconds: f64, server_pids: &[u32]) -> Meter {
        let now = Instant::now();
        Meter {
            begin: now,
            seconds,
            server_pids: server_pids.to_vec(),
            server_cpu_before: cpu_seconds(server_pids),
            reported_at: now,
            reported_count: 0,
        }
    }

    pub fn is_over(&self) -> bool {
        self.begin.elapsed().as_secs_f64() >= self.seconds
    }

    /// Prints the rate since the last line, once a second.
    pub fn tick(&mut self, count: u64) {
        let since = self.reported_at.elapsed();
        if since >= Duration::from_secs(1) {
            println!("rate={:.0}", (count - self.reported_count) as f64 / since.as_secs_f64());
            (self.reported_at, self.reported_count) = (Instant::now(), count);
        }
    }

    /// The fields of the last line that all benchmarks share.
    pub fn totals(&self, count: u64) -> String {
        let rate = count as f64 / self.begin.elapsed().as_secs_f64();
        let mut line = format!("total count={count} rate={rate:.0}");
        if !self.server_pids.is_empty() {
            let used = cpu_seconds(&self.server_pids) - self.server_cpu_before;
            line += &format!(" server_cpu_us={:.3}", used * 1e6 / count.max(1) as f64);
        }
        line
    }
}

/// User and system time of all threads of the processes.
fn cpu_seconds(pids: &[u32]) -> f64 {
    let ticks = pids.iter().filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything; utime and stime are fields 14 and 15, state is 3.
        let fields: Vec<_> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    });
    ticks.sum::<u64>() as f64 / TICKS_PER_SECOND
}
