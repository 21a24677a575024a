//! The keyspace and the Redis commands over it: deterministic, no sockets, no files, no clock.
//!
//! - [`keyspace`]: databases of keys, changed only through effects; [`values`] are its containers.
//! - [`commands`]: the table of commands; [`command`] says what a row is, [`context`] what a handler sees.
//! - [`Cache`]: sessions, dispatch, blocking, transactions.
//!
//! It never knows the broker: what joins both comes in through [`host::Host`].

pub mod blocking;
pub mod cache;
pub mod command;
pub mod commands;
pub mod context;
pub mod dispatch;
pub mod eviction;
pub mod geohash;
pub mod glob;
pub mod host;
pub mod keyspace;
pub mod long_double;
pub mod lookup;
pub mod parse;
pub mod process;
pub mod pubsub;
pub mod random;
pub mod reply_text;
pub mod room;
pub mod scan;
pub mod session;
pub mod sessions;
pub mod settings;
pub mod statistics;
pub mod store;
#[cfg(test)]
pub mod testing;
pub mod values;

pub use cache::Cache;
