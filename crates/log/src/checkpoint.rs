//! Checkpoints: the state at one LSN as blocks of opaque effects, with the bodies that were live then. How
//! one is made, found and read; what its effects mean is the engine's.

pub mod footer;
pub(crate) mod found;
mod publish;
pub(crate) mod reader;
pub(crate) mod writer;
