//! The durable log of opaque records: preallocated segments, batches, group commit, recovery.
//!
//! A step of the engine ends in a record; the records of one loop turn are a [`warren_units::Batch`].
//! Under the engine's lock the loop calls [`Log::reserve`], which only hands out a place; after unlocking
//! it calls [`Log::write`]. One other thread calls [`Log::sync`] and [`Log::prepare`]. After a restart
//! [`Log::open`] finds the newest checkpoint and where the log ends, [`Log::checkpoint_blocks`] gives the
//! state at the checkpoint and [`Log::chunks`] every record behind it again; a body is read by its name
//! ([`Log::read_body`]).
//!
//! This crate never knows an effect, a file system, a thread or a clock: it sees bytes and a [`Disk`].
//! The layout on disk is drawn in [`format`], [`blocks::format`], [`checkpoint::footer`] and
//! [`bodies::format`], the argument for recovery in [`recovery`].

pub mod archive;
pub mod blocks;
pub mod bodies;
mod chain;
pub mod checkpoint;
mod disk;
mod error;
pub mod format;
mod reader;
pub mod recovery;
mod reserve;
mod retention;
mod room;
mod segment;
mod verify;
mod writer;

pub use archive::Archive;
pub use checkpoint::reader::{CheckpointBlock, CheckpointBlocks};
pub use checkpoint::writer::{CheckpointSummary, CheckpointWriter, is_log_file};
pub use disk::{Disk, DiskFile};
pub use error::LogError;
pub use reader::{LogChunk, LogChunks};
pub use recovery::{Cut, Recovery};
pub use retention::SegmentSummary;
pub use verify::Verified;
pub use writer::{Log, LogOptions, Reservation};
