//! Files of checked blocks, written once from front to back: checkpoints and moved bodies. What a block holds
//! is known in [`crate::checkpoint`] and [`crate::bodies`].

pub mod format;
pub(crate) mod reader;
pub(crate) mod writer;
