//! Records that tell by themselves which they are, and how they come back.

use std::sync::Arc;
use warren_log::{Log, LogError, LogOptions, Recovery};
use warren_sim::{Random, SimDisk};
use warren_units::{Batch, BodyName, Lsn};

pub const SEGMENT_SIZE_BYTES: u64 = 8 * 1024;

/// Effects, bodies.
pub type Content = (Vec<u8>, Vec<Vec<u8>>);

pub fn options() -> LogOptions {
    LogOptions { segment_size_bytes: SEGMENT_SIZE_BYTES, salt: 42, ..LogOptions::default() }
}

pub fn try_open(disk: &SimDisk) -> Result<(Log, Recovery), LogError> {
    Log::open(Arc::new(disk.clone()), options())
}

pub fn open(disk: &SimDisk) -> (Log, Recovery) {
    try_open(disk).unwrap()
}

/// A record with effects of `size` bytes and no bodies.
pub fn plain(tag: u8, size: usize) -> Content {
    (vec![tag; size], Vec::new())
}

pub fn random_content(random: &mut Random) -> Content {
    let effects_size = random.below(200) as usize;
    let body_count = if random.chance(50) { random.below(4) } else { 0 };
    let effects = random.bytes(effects_size);
    let bodies = (0..body_count).map(|_| {
        let size = if random.chance(10) { random.below(3000) } else { random.below(300) };
        random.bytes(size as usize)
    });
    (effects, bodies.collect())
}

pub fn batch_of(first: Lsn, contents: &[Content]) -> Batch {
    let mut batch = Batch::new(first);
    for (effects, bodies) in contents {
        batch.effect().extend(effects);
        for body in bodies {
            batch.body_slice(body);
        }
        batch.finish_record();
    }
    batch
}

/// Writes the records as one batch behind everything written so far.
pub fn append(log: &Log, contents: &[Content]) -> Lsn {
    let batch = batch_of(log.progress().written.next(), contents);
    let last = batch.last();
    log.write(log.reserve(batch).unwrap()).unwrap();
    last
}

/// All records from `from` on, with their bodies.
pub fn try_read(log: &Log, from: Lsn) -> Result<Vec<(Lsn, Content)>, LogError> {
    let mut read = Vec::new();
    for chunk in log.chunks(from)? {
        for record in chunk?.records() {
            let body = |ordinal| log.read_body(BodyName { lsn: record.lsn, ordinal });
            let count = record.body_sizes().len() as u32;
            let bodies: Result<Vec<Vec<u8>>, LogError> =
                (0..count).map(|ordinal| Ok(body(ordinal)?.to_vec())).collect();
            read.push((record.lsn, (record.effects.to_vec(), bodies?)));
            if record.lsn.0.is_multiple_of(16) {
                assert!(matches!(body(count), Err(LogError::NoBody { .. } | LogError::Corrupt { .. })));
            }
        }
    }
    Ok(read)
}

pub fn read(log: &Log) -> Vec<Content> {
    let read = try_read(log, Lsn(1)).unwrap();
    assert!(read.iter().zip(1..).all(|((lsn, _), expected)| lsn.0 == expected), "records are gap-free");
    read.into_iter().map(|(_, content)| content).collect()
}
