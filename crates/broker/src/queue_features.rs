//! The table of queue arguments: one file each in `queue_features/`, one row here. `x-queue-type` comes
//! first, because it decides which of the others are accepted.

mod dead_letter_exchange;
mod dead_letter_routing_key;
mod dead_letter_strategy;
mod delivery_limit;
mod expires;
mod max_age;
mod max_in_memory_length;
mod max_length;
mod max_length_bytes;
mod max_priority;
mod message_ttl;
mod overflow;
mod queue_leader_locator;
mod queue_mode;
mod queue_type;
mod queue_version;
mod quorum_initial_group_size;
mod single_active_consumer;
mod stream_max_segment_size_bytes;

use crate::queue_feature::QueueFeature;

pub const QUEUE_FEATURES: [&QueueFeature; 19] = [
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
    &queue_mode::FEATURE,
    &quorum_initial_group_size::FEATURE,
    &max_in_memory_length::FEATURE,
    &max_age::FEATURE,
    &stream_max_segment_size_bytes::FEATURE,
];
