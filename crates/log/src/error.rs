//! What goes wrong in the log, told to the operator: what, where, and what it means.

use std::io;
use thiserror::Error;
use warren_units::Lsn;

#[derive(Debug, Error)]
pub enum LogError {
    /// The disk failed. Nothing is retried: what a failed sync covered may be lost from memory too.
    #[error("cannot {action} {file}: {source}")]
    Io { action: &'static str, file: String, source: io::Error },

    /// Bytes that had been synced are not what was written.
    #[error("log file {file} is damaged at offset {offset}: {reason}")]
    Corrupt { file: String, offset: u64, reason: String },

    #[error("log file {file} has format version {found}, this program reads version {known}")]
    Version { file: String, found: u32, known: u32 },

    /// The step that made these records should have been refused: see [`crate::Log::has_room_for`].
    #[error("no room in the log for {needed_bytes} bytes")]
    Full { needed_bytes: u64 },

    /// An earlier write or sync failed.
    #[error("the log takes no more records since a write or a sync failed, or it was closed")]
    Poisoned,

    #[error("no body {ordinal} in record {lsn}")]
    NoBody { lsn: Lsn, ordinal: u32 },

    #[error("records from {wanted} on are needed, but the log holds those from {first} to {last}")]
    Missing { wanted: Lsn, first: Lsn, last: Lsn },

    /// One checkpoint or backup at a time.
    #[error("a checkpoint or a backup is being made already")]
    Busy,

    /// A checkpoint may hold effects of records behind this one.
    #[error("the log cannot be cut behind record {lsn}: a checkpoint holds the records up to {checkpoint}")]
    BeforeCheckpoint { lsn: Lsn, checkpoint: Lsn },

    /// For whoever makes a checkpoint and is asked to stop.
    #[error("the checkpoint was abandoned")]
    Abandoned,

    #[error("the checkpoint at record {at} is given up: {reason}")]
    GivenUp { at: Lsn, reason: &'static str },

    #[error("{file} is there already: a backup goes to a directory without a log")]
    NotEmpty { file: String },
}

impl LogError {
    pub(crate) fn io(action: &'static str, file: &str) -> impl FnOnce(io::Error) -> LogError {
        move |source| LogError::Io { action, file: file.to_owned(), source }
    }

    pub(crate) fn corrupt(file: &str, offset: u64, reason: impl Into<String>) -> LogError {
        LogError::Corrupt { file: file.to_owned(), offset, reason: reason.into() }
    }

    /// True where the disk only has no room: the one failure of the disk that passes.
    pub fn is_storage_full(&self) -> bool {
        matches!(self, LogError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}
