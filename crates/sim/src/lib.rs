//! Deterministic simulator: the real engine and log on a disk that forgets, tears and fails.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod disk;
pub mod random;

pub use disk::SimDisk;
pub use random::Random;
