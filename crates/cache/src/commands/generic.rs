//! Keys of any type.

pub mod copy;
pub mod delete;
pub mod expire;
pub mod keys;
pub mod object;
pub mod sort;
pub mod ttl;
pub mod wait;

use crate::command::CommandSpec;

pub static ROWS: &[&CommandSpec] = &[
    &delete::DEL,
    &delete::UNLINK,
    &delete::EXISTS,
    &delete::TOUCH,
    &keys::TYPE,
    &keys::KEYS,
    &keys::SCAN,
    &keys::RANDOMKEY,
    &copy::RENAME,
    &copy::RENAMENX,
    &copy::COPY,
    &copy::MOVE,
    &expire::EXPIRE,
    &expire::PEXPIRE,
    &expire::EXPIREAT,
    &expire::PEXPIREAT,
    &expire::PERSIST,
    &ttl::TTL,
    &ttl::PTTL,
    &ttl::EXPIRETIME,
    &ttl::PEXPIRETIME,
    &object::OBJECT,
    &sort::SORT,
    &sort::SORT_RO,
    &wait::WAIT,
];
