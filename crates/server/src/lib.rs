//! The parts of the server that touch the machine: sockets, files, clock, threads, settings. `main.rs` is
//! only the command line.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // this crate owns files, sockets and clock

pub mod bench;
pub mod core;
pub mod ctl;
pub mod disk;
mod event_loop;
mod hands;
pub mod http;
mod io;
mod process;
pub mod serve;
pub mod settings;
mod syncer;
