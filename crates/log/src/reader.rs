//! Reading back: all records in order, one body by its name, or everything to see that it is whole. What
//! is read here was found good or synced before, so bytes that do not match are damage, never a tail.

use crate::error::LogError;
use crate::segment::{Batches, PlacedBatch, Segment, lock};
use crate::writer::Log;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use warren_units::bounds::SHARED_SIZE_BYTES_MIN;
use warren_units::{Lsn, Record};

/// Batches up to this size stay in memory after one body was read: the next read is often its neighbour.
const CACHED_SIZE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The bodies of one replayed record. They are read, and checked, only when asked for.
pub struct Bodies<'a> {
    segment: &'a Segment,
    batch: &'a PlacedBatch,
    /// All bodies of the batch, once one was asked for.
    loaded: &'a mut Option<Bytes>,
    /// Of this record's first body within the batch's bodies.
    offset: usize,
    sizes: Record<'a>,
}

impl Bodies<'_> {
    pub fn read(&mut self, ordinal: u32) -> Result<Bytes, LogError> {
        let missing = LogError::NoBody { lsn: self.sizes.lsn, ordinal };
        let Some((skip, size)) = body_range(&self.sizes, ordinal) else { return Err(missing) };
        let bodies = match self.loaded {
            Some(bodies) => bodies,
            None => self.loaded.insert(read_bodies(self.segment, self.batch)?),
        };
        Ok(cut_body(bodies, self.offset + skip, size))
    }
}

/// The batch of which a body was read last.
#[derive(Default)]
pub(crate) struct BodyCache {
    first: Lsn,
    last: Lsn,
    effects: Vec<u8>,
    bodies: Bytes,
}

impl BodyCache {
    pub fn clear(&mut self) {
        *self = BodyCache::default();
    }

    fn body(&self, lsn: Lsn, ordinal: u32) -> Option<Bytes> {
        if self.first == Lsn::NONE || lsn < self.first || lsn > self.last {
            return None;
        }
        find_body(&self.effects, self.first, &self.bodies, lsn, ordinal)
    }
}

impl Log {
    /// Gives every record from `from` on to `visit`, in LSN order, up to the newest that is written;
    /// `Lsn::NONE` stands for the oldest there is.
    ///
    /// # Errors
    /// Of the log, or of the visitor.
    pub fn replay<E: From<LogError>>(
        &self,
        from: Lsn,
        mut visit: impl FnMut(Record<'_>, &mut Bodies<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let newest = self.progress().written;
        let segments = lock(&self.segments).clone();
        let oldest = segments.iter().find_map(|segment| segment.records());
        let oldest = oldest.map_or(newest.next(), |(first, _)| first);
        if from != Lsn::NONE && !(oldest..=newest.next()).contains(&from) {
            return Err(LogError::Missing { wanted: from, first: oldest, last: newest }.into());
        }
        for segment in segments {
            let Some((first, last)) = segment.records() else { continue };
            let last = last.min(newest);
            let mut next = first;
            if last < from {
                continue;
            }
            let mut batches = segment.batches(segment.offset_before(from), None)?;
            while next <= last {
                let batch = next_batch(&mut batches)?;
                next = batch.header.last().next();
                if next > from {
                    visit_records(&mut batches, &batch, from, last, &mut visit)?;
                }
            }
        }
        Ok(())
    }

    /// One body by its name.
    pub fn read_body(&self, lsn: Lsn, ordinal: u32) -> Result<Bytes, LogError> {
        if let Some(body) = lock(&self.body_cache).body(lsn, ordinal) {
            return Ok(body);
        }
        let missing = LogError::NoBody { lsn, ordinal };
        let Some(segment) = self.segment_of(lsn) else { return Err(missing) };
        let mut batches = segment.batches(segment.offset_before(lsn), None)?;
        let batch = loop {
            let batch = next_batch(&mut batches)?;
            if batch.header.last() >= lsn {
                break batch;
            }
        };
        let Some(effects) = batches.effects(&batch)? else { return Err(bad_effects(&segment, &batch)) };
        // The batch's last records may have been given up.
        let last_held = segment.records().map_or(Lsn::NONE, |(_, last)| last);
        let read = BodyCache {
            first: batch.header.first,
            last: batch.header.last().min(last_held),
            effects: effects.to_vec(),
            bodies: read_bodies(&segment, &batch)?,
        };
        let body = read.body(lsn, ordinal).ok_or(missing)?;
        if read.effects.len() + read.bodies.len() <= CACHED_SIZE_BYTES_MAX {
            *lock(&self.body_cache) = read;
        }
        Ok(body)
    }

    /// Reads everything that is written and checks it against its checksums; answers the number of records.
    pub fn verify(&self) -> Result<u64, LogError> {
        let newest = self.progress().written;
        let mut count = 0;
        for segment in lock(&self.segments).clone() {
            let Some((_, last)) = segment.records() else { continue };
            let last = last.min(newest);
            let mut batches = segment.batches(segment.offset_before(Lsn::NONE), None)?;
            let mut reached = Lsn::NONE;
            while reached < last {
                let batch = next_batch(&mut batches)?;
                reached = batch.header.last();
                visit_records(&mut batches, &batch, Lsn::NONE, last, &mut |_, _| {
                    count += 1;
                    Ok::<(), LogError>(())
                })?;
                if !batches.are_bodies_good(&batch)? {
                    return Err(bad_bodies(&segment, &batch));
                }
            }
        }
        Ok(count)
    }

    fn segment_of(&self, lsn: Lsn) -> Option<Arc<Segment>> {
        if lsn.0 > self.written.load(Ordering::Acquire) {
            return None;
        }
        let segments = lock(&self.segments);
        let holds = |segment: &&Arc<Segment>| {
            segment.records().is_some_and(|(first, last)| (first..=last).contains(&lsn))
        };
        segments.iter().find(holds).cloned()
    }
}

/// The next batch with records, which is known to be there.
fn next_batch(batches: &mut Batches<'_>) -> Result<PlacedBatch, LogError> {
    match batches.next()? {
        Some(batch) => Ok(batch),
        None => Err(LogError::corrupt(&batches.segment.name, batches.offset, batches.ended)),
    }
}

/// Visits the records of a batch that lie between `from` and `last`.
fn visit_records<E: From<LogError>>(
    batches: &mut Batches<'_>,
    batch: &PlacedBatch,
    from: Lsn,
    last: Lsn,
    visit: &mut impl FnMut(Record<'_>, &mut Bodies<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let segment = batches.segment;
    let Some(mut rest) = batches.effects(batch)? else { return Err(bad_effects(segment, batch).into()) };
    let (mut loaded, mut offset) = (None, 0);
    for index in 0..u64::from(batch.header.count) {
        let lsn = Lsn(batch.header.first.0 + index);
        let Some((record, behind)) = Record::parse(lsn, rest) else {
            return Err(bad_framing(segment, batch).into());
        };
        let size: u64 = record.body_sizes().map(u64::from).sum();
        if offset + size > batch.header.bodies_size {
            return Err(bad_framing(segment, batch).into());
        }
        if lsn >= from && lsn <= last {
            let sizes = record.clone();
            let mut bodies = Bodies { segment, batch, loaded: &mut loaded, offset: offset as usize, sizes };
            visit(record, &mut bodies)?;
        }
        offset += size;
        rest = behind;
    }
    if !rest.is_empty() || offset != batch.header.bodies_size {
        return Err(bad_framing(segment, batch).into());
    }
    Ok(())
}

/// All bodies of a batch, checked.
fn read_bodies(segment: &Segment, batch: &PlacedBatch) -> Result<Bytes, LogError> {
    // The header was checked and fits its file, so the size is no more than what the file holds.
    let mut bodies = vec![0; batch.header.bodies_size as usize];
    if !bodies.is_empty() {
        let read = segment.file.read_at(batch.bodies_offset(), &mut bodies);
        read.map_err(LogError::io("read", &segment.name))?;
    }
    if crc32c::crc32c(&bodies) != batch.header.bodies_checksum {
        return Err(bad_bodies(segment, batch));
    }
    Ok(Bytes::from(bodies))
}

fn find_body(effects: &[u8], first: Lsn, bodies: &Bytes, lsn: Lsn, ordinal: u32) -> Option<Bytes> {
    let (mut rest, mut offset, mut next) = (effects, 0, first);
    loop {
        let (record, behind) = Record::parse(next, rest)?;
        if next == lsn {
            let (skip, size) = body_range(&record, ordinal)?;
            return (offset + skip + size <= bodies.len()).then(|| cut_body(bodies, offset + skip, size));
        }
        offset += record.body_sizes().map(|size| size as usize).sum::<usize>();
        (rest, next) = (behind, next.next());
    }
}

/// Offset within the record's bodies, and size.
fn body_range(record: &Record<'_>, ordinal: u32) -> Option<(usize, usize)> {
    let mut sizes = record.body_sizes().map(|size| size as usize);
    let skip = sizes.by_ref().take(ordinal as usize).sum();
    Some((skip, sizes.next()?))
}

/// A large body shares the batch's memory, a small one must not hold on to it.
fn cut_body(bodies: &Bytes, offset: usize, size: usize) -> Bytes {
    if size < SHARED_SIZE_BYTES_MIN {
        Bytes::copy_from_slice(&bodies[offset..offset + size])
    } else {
        bodies.slice(offset..offset + size)
    }
}

pub(crate) fn bad_effects(segment: &Segment, batch: &PlacedBatch) -> LogError {
    damaged(segment, batch, "effects do not match their checksum")
}

pub(crate) fn bad_bodies(segment: &Segment, batch: &PlacedBatch) -> LogError {
    damaged(segment, batch, "bodies do not match their checksum")
}

fn bad_framing(segment: &Segment, batch: &PlacedBatch) -> LogError {
    damaged(segment, batch, "records do not fill their batch")
}

fn damaged(segment: &Segment, batch: &PlacedBatch, what: &str) -> LogError {
    let reason = format!("{what} (records {} to {})", batch.header.first, batch.header.last());
    LogError::corrupt(&segment.name, batch.offset, reason)
}
