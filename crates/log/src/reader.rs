//! Reading back: all records in order, or everything to see that it is whole. What is read here was found
//! good or synced before, so bytes that do not match are damage, never a tail.

use crate::error::LogError;
use crate::segment::{Batches, PlacedBatch, Segment, lock};
use crate::writer::Log;
use std::sync::Arc;
use warren_units::{Lsn, Record};

/// A chunk takes batches until it holds as many bytes.
const CHUNK_SIZE_BYTES: usize = 256 * 1024;

/// The records of the log in order, in chunks, each read and checked when it is asked for. They may be gone
/// through on another thread than the one that applies them.
pub struct LogChunks {
    /// Those still to be read, the next one last.
    segments: Vec<Arc<Segment>>,
    /// Those of the segment that is being read, and its last record that counts.
    batches: Option<(Batches, Lsn)>,
    /// The next record to be given, and the last.
    next: Lsn,
    last: Lsn,
    done_bytes: u64,
    total_bytes: u64,
}

/// Consecutive records.
pub struct LogChunk {
    /// LSN of the first record.
    pub first: Lsn,
    /// How much of the log has been read with it.
    pub done_bytes: u64,
    records: Vec<u8>,
}

impl LogChunk {
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let (mut rest, mut lsn) = (&self.records[..], self.first);
        std::iter::from_fn(move || {
            let (record, behind) = Record::parse(lsn, rest)?;
            (rest, lsn) = (behind, lsn.next());
            Some(record)
        })
    }
}

impl LogChunks {
    /// The records from `from` to `newest` in `segments`, oldest first.
    pub(crate) fn of(segments: &[Arc<Segment>], from: Lsn, newest: Lsn) -> Result<LogChunks, LogError> {
        let oldest = segments.iter().find_map(|segment| segment.records());
        let oldest = oldest.map_or(newest.next(), |(first, _)| first);
        let next = if from == Lsn::NONE { oldest } else { from };
        if !(oldest..=newest.next()).contains(&next) {
            return Err(LogError::Missing { wanted: from, first: oldest, last: newest });
        }
        let needed = |segment: &&Arc<Segment>| segment.records().is_some_and(|(_, last)| last >= next);
        let segments: Vec<_> = segments.iter().filter(needed).rev().cloned().collect();
        let behind = Lsn(next.0 - 1);
        let total_bytes = segments.iter().map(|segment| segment.bytes_behind(behind)).sum();
        Ok(LogChunks { segments, batches: None, next, last: newest, done_bytes: 0, total_bytes })
    }

    /// What [`LogChunk::done_bytes`] comes to in the end.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    fn read(&mut self) -> Result<Option<LogChunk>, LogError> {
        let mut chunk = LogChunk { first: self.next, done_bytes: 0, records: Vec::new() };
        while self.next <= self.last && chunk.records.len() < CHUNK_SIZE_BYTES {
            if !self.read_batch(&mut chunk.records)? {
                break;
            }
        }
        chunk.done_bytes = self.done_bytes;
        Ok((!chunk.records.is_empty()).then_some(chunk))
    }

    /// Adds the records of the next batch; false behind the last.
    fn read_batch(&mut self, records: &mut Vec<u8>) -> Result<bool, LogError> {
        let (batches, held) = match &mut self.batches {
            Some(batches) => batches,
            None => {
                let Some(segment) = self.segments.pop() else { return Ok(false) };
                let offset = segment.offset_before(self.next);
                // Records at the segment's end may have been given up.
                let held = segment.records().map_or(Lsn::NONE, |(_, last)| last).min(self.last);
                self.batches.insert((segment.batches(offset, None)?, held))
            }
        };
        let held = *held;
        let batch = next_batch(batches)?;
        self.done_bytes += batch.header.span_bytes();
        if batch.header.last() >= self.next {
            let range = self.next..=held;
            visit_records(batches, &batch, |record, bytes| {
                if range.contains(&record.lsn) {
                    records.extend_from_slice(bytes);
                }
            })?;
        }
        self.next = self.next.max(batch.header.last().min(held).next());
        if self.next > held {
            self.batches = None;
        }
        Ok(true)
    }
}

impl Iterator for LogChunks {
    type Item = Result<LogChunk, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.read().transpose();
        if !matches!(chunk, Some(Ok(_))) {
            self.last = Lsn::NONE;
        }
        chunk
    }
}

impl Log {
    /// The records from `from` on up to the newest that is written, in chunks; `Lsn::NONE` stands for the
    /// oldest there is.
    pub fn chunks(&self, from: Lsn) -> Result<LogChunks, LogError> {
        let newest = self.progress().written;
        LogChunks::of(&lock(&self.segments), from, newest)
    }
}

/// The next batch with records, which is known to be there.
pub(crate) fn next_batch(batches: &mut Batches) -> Result<PlacedBatch, LogError> {
    match batches.next()? {
        Some(batch) => Ok(batch),
        None => Err(LogError::corrupt(&batches.segment.name, batches.offset, batches.ended)),
    }
}

/// Visits the records of a batch, each with its bytes, and checks that they fill it.
pub(crate) fn visit_records(
    batches: &mut Batches,
    batch: &PlacedBatch,
    mut visit: impl FnMut(&Record<'_>, &[u8]),
) -> Result<(), LogError> {
    let (segment, effects) = batches.effects(batch)?;
    let Some(mut rest) = effects else { return Err(bad_effects(segment, batch)) };
    let mut bodies_size = 0;
    for index in 0..u64::from(batch.header.count) {
        let lsn = Lsn(batch.header.first.0 + index);
        let Some((record, behind)) = Record::parse(lsn, rest) else {
            return Err(bad_framing(segment, batch));
        };
        bodies_size += record.body_sizes().map(u64::from).sum::<u64>();
        visit(&record, &rest[..rest.len() - behind.len()]);
        rest = behind;
    }
    if !rest.is_empty() || bodies_size != batch.header.bodies_size {
        return Err(bad_framing(segment, batch));
    }
    Ok(())
}

pub(crate) fn bad_effects(segment: &Segment, batch: &PlacedBatch) -> LogError {
    damaged(segment, batch, "effects do not match their checksum")
}

pub(crate) fn bad_bodies(segment: &Segment, batch: &PlacedBatch) -> LogError {
    damaged(segment, batch, "bodies do not match their checksum")
}

pub(crate) fn bad_framing(segment: &Segment, batch: &PlacedBatch) -> LogError {
    damaged(segment, batch, "records do not fill their batch")
}

fn damaged(segment: &Segment, batch: &PlacedBatch, what: &str) -> LogError {
    let reason = format!("{what} (records {} to {})", batch.header.first, batch.header.last());
    LogError::corrupt(&segment.name, batch.offset, reason)
}
