//! What INFO shows of the process: memory, processor time, names. Asks the allocator and the kernel when a
//! client asks, and once a second, so that the peak is known.

use crate::checkpointer::Checkpoints;
use crate::core::Core;
use crate::settings::Settings;
use std::fmt::Write;
use std::path::Path;
use tikv_jemalloc_ctl::{epoch, stats};
use warren_engine::cache::process::{ProcessFacts, Refresh};
use warren_log::Log;

/// How long the facts may be out of date while nobody asks.
pub const REFRESH_INTERVAL_MILLISECONDS: u64 = 1000;

/// Size in bytes of a run id, half of its hexadecimal digits.
const RUN_ID_SIZE_BYTES: usize = 20;

/// Facts that stay, and what brings the others up to date.
pub fn facts(settings: &Settings, loop_count: usize, core: &Core) -> (ProcessFacts, Refresh) {
    let (log, checkpoints) = (core.log.clone(), core.checkpoints.clone());
    let system = rustix::system::uname();
    let mut facts = ProcessFacts {
        process_id: std::process::id(),
        run_id: run_id(),
        executable: absolute(std::env::current_exe().ok().as_deref()),
        config_file: absolute(settings.config_file.as_deref()),
        operating_system: format!(
            "{} {} {}",
            system.sysname().to_string_lossy(),
            system.release().to_string_lossy(),
            system.machine().to_string_lossy()
        ),
        io_thread_count: loop_count,
        total_system_memory_bytes: total_system_memory_bytes(),
        allocator: "jemalloc-5.3".to_owned(),
        ..ProcessFacts::default()
    };
    let mut refresh: Refresh = Box::new(move |facts| refresh(facts, &log, &checkpoints));
    refresh(&mut facts);
    (facts, refresh)
}

fn refresh(facts: &mut ProcessFacts, log: &Log, checkpoints: &Checkpoints) {
    // The allocator's figures are those of the last epoch. What cannot be read is shown as it was.
    let _ = epoch::advance();
    facts.allocated_memory_bytes =
        stats::allocated::read().map_or(facts.allocated_memory_bytes, |size| size as u64);
    facts.peak_memory_bytes = facts.peak_memory_bytes.max(facts.allocated_memory_bytes);
    facts.resident_memory_bytes = resident_memory_bytes().unwrap_or(facts.resident_memory_bytes);
    if let Some((user, system)) = cpu_seconds() {
        (facts.cpu_user_seconds, facts.cpu_system_seconds) = (user, system);
    }
    facts.log_size_bytes = log.disk_bytes();
    facts.checkpoints = checkpoints.facts();
}

/// 40 hexadecimal digits nobody has had before.
fn run_id() -> String {
    let mut bytes = [0; RUN_ID_SIZE_BYTES];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(bytes.len()), "the kernel has random numbers");
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}

fn absolute(path: Option<&Path>) -> String {
    let path = path.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    path.map_or_else(String::new, |path| path.display().to_string())
}

#[cfg(target_os = "linux")]
fn total_system_memory_bytes() -> u64 {
    let information = rustix::system::sysinfo();
    information.totalram as u64 * u64::from(information.mem_unit)
}

#[cfg(not(target_os = "linux"))]
fn total_system_memory_bytes() -> u64 {
    0
}

/// From `/proc/self/statm`; elsewhere the allocator's own figure.
fn resident_memory_bytes() -> Option<u64> {
    let Ok(text) = std::fs::read_to_string("/proc/self/statm") else {
        return stats::resident::read().ok().map(|size| size as u64);
    };
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// User and system time of all threads, from `/proc/self/stat`.
fn cpu_seconds() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    cpu_seconds_of(&text, rustix::param::clock_ticks_per_second() as f64)
}

/// The fields behind the name, which may hold blanks and brackets itself.
fn cpu_seconds_of(stat: &str, ticks_per_second: f64) -> Option<(f64, f64)> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user / ticks_per_second, system / ticks_per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_a_strange_name() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194304 900 0 2 0 150 25 0 0 20 0 5 0 100 0 0";
        assert_eq!(cpu_seconds_of(stat, 100.0), Some((1.5, 0.25)));
        assert_eq!(cpu_seconds_of("77 (cut", 100.0), None);
    }

    #[test]
    fn a_run_id_is_40_digits_and_new_each_time() {
        let (one, two) = (run_id(), run_id());
        assert!(one.len() == 40 && one.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert_ne!(one, two);
    }
}
