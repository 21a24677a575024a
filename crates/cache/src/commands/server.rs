//! The server: its commands, settings, figures, and whole databases.

pub mod acl;
pub mod command;
pub mod config;
pub mod database;
pub mod debug;
pub mod info;
pub mod memory;
pub mod observe;
pub mod persistence;
pub mod process;

use crate::command::{CommandSpec, Flags};

pub static ROWS: &[&CommandSpec] = &[
    &command::COMMAND,
    &database::DBSIZE,
    &database::FLUSHDB,
    &database::FLUSHALL,
    &database::SWAPDB,
    &info::INFO,
    &config::CONFIG,
    &process::TIME,
    &process::SHUTDOWN,
    &process::ROLE,
    &process::REPLICAOF,
    &process::SLAVEOF,
    &persistence::SAVE,
    &persistence::BGSAVE,
    &persistence::BGREWRITEAOF,
    &persistence::LASTSAVE,
    &memory::MEMORY,
    &observe::SLOWLOG,
    &observe::LATENCY,
    &debug::DEBUG,
    &acl::ACL,
];

/// The version of Redis whose commands and replies these are; clients choose what they send by it.
pub const REDIS_VERSION: &str = "7.0.15";

/// Flags of commands that only look after the server.
const ADMIN: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
