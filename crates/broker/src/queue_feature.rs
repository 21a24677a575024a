//! What a queue argument is: its name, who may give it, and what it changes about the queue.

use crate::arguments::{Arguments, type_name};
use crate::names::Name;
use crate::queue_features::QUEUE_FEATURES;
use crate::refusal::{Refusal, Resource};
use warren_amqp::Value;

/// One row of the table in `queue_features`.
pub struct QueueFeature {
    pub argument: &'static str,
    /// Answers why a value is refused, as RabbitMQ prints it: an Erlang term.
    pub validate: fn(&Value<'_>, &Arguments) -> Result<(), String>,
    /// Called with validated values only.
    pub install: fn(&Value<'_>, &mut Features),
    pub accepted_by: AcceptedBy,
}

/// Which types of queue know an argument; the others refuse it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcceptedBy {
    Every,
    OnlyClassic,
    OnlyQuorum,
    /// Of a type of queue that RabbitMQ has besides.
    NoQueueHere,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum QueueType {
    #[default]
    Classic,
    Quorum,
}

impl QueueType {
    pub fn name(self) -> &'static str {
        match self {
            QueueType::Classic => "classic",
            QueueType::Quorum => "quorum",
        }
    }
}

/// What happens to a message that a full queue gets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Overflow {
    #[default]
    DropHead,
    RejectPublish,
    RejectPublishDeadLetter,
}

/// What the arguments of one queue come to.
#[derive(Clone, Default, Debug)]
pub struct Features {
    pub queue_type: QueueType,
    pub message_ttl_milliseconds: Option<u64>,
    pub expires_milliseconds: Option<u64>,
    pub length_max: Option<u64>,
    pub length_bytes_max: Option<u64>,
    pub overflow: Overflow,
    pub dead_letter_exchange: Option<Name>,
    pub dead_letter_routing_key: Option<Name>,
    pub priority_max: u8,
    pub single_active_consumer: bool,
    pub delivery_count_max: Option<u64>,
}

impl Features {
    /// Refuses what RabbitMQ refuses; unknown arguments are nobody's business.
    pub fn validate(arguments: &Arguments, queue: &Resource<'_>) -> Result<Features, Refusal> {
        let mut features = Features::default();
        if arguments.as_bytes().is_empty() {
            return Ok(features);
        }
        for feature in QUEUE_FEATURES {
            let argument = feature.argument;
            let Some(value) = arguments.get(argument) else { continue };
            let is_accepted = match feature.accepted_by {
                AcceptedBy::Every => true,
                AcceptedBy::OnlyClassic => features.queue_type == QueueType::Classic,
                AcceptedBy::OnlyQuorum => features.queue_type == QueueType::Quorum,
                AcceptedBy::NoQueueHere => false,
            };
            if !is_accepted {
                let queue_type = features.queue_type.name();
                return Err(Refusal::precondition_failed(format!(
                    "invalid arg '{argument}' for {queue} of queue type rabbit_{queue_type}_queue"
                )));
            }
            (feature.validate)(&value, arguments).map_err(|reason| {
                Refusal::precondition_failed(format!("invalid arg '{argument}' for {queue}: {reason}"))
            })?;
            (feature.install)(&value, &mut features);
        }
        if features.queue_type == QueueType::Quorum && arguments.get("x-delivery-limit").is_none() {
            features.delivery_count_max = Some(QUORUM_DELIVERY_COUNT_MAX);
        }
        Ok(features)
    }

    /// The arguments two declarations must agree in.
    pub fn equivalence_keys() -> impl Iterator<Item = &'static str> {
        QUEUE_FEATURES.iter().map(|feature| feature.argument)
    }
}

pub(crate) fn integer(value: &Value<'_>) -> Result<i64, String> {
    value.as_integer().ok_or_else(|| format!("\"expected integer, got {}\"", type_name(value)))
}

pub(crate) fn non_negative_integer(value: &Value<'_>) -> Result<u64, String> {
    let number = integer(value)?;
    u64::try_from(number).map_err(|_| format!("{{value_negative,{number}}}"))
}

/// RabbitMQ's default limit of deliveries of a quorum queue.
const QUORUM_DELIVERY_COUNT_MAX: u64 = 20;

/// Ten years.
const DURATION_MILLISECONDS_MAX: u64 = 315_360_000_000;

pub(crate) fn duration_milliseconds(value: &Value<'_>) -> Result<u64, String> {
    let number = non_negative_integer(value)?;
    if number > DURATION_MILLISECONDS_MAX {
        return Err(format!("{{value_too_large,{number}}}"));
    }
    Ok(number)
}

pub(crate) fn long_string<'a>(value: &Value<'a>) -> Result<&'a [u8], String> {
    match *value {
        Value::LongStr(bytes) => Ok(bytes),
        _ => Err(format!("{{unacceptable_type,{}}}", type_name(value))),
    }
}
