//! The parts of the server that touch the machine; `main.rs` puts them together.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod disk;
