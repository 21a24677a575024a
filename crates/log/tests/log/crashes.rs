//! Random histories on the disk that forgets, against a plain list of records.

use crate::records::{Content, append, open, random_content, read, try_open, try_read};
use warren_log::{Log, LogError};
use warren_sim::{Random, SimDisk};
use warren_units::Lsn;

/// Writes a few batches with syncs in between; answers the LSN that is synced.
fn write_some(log: &Log, random: &mut Random, records: &mut Vec<Content>) -> usize {
    for _ in 0..random.below(40) {
        match random.below(12) {
            0..=1 => drop(log.sync().unwrap()),
            2 => log.prepare().unwrap(),
            3..=4 => drop(log.fill_next().unwrap()),
            _ => {
                let count = 1 + random.below(4) as usize;
                let batch: Vec<Content> = (0..count).map(|_| random_content(random)).collect();
                append(log, &batch);
                records.extend(batch);
            }
        }
    }
    log.progress().synced.0 as usize
}

#[test]
fn what_is_synced_stays_what_is_cut_never_returns() {
    for seed in 0..250 {
        let random = &mut Random::new(seed);
        let mut disk = SimDisk::new();
        let mut records: Vec<Content> = Vec::new();
        for round in 0..6 {
            let (log, recovery) = open(&disk);
            assert_eq!(recovery.last.0 as usize, records.len(), "seed {seed} round {round}");
            assert_eq!(read(&log), records, "seed {seed} round {round}");
            let synced = write_some(&log, random, &mut records);
            if random.chance(20) {
                log.close().unwrap();
                disk = disk.crash(random);
            } else {
                disk = crash_and_check(&disk, random, &mut records, synced, seed);
            }
        }
    }
}

/// Cuts the power, several times during the starts that follow too; `records` then are those that stayed.
fn crash_and_check(
    disk: &SimDisk,
    random: &mut Random,
    records: &mut Vec<Content>,
    synced: usize,
    seed: u64,
) -> SimDisk {
    let mut disk = if random.chance(30) { disk.kill() } else { disk.crash(random) };
    for _ in 0..random.below(3) {
        let during = disk.kill();
        during.fail_syncs(random.below(6));
        let _ = try_open(&during);
        disk = during.crash(random);
    }
    let (log, recovery) = try_open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let kept = recovery.last.0 as usize;
    assert!(kept >= synced, "seed {seed}: {synced} records were synced, {kept} are left");
    assert!(kept <= records.len(), "seed {seed}: records that nobody wrote");
    records.truncate(kept);
    assert_eq!(&read(&log), records, "seed {seed}");
    assert_eq!(log.verify().unwrap().record_count as usize, kept);
    // What a start has told is safe.
    disk.crash(random)
}

#[test]
fn a_flipped_bit_below_the_synced_lsn_never_passes() {
    for seed in 0..300 {
        let random = &mut Random::new(seed);
        let disk = SimDisk::new();
        let (log, _) = open(&disk);
        let mut records = Vec::new();
        for _ in 0..3 {
            write_some(&log, random, &mut records);
        }
        log.sync().unwrap();
        // A header that claims all of it.
        append(&log, &[(b"last".to_vec(), Vec::new())]);
        records.push((b"last".to_vec(), Vec::new()));
        let synced = records.len() - 1;
        let flipped = disk.kill();
        let segments: Vec<_> = log.segments().unwrap();
        let hit = &segments[random.below(segments.len() as u64) as usize];
        let bit = random.below(hit.used_bytes * 8);
        flipped.flip_bit(&hit.name, bit);
        let read = try_open(&flipped).and_then(|(log, _)| try_read(&log, Lsn(1)));
        match read {
            // Padding, the unused rest of a header's sector, or the one record that nobody synced.
            Ok(read) => {
                let contents: Vec<Content> = read.into_iter().map(|(_, content)| content).collect();
                assert!(contents.len() >= synced, "seed {seed} bit {bit}");
                assert_eq!(contents, records[..contents.len()], "seed {seed} bit {bit}");
            }
            Err(LogError::Corrupt { file: segment, .. }) => {
                assert_eq!(segment, hit.name, "seed {seed} bit {bit}")
            }
            Err(LogError::Version { file: segment, .. }) => assert_eq!(segment, hit.name),
            Err(other) => panic!("seed {seed}: {other}"),
        }
    }
}
