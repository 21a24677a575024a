//! `x-quorum-initial-group-size`: over how many nodes a quorum queue is spread. Here there is one.

use crate::queue_feature::{AcceptedBy, QueueFeature, non_negative_integer};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-quorum-initial-group-size",
    validate: |value, _| match non_negative_integer(value)? {
        0 => Err("{value_zero,0}".to_string()),
        _ => Ok(()),
    },
    install: |_, _| {},
    accepted_by: AcceptedBy::OnlyQuorum,
};
