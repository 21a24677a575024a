//! The words every crate of Warren shares: numbers with a unit, bounds, and the three things that travel
//! between engine, log and sockets: [`Rope`] (bytes, some of them shared), [`Outbox`] (outputs with their
//! gates) and [`Batch`] (the records of one turn).
//!
//! This crate never knows a command, a method, a socket or a file.

pub mod batch;
pub mod body;
pub mod bounds;
pub mod numbers;
pub mod outbox;
pub mod peers;
pub mod room;
pub mod rope;
pub mod step;
pub mod varint;

pub use batch::{Batch, Record};
pub use body::BodyName;
pub use numbers::{Epoch, LoopId, Lsn, PeerId, UnixMillis};
pub use outbox::{Gate, Outbox, Progress};
pub use peers::Peers;
pub use room::{Room, RoomSource};
pub use rope::{Rope, RopeMark};
pub use step::Step;
