//! `x-queue-version`: the storage version of classic queues; only RabbitMQ's second one is still accepted.

use crate::queue_feature::{AcceptedBy, QueueFeature, non_negative_integer};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-queue-version",
    validate: |value, _| match non_negative_integer(value)? {
        2 => Ok(()),
        number => Err(format!("\"unsupported queue version '{number}'\"")),
    },
    install: |_, _| {},
    accepted_by: AcceptedBy::OnlyClassic,
};
