//! The table of commands: one row each, beside the handler that carries it out.

pub mod string;

use crate::command::CommandSpec;

/// Every command of the cache, by group. The bridge has a table of its own.
pub static COMMANDS: &[&[&CommandSpec]] = &[STRING];

static STRING: &[&CommandSpec] = &[&string::get::GET, &string::set::SET];
