//! What management reads: plain copies of what is there, in pages, so that the engine is never held for all
//! of it. A page goes from a slot number on and names the slot to go on from; what comes and goes meanwhile
//! may be missed or not, as in any listing.

use crate::arguments::Arguments;
use crate::broker::{Broker, Counters};
use crate::channel::ChannelCounters;
use crate::connection::{Connection, Phase};
use crate::exchange::Destination;
use crate::names::Name;
use crate::queue::{Queue, QueueCounters};
use slab::Slab;
use warren_units::UnixMillis;

/// Rows, and the slot to ask for next; `None` after the last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<Row> {
    pub rows: Vec<Row>,
    pub next: Option<usize>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overview {
    pub cluster_name: String,
    pub connections: usize,
    pub channels: usize,
    pub consumers: usize,
    pub exchanges: usize,
    pub queues: usize,
    pub messages_ready: u64,
    pub messages_unacknowledged: u64,
    pub counters: Counters,
    /// Why publishers are asked to stop, while they are.
    pub blocked: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueRow {
    pub name: Name,
    pub vhost: String,
    pub queue_type: &'static str,
    pub durable: bool,
    pub auto_delete: bool,
    /// Name of the connection it belongs to.
    pub exclusive_owner: Option<String>,
    pub arguments: Arguments,
    pub messages_ready: u64,
    pub messages_unacknowledged: u64,
    pub body_bytes_ready: u64,
    pub body_bytes_unacknowledged: u64,
    pub consumers: usize,
    /// Estimate of what its entries and bodies take.
    pub memory_bytes: u64,
    pub counters: QueueCounters,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExchangeRow {
    pub name: Name,
    pub vhost: String,
    pub exchange_type: &'static str,
    pub durable: bool,
    pub auto_delete: bool,
    pub internal: bool,
    pub arguments: Arguments,
    pub published_in: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindingRow {
    pub vhost: String,
    pub source: Name,
    pub destination: Name,
    /// `queue` or `exchange`.
    pub destination_type: &'static str,
    pub routing_key: Name,
    pub arguments: Arguments,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionRow {
    pub name: String,
    pub user: String,
    pub vhost: String,
    pub state: &'static str,
    pub host: String,
    pub port: u16,
    pub peer_host: String,
    pub peer_port: u16,
    pub tls: bool,
    pub channels: usize,
    pub channel_max: u16,
    pub frame_max: u32,
    pub heartbeat_seconds: u16,
    pub connected_at: UnixMillis,
    pub client_properties: Arguments,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelRow {
    pub connection: String,
    pub peer_host: String,
    pub peer_port: u16,
    pub number: u16,
    pub user: String,
    pub vhost: String,
    pub consumers: usize,
    pub prefetch_count: u16,
    pub prefetch_count_in_all: u16,
    pub confirms: bool,
    pub transactional: bool,
    pub messages_unacknowledged: u64,
    pub counters: ChannelCounters,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerRow {
    pub tag: Name,
    pub connection: String,
    pub peer_host: String,
    pub peer_port: u16,
    pub user: String,
    pub channel: u16,
    pub vhost: String,
    pub queue: Name,
    pub acknowledges: bool,
    pub exclusive: bool,
    pub active: bool,
    pub prefetch_count: u16,
    pub arguments: Arguments,
}

/// Rows of the slots from `from` on, at most `limit` slots looked at.
fn page<Item, Row>(
    slab: &Slab<Item>,
    from: usize,
    limit: usize,
    row: impl Fn(usize, &Item) -> Option<Row>,
) -> Page<Row> {
    // Slots are dense but for the gaps that deletions leave.
    let end = from.saturating_add(limit).min(slab.capacity());
    let rows = (from..end).filter_map(|slot| row(slot, slab.get(slot)?)).collect();
    Page { rows, next: (end < slab.capacity() && end > from).then_some(end) }
}

impl Broker {
    pub fn overview(&self) -> Overview {
        let queues = || self.state.queues.iter().map(|(_, queue)| queue);
        Overview {
            cluster_name: self.settings.cluster_name.clone(),
            connections: self.connections.iter().flatten().count(),
            channels: self.channels.len(),
            consumers: self.consumers.len(),
            exchanges: self.state.exchanges.len(),
            queues: self.state.queues.len(),
            messages_ready: queues().map(|queue| queue.ready_count() as u64).sum(),
            messages_unacknowledged: queues().map(|queue| queue.unacked as u64).sum(),
            counters: self.counters,
            blocked: self.blocked.clone(),
        }
    }

    /// Names of the virtual hosts.
    pub fn vhosts(&self) -> Vec<String> {
        self.state.vhosts.iter().map(|vhost| vhost.name.to_string()).collect()
    }

    /// Queues of one virtual host, or of all.
    pub fn queues(&self, vhost: Option<&str>, from: usize, limit: usize) -> Page<QueueRow> {
        page(&self.state.queues, from, limit, |_, queue| {
            self.is_in(vhost, queue.vhost).then(|| self.queue_row(queue))
        })
    }

    /// One queue by name.
    pub fn queue(&self, vhost: &str, name: &[u8]) -> Option<QueueRow> {
        let vhost = self.state.vhost_named(vhost.as_bytes())?;
        let slot = self.state.queue_named(vhost, name)?;
        Some(self.queue_row(self.state.queue(slot)))
    }

    fn is_in(&self, wanted: Option<&str>, vhost: u32) -> bool {
        wanted.is_none_or(|wanted| self.state.vhost_name(vhost) == wanted)
    }

    fn queue_row(&self, queue: &Queue) -> QueueRow {
        let ready = queue.ready_count() as u64;
        let entries = (ready + queue.unacked as u64) * size_of::<crate::ready::Entry>() as u64;
        QueueRow {
            name: queue.name.clone(),
            vhost: self.state.vhost_name(queue.vhost).to_string(),
            queue_type: queue.features.queue_type.name(),
            durable: queue.durable,
            auto_delete: queue.auto_delete,
            exclusive_owner: queue.exclusive_owner.and_then(|peer| Some(self.connection(peer)?.name())),
            arguments: queue.arguments.clone(),
            messages_ready: ready,
            messages_unacknowledged: queue.unacked as u64,
            body_bytes_ready: queue.ready_body_bytes(),
            body_bytes_unacknowledged: queue.unacked_body_bytes,
            consumers: queue.consumers.len(),
            memory_bytes: size_of::<Queue>() as u64 + entries + queue.ready_body_bytes(),
            counters: queue.counters,
        }
    }

    pub fn exchanges(&self, vhost: Option<&str>, from: usize, limit: usize) -> Page<ExchangeRow> {
        page(&self.state.exchanges, from, limit, |_, exchange| {
            self.is_in(vhost, exchange.vhost).then(|| ExchangeRow {
                name: exchange.name.clone(),
                vhost: self.state.vhost_name(exchange.vhost).to_string(),
                exchange_type: exchange.exchange_type.name,
                durable: exchange.durable,
                auto_delete: exchange.auto_delete,
                internal: exchange.internal,
                arguments: exchange.arguments.clone(),
                published_in: exchange.published_in,
            })
        })
    }

    /// Bindings of the exchanges in `limit` slots. Every queue is bound to the default exchange by its name;
    /// those bindings follow from the queues and are not listed.
    pub fn bindings(&self, vhost: Option<&str>, from: usize, limit: usize) -> Page<BindingRow> {
        let by_exchange = page(&self.state.exchanges, from, limit, |_, exchange| {
            let row = |binding: &crate::exchange::Binding| {
                let (destination_type, destination) = match binding.destination {
                    Destination::Queue(slot) => ("queue", &self.state.queue(slot).name),
                    Destination::Exchange(slot) => ("exchange", &self.state.exchange(slot).name),
                };
                BindingRow {
                    vhost: self.state.vhost_name(exchange.vhost).to_string(),
                    source: exchange.name.clone(),
                    destination: destination.clone(),
                    destination_type,
                    routing_key: binding.key.clone(),
                    arguments: binding.arguments.clone(),
                }
            };
            self.is_in(vhost, exchange.vhost).then(|| exchange.bindings().map(row).collect::<Vec<_>>())
        });
        Page { rows: by_exchange.rows.into_iter().flatten().collect(), next: by_exchange.next }
    }

    pub fn connections(&self, from: usize, limit: usize) -> Page<ConnectionRow> {
        let end = from.saturating_add(limit).min(self.connections.len());
        let rows = self.connections[from.min(end)..end].iter().flatten();
        let rows = rows.map(|connection| self.connection_row(connection)).collect();
        Page { rows, next: (end < self.connections.len() && end > from).then_some(end) }
    }

    fn connection_row(&self, connection: &Connection) -> ConnectionRow {
        ConnectionRow {
            name: connection.name(),
            user: connection.user.to_string(),
            vhost: self.state.vhost_name(connection.vhost).to_string(),
            state: match connection.phase {
                Phase::Running => "running",
                Phase::Closing => "closing",
                _ => "starting",
            },
            host: connection.info.local_address.clone(),
            port: connection.info.local_port,
            peer_host: connection.info.address.clone(),
            peer_port: connection.info.port,
            tls: connection.info.tls,
            channels: connection.channel_count(),
            channel_max: connection.channel_max,
            frame_max: connection.frame_max,
            heartbeat_seconds: connection.heartbeat_seconds,
            connected_at: connection.connected_at,
            client_properties: connection.client_properties.clone(),
        }
    }

    pub fn channels(&self, from: usize, limit: usize) -> Page<ChannelRow> {
        page(&self.channels, from, limit, |_, channel| {
            let connection = self.connection(channel.peer)?;
            Some(ChannelRow {
                connection: connection.name(),
                peer_host: connection.info.address.clone(),
                peer_port: connection.info.port,
                number: channel.number,
                user: channel.user.to_string(),
                vhost: self.state.vhost_name(channel.vhost).to_string(),
                consumers: channel.consumers.len(),
                prefetch_count: channel.prefetch_per_consumer,
                prefetch_count_in_all: channel.prefetch_in_all,
                confirms: channel.confirms.is_some(),
                transactional: channel.transaction.is_some(),
                messages_unacknowledged: channel.unacked.len() as u64,
                counters: channel.counters,
            })
        })
    }

    pub fn consumers(&self, from: usize, limit: usize) -> Page<ConsumerRow> {
        page(&self.consumers, from, limit, |key, consumer| {
            let queue = self.state.queues.get(consumer.queue.slot as usize)?;
            let connection = self.connection(consumer.peer)?;
            Some(ConsumerRow {
                tag: consumer.tag.clone(),
                connection: connection.name(),
                peer_host: connection.info.address.clone(),
                peer_port: connection.info.port,
                user: connection.user.to_string(),
                channel: self.channels.get(consumer.channel as usize)?.number,
                vhost: self.state.vhost_name(queue.vhost).to_string(),
                queue: queue.name.clone(),
                acknowledges: !consumer.no_ack,
                exclusive: queue.consumers.exclusive,
                active: queue.consumers.is_active(key as u32),
                prefetch_count: consumer.prefetch_count,
                arguments: consumer.arguments.clone(),
            })
        })
    }
}
