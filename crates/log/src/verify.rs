//! Reading everything there is and checking it, for an operator.

use crate::blocks::format::BlockKind;
use crate::checkpoint::found::Stored;
use crate::error::LogError;
use crate::reader::{bad_bodies, next_batch, visit_records};
use crate::segment::{Segment, lock};
use crate::writer::Log;
use std::sync::Arc;
use warren_units::Lsn;

/// What was read and found whole.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Verified {
    pub segment_count: u64,
    pub record_count: u64,
    /// Blocks of the checkpoint.
    pub block_count: u64,
    pub bodies_file_count: u64,
    /// Bodies in bodies files.
    pub moved_body_count: u64,
    /// Bytes of all files read.
    pub bytes: u64,
}

impl Log {
    /// Reads everything that is written, and the checkpoint, and checks it against its checksums.
    pub fn verify(&self) -> Result<Verified, LogError> {
        let segments = lock(&self.segments).clone();
        verify(&segments, self.progress().written, &self.stored())
    }
}

/// Checks the records up to `newest`, and a checkpoint with its bodies files.
pub(crate) fn verify(segments: &[Arc<Segment>], newest: Lsn, stored: &Stored) -> Result<Verified, LogError> {
    let mut verified = Verified::default();
    for segment in segments {
        let Some((_, last)) = segment.records() else { continue };
        verified.segment_count += 1;
        verified.record_count += verify_segment(segment, last.min(newest))?;
        verified.bytes += segment.end();
    }
    if let Some(checkpoint) = &stored.checkpoint {
        let mut blocks = checkpoint.file.blocks(BlockKind::Effects);
        while blocks.next()?.is_some() {
            verified.block_count += 1;
        }
        verified.bytes += checkpoint.file.size();
    }
    for file in &stored.bodies {
        verified.bodies_file_count += 1;
        verified.moved_body_count += file.verify()?;
        verified.bytes += file.size();
    }
    Ok(verified)
}

/// Answers the number of records up to `last`.
fn verify_segment(segment: &Arc<Segment>, last: Lsn) -> Result<u64, LogError> {
    let mut batches = segment.batches(segment.offset_before(Lsn::NONE), None)?;
    let (mut count, mut reached) = (0, Lsn::NONE);
    while reached < last {
        let batch = next_batch(&mut batches)?;
        reached = batch.header.last();
        visit_records(&mut batches, &batch, |record, _| count += u64::from(record.lsn <= last))?;
        if !batches.are_bodies_good(&batch)? {
            return Err(bad_bodies(segment, &batch));
        }
    }
    Ok(count)
}
