//! A message as queues share it: immutable, one allocation while it is small.
//!
//! ```text
//! inline: u64 lsn | u64 published at | u32 size of properties | u8 size of exchange | u8 size of routing key
//!         | u8 flags | u8 priority | exchange | routing key | properties | body
//! shared: the same without the body, which is a shared buffer beside it
//! ```
//! All numbers little-endian. A message never knows which queues hold it.

use bytes::Bytes;
use std::sync::Arc;
use warren_amqp::encode::Payload;
use warren_amqp::{RawProperties, ShortStr};
use warren_units::bounds::SHARED_SIZE_BYTES_MIN;
use warren_units::{Gate, Lsn, UnixMillis};

const FIXED_SIZE_BYTES: usize = 24;
const FLAG_STRICT: u8 = 1;
const FLAG_EXPIRES: u8 = 2;

/// What a message is made of.
#[derive(Clone, Copy, Debug)]
pub struct MessageParts<'a> {
    pub exchange: ShortStr<'a>,
    pub routing_key: ShortStr<'a>,
    /// Property flags and values as they stand in the content header.
    pub properties: &'a [u8],
    pub published_at: UnixMillis,
    /// The record that made it durable; [`Lsn::NONE`] for a message that no durable queue took.
    pub lsn: Lsn,
    /// Deliveries wait for *synced*: its record holds effects of both protocols, of which one asks for it.
    pub strict: bool,
}

#[derive(Clone, Debug)]
pub struct Message(Form);

#[derive(Clone, Debug)]
enum Form {
    Inline(Arc<[u8]>),
    Shared(Arc<SharedForm>),
}

#[derive(Debug)]
struct SharedForm {
    head: Box<[u8]>,
    body: Bytes,
}

impl Message {
    /// `scratch` is overwritten; giving the same one each time saves its allocation.
    pub fn new(parts: &MessageParts<'_>, body: Payload<'_>, scratch: &mut Vec<u8>) -> Message {
        scratch.clear();
        scratch.extend_from_slice(&parts.lsn.0.to_le_bytes());
        scratch.extend_from_slice(&parts.published_at.0.to_le_bytes());
        scratch.extend_from_slice(&(parts.properties.len() as u32).to_le_bytes());
        let mut flags = 0;
        let properties = RawProperties::trusted(parts.properties);
        if properties.expiration().is_some() {
            flags |= FLAG_EXPIRES;
        }
        if parts.strict {
            flags |= FLAG_STRICT;
        }
        let priority = properties.priority().unwrap_or(0);
        scratch.extend_from_slice(&[
            parts.exchange.len() as u8,
            parts.routing_key.len() as u8,
            flags,
            priority,
        ]);
        scratch.extend_from_slice(&parts.exchange);
        scratch.extend_from_slice(&parts.routing_key);
        scratch.extend_from_slice(parts.properties);
        if body.len() < SHARED_SIZE_BYTES_MIN {
            scratch.extend_from_slice(body.as_slice());
            return Message(Form::Inline(Arc::from(scratch.as_slice())));
        }
        Message(Form::Shared(Arc::new(SharedForm { head: scratch.as_slice().into(), body: body.to_bytes() })))
    }

    #[inline]
    fn head(&self) -> &[u8] {
        match &self.0 {
            Form::Inline(bytes) => bytes,
            Form::Shared(form) => &form.head,
        }
    }

    #[inline]
    fn number(&self, at: usize) -> u64 {
        let bytes = &self.head()[at..at + 8];
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }

    /// (end of exchange, end of routing key, end of properties) in the head.
    #[inline]
    fn ends(&self) -> (usize, usize, usize) {
        let head = self.head();
        let properties = u32::from_le_bytes(head[16..20].try_into().expect("four bytes")) as usize;
        let exchange = FIXED_SIZE_BYTES + head[20] as usize;
        let routing_key = exchange + head[21] as usize;
        (exchange, routing_key, routing_key + properties)
    }

    pub fn lsn(&self) -> Lsn {
        Lsn(self.number(0))
    }

    pub fn published_at(&self) -> UnixMillis {
        UnixMillis(self.number(8))
    }

    pub fn priority(&self) -> u8 {
        self.head()[23]
    }

    /// How long it may wait in a queue, if its publisher said so.
    pub fn expiration_milliseconds(&self) -> Option<u64> {
        if self.head()[22] & FLAG_EXPIRES == 0 {
            return None;
        }
        self.properties().expiration()?.as_str()?.parse().ok()
    }

    /// What a delivery of this message waits for (decision 6).
    #[inline]
    pub fn gate(&self) -> Gate {
        match self.head()[22] & FLAG_STRICT {
            0 => Gate::written(self.lsn()),
            _ => Gate::synced(self.lsn()),
        }
    }

    #[inline]
    pub fn exchange(&self) -> ShortStr<'_> {
        let bytes = &self.head()[FIXED_SIZE_BYTES..self.ends().0];
        ShortStr::new(bytes).expect("its size is an octet")
    }

    #[inline]
    pub fn routing_key(&self) -> ShortStr<'_> {
        let (exchange, routing_key, _) = self.ends();
        ShortStr::new(&self.head()[exchange..routing_key]).expect("its size is an octet")
    }

    #[inline]
    pub fn properties(&self) -> RawProperties<'_> {
        let (_, routing_key, properties) = self.ends();
        RawProperties::trusted(&self.head()[routing_key..properties])
    }

    #[inline]
    pub fn body(&self) -> Payload<'_> {
        match &self.0 {
            Form::Inline(bytes) => Payload::Plain(&bytes[self.ends().2..]),
            Form::Shared(form) => Payload::Shared(&form.body),
        }
    }

    pub fn body_size(&self) -> usize {
        self.body().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_from_both_forms() {
        let mut scratch = Vec::new();
        let large = Bytes::from(vec![7; SHARED_SIZE_BYTES_MIN]);
        let bodies = [Payload::Plain(b"hello"), Payload::Plain(b""), Payload::Shared(&large)];
        for (strict, body) in [(false, bodies[0]), (true, bodies[1]), (false, bodies[2])] {
            let parts = MessageParts {
                exchange: ShortStr::literal("logs"),
                routing_key: ShortStr::literal("a.b"),
                properties: if strict { b"\x09\x00\x07\x03250" } else { b"\0\0" },
                published_at: UnixMillis(5),
                lsn: Lsn(9),
                strict,
            };
            let message = Message::new(&parts, body, &mut scratch);
            assert_eq!(message.exchange(), parts.exchange);
            assert_eq!(message.routing_key(), parts.routing_key);
            assert_eq!(message.properties().as_bytes(), parts.properties);
            assert_eq!(message.body().as_slice(), body.as_slice());
            assert_eq!((message.published_at(), message.priority()), (UnixMillis(5), u8::from(strict) * 7));
            let expiration = strict.then_some(250);
            assert_eq!(message.expiration_milliseconds(), expiration);
            let gate = if strict { Gate::synced(Lsn(9)) } else { Gate::written(Lsn(9)) };
            assert_eq!(message.gate(), gate);
        }
        assert_eq!(size_of::<Message>(), 16, "queue entries stay small");
    }
}
