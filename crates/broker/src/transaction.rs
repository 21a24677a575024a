//! What a channel in tx mode has collected since the last commit: it takes effect in one record, or never.

use crate::publish::Publication;
use crate::settle::Settlement;
use crate::unacked::Deliveries;
use bytes::Bytes;
use std::sync::Arc;
use warren_amqp::{Payload, RawProperties, ShortStr};

/// A publish that waits for tx.commit, everything of it owned.
pub struct BufferedPublish {
    pub exchange: Vec<u8>,
    pub routing_key: Vec<u8>,
    pub mandatory: bool,
    properties: Vec<u8>,
    body: Bytes,
}

impl BufferedPublish {
    pub fn new(
        exchange: ShortStr<'_>,
        routing_key: ShortStr<'_>,
        mandatory: bool,
        properties: RawProperties<'_>,
        body: Payload<'_>,
    ) -> BufferedPublish {
        BufferedPublish {
            exchange: exchange.to_vec(),
            routing_key: routing_key.to_vec(),
            mandatory,
            properties: properties.as_bytes().to_vec(),
            body: body.to_bytes(),
        }
    }

    /// As it is published by the commit.
    pub fn publication(&self) -> Publication<'_> {
        Publication {
            exchange: ShortStr::new(&self.exchange).unwrap_or_default(),
            routing_key: ShortStr::new(&self.routing_key).unwrap_or_default(),
            properties: self.properties(),
            body: self.body(),
            strict: false,
            stored: None,
        }
    }

    pub fn properties(&self) -> RawProperties<'_> {
        RawProperties::trusted(&self.properties)
    }

    pub fn body(&self) -> Payload<'_> {
        Payload::Shared(&self.body)
    }
}

/// Deliveries by what the client said about them, in its order. A frozen view shares them.
pub type Settlements = Vec<(Settlement, Arc<Deliveries>)>;

#[derive(Default)]
pub struct Transaction {
    pub publishes: Vec<BufferedPublish>,
    settlements: Arc<Settlements>,
    size_bytes: usize,
}

impl Transaction {
    /// Bytes of the bodies collected so far.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub fn settle(&mut self, settlement: Settlement, deliveries: Deliveries) {
        Arc::make_mut(&mut self.settlements).push((settlement, Arc::new(deliveries)));
    }

    pub fn settled_count(&self) -> usize {
        self.settlements.iter().map(|(_, deliveries)| deliveries.len()).sum()
    }

    /// What was settled, which nobody but the client's commit has seen.
    pub fn settlements(&self) -> &Arc<Settlements> {
        &self.settlements
    }

    pub fn into_settlements(self) -> impl Iterator<Item = (Settlement, Deliveries)> {
        let all = Arc::unwrap_or_clone(self.settlements);
        all.into_iter().map(|(settlement, deliveries)| (settlement, Arc::unwrap_or_clone(deliveries)))
    }

    pub fn publish(&mut self, publish: BufferedPublish) {
        self.size_bytes += publish.body.len();
        self.publishes.push(publish);
    }
}
