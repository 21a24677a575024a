//! The parts of the server that touch the machine: sockets, files, clock, threads, settings. `main.rs` is
//! only the command line.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // this crate owns files, sockets and clock

pub mod backup;
pub mod bench;
mod checkpointer;
pub mod core;
pub mod ctl;
pub mod disk;
mod event_loop;
mod fetcher;
mod hands;
pub mod http;
mod io;
pub mod log_command;
mod process;
mod progress;
mod random;
mod recovery;
pub mod restore;
pub mod serve;
pub mod settings;
mod syncer;
