//! The effects of the broker and their bytes in a record.
//!
//! ```text
//! effect: octet tag (0x80..) | fields: varints, and strings as varint size and bytes
//! ```
//! Effects name queues by id and messages by (queue id, sequence): never a position, never a volatile thing.
//! This module never changes state (`apply` does).

use crate::message::MessageParts;
use crate::queue::QueueId;
use crate::runs::Runs;
use smallvec::SmallVec;
use warren_amqp::ShortStr;
use warren_units::varint::{self, Cursor};
use warren_units::{Batch, BodyName, Lsn, UnixMillis};

const EXCHANGE_DECLARED: u8 = 0x80;
const EXCHANGE_DELETED: u8 = 0x81;
const QUEUE_DECLARED: u8 = 0x82;
const QUEUE_DELETED: u8 = 0x83;
const BOUND: u8 = 0x84;
const UNBOUND: u8 = 0x85;
const PUBLISHED: u8 = 0x86;
const REMOVED: u8 = 0x87;
const GIVEN_BACK: u8 = 0x88;
const PURGED: u8 = 0x89;
/// A message whose body came with an earlier record.
const MOVED: u8 = 0x8a;
/// Those of a checkpoint, that restore what was.
const NUMBERS_RESTORED: u8 = 0x8b;
const QUEUE_RESTORED: u8 = 0x8c;
const MESSAGES_RESTORED: u8 = 0x8d;
const HELD_RESTORED: u8 = 0x8e;
const COUNTED_AS_REDELIVERED: u8 = 0x8f;

const FLAG_AUTO_DELETE: u8 = 1;
const FLAG_INTERNAL: u8 = 2;
const FLAG_STRICT: u8 = 1;

/// Where a binding leads, in words that survive a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoundTo<'a> {
    Queue(QueueId),
    Exchange(&'a [u8]),
}

/// Where the body of a published message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyAt {
    /// In the same record.
    Ordinal(u32),
    /// It came with an earlier message, or with one before in the same record.
    Named { name: BodyName, size_bytes: u32 },
}

/// The messages of one effect: which queues took it, and under which number.
pub type Placements = SmallVec<[(QueueId, u64); 4]>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect<'a> {
    ExchangeDeclared {
        vhost: &'a [u8],
        name: &'a [u8],
        exchange_type: &'a [u8],
        auto_delete: bool,
        internal: bool,
        arguments: &'a [u8],
    },
    ExchangeDeleted {
        vhost: &'a [u8],
        name: &'a [u8],
    },
    QueueDeclared {
        id: QueueId,
        vhost: &'a [u8],
        name: &'a [u8],
        auto_delete: bool,
        arguments: &'a [u8],
    },
    QueueDeleted {
        id: QueueId,
    },
    Bound {
        vhost: &'a [u8],
        source: &'a [u8],
        destination: BoundTo<'a>,
        key: &'a [u8],
        arguments: &'a [u8],
    },
    Unbound {
        vhost: &'a [u8],
        source: &'a [u8],
        destination: BoundTo<'a>,
        key: &'a [u8],
        arguments: &'a [u8],
    },
    Published {
        exchange: ShortStr<'a>,
        routing_key: ShortStr<'a>,
        properties: &'a [u8],
        published_at: UnixMillis,
        strict: bool,
        body: BodyAt,
        placements: Placements,
    },
    /// Messages left the queue: acknowledged, delivered without acknowledgement, expired, dropped.
    Removed {
        queue: QueueId,
        sequences: Runs,
    },
    /// Messages were delivered and came back.
    GivenBack {
        queue: QueueId,
        sequences: Runs,
    },
    /// All messages up to `through` left the queue, except those that were delivered and not settled.
    Purged {
        queue: QueueId,
        through: u64,
        kept: Runs,
    },
    /// Checkpoint: the newest id that a queue in the record ever had.
    NumbersRestored {
        newest_queue: QueueId,
    },
    /// Checkpoint: the newest number of a message of the queue, and up to which number they count as
    /// redelivered.
    QueueRestored {
        queue: QueueId,
        newest: u64,
        redelivered_through: u64,
    },
    /// Checkpoint: messages of the queue, as [`crate::checkpoint_messages`] writes them.
    MessagesRestored {
        queue: QueueId,
        messages: &'a [u8],
    },
    /// Checkpoint: the same of messages that clients held. The queue may have been deleted under them.
    HeldRestored {
        queue: QueueId,
        messages: &'a [u8],
    },
    /// After an unclean end nobody knows what clients have seen: every message counts as redelivered.
    CountedAsRedelivered,
}

impl<'a> Effect<'a> {
    /// Appends the effect to the record in the making.
    pub fn record(&self, batch: &mut Batch) {
        self.encode(batch.effect().bytes_mut());
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Effect::ExchangeDeclared { vhost, name, exchange_type, auto_delete, internal, arguments } => {
                out.push(EXCHANGE_DECLARED);
                [vhost, name, exchange_type].iter().for_each(|bytes| varint::put_bytes(out, bytes));
                let auto_delete = if *auto_delete { FLAG_AUTO_DELETE } else { 0 };
                out.push(auto_delete | if *internal { FLAG_INTERNAL } else { 0 });
                varint::put_bytes(out, arguments);
            }
            Effect::ExchangeDeleted { vhost, name } => {
                out.push(EXCHANGE_DELETED);
                varint::put_bytes(out, vhost);
                varint::put_bytes(out, name);
            }
            Effect::QueueDeclared { id, vhost, name, auto_delete, arguments } => {
                out.push(QUEUE_DECLARED);
                varint::put_u64(out, id.0);
                varint::put_bytes(out, vhost);
                varint::put_bytes(out, name);
                out.push(if *auto_delete { FLAG_AUTO_DELETE } else { 0 });
                varint::put_bytes(out, arguments);
            }
            Effect::QueueDeleted { id } => {
                out.push(QUEUE_DELETED);
                varint::put_u64(out, id.0);
            }
            Effect::Bound { vhost, source, destination, key, arguments } => {
                out.push(BOUND);
                encode_binding(out, [vhost, source, key, arguments], *destination);
            }
            Effect::Unbound { vhost, source, destination, key, arguments } => {
                out.push(UNBOUND);
                encode_binding(out, [vhost, source, key, arguments], *destination);
            }
            Effect::Published {
                exchange,
                routing_key,
                properties,
                published_at,
                strict,
                body,
                placements,
            } => {
                let head = PublishedHead { exchange, routing_key, properties, published_at: *published_at };
                encode_published(out, &head, *strict, *body, placements);
            }
            Effect::Removed { queue, sequences } => {
                out.push(REMOVED);
                varint::put_u64(out, queue.0);
                sequences.encode(out);
            }
            Effect::GivenBack { queue, sequences } => {
                out.push(GIVEN_BACK);
                varint::put_u64(out, queue.0);
                sequences.encode(out);
            }
            Effect::Purged { queue, through, kept } => {
                out.push(PURGED);
                varint::put_u64(out, queue.0);
                varint::put_u64(out, *through);
                kept.encode(out);
            }
            Effect::NumbersRestored { newest_queue } => {
                out.push(NUMBERS_RESTORED);
                varint::put_u64(out, newest_queue.0);
            }
            Effect::QueueRestored { queue, newest, redelivered_through } => {
                out.push(QUEUE_RESTORED);
                [queue.0, *newest, *redelivered_through]
                    .iter()
                    .for_each(|number| varint::put_u64(out, *number));
            }
            Effect::MessagesRestored { queue, messages } => {
                out.push(MESSAGES_RESTORED);
                varint::put_u64(out, queue.0);
                varint::put_bytes(out, messages);
            }
            Effect::HeldRestored { queue, messages } => {
                out.push(HELD_RESTORED);
                varint::put_u64(out, queue.0);
                varint::put_bytes(out, messages);
            }
            Effect::CountedAsRedelivered => out.push(COUNTED_AS_REDELIVERED),
        }
    }

    /// Reads one effect; `None` on malformed bytes.
    pub fn decode(cursor: &mut Cursor<'a>) -> Option<Effect<'a>> {
        Some(match cursor.byte()? {
            EXCHANGE_DECLARED => {
                let (vhost, name, exchange_type) = (cursor.bytes()?, cursor.bytes()?, cursor.bytes()?);
                let flags = cursor.byte()?;
                Effect::ExchangeDeclared {
                    vhost,
                    name,
                    exchange_type,
                    auto_delete: flags & FLAG_AUTO_DELETE != 0,
                    internal: flags & FLAG_INTERNAL != 0,
                    arguments: cursor.bytes()?,
                }
            }
            EXCHANGE_DELETED => Effect::ExchangeDeleted { vhost: cursor.bytes()?, name: cursor.bytes()? },
            QUEUE_DECLARED => Effect::QueueDeclared {
                id: QueueId(cursor.u64()?),
                vhost: cursor.bytes()?,
                name: cursor.bytes()?,
                auto_delete: cursor.byte()? & FLAG_AUTO_DELETE != 0,
                arguments: cursor.bytes()?,
            },
            QUEUE_DELETED => Effect::QueueDeleted { id: QueueId(cursor.u64()?) },
            BOUND => {
                let ([vhost, source, key, arguments], destination) = decode_binding(cursor)?;
                Effect::Bound { vhost, source, destination, key, arguments }
            }
            UNBOUND => {
                let ([vhost, source, key, arguments], destination) = decode_binding(cursor)?;
                Effect::Unbound { vhost, source, destination, key, arguments }
            }
            PUBLISHED => decode_published(cursor, false)?,
            MOVED => decode_published(cursor, true)?,
            REMOVED => Effect::Removed { queue: QueueId(cursor.u64()?), sequences: Runs::decode(cursor)? },
            GIVEN_BACK => {
                Effect::GivenBack { queue: QueueId(cursor.u64()?), sequences: Runs::decode(cursor)? }
            }
            PURGED => {
                let (queue, through) = (QueueId(cursor.u64()?), cursor.u64()?);
                Effect::Purged { queue, through, kept: Runs::decode(cursor)? }
            }
            NUMBERS_RESTORED => Effect::NumbersRestored { newest_queue: QueueId(cursor.u64()?) },
            QUEUE_RESTORED => Effect::QueueRestored {
                queue: QueueId(cursor.u64()?),
                newest: cursor.u64()?,
                redelivered_through: cursor.u64()?,
            },
            MESSAGES_RESTORED => {
                Effect::MessagesRestored { queue: QueueId(cursor.u64()?), messages: cursor.bytes()? }
            }
            HELD_RESTORED => {
                Effect::HeldRestored { queue: QueueId(cursor.u64()?), messages: cursor.bytes()? }
            }
            COUNTED_AS_REDELIVERED => Effect::CountedAsRedelivered,
            _ => return None,
        })
    }
}

/// The busiest effect, written without building an [`Effect`] first.
pub fn record_published(
    batch: &mut Batch,
    parts: &MessageParts<'_>,
    body: BodyAt,
    placements: &[(QueueId, u64)],
) {
    let head = PublishedHead {
        exchange: &parts.exchange,
        routing_key: &parts.routing_key,
        properties: parts.properties,
        published_at: parts.published_at,
    };
    encode_published(batch.effect().bytes_mut(), &head, parts.strict, body, placements);
}

struct PublishedHead<'a> {
    exchange: &'a [u8],
    routing_key: &'a [u8],
    properties: &'a [u8],
    published_at: UnixMillis,
}

fn encode_published(
    out: &mut Vec<u8>,
    head: &PublishedHead<'_>,
    strict: bool,
    body: BodyAt,
    placements: &[(QueueId, u64)],
) {
    out.push(if matches!(body, BodyAt::Named { .. }) { MOVED } else { PUBLISHED });
    out.push(if strict { FLAG_STRICT } else { 0 });
    varint::put_u64(out, head.published_at.0);
    varint::put_bytes(out, head.exchange);
    varint::put_bytes(out, head.routing_key);
    varint::put_bytes(out, head.properties);
    match body {
        BodyAt::Ordinal(ordinal) => varint::put_u64(out, u64::from(ordinal)),
        BodyAt::Named { name, size_bytes } => {
            varint::put_u64(out, name.lsn.0);
            varint::put_u64(out, u64::from(name.ordinal));
            varint::put_u64(out, u64::from(size_bytes));
        }
    }
    varint::put_u64(out, placements.len() as u64);
    for (queue, sequence) in placements {
        varint::put_u64(out, queue.0);
        varint::put_u64(out, *sequence);
    }
}

fn decode_published<'a>(cursor: &mut Cursor<'a>, is_moved: bool) -> Option<Effect<'a>> {
    let flags = cursor.byte().filter(|flags| flags & !FLAG_STRICT == 0)?;
    let published_at = UnixMillis(cursor.u64()?);
    let exchange = ShortStr::new(cursor.bytes()?)?;
    let routing_key = ShortStr::new(cursor.bytes()?)?;
    let properties = cursor.bytes()?;
    let body = if is_moved {
        let (lsn, ordinal) = (Lsn(cursor.u64()?), u32::try_from(cursor.u64()?).ok()?);
        let size_bytes = u32::try_from(cursor.u64()?).ok()?;
        BodyAt::Named { name: BodyName { lsn, ordinal }, size_bytes }
    } else {
        BodyAt::Ordinal(u32::try_from(cursor.u64()?).ok()?)
    };
    let count = cursor.u64()?;
    let mut placements = Placements::new();
    for _ in 0..count {
        placements.push((QueueId(cursor.u64()?), cursor.u64()?));
    }
    let strict = flags & FLAG_STRICT != 0;
    Some(Effect::Published { exchange, routing_key, properties, published_at, strict, body, placements })
}

fn encode_binding(out: &mut Vec<u8>, strings: [&[u8]; 4], destination: BoundTo<'_>) {
    strings.iter().for_each(|bytes| varint::put_bytes(out, bytes));
    match destination {
        BoundTo::Queue(id) => {
            out.push(0);
            varint::put_u64(out, id.0);
        }
        BoundTo::Exchange(name) => {
            out.push(1);
            varint::put_bytes(out, name);
        }
    }
}

fn decode_binding<'a>(cursor: &mut Cursor<'a>) -> Option<([&'a [u8]; 4], BoundTo<'a>)> {
    let strings = [cursor.bytes()?, cursor.bytes()?, cursor.bytes()?, cursor.bytes()?];
    let destination = match cursor.byte()? {
        0 => BoundTo::Queue(QueueId(cursor.u64()?)),
        1 => BoundTo::Exchange(cursor.bytes()?),
        _ => return None,
    };
    Some((strings, destination))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Effect<'static>> {
        let binding: [&[u8]; 4] = [b"/", b"logs", b"a.*", b""];
        let [vhost, source, key, arguments] = binding;
        let published = |body, placements: &[(QueueId, u64)]| Effect::Published {
            exchange: ShortStr::literal("logs"),
            routing_key: ShortStr::literal("key"),
            properties: &[0x10, 0, 2],
            published_at: UnixMillis(1_700_000_000_000),
            strict: true,
            body,
            placements: placements.into(),
        };
        vec![
            Effect::ExchangeDeclared {
                vhost,
                name: b"logs",
                exchange_type: b"topic",
                auto_delete: true,
                internal: false,
                arguments: b"",
            },
            Effect::ExchangeDeleted { vhost, name: b"logs" },
            Effect::QueueDeclared { id: QueueId(7), vhost, name: b"q", auto_delete: false, arguments: b"" },
            Effect::QueueDeleted { id: QueueId(300) },
            Effect::Bound { vhost, source, destination: BoundTo::Queue(QueueId(1)), key, arguments },
            Effect::Unbound { vhost, source, destination: BoundTo::Exchange(b"other"), key, arguments },
            published(BodyAt::Ordinal(2), &[(QueueId(1), 5), (QueueId(2), 900)]),
            Effect::Removed { queue: QueueId(1), sequences: Runs::one(4) },
            Effect::GivenBack {
                queue: QueueId(1),
                sequences: Runs::from_unsorted([9, 7, 8].into_iter().collect()),
            },
            Effect::Purged { queue: QueueId(1), through: 99, kept: Runs::one(50) },
            published(
                BodyAt::Named { name: BodyName { lsn: Lsn(300), ordinal: 2 }, size_bytes: 1024 },
                &[(QueueId(4), 1)],
            ),
            Effect::NumbersRestored { newest_queue: QueueId(700) },
            Effect::QueueRestored { queue: QueueId(7), newest: 4000, redelivered_through: 300 },
            Effect::MessagesRestored { queue: QueueId(7), messages: b"any" },
            Effect::HeldRestored { queue: QueueId(7), messages: b"any" },
            Effect::CountedAsRedelivered,
        ]
    }

    #[test]
    fn effects_come_back_and_cut_ones_do_not() {
        for effect in samples() {
            let mut out = Vec::new();
            effect.encode(&mut out);
            assert!(out[0] >= 0x80);
            let mut cursor = Cursor::new(&out);
            assert_eq!(Effect::decode(&mut cursor), Some(effect.clone()));
            assert!(cursor.is_empty());
            for cut in 0..out.len() {
                assert_eq!(Effect::decode(&mut Cursor::new(&out[..cut])), None, "{effect:?} cut at {cut}");
            }
        }
        assert_eq!(Effect::decode(&mut Cursor::new(&[0xff])), None);
    }
}
