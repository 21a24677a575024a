//! What the operator decides about the broker.

use crate::confirms::ConfirmLevel;
use warren_units::bounds::{
    BODY_MEMORY_BYTES, CHANNEL_COUNT_MAX, FRAME_SIZE_BYTES_MAX, MESSAGE_SIZE_BYTES_MAX,
};

#[derive(Clone, Debug)]
pub struct Settings {
    /// Seeds hash tables and generated names, so that a run can be repeated.
    pub seed: u64,
    pub publisher_confirms: ConfirmLevel,
    pub frame_size_bytes_max: u32,
    pub channel_count_max: u16,
    /// Offered in connection.tune; 0 switches heartbeats off.
    pub heartbeat_seconds: u16,
    pub message_size_bytes_max: u64,
    /// Bodies that one transaction may collect before its commit.
    pub transaction_size_bytes_max: usize,
    /// Bodies of messages in queues may take so much memory; past it those in the log are read back when they
    /// are wanted.
    pub body_memory_bytes: u64,
    /// Messages that one step lets expire, or drops from a full queue: the engine is held no longer than they take.
    pub dropped_per_step_max: usize,
    pub cluster_name: String,
    pub version: &'static str,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            seed: 0,
            publisher_confirms: ConfirmLevel::Synced,
            frame_size_bytes_max: FRAME_SIZE_BYTES_MAX,
            channel_count_max: CHANNEL_COUNT_MAX,
            heartbeat_seconds: 60,
            message_size_bytes_max: MESSAGE_SIZE_BYTES_MAX,
            transaction_size_bytes_max: 128 * 1024 * 1024,
            body_memory_bytes: BODY_MEMORY_BYTES,
            dropped_per_step_max: 500,
            cluster_name: "warren@localhost".to_string(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
