//! Pub/sub. Nothing of it is durable.

pub mod inspect;
pub mod publish;
pub mod subscribe;

use crate::command::{CommandSpec, Flags};

pub static ROWS: &[&CommandSpec] = &[
    &subscribe::SUBSCRIBE,
    &subscribe::UNSUBSCRIBE,
    &subscribe::PSUBSCRIBE,
    &subscribe::PUNSUBSCRIBE,
    &subscribe::SSUBSCRIBE,
    &subscribe::SUNSUBSCRIBE,
    &publish::PUBLISH,
    &publish::SPUBLISH,
    &inspect::PUBSUB,
];

/// Flags that all of them have.
const FLAGS: Flags = Flags::PUBSUB.or(Flags::LOADING).or(Flags::STALE);
