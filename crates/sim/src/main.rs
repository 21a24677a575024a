//! `warren-sim --seed N --minutes M`: runs seed after seed, and prints what it takes to see a failure again.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use warren_sim::run::{Counters, Report, run};

const USAGE: &str = "usage: warren-sim [--seed N] [--minutes M | --count C]";
const SEEDS_PER_LINE: u64 = 500;
const FAILURE_COUNT_MAX: u64 = 5;

struct Flags {
    seed: u64,
    minutes: f64,
    count: u64,
}

fn main() -> ExitCode {
    let flags = match read_flags() {
        Ok(flags) => flags,
        Err(error) => {
            eprintln!("warren-sim: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    std::panic::set_hook(Box::new(|_| {}));
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(flags.minutes * 60.0);
    let (mut seed, mut failures) = (flags.seed, 0);
    let mut totals = Counters::default();
    while Instant::now() < until && seed - flags.seed < flags.count && failures < FAILURE_COUNT_MAX {
        match run(seed) {
            Ok(counters) => totals.add(&counters),
            Err(report) => {
                failures += 1;
                print_failure(&report, seed - flags.seed + 1, started.elapsed());
            }
        }
        seed += 1;
        if (seed - flags.seed).is_multiple_of(SEEDS_PER_LINE) {
            print_progress(seed - flags.seed, started.elapsed(), &totals, failures);
        }
    }
    print_progress(seed - flags.seed, started.elapsed(), &totals, failures);
    print_families(&totals);
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read_flags() -> Result<Flags, String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut flags = Flags { seed: since.as_micros() as u64 % 1_000_000_000, minutes: 1.0, count: u64::MAX };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = |_| format!("{name} takes a number, not {value}");
        match name.as_str() {
            "--seed" => flags.seed = value.parse().map_err(wrong)?,
            "--count" => flags.count = value.parse().map_err(wrong)?,
            "--minutes" => flags.minutes = value.parse().map_err(|_| format!("{name} takes a number"))?,
            _ => return Err(format!("there is no {name}")),
        }
    }
    Ok(flags)
}

fn print_progress(seeds: u64, elapsed: Duration, totals: &Counters, failures: u64) {
    println!(
        "{seeds} seeds in {:.1} s: {} requests, {} errors, {} records, {} starts, {} turned bits, {} cuts, {} fetched bodies, {} checkpoints and {} failed, {} backups, {} starts from checkpoints, {} RESP and {} AMQP requests refused by a full disk, {} of them without any room, {} checkpoints on one, {} keys evicted, {} requests refused for want of memory, {failures} failures",
        elapsed.as_secs_f64(),
        totals.requests,
        totals.errors,
        totals.records,
        totals.starts,
        totals.turned_bits,
        totals.cuts,
        totals.fetched_bodies,
        totals.checkpoints,
        totals.failed_checkpoints,
        totals.backups,
        totals.restores,
        totals.disk_errors,
        totals.refusals,
        totals.settling_refusals,
        totals.rescues,
        totals.evicted_keys,
        totals.memory_errors
    );
}

/// How often each family was at it.
fn print_families(totals: &Counters) {
    let families = totals.by_family.iter().map(|(family, count)| format!("{family} {count}"));
    println!("requests: {}", families.collect::<Vec<_>>().join(", "));
}

fn print_failure(report: &Report, seeds: u64, elapsed: Duration) {
    report.trace.iter().for_each(|line| println!("    {line}"));
    println!("seed {} failed, {}: {}", report.seed, report.checker, report.text);
    println!("  settings: {}", report.settings);
    println!("  found in seed number {seeds}, after {:.1} s, at commit {}", elapsed.as_secs_f64(), commit());
    println!("  again: cargo run -p warren-sim --profile quick -- --seed {} --count 1", report.seed);
}

/// The commit in the working directory, and whether there are changes on it.
fn commit() -> String {
    let git = std::process::Command::new("git").args(["describe", "--always", "--dirty"]).output();
    git.map_or_else(|_| "unknown".to_owned(), |out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
