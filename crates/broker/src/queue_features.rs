//! The table of queue arguments: one file each in `queue_features/`, one row here. `x-queue-type` comes
//! first, because it decides which of the others are accepted.

mod dead_letter_exchange;
mod dead_letter_routing_key;
mod dead_letter_strategy;
mod delivery_limit;
mod expires;
mod max_length;
mod max_length_bytes;
mod max_priority;
mod message_ttl;
mod overflow;
mod queue_leader_locator;
mod queue_type;
mod queue_version;
mod single_active_consumer;

use crate::queue_feature::QueueFeature;

pub const QUEUE_FEATURES: [&QueueFeature; 14] = [
    &queue_type::FEATURE,
    &expires::FEATURE,
    &message_ttl::FEATURE,
    &dead_letter_exchange::FEATURE,
    &dead_letter_routing_key::FEATURE,
    &dead_letter_strategy::FEATURE,
    &max_length::FEATURE,
    &max_length_bytes::FEATURE,
    &max_priority::FEATURE,
    &overflow::FEATURE,
    &queue_version::FEATURE,
    &single_active_consumer::FEATURE,
    &delivery_limit::FEATURE,
    &queue_leader_locator::FEATURE,
];
