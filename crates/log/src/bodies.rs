//! Message bodies: read by name from segments and from bodies files, and moved from one to the other when a
//! checkpoint lets segments go. Which bodies are live is told by whoever makes the checkpoint.

mod cache;
pub(crate) mod collect;
pub(crate) mod file;
pub mod format;
pub(crate) mod loaded;
pub(crate) mod names;
mod plan;
mod read;

pub(crate) use cache::BodyCache;
