//! `/api/health/checks/…`: 200 and "ok", or 503 and what is wrong.

use super::{Found, NODE, View};
use serde_json::{Value, json};

pub fn check(view: &View, check: &[&str]) -> Option<Found> {
    match check {
        ["alarms" | "local-alarms"] => Some(alarms(view)),
        ["virtual-hosts" | "node-is-quorum-critical" | "node-is-mirror-sync-critical" | "is-in-service"] => {
            Some(ok())
        }
        ["port-listener", port] => Some(port_listener(view, port)),
        ["protocol-listener", protocol] => Some(protocol_listener(protocol)),
        _ => None,
    }
}

fn ok() -> Found {
    (200, json!({ "status": "ok" }))
}

fn failed(mut more: Value, reason: &str) -> Found {
    more["status"] = json!("failed");
    more["reason"] = json!(reason);
    (503, more)
}

fn alarms(view: &View) -> Found {
    match view.core.engine().broker().overview().blocked {
        None => ok(),
        Some(_) => failed(
            json!({ "alarms": [{ "node": NODE, "resource": "disk" }] }),
            "There are alarms in effect in the cluster",
        ),
    }
}

fn port_listener(view: &View, port: &str) -> Found {
    let Ok(port) = port.parse::<u16>() else {
        return (400, json!({ "error": "bad_request", "reason": "Invalid port" }));
    };
    let ports = [view.amqp_port, view.http_port];
    match ports.contains(&port) {
        true => (200, json!({ "status": "ok", "port": port })),
        false => failed(json!({ "missing": port, "ports": ports }), "No active listener"),
    }
}

fn protocol_listener(protocol: &str) -> Found {
    match protocol {
        "amqp" | "amqp091" | "http" => (200, json!({ "status": "ok", "protocol": protocol })),
        _ => failed(json!({ "missing": protocol, "protocols": ["amqp", "http"] }), "No active listener"),
    }
}
