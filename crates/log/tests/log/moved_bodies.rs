//! Every live body is readable at all times, wherever checkpoints have moved it.

use crate::checkpoints::{Live, append_live, check_live, checkpoint};
use crate::records::{Content, open, random_content};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use warren_log::{Log, LogError};
use warren_sim::{Random, SimDisk};
use warren_units::BodyName;

/// Publishes or removes: in arrival order, at random, or nearly all at once.
fn change(log: &Log, live: &mut Live, random: &mut Random) {
    match random.below(10) {
        0..=5 => {
            let batch: Vec<Content> = (0..1 + random.below(4)).map(|_| random_content(random)).collect();
            append_live(log, &batch, live);
        }
        6..=7 => {
            let gone: Vec<BodyName> = live.keys().take(random.below(6) as usize).copied().collect();
            gone.iter().for_each(|name| drop(live.remove(name)));
        }
        8 => live.retain(|_, _| random.chance(90)),
        _ if random.chance(10) => live.retain(|_, _| random.chance(5)),
        _ => log.prepare().unwrap(),
    }
}

#[test]
fn random_histories_with_checkpoints_and_crashes_lose_no_live_body() {
    for seed in 0..40 {
        let random = &mut Random::new(seed);
        let mut disk = SimDisk::new();
        let mut live = Live::new();
        for round in 0..4 {
            let (log, _) = open(&disk);
            check_live(&log, &live);
            for _ in 0..1 + random.below(4) {
                for _ in 0..random.below(60) {
                    change(&log, &mut live, random);
                }
                let summary = checkpoint(&log, &[random.bytes(100)], &live).unwrap();
                assert_eq!(summary.live_body_count, live.len() as u64, "seed {seed} round {round}");
                check_live(&log, &live);
            }
            for _ in 0..random.below(30) {
                change(&log, &mut live, random);
            }
            log.sync().unwrap();
            log.verify().unwrap();
            disk = disk.crash(random);
        }
    }
}

#[test]
fn readers_never_miss_a_live_body_while_checkpoints_finish() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let (live, is_done) = (Mutex::new(Live::new()), AtomicBool::new(false));
    let pick = |random: &mut Random| {
        let live = live.lock().unwrap();
        let index = random.below(live.len().max(1) as u64) as usize;
        live.iter().nth(index).map(|(name, body)| (*name, body.clone()))
    };
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (log, live, is_done, pick) = (&log, &live, &is_done, &pick);
            scope.spawn(move || {
                let (random, mut read) = (&mut Random::new(100 + reader), 0);
                while !is_done.load(Ordering::Acquire) || read == 0 {
                    let Some((name, body)) = pick(random) else { continue };
                    match log.read_body(name) {
                        Ok(bytes) => assert_eq!(bytes, body),
                        // It may go while it is read.
                        Err(LogError::NoBody { .. }) => assert!(!live.lock().unwrap().contains_key(&name)),
                        Err(error) => panic!("{error}"),
                    }
                    read += 1;
                }
            });
        }
        let random = &mut Random::new(8);
        for _ in 0..40 {
            for _ in 0..40 {
                change(&log, &mut live.lock().unwrap(), random);
            }
            let now = live.lock().unwrap().clone();
            checkpoint(&log, &[], &now).unwrap();
        }
        is_done.store(true, Ordering::Release);
    });
    check_live(&log, &live.lock().unwrap());
    assert!(log.segments().unwrap().len() < 5);
}
