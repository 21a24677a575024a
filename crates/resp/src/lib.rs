//! RESP2 and RESP3 bytes: [`decode`] turns what a socket delivered into commands, [`reply`] writes replies.
//!
//! State machines over byte slices: no sockets, no commands, no keyspace.

pub mod decode;
pub mod inline;
pub mod reply;

pub use decode::{Args, Commands, Decoder, Limits, OwnedArgs, ProtocolError};
pub use reply::{Protocol, Reply};
