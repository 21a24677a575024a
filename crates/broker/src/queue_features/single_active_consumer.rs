//! `x-single-active-consumer`: one consumer gets all messages until it goes away.

use crate::arguments::type_name;
use crate::queue_feature::{AcceptedBy, QueueFeature};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-single-active-consumer",
    validate: |value, _| match value.as_bool() {
        Some(_) => Ok(()),
        None => Err(format!("{{unacceptable_type,{}}}", type_name(value))),
    },
    install: |value, features| features.single_active_consumer = value.as_bool() == Some(true),
    accepted_by: AcceptedBy::Every,
};
