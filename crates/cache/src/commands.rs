//! The table of commands: one row each, beside the handler that carries it out.
//!
//! A group's folder has one file per family of commands that share code, and the group's own file lists the
//! rows of its families.

pub mod bitmap;
pub mod connection;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod help;
pub mod list;
pub mod pubsub;
pub mod server;
pub mod set;
pub mod sorted_set;
pub mod string;
pub mod transactions;

use crate::command::CommandSpec;

/// Every command of the cache, by group. The bridge has a table of its own.
pub static COMMANDS: &[&[&CommandSpec]] = &[
    bitmap::ROWS,
    generic::ROWS,
    hash::ROWS,
    list::ROWS,
    string::ROWS,
    transactions::ROWS,
    pubsub::ROWS,
    connection::ROWS,
    server::ROWS,
    set::ROWS,
    sorted_set::ROWS,
    geo::ROWS,
];
