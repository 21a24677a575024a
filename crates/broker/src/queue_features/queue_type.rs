//! `x-queue-type`: `classic` or `quorum`. On one node both are the same queue over the same log; a quorum
//! queue keeps its rules (durable, never exclusive, a delivery limit).

use crate::names::text;
use crate::queue_feature::{AcceptedBy, QueueFeature, QueueType, long_string};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-queue-type",
    validate: |value, _| {
        let name = long_string(value)?;
        parse(name).map(drop).ok_or_else(|| format!("\"unsupported queue type '{}'\"", text(name)))
    },
    install: |value, features| {
        features.queue_type = long_string(value).ok().and_then(parse).unwrap_or_default();
    },
    accepted_by: AcceptedBy::Every,
};

fn parse(name: &[u8]) -> Option<QueueType> {
    match name {
        b"classic" | b"rabbit_classic_queue" => Some(QueueType::Classic),
        b"quorum" | b"rabbit_quorum_queue" => Some(QueueType::Quorum),
        _ => None,
    }
}
