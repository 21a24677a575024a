//! What is stored beside the segments: the newest checkpoint and the bodies files it names. Finds them at a
//! start, and changes nothing on the disk.

use crate::blocks::format::{BlockKind, FileKind};
use crate::blocks::reader::BlockFile;
use crate::bodies::file::BodiesFile;
use crate::bodies::loaded::LoadedBodies;
use crate::checkpoint::footer::Footer;
use crate::disk::Disk;
use crate::error::LogError;
use std::sync::Arc;
use warren_units::{BodyName, Epoch, Lsn};

/// A checkpoint that counts.
pub(crate) struct Checkpoint {
    pub file: Arc<BlockFile>,
    pub footer: Footer,
}

/// A snapshot: who holds one reads on from its files, whatever is made or deleted meanwhile.
#[derive(Default)]
pub(crate) struct Stored {
    pub checkpoint: Option<Checkpoint>,
    /// By ascending LSN, no two overlap.
    pub bodies: Vec<Arc<BodiesFile>>,
    /// Live bodies of records up to this one are in bodies files, those behind it in segments.
    pub moved_through: Lsn,
}

impl Stored {
    /// LSN of the checkpoint; `NONE` without one.
    pub fn lsn(&self) -> Lsn {
        self.checkpoint.as_ref().map_or(Lsn::NONE, |checkpoint| checkpoint.footer.lsn)
    }

    /// Epoch in which the checkpoint was made.
    pub fn epoch(&self) -> Epoch {
        self.checkpoint.as_ref().map_or(Epoch(0), |checkpoint| checkpoint.file.header.epoch)
    }

    /// True if the records behind the checkpoint may be absent altogether.
    pub fn is_backup(&self) -> bool {
        self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.file.header.is_backup)
    }

    /// Makes sure that the checkpoint counts for good: its header is the last of it that is written, and may be
    /// in the page cache only. All else was synced before.
    pub fn sync(&self) -> Result<(), LogError> {
        self.checkpoint.as_ref().map_or(Ok(()), |checkpoint| checkpoint.file.sync())
    }

    /// Index of the bodies file in whose range a record is.
    pub fn file_of(&self, lsn: Lsn) -> Option<usize> {
        let index = self.bodies.partition_point(|file| file.last() < lsn);
        self.bodies.get(index).is_some_and(|file| file.first() <= lsn).then_some(index)
    }

    /// The bodies among which one of that name would be.
    pub fn load_bodies(&self, name: BodyName) -> Result<Option<LoadedBodies>, LogError> {
        match self.file_of(name.lsn) {
            Some(index) => self.bodies[index].load(name),
            None => Ok(None),
        }
    }

    /// Size of the checkpoint's file, of its blocks and of the bodies that were live.
    pub fn live_bytes(&self) -> u64 {
        self.checkpoint
            .as_ref()
            .map_or(0, |checkpoint| checkpoint.file.size() + checkpoint.footer.live_body_bytes)
    }

    /// Bytes of all its files.
    pub fn size(&self) -> u64 {
        let checkpoint = self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.file.size());
        checkpoint + self.bodies.iter().map(|file| file.size()).sum::<u64>()
    }
}

/// What a start finds.
pub(crate) struct Found {
    pub stored: Stored,
    /// Unfinished and older checkpoints, and bodies files that nothing names.
    pub obsolete: Vec<String>,
    pub newest_sequence: u64,
}

/// The newest checkpoint that was finished, with its bodies files.
pub(crate) fn find(disk: &dyn Disk, names: &[String]) -> Result<Found, LogError> {
    let sequence_of =
        |name: &String| FileKind::Checkpoint.sequence(name).or_else(|| FileKind::Bodies.sequence(name));
    let newest_sequence = names.iter().filter_map(sequence_of).max().unwrap_or(0);
    let mut checkpoints: Vec<&String> =
        names.iter().filter(|name| FileKind::Checkpoint.sequence(name).is_some()).collect();
    checkpoints.sort_unstable();
    let mut stored = Stored::default();
    for name in checkpoints.iter().rev() {
        if let Some(file) = BlockFile::open(disk, FileKind::Checkpoint, name)? {
            stored = open(disk, file)?;
            break;
        }
    }
    let is_needed = |name: &String| {
        stored.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.file.name == *name)
            || stored.bodies.iter().any(|file| file.name() == name)
    };
    let obsolete = names.iter().filter(|name| sequence_of(name).is_some() && !is_needed(name));
    let obsolete = obsolete.cloned().collect();
    Ok(Found { stored, obsolete, newest_sequence })
}

fn open(disk: &dyn Disk, file: BlockFile) -> Result<Stored, LogError> {
    let block = file.last_block(BlockKind::Footer)?;
    let footer = Footer::decode(&block.content)
        .filter(|footer| footer.lsn == file.header.lsn && footer.block_count == block.number);
    let damaged = || LogError::corrupt(&file.name, file.header.last_block, "the footer cannot be read");
    let footer = footer.ok_or_else(damaged)?;
    let bodies: Result<Vec<_>, LogError> =
        footer.files.iter().map(|entry| Ok(Arc::new(BodiesFile::open(disk, entry)?))).collect();
    Ok(Stored {
        bodies: bodies?,
        moved_through: footer.moved_through,
        checkpoint: Some(Checkpoint { file: Arc::new(file), footer }),
    })
}
