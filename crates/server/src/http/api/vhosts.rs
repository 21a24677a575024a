//! `/api/vhosts`.

use super::{NODE, View};
use serde_json::{Value, json};

pub fn get(view: &View, rest: &[&str]) -> Option<Value> {
    match rest {
        [] => Some(Value::Array(view.core.engine().broker().vhosts().iter().map(|name| row(name)).collect())),
        [name] => exists(view, name).then(|| row(name)),
        _ => None,
    }
}

pub fn exists(view: &View, name: &str) -> bool {
    view.core.engine().broker().vhosts().iter().any(|vhost| vhost == name)
}

fn row(name: &str) -> Value {
    let description = if name == "/" { "Default virtual host" } else { "" };
    json!({
        "name": name,
        "description": description,
        "tags": [],
        "metadata": { "description": description, "tags": [] },
        "default_queue_type": "classic",
        "tracing": false,
        "protected_from_deletion": false,
        "cluster_state": { NODE: "running" },
    })
}
