//! `x-max-age`: how long a stream keeps its messages. There are no streams here, and other queues refuse it.

use crate::queue_feature::{AcceptedBy, QueueFeature, long_string};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-max-age",
    validate: |value, _| long_string(value).map(drop),
    install: |_, _| {},
    accepted_by: AcceptedBy::NoQueueHere,
};
