//! `x-max-priority`: messages of a higher priority overtake, up to this one.

use crate::queue_feature::{AcceptedBy, QueueFeature, non_negative_integer};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-max-priority",
    validate: |value, _| match non_negative_integer(value)? {
        0..=255 => Ok(()),
        number => Err(format!("{{max_value_exceeded,{number}}}")),
    },
    install: |value, features| {
        let number = non_negative_integer(value).unwrap_or_default();
        features.priority_max = u8::try_from(number).unwrap_or(u8::MAX);
    },
    accepted_by: AcceptedBy::OnlyClassic,
};
