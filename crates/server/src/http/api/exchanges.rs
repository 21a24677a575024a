//! `/api/exchanges`.

use super::fields::arguments;
use super::{View, all, bindings, text, vhosts};
use serde_json::{Value, json};
use warren_engine::broker::ExchangeRow;

/// How a path names the default exchange.
const DEFAULT: &str = "amq.default";

pub fn get(view: &View, rest: &[&str]) -> Option<Value> {
    match rest {
        [] => Some(list(view, None)),
        [vhost] => vhosts::exists(view, vhost).then(|| list(view, Some(vhost))),
        [vhost, name, rest @ ..] => {
            let name = named(name);
            let exchanges = list(view, Some(vhost));
            let one = exchanges.as_array()?.iter().find(|row| row["name"] == name)?.clone();
            match rest {
                [] => Some(one),
                ["bindings", "source"] => {
                    Some(bindings::list(view, Some(vhost), |row| row["source"] == name))
                }
                ["bindings", "destination"] => {
                    let is_destination =
                        |row: &Value| row["destination_type"] == "exchange" && row["destination"] == name;
                    Some(bindings::list(view, Some(vhost), is_destination))
                }
                _ => None,
            }
        }
    }
}

pub fn named(name: &str) -> &str {
    if name == DEFAULT { "" } else { name }
}

fn list(view: &View, vhost: Option<&str>) -> Value {
    let mut rows = Vec::new();
    all(
        |from| view.core.engine().broker().exchanges(vhost, from, super::PAGE_ROW_COUNT),
        |row| rows.push(exchange(&row)),
    );
    Value::Array(rows)
}

fn exchange(row: &ExchangeRow) -> Value {
    json!({
        "name": text(&row.name),
        "vhost": row.vhost,
        "type": row.exchange_type,
        "durable": row.durable,
        "auto_delete": row.auto_delete,
        "internal": row.internal,
        "arguments": arguments(&row.arguments),
        "policy": Value::Null,
        "message_stats": { "publish_in": row.published_in },
    })
}
