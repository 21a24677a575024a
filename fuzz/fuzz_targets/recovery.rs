//! Any files as a log, most of them with checksums that are right: the start succeeds or names what is
//! damaged, without a panic; what it then gives, it gives again at the next start, and records written
//! behind it stay.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use warren_log::format::{
    BATCH_ALIGNMENT_BYTES, BATCH_HEADER_SIZE_BYTES, BatchHeader, BatchKind, SegmentHeader, segment_name,
};
use warren_log::{Log, LogError, LogOptions};
use warren_sim::SimDisk;
use warren_units::{Batch, Epoch, Lsn};

const OPTIONS: LogOptions = LogOptions { segment_size_bytes: 4096, salt: 9 };

/// What a segment holds: fields of a batch header, what lies behind it, and a byte to damage all of it with.
type Piece<'a> = ([u8; 6], &'a [u8], Option<u8>);

fuzz_target!(|segments: Vec<([u8; 4], Vec<Piece<'_>>)>| {
    let disk = SimDisk::new();
    for (index, (fields, pieces)) in segments.iter().enumerate() {
        let sequence = index as u64 + 1;
        disk.set_content(&segment_name(sequence), segment(sequence, *fields, pieces));
    }
    let Ok((log, recovery)) = open(&disk) else { return };
    let _ = log.verify();
    for lsn in recovery.first.0..=recovery.last.0.min(recovery.first.0.saturating_add(100)) {
        let _ = log.read_body(Lsn(lsn), 0);
    }
    let Ok(mut records) = read(&log) else { return };
    assert_eq!(records.last().map_or(recovery.last, |(lsn, _)| *lsn), recovery.last);

    let mut batch = Batch::new(recovery.last.next());
    batch.effect().extend(b"new");
    batch.finish_record();
    records.push((batch.first(), b"new".to_vec()));
    drop(log.write(log.reserve(batch).unwrap()).unwrap());
    log.sync().unwrap();
    let (log, _) = open(&disk.kill()).expect("a log that was opened opens again");
    assert!(read(&log).expect("what was read is read again") == records);
});

fn open(disk: &SimDisk) -> Result<(Log, warren_log::Recovery), LogError> {
    Log::open(Arc::new(disk.clone()), OPTIONS)
}

fn read(log: &Log) -> Result<Vec<(Lsn, Vec<u8>)>, LogError> {
    let mut records = Vec::new();
    log.replay(Lsn::NONE, |record, bodies| {
        let _ = bodies.read(0);
        records.push((record.lsn, record.effects.to_vec()));
        Ok::<(), LogError>(())
    })?;
    Ok(records)
}

fn segment(sequence: u64, fields: [u8; 4], pieces: &[Piece<'_>]) -> Vec<u8> {
    let [epoch, flags, epoch_first, synced] = fields;
    let header = SegmentHeader {
        sequence,
        salt: 5,
        epoch: Epoch(u32::from(epoch / 64)),
        opens_epoch: flags & 1 != 0,
        epoch_first: Lsn(u64::from(epoch_first)),
        synced: Lsn(u64::from(synced)),
    };
    let mut content = header.encode().to_vec();
    for (fields, behind, damage) in pieces {
        let [kind, first, count, synced, effects_share, far] = *fields;
        let effects_size = behind.len() * usize::from(effects_share) / 255;
        let (effects, bodies) = behind.split_at(effects_size);
        let batch = BatchHeader {
            kind: if kind < 200 { BatchKind::Records } else { BatchKind::CleanEnd },
            epoch: header.epoch,
            count: if kind < 200 { u32::from(count) } else { 0 },
            first: if far == 255 { Lsn(u64::MAX - u64::from(first)) } else { Lsn(u64::from(first)) },
            synced: Lsn(u64::from(synced)),
            effects_size: if far == 254 { u64::MAX } else { effects.len() as u64 },
            bodies_size: if far == 253 { u64::MAX } else { bodies.len() as u64 },
            effects_checksum: crc32c::crc32c(effects),
            bodies_checksum: crc32c::crc32c(bodies),
        };
        let start = content.len();
        content.extend_from_slice(&batch.encode(header.batch_seed()));
        content.extend_from_slice(behind);
        if let Some(damage) = damage {
            let at = start + usize::from(*damage) % (BATCH_HEADER_SIZE_BYTES + behind.len());
            content[at] ^= 1 + damage / 2;
        }
        content.resize(content.len().next_multiple_of(BATCH_ALIGNMENT_BYTES as usize), 0);
    }
    content.extend_from_slice(&[0; 256]);
    content
}
