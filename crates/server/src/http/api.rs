//! `GET /api/…` in RabbitMQ's JSON shapes: the paths here, one file for each resource in `api/`.

mod bindings;
mod channels;
mod connections;
mod consumers;
mod exchanges;
mod fields;
mod health;
mod listing;
mod nodes;
mod overview;
mod queues;
mod vhosts;

use crate::core::Core;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use warren_engine::broker::Page;

/// Rows that are copied out of the engine in one go.
const PAGE_ROW_COUNT: usize = 256;

/// The name of the one node.
const NODE: &str = "warren@localhost";

/// The version of RabbitMQ whose API this is, for tools that ask.
const RABBITMQ_VERSION: &str = "4.0.0";

pub struct View {
    pub core: Arc<Core>,
    pub amqp_port: u16,
    pub http_port: u16,
    pub started: Instant,
}

/// Who asks.
pub struct Asker {
    pub name: String,
    pub tags: Vec<String>,
}

/// Status and body.
pub type Found = (u16, Value);

/// The answer to a path with its query; `None`: there is no such thing.
pub fn get(view: &View, asker: &Asker, url: &str) -> Option<Found> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let parts: Option<Vec<String>> = path.strip_prefix("/api/")?.split('/').map(percent_decoded).collect();
    let parts = parts?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if let ["health", "checks", check @ ..] = parts.as_slice() {
        return health::check(view, check);
    }
    let body = resource(view, asker, &parts)?;
    match body {
        Value::Array(rows) => listing::arranged(rows, query),
        one => Some((200, listing::with_columns(one, query))),
    }
}

fn resource(view: &View, asker: &Asker, parts: &[&str]) -> Option<Value> {
    match parts {
        ["overview"] => Some(overview::overview(view)),
        ["whoami"] => Some(json!({ "name": asker.name, "tags": asker.tags })),
        ["cluster-name"] => Some(json!({ "name": view.core.engine().broker().overview().cluster_name })),
        ["extensions"] => Some(json!([])),
        ["nodes"] => Some(Value::Array(vec![nodes::node(view)])),
        ["nodes", NODE] => Some(nodes::node(view)),
        ["vhosts", rest @ ..] => vhosts::get(view, rest),
        ["queues", rest @ ..] => queues::get(view, rest),
        ["exchanges", rest @ ..] => exchanges::get(view, rest),
        ["bindings", rest @ ..] => bindings::get(view, rest),
        ["connections", rest @ ..] => connections::get(view, rest),
        ["channels", rest @ ..] => channels::get(view, rest),
        ["consumers", rest @ ..] => consumers::get(view, rest),
        ["aliveness-test", vhost] => vhosts::exists(view, vhost).then(|| json!({ "status": "ok" })),
        _ => None,
    }
}

/// All rows of a listing, page by page: the engine is never held for all of them.
fn all<Row>(mut page: impl FnMut(usize) -> Page<Row>, mut each: impl FnMut(Row)) {
    let mut from = Some(0);
    while let Some(slot) = from {
        let Page { rows, next } = page(slot);
        rows.into_iter().for_each(&mut each);
        from = next;
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
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

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn paths_are_decoded_part_by_part() {
        for (part, decoded) in [
            ("%2F", Some("/")),
            ("a%20b", Some("a b")),
            ("plain", Some("plain")),
            ("%C3%A4", Some("ä")),
            ("%2", None),
            ("%zz", None),
            ("%ff", None),
        ] {
            assert_eq!(percent_decoded(part).as_deref(), decoded, "{part}");
        }
    }
}
