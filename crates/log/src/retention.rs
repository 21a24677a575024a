//! Giving up records: the oldest segments once a checkpoint covers them, and the newest records when
//! another leader's log is the right one. Never decides which: the caller names the LSN.

use crate::error::LogError;
use crate::format::SegmentHeader;
use crate::recovery::open_epoch;
use crate::room::segment_salt;
use crate::segment::lock;
use crate::writer::Log;
use std::sync::atomic::Ordering;
use warren_units::{Epoch, Lsn};

/// One segment, as an operator or a checkpoint sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentSummary {
    pub name: String,
    pub epoch: Epoch,
    pub first: Lsn,
    pub last: Lsn,
    /// Bytes of its batches.
    pub used_bytes: u64,
    /// Bytes it takes on the disk.
    pub size_bytes: u64,
}

impl Log {
    /// The segments that hold records, oldest first.
    pub fn segments(&self) -> Result<Vec<SegmentSummary>, LogError> {
        let segments = lock(&self.segments).clone();
        let held = segments.iter().filter_map(|segment| Some((segment, segment.records()?)));
        held.map(|(segment, (first, last))| {
            Ok(SegmentSummary {
                name: segment.name.clone(),
                epoch: segment.header.epoch,
                first,
                last,
                used_bytes: segment.end(),
                size_bytes: segment.file.size().map_err(LogError::io("read", &segment.name))?,
            })
        })
        .collect()
    }

    /// Deletes the oldest segments as long as all their records are older than `lsn`; answers how many
    /// bytes that gave back.
    pub fn remove_segments_before(&self, lsn: Lsn) -> Result<u64, LogError> {
        self.check()?;
        let mut freed = 0;
        loop {
            let mut segments = lock(&self.segments);
            let [oldest, next, ..] = &segments[..] else { break };
            let is_old = oldest.records().is_none_or(|(_, last)| last < lsn);
            // The next segment must say where the log then begins, even after a power cut.
            let synced = Lsn(self.synced.load(Ordering::Acquire));
            let is_next_safe = match next.records() {
                Some((first, _)) => first <= synced,
                None => next.header.opens_epoch,
            };
            if !is_old || !is_next_safe {
                break;
            }
            let oldest = segments.remove(0);
            drop(segments);
            freed += oldest.file.size().map_err(LogError::io("read", &oldest.name))?;
            self.disk.remove(&oldest.name).map_err(LogError::io("remove", &oldest.name))?;
            // After each, so that no power cut leaves a hole.
            self.disk.sync_directory().map_err(LogError::io("sync the directory of", &oldest.name))?;
        }
        Ok(freed)
    }

    /// Drops all records behind `lsn` for good and goes on there in a new epoch, in which none of them can
    /// come back. Nobody may hold a reservation.
    ///
    /// # Panics
    /// If a reserved batch was not written, or if `lsn` is not in the log.
    pub fn truncate_after(&self, lsn: Lsn) -> Result<(), LogError> {
        self.sync()?;
        let _preparing = lock(&self.preparing);
        let _syncing = lock(&self.syncing);
        self.check()?;
        let mut segments = lock(&self.segments);
        let mut tail = lock(&self.tail);
        assert!(tail.is_quiet(), "the log is cut when all batches are written");
        assert!(lsn < tail.next_lsn, "the log is cut at a record it holds");
        let sequence = tail.next_sequence;
        let header = SegmentHeader {
            sequence,
            salt: segment_salt(&self.options, sequence),
            epoch: Epoch(tail.epoch.0 + 1),
            opens_epoch: true,
            epoch_first: lsn.next(),
            synced: lsn,
        };
        let opened = open_epoch(&*self.disk, header, self.options.segment_size_bytes);
        let (current, size) = opened.map_err(|error| self.poison(error))?;
        let mut dead = Vec::new();
        dead.extend(tail.next.take());
        segments.retain(|segment| {
            let is_kept = segment.records().is_some_and(|(first, _)| first <= lsn);
            if is_kept {
                segment.forget_after(lsn);
            } else {
                dead.push(segment.clone());
            }
            is_kept
        });
        segments.push(current.clone());
        tail.go_on(current, size, lsn.next());
        self.contiguous_room.store(tail.contiguous_room(), Ordering::Relaxed);
        self.synced.store(lsn.0, Ordering::Release);
        self.written.store(lsn.0, Ordering::Release);
        lock(&self.body_cache).clear();
        for segment in dead {
            self.disk.remove(&segment.name).map_err(LogError::io("remove", &segment.name))?;
        }
        self.disk.sync_directory().map_err(LogError::io("sync", "the log's directory"))
    }
}
