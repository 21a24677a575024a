//! A checkpoint that is interrupted anywhere: either the old or the new state is there, whole.

use crate::checkpoints::{Live, append_live, blocks_of, check_live, checkpoint};
use crate::records::{Content, open, plain, random_content, try_open, try_read};
use crate::trouble::{Trouble, TroubledDisk};
use warren_log::{CheckpointSummary, Log, LogError};
use warren_sim::{Random, SimDisk};
use warren_units::Lsn;

const RECORD_COUNT: usize = 40;
/// More than any script below has operations.
const OPERATION_COUNT_MAX: u64 = 3000;

/// A log with what its records and checkpoints should come back as.
struct Story {
    disk: TroubledDisk,
    log: Log,
    random: Random,
    records: Vec<Content>,
    live: Live,
    /// Each checkpoint that was begun: its LSN, its blocks and what was live then.
    checkpoints: Vec<(Lsn, Vec<Vec<u8>>, Live)>,
}

impl Story {
    fn new() -> Story {
        let disk = TroubledDisk::new();
        let (log, _) = disk.open().unwrap();
        let random = Random::new(3);
        Story { disk, log, random, records: Vec::new(), live: Live::new(), checkpoints: Vec::new() }
    }

    /// Appends records, and forgets four of five bodies.
    fn go_on(&mut self) {
        for _ in 0..RECORD_COUNT / 2 {
            let batch = [random_content(&mut self.random), random_content(&mut self.random)];
            append_live(&self.log, &batch, &mut self.live);
            self.records.extend(batch);
            self.log.prepare().unwrap();
        }
        // Enough for a second block of bodies, and for more room than a file begins with.
        let large = (b"large".to_vec(), vec![self.random.bytes(70_000), self.random.bytes(10)]);
        append_live(&self.log, std::slice::from_ref(&large), &mut self.live);
        let name = *self.live.last_key_value().unwrap().0;
        self.records.push(large);
        self.log.sync().unwrap();
        let random = &mut self.random;
        self.live.retain(|kept, _| kept.lsn == name.lsn || random.chance(20));
    }

    fn checkpoint(&mut self) -> Result<CheckpointSummary, LogError> {
        let at = self.log.progress().written;
        let blocks = vec![format!("state at {at}").into_bytes(), vec![at.0 as u8; 100_000]];
        self.checkpoints.push((at, blocks.clone(), self.live.clone()));
        checkpoint(&self.log, &blocks, &self.live)
    }

    /// Opens the disk and sees that one of the states is there, whole, and nothing else; then takes another
    /// checkpoint there.
    fn check(&self, disk: &SimDisk, what: &str) -> Option<Lsn> {
        let (log, recovery) = try_open(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(recovery.last.0 as usize, self.records.len(), "{what}");
        let from = match recovery.checkpoint {
            None => Lsn(1),
            Some(at) => {
                let (_, blocks, live) = self.checkpoints.iter().find(|(lsn, ..)| *lsn == at).expect(what);
                assert_eq!(&blocks_of(&log), blocks, "{what}");
                check_live(&log, live);
                at.next()
            }
        };
        let read = try_read(&log, from).unwrap();
        let expected = (from.0..).map(Lsn).zip(self.records[from.0 as usize - 1..].iter().cloned());
        assert!(read.into_iter().eq(expected), "{what}");
        check_live(&log, &self.live);
        log.verify().unwrap_or_else(|error| panic!("{what}: {error}"));
        let count = |prefix: &str| disk.names().iter().filter(|name| name.starts_with(prefix)).count();
        assert_eq!(count("checkpoint-"), usize::from(recovery.checkpoint.is_some()), "{what}");
        if recovery.checkpoint.is_none() {
            assert_eq!(count("bodies-"), 0, "{what}");
        }
        let blocks = [b"another".to_vec()];
        checkpoint(&log, &blocks, &self.live).unwrap_or_else(|error| panic!("{what}: {error}"));
        check_live(&log, &self.live);
        drop(log);
        let (log, next) = open(&disk.kill());
        assert_eq!(next.checkpoint, Some(Lsn(self.records.len() as u64)), "{what}");
        assert_eq!(blocks_of(&log), blocks, "{what}");
        check_live(&log, &self.live);
        recovery.checkpoint
    }
}

#[test]
fn a_power_cut_at_any_operation_of_a_checkpoint_leaves_the_old_or_the_new_state() {
    let (mut states, mut operations) = (std::collections::BTreeSet::new(), 0);
    loop {
        let mut story = Story::new();
        let mut left = operations;
        for _ in 0..3 {
            story.go_on();
            story.disk.arm(Trouble::PowerCut, left);
            let _ = story.checkpoint();
            left = story.disk.disarm();
            if story.disk.has_struck() {
                left = u64::MAX;
                break;
            }
        }
        for seed in 0..2 {
            let crashed = story.disk.disk.crash(&mut Random::new(seed));
            states.insert(story.check(&crashed, &format!("operation {operations}, crash {seed}")));
        }
        if left != u64::MAX {
            break;
        }
        operations += 1;
        assert!(operations < OPERATION_COUNT_MAX);
    }
    // No checkpoint, and each of the three.
    assert_eq!(states.len(), 4, "{states:?}");
    assert!(operations > 60, "{operations}");
}

#[test]
fn a_full_disk_at_any_request_for_room_leaves_the_log_as_it_was() {
    for count in 0..OPERATION_COUNT_MAX {
        let mut story = Story::new();
        story.go_on();
        story.checkpoint().unwrap();
        story.go_on();
        let names = story.disk.disk.names();
        story.disk.arm(Trouble::Full, count);
        let finished = story.checkpoint();
        story.disk.disarm();
        if !story.disk.has_struck() {
            finished.unwrap();
            assert!(count >= 3, "{count}");
            return;
        }
        let error = finished.unwrap_err();
        assert!(error.is_storage_full(), "{error}");
        assert!(!story.log.is_poisoned());
        assert_eq!(story.disk.disk.names(), names, "request {count}");
        check_live(&story.log, &story.live);
        story.go_on();
        story.check(&story.disk.disk.crash(&mut Random::new(count)), &format!("request {count}"));
        story.checkpoint().unwrap();
        story.check(&story.disk.disk.crash(&mut Random::new(count)), &format!("request {count}, once more"));
    }
    panic!("a checkpoint asks for room without end");
}

#[test]
fn a_failure_of_the_checkpoints_files_is_told_and_the_log_goes_on() {
    for trouble in [Trouble::FailsOnce, Trouble::Fails] {
        for count in 0.. {
            assert!(count < OPERATION_COUNT_MAX);
            let mut story = Story::new();
            story.go_on();
            story.checkpoint().unwrap();
            story.go_on();
            story.disk.arm(trouble, count);
            let finished = story.checkpoint();
            story.disk.disarm();
            if !story.disk.has_struck() {
                assert!(finished.unwrap().not_deleted.is_none());
                assert!(count > 15, "{count}");
                break;
            }
            let what = format!("{trouble:?} at operation {count}");
            assert!(finished.is_err() || finished.unwrap().not_deleted.is_some(), "{what}");
            assert!(!story.log.is_poisoned(), "{what}");
            check_live(&story.log, &story.live);
            story.check(&story.disk.disk.crash(&mut Random::new(count)), &what);
            story.go_on();
            let summary = story.checkpoint().unwrap();
            assert!(summary.not_deleted.is_none(), "{what}");
            story.check(&story.disk.disk.crash(&mut Random::new(count)), &what);
            story.check(&story.disk.disk.kill(), &what);
        }
    }
}

#[test]
fn a_checkpoint_that_is_dropped_leaves_nothing_and_another_can_be_made() {
    let mut story = Story::new();
    story.go_on();
    let names = story.disk.disk.names();
    let mut writer = story.log.begin_checkpoint(Lsn(RECORD_COUNT as u64)).unwrap();
    writer.append(&warren_units::Rope::new()).unwrap();
    assert!(matches!(story.log.begin_checkpoint(Lsn(1)), Err(LogError::Busy)));
    drop(writer);
    assert_eq!(story.disk.disk.names(), names);
    story.checkpoint().unwrap();
    story.check(&story.disk.disk.kill(), "after a dropped one");
}

#[test]
fn the_log_is_not_cut_before_a_checkpoint_and_a_cut_ends_one_in_the_making() {
    let mut story = Story::new();
    story.go_on();
    let at = Lsn(RECORD_COUNT as u64 / 2);
    story.log.begin_checkpoint(at).unwrap().finish().unwrap();
    let refused = story.log.truncate_after(Lsn(at.0 - 1));
    assert!(matches!(refused, Err(LogError::BeforeCheckpoint { checkpoint, .. }) if checkpoint == at));
    let writer = story.log.begin_checkpoint(Lsn(RECORD_COUNT as u64)).unwrap();
    story.log.truncate_after(at).unwrap();
    let mut live = Live::new();
    for tag in 0..RECORD_COUNT {
        append_live(&story.log, &[plain(tag as u8, 10)], &mut live);
    }
    assert!(matches!(writer.finish(), Err(LogError::GivenUp { .. })));
    let (_, recovery) = open(&story.disk.disk.kill());
    assert_eq!(recovery.checkpoint, Some(at));
}
