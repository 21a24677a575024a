//! Counters that INFO shows.

/// Since the start, or CONFIG RESETSTAT.
#[derive(Default, Debug)]
pub struct Statistics {
    pub connections_received: u64,
    pub commands_processed: u64,
    pub keyspace_hits: u64,
    pub keyspace_misses: u64,
    pub expired_keys: u64,
    pub error_replies: u64,
}
