//! A checkpoint in the making. Its blocks go to a file at once, the names of live bodies stay in memory; how
//! it comes to count is in [`super::publish`].

use crate::blocks::format::{BlockKind, FileKind};
use crate::blocks::writer::{BlockWriter, FilePlan};
use crate::bodies::names::KeptNames;
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::segment_sequence;
use crate::room::stored_salt;
use crate::segment::lock;
use crate::writer::Log;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use warren_units::{BodyName, Epoch, Lsn, Rope};

pub(crate) const EARLIER_ERROR: &str = "a block could not be written";

/// Writes one checkpoint. Dropped before [`CheckpointWriter::finish`] has returned, it leaves nothing behind.
pub struct CheckpointWriter<'a> {
    pub(crate) log: &'a Log,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) is_backup: bool,
    pub(crate) at: Lsn,
    pub(crate) epoch: Epoch,
    /// Bytes that the log had taken when the checkpoint was begun.
    pub(crate) begun_bytes: u64,
    pub(crate) file: Option<BlockWriter>,
    pub(crate) names: KeptNames,
    pub(crate) made: Made,
}

/// The files made so far; those of a checkpoint that came to nothing are removed.
#[derive(Default)]
pub(crate) struct Made {
    pub checkpoint: Option<String>,
    pub bodies: Vec<String>,
    /// The checkpoint may count, whatever the disk has answered.
    pub may_count: bool,
}

/// What a finished checkpoint came to.
#[derive(Debug)]
pub struct CheckpointSummary {
    pub at: Lsn,
    /// Size of the checkpoint's file.
    pub checkpoint_bytes: u64,
    pub block_count: u64,
    pub live_body_count: u64,
    pub live_body_bytes: u64,
    /// Bytes of bodies files written for this checkpoint.
    pub moved_bytes: u64,
    /// Bytes that deleted files gave back.
    pub freed_bytes: u64,
    /// Why some file could not be deleted; that is tried again at the next checkpoint.
    pub not_deleted: Option<LogError>,
}

impl Log {
    /// Begins a checkpoint of the state after record `at`, one at a time.
    ///
    /// # Errors
    /// None is fatal: the log goes on without the checkpoint.
    ///
    /// # Panics
    /// If `at` is not in the log, or below the newest checkpoint.
    pub fn begin_checkpoint(&self, at: Lsn) -> Result<CheckpointWriter<'_>, LogError> {
        self.begin(at, self.disk.clone(), false)
    }

    /// Begins a whole copy of the state after record `at` in another directory, checkpoint and all live
    /// bodies. Changes nothing here.
    ///
    /// # Errors
    /// As above, and where the directory holds a log already.
    ///
    /// # Panics
    /// As above.
    pub fn begin_backup(&self, at: Lsn, target: Arc<dyn Disk>) -> Result<CheckpointWriter<'_>, LogError> {
        if let Some(file) = first_log_file(&*target)? {
            return Err(LogError::NotEmpty { file });
        }
        self.begin(at, target, true)
    }

    fn begin(&self, at: Lsn, disk: Arc<dyn Disk>, is_backup: bool) -> Result<CheckpointWriter<'_>, LogError> {
        self.check()?;
        if self.is_checkpointing.swap(true, Ordering::Acquire) {
            return Err(LogError::Busy);
        }
        let (epoch, next_lsn) = {
            let tail = lock(&self.tail);
            (tail.epoch, tail.next_lsn)
        };
        let mut writer = CheckpointWriter {
            log: self,
            disk,
            is_backup,
            at,
            epoch,
            begun_bytes: self.reserved_bytes.load(Ordering::Relaxed),
            file: None,
            names: KeptNames::default(),
            made: Made::default(),
        };
        assert!(
            (self.stored().lsn()..next_lsn).contains(&at),
            "a checkpoint is taken at a record of the log"
        );
        let plan = writer.plan(FileKind::Checkpoint);
        writer.made.checkpoint = Some(plan.kind.name(plan.sequence));
        writer.file = Some(BlockWriter::create(&*writer.disk, plan)?);
        Ok(writer)
    }
}

/// A file that belongs to a log, if there is one.
pub(crate) fn first_log_file(disk: &dyn Disk) -> Result<Option<String>, LogError> {
    let names = disk.list().map_err(LogError::io("list", "the target directory"))?;
    Ok(names.into_iter().find(|name| is_log_file(name)))
}

/// True for the names of segments, checkpoints and bodies files.
pub fn is_log_file(name: &str) -> bool {
    segment_sequence(name).is_some()
        || FileKind::Checkpoint.sequence(name).is_some()
        || FileKind::Bodies.sequence(name).is_some()
}

impl CheckpointWriter<'_> {
    /// The record whose state this is.
    pub fn at(&self) -> Lsn {
        self.at
    }

    /// Bytes of blocks so far.
    pub fn size(&self) -> u64 {
        self.file.as_ref().map_or(0, BlockWriter::size)
    }

    /// Appends one block: a whole number of effects.
    ///
    /// # Errors
    /// The checkpoint cannot be finished any more.
    pub fn append(&mut self, effects: &Rope) -> Result<(), LogError> {
        let Some(file) = &mut self.file else { return Err(self.given_up(EARLIER_ERROR)) };
        let appended = file.append(BlockKind::Effects, effects.chunks(0));
        if appended.is_err() {
            self.file = None;
        }
        appended.map(drop)
    }

    /// Keeps a body of a record up to this checkpoint. It may be told twice.
    ///
    /// # Panics
    /// If the record is behind the checkpoint.
    pub fn keep_body(&mut self, name: BodyName, size: u32) {
        assert!(name.lsn <= self.at, "a checkpoint keeps no body of a later record");
        self.names.keep(name, size);
    }

    pub(crate) fn given_up(&self, reason: &'static str) -> LogError {
        LogError::GivenUp { at: self.at, reason }
    }

    pub(crate) fn plan(&self, kind: FileKind) -> FilePlan {
        let sequence = self.log.next_stored_sequence.fetch_add(1, Ordering::Relaxed);
        FilePlan {
            kind,
            sequence,
            salt: stored_salt(&self.log.options, sequence),
            epoch: self.epoch,
            is_backup: self.is_backup,
            lsn: self.at,
        }
    }

    /// Removes what was made. The checkpoint's own file first where it may count: with its bodies files gone,
    /// it would be a damaged one.
    /// What cannot be removed now is removed at the next start. True if the checkpoint surely does not count.
    pub(crate) fn remove_made(&mut self) -> bool {
        let Made { checkpoint, bodies, may_count } = std::mem::take(&mut self.made);
        let mut is_gone = true;
        if let Some(name) = checkpoint {
            is_gone = remove(&*self.disk, &name).is_ok();
        }
        if may_count {
            is_gone &= self.disk.sync_directory().is_ok();
        }
        if is_gone || !may_count {
            for name in bodies {
                let _ = remove(&*self.disk, &name);
            }
        }
        is_gone
    }
}

/// Removes a file that may be gone already.
pub(crate) fn remove(disk: &dyn Disk, name: &str) -> Result<(), LogError> {
    match disk.remove(name) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LogError::io("remove", name)(error))
        }
        _ => Ok(()),
    }
}

impl Drop for CheckpointWriter<'_> {
    fn drop(&mut self) {
        self.remove_made();
        self.log.is_checkpointing.store(false, Ordering::Release);
    }
}
