//! `x-max-length-bytes`: the most bytes of bodies that may wait in the queue.

use crate::queue_feature::{AcceptedBy, QueueFeature, non_negative_integer};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-max-length-bytes",
    validate: |value, _| non_negative_integer(value).map(drop),
    install: |value, features| features.length_bytes_max = non_negative_integer(value).ok(),
    accepted_by: AcceptedBy::Every,
};
