//! A message as queues share it: immutable, one allocation while it is small.
//!
//! ```text
//! inline: u64 lsn | u64 published at | u32 size of properties | u8 size of exchange | u8 size of routing key
//!         | u8 flags | u8 priority | u32 size of the body | u32 ordinal of the body
//!         | exchange | routing key | properties | with FLAG_MOVED: u64 lsn of the body | body
//! shared: the same without the body, which is a shared buffer beside it
//! absent: the inline form without the body, with FLAG_ABSENT: the body is in the log only
//! ```
//! All numbers little-endian. A message never knows which queues hold it.

use bytes::Bytes;
use std::sync::Arc;
use warren_amqp::encode::Payload;
use warren_amqp::{RawProperties, ShortStr};
use warren_units::bounds::SHARED_SIZE_BYTES_MIN;
use warren_units::{BodyName, Gate, Lsn, UnixMillis};

const FIXED_SIZE_BYTES: usize = 32;
const FLAGS_AT: usize = 22;

const FLAG_STRICT: u8 = 1;
const FLAG_EXPIRES: u8 = 2;
/// Its body is in the log.
const FLAG_NAMED: u8 = 4;
/// The body came with another record than the message: it was dead-lettered from a queue in the log.
const FLAG_MOVED: u8 = 8;
const FLAG_ABSENT: u8 = 16;

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
    /// Where its body is in the log, if it is there.
    pub name: Option<BodyName>,
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
        write_head(parts, body.len() as u32, scratch);
        if body.len() < SHARED_SIZE_BYTES_MIN {
            scratch.extend_from_slice(body.as_slice());
            return Message(Form::Inline(Arc::from(scratch.as_slice())));
        }
        Message(Form::Shared(Arc::new(SharedForm { head: scratch.as_slice().into(), body: body.to_bytes() })))
    }

    /// A message whose body is in the log only; `parts` must name it. An empty body is never absent.
    pub fn absent(parts: &MessageParts<'_>, body_size_bytes: u32, scratch: &mut Vec<u8>) -> Message {
        debug_assert!(parts.name.is_some());
        write_head(parts, body_size_bytes, scratch);
        if body_size_bytes > 0 {
            scratch[FLAGS_AT] |= FLAG_ABSENT;
        }
        Message(Form::Inline(Arc::from(scratch.as_slice())))
    }

    /// The same message without its body; `None` if the body is nowhere else, or nothing would be won.
    pub fn without_body(&self) -> Option<Message> {
        if self.flags() & (FLAG_NAMED | FLAG_ABSENT) != FLAG_NAMED || self.body_size() == 0 {
            return None;
        }
        let mut bytes: Arc<[u8]> = Arc::from(&self.head()[..self.head_size()]);
        let flags = Arc::get_mut(&mut bytes).expect("it was made just now");
        flags[FLAGS_AT] |= FLAG_ABSENT;
        Some(Message(Form::Inline(bytes)))
    }

    /// The same message with its body, as it was read from the log.
    ///
    /// # Panics
    /// If the body is not of this message's size.
    pub fn with_body(&self, body: &Bytes, scratch: &mut Vec<u8>) -> Message {
        assert_eq!(body.len(), self.body_size(), "the log answers the body that was asked for");
        scratch.clear();
        scratch.extend_from_slice(&self.head()[..self.head_size()]);
        scratch[FLAGS_AT] &= !FLAG_ABSENT;
        if body.len() < SHARED_SIZE_BYTES_MIN {
            scratch.extend_from_slice(body);
            return Message(Form::Inline(Arc::from(scratch.as_slice())));
        }
        Message(Form::Shared(Arc::new(SharedForm { head: scratch.as_slice().into(), body: body.clone() })))
    }

    #[inline]
    fn head(&self) -> &[u8] {
        match &self.0 {
            Form::Inline(bytes) => bytes,
            Form::Shared(form) => &form.head,
        }
    }

    #[inline]
    fn flags(&self) -> u8 {
        self.head()[FLAGS_AT]
    }

    #[inline]
    fn number(&self, at: usize) -> u64 {
        let bytes = &self.head()[at..at + 8];
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }

    #[inline]
    fn small_number(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.head()[at..at + 4].try_into().expect("four bytes"))
    }

    /// (end of exchange, end of routing key, end of properties) in the head.
    #[inline]
    fn ends(&self) -> (usize, usize, usize) {
        let head = self.head();
        let properties = self.small_number(16) as usize;
        let exchange = FIXED_SIZE_BYTES + head[20] as usize;
        let routing_key = exchange + head[21] as usize;
        (exchange, routing_key, routing_key + properties)
    }

    /// Where the body begins.
    #[inline]
    fn head_size(&self) -> usize {
        self.ends().2 + if self.flags() & FLAG_MOVED == 0 { 0 } else { 8 }
    }

    /// Where its body is in the log, if it is there.
    #[inline]
    pub fn name(&self) -> Option<BodyName> {
        let flags = self.flags();
        if flags & FLAG_NAMED == 0 {
            return None;
        }
        let lsn = if flags & FLAG_MOVED == 0 { self.lsn() } else { Lsn(self.number(self.ends().2)) };
        Some(BodyName { lsn, ordinal: self.small_number(28) })
    }

    /// Its body is in the log only.
    #[inline]
    pub fn is_absent(&self) -> bool {
        self.flags() & FLAG_ABSENT != 0
    }

    /// Bytes of the body that are in memory.
    #[inline]
    pub fn present_bytes(&self) -> u64 {
        if self.is_absent() { 0 } else { self.body_size() as u64 }
    }

    /// What the message was made of.
    pub fn parts(&self) -> MessageParts<'_> {
        MessageParts {
            exchange: self.exchange(),
            routing_key: self.routing_key(),
            properties: self.properties().as_bytes(),
            published_at: self.published_at(),
            lsn: self.lsn(),
            strict: self.flags() & FLAG_STRICT != 0,
            name: self.name(),
        }
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
        if self.flags() & FLAG_EXPIRES == 0 {
            return None;
        }
        self.properties().expiration()?.as_str()?.parse().ok()
    }

    /// What a delivery of this message waits for (decision 6).
    #[inline]
    pub fn gate(&self) -> Gate {
        match self.flags() & FLAG_STRICT {
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

    /// # Panics
    /// If the body is absent: it has to be fetched first.
    #[inline]
    pub fn body(&self) -> Payload<'_> {
        match &self.0 {
            Form::Inline(bytes) => {
                assert!(!self.is_absent(), "an absent body is fetched before it is used");
                Payload::Plain(&bytes[self.head_size()..])
            }
            Form::Shared(form) => Payload::Shared(&form.body),
        }
    }

    #[inline]
    pub fn body_size(&self) -> usize {
        self.small_number(24) as usize
    }
}

fn write_head(parts: &MessageParts<'_>, body_size_bytes: u32, scratch: &mut Vec<u8>) {
    let properties = RawProperties::trusted(parts.properties);
    let mut flags = 0;
    if properties.expiration().is_some() {
        flags |= FLAG_EXPIRES;
    }
    if parts.strict {
        flags |= FLAG_STRICT;
    }
    let moved_from = parts.name.filter(|name| name.lsn != parts.lsn).map(|name| name.lsn);
    if parts.name.is_some() {
        flags |= if moved_from.is_some() { FLAG_NAMED | FLAG_MOVED } else { FLAG_NAMED };
    }
    let priority = properties.priority().unwrap_or(0);
    let mut fixed = [0; FIXED_SIZE_BYTES];
    fixed[..8].copy_from_slice(&parts.lsn.0.to_le_bytes());
    fixed[8..16].copy_from_slice(&parts.published_at.0.to_le_bytes());
    fixed[16..20].copy_from_slice(&(parts.properties.len() as u32).to_le_bytes());
    fixed[20] = parts.exchange.len() as u8;
    fixed[21] = parts.routing_key.len() as u8;
    fixed[FLAGS_AT] = flags;
    fixed[23] = priority;
    fixed[24..28].copy_from_slice(&body_size_bytes.to_le_bytes());
    fixed[28..].copy_from_slice(&parts.name.map_or(0, |name| name.ordinal).to_le_bytes());
    scratch.clear();
    scratch.extend_from_slice(&fixed);
    scratch.extend_from_slice(&parts.exchange);
    scratch.extend_from_slice(&parts.routing_key);
    scratch.extend_from_slice(parts.properties);
    if let Some(lsn) = moved_from {
        scratch.extend_from_slice(&lsn.0.to_le_bytes());
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
        let moved = BodyName { lsn: Lsn(4), ordinal: 3 };
        let own = BodyName { lsn: Lsn(9), ordinal: 1 };
        let cases = [(false, bodies[0], None), (true, bodies[1], Some(own)), (false, bodies[2], Some(moved))];
        for (strict, body, name) in cases {
            let parts = MessageParts {
                exchange: ShortStr::literal("logs"),
                routing_key: ShortStr::literal("a.b"),
                properties: if strict { b"\x09\x00\x07\x03250" } else { b"\0\0" },
                published_at: UnixMillis(5),
                lsn: Lsn(9),
                strict,
                name,
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
            assert_eq!((message.name(), message.body_size(), message.is_absent()), (name, body.len(), false));
        }
        assert_eq!(size_of::<Message>(), 16, "queue entries stay small");
    }

    #[test]
    fn a_body_in_the_log_may_leave_memory_and_come_back() {
        let mut scratch = Vec::new();
        for (size, lsn) in [(5, 9), (SHARED_SIZE_BYTES_MIN, 9), (5, 4), (SHARED_SIZE_BYTES_MIN, 4)] {
            let body = Bytes::from(vec![7; size]);
            let name = Some(BodyName { lsn: Lsn(lsn), ordinal: 2 });
            let parts = MessageParts {
                exchange: ShortStr::literal("logs"),
                routing_key: ShortStr::literal("a.b"),
                properties: b"\x09\x00\x07\x03250",
                published_at: UnixMillis(5),
                lsn: Lsn(9),
                strict: true,
                name,
            };
            let whole = Message::new(&parts, Payload::Shared(&body), &mut scratch);
            let absent = whole.without_body().unwrap();
            assert!(absent.is_absent() && absent.without_body().is_none());
            assert_eq!(
                (absent.body_size(), absent.present_bytes(), whole.present_bytes()),
                (size, 0, size as u64)
            );
            assert_eq!(format!("{:?}", absent.parts()), format!("{parts:?}"));
            assert_eq!(absent.head(), Message::absent(&parts, size as u32, &mut scratch).head());
            let again = absent.with_body(&body, &mut scratch);
            assert_eq!((again.body().as_slice(), again.is_absent()), (&body[..], false));
            assert_eq!(format!("{:?}", again.parts()), format!("{parts:?}"));
            assert!(
                !Message::absent(&parts, 0, &mut scratch).is_absent(),
                "nothing is missing of an empty body"
            );
            let unnamed = MessageParts { name: None, ..parts };
            assert!(Message::new(&unnamed, Payload::Shared(&body), &mut scratch).without_body().is_none());
        }
    }
}
