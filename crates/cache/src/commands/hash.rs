//! Hashes.

pub mod all;
pub mod delete;
pub mod get;
pub mod increment;
pub mod random;
pub mod scan;
pub mod set;

use crate::command::CommandSpec;

pub static ROWS: &[&CommandSpec] = &[
    &set::HSET,
    &set::HMSET,
    &set::HSETNX,
    &get::HGET,
    &get::HMGET,
    &get::HEXISTS,
    &get::HSTRLEN,
    &get::HLEN,
    &all::HGETALL,
    &all::HKEYS,
    &all::HVALS,
    &delete::HDEL,
    &increment::HINCRBY,
    &increment::HINCRBYFLOAT,
    &random::HRANDFIELD,
    &scan::HSCAN,
];
