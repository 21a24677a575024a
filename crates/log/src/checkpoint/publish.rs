//! How a checkpoint comes to count, and what it then makes superfluous.
//!
//! 1. The log is synced up to the checkpoint's record.
//! 2. Live bodies are copied out of segments that can go, and out of bodies files that are mostly dead. The
//!    files are synced, their headers included: without a checkpoint that names them they mean nothing.
//! 3. The footer, which names them, is written; all of the checkpoint but its header is synced, and the
//!    directory.
//! 4. The header is written and synced. It is one sector, so that a crash leaves all of it or nothing: from
//!    here on the checkpoint counts, and the older one does not.
//! 5. The older checkpoint, segments and bodies files that nothing names are deleted, segments from the oldest
//!    on, each for good before the next, so that those that are left follow on each other.

use crate::blocks::format::BlockKind;
use crate::blocks::reader::BlockFile;
use crate::bodies::collect::{Collected, collect};
use crate::checkpoint::footer::Footer;
use crate::checkpoint::found::{Checkpoint, Stored};
use crate::checkpoint::writer::{CheckpointSummary, CheckpointWriter, EARLIER_ERROR, Made};
use crate::error::LogError;
use crate::segment::lock;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl CheckpointWriter<'_> {
    /// Makes the checkpoint count, then deletes what it supersedes. Waits until the log is synced up to its
    /// record, which has to be on its way.
    ///
    /// # Errors
    /// The checkpoint does not count, its files are removed, and the log is as it was. Fatal only where the
    /// log itself failed ([`LogError::Poisoned`] from then on).
    pub fn finish(mut self) -> Result<CheckpointSummary, LogError> {
        let Some(file) = self.file.take() else { return Err(self.given_up(EARLIER_ERROR)) };
        self.log.sync_through(self.at)?;
        let moved_through = match self.is_backup {
            true => self.at,
            false => self.log.removable_through(self.at).max(self.log.stored().moved_through),
        };
        let names = std::mem::take(&mut self.names).end();
        let collected = collect(&mut self, &names, moved_through)?;
        drop(names);
        let footer = Footer {
            lsn: self.at,
            moved_through,
            block_count: file.block_count(),
            live_body_count: collected.live_count,
            live_body_bytes: collected.live_bytes,
            files: collected.files.iter().map(|file| file.entry()).collect(),
        };
        let complete = file.complete(BlockKind::Footer, &footer.encode())?;
        self.disk.sync_directory().map_err(LogError::io("sync the directory of", &complete.name))?;
        // From here on the log must not be cut before this checkpoint.
        let log = self.log;
        let mut housekeeping = lock(&log.housekeeping);
        if lock(&log.tail).epoch != self.epoch {
            return Err(self.given_up("the log was cut meanwhile"));
        }
        let cut_floor = housekeeping.cut_floor;
        if !self.is_backup {
            housekeeping.cut_floor = self.at;
        }
        self.made.may_count = true;
        if let Err(error) = complete.seal() {
            if self.remove_made() {
                housekeeping.cut_floor = cut_floor;
            }
            return Err(error);
        }
        let mut summary = self.summary(&footer, &collected, complete.header.file_size);
        self.made = Made::default();
        if self.is_backup {
            return Ok(summary);
        }
        let file = Arc::new(BlockFile::of(complete.name, complete.header, complete.file));
        let older = log.publish(Stored {
            checkpoint: Some(Checkpoint { file, footer }),
            bodies: collected.files,
            moved_through,
        });
        log.bytes_before_start.store(0, Ordering::Relaxed);
        log.bytes_before_checkpoint.store(self.begun_bytes, Ordering::Relaxed);
        housekeeping
            .doomed
            .extend(older.checkpoint.as_ref().map(|older| (older.file.name.clone(), older.file.size())));
        housekeeping.doomed.extend(collected.replaced);
        let deleted = log.delete_superseded(&mut housekeeping, moved_through, &mut summary.freed_bytes);
        summary.not_deleted = deleted.err();
        Ok(summary)
    }

    fn summary(&self, footer: &Footer, collected: &Collected, checkpoint_bytes: u64) -> CheckpointSummary {
        CheckpointSummary {
            at: self.at,
            checkpoint_bytes,
            block_count: footer.block_count,
            live_body_count: collected.live_count,
            live_body_bytes: collected.live_bytes,
            moved_bytes: collected.moved_bytes,
            freed_bytes: 0,
            not_deleted: None,
        }
    }
}
