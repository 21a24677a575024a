//! The connection itself: greeting, authentication, database, name, other clients.

pub mod client;
pub mod greeting;
pub mod ping;
pub mod reset;
pub mod select;

use crate::command::{CommandSpec, Flags};

pub static ROWS: &[&CommandSpec] = &[
    &ping::PING,
    &ping::ECHO,
    &select::SELECT,
    &reset::QUIT,
    &reset::RESET,
    &greeting::HELLO,
    &greeting::AUTH,
    &client::CLIENT,
];

/// Flags that most of them have.
const FLAGS: Flags = Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE);
