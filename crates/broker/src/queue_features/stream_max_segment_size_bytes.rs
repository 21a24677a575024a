//! `x-stream-max-segment-size-bytes`: the size of a stream's files. There are no streams here, and other queues
//! refuse it.

use crate::queue_feature::{AcceptedBy, QueueFeature, non_negative_integer};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-stream-max-segment-size-bytes",
    validate: |value, _| non_negative_integer(value).map(drop),
    install: |_, _| {},
    accepted_by: AcceptedBy::NoQueueHere,
};
