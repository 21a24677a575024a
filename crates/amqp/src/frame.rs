//! The envelope of everything on a connection. Knows no order of frames.
//!
//! ```text
//! octet type | short channel | long size | payload | 0xCE
//! ```

use crate::error::ConnectionError;
use crate::method::MethodId;

/// What a 0-9-1 client sends first, and what a server answers to any other header before it closes.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";
/// The header of 0-9, which differs in nothing that matters: clients that send it are served.
pub const PROTOCOL_HEADER_0_9: [u8; 8] = *b"AMQP\x01\x01\x00\x09";

pub const FRAME_METHOD: u8 = 1;
pub const FRAME_HEADER: u8 = 2;
pub const FRAME_BODY: u8 = 3;
pub const FRAME_HEARTBEAT: u8 = 8;

pub const FRAME_END: u8 = 0xCE;
/// Type, channel and size.
pub const FRAME_HEADER_SIZE_BYTES: usize = 7;
/// What a frame adds to its payload.
pub const FRAME_OVERHEAD_SIZE_BYTES: usize = 8;
/// Class, weight and body size in front of the properties in a content header.
pub const CONTENT_HEADER_SIZE_BYTES: usize = 12;

/// A place in an input buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// # Panics
    /// If the place is past 4 GiB: input buffers are bounded far below.
    #[inline]
    pub fn new(start: usize, end: usize) -> Span {
        assert!(start <= end && end <= u32::MAX as usize);
        Span { start: start as u32, end: end as u32 }
    }

    /// The bytes at this place of the buffer it was made for.
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }

    #[inline]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The place without its first bytes.
    #[inline]
    pub(crate) fn skip(self, size: usize) -> Span {
        Span::new(self.start as usize + size, self.end as usize)
    }
}

/// A whole frame in an input buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub channel: u16,
    pub payload: Span,
}

/// Framing is lost: the place of the next frame is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FramingLost {
    pub channel: u16,
    pub error: ConnectionError,
}

impl Frame {
    /// The frame that begins at `position`; `None` where its end has not arrived yet. A frame may be larger
    /// than `frame_max` by the envelope's size, as RabbitMQ allows, since clients count it differently.
    #[inline]
    pub fn at(buffer: &[u8], position: usize, frame_max: u32) -> Result<Option<Frame>, FramingLost> {
        let Some(header) = buffer[position..].first_chunk::<FRAME_HEADER_SIZE_BYTES>() else {
            return Ok(None);
        };
        let kind = header[0];
        let channel = u16::from_be_bytes([header[1], header[2]]);
        let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
        if size > frame_max {
            return Err(too_large(kind, channel, size, frame_max));
        }
        let start = position + FRAME_HEADER_SIZE_BYTES;
        let end = start + size as usize;
        match buffer.get(end) {
            Some(&FRAME_END) => Ok(Some(Frame { kind, channel, payload: Span::new(start, end) })),
            Some(&octet) => Err(wrong_end(kind, channel, &buffer[start..end], octet)),
            None => Ok(None),
        }
    }

    /// Where the next frame begins.
    #[inline]
    pub fn end(&self) -> usize {
        self.payload.end as usize + 1
    }
}

/// What kind of frame a payload makes, its fixed fields read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Analyzed {
    /// The method exists; its fields are not read.
    Method(MethodId),
    Header {
        class: u16,
        weight: u16,
        /// Of the body to come.
        size: u64,
    },
    Body,
    Heartbeat,
}

impl Analyzed {
    #[inline]
    pub fn frame(kind: u8, payload: &[u8]) -> Result<Analyzed, ConnectionError> {
        match kind {
            FRAME_METHOD if let Some((id, _)) = MethodId::split(payload) => match id.has_content() {
                Some(_) => Ok(Analyzed::Method(id)),
                None => Err(id.unknown()),
            },
            FRAME_HEADER if let Some(fixed) = payload.first_chunk::<CONTENT_HEADER_SIZE_BYTES>() => {
                let [c, d, w, x, size @ ..] = *fixed;
                let (class, weight) = (u16::from_be_bytes([c, d]), u16::from_be_bytes([w, x]));
                Ok(Analyzed::Header { class, weight, size: u64::from_be_bytes(size) })
            }
            FRAME_BODY => Ok(Analyzed::Body),
            FRAME_HEARTBEAT if payload.is_empty() => Ok(Analyzed::Heartbeat),
            _ => Err(ConnectionError::frame(kind, payload, "unknown_frame")),
        }
    }
}

#[cold]
fn too_large(kind: u8, channel: u16, size: u32, frame_max: u32) -> FramingLost {
    let payload_max = frame_max.saturating_sub(FRAME_OVERHEAD_SIZE_BYTES as u32);
    let reason = format!("{{frame_too_large,{size},{payload_max}}}");
    FramingLost { channel, error: ConnectionError::frame(kind, &[], &reason) }
}

#[cold]
fn wrong_end(kind: u8, channel: u16, payload: &[u8], octet: u8) -> FramingLost {
    let reason = format!("{{invalid_frame_end_marker,{octet}}}");
    FramingLost { channel, error: ConnectionError::frame(kind, payload, &reason) }
}
