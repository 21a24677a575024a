//! Sets.

pub mod combine;
pub mod members;
pub mod random;
pub mod scan;

use crate::command::CommandSpec;

pub static ROWS: &[&CommandSpec] = &[
    &members::SADD,
    &members::SREM,
    &members::SMOVE,
    &members::SCARD,
    &members::SISMEMBER,
    &members::SMISMEMBER,
    &members::SMEMBERS,
    &random::SPOP,
    &random::SRANDMEMBER,
    &combine::SINTER,
    &combine::SINTERSTORE,
    &combine::SINTERCARD,
    &combine::SUNION,
    &combine::SUNIONSTORE,
    &combine::SDIFF,
    &combine::SDIFFSTORE,
    &scan::SSCAN,
];
