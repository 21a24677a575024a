//! `x-overflow`: what happens to a message that a full queue gets.

use crate::queue_feature::{AcceptedBy, Overflow, QueueFeature, long_string};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-overflow",
    validate: |value, _| parse(long_string(value)?).map(drop).ok_or_else(|| "invalid_overflow".to_string()),
    install: |value, features| {
        features.overflow = long_string(value).ok().and_then(parse).unwrap_or_default();
    },
    accepted_by: AcceptedBy::Every,
};

fn parse(name: &[u8]) -> Option<Overflow> {
    match name {
        b"drop-head" => Some(Overflow::DropHead),
        b"reject-publish" => Some(Overflow::RejectPublish),
        b"reject-publish-dlx" => Some(Overflow::RejectPublishDeadLetter),
        _ => None,
    }
}
