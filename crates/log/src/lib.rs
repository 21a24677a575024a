//! The durable log of opaque records: preallocated segments, batches, group commit, recovery.
//!
//! A step of the engine ends in a record; the records of one loop turn are a [`warren_units::Batch`].
//! Under the engine's lock the loop calls [`Log::reserve`], which only hands out a place; after unlocking
//! it calls [`Log::write`]. One other thread calls [`Log::sync`] and [`Log::prepare`]. After a restart
//! [`Log::open`] finds where the log ends and [`Log::replay`] gives every record again.
//!
//! This crate never knows an effect, a file system, a thread or a clock: it sees bytes and a [`Disk`].
//! The layout on disk is drawn in [`format`], the argument for recovery in [`recovery`].

mod disk;
mod error;
pub mod format;
mod reader;
pub mod recovery;
mod reserve;
mod retention;
mod room;
mod segment;
mod writer;

pub use disk::{Disk, DiskFile};
pub use error::LogError;
pub use reader::Bodies;
pub use recovery::{Cut, Recovery};
pub use retention::SegmentSummary;
pub use writer::{Log, LogOptions, Reservation};
