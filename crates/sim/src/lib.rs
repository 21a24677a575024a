//! Deterministic simulator: the real engine and the real log on a disk that forgets, tears and fails, with
//! simulated clients, loops and clock. One thread runs at a time, and everything comes from one seed.
//!
//! - `world` holds all there is; `actions` are what may happen next, one file each.
//! - `workload` is what clients ask for: one file per family of operations, one row in its table.
//! - `model` is what they may expect; `checker` says where that is not so, one file each.
//! - `run` is one seed from the first start to the last.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod actions;
mod audit;
mod checker;
mod checkpoint_writer;
mod checkpointing;
mod client;
pub mod disk;
mod evicting;
mod fetching;
mod life;
mod link;
mod model;
mod operation;
pub mod random;
mod reply;
pub mod run;
mod server;
mod stops;
mod trace;
mod turn;
mod workload;
mod world;

pub use disk::SimDisk;
pub use random::Random;
