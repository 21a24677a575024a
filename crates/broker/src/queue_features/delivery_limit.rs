//! `x-delivery-limit`: a message given back more often than this is dropped or dead-lettered. -1 lifts it.

use crate::queue_feature::{AcceptedBy, QueueFeature};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-delivery-limit",
    validate: |_, _| Ok(()),
    install: |value, features| {
        features.delivery_count_max = value.as_integer().and_then(|limit| u64::try_from(limit).ok());
    },
    accepted_by: AcceptedBy::OnlyQuorum,
};
