//! `x-dead-letter-strategy`: quorum queues choose how safely they dead-letter. Ours moves a message within
//! one record, which is never less than either choice promises; so both are accepted and change nothing.

use crate::queue_feature::{AcceptedBy, QueueFeature, long_string};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-dead-letter-strategy",
    validate: |value, _| match long_string(value)? {
        b"at-most-once" | b"at-least-once" => Ok(()),
        _ => Err("invalid_dlx_strategy".to_string()),
    },
    install: |_, _| {},
    accepted_by: AcceptedBy::OnlyQuorum,
};
