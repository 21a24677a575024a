//! `x-queue-mode`: whether classic queues kept messages in memory once. It changes nothing any more, as in
//! RabbitMQ since 3.12; declarations must agree in it still.

use crate::names::text;
use crate::queue_feature::{AcceptedBy, QueueFeature, long_string};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-queue-mode",
    validate: |value, _| match long_string(value)? {
        b"default" | b"lazy" => Ok(()),
        other => Err(format!("\"unsupported queue mode '{}'\"", text(other))),
    },
    install: |_, _| {},
    accepted_by: AcceptedBy::OnlyClassic,
};
