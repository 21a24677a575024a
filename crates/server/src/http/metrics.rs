//! `GET /metrics` in Prometheus' text format, under RabbitMQ's names where it has them.

use crate::core::Core;
use std::fmt::Write;

pub fn text(core: &Core) -> String {
    let (overview, keys, commands, clients, evicted, used, used_max) = {
        let engine = core.engine();
        let shared = &engine.cache().shared;
        let databases = 0..warren_units::bounds::DATABASE_COUNT as u8;
        let keys: usize = databases.map(|database| shared.keyspace.database(database).table.len()).sum();
        let commands = shared.statistics.commands_processed;
        let used = shared.keyspace.used_bytes() as u64;
        let used_max = shared.settings.eviction.memory_bytes_max;
        let evicted = shared.statistics.evicted_keys;
        (engine.broker().overview(), keys, commands, shared.sessions.len(), evicted, used, used_max)
    };
    let progress = core.log.progress();
    let rows: &[(&str, &str, &str, u64)] = &[
        ("rabbitmq_connections", "gauge", "AMQP connections open", overview.connections as u64),
        ("rabbitmq_channels", "gauge", "Channels open", overview.channels as u64),
        ("rabbitmq_consumers", "gauge", "Consumers", overview.consumers as u64),
        ("rabbitmq_queues", "gauge", "Queues", overview.queues as u64),
        ("rabbitmq_queue_messages_ready", "gauge", "Messages ready", overview.messages_ready),
        (
            "rabbitmq_queue_messages_unacked",
            "gauge",
            "Messages delivered and not acknowledged",
            overview.messages_unacknowledged,
        ),
        (
            "rabbitmq_global_messages_received_total",
            "counter",
            "Messages published",
            overview.counters.published,
        ),
        (
            "rabbitmq_global_messages_delivered_total",
            "counter",
            "Messages delivered",
            overview.counters.delivered,
        ),
        ("redis_connected_clients", "gauge", "RESP clients", clients as u64),
        ("redis_commands_processed_total", "counter", "RESP commands processed", commands),
        ("redis_keys", "gauge", "Keys in all databases", keys as u64),
        ("redis_memory_used_bytes", "gauge", "Memory of keys and values", used),
        ("redis_memory_max_bytes", "gauge", "What maxmemory allows, 0 without a limit", used_max),
        ("redis_evicted_keys_total", "counter", "Keys evicted for want of memory", evicted),
        ("warren_log_written_lsn", "gauge", "Newest record written", progress.written.0),
        ("warren_log_synced_lsn", "gauge", "Newest record on stable storage", progress.synced.0),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
    text
}
