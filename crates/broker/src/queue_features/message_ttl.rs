//! `x-message-ttl`: how long a message may wait in the queue.

use crate::queue_feature::{AcceptedBy, QueueFeature, duration_milliseconds};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-message-ttl",
    validate: |value, _| duration_milliseconds(value).map(drop),
    install: |value, features| features.message_ttl_milliseconds = duration_milliseconds(value).ok(),
    accepted_by: AcceptedBy::Every,
};
