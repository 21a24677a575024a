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
//! **The checkpoint.** The newest finished one stands for all records up to its own, X, so segments may be
//! missing from the oldest on as long as their records are up to X. It claims X as synced. The log has to go
//! on at X + 1 without a gap; only a backup may have no segment at all. So the segment that says where the log
//! goes on is never deleted before the next one is there.
//!
//! A start may find its header where the process was killed before the header was synced; so the checkpoint is
//! synced before anything is deleted that it takes the place of.
//!
//! The log's own files are all it touches; it never repairs.

use crate::chain::{Chain, Debris};
use crate::checkpoint::found::{Found, find};
use crate::checkpoint::writer::remove;
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{SegmentHeader, segment_sequence};
use crate::reserve::RESERVE_NAME;
use crate::room::{opening_size, segment_salt};
use crate::segment::{Segment, lock};
use crate::writer::{Log, LogOptions};
use std::fmt;
use std::sync::Arc;
use warren_units::{Epoch, Lsn};

/// A log is opened with a smaller first segment rather than not at all, down to this size.
const OPENING_SIZE_BYTES_MIN: u64 = 256 * 1024;

/// What opening a log found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// The epoch that begins with this start.
    pub epoch: Epoch,
    /// Oldest record there is; behind `last` if there is none.
    pub first: Lsn,
    /// Newest record there is.
    pub last: Lsn,
    /// The newest checkpoint: the state after this record. Records behind it are to be replayed.
    pub checkpoint: Option<Lsn>,
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
    /// [`Log::checkpoint_blocks`] and [`Log::chunks`] then give is synced.
    pub fn open(disk: Arc<dyn Disk>, options: LogOptions) -> Result<(Log, Recovery), LogError> {
        let Survey { found, chain, debris, claim, unfinished, newest_sequence } = Survey::of(&*disk)?;
        chain.sync_behind(claim)?;
        // Before anything goes that it takes the place of.
        found.stored.sync()?;
        let cut = chain.cut_from(&debris);
        for name in unfinished.iter().chain(&found.obsolete) {
            remove(&*disk, name)?;
        }
        let mut segments = chain.clear_dead(&*disk)?;
        let sequence = newest_sequence + 1;
        let epoch = Epoch(chain.newest_epoch.max(found.stored.epoch()).0 + 1);
        let header = SegmentHeader {
            sequence,
            salt: segment_salt(&options, sequence),
            epoch,
            opens_epoch: true,
            epoch_first: chain.next,
            synced: Lsn(chain.next.0 - 1),
        };
        let (current, size) = open_epoch(&*disk, header, options.segment_size_bytes)?;
        if segments.is_empty() {
            chain.clear_last(&*disk)?;
        }
        let first = segments.iter().find_map(|segment| segment.records());
        let recovery = Recovery {
            epoch,
            first: first.map_or(chain.next, |(first, _)| first),
            last: header.synced,
            checkpoint: found.stored.checkpoint.as_ref().map(|checkpoint| checkpoint.footer.lsn),
            was_closed: chain.was_closed,
            cut,
        };
        segments.push(current.clone());
        let moved_through = found.stored.moved_through;
        let log = Log::new(disk, options, segments, current, size, chain.next, found);
        // What a checkpoint could not finish deleting.
        log.delete_superseded(&mut lock(&log.housekeeping), moved_through, &mut 0)?;
        Ok((log, recovery))
    }
}

/// Everything on a disk, looked through and not changed: what counts, and where it ends.
pub(crate) struct Survey {
    pub found: Found,
    pub chain: Chain,
    pub debris: Debris,
    /// Highest LSN that some header says was synced.
    pub claim: Lsn,
    /// Segments whose making was never finished.
    pub unfinished: Vec<String>,
    pub newest_sequence: u64,
}

impl Survey {
    pub fn of(disk: &dyn Disk) -> Result<Survey, LogError> {
        let mut names = disk.list().map_err(LogError::io("list", "the log's directory"))?;
        names.sort_unstable();
        let found = find(disk, &names)?;
        let (mut segments, mut unfinished, mut newest_sequence) = (Vec::new(), Vec::new(), 0);
        for name in names {
            let Some(sequence) = segment_sequence(&name) else { continue };
            newest_sequence = sequence;
            match Segment::open(disk, &name)? {
                Some(segment) => segments.push(segment),
                None => unfinished.push(name),
            }
        }
        let mut chain = Chain::walk(disk, segments, &found.stored)?;
        let debris = chain.search_behind_end()?;
        let claim = chain.claim.max(debris.claim);
        if claim >= chain.next {
            return Err(chain.damage(claim));
        }
        chain.end_before_torn(claim)?;
        Ok(Survey { found, chain, debris, claim, unfinished, newest_sequence })
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
