//! What is durable, as two numbers: how many records there are, and a hash that replaying them must reproduce.

use crate::engine::Engine;
use warren_units::Lsn;

impl Engine {
    /// A hash over the durable state of cache and broker. It costs time in proportion to the state.
    pub fn durable_hash(&self) -> u64 {
        let keyspace = self.cache.shared.keyspace.durable_hash();
        keyspace.rotate_left(1) ^ self.broker.state_hash()
    }

    /// LSN of the newest record that was made, whether taken or not.
    pub fn newest_lsn(&self) -> Lsn {
        self.batch.last()
    }
}
