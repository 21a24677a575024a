//! `/api/overview`.

use super::{NODE, RABBITMQ_VERSION, View, nodes};
use serde_json::{Value, json};

pub fn overview(view: &View) -> Value {
    let overview = view.core.engine().broker().overview();
    let (ready, unacknowledged) = (overview.messages_ready, overview.messages_unacknowledged);
    json!({
        "management_version": RABBITMQ_VERSION,
        "rabbitmq_version": RABBITMQ_VERSION,
        "rates_mode": "none",
        "sample_retention_policies": { "global": [], "basic": [], "detailed": [] },
        "product_name": "Warren",
        "product_version": env!("CARGO_PKG_VERSION"),
        "cluster_name": overview.cluster_name,
        "cluster_tags": [],
        "node_tags": [],
        "node": NODE,
        "statistics_db_event_queue": 0,
        "disable_stats": false,
        "enable_queue_totals": true,
        "exchange_types": nodes::exchange_types(),
        "churn_rates": {
            "connection_created": overview.counters.connections_opened,
            "connection_closed": overview.counters.connections_closed,
        },
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
        "listeners": nodes::listeners(view),
        "contexts": nodes::contexts(view),
    })
}
