//! `x-max-length`: the most messages that may wait in the queue.

use crate::queue_feature::{AcceptedBy, QueueFeature, non_negative_integer};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-max-length",
    validate: |value, _| non_negative_integer(value).map(drop),
    install: |value, features| features.length_max = non_negative_integer(value).ok(),
    accepted_by: AcceptedBy::Every,
};
