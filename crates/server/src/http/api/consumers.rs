//! `/api/consumers`.

use super::fields::arguments;
use super::{NODE, View, all, channels, text, vhosts};
use serde_json::{Value, json};
use warren_engine::broker::ConsumerRow;

pub fn get(view: &View, rest: &[&str]) -> Option<Value> {
    match rest {
        [] => Some(list(view, |_| true)),
        [vhost] => {
            vhosts::exists(view, vhost).then(|| list(view, |row: &Value| row["queue"]["vhost"] == *vhost))
        }
        _ => None,
    }
}

pub fn of_queue(view: &View, vhost: &str, queue: &str) -> Value {
    list(view, |row| row["queue"]["name"] == queue && row["queue"]["vhost"] == vhost)
}

fn list(view: &View, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let mut rows = Vec::new();
    all(
        |from| view.core.engine().broker().consumers(from, super::PAGE_ROW_COUNT),
        |row| rows.push(consumer(&row)),
    );
    rows.retain(is_wanted);
    Value::Array(rows)
}

fn consumer(row: &ConsumerRow) -> Value {
    json!({
        "consumer_tag": text(&row.tag),
        "queue": { "name": text(&row.queue), "vhost": row.vhost },
        "channel_details": {
            "connection_name": row.connection,
            "name": channels::name(&row.connection, row.channel),
            "node": NODE,
            "number": row.channel,
            "peer_host": row.peer_host,
            "peer_port": row.peer_port,
            "user": row.user,
        },
        "ack_required": row.acknowledges,
        "exclusive": row.exclusive,
        "active": row.active,
        "activity_status": if row.active { "up" } else { "waiting" },
        "prefetch_count": row.prefetch_count,
        "arguments": arguments(&row.arguments),
    })
}
