//! Whether the log has room for what a command writes, asked before its first effect: what adds to the keyspace
//! is refused first, and everything that changes it once even the room kept for that is used up.

use crate::command::{CommandError, Flags};
use crate::context::Context;
use warren_resp::Args;
use warren_units::room::STEP_SIZE_BYTES;

/// An effect may say more of an argument, or of another name, than its bytes: its size, a score.
pub const ARGUMENT_SIZE_BYTES: usize = 16;

/// Bytes that a command writes which writes its arguments: twice, where a waiting client is served.
pub fn effects_size(args: Args<'_>) -> usize {
    2 * args.size() + ARGUMENT_SIZE_BYTES * args.len()
}

impl Context<'_, '_> {
    /// Whether a command with these flags is to be refused that writes about `size_bytes`.
    pub fn is_log_full(&self, flags: Flags, size_bytes: usize) -> bool {
        let size_bytes = STEP_SIZE_BYTES + size_bytes;
        match flags.has(Flags::DENYOOM) {
            true => self.step.batch.refuses_growth(size_bytes),
            false => !self.step.batch.has_room(size_bytes),
        }
    }

    /// Refuses a result of this size that is about to be stored.
    ///
    /// # Errors
    /// Where the log has no room for it.
    pub fn need_growth_room(&self, size_bytes: usize) -> Result<(), CommandError> {
        match self.is_log_full(Flags::DENYOOM, size_bytes) {
            true => Err(CommandError::LOG_IS_FULL),
            false => Ok(()),
        }
    }

    /// The same for what is removed by name.
    ///
    /// # Errors
    /// Where the log has no room for it.
    pub fn need_room(&self, size_bytes: usize) -> Result<(), CommandError> {
        match self.is_log_full(Flags::WRITE, size_bytes) {
            true => Err(CommandError::LOG_IS_FULL),
            false => Ok(()),
        }
    }
}
