//! `x-expires`: the queue is deleted when nobody used it for so long.

use crate::queue_feature::{AcceptedBy, QueueFeature, duration_milliseconds};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-expires",
    validate: |value, _| match duration_milliseconds(value)? {
        0 => Err("{value_zero,0}".to_string()),
        _ => Ok(()),
    },
    install: |value, features| features.expires_milliseconds = duration_milliseconds(value).ok(),
    accepted_by: AcceptedBy::Every,
};
