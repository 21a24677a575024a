//! Strings.

pub mod get;
pub mod set;

use crate::command::CommandSpec;

pub static ROWS: &[&CommandSpec] = &[&get::GET, &set::SET];
