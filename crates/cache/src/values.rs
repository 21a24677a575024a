//! The containers of the Redis types: list, hash, set and sorted set.
//!
//! They are pure data: no commands, no replies, no effects, no clock, no randomness (the hash seed and the
//! indexes of random members come from outside). Small ones are packed into one allocation; large ones are
//! copy-on-write trees of packed chunks. Every container can be frozen: the frozen view keeps its content
//! while the original changes, at a cost that does not grow with the size. All are `Send`, so a large one
//! can be dropped by another thread.

mod by_hash;
mod chunk;
mod codec;
mod field;
mod hash;
mod intset;
mod limits;
mod list;
mod packed;
mod set;
mod sorted_set;
mod text;
mod tree;

pub use hash::{Fields, Hash};
pub use limits::Limits;
pub use list::{Elements, List};
pub use set::{Members, Set};
pub use sorted_set::{Added, LexBound, ScoreBound, ScoredMembers, SortedSet, compare_scores};
pub use text::{Digits, SHARED_BYTES_MIN, Text, canonical_integer};

#[cfg(test)]
mod tests;
