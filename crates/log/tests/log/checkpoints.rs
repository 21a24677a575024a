//! Checkpoints: what counts, what may go, what comes back.

use crate::records::{Content, append, open, plain, random_content, try_open, try_read};
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::sync::Arc;
use warren_log::blocks::format::FILE_HEADER_SIZE_BYTES;
use warren_log::{CheckpointSummary, Disk, Log, LogError};
use warren_sim::{Random, SimDisk};
use warren_units::{BodyName, Lsn, Rope};

/// Live bodies by name.
pub type Live = BTreeMap<BodyName, Vec<u8>>;

/// Appends records and adds their bodies to the live ones.
pub fn append_live(log: &Log, contents: &[Content], live: &mut Live) {
    let last = append(log, contents).0;
    let first = last + 1 - contents.len() as u64;
    for (lsn, (_, bodies)) in (first..).zip(contents) {
        for (ordinal, body) in (0..).zip(bodies) {
            live.insert(BodyName { lsn: Lsn(lsn), ordinal }, body.clone());
        }
    }
}

/// Makes a checkpoint at the newest record whose state is `blocks`.
pub fn checkpoint(log: &Log, blocks: &[Vec<u8>], live: &Live) -> Result<CheckpointSummary, LogError> {
    let mut writer = log.begin_checkpoint(log.progress().written)?;
    for block in blocks {
        let mut effects = Rope::new();
        effects.extend(block);
        writer.append(&effects)?;
    }
    for (name, body) in live {
        writer.keep_body(*name, body.len() as u32);
        writer.keep_body(*name, body.len() as u32);
    }
    writer.finish()
}

pub fn blocks_of(log: &Log) -> Vec<Vec<u8>> {
    log.checkpoint_blocks().map(|block| block.unwrap().effects).collect()
}

pub fn check_live(log: &Log, live: &Live) {
    for (name, body) in live {
        assert_eq!(log.read_body(*name).unwrap(), body, "{name:?}");
    }
}

#[test]
fn a_checkpoint_takes_the_place_of_the_records_before_it() {
    let random = &mut Random::new(6);
    let disk = SimDisk::new();
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.checkpoint, None);
    let mut live = Live::new();
    for _ in 0..100 {
        append_live(&log, &[random_content(random), random_content(random)], &mut live);
        log.prepare().unwrap();
    }
    live.retain(|name, _| name.lsn.0.is_multiple_of(5));
    let segments = log.segments().unwrap();
    let blocks = [b"first".to_vec(), Vec::new(), vec![7; 100_000]];
    let summary = checkpoint(&log, &blocks, &live).unwrap();
    assert_eq!((summary.at, summary.block_count), (Lsn(200), 3));
    assert_eq!(summary.live_body_count, live.len() as u64);
    assert!(summary.freed_bytes > 0 && summary.not_deleted.is_none());
    assert!(log.segments().unwrap().len() < segments.len());
    check_live(&log, &live);
    append_live(&log, &[plain(1, 10)], &mut live);
    log.sync().unwrap();
    for log in [log, open(&disk.crash(random)).0] {
        assert_eq!(blocks_of(&log), blocks);
        check_live(&log, &live);
        let read = try_read(&log, Lsn(201)).unwrap();
        assert_eq!(read, [(Lsn(201), plain(1, 10))]);
        assert!(matches!(try_read(&log, Lsn(1)), Err(LogError::Missing { .. })));
        let verified = log.verify().unwrap();
        assert_eq!(verified.block_count, 3);
        let dead = BodyName { lsn: Lsn(1), ordinal: 0 };
        assert!(matches!(log.read_body(dead), Err(LogError::NoBody { .. })));
    }
}

#[test]
fn a_backup_is_whole_and_changes_nothing_here() {
    let random = &mut Random::new(7);
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let mut live = Live::new();
    for _ in 0..100 {
        append_live(&log, &[random_content(random)], &mut live);
        log.prepare().unwrap();
    }
    let names = disk.names();
    let target = SimDisk::new();
    let mut writer = log.begin_backup(Lsn(100), Arc::new(target.clone())).unwrap();
    assert!(matches!(log.begin_checkpoint(Lsn(100)), Err(LogError::Busy)));
    for (name, body) in &live {
        writer.keep_body(*name, body.len() as u32);
    }
    writer.finish().unwrap();
    assert_eq!(disk.names(), names);
    assert!(matches!(log.begin_backup(Lsn(100), Arc::new(target.clone())), Err(LogError::NotEmpty { .. })));
    let (restored, recovery) = open(&target.crash(random));
    assert_eq!((recovery.checkpoint, recovery.first, recovery.last), (Some(Lsn(100)), Lsn(101), Lsn(100)));
    check_live(&restored, &live);
    append_live(&restored, &[plain(1, 10)], &mut live);
    assert_eq!(try_read(&restored, Lsn(101)).unwrap().len(), 1);
    // A backup needs no segment, a data directory does.
    let (log, _) = try_open(&target).unwrap();
    assert!(matches!(log.truncate_after(Lsn(99)), Err(LogError::BeforeCheckpoint { .. })));
}

#[test]
fn a_start_that_finds_a_header_in_the_page_cache_deletes_nothing_before_it_is_synced() {
    let random = &mut Random::new(3);
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let mut live = Live::new();
    append_live(&log, &[plain(1, 300), plain(2, 300)], &mut live);
    checkpoint(&log, &[b"older".to_vec()], &live).unwrap();
    append_live(&log, &[plain(3, 300)], &mut live);
    log.sync().unwrap();
    // All of the newer checkpoint is synced but its header, which is only written; then the process is killed.
    let between = disk.kill();
    checkpoint(&log, &[b"newer".to_vec()], &live).unwrap();
    let before = between.names();
    for name in disk.names().into_iter().filter(|name| !before.contains(name)) {
        let content = disk.content(&name);
        if !name.starts_with("checkpoint-") {
            between.set_content(&name, content);
            continue;
        }
        let mut headless = content.clone();
        headless[..FILE_HEADER_SIZE_BYTES].fill(0);
        between.set_content(&name, headless);
        let file = between.open(&name).unwrap();
        file.write_at(0, &mut [IoSlice::new(&content[..FILE_HEADER_SIZE_BYTES])]).unwrap();
    }
    // The power goes in the start that follows.
    for sync_count in 0..8 {
        for _ in 0..20 {
            let killed = between.kill();
            killed.fail_syncs(sync_count);
            drop(try_open(&killed));
            let (log, recovery) = open(&killed.crash(random));
            assert_eq!(recovery.last, Lsn(3));
            let is_newer = recovery.checkpoint == Some(Lsn(3));
            assert_eq!(blocks_of(&log), [if is_newer { b"newer".to_vec() } else { b"older".to_vec() }]);
            check_live(&log, &live);
        }
    }
}
