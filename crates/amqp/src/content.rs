//! A method with its message: lying in the input buffer as a whole, or collected frame by frame. Knows one
//! content at a time; which channel's turn it is, and all framing, is the assembler's.

use crate::assembler::CONTENT_SIZE_BYTES_MAX;
use crate::encode::Payload;
use crate::error::ConnectionError;
use crate::frame::{Analyzed, CONTENT_HEADER_SIZE_BYTES, Frame, Span};
use crate::method::{MethodId, MethodRow};
use crate::methods::{ChannelClose, ChannelCloseOk};
use crate::properties::RawProperties;
use crate::reply_code::ReplyCode;
use bytes::Bytes;
use warren_units::bounds::SHARED_SIZE_BYTES_MIN;

/// No method with content is larger, its strings being short: what is kept aside stays small.
const METHOD_SIZE_BYTES_MAX: usize = 1024;
/// A body up to this size is collected in one allocation. A larger one's memory doubles as bytes arrive, so
/// that an announced size alone costs no more than this.
const COLLECTED_SIZE_BYTES_FIRST: usize = 1024 * 1024;

/// A method and its content. Its getters take the buffer that the assembler was fed.
#[derive(Debug)]
pub struct Content {
    pub channel: u16,
    /// Places in the buffer, or in `head` where there is one.
    method: Span,
    properties: Span,
    head: Option<Box<[u8]>>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    InBuffer(Span),
    /// Bodies of `SHARED_SIZE_BYTES_MIN` and more, and all that came in several frames or reads.
    Owned(Bytes),
}

impl Content {
    /// The method's payload, for [`Method::decode`](crate::Method::decode).
    #[inline]
    pub fn method<'a>(&'a self, buffer: &'a [u8]) -> &'a [u8] {
        self.method.of(self.head.as_deref().unwrap_or(buffer))
    }

    #[inline]
    pub fn properties<'a>(&'a self, buffer: &'a [u8]) -> RawProperties<'a> {
        RawProperties::trusted(self.properties.of(self.head.as_deref().unwrap_or(buffer)))
    }

    #[inline]
    pub fn body<'a>(&'a self, buffer: &'a [u8]) -> Payload<'a> {
        match &self.body {
            Body::InBuffer(span) => Payload::Plain(span.of(buffer)),
            Body::Owned(bytes) => Payload::Shared(bytes),
        }
    }

    /// Bytes of a body that does not lie in the buffer: they may have been taken out of it long before.
    #[inline]
    pub fn owned_size(&self) -> usize {
        match &self.body {
            Body::InBuffer(_) => 0,
            Body::Owned(bytes) => bytes.len(),
        }
    }

    /// A content that lies in the buffer as a whole; `header` is the header frame's payload.
    #[inline]
    pub(crate) fn in_buffer(
        method: Frame,
        header: Span,
        body: Span,
        buffer: &[u8],
    ) -> Result<Content, ConnectionError> {
        let properties = header.skip(CONTENT_HEADER_SIZE_BYTES);
        RawProperties::parse(properties.of(buffer))?;
        let body = match body.len() {
            SHARED_SIZE_BYTES_MIN.. => Body::Owned(Bytes::copy_from_slice(body.of(buffer))),
            _ => Body::InBuffer(body),
        };
        Ok(Content { channel: method.channel, method: method.payload, properties, head: None, body })
    }

    /// Refuses what can be no method with content before it is kept.
    #[inline]
    pub(crate) fn check_method(id: MethodId, payload: &[u8]) -> Result<(), ConnectionError> {
        if payload.len() > METHOD_SIZE_BYTES_MAX {
            return Err(ConnectionError::cannot_decode(&payload[4..]).blame(id.class, id.method));
        }
        Ok(())
    }
}

/// What a channel waits for.
#[derive(Debug)]
pub(crate) enum Pending {
    /// The header of a method whose payload is kept.
    Header {
        id: MethodId,
        method: Vec<u8>,
    },
    Body(Collecting),
    /// The rest of a body that was too large.
    Discard {
        id: MethodId,
        left: u64,
    },
    /// The peer's end of a channel that was closed.
    Skip,
}

/// What a frame did to a channel that waited.
#[derive(Debug)]
pub(crate) enum Taken {
    Waits(Pending),
    Whole(Content),
    Oversized {
        method: MethodId,
        size: u64,
        rest: Pending,
    },
    /// The end of a body that was too large.
    Discarded,
    /// The frame is the close or close-ok up to which the channel was skipped.
    SkippedTo,
}

impl Pending {
    pub(crate) fn take(
        self,
        channel: u16,
        analyzed: Analyzed,
        payload: &[u8],
        message_size_max: u64,
    ) -> Result<Taken, ConnectionError> {
        match (self, analyzed) {
            (Pending::Skip, Analyzed::Method(ChannelClose::ID | ChannelCloseOk::ID)) => Ok(Taken::SkippedTo),
            (Pending::Skip, _) => Ok(Taken::Waits(Pending::Skip)),
            (Pending::Header { id, method }, Analyzed::Header { class, weight: 0, size }) => {
                check_header(id, class, size)?;
                if size > message_size_max {
                    let rest = Pending::Discard { id, left: size };
                    return Ok(Taken::Oversized { method: id, size, rest });
                }
                Collecting::new(id, method, payload, size).map(|collecting| collecting.taken(channel))
            }
            (Pending::Header { id, .. }, _) => {
                let class = id.class;
                Err(unexpected(
                    id,
                    format!(
                        "expected content header for class {class}, got non content header frame instead"
                    ),
                ))
            }
            (Pending::Body(mut collecting), Analyzed::Body) => {
                collecting.append(payload)?;
                Ok(collecting.taken(channel))
            }
            (Pending::Discard { id, left }, Analyzed::Body) => {
                let left = left.checked_sub(payload.len() as u64).ok_or_else(|| exceeded(id))?;
                Ok(if left == 0 { Taken::Discarded } else { Taken::Waits(Pending::Discard { id, left }) })
            }
            (Pending::Body(Collecting { id, .. }) | Pending::Discard { id, .. }, _) => {
                Err(unexpected(id, "expected content body, got non content body frame instead"))
            }
        }
    }
}

fn check_header(id: MethodId, class: u16, size: u64) -> Result<(), ConnectionError> {
    if class != id.class {
        let text =
            format!("expected content header for class {}, got one for class {class} instead", id.class);
        return Err(unexpected(id, text));
    }
    if size > CONTENT_SIZE_BYTES_MAX {
        let text = format!("content body size {size} exceeds maximum allowed size {CONTENT_SIZE_BYTES_MAX}");
        return Err(ConnectionError::new(ReplyCode::FrameError, text).blame(id.class, id.method));
    }
    Ok(())
}

fn unexpected(id: MethodId, text: impl Into<String>) -> ConnectionError {
    ConnectionError::new(ReplyCode::UnexpectedFrame, text).blame(id.class, id.method)
}

fn exceeded(id: MethodId) -> ConnectionError {
    ConnectionError::new(ReplyCode::FrameError, "content body frame exceeds remaining content size")
        .blame(id.class, id.method)
}

/// A content whose method and header have come, and part of its body.
#[derive(Debug)]
pub(crate) struct Collecting {
    id: MethodId,
    /// The method's payload, then the properties.
    head: Vec<u8>,
    method_size: usize,
    body: Vec<u8>,
    size: usize,
}

impl Collecting {
    fn new(id: MethodId, method: Vec<u8>, header: &[u8], size: u64) -> Result<Collecting, ConnectionError> {
        let properties = RawProperties::parse(&header[CONTENT_HEADER_SIZE_BYTES..])?.as_bytes();
        let (method_size, mut head) = (method.len(), method);
        head.reserve_exact(properties.len());
        head.extend_from_slice(properties);
        Ok(Collecting { id, head, method_size, body: Vec::new(), size: size as usize })
    }

    fn append(&mut self, part: &[u8]) -> Result<(), ConnectionError> {
        let left = self.size - self.body.len();
        if part.len() > left {
            return Err(exceeded(self.id));
        }
        if part.len() > self.body.capacity() - self.body.len() {
            let wanted = part.len().max(self.body.len()).max(COLLECTED_SIZE_BYTES_FIRST);
            self.body.reserve_exact(wanted.min(left));
        }
        self.body.extend_from_slice(part);
        Ok(())
    }

    /// The content where its body is whole.
    fn taken(self, channel: u16) -> Taken {
        if self.body.len() < self.size {
            return Taken::Waits(Pending::Body(self));
        }
        Taken::Whole(Content {
            channel,
            method: Span::new(0, self.method_size),
            properties: Span::new(self.method_size, self.head.len()),
            head: Some(self.head.into_boxed_slice()),
            body: Body::Owned(Bytes::from(self.body)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collecting(size: usize) -> Collecting {
        let header = [0; CONTENT_HEADER_SIZE_BYTES + 2];
        Collecting::new(MethodId::default(), vec![0; 9], &header, size as u64).unwrap()
    }

    #[test]
    fn memory_grows_with_bytes_not_with_promises() {
        const SIZE_BYTES: usize = 16 * 1024 * 1024;
        let part = vec![7; 100_000];
        let mut body = collecting(SIZE_BYTES);
        assert_eq!(body.body.capacity(), 0);
        while body.body.len() < SIZE_BYTES {
            body.append(&part[..part.len().min(SIZE_BYTES - body.body.len())]).unwrap();
            let bound = (2 * body.body.len()).max(COLLECTED_SIZE_BYTES_FIRST);
            assert!(body.body.capacity() <= bound.min(SIZE_BYTES), "{}", body.body.capacity());
        }
        assert_eq!(body.body.capacity(), SIZE_BYTES);
        let Taken::Whole(content) = body.taken(1) else { panic!("the body is whole") };
        assert_eq!(content.body(b"").len(), SIZE_BYTES);
    }

    #[test]
    fn a_body_of_usual_size_is_one_allocation() {
        let mut body = collecting(300_000);
        body.append(&[7; 4088]).unwrap();
        assert_eq!(body.body.capacity(), 300_000);
        assert!(body.append(&[7; 300_000]).is_err());
    }
}
