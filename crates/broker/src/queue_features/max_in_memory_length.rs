//! `x-max-in-memory-length`: how many messages a quorum queue kept in memory once. It changes nothing any more.

use crate::queue_feature::{AcceptedBy, QueueFeature, non_negative_integer};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-max-in-memory-length",
    validate: |value, _| non_negative_integer(value).map(drop),
    install: |_, _| {},
    accepted_by: AcceptedBy::OnlyQuorum,
};
