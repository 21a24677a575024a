//! The server: its commands, settings, figures, and whole databases.

pub mod command;
pub mod config;
pub mod database;
pub mod info;

use crate::command::{CommandSpec, Flags};

pub static ROWS: &[&CommandSpec] = &[
    &command::COMMAND,
    &database::DBSIZE,
    &database::FLUSHDB,
    &database::FLUSHALL,
    &database::SWAPDB,
    &info::INFO,
    &config::CONFIG,
];

/// The version of Redis whose commands and replies these are; clients choose what they send by it.
pub const REDIS_VERSION: &str = "7.0.15";

/// Flags of commands that only look after the server.
const ADMIN: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
