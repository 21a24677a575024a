//! Frames out, appended to a rope: small parts copied, large bodies by reference, no other allocation.
//! Knows no connection: whoever calls passes the channel and the frame size that was agreed on.

use crate::frame::{
    CONTENT_HEADER_SIZE_BYTES, FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_HEADER_SIZE_BYTES, FRAME_HEARTBEAT,
    FRAME_METHOD, FRAME_OVERHEAD_SIZE_BYTES,
};
use crate::method::MethodRow;
use crate::methods::{BasicAck, BasicDeliver, Method};
use crate::properties::RawProperties;
use bytes::Bytes;
use warren_units::Rope;

/// Class of all contents.
const CLASS_BASIC: u16 = 60;

/// A message body.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    Plain(&'a [u8]),
    Shared(&'a Bytes),
}

impl<'a> Payload<'a> {
    #[inline]
    pub fn as_slice(self) -> &'a [u8] {
        match self {
            Payload::Plain(bytes) => bytes,
            Payload::Shared(bytes) => bytes,
        }
    }

    /// The body as one that can be kept: copied only where it is not shared yet.
    pub fn to_bytes(self) -> Bytes {
        match self {
            Payload::Plain(bytes) => Bytes::copy_from_slice(bytes),
            Payload::Shared(bytes) => bytes.clone(),
        }
    }

    #[inline]
    pub fn len(self) -> usize {
        self.as_slice().len()
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Appends `start..end` of the body, by reference where that part is large.
    #[inline]
    fn append(self, rope: &mut Rope, start: usize, end: usize) {
        match self {
            Payload::Plain(bytes) => rope.extend(&bytes[start..end]),
            Payload::Shared(bytes) if start == 0 && end == bytes.len() => rope.extend_shared(bytes),
            Payload::Shared(bytes) => rope.extend_shared(&bytes.slice(start..end)),
        }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Payload<'a> {
        Payload::Plain(bytes)
    }
}

impl<'a> From<&'a Bytes> for Payload<'a> {
    fn from(bytes: &'a Bytes) -> Payload<'a> {
        Payload::Shared(bytes)
    }
}

#[inline]
fn frame_header(kind: u8, channel: u16, size: usize) -> [u8; FRAME_HEADER_SIZE_BYTES] {
    let [channel_high, channel_low] = channel.to_be_bytes();
    let [a, b, c, d] = (size as u32).to_be_bytes();
    [kind, channel_high, channel_low, a, b, c, d]
}

/// A method without content, or the first frame of one with content.
#[inline]
pub fn method_frame<'a>(rope: &mut Rope, channel: u16, method: impl Into<Method<'a>>) {
    let out = rope.bytes_mut();
    let start = out.len();
    out.extend_from_slice(&frame_header(FRAME_METHOD, channel, 0));
    method.into().encode(out);
    let size = out.len() - start - FRAME_HEADER_SIZE_BYTES;
    out[start + 3..start + FRAME_HEADER_SIZE_BYTES].copy_from_slice(&(size as u32).to_be_bytes());
    out.push(FRAME_END);
}

/// A method with its content: basic.publish, basic.return, basic.get-ok.
#[inline]
pub fn content<'a>(
    rope: &mut Rope,
    channel: u16,
    method: impl Into<Method<'a>>,
    properties: RawProperties<'_>,
    body: Payload<'_>,
    frame_max: u32,
) {
    method_frame(rope, channel, method);
    content_frames(rope, channel, properties, body, frame_max);
}

/// Header and body frames. Of an empty body there is no frame. A `frame_max` of 0 means no limit.
#[inline]
pub fn content_frames(
    rope: &mut Rope,
    channel: u16,
    properties: RawProperties<'_>,
    body: Payload<'_>,
    frame_max: u32,
) {
    let properties = properties.as_bytes();
    let out = rope.bytes_mut();
    let size = CONTENT_HEADER_SIZE_BYTES + properties.len();
    out.extend_from_slice(&frame_header(FRAME_HEADER, channel, size));
    let mut fixed = [0; CONTENT_HEADER_SIZE_BYTES];
    fixed[..2].copy_from_slice(&CLASS_BASIC.to_be_bytes());
    fixed[4..].copy_from_slice(&(body.len() as u64).to_be_bytes());
    out.extend_from_slice(&fixed);
    out.extend_from_slice(properties);
    out.push(FRAME_END);

    let payload_max = match frame_max {
        0 => u32::MAX as usize,
        limit => (limit as usize).saturating_sub(FRAME_OVERHEAD_SIZE_BYTES).max(1),
    };
    let mut start = 0;
    while start < body.len() {
        let end = body.len().min(start + payload_max);
        rope.extend(&frame_header(FRAME_BODY, channel, end - start));
        body.append(rope, start, end);
        rope.push(FRAME_END);
        start = end;
    }
}

/// A message to a consumer: the frames of [`content`], for the busiest path with one reservation of memory.
#[inline]
pub fn deliver(
    rope: &mut Rope,
    channel: u16,
    method: &BasicDeliver<'_>,
    properties: RawProperties<'_>,
    body: Payload<'_>,
    frame_max: u32,
) {
    // Ids, three sizes of strings, delivery tag, redelivered.
    const FIXED_SIZE_BYTES: usize = 4 + 3 + 8 + 1;
    let strings = method.consumer_tag.len() + method.exchange.len() + method.routing_key.len();
    let size = FIXED_SIZE_BYTES + strings;
    let copied = body.len().min(warren_units::bounds::SHARED_SIZE_BYTES_MIN);
    let envelopes = 3 * FRAME_OVERHEAD_SIZE_BYTES + CONTENT_HEADER_SIZE_BYTES;
    let out = rope.bytes_mut();
    out.reserve(size + envelopes + properties.as_bytes().len() + copied);

    let [_, class, _, id] = ids(BasicDeliver::ID.class, BasicDeliver::ID.method);
    let [kind, channel_high, channel_low, a, b, c, d] = frame_header(FRAME_METHOD, channel, size);
    let tag_size = method.consumer_tag.len() as u8;
    out.extend_from_slice(&[kind, channel_high, channel_low, a, b, c, d, 0, class, 0, id, tag_size]);
    out.extend_from_slice(&method.consumer_tag);
    let mut middle = [0; 10];
    middle[..8].copy_from_slice(&method.delivery_tag.to_be_bytes());
    middle[8] = u8::from(method.redelivered);
    middle[9] = method.exchange.len() as u8;
    out.extend_from_slice(&middle);
    out.extend_from_slice(&method.exchange);
    out.push(method.routing_key.len() as u8);
    out.extend_from_slice(&method.routing_key);
    out.push(FRAME_END);
    content_frames(rope, channel, properties, body, frame_max);
}

#[inline]
const fn ids(class: u16, method: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (class.to_be_bytes(), method.to_be_bytes());
    [a, b, c, d]
}

/// A confirm, or a consumer's acknowledgement.
#[inline]
pub fn basic_ack(rope: &mut Rope, channel: u16, delivery_tag: u64, multiple: bool) {
    const FIELDS_SIZE_BYTES: usize = 4 + 8 + 1;
    let mut frame = [0; FIELDS_SIZE_BYTES + FRAME_OVERHEAD_SIZE_BYTES];
    frame[..7].copy_from_slice(&frame_header(FRAME_METHOD, channel, FIELDS_SIZE_BYTES));
    frame[7..11].copy_from_slice(&ids(BasicAck::ID.class, BasicAck::ID.method));
    frame[11..19].copy_from_slice(&delivery_tag.to_be_bytes());
    frame[19] = u8::from(multiple);
    frame[20] = FRAME_END;
    rope.extend(&frame);
}

pub fn heartbeat(rope: &mut Rope) {
    rope.extend(&[FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::Properties;
    use crate::wire::ShortStr;

    #[test]
    fn the_fast_paths_write_what_the_general_one_writes() {
        let properties = Properties { delivery_mode: Some(2), ..Properties::default() };
        let mut raw = Vec::new();
        properties.encode(&mut raw);
        let raw = RawProperties::parse(&raw).unwrap();
        let method = BasicDeliver {
            consumer_tag: ShortStr::literal("ctag1.x"),
            delivery_tag: u64::MAX - 1,
            redelivered: true,
            exchange: ShortStr::literal("logs"),
            routing_key: ShortStr::literal("a.b.c"),
        };
        for size in [0, 1, 4088, 4089, 20_000, 300_000] {
            let body = Bytes::from(vec![b'x'; size]);
            for frame_max in [0, 4096, 131_072] {
                let (mut fast, mut general) = (Rope::new(), Rope::new());
                deliver(&mut fast, 513, &method, raw, Payload::Shared(&body), frame_max);
                content(&mut general, 513, method, raw, Payload::Plain(&body), frame_max);
                assert_eq!(fast.to_vec(), general.to_vec(), "{size} bytes in frames of {frame_max}");
            }
        }
        let (mut fast, mut general) = (Rope::new(), Rope::new());
        basic_ack(&mut fast, 7, 1 << 40, true);
        method_frame(&mut general, 7, BasicAck { delivery_tag: 1 << 40, multiple: true });
        assert_eq!(fast.to_vec(), general.to_vec());
    }

    #[test]
    fn large_bodies_are_not_copied() {
        let body = Bytes::from(vec![b'x'; 1 << 20]);
        let mut rope = Rope::new();
        content_frames(&mut rope, 1, RawProperties::EMPTY, Payload::Shared(&body), 131_072);
        assert!(rope.len() > 1 << 20);
        assert!(rope.bytes_mut().len() < 1024);
    }
}
