//! What lies beyond the cache, as far as command dispatch may know it.
//!
//! Commands that join both protocols are rows of the bridge. The cache dispatches, queues (MULTI) and lists
//! (COMMAND) them like its own and never knows what they do.

use crate::command::CommandError;
use warren_resp::{Args, Reply};
use warren_units::{Gate, Step};

/// Carries out the rows whose [`crate::command::Carrier`] is `Host`.
pub trait Host {
    /// Everything that can fail, checked without an effect: before EXEC begins, and before `run`.
    ///
    /// # Errors
    /// The error is the reply.
    fn check(&self, row: usize, args: Args<'_>) -> Result<(), CommandError>;

    /// Bytes that the row's effects add to the log at most: room for them is asked for before EXEC begins.
    fn size_bytes_max(&self, row: usize, args: Args<'_>) -> usize;

    /// Applies the row's effects to the open record and writes exactly one reply. `is_always`: what the
    /// cache's own clients see must be synced (`appendfsync always`). Answers what the reply waits for
    /// besides.
    ///
    /// # Errors
    /// The error is the reply, and no effect was applied.
    fn run(
        &mut self,
        row: usize,
        args: Args<'_>,
        is_always: bool,
        step: &mut Step<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Gate, CommandError>;

    /// Facts beyond the cache that INFO and CONFIG show: (section, lines).
    fn info(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
