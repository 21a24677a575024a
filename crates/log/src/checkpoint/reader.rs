//! Reading a checkpoint back, for a start.

use crate::blocks::format::BlockKind;
use crate::blocks::reader::Blocks;
use crate::checkpoint::found::Stored;
use crate::error::LogError;
use crate::writer::Log;

/// The blocks of a checkpoint in order, each read and checked when it is asked for. It may be gone through on
/// another thread than the one that applies them.
pub struct CheckpointBlocks {
    /// `None` without a checkpoint, and behind the last block.
    blocks: Option<Blocks>,
    total_bytes: u64,
}

/// A block of a checkpoint: a whole number of effects.
pub struct CheckpointBlock {
    pub effects: Vec<u8>,
    /// How much of the checkpoint has been read with it.
    pub done_bytes: u64,
}

impl CheckpointBlocks {
    pub(crate) fn of(stored: &Stored) -> CheckpointBlocks {
        let file = stored.checkpoint.as_ref().map(|checkpoint| &checkpoint.file);
        CheckpointBlocks {
            blocks: file.map(|file| file.blocks(BlockKind::Effects)),
            total_bytes: file.map_or(0, |file| file.header.last_block),
        }
    }

    /// What [`CheckpointBlock::done_bytes`] comes to in the end.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}

impl Iterator for CheckpointBlocks {
    type Item = Result<CheckpointBlock, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let blocks = self.blocks.as_mut()?;
        let next = blocks.next().transpose();
        let next = next
            .map(|next| next.map(|block| CheckpointBlock { effects: block.content, done_bytes: block.end }));
        if !matches!(next, Some(Ok(_))) {
            self.blocks = None;
        }
        next
    }
}

impl Log {
    /// The blocks of the newest checkpoint; none without one.
    pub fn checkpoint_blocks(&self) -> CheckpointBlocks {
        CheckpointBlocks::of(&self.stored())
    }
}
