//! `x-dead-letter-routing-key`: the key that messages the queue gives up are published with.

use crate::queue_feature::{AcceptedBy, QueueFeature, long_string};

pub const FEATURE: QueueFeature = QueueFeature {
    argument: "x-dead-letter-routing-key",
    validate: |value, arguments| {
        long_string(value)?;
        match arguments.get("x-dead-letter-exchange") {
            Some(_) => Ok(()),
            None => Err("routing_key_but_no_dlx_defined".to_string()),
        }
    },
    install: |value, features| features.dead_letter_routing_key = long_string(value).ok().map(Into::into),
    accepted_by: AcceptedBy::Every,
};
