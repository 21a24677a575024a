//! Giving up records: the oldest segments once a checkpoint covers them, and the newest records when
//! another leader's log is the right one. Never decides which: the caller names the LSN.

use crate::checkpoint::found::{Found, Stored};
use crate::checkpoint::writer::remove;
use crate::error::LogError;
use crate::format::SegmentHeader;
use crate::recovery::open_epoch;
use crate::room::segment_salt;
use crate::segment::{Segment, lock};
use crate::writer::Log;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use warren_units::{Epoch, Lsn};

/// What has to be done with files sooner or later.
pub(crate) struct Housekeeping {
    /// Files that nothing needs any more, with their sizes.
    pub doomed: Vec<(String, u64)>,
    /// The log is not cut before this record: a checkpoint that counts, or may count, is taken at it.
    pub cut_floor: Lsn,
}

impl Housekeeping {
    pub fn new(found: &Found) -> Housekeeping {
        Housekeeping { doomed: Vec::new(), cut_floor: found.stored.lsn() }
    }
}

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

    /// Bytes that the log's files take on the disk.
    pub fn disk_bytes(&self) -> u64 {
        let mut segments = lock(&self.segments).clone();
        segments.extend(lock(&self.tail).next.clone());
        let sizes = segments.iter().map(|segment| segment.file.size().unwrap_or(0));
        sizes.sum::<u64>() + self.stored().size()
    }

    /// Size of the state at the newest checkpoint: its file, and the bodies that were live.
    pub fn checkpoint_bytes(&self) -> u64 {
        self.stored().live_bytes()
    }

    /// Bytes of records that a start would have to replay behind the newest checkpoint.
    pub fn log_bytes_since_checkpoint(&self) -> u64 {
        let reserved = self.reserved_bytes.load(Ordering::Relaxed);
        let behind = reserved.saturating_sub(self.bytes_before_checkpoint.load(Ordering::Relaxed));
        behind + self.bytes_before_start.load(Ordering::Relaxed)
    }

    /// True when the log has grown by half a segment and by half of the state since the newest checkpoint, or when
    /// the next segment waits for one that a checkpoint lets go. Whoever then makes one keeps the files at twice
    /// the live data and two segments: the one that is written, and the one made ahead.
    pub fn is_checkpoint_due(&self) -> bool {
        let bound = self.options.segment_size_bytes.max(self.checkpoint_bytes()) / 2;
        let behind = self.log_bytes_since_checkpoint();
        behind >= bound || (behind > 0 && self.can_next_wait())
    }

    /// Whether the files would be above their bound with one more segment, though a checkpoint lets one go.
    pub(crate) fn is_next_too_much(&self) -> bool {
        let bound = 2 * (self.checkpoint_bytes() + self.options.segment_size_bytes);
        let has_old = lock(&self.segments).len() > 1;
        has_old && self.disk_bytes() + self.options.segment_size_bytes > bound
    }

    /// The newest checkpoint and its bodies files, as of now.
    pub(crate) fn stored(&self) -> Arc<Stored> {
        lock(&self.stored).clone()
    }

    /// Lets a checkpoint count for readers, and answers the one before it.
    pub(crate) fn publish(&self, stored: Stored) -> Arc<Stored> {
        std::mem::replace(&mut *lock(&self.stored), Arc::new(stored))
    }

    /// The last record of the segments that can go when a checkpoint holds all up to `at`; `NONE` if there
    /// is none. All up to `at` are synced.
    pub(crate) fn removable_through(&self, at: Lsn) -> Lsn {
        let segments = lock(&self.segments);
        let mut through = Lsn::NONE;
        for pair in segments.windows(2) {
            if !self.can_go(&pair[0], &pair[1], at) {
                break;
            }
            through = pair[0].records().map_or(through, |(_, last)| last);
        }
        through
    }

    /// True if the oldest segment can go: all its records are covered, and the next segment says where the
    /// log then begins, even after a power cut.
    fn can_go(&self, oldest: &Segment, next: &Segment, through: Lsn) -> bool {
        let synced = Lsn(self.synced.load(Ordering::Acquire));
        oldest.records().is_none_or(|(_, last)| last <= through)
            && match next.records() {
                Some((first, _)) => first <= synced,
                None => next.header.opens_epoch,
            }
    }

    /// Deletes doomed files, then the oldest segments up to the record `through`. What a failure leaves is
    /// tried again the next time.
    pub(crate) fn delete_superseded(
        &self,
        housekeeping: &mut Housekeeping,
        through: Lsn,
        freed: &mut u64,
    ) -> Result<(), LogError> {
        while let Some((name, size)) = housekeeping.doomed.last() {
            remove(&*self.disk, name)?;
            *freed += size;
            housekeeping.doomed.pop();
        }
        loop {
            let oldest = match &lock(&self.segments)[..] {
                [oldest, next, ..] if self.can_go(oldest, next, through) => oldest.clone(),
                _ => break,
            };
            let size = oldest.file.size().map_err(LogError::io("read", &oldest.name))?;
            remove(&*self.disk, &oldest.name)?;
            // After each, so that no power cut leaves a hole.
            self.disk.sync_directory().map_err(LogError::io("sync the directory of", &oldest.name))?;
            lock(&self.segments).remove(0);
            *freed += size;
        }
        Ok(())
    }

    /// Drops all records behind `lsn` for good and goes on there in a new epoch, in which none of them can
    /// come back. Nobody may hold a reservation.
    ///
    /// # Errors
    /// [`LogError::BeforeCheckpoint`] where a checkpoint holds later records; nothing is changed. Others are
    /// fatal.
    ///
    /// # Panics
    /// If a reserved batch was not written, or if `lsn` is not in the log.
    pub fn truncate_after(&self, lsn: Lsn) -> Result<(), LogError> {
        let housekeeping = lock(&self.housekeeping);
        if lsn < housekeeping.cut_floor {
            return Err(LogError::BeforeCheckpoint { lsn, checkpoint: housekeeping.cut_floor });
        }
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
