//! One serial engine over cache and broker: requests in, effects into one record, gated outputs out.
//!
//! Synchronous and deterministic: no sockets, no files, no threads, no clock. It never sees the log: whoever
//! runs it takes the batch of a turn's records ([`Engine::take_batch`]) to the log and says how far that has
//! come ([`Engine::begin_turn`]).

pub mod bridge;
mod checkpoint;
pub mod describe;
mod durable;
mod engine;
mod peers;
mod recovery;

pub use checkpoint::Piece;
pub use engine::{Engine, Garbage, Settings};
pub use peers::{Address, PeerKind};
pub use recovery::ReplayError;
pub use warren_broker as broker;
pub use warren_broker::Fetch;
pub use warren_cache as cache;
