//! The chain of batches: which records of the segments found on a disk count, and where they end. The argument
//! is in [`crate::recovery`].

use crate::checkpoint::found::Stored;
use crate::checkpoint::writer::remove;
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{
    BATCH_ALIGNMENT_BYTES, BATCH_HEADER_SIZE_BYTES, BATCH_MAGIC, BadBatchHeader, BatchHeader, BatchKind,
    SEGMENT_HEADER_SIZE_BYTES,
};
use crate::recovery::Cut;
use crate::segment::{PlacedBatch, Segment, Survey, is_zero, lock};
use std::sync::{Arc, Mutex, PoisonError};
use warren_units::{Epoch, Lsn};

const SEARCH_SIZE_BYTES: u64 = 1024 * 1024;

/// The batches that follow on each other, through all segments.
pub(crate) struct Chain {
    /// All segments, and for each the LSN from which its records do not count.
    segments: Vec<(Arc<Segment>, Lsn)>,
    /// LSN that the next record would have.
    pub next: Lsn,
    pub newest_epoch: Epoch,
    /// Highest synced LSN that the checkpoint, a header of the chain or that of any segment claims.
    pub claim: Lsn,
    /// Where the log begins, once that is known, and in which segment.
    begin: Option<(Lsn, usize)>,
    /// Where the chain ends.
    end: End,
    /// A damaged first batch in the segment that should have gone on there.
    damaged_next: Option<End>,
    pub was_closed: bool,
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
pub(crate) struct Debris {
    /// Highest synced LSN that a whole batch header in it claims.
    pub claim: Lsn,
    /// End of what is not zero, by segment, for those that the chain passed its last batch.
    ends: Vec<u64>,
}

impl Chain {
    pub fn walk(disk: &dyn Disk, segments: Vec<Segment>, stored: &Stored) -> Result<Chain, LogError> {
        let limits = limits(&segments)?;
        let segments: Vec<_> = segments.into_iter().map(Arc::new).zip(limits).collect();
        let mut chain = Chain {
            next: stored.lsn().next(),
            newest_epoch: segments.last().map_or(Epoch(0), |(segment, _)| segment.header.epoch),
            segments,
            claim: stored.lsn(),
            begin: None,
            end: End { index: 0, offset: SEGMENT_HEADER_SIZE_BYTES, reason: BadBatchHeader::Zeros.reason() },
            damaged_next: None,
            was_closed: true,
        };
        let surveys = chain.survey(disk);
        for (index, survey) in surveys.into_iter().enumerate() {
            chain.add_segment(index, survey)?;
        }
        chain.check_begin(stored)?;
        Ok(chain)
    }

    /// Looks through each segment by itself, as many at once as the disk likes: almost all of a start's waiting
    /// for a disk is here. `None` where that failed.
    fn survey(&self, disk: &dyn Disk) -> Vec<Option<Survey>> {
        let names: Vec<&str> = self.segments.iter().map(|(segment, _)| segment.name.as_str()).collect();
        let surveys: Vec<Mutex<Option<Survey>>> = names.iter().map(|_| Mutex::default()).collect();
        disk.visit_each(&names, &|index| {
            *lock(&surveys[index]) = self.segments[index].0.survey().ok();
        });
        surveys
            .into_iter()
            .map(|survey| survey.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    /// The log has to go on where the checkpoint ends, or from the first record on.
    fn check_begin(&self, stored: &Stored) -> Result<(), LogError> {
        match (self.begin, &stored.checkpoint) {
            (Some((first, index)), _) if first > stored.lsn().next() => {
                let reason = format!(
                    "the log begins with record {first} here, but it should go on with record {}",
                    stored.lsn().next()
                );
                Err(LogError::corrupt(&self.name(index), SEGMENT_HEADER_SIZE_BYTES, reason))
            }
            (None, Some(checkpoint)) if !stored.is_backup() => {
                let reason = format!("no segment of the log goes on behind it, with record {}", self.next);
                Err(LogError::corrupt(&checkpoint.file.name, checkpoint.file.size(), reason))
            }
            _ => Ok(()),
        }
    }

    /// Adds a segment to the chain if it goes on there.
    fn add_segment(&mut self, index: usize, survey: Option<Survey>) -> Result<(), LogError> {
        let (segment, limit) = self.segments[index].clone();
        let header = segment.header;
        self.claim = self.claim.max(before_limit(header.synced, limit));
        let mut goes_on = false;
        if header.opens_epoch && (self.begin.is_none() || header.epoch_first == self.next) {
            (goes_on, self.was_closed) = (true, false);
            self.next = header.epoch_first;
            self.begin.get_or_insert((self.next, index));
        }
        let ended = match survey.filter(|survey| self.fits(survey, limit)) {
            Some(Survey { batches: None, ended }) => ended,
            Some(Survey { batches: Some(all), ended }) => {
                goes_on = true;
                self.claim = self.claim.max(all.claim);
                (self.was_closed, self.next) = (all.is_clean_end, all.last.next());
                self.begin.get_or_insert((all.first, index));
                ended
            }
            None => match self.walk_segment(index, &mut goes_on)? {
                Some(ended) => ended,
                None => return Ok(()),
            },
        };
        let end = End { index, offset: segment.end(), reason: ended };
        if goes_on {
            (self.end, self.damaged_next) = (end, None);
        } else if self.begin.is_none() {
            let reason = format!("the first batch of the log is not readable: {}", end.reason);
            return Err(LogError::corrupt(&segment.name, end.offset, reason));
        } else if end.reason == BadBatchHeader::Damaged.reason() && self.damaged_next.is_none() {
            self.damaged_next = Some(end);
        }
        Ok(())
    }

    /// True where walking the segment from here finds what its survey did: it begins with the next record, and
    /// all of its batches lie below the limit.
    fn fits(&self, survey: &Survey, limit: Lsn) -> bool {
        survey.batches.is_none_or(|all| {
            (self.begin.is_none() || all.first == self.next) && all.claim < limit && all.last.next() < limit
        })
    }

    /// Adds a segment's batches one by one, as far as they count, and answers why there is no further one; `None`
    /// where none counts and the log does not begin here.
    fn walk_segment(&mut self, index: usize, goes_on: &mut bool) -> Result<Option<&'static str>, LogError> {
        let (segment, limit) = self.segments[index].clone();
        segment.forget_from(SEGMENT_HEADER_SIZE_BYTES, Lsn::NONE);
        // What came before the oldest segment was deleted: its first batch says where the log begins.
        let expected = self.begin.map(|_| self.next);
        let mut batches = segment.batches(SEGMENT_HEADER_SIZE_BYTES, expected)?;
        while let Some(batch) = batches.next()? {
            if batch.header.first >= limit {
                if self.begin.is_none() {
                    return Ok(None);
                }
                break;
            }
            let last = before_limit(batch.header.last(), limit);
            self.claim = self.claim.max(before_limit(batch.header.synced, limit));
            self.was_closed = batch.header.kind == BatchKind::CleanEnd;
            self.next = last.next();
            *goes_on = true;
            self.begin.get_or_insert((batch.header.first, index));
            segment.note_batch(batch.header.first, last, batch.offset, batch.end());
        }
        Ok(Some(batches.ended))
    }

    /// Searches everything behind the end for batch headers and for bytes that are not zero.
    pub fn search_behind_end(&self) -> Result<Debris, LogError> {
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
    /// chain before the first that is.
    ///
    /// # Errors
    /// Where that one holds a record that the claim covers.
    pub fn end_before_torn(&mut self, claim: Lsn) -> Result<(), LogError> {
        for index in 0..self.segments.len() {
            let segment = self.segments[index].0.clone();
            if segment.records().is_none_or(|(_, last)| last <= claim) {
                continue;
            }
            let Some((batch, reason)) = first_torn_batch(&segment, claim)? else { continue };
            self.next = batch.header.first;
            self.was_closed = false;
            self.end = End { index, offset: batch.offset, reason };
            for (behind, (segment, _)) in self.segments.iter().enumerate().skip(index) {
                let offset = if behind == index { batch.offset } else { SEGMENT_HEADER_SIZE_BYTES };
                segment.forget_from(offset, Lsn(self.next.0 - 1));
            }
            break;
        }
        // A batch that holds a synced record was synced whole: torn, it is damage and no tail.
        if claim >= self.next { Err(self.damage(claim)) } else { Ok(()) }
    }

    /// Syncs the records above the claim: so far they may be in the page cache only.
    pub fn sync_behind(&self, claim: Lsn) -> Result<(), LogError> {
        let is_above = |segment: &&Arc<Segment>| segment.records().is_some_and(|(_, last)| last > claim);
        for segment in self.segments.iter().map(|(segment, _)| segment).filter(is_above) {
            segment.file.sync().map_err(LogError::io("sync", &segment.name))?;
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
    pub fn cut_from(&self, debris: &Debris) -> Option<Cut> {
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
    pub fn damage(&self, claim: Lsn) -> LogError {
        let End { index, offset, reason } = self.break_place();
        let reason = format!(
            "{reason}, but record {} should be here: the log was synced up to record {claim}",
            self.next
        );
        LogError::corrupt(&self.name(index), offset, reason)
    }

    /// The segments in which records count, oldest first.
    pub fn held(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.segments.iter().map(|(segment, _)| segment).filter(|segment| segment.records().is_some())
    }

    /// Deletes segments in which no record counts, shortens and answers the others, oldest first. A crash in
    /// between finds the same end again: no record is written before the next epoch is open. Where no record
    /// is left, one segment stays that says where the log goes on; [`Chain::clear_last`] deletes it.
    pub fn clear_dead(&self, disk: &dyn Disk) -> Result<Vec<Arc<Segment>>, LogError> {
        let held: Vec<Arc<Segment>> = self.held().cloned().collect();
        let last = self.last_if_dead();
        let (needed, dead): (Vec<_>, Vec<_>) =
            self.segments.iter().map(|(segment, _)| segment).partition(|segment| {
                segment.records().is_some() || last.is_some_and(|last| Arc::ptr_eq(last, segment))
            });
        for segment in needed {
            let (end, size) = (segment.end(), segment.file.size());
            if size.map_err(LogError::io("read", &segment.name))? > end {
                segment.file.truncate(end).map_err(LogError::io("shorten", &segment.name))?;
                segment.file.sync().map_err(LogError::io("sync", &segment.name))?;
            }
        }
        for segment in dead {
            remove(disk, &segment.name)?;
        }
        disk.sync_directory().map_err(LogError::io("sync", "the log's directory"))?;
        Ok(held)
    }

    /// Where no record is left, deletes what says where the log goes on: by now the next epoch's segment does.
    pub fn clear_last(&self, disk: &dyn Disk) -> Result<(), LogError> {
        let Some(last) = self.last_if_dead() else { return Ok(()) };
        remove(disk, &last.name)?;
        disk.sync_directory().map_err(LogError::io("sync", "the log's directory"))
    }

    fn last_if_dead(&self) -> Option<&Arc<Segment>> {
        if self.held().next().is_some() {
            return None;
        }
        let goes_on =
            |segment: &&Arc<Segment>| segment.header.opens_epoch && segment.header.epoch_first == self.next;
        self.segments.iter().map(|(segment, _)| segment).rev().find(goes_on)
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
fn first_torn_batch(
    segment: &Arc<Segment>,
    claim: Lsn,
) -> Result<Option<(PlacedBatch, &'static str)>, LogError> {
    let end = segment.end();
    let mut batches = segment.batches(segment.offset_before(claim), None)?;
    while batches.offset < end {
        let Some(batch) = batches.next()? else { break };
        if batch.header.last() <= claim {
            continue;
        }
        if batches.effects(&batch)?.1.is_none() {
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
