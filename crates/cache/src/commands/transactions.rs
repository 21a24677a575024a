//! Transactions.

pub mod multi;
pub mod watch;

use crate::command::{CommandSpec, Flags};

pub static ROWS: &[&CommandSpec] =
    &[&multi::MULTI, &multi::EXEC, &multi::DISCARD, &watch::WATCH, &watch::UNWATCH];

/// Flags that all of them have.
const FLAGS: Flags = Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST);
