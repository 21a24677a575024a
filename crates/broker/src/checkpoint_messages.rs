//! Messages of a checkpoint: what their queue and the log know of them, without the bodies.
//!
//! ```text
//! message: octet flags | sequence | delivery count | published at | lsn | [lsn of the body]
//!          | ordinal | size of the body | [exchange | routing key | properties]
//! ```
//! Numbers are varints. Sequence, time and LSN are differences to the message before (zigzag). The LSN of the
//! body is there with FLAG_MOVED; the strings are missing with FLAG_SAME_HEAD, they are those of the message
//! before then.

use crate::message::{Message, MessageParts};
use crate::ready::Entry;
use warren_amqp::{RawProperties, ShortStr};
use warren_units::varint::{self, Cursor};
use warren_units::{BodyName, Lsn, UnixMillis};

const FLAG_STRICT: u8 = 1;
const FLAG_REDELIVERED: u8 = 2;
const FLAG_SAME_HEAD: u8 = 4;
const FLAG_MOVED: u8 = 8;

/// Writes the messages of one effect.
#[derive(Default)]
pub struct MessageWriter {
    pub bytes: Vec<u8>,
    last: Option<Message>,
    sequence: u64,
    published_at: u64,
    lsn: u64,
}

impl MessageWriter {
    /// Begins anew and keeps the memory.
    pub fn clear(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        *self = MessageWriter { bytes, ..MessageWriter::default() };
    }

    /// `name` is the message's.
    pub fn push(&mut self, entry: &Entry, name: BodyName) {
        let message = &entry.message;
        let parts = message.parts();
        let is_same = self.last.as_ref().is_some_and(|last| {
            let last = last.parts();
            (last.properties, last.routing_key, last.exchange)
                == (parts.properties, parts.routing_key, parts.exchange)
        });
        let mut flags = 0;
        for (flag, is_set) in [
            (FLAG_STRICT, parts.strict),
            (FLAG_REDELIVERED, entry.redelivered),
            (FLAG_SAME_HEAD, is_same),
            (FLAG_MOVED, name.lsn != parts.lsn),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        let out = &mut self.bytes;
        out.push(flags);
        put_difference(out, &mut self.sequence, entry.sequence);
        varint::put_u64(out, u64::from(entry.delivery_count));
        put_difference(out, &mut self.published_at, parts.published_at.0);
        put_difference(out, &mut self.lsn, parts.lsn.0);
        if flags & FLAG_MOVED != 0 {
            varint::put_u64(out, name.lsn.0);
        }
        varint::put_u64(out, u64::from(name.ordinal));
        varint::put_u64(out, message.body_size() as u64);
        if !is_same {
            varint::put_bytes(out, &parts.exchange);
            varint::put_bytes(out, &parts.routing_key);
            varint::put_bytes(out, parts.properties);
            self.last = Some(message.clone());
        }
    }
}

/// Reads them back, all of them absent.
pub struct MessageReader<'a> {
    cursor: Cursor<'a>,
    exchange: ShortStr<'a>,
    routing_key: ShortStr<'a>,
    properties: &'a [u8],
    sequence: u64,
    published_at: u64,
    lsn: u64,
    scratch: Vec<u8>,
}

impl<'a> MessageReader<'a> {
    pub fn new(bytes: &'a [u8]) -> MessageReader<'a> {
        MessageReader {
            cursor: Cursor::new(bytes),
            exchange: ShortStr::EMPTY,
            routing_key: ShortStr::EMPTY,
            properties: RawProperties::EMPTY.as_bytes(),
            sequence: 0,
            published_at: 0,
            lsn: 0,
            scratch: Vec::new(),
        }
    }

    pub fn is_at_end(&self) -> bool {
        self.cursor.is_empty()
    }

    /// The next message; `None` where the bytes are none.
    pub fn next(&mut self) -> Option<Entry> {
        let cursor = &mut self.cursor;
        let flags = cursor.byte()?;
        let sequence = difference(cursor, &mut self.sequence)?;
        let delivery_count = u16::try_from(cursor.u64()?).ok()?;
        let published_at = UnixMillis(difference(cursor, &mut self.published_at)?);
        let lsn = Lsn(difference(cursor, &mut self.lsn)?);
        let body_lsn = if flags & FLAG_MOVED == 0 { lsn } else { Lsn(cursor.u64()?) };
        let ordinal = u32::try_from(cursor.u64()?).ok()?;
        let body_size_bytes = u32::try_from(cursor.u64()?).ok()?;
        if flags & FLAG_SAME_HEAD == 0 {
            self.exchange = ShortStr::new(cursor.bytes()?)?;
            self.routing_key = ShortStr::new(cursor.bytes()?)?;
            self.properties = RawProperties::parse(cursor.bytes()?).ok()?.as_bytes();
        }
        let parts = MessageParts {
            exchange: self.exchange,
            routing_key: self.routing_key,
            properties: self.properties,
            published_at,
            lsn,
            strict: flags & FLAG_STRICT != 0,
            name: Some(BodyName { lsn: body_lsn, ordinal }),
        };
        let message = Message::absent(&parts, body_size_bytes, &mut self.scratch);
        let redelivered = flags & FLAG_REDELIVERED != 0;
        Some(Entry { delivery_count, redelivered, ..Entry::durable(message, sequence) })
    }
}

fn put_difference(out: &mut Vec<u8>, last: &mut u64, value: u64) {
    varint::put_i64(out, value.wrapping_sub(*last) as i64);
    *last = value;
}

fn difference(cursor: &mut Cursor<'_>, last: &mut u64) -> Option<u64> {
    *last = last.wrapping_add(cursor.i64()? as u64);
    Some(*last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let rows: [(u64, u64, u64, &[u8], u16, bool); 5] = [
            (7, 100, 100, b"\x10\x00\x02", 0, false),
            (8, 101, 101, b"\x10\x00\x02", 3, true),
            (3, 90, 40, b"\x10\x00\x02", 0, false),
            (u64::MAX, u64::MAX, 1, b"\x08\x00\x07", 65_535, false),
            (1, 1, 1, b"\x08\x00\x07", 0, true),
        ];
        let entry =
            |(sequence, lsn, body_lsn, properties, delivery_count, redelivered): (u64, u64, u64, _, _, _)| {
                let parts = MessageParts {
                    exchange: ShortStr::literal("logs"),
                    routing_key: ShortStr::literal("key"),
                    properties,
                    published_at: UnixMillis(lsn ^ 77),
                    lsn: Lsn(lsn),
                    strict: redelivered,
                    name: Some(BodyName { lsn: Lsn(body_lsn), ordinal: 6 }),
                };
                let message = Message::absent(&parts, 1024, &mut Vec::new());
                Entry { delivery_count, redelivered, ..Entry::durable(message, sequence) }
            };
        rows.map(entry).into()
    }

    #[test]
    fn messages_come_back_and_cut_ones_do_not() {
        let mut writer = MessageWriter::default();
        for entry in entries() {
            writer.push(&entry, entry.message.name().unwrap());
        }
        let mut reader = MessageReader::new(&writer.bytes);
        let mut ends = vec![0];
        for entry in entries() {
            assert_eq!(format!("{:?}", reader.next()), format!("{:?}", Some(entry)));
            ends.push(writer.bytes.len() - reader.cursor.rest().len());
        }
        assert!(reader.is_at_end());
        for cut in 0..writer.bytes.len() {
            let mut reader = MessageReader::new(&writer.bytes[..cut]);
            let mut is_whole = true;
            while is_whole && !reader.is_at_end() {
                is_whole = reader.next().is_some();
            }
            assert_eq!(is_whole, ends.contains(&cut), "cut at {cut}");
        }
    }

    #[test]
    fn a_message_like_the_one_before_takes_few_bytes() {
        let mut writer = MessageWriter::default();
        let entry = entries().remove(0);
        writer.push(&entry, entry.message.name().unwrap());
        let first = writer.bytes.len();
        writer.push(&entry, entry.message.name().unwrap());
        assert!(writer.bytes.len() - first <= 9, "{}", writer.bytes.len() - first);
    }
}
