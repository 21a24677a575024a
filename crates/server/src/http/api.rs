//! `GET /api/…` in RabbitMQ's JSON shapes.

use crate::core::Core;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use warren_amqp::Value as Field;
use warren_engine::broker::{Arguments, EXCHANGE_TYPES, QueueRow};

/// Rows that are copied out of the engine in one go.
const PAGE_ROW_COUNT: usize = 256;

/// The name of the one node.
const NODE: &str = "warren@localhost";

/// The version of RabbitMQ whose API this is, for tools that ask.
const RABBITMQ_VERSION: &str = "4.0.0";

pub struct View {
    pub core: Arc<Core>,
    pub amqp_port: u16,
}

/// The body for a path; `None`: there is no such thing.
pub fn get(view: &View, path: &str) -> Option<Value> {
    let parts: Option<Vec<String>> = path.strip_prefix("/api/")?.split('/').map(percent_decoded).collect();
    let parts = parts?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["overview"] => Some(overview(view)),
        ["queues"] => Some(queues(view, None)),
        ["queues", "/"] => Some(queues(view, Some("/"))),
        ["queues", vhost, name] => {
            let row = view.core.engine().broker().queue(vhost, name.as_bytes());
            row.map(|row| queue(&row))
        }
        ["health", "checks", "alarms" | "local-alarms"] => Some(json!({ "status": "ok" })),
        ["whoami"] => Some(json!({ "name": "guest", "tags": ["administrator"] })),
        _ => None,
    }
}

fn percent_decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

fn overview(view: &View) -> Value {
    let overview = view.core.engine().broker().overview();
    let exchange_types: Vec<Value> =
        EXCHANGE_TYPES.iter().map(|each| json!({ "name": each.name, "enabled": true })).collect();
    let (ready, unacknowledged) = (overview.messages_ready, overview.messages_unacknowledged);
    json!({
        "management_version": RABBITMQ_VERSION,
        "rabbitmq_version": RABBITMQ_VERSION,
        "product_name": "Warren",
        "product_version": env!("CARGO_PKG_VERSION"),
        "cluster_name": overview.cluster_name,
        "node": NODE,
        "exchange_types": exchange_types,
        "object_totals": {
            "channels": overview.channels,
            "connections": overview.connections,
            "consumers": overview.consumers,
            "exchanges": overview.exchanges,
            "queues": overview.queues,
        },
        "queue_totals": {
            "messages": ready + unacknowledged,
            "messages_ready": ready,
            "messages_unacknowledged": unacknowledged,
        },
        "message_stats": {
            "publish": overview.counters.published,
            "confirm": overview.counters.confirmed,
            "deliver_get": overview.counters.delivered,
            "ack": overview.counters.acknowledged,
            "drop_unroutable": overview.counters.unroutable,
        },
        "listeners": [{ "node": NODE, "protocol": "amqp", "port": view.amqp_port }],
    })
}

fn queues(view: &View, vhost: Option<&str>) -> Value {
    let mut rows = Vec::new();
    let mut from = Some(0);
    while let Some(slot) = from {
        let page = view.core.engine().broker().queues(vhost, slot, PAGE_ROW_COUNT);
        rows.extend(page.rows.iter().map(queue));
        from = page.next;
    }
    Value::Array(rows)
}

fn queue(row: &QueueRow) -> Value {
    let messages = row.messages_ready + row.messages_unacknowledged;
    json!({
        "name": String::from_utf8_lossy(&row.name),
        "vhost": row.vhost,
        "type": row.queue_type,
        "durable": row.durable,
        "auto_delete": row.auto_delete,
        "exclusive": row.exclusive_owner.is_some(),
        "owner_pid_details": row.exclusive_owner.as_ref().map(|name| json!({ "name": name })),
        "arguments": arguments(&row.arguments),
        "node": NODE,
        "state": "running",
        "policy": Value::Null,
        "consumers": row.consumers,
        "memory": row.memory_bytes,
        "messages": messages,
        "messages_ready": row.messages_ready,
        "messages_unacknowledged": row.messages_unacknowledged,
        "message_bytes": row.body_bytes_ready + row.body_bytes_unacknowledged,
        "message_bytes_ready": row.body_bytes_ready,
        "message_bytes_unacknowledged": row.body_bytes_unacknowledged,
    })
}

fn arguments(arguments: &Arguments) -> Value {
    let fields = arguments.table().iter();
    Value::Object(
        fields
            .map(|(name, value)| (String::from_utf8_lossy(name.as_bytes()).into_owned(), field(&value)))
            .collect::<Map<_, _>>(),
    )
}

/// A field of a table as JSON; what JSON has no word for becomes text.
fn field(value: &Field<'_>) -> Value {
    match value {
        Field::Bool(value) => json!(value),
        Field::Byte(value) => json!(value),
        Field::UnsignedByte(value) => json!(value),
        Field::Short(value) => json!(value),
        Field::UnsignedShort(value) => json!(value),
        Field::Int(value) => json!(value),
        Field::UnsignedInt(value) => json!(value),
        Field::Long(value) => json!(value),
        Field::LongStr(value) => json!(String::from_utf8_lossy(value)),
        other => json!(format!("{other:?}")),
    }
}
