//! `/api/queues`.

use super::fields::arguments;
use super::{NODE, View, all, bindings, consumers, text, vhosts};
use serde_json::{Value, json};
use warren_engine::broker::QueueRow;

pub fn get(view: &View, rest: &[&str]) -> Option<Value> {
    match rest {
        [] => Some(list(view, None)),
        [vhost] => vhosts::exists(view, vhost).then(|| list(view, Some(vhost))),
        [vhost, name] => {
            let row = view.core.engine().broker().queue(vhost, name.as_bytes())?;
            let mut one = queue(&row);
            one["consumer_details"] = consumers::of_queue(view, vhost, name);
            one["incoming"] = json!([]);
            one["deliveries"] = json!([]);
            Some(one)
        }
        [vhost, name, "bindings"] => {
            view.core.engine().broker().queue(vhost, name.as_bytes())?;
            let is_of_queue = |row: &Value| row["destination_type"] == "queue" && row["destination"] == *name;
            Some(bindings::list(view, Some(vhost), is_of_queue))
        }
        _ => None,
    }
}

fn list(view: &View, vhost: Option<&str>) -> Value {
    let mut rows = Vec::new();
    all(
        |from| view.core.engine().broker().queues(vhost, from, super::PAGE_ROW_COUNT),
        |row| rows.push(queue(&row)),
    );
    Value::Array(rows)
}

fn queue(row: &QueueRow) -> Value {
    let messages = row.messages_ready + row.messages_unacknowledged;
    let counters = &row.counters;
    json!({
        "name": text(&row.name),
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
        "operator_policy": Value::Null,
        "effective_policy_definition": {},
        "exclusive_consumer_tag": Value::Null,
        "single_active_consumer_tag": Value::Null,
        "consumers": row.consumers,
        "memory": row.memory_bytes,
        "messages": messages,
        "messages_ready": row.messages_ready,
        "messages_unacknowledged": row.messages_unacknowledged,
        "message_bytes": row.body_bytes_ready + row.body_bytes_unacknowledged,
        "message_bytes_ready": row.body_bytes_ready,
        "message_bytes_unacknowledged": row.body_bytes_unacknowledged,
        "message_stats": {
            "publish": counters.published,
            "deliver": counters.delivered,
            "deliver_no_ack": counters.delivered_no_ack,
            "get": counters.got,
            "get_no_ack": counters.got_no_ack,
            "deliver_get":
                counters.delivered + counters.delivered_no_ack + counters.got + counters.got_no_ack,
            "ack": counters.acknowledged,
            "redeliver": counters.redelivered,
        },
    })
}
