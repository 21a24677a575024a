//! Writing: places are handed out in LSN order under the caller's lock, batches are written by whichever
//! thread made them, in any order, and one thread syncs. *Written* and *synced* are the ends of gap-free
//! prefixes. A failed write or sync ends the log's life: nothing is tried twice.

use crate::bodies::BodyCache;
use crate::checkpoint::found::{Found, Stored};
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{
    BATCH_HEADER_SIZE_BYTES, BatchHeader, BatchKind, SEGMENT_HEADER_SIZE_BYTES, batch_span_bytes,
};
use crate::reserve::Reserve;
use crate::retention::Housekeeping;
use crate::segment::{Segment, lock};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use warren_units::{Batch, Epoch, Lsn, Progress, Rope};

/// Pieces of a batch that go to the disk in one call.
const SLICE_COUNT_MAX: usize = 64;

#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Size of a segment; a batch that is larger gets a segment of its own size.
    pub segment_size_bytes: u64,
    /// A number nobody outside can guess: with it, no body can be made to look like a batch.
    pub salt: u64,
    /// Size of a file that holds room for a checkpoint on a full disk; 0 for none.
    pub reserve_size_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions { segment_size_bytes: 64 * 1024 * 1024, salt: 0, reserve_size_bytes: 0 }
    }
}

pub struct Log {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: LogOptions,
    pub(crate) tail: Mutex<Tail>,
    /// All segments with records, oldest first, and the current one.
    pub(crate) segments: Mutex<Vec<Arc<Segment>>>,
    /// Held while the next segment is made: by the syncing thread, or by a writer that came too early.
    pub(crate) preparing: Mutex<()>,
    /// Held during a sync.
    pub(crate) syncing: Mutex<()>,
    pub(crate) written: AtomicU64,
    pub(crate) synced: AtomicU64,
    /// Bytes reserved since the start, and those of them that are synced.
    pub(crate) reserved_bytes: AtomicU64,
    synced_bytes: AtomicU64,
    /// The largest batch that surely fits, its header included.
    pub(crate) contiguous_room: AtomicU64,
    /// The last attempt to make room found none.
    pub(crate) is_space_short: AtomicBool,
    /// The next segment is smaller than it should be: the disk had no more room for it.
    pub(crate) is_disk_tight: AtomicBool,
    /// The next segment waits for a checkpoint, as [`Log::prepare`] has seen it last.
    pub(crate) is_next_held_back: AtomicBool,
    pub(crate) reserve: Mutex<Reserve>,
    poisoned: AtomicBool,
    pub(crate) body_cache: Mutex<BodyCache>,
    /// The newest checkpoint; set by whoever makes one.
    pub(crate) stored: Mutex<Arc<Stored>>,
    /// Of the next checkpoint or bodies file.
    pub(crate) next_stored_sequence: AtomicU64,
    pub(crate) is_checkpointing: AtomicBool,
    /// Held while files are given up, and while the log is cut.
    pub(crate) housekeeping: Mutex<Housekeeping>,
    /// Bytes reserved when the newest checkpoint was begun, and those that the start found behind it.
    pub(crate) bytes_before_checkpoint: AtomicU64,
    pub(crate) bytes_before_start: AtomicU64,
}

/// Where the next batch goes, and which are on their way.
pub(crate) struct Tail {
    pub next_lsn: Lsn,
    pub epoch: Epoch,
    pub epoch_first: Lsn,
    pub current: Arc<Segment>,
    pub current_size: u64,
    /// Where the next batch goes in the current segment.
    pub position: u64,
    pub next: Option<Arc<Segment>>,
    pub next_size: u64,
    /// Up to where the next segment's blocks have been written over with zeros.
    pub next_filled_to: u64,
    pub next_sequence: u64,
    /// Reserved and not yet counted as written, in LSN order; the ticket of the first.
    in_flight: VecDeque<Flight>,
    first_ticket: u64,
    written_bytes: u64,
    /// Segments that may hold bytes not yet synced, the current one last.
    pub unsynced: Vec<Arc<Segment>>,
}

struct Flight {
    last: Lsn,
    size: u64,
    is_written: bool,
}

/// A place in the log for a batch, which must be written: all later records wait for it.
#[must_use]
pub struct Reservation {
    batch: Batch,
    segment: Arc<Segment>,
    offset: u64,
    ticket: u64,
}

impl Reservation {
    /// The batch that is to be written.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }
}

impl Log {
    /// A log that goes on in `current`, a fresh segment; everything before `next_lsn` is synced, and `found`
    /// is what is stored beside the segments.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        segments: Vec<Arc<Segment>>,
        current: Arc<Segment>,
        current_size: u64,
        next_lsn: Lsn,
        found: Found,
    ) -> Log {
        let newest = Lsn(next_lsn.0 - 1);
        let tail = Tail::new(current, current_size, next_lsn);
        let behind = |segment: &Arc<Segment>| segment.bytes_behind(found.stored.lsn());
        let bytes_before_start = segments.iter().map(behind).sum();
        Log {
            bytes_before_start: AtomicU64::new(bytes_before_start),
            bytes_before_checkpoint: AtomicU64::new(0),
            housekeeping: Mutex::new(Housekeeping::new(&found)),
            next_stored_sequence: AtomicU64::new(found.newest_sequence + 1),
            is_checkpointing: AtomicBool::new(false),
            stored: Mutex::new(Arc::new(found.stored)),
            disk,
            options,
            contiguous_room: AtomicU64::new(tail.contiguous_room()),
            tail: Mutex::new(tail),
            segments: Mutex::new(segments),
            preparing: Mutex::new(()),
            syncing: Mutex::new(()),
            written: AtomicU64::new(newest.0),
            synced: AtomicU64::new(newest.0),
            reserved_bytes: AtomicU64::new(0),
            synced_bytes: AtomicU64::new(0),
            is_space_short: AtomicBool::new(false),
            is_disk_tight: AtomicBool::new(false),
            is_next_held_back: AtomicBool::new(false),
            reserve: Mutex::default(),
            poisoned: AtomicBool::new(false),
            body_cache: Mutex::default(),
        }
    }

    /// Hands out the place of the next batch. Call it in LSN order, under the lock that makes the records.
    ///
    /// # Errors
    /// Any error is fatal: the engine has applied records that the log cannot take.
    ///
    /// # Panics
    /// If the batch is empty or does not begin at the next LSN.
    pub fn reserve(&self, batch: Batch) -> Result<Reservation, LogError> {
        assert!(!batch.is_empty(), "an empty batch has no place in the log");
        let size = batch_span_bytes(batch.effects().len() as u64, batch.bodies().len() as u64);
        let mut tail = lock(&self.tail);
        assert_eq!(batch.first(), tail.next_lsn, "batches are reserved in LSN order");
        if size > tail.current_size.saturating_sub(tail.position) {
            drop(tail);
            self.switch_segment(size)?;
            tail = lock(&self.tail);
        }
        let (offset, last) = (tail.position, batch.last());
        tail.position += size;
        tail.next_lsn = last.next();
        let ticket = tail.first_ticket + tail.in_flight.len() as u64;
        tail.in_flight.push_back(Flight { last, size, is_written: false });
        let segment = tail.current.clone();
        segment.note_batch(batch.first(), last, offset, tail.position);
        self.reserved_bytes.fetch_add(size, Ordering::Relaxed);
        self.contiguous_room.store(tail.contiguous_room(), Ordering::Relaxed);
        Ok(Reservation { batch, segment, offset, ticket })
    }

    /// Goes on in the next segment, which has room for a batch of `size` bytes.
    fn switch_segment(&self, size: u64) -> Result<(), LogError> {
        let preparing = lock(&self.preparing);
        self.make_next_holding(&preparing, size).map_err(|error| {
            if error.is_storage_full() { LogError::Full { needed_bytes: size } } else { self.poison(error) }
        })?;
        let mut segments = lock(&self.segments);
        let mut tail = lock(&self.tail);
        let next = tail.next.take().expect("only a switch takes the next segment, one at a time");
        segments.push(next.clone());
        tail.unsynced.push(next.clone());
        tail.current = next;
        tail.current_size = std::mem::take(&mut tail.next_size);
        tail.position = SEGMENT_HEADER_SIZE_BYTES;
        Ok(())
    }

    /// Writes the batch to its place and gives it back, for its memory. Call it without any lock; several
    /// threads may write at once.
    ///
    /// # Errors
    /// Any error is fatal, see [`LogError::Poisoned`].
    pub fn write(&self, reservation: Reservation) -> Result<Batch, LogError> {
        self.check()?;
        let Reservation { batch, segment, offset, ticket } = reservation;
        let header = BatchHeader {
            kind: BatchKind::Records,
            epoch: segment.header.epoch,
            count: batch.count(),
            first: batch.first(),
            synced: Lsn(self.synced.load(Ordering::Acquire)),
            effects_size: batch.effects().len() as u64,
            bodies_size: batch.bodies().len() as u64,
            effects_checksum: checksum(batch.effects()),
            bodies_checksum: checksum(batch.bodies()),
        };
        let header = header.encode(segment.seed());
        write_pieces(&segment, offset, &header, batch.effects(), batch.bodies())
            .map_err(LogError::io("write", &segment.name))
            .map_err(|error| self.poison(error))?;
        self.land(ticket);
        Ok(batch)
    }

    /// Counts a batch as written, with all that waited behind it.
    fn land(&self, ticket: u64) {
        let mut tail = lock(&self.tail);
        let index = (ticket - tail.first_ticket) as usize;
        tail.in_flight[index].is_written = true;
        if index > 0 {
            return;
        }
        while let Some(flight) = tail.in_flight.pop_front_if(|flight| flight.is_written) {
            tail.first_ticket += 1;
            tail.written_bytes += flight.size;
            self.written.store(flight.last.0, Ordering::Release);
        }
    }

    /// How far the log is; costs two loads.
    #[inline]
    pub fn progress(&self) -> Progress {
        // In this order, so that synced is never ahead of written.
        let synced = Lsn(self.synced.load(Ordering::Acquire));
        Progress { written: Lsn(self.written.load(Ordering::Acquire)), synced }
    }

    /// Bytes that a power cut would take; past a bound, loops stop reading from those who write.
    pub fn unsynced_bytes(&self) -> u64 {
        let synced = self.synced_bytes.load(Ordering::Relaxed);
        self.reserved_bytes.load(Ordering::Relaxed).saturating_sub(synced)
    }

    /// Brings everything that is written so far to stable storage: one sync per segment, normally one.
    ///
    /// # Errors
    /// Any error is fatal, see [`LogError::Poisoned`].
    pub fn sync(&self) -> Result<Progress, LogError> {
        let _syncing = lock(&self.syncing);
        self.check()?;
        let (written, written_bytes, segments) = {
            let tail = lock(&self.tail);
            let written = Lsn(self.written.load(Ordering::Acquire));
            if written.0 == self.synced.load(Ordering::Acquire) {
                return Ok(self.progress());
            }
            (written, tail.written_bytes, tail.unsynced.clone())
        };
        for segment in &segments {
            segment
                .file
                .sync()
                .map_err(LogError::io("sync", &segment.name))
                .map_err(|error| self.poison(error))?;
        }
        let mut tail = lock(&self.tail);
        let current = tail.current.clone();
        tail.unsynced.retain(|segment| {
            Arc::ptr_eq(segment, &current) || segment.records().is_some_and(|(_, last)| last > written)
        });
        self.synced_bytes.store(written_bytes, Ordering::Relaxed);
        self.synced.store(written.0, Ordering::Release);
        drop(tail);
        Ok(self.progress())
    }

    /// Syncs until `lsn` is synced. Where its batch is still being written by another thread, waits for that.
    pub(crate) fn sync_through(&self, lsn: Lsn) -> Result<(), LogError> {
        loop {
            if self.sync()?.synced >= lsn {
                return Ok(());
            }
            std::thread::yield_now();
        }
    }

    /// Ends the log in order: syncs everything and says so on the disk, so that the next start knows that
    /// nothing is missing. The log takes no more records.
    ///
    /// # Panics
    /// If a reserved batch was not written.
    pub fn close(&self) -> Result<(), LogError> {
        let progress = self.sync()?;
        let tail = lock(&self.tail);
        assert!(tail.in_flight.is_empty(), "the log is closed when all batches are written");
        let header = BatchHeader {
            kind: BatchKind::CleanEnd,
            epoch: tail.epoch,
            count: 0,
            first: tail.next_lsn,
            synced: progress.synced,
            effects_size: 0,
            bodies_size: 0,
            effects_checksum: 0,
            bodies_checksum: 0,
        };
        self.poisoned.store(true, Ordering::Release);
        let (segment, header) = (&tail.current, header.encode(tail.current.seed()));
        if tail.current_size.saturating_sub(tail.position) < BATCH_HEADER_SIZE_BYTES as u64 {
            // The file grows by one header; without room the next start takes the end for an unclean one.
            let size = tail.position + BATCH_HEADER_SIZE_BYTES as u64;
            if segment.file.allocate(size).is_err() {
                return Ok(());
            }
        }
        segment
            .file
            .write_at(tail.position, &mut [IoSlice::new(&header)])
            .map_err(LogError::io("write", &segment.name))?;
        segment.file.sync().map_err(LogError::io("sync", &segment.name))
    }

    /// True once a write or a sync of a segment has failed, and after [`Log::close`].
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    pub(crate) fn check(&self) -> Result<(), LogError> {
        if self.is_poisoned() { Err(LogError::Poisoned) } else { Ok(()) }
    }

    pub(crate) fn poison(&self, error: LogError) -> LogError {
        self.poisoned.store(true, Ordering::Release);
        error
    }
}

impl Tail {
    fn new(current: Arc<Segment>, current_size: u64, next_lsn: Lsn) -> Tail {
        Tail {
            next_lsn,
            epoch: current.header.epoch,
            epoch_first: current.header.epoch_first,
            current_size,
            position: SEGMENT_HEADER_SIZE_BYTES,
            next: None,
            next_size: 0,
            next_filled_to: 0,
            next_sequence: current.header.sequence + 1,
            in_flight: VecDeque::new(),
            first_ticket: 0,
            written_bytes: 0,
            unsynced: vec![current.clone()],
            current,
        }
    }

    /// Goes on with `next_lsn` in a fresh segment that opens an epoch; everything before it is synced.
    pub fn go_on(&mut self, current: Arc<Segment>, current_size: u64, next_lsn: Lsn) {
        let (first_ticket, written_bytes) = (self.first_ticket, self.written_bytes);
        *self = Tail { first_ticket, written_bytes, ..Tail::new(current, current_size, next_lsn) };
    }

    pub fn contiguous_room(&self) -> u64 {
        let current = self.current_size.saturating_sub(self.position);
        current.max(self.next_size.saturating_sub(SEGMENT_HEADER_SIZE_BYTES))
    }

    pub fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }
}

fn checksum(rope: &Rope) -> u32 {
    rope.chunks(0).fold(0, crc32c::crc32c_append)
}

fn write_pieces(
    segment: &Segment,
    mut offset: u64,
    header: &[u8],
    effects: &Rope,
    bodies: &Rope,
) -> std::io::Result<()> {
    let mut slices = [IoSlice::new(&[]); SLICE_COUNT_MAX];
    let (mut count, mut size) = (0, 0);
    for piece in std::iter::once(header).chain(effects.chunks(0)).chain(bodies.chunks(0)) {
        if count == SLICE_COUNT_MAX {
            segment.file.write_at(offset, &mut slices)?;
            offset += size;
            (count, size) = (0, 0);
        }
        slices[count] = IoSlice::new(piece);
        count += 1;
        size += piece.len() as u64;
    }
    segment.file.write_at(offset, &mut slices[..count])
}
