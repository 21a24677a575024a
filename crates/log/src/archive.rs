//! A log that is only looked at: a stopped server's data directory, or a backup. Nothing on the disk changes.

use crate::checkpoint::found::Stored;
use crate::checkpoint::reader::CheckpointBlocks;
use crate::disk::Disk;
use crate::error::LogError;
use crate::reader::LogChunks;
use crate::recovery::{Cut, Survey};
use crate::segment::Segment;
use crate::verify::{Verified, verify};
use std::sync::Arc;
use warren_units::Lsn;

pub struct Archive {
    segments: Vec<Arc<Segment>>,
    stored: Stored,
    first: Lsn,
    last: Lsn,
    cut: Option<Cut>,
    was_closed: bool,
}

impl Archive {
    /// Finds out what a start would find.
    pub fn open(disk: &dyn Disk) -> Result<Archive, LogError> {
        let Survey { found, chain, debris, .. } = Survey::of(disk)?;
        let segments: Vec<_> = chain.held().cloned().collect();
        let first = segments.first().and_then(|segment| segment.records());
        Ok(Archive {
            first: first.map_or(chain.next, |(first, _)| first),
            last: Lsn(chain.next.0 - 1),
            cut: chain.cut_from(&debris),
            was_closed: chain.was_closed,
            stored: found.stored,
            segments,
        })
    }

    /// Oldest record; behind [`Archive::last`] if there is none.
    pub fn first(&self) -> Lsn {
        self.first
    }

    pub fn last(&self) -> Lsn {
        self.last
    }

    /// The newest checkpoint: the state after this record.
    pub fn checkpoint(&self) -> Option<Lsn> {
        self.stored.checkpoint.as_ref().map(|checkpoint| checkpoint.footer.lsn)
    }

    /// The torn tail that the next start will cut off.
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    pub fn was_closed(&self) -> bool {
        self.was_closed
    }

    /// Reads everything and checks it against its checksums.
    pub fn verify(&self) -> Result<Verified, LogError> {
        verify(&self.segments, self.last, &self.stored)
    }

    /// The blocks of the checkpoint.
    pub fn checkpoint_blocks(&self) -> CheckpointBlocks {
        CheckpointBlocks::of(&self.stored)
    }

    /// The records from `from` on; `Lsn::NONE` stands for the oldest there is.
    pub fn chunks(&self, from: Lsn) -> Result<LogChunks, LogError> {
        LogChunks::of(&self.segments, from, self.last)
    }
}
