//! What the files take on the disk, at most, whatever the traffic: see `docs/log-format.md`.

use crate::checkpoints::{Live, append_live, checkpoint};
use crate::records::SEGMENT_SIZE_BYTES;
use crate::trouble::TroubledDisk;
use warren_log::{Log, LogOptions};
use warren_sim::Random;

const SEGMENT_BYTES: u64 = 32 * SEGMENT_SIZE_BYTES;
const BODY_SIZE_BYTES: usize = 4096;
const STEP_COUNT: usize = 3000;

/// What each step of the traffic does to what is live.
type Traffic = fn(&Log, &mut State, &mut Random);

#[derive(Default)]
struct State {
    bodies: Live,
    /// Of the keyspace: what a checkpoint holds in its blocks.
    keyspace_bytes: u64,
}

impl State {
    /// What a checkpoint of this state takes.
    fn live_bytes(&self) -> u64 {
        self.keyspace_bytes + self.bodies.values().map(|body| body.len() as u64).sum::<u64>()
    }

    fn publish(&mut self, log: &Log, step: usize) {
        append_live(log, &[(vec![1; 40], vec![vec![step as u8; BODY_SIZE_BYTES]])], &mut self.bodies);
    }
}

/// Segments that are there whatever is live: the one that is written, and another, whose records the next checkpoint
/// covers or that is made ahead.
const SEGMENT_COUNT: u64 = 2;

/// Room asked for ahead in the two files that are made at once.
const AHEAD_BYTES: u64 = 2 * 64 * 1024;

/// Runs the traffic with a checkpoint whenever one is due and sees that the bounds hold: between checkpoints
/// twice the live data and two segments, while one is made three times and two segments. Live data that
/// goes away does so on the disk with the next checkpoint, so the most that was live since the last one counts.
fn run(traffic: Traffic) {
    let disk = TroubledDisk::new();
    let options = LogOptions { segment_size_bytes: SEGMENT_BYTES, salt: 1, ..LogOptions::default() };
    let (log, _) = Log::open(std::sync::Arc::new(disk.clone()), options).unwrap();
    let (mut state, random) = (State::default(), &mut Random::new(5));
    let (mut live_max, mut checkpoints) = (0, 0);
    for step in 0..STEP_COUNT {
        traffic(&log, &mut state, random);
        log.prepare().unwrap();
        live_max = live_max.max(state.live_bytes());
        if !log.is_checkpoint_due() {
            continue;
        }
        let peak = disk.take_peak_bytes();
        let bound = 2 * live_max + SEGMENT_COUNT * SEGMENT_BYTES;
        assert!(peak <= bound, "step {step}: {peak} bytes, live {live_max}");
        let blocks: Vec<Vec<u8>> =
            (0..state.keyspace_bytes.div_ceil(60_000)).map(|_| vec![0; 60_000]).collect();
        checkpoint(&log, &blocks, &state.bodies).unwrap();
        let peak = disk.take_peak_bytes();
        let bound = 3 * live_max + SEGMENT_COUNT * SEGMENT_BYTES + AHEAD_BYTES;
        assert!(peak <= bound, "step {step}: {peak} bytes in a checkpoint, live {live_max}");
        live_max = state.live_bytes();
        checkpoints += 1;
    }
    assert!(checkpoints > 5, "{checkpoints}");
}

#[test]
fn a_queue_in_arrival_order() {
    run(|log, state, random| {
        state.publish(log, random.below(250) as usize);
        if state.bodies.len() > 500 {
            state.bodies.pop_first();
        }
    });
}

#[test]
fn one_forgotten_message_in_each_segment() {
    run(|log, state, random| {
        state.publish(log, random.below(250) as usize);
        let last = *state.bodies.last_key_value().unwrap().0;
        let per_segment = SEGMENT_BYTES / BODY_SIZE_BYTES as u64;
        if !last.lsn.0.is_multiple_of(per_segment) {
            state.bodies.remove(&last);
        }
    });
}

#[test]
fn acknowledgements_at_random() {
    run(|log, state, random| {
        state.publish(log, random.below(250) as usize);
        if state.bodies.len() > 800 {
            state.bodies.retain(|_, _| random.chance(50));
        } else if random.chance(30) {
            let index = random.below(state.bodies.len() as u64) as usize;
            let name = *state.bodies.keys().nth(index).unwrap();
            state.bodies.remove(&name);
        }
    });
}

#[test]
fn keys_that_are_overwritten() {
    run(|log, state, random| {
        let mut none = Live::new();
        append_live(log, &[(random.bytes(BODY_SIZE_BYTES), Vec::new())], &mut none);
        state.keyspace_bytes =
            (state.keyspace_bytes + BODY_SIZE_BYTES as u64).min(300 * BODY_SIZE_BYTES as u64);
    });
}
