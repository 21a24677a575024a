//! The keyspace and the Redis commands over it: deterministic, no sockets, no files, no clock.

pub mod keyspace;
pub mod values;
