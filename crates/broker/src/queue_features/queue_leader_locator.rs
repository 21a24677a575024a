//! `x-queue-leader-locator`: where in a cluster a queue's leader starts. One node has no choice.

use crate::queue_feature::{AcceptedBy, QueueFeature, long_string};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-queue-leader-locator",
    validate: |value, _| match long_string(value)? {
        b"client-local" | b"balanced" | b"random" | b"least-leaders" => Ok(()),
        _ => Err("invalid_queue_locator_arg".to_string()),
    },
    install: |_, _| {},
    accepted_by: AcceptedBy::Every,
};
