//! `x-dead-letter-exchange`: where messages go that the queue gives up.

use crate::queue_feature::{AcceptedBy, QueueFeature, long_string};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-dead-letter-exchange",
    validate: |value, _| long_string(value).map(drop),
    install: |value, features| features.dead_letter_exchange = long_string(value).ok().map(Into::into),
    accepted_by: AcceptedBy::Every,
};
