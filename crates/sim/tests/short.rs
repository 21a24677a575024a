//! A short run of the simulator with every `make test`: some seeds that are always the same, and some that
//! never were before.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use warren_sim::run::run;

const TIME_MAX: Duration = Duration::from_secs(15);

fn run_from(first_seed: u64) {
    println!("seeds from {first_seed} on");
    let until = Instant::now() + TIME_MAX;
    let mut seed = first_seed;
    while Instant::now() < until {
        if let Err(report) = run(seed) {
            let trace = report.trace.join("\n");
            panic!(
                "{trace}\nseed {seed} failed, {}: {}\nagain: cargo run -p warren-sim --profile quick -- --seed {seed} --count 1",
                report.checker, report.text
            );
        }
        seed += 1;
    }
    assert!(seed > first_seed, "not one seed was run");
    println!("{} seeds", seed - first_seed);
}

#[test]
fn seeds_that_are_always_the_same() {
    run_from(1);
}

#[test]
fn seeds_that_never_were_before() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    run_from(since.as_micros() as u64 % 1_000_000_000_000);
}

#[test]
fn a_seed_is_a_whole_run() {
    let (one, other) = (run(7).map_err(|report| report.text), run(7).map_err(|report| report.text));
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
