//! `/api/nodes`: the one node there is.

use super::{NODE, View};
use serde_json::{Value, json};
use warren_engine::broker::EXCHANGE_TYPES;

pub fn node(view: &View) -> Value {
    let overview = view.core.engine().broker().overview();
    let is_blocked = overview.blocked.is_some();
    let memory_bytes = resident_bytes();
    json!({
        "name": NODE,
        "type": "disc",
        "running": true,
        "being_drained": false,
        "partitions": [],
        "os_pid": std::process::id().to_string(),
        "uptime": view.started.elapsed().as_millis() as u64,
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "run_queue": 0,
        "mem_used": memory_bytes,
        "mem_alarm": false,
        "disk_free_alarm": is_blocked,
        "sockets_used": overview.connections,
        "rates_mode": "none",
        "exchange_types": exchange_types(),
        "auth_mechanisms": [
            { "name": "PLAIN", "description": "SASL PLAIN authentication mechanism", "enabled": true },
            { "name": "AMQPLAIN", "description": "QPid AMQPLAIN mechanism", "enabled": true },
        ],
        "applications": [
            { "name": "warren", "description": "Warren", "version": env!("CARGO_PKG_VERSION") },
        ],
        "contexts": contexts(view),
        "enabled_plugins": ["rabbitmq_management"],
        "config_files": [],
        "log_files": [],
        "cluster_links": [],
    })
}

pub fn exchange_types() -> Vec<Value> {
    let row = |name: &str, text: &str| json!({ "name": name, "description": text, "enabled": true });
    EXCHANGE_TYPES.iter().map(|each| row(each.name, each.description)).collect()
}

pub fn listeners(view: &View) -> Value {
    let row = |protocol: &str, port: u16| json!({ "node": NODE, "protocol": protocol, "ip_address": "::", "port": port, "socket_opts": {} });
    json!([row("amqp", view.amqp_port), row("http", view.http_port)])
}

pub fn contexts(view: &View) -> Value {
    json!([{
        "node": NODE,
        "description": "RabbitMQ Management",
        "path": "/",
        "port": view.http_port.to_string(),
        "ssl_opts": [],
    }])
}

/// What the kernel says this process takes; 0 where it does not say so.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
