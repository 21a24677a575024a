//! The durable log of opaque records: segments, group commit, recovery.
