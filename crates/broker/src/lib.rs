//! Exchanges, queues, channels and the AMQP methods over them: deterministic, no sockets, no files, no clock.
//!
//! - [`Broker`] takes requests and news, and writes effects and outputs into a [`Step`](warren_units::Step).
//! - `methods`, `exchanges` and `queue_features` are the tables: a new method, exchange type or queue argument
//!   is one file and one row there.
//! - `effects` are the bytes of what is durable; `apply` replays them.
//!
//! This crate never knows RESP, the keyspace, or where the log keeps a record.

mod apply;
mod arguments;
mod broker;
mod call;
mod channel;
pub mod checkpoint;
mod checkpoint_messages;
mod confirms;
mod connection;
mod consumer;
mod dead_letter;
mod deadlines;
mod deliver;
mod delivery_count;
mod effects;
mod exchange;
mod exchanges;
mod generated;
mod handshake;
mod hash;
mod held_back;
mod message;
mod methods;
mod names;
mod pages;
mod paging;
mod postponed;
mod publish;
mod queue;
mod queue_feature;
mod queue_features;
mod ready;
mod refusal;
mod runs;
mod sender_selected;
mod settings;
mod settle;
mod state;
mod topology;
mod transaction;
mod unacked;
mod vhost;

#[cfg(test)]
mod tests;

pub use apply::ReplayError;
pub use arguments::Arguments;
pub use broker::{Broker, Content, Counters, Garbage, Request};
pub use channel::ChannelCounters;
pub use confirms::ConfirmLevel;
pub use connection::PeerInfo;
pub use effects::Effect;
pub use exchange::ExchangeType;
pub use exchanges::EXCHANGE_TYPES;
pub use names::Name;
pub use pages::{BindingRow, ChannelRow, ConnectionRow, ConsumerRow, ExchangeRow, Overview, Page, QueueRow};
pub use paging::Fetch;
pub use publish::BridgePublished;
pub use queue::QueueCounters;
pub use refusal::Refusal;
pub use settings::Settings;
