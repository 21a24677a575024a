//! Room for records, made before a step needs it, so that the engine never runs ahead of the log. Decides
//! nothing about who is refused: it only says whether a batch of some size will fit.

use crate::error::LogError;
use crate::format::{
    BATCH_ALIGNMENT_BYTES, BATCH_HEADER_SIZE_BYTES, SEGMENT_HEADER_SIZE_BYTES, SegmentHeader,
    batch_span_bytes,
};
use crate::segment::{Segment, lock};
use crate::writer::{Log, LogOptions, Tail};
use std::io::IoSlice;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, TryLockError};
use warren_units::{Lsn, Room, RoomSource};

/// This part of a segment's size is kept for acknowledgements and deletes on a full disk.
const SETTLING_ROOM_DIVISOR: u64 = 4;

/// Who can wait is asked to with so many times that much left.
const LOW_SETTLING_ROOMS: u64 = 3;

/// This part of a large segment's size is that of the one that opens an epoch: it is not filled ahead of need,
/// and those behind it are. Small segments are for small disks, which are used evenly.
const OPENING_DIVISOR: u64 = 32;
const LARGE_SIZE_BYTES_MIN: u64 = 32 * 1024 * 1024;

/// The part of the current segment that is used before the next one is filled: a log that hardly grows writes
/// nothing in vain.
const FILL_AFTER_SHARE: u64 = 32;

/// What is written and synced in one go: much, since each sync costs the journal; not so much that the syncs
/// of batches wait long for it.
const FILLED_AT_ONCE_BYTES: u64 = 2 * 1024 * 1024;

/// What [`Log::close`] writes: a header without a batch.
const CLEAN_END_SIZE_BYTES: u64 = BATCH_HEADER_SIZE_BYTES as u64;

static ZEROS: [u8; 256 * 1024] = [0; 256 * 1024];

impl Log {
    /// True if a batch of `size` bytes (all effects and bodies of the turn, with whatever the caller keeps
    /// in reserve) will find room. Ask before a step that grows the log. Costs one load, except for a
    /// batch larger than what is preallocated: then the room is made here and now, if the disk has it.
    pub fn has_room_for(&self, size: u64) -> bool {
        let needed = batch_span_bytes(size, 0);
        if needed <= self.contiguous_room.load(Ordering::Relaxed) {
            return true;
        }
        !self.is_space_short.load(Ordering::Relaxed) && self.make_room(needed).is_ok()
    }

    /// True when a full disk will soon stop what grows the state: who can wait should.
    pub fn is_room_low(&self) -> bool {
        let is_tight = self.is_disk_tight.load(Ordering::Relaxed) || self.is_space_short();
        is_tight && self.room_bytes() < LOW_SETTLING_ROOMS * self.settling_room()
    }

    /// Bytes kept for records of what shrinks the state, on a full disk.
    fn settling_room(&self) -> u64 {
        self.options.segment_size_bytes / SETTLING_ROOM_DIVISOR
    }

    /// As [`Log::has_room_for`], but makes none.
    pub fn fits(&self, size: u64) -> bool {
        batch_span_bytes(size, 0) <= self.contiguous_room.load(Ordering::Relaxed)
    }

    /// Preallocated bytes that no batch has taken yet.
    pub fn room_bytes(&self) -> u64 {
        let tail = lock(&self.tail);
        let current = tail.current_size.saturating_sub(tail.position);
        current + tail.next_size.saturating_sub(SEGMENT_HEADER_SIZE_BYTES)
    }

    /// True while the disk has no room for a next segment; [`Log::prepare`] ends it when there is.
    pub fn is_space_short(&self) -> bool {
        self.is_space_short.load(Ordering::Relaxed)
    }

    /// Makes the next segment ahead of need, unless it can wait for a checkpoint. The syncing thread calls it
    /// after each sync and at least once a second: it costs nothing when there is nothing to do, and finds out
    /// when a full disk has room again.
    ///
    /// # Errors
    /// A full disk is none. Any error is fatal, see [`LogError::Poisoned`].
    pub fn prepare(&self) -> Result<(), LogError> {
        self.check()?;
        // Whoever holds this makes the next segment, or fills it: no sync should wait for that.
        let preparing = match self.preparing.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Ok(preparing) => preparing,
        };
        let can_wait = self.can_next_wait();
        self.is_next_held_back.store(can_wait, Ordering::Relaxed);
        let made = match can_wait {
            true => self.fill_reserve().inspect_err(|error| self.note_failure(error)),
            false => self.make_room_holding(&preparing, 0),
        };
        match made {
            Err(error) if !error.is_storage_full() => Err(self.poison(error)),
            _ => Ok(()),
        }
    }

    /// Whether [`Log::prepare`] has a segment to make.
    pub fn wants_segment(&self) -> bool {
        !self.is_next_held_back.load(Ordering::Relaxed) && lock(&self.tail).next.is_none()
    }

    /// True if there is no next segment, and it had better come after the next checkpoint, which lets an old one
    /// go. Once half of the present one is used it waits no longer.
    pub(crate) fn can_next_wait(&self) -> bool {
        let is_early = {
            let tail = lock(&self.tail);
            tail.next.is_none() && tail.position < tail.current_size / 2
        };
        is_early && self.is_next_too_much()
    }

    /// Whether [`Log::fill_next`] has something to do.
    pub fn wants_filling(&self) -> bool {
        lock(&self.tail).unfilled_part().is_some()
    }

    /// Writes zeros over a part of the next segment and syncs them; true if there is more to do. A file
    /// system keeps in its journal which preallocated blocks were written: without this each sync of a batch
    /// changes that, too, and takes two to three times as long. To be called on a thread of its own.
    ///
    /// # Errors
    /// Any error is fatal, see [`LogError::Poisoned`].
    pub fn fill_next(&self) -> Result<bool, LogError> {
        self.check()?;
        // No batch has a place in the next segment as long as this is held.
        let _preparing = lock(&self.preparing);
        let Some((segment, from, to)) = lock(&self.tail).unfilled_part() else { return Ok(false) };
        let end = to.min(from + FILLED_AT_ONCE_BYTES);
        let mut left = (end - from) as usize;
        let mut slices = Vec::new();
        while left > 0 {
            let size = left.min(ZEROS.len());
            slices.push(IoSlice::new(&ZEROS[..size]));
            left -= size;
        }
        let filled = segment.file.write_at(from, &mut slices).and_then(|()| segment.file.sync());
        filled.map_err(LogError::io("fill", &segment.name)).map_err(|error| self.poison(error))?;
        lock(&self.tail).next_filled_to = end;
        Ok(end < to)
    }

    fn make_room(&self, needed: u64) -> Result<(), LogError> {
        self.make_room_holding(&lock(&self.preparing), needed)
    }

    /// Sees to it that there is a next segment, with room for a batch of `needed` bytes. Whoever holds
    /// `preparing` is the only one who sets or takes the next segment.
    pub(crate) fn make_room_holding(&self, _: &MutexGuard<'_, ()>, needed: u64) -> Result<(), LogError> {
        // The reserve first: once a segment has its room, nothing gives it back.
        let made = self.fill_reserve().and_then(|()| self.make_next(needed));
        match &made {
            Ok(()) => self.is_space_short.store(false, Ordering::Relaxed),
            Err(error) => self.note_failure(error),
        }
        made
    }

    /// The same for a batch that has come already. Room for the reserve can wait.
    pub(crate) fn make_next_holding(&self, _: &MutexGuard<'_, ()>, needed: u64) -> Result<(), LogError> {
        self.make_next(needed).inspect_err(|error| self.note_failure(error))
    }

    fn note_failure(&self, error: &LogError) {
        if error.is_storage_full() {
            self.is_space_short.store(true, Ordering::Relaxed);
        }
    }

    fn make_next(&self, needed: u64) -> Result<(), LogError> {
        let (next, next_size, header) = {
            let tail = lock(&self.tail);
            let synced = Lsn(self.synced.load(Ordering::Acquire));
            let header = SegmentHeader {
                sequence: tail.next_sequence,
                salt: segment_salt(&self.options, tail.next_sequence),
                epoch: tail.epoch,
                opens_epoch: false,
                epoch_first: tail.epoch_first,
                synced,
            };
            (tail.next.clone(), tail.next_size, header)
        };
        let mut size = segment_size(&self.options, needed);
        let size_min = segment_size_min(&self.options, needed);
        let next = match next {
            Some(_) if next_size >= size_min => return Ok(()),
            Some(next) => {
                next.file.allocate(size).map_err(LogError::io("grow", &next.name))?;
                next
            }
            // A disk with little room is used to its end by smaller segments.
            None => loop {
                match Segment::create(&*self.disk, header, size) {
                    Err(error) if error.is_storage_full() && size > size_min => size = size_min.max(size / 2),
                    made => break Arc::new(made?),
                }
            },
        };
        self.is_disk_tight.store(size < self.options.segment_size_bytes, Ordering::Relaxed);
        let mut tail = lock(&self.tail);
        if tail.next.is_none() {
            tail.next_filled_to = SEGMENT_HEADER_SIZE_BYTES;
        }
        tail.next_sequence = next.header.sequence + 1;
        tail.next = Some(next);
        tail.next_size = size;
        self.contiguous_room.store(tail.contiguous_room(), Ordering::Relaxed);
        Ok(())
    }
}

impl RoomSource for Log {
    fn room(&self, size_bytes: u64) -> Room {
        let kept = self.settling_room();
        // Where there is none, what is there counts.
        self.has_room_for(size_bytes.saturating_add(kept + CLEAN_END_SIZE_BYTES));
        let span = self.contiguous_room.load(Ordering::Relaxed);
        let span = span - span % BATCH_ALIGNMENT_BYTES;
        // What says that the log was closed in order must find a place, too: see `Log::close`.
        let size_bytes_max = span.saturating_sub(BATCH_HEADER_SIZE_BYTES as u64 + CLEAN_END_SIZE_BYTES);
        Room {
            growth_size_bytes_max: size_bytes_max.saturating_sub(kept),
            upkeep_size_bytes_max: size_bytes_max.saturating_sub(kept / 2),
            size_bytes_max,
        }
    }
}

impl Tail {
    /// The next segment, and from where to where it is not filled.
    fn unfilled_part(&self) -> Option<(Arc<Segment>, u64, u64)> {
        let is_used = self.position - SEGMENT_HEADER_SIZE_BYTES >= self.current_size / FILL_AFTER_SHARE;
        let next = self.next.as_ref().filter(|_| is_used && self.next_filled_to < self.next_size)?;
        Some((next.clone(), self.next_filled_to, self.next_size))
    }
}

/// Size of the segment that opens an epoch, where segments are `segment_size` large.
pub(crate) fn opening_size(segment_size: u64) -> u64 {
    if segment_size < LARGE_SIZE_BYTES_MIN { segment_size } else { segment_size / OPENING_DIVISOR }
}

/// Size of a segment that takes at least a batch of `needed` bytes, and the clean end.
fn segment_size(options: &LogOptions, needed: u64) -> u64 {
    let least = SEGMENT_HEADER_SIZE_BYTES + CLEAN_END_SIZE_BYTES;
    options.segment_size_bytes.max(least.saturating_add(needed))
}

/// The least that is worth a segment on a disk with little room.
fn segment_size_min(options: &LogOptions, needed: u64) -> u64 {
    let least = options.segment_size_bytes / SETTLING_ROOM_DIVISOR;
    least.max((SEGMENT_HEADER_SIZE_BYTES + CLEAN_END_SIZE_BYTES).saturating_add(needed))
}

/// One salt per segment.
pub(crate) fn segment_salt(options: &LogOptions, sequence: u64) -> u64 {
    salt_of(options.salt, sequence)
}

/// One salt per checkpoint or bodies file, which share their sequence numbers.
pub(crate) fn stored_salt(options: &LogOptions, sequence: u64) -> u64 {
    salt_of(!options.salt, sequence)
}

/// Splitmix64's finisher.
fn salt_of(salt: u64, sequence: u64) -> u64 {
    let mut salt = salt.wrapping_add(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    salt = (salt ^ (salt >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    salt = (salt ^ (salt >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    salt ^ (salt >> 31)
}
