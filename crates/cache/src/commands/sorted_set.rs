//! Sorted sets.

pub mod add;
pub mod bound;
pub mod combine;
pub mod input;
pub mod members;
pub mod pop;
pub mod random;
pub mod range;
pub mod remove_range;
pub mod scan;
pub mod scored;

use crate::command::CommandSpec;

pub static ROWS: &[&CommandSpec] = &[
    &add::ZADD,
    &add::ZINCRBY,
    &members::ZREM,
    &members::ZCARD,
    &members::ZSCORE,
    &members::ZMSCORE,
    &members::ZRANK,
    &members::ZREVRANK,
    &range::ZRANGE,
    &range::ZRANGESTORE,
    &range::ZREVRANGE,
    &range::ZRANGEBYSCORE,
    &range::ZREVRANGEBYSCORE,
    &range::ZRANGEBYLEX,
    &range::ZREVRANGEBYLEX,
    &range::ZCOUNT,
    &range::ZLEXCOUNT,
    &remove_range::ZREMRANGEBYRANK,
    &remove_range::ZREMRANGEBYSCORE,
    &remove_range::ZREMRANGEBYLEX,
    &pop::ZPOPMIN,
    &pop::ZPOPMAX,
    &pop::BZPOPMIN,
    &pop::BZPOPMAX,
    &pop::ZMPOP,
    &pop::BZMPOP,
    &random::ZRANDMEMBER,
    &combine::ZUNION,
    &combine::ZUNIONSTORE,
    &combine::ZINTER,
    &combine::ZINTERSTORE,
    &combine::ZINTERCARD,
    &combine::ZDIFF,
    &combine::ZDIFFSTORE,
    &scan::ZSCAN,
];
