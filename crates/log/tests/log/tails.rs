//! Both tails: what no one was told is safe is cut and never comes back; what was synced stops the start.

use crate::records::{Content, SEGMENT_SIZE_BYTES, append, batch_of, open, plain, read, try_open, try_read};
use warren_log::LogError;
use warren_log::format::{
    BATCH_ALIGNMENT_BYTES, BATCH_HEADER_SIZE_BYTES, BatchHeader, BatchKind, SEGMENT_HEADER_SIZE_BYTES,
    SegmentHeader, segment_name,
};
use warren_sim::SimDisk;
use warren_units::{Epoch, Lsn};

/// Offset of each 100-byte batch of [`three_batches`]: header, framing, effects.
const OFFSETS: [u64; 3] = [512, 512 + 176, 512 + 352];
const FIRST_SEGMENT: &str = "log-0000000000000001";

/// A disk after SIGKILL with three batches in one segment, the first `synced` of them known to be synced
/// by those behind.
fn three_batches(synced: usize) -> SimDisk {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    for index in 0..3 {
        append(&log, &[plain(index as u8, 100)]);
        if index < synced {
            log.sync().unwrap();
        }
    }
    disk.kill()
}

fn contents(tags: &[u8]) -> Vec<Content> {
    tags.iter().map(|tag| plain(*tag, 100)).collect()
}

#[test]
fn a_torn_batch_before_a_whole_unsynced_one_is_cut_and_neither_comes_back() {
    // Damage to the header, and to the effects, of the second batch.
    for damaged_at in [OFFSETS[1] + 16, OFFSETS[1] + 80] {
        let disk = three_batches(1);
        disk.flip_bit(FIRST_SEGMENT, damaged_at * 8);
        let (log, recovery) = open(&disk);
        let cut = recovery.cut.unwrap();
        assert_eq!((cut.segment.as_str(), cut.offset), (FIRST_SEGMENT, OFFSETS[1]));
        // The last four bytes are padding.
        assert!((348..=352).contains(&cut.size_bytes), "{cut}");
        assert!(
            cut.to_string().starts_with(&format!("log cut in {FIRST_SEGMENT} at offset {}: ", OFFSETS[1]))
        );
        assert_eq!((recovery.last, recovery.epoch, recovery.was_closed), (Lsn(1), Epoch(2), false));
        assert_eq!(read(&log), contents(&[0]));
        // The same LSN again, with the disk as it was before the cut: the third batch fits behind it.
        append(&log, &contents(&[7]));
        log.sync().unwrap();
        let after = disk.kill();
        after.set_content(FIRST_SEGMENT, three_batches(1).content(FIRST_SEGMENT));
        for _ in 0..3 {
            let (log, recovery) = open(&after);
            assert_eq!(read(&log), contents(&[0, 7]));
            assert_eq!(recovery.cut, None);
        }
    }
}

#[test]
fn the_same_damage_below_a_synced_lsn_stops_the_start() {
    for damaged_bit in (OFFSETS[1] * 8..(OFFSETS[1] + 64) * 8).step_by(7) {
        let disk = three_batches(2);
        disk.flip_bit(FIRST_SEGMENT, damaged_bit);
        match try_open(&disk).err() {
            Some(LogError::Corrupt { file: segment, offset, reason }) => {
                assert_eq!((segment.as_str(), offset), (FIRST_SEGMENT, OFFSETS[1]));
                assert!(reason.contains("record 2 should be here"), "{reason}");
            }
            other => panic!("bit {damaged_bit}: {other:?}"),
        }
    }
}

#[test]
fn damaged_effects_below_a_synced_lsn_stop_the_replay() {
    let disk = three_batches(2);
    disk.flip_bit(FIRST_SEGMENT, (OFFSETS[1] + 80) * 8);
    let (log, _) = open(&disk);
    let error = try_read(&log, Lsn(1)).unwrap_err();
    assert!(matches!(&error, LogError::Corrupt { offset, .. } if *offset == OFFSETS[1]), "{error}");
    assert!(matches!(log.verify(), Err(LogError::Corrupt { .. })));
    // Records behind it are still readable by whoever has a checkpoint.
    assert_eq!(try_read(&log, Lsn(3)).unwrap().len(), 1);
}

#[test]
fn a_clean_end_says_that_everything_was_synced() {
    let disk = SimDisk::new();
    let (log, recovery) = open(&disk);
    assert!(recovery.was_closed);
    for tag in 0..3 {
        append(&log, &contents(&[tag]));
    }
    log.close().unwrap();
    assert!(matches!(log.sync(), Err(LogError::Poisoned)));
    let (log, recovery) = open(&disk.kill());
    assert!(recovery.was_closed && recovery.cut.is_none());
    assert_eq!(read(&log), contents(&[0, 1, 2]));
    // Now even the last batch is known to have been synced.
    disk.flip_bit(FIRST_SEGMENT, OFFSETS[2] * 8);
    assert!(matches!(try_open(&disk), Err(LogError::Corrupt { offset, .. }) if offset == OFFSETS[2]));
}

#[test]
fn damage_at_the_start_of_a_later_segment_is_named_there() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    for tag in 0..200 {
        append(&log, &contents(&[tag]));
        log.sync().unwrap();
        log.prepare().unwrap();
    }
    disk.flip_bit("log-0000000000000002", 512 * 8 + 3);
    let error = try_open(&disk.kill()).err().unwrap().to_string();
    assert!(error.contains("log-0000000000000002 is damaged at offset 512"), "{error}");
    // A whole segment that is gone is missed where it should begin.
    let disk = disk.kill();
    disk.set_content("log-0000000000000002", Vec::new());
    let error = try_open(&disk).err().unwrap().to_string();
    assert!(error.contains("log-0000000000000001"), "{error}");
}

#[test]
fn a_damaged_segment_header_stops_the_start_and_an_unfinished_one_does_not() {
    let disk = three_batches(1);
    disk.flip_bit(FIRST_SEGMENT, 40 * 8);
    assert!(matches!(try_open(&disk), Err(LogError::Corrupt { offset: 0, .. })));
    let disk = three_batches(1);
    disk.flip_bit(FIRST_SEGMENT, 9 * 8);
    assert!(matches!(try_open(&disk), Err(LogError::Version { found: 0x101, known: 1, .. })));
    let disk = three_batches(3);
    disk.set_content("log-0000000000000002", vec![0; SEGMENT_SIZE_BYTES as usize]);
    disk.set_content("unknown", b"not the log's".to_vec());
    let (log, _) = open(&disk);
    assert_eq!(read(&log), contents(&[0, 1, 2]));
    assert_eq!(disk.names(), [FIRST_SEGMENT, "log-0000000000000003", "unknown"]);
}

#[test]
fn starts_without_records_leave_no_segments_behind() {
    let disk = SimDisk::new();
    for round in 1..5 {
        let (log, recovery) = open(&disk);
        assert_eq!((recovery.epoch, recovery.first, recovery.last), (Epoch(round), Lsn(1), Lsn(0)));
        log.close().unwrap();
    }
    assert_eq!(disk.names().len(), 1);
}

/// The only segment of a log in its first epoch.
fn first_segment(opens_epoch: bool, synced: Lsn) -> SegmentHeader {
    SegmentHeader { sequence: 1, salt: 7, epoch: Epoch(1), opens_epoch, epoch_first: Lsn(1), synced }
}

/// A batch as it lies in that segment; a clean end where there are no records.
fn batch_bytes(header: &SegmentHeader, first: Lsn, contents: &[Content]) -> Vec<u8> {
    let effects = batch_of(first, contents).effects().to_vec();
    let batch = BatchHeader {
        kind: if contents.is_empty() { BatchKind::CleanEnd } else { BatchKind::Records },
        epoch: header.epoch,
        count: contents.len() as u32,
        first,
        synced: Lsn::NONE,
        effects_size: effects.len() as u64,
        bodies_size: 0,
        effects_checksum: crc32c::crc32c(&effects),
        bodies_checksum: 0,
    };
    let mut bytes = batch.encode(header.batch_seed()).to_vec();
    bytes.extend_from_slice(&effects);
    bytes.resize(bytes.len().next_multiple_of(BATCH_ALIGNMENT_BYTES as usize), 0);
    bytes
}

#[test]
fn behind_a_clean_end_only_the_next_record_follows() {
    let header = first_segment(false, Lsn::NONE);
    let content_with = |first: Lsn| {
        let mut content = header.encode().to_vec();
        content.extend(batch_bytes(&header, Lsn(1), &[]));
        content.extend(batch_bytes(&header, first, &[plain(1, 20)]));
        content
    };
    let disk = SimDisk::new();
    disk.set_content(&segment_name(1), content_with(Lsn(1)));
    assert_eq!(open(&disk).1.last, Lsn(1));

    let disk = SimDisk::new();
    disk.set_content(&segment_name(1), content_with(Lsn(239)));
    let (log, recovery) = open(&disk);
    assert_eq!((recovery.last, recovery.was_closed), (Lsn::NONE, true));
    append(&log, &contents(&[7]));
    log.sync().unwrap();
    for _ in 0..2 {
        let (log, recovery) = open(&disk.kill());
        assert_eq!((recovery.first, recovery.last, read(&log)), (Lsn(1), Lsn(1), contents(&[7])));
    }
}

#[test]
fn a_torn_batch_with_a_synced_record_is_damage_and_no_tail() {
    let header = first_segment(true, Lsn(2));
    let mut content = header.encode().to_vec();
    content.extend(batch_bytes(&header, Lsn(1), &[plain(1, 20), plain(2, 20), plain(3, 20)]));
    content.resize(4096, 0);
    let disk = SimDisk::new();
    disk.set_content(&segment_name(1), content.clone());
    assert_eq!(open(&disk).1.last, Lsn(3));

    content[SEGMENT_HEADER_SIZE_BYTES as usize + BATCH_HEADER_SIZE_BYTES + 10] ^= 1;
    let disk = SimDisk::new();
    disk.set_content(&segment_name(1), content);
    let error = try_open(&disk).err().expect("record 2 was synced and is gone");
    assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
}
