//! `/api/connections`.

use super::fields::arguments;
use super::{NODE, View, all, channels};
use serde_json::{Value, json};
use warren_engine::broker::ConnectionRow;

pub fn get(view: &View, rest: &[&str]) -> Option<Value> {
    match rest {
        [] => Some(Value::Array(list(view))),
        [name] => list(view).into_iter().find(|row| row["name"] == *name),
        [name, "channels"] => {
            list(view).into_iter().find(|row| row["name"] == *name)?;
            Some(channels::list(view, |row| row["connection_details"]["name"] == *name))
        }
        _ => None,
    }
}

fn list(view: &View) -> Vec<Value> {
    let mut rows = Vec::new();
    all(
        |from| view.core.engine().broker().connections(from, super::PAGE_ROW_COUNT),
        |row| rows.push(connection(&row)),
    );
    rows
}

fn connection(row: &ConnectionRow) -> Value {
    let properties = arguments(&row.client_properties);
    let own_name = properties.get("connection_name").cloned().unwrap_or(Value::Null);
    json!({
        "name": row.name,
        "user_provided_name": own_name,
        "node": NODE,
        "type": "network",
        "protocol": "AMQP 0-9-1",
        "state": row.state,
        "user": row.user,
        "user_who_performed_action": row.user,
        "vhost": row.vhost,
        "host": row.host,
        "port": row.port,
        "peer_host": row.peer_host,
        "peer_port": row.peer_port,
        "ssl": row.tls,
        "channels": row.channels,
        "channel_max": row.channel_max,
        "frame_max": row.frame_max,
        "timeout": row.heartbeat_seconds,
        "connected_at": row.connected_at.0,
        "client_properties": properties,
    })
}
