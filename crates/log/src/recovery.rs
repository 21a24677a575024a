//! Opening a log: where does it end, and is anything missing before that?
//!
//! **The chain.** Segments are walked in the order of their sequence numbers, from batch header to batch
//! header. A batch counts if its LSN follows the one before. Where a segment does not go on, the next one
//! whose first batch, or whose epoch, begins at the expected LSN does.
//!
//! **Tail or damage.** Say the chain ends before LSN `e`. Every header, of segments and of batches, carries
//! the synced LSN known when it was written. What lies behind the end is searched for whole batch headers;
//! if any header of the log claims a synced LSN of `e` or more, a synced record is gone: the start is
//! refused, the place named. Otherwise no one was told that `e` is safe: it is the tail and is cut.
//! Batches above the highest claim may be torn though their header is whole, so all of them is read and
//! checked; those at or below it are checked when they are read.
//!
//! **The epoch.** Each start then syncs what it kept and opens a new epoch in a new segment, whose header
//! names the first LSN of the epoch. From then on, records of older epochs from that LSN on do not count,
//! whatever the disk brings back. That header is durable before the log takes a record, so a batch that
//! was whole behind a torn one can never follow on a new record. Dead segments are deleted and the cut one
//! is shortened, but nothing depends on it.
//!
//! The log's own files are all it touches; it never repairs.

use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{
    BATCH_ALIGNMENT_BYTES, BATCH_HEADER_SIZE_BYTES, BATCH_MAGIC, BadBatchHeader, BatchHeader, BatchKind,
    SEGMENT_HEADER_SIZE_BYTES, SegmentHeader, segment_sequence,
};
use crate::reserve::RESERVE_NAME;
use crate::room::{opening_size, segment_salt};
use crate::segment::{PlacedBatch, Segment, is_zero};
use crate::writer::{Log, LogOptions};
use std::fmt;
use std::sync::Arc;
use warren_units::{Epoch, Lsn};

/// A log is opened with a smaller first segment rather than not at all, down to this size.
const OPENING_SIZE_BYTES_MIN: u64 = 256 * 1024;
const SEARCH_SIZE_BYTES: u64 = 1024 * 1024;

/// What opening a log found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// The epoch that begins with this start.
    pub epoch: Epoch,
    /// Oldest record there is; behind `last` if there is none.
    pub first: Lsn,
    /// Newest record there is.
    pub last: Lsn,
    /// The log was closed in order, or never used.
    pub was_closed: bool,
    /// What was cut off the end.
    pub cut: Option<Cut>,
}

/// A torn tail: bytes that no one was told are safe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    pub segment: String,
    pub offset: u64,
    pub reason: &'static str,
    pub size_bytes: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { segment, offset, reason, size_bytes } = self;
        write!(formatter, "log cut in {segment} at offset {offset}: {reason}; {size_bytes} bytes dropped")
    }
}

impl Log {
    /// Opens the log on a disk, or makes one. The log begins a new epoch; everything that
    /// [`Log::replay`] then gives is synced.
    pub fn open(disk: Arc<dyn Disk>, options: LogOptions) -> Result<(Log, Recovery), LogError> {
        let found = find_segments(&*disk)?;
        let sequence = found.newest_sequence + 1;
        let mut chain = Chain::walk(found.segments)?;
        let debris = chain.search_behind_end()?;
        let claim = chain.claim.max(debris.claim);
        if claim >= chain.next {
            return Err(chain.damage(claim));
        }
        chain.check_unsynced(claim)?;
        let cut = chain.cut_from(&debris);
        let mut segments = chain.clear_dead(&*disk, found.unfinished)?;
        let epoch = Epoch(chain.newest_epoch.0 + 1);
        let header = SegmentHeader {
            sequence,
            salt: segment_salt(&options, sequence),
            epoch,
            opens_epoch: true,
            epoch_first: chain.next,
            synced: Lsn(chain.next.0 - 1),
        };
        let (current, size) = open_epoch(&*disk, header, options.segment_size_bytes)?;
        let first = segments.iter().find_map(|segment| segment.records());
        let first = first.map_or(chain.next, |(first, _)| first);
        let recovery = Recovery { epoch, first, last: header.synced, was_closed: chain.was_closed, cut };
        segments.push(current.clone());
        Ok((Log::new(disk, options, segments, current, size, chain.next), recovery))
    }
}

/// Makes the segment that opens an epoch, a small one on a full disk.
pub(crate) fn open_epoch(
    disk: &dyn Disk,
    header: SegmentHeader,
    size_wanted: u64,
) -> Result<(Arc<Segment>, u64), LogError> {
    let mut size = opening_size(size_wanted);
    loop {
        match Segment::create(disk, header, size) {
            Err(error) if error.is_storage_full() && disk.remove(RESERVE_NAME).is_ok() => {}
            Err(error) if error.is_storage_full() && size / 2 >= OPENING_SIZE_BYTES_MIN => size /= 2,
            made => return Ok((Arc::new(made?), size)),
        }
    }
}

struct Found {
    /// In the order of their sequence numbers.
    segments: Vec<Segment>,
    /// Files whose making was never finished.
    unfinished: Vec<String>,
    newest_sequence: u64,
}

fn find_segments(disk: &dyn Disk) -> Result<Found, LogError> {
    let mut names = disk.list().map_err(LogError::io("list", "the log's directory"))?;
    names.retain(|name| segment_sequence(name).is_some());
    names.sort_unstable();
    let newest_sequence = names.last().and_then(|name| segment_sequence(name)).unwrap_or(0);
    let mut found = Found { segments: Vec::new(), unfinished: Vec::new(), newest_sequence };
    for name in names {
        match Segment::open(disk, &name)? {
            Some(segment) => found.segments.push(segment),
            None => found.unfinished.push(name),
        }
    }
    Ok(found)
}

/// The batches that follow on each other, through all segments.
struct Chain {
    /// All segments, and for each the LSN from which its records do not count.
    segments: Vec<(Arc<Segment>, Lsn)>,
    /// LSN that the next record would have.
    next: Lsn,
    newest_epoch: Epoch,
    /// Highest synced LSN that a header of the chain, or of any segment, claims.
    claim: Lsn,
    /// False until it is known where the log begins.
    has_begun: bool,
    /// Where the chain ends.
    end: End,
    /// A damaged first batch in the segment that should have gone on there.
    damaged_next: Option<End>,
    was_closed: bool,
}

#[derive(Clone, Copy)]
struct End {
    /// Index of the segment.
    index: usize,
    offset: u64,
    /// Why there is no batch.
    reason: &'static str,
}

/// What lies behind the end of the chain.
struct Debris {
    /// Highest synced LSN that a whole batch header in it claims.
    claim: Lsn,
    /// End of what is not zero, by segment, for those that the chain passed its last batch.
    ends: Vec<u64>,
}

impl Chain {
    fn walk(segments: Vec<Segment>) -> Result<Chain, LogError> {
        let limits = limits(&segments)?;
        let segments: Vec<_> = segments.into_iter().map(Arc::new).zip(limits).collect();
        let mut chain = Chain {
            next: Lsn(1),
            newest_epoch: segments.last().map_or(Epoch(0), |(segment, _)| segment.header.epoch),
            segments,
            claim: Lsn::NONE,
            has_begun: false,
            end: End { index: 0, offset: SEGMENT_HEADER_SIZE_BYTES, reason: BadBatchHeader::Zeros.reason() },
            damaged_next: None,
            was_closed: true,
        };
        for index in 0..chain.segments.len() {
            chain.walk_segment(index)?;
        }
        Ok(chain)
    }

    /// Adds a segment to the chain if it goes on there.
    fn walk_segment(&mut self, index: usize) -> Result<(), LogError> {
        let (segment, limit) = self.segments[index].clone();
        let header = segment.header;
        self.claim = self.claim.max(before_limit(header.synced, limit));
        let mut goes_on = false;
        if header.opens_epoch && (!self.has_begun || header.epoch_first == self.next) {
            (goes_on, self.has_begun, self.was_closed) = (true, true, false);
            self.next = header.epoch_first;
        }
        // What came before the oldest segment was deleted: its first batch says where the log begins.
        let expected = self.has_begun.then_some(self.next);
        let mut batches = segment.batches(SEGMENT_HEADER_SIZE_BYTES, expected)?;
        while let Some(batch) = batches.next()? {
            if batch.header.first >= limit {
                if !self.has_begun {
                    return Ok(());
                }
                break;
            }
            let last = before_limit(batch.header.last(), limit);
            self.claim = self.claim.max(before_limit(batch.header.synced, limit));
            self.was_closed = batch.header.kind == BatchKind::CleanEnd;
            self.next = last.next();
            (goes_on, self.has_begun) = (true, true);
            segment.note_batch(batch.header.first, last, batch.offset, batch.end());
        }
        let end = End { index, offset: segment.end(), reason: batches.ended };
        if goes_on {
            (self.end, self.damaged_next) = (end, None);
        } else if !self.has_begun {
            let reason = format!("the first batch of the log is not readable: {}", end.reason);
            return Err(LogError::corrupt(&segment.name, end.offset, reason));
        } else if end.reason == BadBatchHeader::Damaged.reason() && self.damaged_next.is_none() {
            self.damaged_next = Some(end);
        }
        Ok(())
    }

    /// Searches everything behind the end for batch headers and for bytes that are not zero.
    fn search_behind_end(&self) -> Result<Debris, LogError> {
        let ends = self.segments.iter().map(|(segment, _)| segment.end()).collect();
        let mut debris = Debris { claim: Lsn::NONE, ends };
        if self.was_closed {
            return Ok(debris);
        }
        for (index, (segment, limit)) in self.segments.iter().enumerate().skip(self.end.index) {
            let is_end = index == self.end.index;
            let from = if is_end { self.end.offset } else { SEGMENT_HEADER_SIZE_BYTES };
            let (claim, end) = search(segment, from)?;
            debris.claim = debris.claim.max(before_limit(claim, *limit));
            debris.ends[index] = end;
        }
        Ok(debris)
    }

    /// Checks the batches above the highest claim, which may be torn behind their header, and ends the
    /// chain before the first that is. What is kept is synced: so far it may be in the page cache only.
    fn check_unsynced(&mut self, claim: Lsn) -> Result<(), LogError> {
        for index in 0..self.segments.len() {
            let segment = self.segments[index].0.clone();
            if segment.records().is_none_or(|(_, last)| last <= claim) {
                continue;
            }
            let torn = first_torn_batch(&segment, claim)?;
            if let Some((batch, reason)) = torn {
                self.next = batch.header.first;
                self.was_closed = false;
                self.end = End { index, offset: batch.offset, reason };
                for (behind, (segment, _)) in self.segments.iter().enumerate().skip(index) {
                    let offset = if behind == index { batch.offset } else { SEGMENT_HEADER_SIZE_BYTES };
                    segment.forget_from(offset, Lsn(self.next.0 - 1));
                }
            }
            segment.file.sync().map_err(LogError::io("sync", &segment.name))?;
            if torn.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Where the chain breaks off, as told to the operator.
    fn break_place(&self) -> End {
        if self.end.reason == BadBatchHeader::Damaged.reason() {
            return self.end;
        }
        self.damaged_next.unwrap_or(self.end)
    }

    /// What is dropped, if anything but unused room lies behind the chain's end.
    fn cut_from(&self, debris: &Debris) -> Option<Cut> {
        let dropped = debris.ends.iter().enumerate().skip(self.end.index).map(|(index, end)| {
            let is_end = index == self.end.index;
            end - if is_end { self.end.offset } else { SEGMENT_HEADER_SIZE_BYTES }
        });
        let size_bytes: u64 = dropped.sum();
        let End { index, offset, reason } = self.break_place();
        (size_bytes > 0).then(|| Cut { segment: self.name(index), offset, reason, size_bytes })
    }

    fn name(&self, index: usize) -> String {
        self.segments[index].0.name.clone()
    }

    /// Where a record that was synced is gone.
    fn damage(&self, claim: Lsn) -> LogError {
        let End { index, offset, reason } = self.break_place();
        let reason = format!(
            "{reason}, but record {} should be here: the log was synced up to record {claim}",
            self.next
        );
        LogError::corrupt(&self.name(index), offset, reason)
    }

    /// Deletes segments in which no record counts, and answers the others, oldest first. A crash in between
    /// finds the same end again: no record is written before the next epoch is open.
    fn clear_dead(&self, disk: &dyn Disk, unfinished: Vec<String>) -> Result<Vec<Arc<Segment>>, LogError> {
        let mut removed = unfinished;
        let mut kept = Vec::new();
        for (segment, _) in &self.segments {
            if segment.records().is_none() {
                removed.push(segment.name.clone());
                continue;
            }
            let (end, size) = (segment.end(), segment.file.size());
            if size.map_err(LogError::io("read", &segment.name))? > end {
                segment.file.truncate(end).map_err(LogError::io("shorten", &segment.name))?;
                segment.file.sync().map_err(LogError::io("sync", &segment.name))?;
            }
            kept.push(segment.clone());
        }
        for name in &removed {
            disk.remove(name).map_err(LogError::io("remove", name))?;
        }
        disk.sync_directory().map_err(LogError::io("sync", "the log's directory"))?;
        Ok(kept)
    }
}

/// For each segment, the LSN from which its records do not count: where the next epoch begins.
fn limits(segments: &[Segment]) -> Result<Vec<Lsn>, LogError> {
    let mut limits = vec![Lsn(u64::MAX); segments.len()];
    for index in (1..segments.len()).rev() {
        let (older, newer) = (&segments[index - 1].header, &segments[index].header);
        limits[index - 1] = match older.epoch.cmp(&newer.epoch) {
            std::cmp::Ordering::Less => limits[index].min(newer.epoch_first),
            std::cmp::Ordering::Equal => limits[index],
            std::cmp::Ordering::Greater => {
                let reason = format!("epoch {} follows epoch {}", newer.epoch, older.epoch);
                return Err(LogError::corrupt(&segments[index].name, 0, reason));
            }
        };
    }
    Ok(limits)
}

/// The first batch above `claim` whose effects or bodies do not match their checksum.
fn first_torn_batch(segment: &Segment, claim: Lsn) -> Result<Option<(PlacedBatch, &'static str)>, LogError> {
    let end = segment.end();
    let mut batches = segment.batches(segment.offset_before(claim), None)?;
    while batches.offset < end {
        let Some(batch) = batches.next()? else { break };
        if batch.header.last() <= claim {
            continue;
        }
        if batches.effects(&batch)?.is_none() {
            return Ok(Some((batch, "the effects of the batch are torn")));
        }
        if !batches.are_bodies_good(&batch)? {
            return Ok(Some((batch, "the bodies of the batch are torn")));
        }
    }
    Ok(None)
}

fn before_limit(lsn: Lsn, limit: Lsn) -> Lsn {
    lsn.min(Lsn(limit.0.saturating_sub(1)))
}

/// Searches a segment from `from` on for whole batch headers: the highest synced LSN that one claims, and
/// the end of what is not zero.
fn search(segment: &Segment, from: u64) -> Result<(Lsn, u64), LogError> {
    let mut window = segment.window()?;
    let (mut claim, mut end, mut offset) = (Lsn::NONE, from, from);
    while offset < window.size() {
        // Each piece overlaps the next one by a header.
        let size = (window.size() - offset).min(SEARCH_SIZE_BYTES + BATCH_HEADER_SIZE_BYTES as u64);
        let Some(bytes) = window.slice(offset, size)? else { break };
        if !is_zero(bytes) {
            let nonzero = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
            end = end.max(offset + nonzero);
            for place in (0..bytes.len()).step_by(BATCH_ALIGNMENT_BYTES as usize) {
                let Some(header) = bytes[place..].first_chunk::<BATCH_HEADER_SIZE_BYTES>() else { break };
                if header[..4] != BATCH_MAGIC {
                    continue;
                }
                match BatchHeader::decode(header, segment.seed()) {
                    Ok(header) if header.epoch == segment.header.epoch => claim = claim.max(header.synced),
                    _ => {}
                }
            }
        }
        offset += SEARCH_SIZE_BYTES;
    }
    Ok((claim, end))
}
