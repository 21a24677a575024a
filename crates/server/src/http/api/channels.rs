//! `/api/channels`.

use super::{NODE, View, all};
use serde_json::{Value, json};
use warren_engine::broker::ChannelRow;

pub fn get(view: &View, rest: &[&str]) -> Option<Value> {
    match rest {
        [] => Some(list(view, |_| true)),
        [name] => list(view, |row| row["name"] == *name).as_array_mut()?.pop(),
        _ => None,
    }
}

pub fn list(view: &View, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let mut rows = Vec::new();
    all(
        |from| view.core.engine().broker().channels(from, super::PAGE_ROW_COUNT),
        |row| rows.push(channel(&row)),
    );
    rows.retain(is_wanted);
    Value::Array(rows)
}

/// How a channel is called, from what its connection is called.
pub fn name(connection: &str, number: u16) -> String {
    format!("{connection} ({number})")
}

fn channel(row: &ChannelRow) -> Value {
    json!({
        "name": name(&row.connection, row.number),
        "number": row.number,
        "node": NODE,
        "state": "running",
        "user": row.user,
        "user_who_performed_action": row.user,
        "vhost": row.vhost,
        "connection_details": {
            "name": row.connection,
            "peer_host": row.peer_host,
            "peer_port": row.peer_port,
        },
        "consumer_count": row.consumers,
        "prefetch_count": row.prefetch_count,
        "global_prefetch_count": row.prefetch_count_in_all,
        "confirm": row.confirms,
        "transactional": row.transactional,
        "messages_unacknowledged": row.messages_unacknowledged,
        "messages_uncommitted": 0,
        "messages_unconfirmed": 0,
        "acks_uncommitted": 0,
        "message_stats": {
            "publish": row.counters.published,
            "deliver_get": row.counters.delivered,
            "ack": row.counters.acknowledged,
        },
    })
}
