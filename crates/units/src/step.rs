//! One step in the making: what the handling of a request may write to.

use crate::batch::Batch;
use crate::numbers::UnixMillis;
use crate::outbox::Progress;
use crate::peers::Peers;

/// Passed down from the engine to cache and broker. The record of the step is the open record of `batch`;
/// the engine finishes it when the step ends.
pub struct Step<'a> {
    /// Engine time: the later of the clock and the newest record's time. The same for the whole step.
    pub now: UnixMillis,
    pub batch: &'a mut Batch,
    pub peers: &'a mut Peers,
    /// How far the log was when the turn began.
    pub progress: Progress,
}
