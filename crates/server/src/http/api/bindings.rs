//! `/api/bindings`. Every queue is bound to the default exchange by its name; those bindings are listed, too.

use super::fields::arguments;
use super::{View, all, exchanges, text, vhosts};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hasher};
use warren_engine::broker::{Arguments, BindingRow};

pub fn get(view: &View, rest: &[&str]) -> Option<Value> {
    match rest {
        [] => Some(list(view, None, |_| true)),
        [vhost] => vhosts::exists(view, vhost).then(|| list(view, Some(vhost), |_| true)),
        [vhost, "e", source, kind @ ("q" | "e"), destination, rest @ ..] => {
            let source = exchanges::named(source);
            let kind = if *kind == "q" { "queue" } else { "exchange" };
            let rows = list(view, Some(vhost), |row| {
                let between = row["source"] == source && row["destination"] == *destination;
                between && row["destination_type"] == kind
            });
            match rest {
                [] => Some(rows),
                [key] => rows.as_array()?.iter().find(|row| row["properties_key"] == *key).cloned(),
                _ => None,
            }
        }
        _ => None,
    }
}

pub fn list(view: &View, vhost: Option<&str>, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let mut rows = Vec::new();
    all(
        |from| view.core.engine().broker().queues(vhost, from, super::PAGE_ROW_COUNT),
        |queue| {
            rows.push(binding(&BindingRow {
                vhost: queue.vhost,
                source: [].into(),
                destination: queue.name.clone(),
                destination_type: "queue",
                routing_key: queue.name,
                arguments: Arguments::default(),
            }));
        },
    );
    all(
        |from| view.core.engine().broker().bindings(vhost, from, super::PAGE_ROW_COUNT),
        |row| rows.push(binding(&row)),
    );
    rows.retain(is_wanted);
    Value::Array(rows)
}

fn binding(row: &BindingRow) -> Value {
    json!({
        "source": text(&row.source),
        "vhost": row.vhost,
        "destination": text(&row.destination),
        "destination_type": row.destination_type,
        "routing_key": text(&row.routing_key),
        "arguments": arguments(&row.arguments),
        "properties_key": properties_key(row),
    })
}

/// Names a binding among those between the same two: its routing key, and a digest of its arguments.
fn properties_key(row: &BindingRow) -> String {
    let key = if row.routing_key.is_empty() {
        "~".to_owned()
    } else {
        text(&row.routing_key).replace('%', "%25").replace('~', "%7E").replace('/', "%2F")
    };
    if row.arguments.as_bytes().is_empty() {
        return key;
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(row.arguments.as_bytes());
    format!("{key}~{}", BASE64_URL_SAFE_NO_PAD.encode(hasher.finish().to_be_bytes()))
}
