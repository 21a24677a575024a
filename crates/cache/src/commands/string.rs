//! Strings.

pub mod deadline;
pub mod get;
pub mod increment;
pub mod lcs;
pub mod many;
pub mod range;
pub mod set;

use crate::command::CommandSpec;

pub static ROWS: &[&CommandSpec] = &[
    &get::GET,
    &get::GETDEL,
    &get::GETEX,
    &set::SET,
    &set::SETNX,
    &set::SETEX,
    &set::PSETEX,
    &set::GETSET,
    &many::MGET,
    &many::MSET,
    &many::MSETNX,
    &range::STRLEN,
    &range::APPEND,
    &range::GETRANGE,
    &range::SUBSTR,
    &range::SETRANGE,
    &increment::INCR,
    &increment::DECR,
    &increment::INCRBY,
    &increment::DECRBY,
    &increment::INCRBYFLOAT,
    &lcs::LCS,
];
