//! What a channel in tx mode has collected since the last commit: it takes effect in one record, or never.

use crate::settle::Settlement;
use crate::unacked::Deliveries;
use bytes::Bytes;
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

    pub fn properties(&self) -> RawProperties<'_> {
        RawProperties::trusted(&self.properties)
    }

    pub fn body(&self) -> Payload<'_> {
        Payload::Shared(&self.body)
    }
}

#[derive(Default)]
pub struct Transaction {
    pub publishes: Vec<BufferedPublish>,
    pub settlements: Vec<(Settlement, Deliveries)>,
    size_bytes: usize,
}

impl Transaction {
    /// Bytes of the bodies collected so far.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub fn publish(&mut self, publish: BufferedPublish) {
        self.size_bytes += publish.body.len();
        self.publishes.push(publish);
    }
}
