//! Cuts a connection's input into requests. Runs in the I/O loop, outside the engine's lock: what it
//! yields are places in the input buffer, to be executed later under the lock. It checks the framing, the
//! order of method, header and body frames, and content properties. It never decodes another method's
//! fields than tune-ok's, and never knows whether a channel is open.
//!
//! ```text
//! buffer:  ..consumed..| method | header | body | method | header | bo
//!                        \----- Content -------/   \-- kept aside --/ \ stays in the buffer
//! ```
//! A content that lies in the buffer as a whole, its body in one frame, costs no copy below
//! `SHARED_SIZE_BYTES_MIN`. Any other is collected frame by frame, so no byte is looked at twice.

use crate::content::{Content, Pending, Taken};
use crate::error::ConnectionError;
use crate::frame::{Analyzed, FRAME_BODY, Frame, FramingLost, PROTOCOL_HEADER, PROTOCOL_HEADER_0_9, Span};
use crate::method::{MethodId, MethodRow};
use crate::methods::{ConnectionOpen, ConnectionOpenOk, ConnectionTuneOk, Method};
use crate::reply_code::ReplyCode;
use std::collections::BTreeMap;
use warren_units::bounds::{
    CHANNEL_COUNT_MAX, FRAME_SIZE_BYTES_MAX, FRAME_SIZE_BYTES_MIN, MESSAGE_SIZE_BYTES_MAX,
};

/// The largest frame before tune-ok, as in RabbitMQ: strangers get no more room.
pub const FRAME_SIZE_BYTES_INITIAL: u32 = 8192;
/// The largest content that AMQP peers of RabbitMQ's family send at all; past it a server closes the
/// connection, below it and past the server's own bound it closes the channel.
pub const CONTENT_SIZE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// One request of the peer. Spans are places in the buffer that [`Assembler::feed`] saw.
#[derive(Debug)]
pub enum Incoming {
    /// The client wants 0-9-1.
    ProtocolHeader,
    Heartbeat,
    /// A method without content, to be decoded by [`Method::decode`].
    Method {
        channel: u16,
        method: Span,
    },
    /// A method with all of its content: basic.publish, or on a client basic.deliver, get-ok and return.
    Content(Content),
    /// A message larger than the bound. Its body is passed over; the channel is to be closed with 406,
    /// see [`Incoming::oversized_text`].
    Oversized {
        channel: u16,
        method: MethodId,
        size: u64,
    },
}

impl Incoming {
    /// What RabbitMQ says to a message of `size` bytes.
    pub fn oversized_text(size: u64) -> String {
        format!("message size {size} is larger than configured max size {MESSAGE_SIZE_BYTES_MAX}")
    }
}

/// Why the connection must be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not our protocol: to be answered with [`PROTOCOL_HEADER`], and no frame.
    ProtocolHeader,
    Connection {
        /// The channel whose frame was at fault, for the log.
        channel: u16,
        error: ConnectionError,
        /// True where the frames behind the faulty one can still be read: after `connection.close`, go on
        /// feeding and wait for close-ok. False where framing is lost.
        in_sync: bool,
    },
}

impl From<FramingLost> for Fault {
    fn from(lost: FramingLost) -> Fault {
        Fault::Connection { channel: lost.channel, error: lost.error, in_sync: false }
    }
}

/// What one call of [`Assembler::feed`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Fed {
    /// All before this place of the buffer is consumed, the frame at fault included.
    pub consumed_to: usize,
    /// What came before it is executed first.
    pub fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A server waits for the protocol header.
    Handshake,
    /// Only channel 0 is used.
    Opening,
    Running,
    /// A close was sent: all but channel 0's methods is passed over.
    Stopping,
}

/// The state of one connection's input.
#[derive(Debug)]
pub struct Assembler {
    phase: Phase,
    frame_max: u32,
    channel_max: u16,
    message_size_max: u64,
    /// Contents whose frames have not all come, by channel.
    pending: BTreeMap<u16, Pending>,
}

impl Assembler {
    /// For a connection that a client opened.
    pub fn server() -> Assembler {
        Assembler {
            phase: Phase::Handshake,
            frame_max: FRAME_SIZE_BYTES_INITIAL,
            channel_max: CHANNEL_COUNT_MAX,
            message_size_max: MESSAGE_SIZE_BYTES_MAX,
            pending: BTreeMap::new(),
        }
    }

    /// For a connection that we open; the protocol header is the caller's to send.
    pub fn client() -> Assembler {
        Assembler {
            phase: Phase::Opening,
            frame_max: FRAME_SIZE_BYTES_MAX,
            message_size_max: CONTENT_SIZE_BYTES_MAX,
            ..Assembler::server()
        }
    }

    /// The connection is being closed by us: from now on only channel 0's methods are yielded.
    pub fn stop(&mut self) {
        self.phase = Phase::Stopping;
        self.pending.clear();
    }

    /// The channel was closed by us: whatever the peer still sends on it is passed over, up to its
    /// channel.close or close-ok.
    pub fn skip(&mut self, channel: u16) {
        self.pending.insert(channel, Pending::Skip);
    }

    /// Reads `buffer` from `start` on and appends the requests found to `out`. The bytes from
    /// [`Fed::consumed_to`] on, part of one frame, are to be fed again with more behind them.
    pub fn feed(&mut self, buffer: &[u8], start: usize, out: &mut Vec<Incoming>) -> Fed {
        let mut position = start;
        let fault = loop {
            match self.next(buffer, &mut position, out) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(fault) => break Some(fault),
            }
        };
        Fed { consumed_to: position, fault }
    }

    /// Handles what begins at `position` and moves it behind; false where more bytes are needed.
    #[inline]
    fn next(&mut self, buffer: &[u8], position: &mut usize, out: &mut Vec<Incoming>) -> Result<bool, Fault> {
        if self.phase == Phase::Handshake {
            return self.handshake(buffer, position, out);
        }
        let Some(frame) = Frame::at(buffer, *position, self.frame_max)? else {
            return Ok(false);
        };
        *position = frame.end();
        let taken = match (frame.channel, self.phase) {
            (0, _) => self.control_frame(frame, buffer, out),
            (_, Phase::Running) => self.channel_frame(frame, buffer, position, out),
            (_, Phase::Stopping) => Ok(()),
            _ => Err(ConnectionError::unexpected_frame(frame.kind, frame.payload.of(buffer))),
        };
        match taken {
            Ok(()) => Ok(true),
            Err(_) if self.phase == Phase::Stopping => Ok(true),
            Err(error) => Err(Fault::Connection { channel: frame.channel, error, in_sync: true }),
        }
    }

    fn handshake(
        &mut self,
        buffer: &[u8],
        position: &mut usize,
        out: &mut Vec<Incoming>,
    ) -> Result<bool, Fault> {
        let Some(header) = buffer[*position..].first_chunk::<8>() else {
            return Ok(false);
        };
        *position += header.len();
        if *header != PROTOCOL_HEADER && *header != PROTOCOL_HEADER_0_9 {
            return Err(Fault::ProtocolHeader);
        }
        self.phase = Phase::Opening;
        out.push(Incoming::ProtocolHeader);
        Ok(true)
    }

    fn control_frame(
        &mut self,
        frame: Frame,
        buffer: &[u8],
        out: &mut Vec<Incoming>,
    ) -> Result<(), ConnectionError> {
        let payload = frame.payload.of(buffer);
        match Analyzed::frame(frame.kind, payload)? {
            Analyzed::Heartbeat => out.push(Incoming::Heartbeat),
            Analyzed::Method(id) => {
                self.observe(id, payload);
                out.push(Incoming::Method { channel: 0, method: frame.payload });
            }
            Analyzed::Header { .. } | Analyzed::Body => {
                return Err(ConnectionError::unexpected_frame(frame.kind, payload));
            }
        }
        Ok(())
    }

    /// Follows the opening of the connection, so that nobody has to tell what was agreed before the frames
    /// behind it can be read. Values out of bounds are refused by whoever executes the method.
    fn observe(&mut self, id: MethodId, payload: &[u8]) {
        if id == ConnectionTuneOk::ID
            && let Ok(Method::ConnectionTuneOk(tuned)) = Method::decode(payload)
        {
            self.agree(tuned.frame_max, tuned.channel_max);
        }
        if self.phase == Phase::Opening && (id == ConnectionOpen::ID || id == ConnectionOpenOk::ID) {
            self.phase = Phase::Running;
        }
    }

    /// What tune and tune-ok agreed on. A server sees the client's tune-ok itself; a client tells what it
    /// sent. 0 stands for our own bound.
    pub fn agree(&mut self, frame_max: u32, channel_max: u16) {
        self.frame_max = match frame_max {
            0 => FRAME_SIZE_BYTES_MAX,
            agreed => agreed.clamp(FRAME_SIZE_BYTES_MIN, FRAME_SIZE_BYTES_MAX),
        };
        self.channel_max = match channel_max {
            0 => CHANNEL_COUNT_MAX,
            agreed => agreed.min(CHANNEL_COUNT_MAX),
        };
    }

    #[inline]
    fn channel_frame(
        &mut self,
        frame: Frame,
        buffer: &[u8],
        position: &mut usize,
        out: &mut Vec<Incoming>,
    ) -> Result<(), ConnectionError> {
        let payload = frame.payload.of(buffer);
        let analyzed = Analyzed::frame(frame.kind, payload)?;
        if analyzed == Analyzed::Heartbeat {
            return Err(ConnectionError::unexpected_frame(frame.kind, payload));
        }
        if !self.pending.is_empty() && self.pending.contains_key(&frame.channel) {
            return self.pending_frame(frame, analyzed, payload, out);
        }
        let Analyzed::Method(id) = analyzed else {
            let text = "expected method frame, got non method frame instead";
            return Err(ConnectionError::new(ReplyCode::UnexpectedFrame, text));
        };
        if id.has_content() != Some(true) {
            out.push(Incoming::Method { channel: frame.channel, method: frame.payload });
            return Ok(());
        }
        Content::check_method(id, payload)?;
        match self.whole_content(frame, id, buffer) {
            Some((content, end)) => {
                *position = end;
                out.push(Incoming::Content(content));
            }
            None => self.begin_content(frame.channel, id, payload)?,
        }
        Ok(())
    }

    /// The content of the method in `method`, if all of it lies in the buffer, its body in one frame. All
    /// that is unusual is left to the path that goes frame by frame.
    #[inline]
    fn whole_content(&self, method: Frame, id: MethodId, buffer: &[u8]) -> Option<(Content, usize)> {
        let header = Frame::at(buffer, method.end(), self.frame_max).ok()??;
        let payload = header.payload.of(buffer);
        let Ok(Analyzed::Header { class, weight: 0, size }) = Analyzed::frame(header.kind, payload) else {
            return None;
        };
        if header.channel != method.channel || class != id.class || size > self.message_size_max {
            return None;
        }
        let mut body = Span::default();
        let mut end = header.end();
        if size > 0 {
            let frame = Frame::at(buffer, end, self.frame_max).ok()??;
            if frame.kind != FRAME_BODY
                || frame.channel != method.channel
                || frame.payload.len() as u64 != size
            {
                return None;
            }
            (body, end) = (frame.payload, frame.end());
        }
        let content = Content::in_buffer(method, header.payload, body, buffer).ok()?;
        Some((content, end))
    }

    fn begin_content(&mut self, channel: u16, id: MethodId, payload: &[u8]) -> Result<(), ConnectionError> {
        if self.pending.len() >= usize::from(self.channel_max) {
            let (count, limit) = (self.pending.len(), self.channel_max);
            let text = format!(
                "number of channels opened ({count}) has reached the negotiated channel_max ({limit})"
            );
            return Err(ConnectionError::new(ReplyCode::NotAllowed, text));
        }
        self.pending.insert(channel, Pending::Header { id, method: payload.to_vec() });
        Ok(())
    }

    /// A frame on a channel whose last method still waits for its content, or that is being skipped.
    fn pending_frame(
        &mut self,
        frame: Frame,
        analyzed: Analyzed,
        payload: &[u8],
        out: &mut Vec<Incoming>,
    ) -> Result<(), ConnectionError> {
        let Some(pending) = self.pending.remove(&frame.channel) else {
            return Ok(());
        };
        let channel = frame.channel;
        let waiting = match pending.take(channel, analyzed, payload, self.message_size_max)? {
            Taken::Waits(waiting) => Some(waiting),
            Taken::Whole(content) => {
                out.push(Incoming::Content(content));
                None
            }
            Taken::Oversized { method, size, rest } => {
                out.push(Incoming::Oversized { channel, method, size });
                Some(rest)
            }
            Taken::Discarded => None,
            Taken::SkippedTo => {
                out.push(Incoming::Method { channel, method: frame.payload });
                None
            }
        };
        if let Some(waiting) = waiting {
            self.pending.insert(channel, waiting);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{self, Payload};
    use crate::frame::{FRAME_END, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD};
    use crate::methods::*;
    use crate::properties::{Properties, RawProperties};
    use crate::wire::ShortStr;
    use proptest::prelude::*;
    use warren_units::Rope;
    use warren_units::bounds::SHARED_SIZE_BYTES_MIN;

    /// What a client sends up to connection.open.
    fn opening(frame_max: u32) -> Rope {
        let mut rope = Rope::new();
        rope.extend(&PROTOCOL_HEADER);
        encode::method_frame(&mut rope, 0, ConnectionStartOk::default());
        encode::method_frame(&mut rope, 0, ConnectionTuneOk { channel_max: 3, frame_max, heartbeat: 60 });
        encode::method_frame(&mut rope, 0, ConnectionOpen::default());
        rope
    }

    fn running(frame_max: u32) -> Assembler {
        let mut assembler = Assembler::server();
        let opening = opening(frame_max).to_vec();
        let fed = assembler.feed(&opening, 0, &mut Vec::new());
        assert_eq!(fed, Fed { consumed_to: opening.len(), fault: None });
        assembler
    }

    fn publish(rope: &mut Rope, channel: u16, key: &'static str, body: &[u8], frame_max: u32) {
        let method = BasicPublish { routing_key: ShortStr::literal(key), ..BasicPublish::default() };
        let mut raw = Vec::new();
        Properties { delivery_mode: Some(2), ..Properties::default() }.encode(&mut raw);
        encode::content(rope, channel, method, RawProperties::trusted(&raw), Payload::Plain(body), frame_max);
    }

    /// A request with all of its bytes, to be compared.
    fn shown(incoming: &Incoming, buffer: &[u8]) -> String {
        match incoming {
            Incoming::Method { channel, method } => {
                format!("{channel} {:?}", Method::decode(method.of(buffer)).map(|method| method.name()))
            }
            Incoming::Content(content) => {
                let method = Method::decode(content.method(buffer)).unwrap();
                let (properties, body) = (content.properties(buffer), content.body(buffer));
                format!("{} {method:?} {properties:?} {:?}", content.channel, body.as_slice())
            }
            other => format!("{other:?}"),
        }
    }

    /// Feeds `input` in pieces of the given sizes, over and over, as a loop does that keeps what is left.
    fn in_pieces(
        assembler: &mut Assembler,
        input: &[u8],
        sizes: &[usize],
    ) -> (Vec<String>, Option<Fault>, usize) {
        let (mut buffer, mut seen, mut kept_max) = (Vec::new(), Vec::new(), 0);
        let mut rest = input;
        for size in sizes.iter().cycle() {
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            rest = behind;
            buffer.extend_from_slice(piece);
            let mut out = Vec::new();
            let fed = assembler.feed(&buffer, 0, &mut out);
            seen.extend(out.iter().map(|incoming| shown(incoming, &buffer)));
            buffer.drain(..fed.consumed_to);
            kept_max = kept_max.max(buffer.len());
            if fed.fault.is_some() || rest.is_empty() {
                return (seen, fed.fault, kept_max);
            }
        }
        unreachable!("the last piece returns");
    }

    #[test]
    fn whole_contents_are_left_in_the_buffer() {
        let mut rope = Rope::new();
        publish(&mut rope, 1, "small", b"body", 131_072);
        publish(&mut rope, 2, "empty", b"", 131_072);
        publish(&mut rope, 1, "large", &[b'x'; SHARED_SIZE_BYTES_MIN], 131_072);
        let input = rope.to_vec();
        let mut out = Vec::new();
        let fed = running(131_072).feed(&input, 0, &mut out);
        assert_eq!(fed, Fed { consumed_to: input.len(), fault: None });
        let [Incoming::Content(small), Incoming::Content(empty), Incoming::Content(large)] = &out[..] else {
            panic!("{out:?}");
        };
        assert!(matches!(small.body(&input), Payload::Plain(b"body")));
        assert!(matches!(empty.body(&input), Payload::Plain(b"")));
        assert!(matches!(large.body(&input), Payload::Shared(bytes) if bytes.len() == SHARED_SIZE_BYTES_MIN));
        assert_eq!((small.owned_size(), large.owned_size()), (0, SHARED_SIZE_BYTES_MIN));
        assert!(small.properties(&input).is_persistent());
    }

    /// Contents of three channels, their frames mixed.
    fn interleaved() -> Vec<u8> {
        let frames = |channel: u16, key: &'static str, size: usize| {
            let mut rope = Rope::new();
            let body: Vec<u8> = (0..size).map(|index| index as u8 ^ channel as u8).collect();
            publish(&mut rope, channel, key, &body, 4096);
            let bytes = rope.to_vec();
            let mut frames = Vec::new();
            let mut position = 0;
            while let Ok(Some(frame)) = Frame::at(&bytes, position, 4096) {
                frames.push(bytes[position..frame.end()].to_vec());
                position = frame.end();
            }
            frames
        };
        let columns = [frames(1, "one", 9000), frames(2, "two", 40_000), frames(3, "three", 0)];
        let rows = columns.iter().map(Vec::len).max().unwrap();
        let mixed = (0..rows).flat_map(|row| columns.iter().filter_map(move |column| column.get(row)));
        mixed.flatten().copied().collect()
    }

    fn everything() -> Vec<u8> {
        let mut rope = opening(4096);
        encode::method_frame(&mut rope, 1, ChannelOpen::default());
        encode::heartbeat(&mut rope);
        publish(&mut rope, 1, "one frame", b"a body", 4096);
        rope.extend(&interleaved());
        publish(&mut rope, 1, "three frames", &[7; 10_000], 4096);
        encode::basic_ack(&mut rope, 2, 1, true);
        encode::method_frame(&mut rope, 0, ConnectionClose::default());
        rope.to_vec()
    }

    #[test]
    fn interleaved_contents_are_told_apart() {
        let (seen, fault, _) = in_pieces(&mut Assembler::server(), &everything(), &[usize::MAX]);
        assert_eq!(fault, None);
        let keys = ["one frame", "three", "one", "two", "three frames"];
        let contents: Vec<_> = seen.iter().filter(|shown| shown.contains("BasicPublish")).collect();
        assert_eq!(contents.len(), keys.len());
        for (content, key) in contents.iter().zip(keys) {
            assert!(content.contains(&format!("routing_key: {key:?}")), "{key} {content}");
        }
        assert_eq!(seen.len(), 4 + 2 + keys.len() + 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn chunks_of_any_size_give_the_same_requests(sizes in proptest::collection::vec(1usize..5000, 1..12)) {
            let whole = in_pieces(&mut Assembler::server(), &everything(), &[usize::MAX]);
            let (seen, fault, kept_max) = in_pieces(&mut Assembler::server(), &everything(), &sizes);
            prop_assert_eq!((seen, fault), (whole.0, whole.1));
            prop_assert!(kept_max < 4096 + 8, "only part of one frame stays, not {} bytes", kept_max);
        }

        #[test]
        fn any_damage_ends_in_a_fault_or_in_requests(
            place in 0usize..60_000,
            damage in proptest::collection::vec(any::<u8>(), 1..6),
            size in 1usize..9000,
        ) {
            let mut input = everything();
            let place = place % (input.len() - damage.len());
            input[place..place + damage.len()].copy_from_slice(&damage);
            let mut assembler = Assembler::server();
            let (mut position, mut out) = (0, Vec::new());
            for end in (0..input.len()).step_by(size) {
                let fed = assembler.feed(&input[..end], position, &mut out);
                prop_assert!(fed.consumed_to >= position && fed.consumed_to <= end);
                position = fed.consumed_to;
                if fed.fault.is_some_and(|fault| !matches!(fault, Fault::Connection { in_sync: true, .. })) {
                    break;
                }
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut out = Vec::new();
            Assembler::server().feed(&bytes, 0, &mut out);
            running(4096).feed(&bytes, 0, &mut out);
            Assembler::client().feed(&bytes, 0, &mut out);
            let _ = Method::decode(&bytes).map(|method| method.encode(&mut Vec::new()));
        }
    }

    fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind];
        frame.extend_from_slice(&channel.to_be_bytes());
        frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
        frame.extend_from_slice(payload);
        frame.push(FRAME_END);
        frame
    }

    fn header(class: u16, weight: u16, size: u64, properties: &[u8]) -> Vec<u8> {
        let mut payload = class.to_be_bytes().to_vec();
        payload.extend_from_slice(&weight.to_be_bytes());
        payload.extend_from_slice(&size.to_be_bytes());
        payload.extend_from_slice(properties);
        frame(FRAME_HEADER, 1, &payload)
    }

    #[test]
    fn malformed_input_is_answered_as_rabbitmq_answers_it() {
        let publish = || {
            let mut rope = Rope::new();
            encode::method_frame(&mut rope, 1, BasicPublish::default());
            rope.to_vec()
        };
        let ack = || {
            let mut rope = Rope::new();
            encode::basic_ack(&mut rope, 1, 1, false);
            rope.to_vec()
        };
        let body = |size: usize| frame(FRAME_BODY, 1, &vec![0; size]);
        let rows: Vec<(Vec<Vec<u8>>, &str, (u16, u16), bool)> = vec![
            (
                vec![vec![1, 0, 1, 0, 2, 0, 1]],
                "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,131073,131064}",
                (0, 0),
                false,
            ),
            (
                vec![vec![8, 0, 0, 0, 0, 0, 0, 7]],
                "FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,7}",
                (0, 0),
                false,
            ),
            (
                vec![frame(9, 1, b"what?")],
                "FRAME_ERROR - type 9, all octets = <<\"what?\">>: unknown_frame",
                (0, 0),
                true,
            ),
            (
                vec![frame(FRAME_HEARTBEAT, 0, b"\x01")],
                "FRAME_ERROR - type 8, all octets = <<1>>: unknown_frame",
                (0, 0),
                true,
            ),
            (
                vec![frame(FRAME_HEARTBEAT, 1, b"")],
                "UNEXPECTED_FRAME - type 8, all octets = <<>>",
                (0, 0),
                true,
            ),
            (
                vec![frame(FRAME_BODY, 0, &[7; 17])],
                "UNEXPECTED_FRAME - type 3, first 16 octets = <<7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7>>",
                (0, 0),
                true,
            ),
            (
                vec![frame(FRAME_METHOD, 1, &[0, 60, 0, 99])],
                "COMMAND_INVALID - unknown method {60,99}",
                (60, 99),
                true,
            ),
            (
                vec![body(1)],
                "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
                (0, 0),
                true,
            ),
            (
                vec![publish(), ack()],
                "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
                (60, 40),
                true,
            ),
            (
                vec![publish(), header(60, 1, 0, &[0, 0])],
                "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
                (60, 40),
                true,
            ),
            (
                vec![publish(), header(10, 0, 0, &[0, 0])],
                "UNEXPECTED_FRAME - expected content header for class 60, got one for class 10 instead",
                (60, 40),
                true,
            ),
            (
                vec![publish(), header(60, 0, 1 << 40, &[0, 0])],
                "FRAME_ERROR - content body size 1099511627776 exceeds maximum allowed size 536870912",
                (60, 40),
                true,
            ),
            (
                vec![publish(), header(60, 0, 5, &[0x80, 0, 9])],
                "SYNTAX_ERROR - cannot decode content properties",
                (0, 0),
                true,
            ),
            (
                vec![publish(), header(60, 0, 5, &[0, 0]), body(6)],
                "FRAME_ERROR - content body frame exceeds remaining content size",
                (60, 40),
                true,
            ),
            (
                vec![publish(), header(60, 0, 5, &[0, 0]), ack()],
                "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
                (60, 40),
                true,
            ),
        ];
        for (frames, text, blamed, synced) in rows {
            let bytes = frames.concat();
            let fed = running(131_072).feed(&bytes, 0, &mut Vec::new());
            let Some(Fault::Connection { error, in_sync, .. }) = fed.fault else { panic!("{text}: {fed:?}") };
            assert_eq!(error.reply_text(), text);
            assert_eq!(((error.class_id, error.method_id), in_sync), (blamed, synced), "{text}");
            let (seen, fault, _) = in_pieces(&mut running(131_072), &bytes, &[1]);
            let Some(Fault::Connection { error: piecemeal, .. }) = fault else { panic!("{text}") };
            assert_eq!((seen.len(), piecemeal), (0, error));
        }
    }

    #[test]
    fn other_protocols_are_answered_with_ours() {
        for header in
            [b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x00\x09\x00", b"GET / HT", b"\x16\x03\x01\0\0\x01\0\0"]
        {
            let fed = Assembler::server().feed(header, 0, &mut Vec::new());
            assert_eq!(fed.fault, Some(Fault::ProtocolHeader));
        }
        let mut out = Vec::new();
        let fed = Assembler::server().feed(&PROTOCOL_HEADER_0_9, 0, &mut out);
        assert_eq!(fed, Fed { consumed_to: 8, fault: None });
        let fed = Assembler::server().feed(b"AMQ", 0, &mut out);
        assert_eq!(fed, Fed { consumed_to: 0, fault: None });
    }

    #[test]
    fn channels_wait_for_the_connection_to_open() {
        let mut assembler = Assembler::server();
        assembler.feed(&PROTOCOL_HEADER, 0, &mut Vec::new());
        let fed = assembler.feed(&frame(FRAME_BODY, 1, b"early"), 0, &mut Vec::new());
        let Some(Fault::Connection { error, .. }) = fed.fault else { panic!("{fed:?}") };
        assert_eq!(error.reply_text(), "UNEXPECTED_FRAME - type 3, all octets = <<\"early\">>");
    }

    #[test]
    fn oversized_bodies_are_passed_over() {
        let mut assembler = running(131_072);
        let size = MESSAGE_SIZE_BYTES_MAX + 1;
        let mut rope = Rope::new();
        encode::method_frame(&mut rope, 1, BasicPublish::default());
        rope.extend(&header(60, 0, size, &[0, 0]));
        let chunk = vec![0; 131_064];
        let mut left = size as usize;
        while left > 0 {
            let part = left.min(chunk.len());
            rope.extend(&frame(FRAME_BODY, 1, &chunk[..part]));
            left -= part;
        }
        encode::basic_ack(&mut rope, 1, 1, false);
        let input = rope.to_vec();
        let mut out = Vec::new();
        assert_eq!(assembler.feed(&input, 0, &mut out).fault, None);
        let [Incoming::Oversized { channel: 1, method, size: announced }, Incoming::Method { .. }] = &out[..]
        else {
            panic!("{out:?}");
        };
        assert_eq!((*method, *announced), (BasicPublish::ID, size));
        assert!(assembler.pending.is_empty());
    }

    #[test]
    fn a_closed_channel_is_skipped_up_to_its_close() {
        let mut assembler = running(4096);
        let mut rope = Rope::new();
        publish(&mut rope, 1, "in flight", &[1; 9000], 4096);
        let input = rope.to_vec();
        let mut out = Vec::new();
        let fed = assembler.feed(&input[..5000], 0, &mut out);
        assembler.skip(1);
        assert!(out.is_empty() && fed.fault.is_none());
        // The peer gives up within the body, sends another message, then answers our close.
        let mut rope = Rope::new();
        publish(&mut rope, 1, "lost", b"x", 4096);
        publish(&mut rope, 2, "other channel", b"x", 4096);
        encode::method_frame(&mut rope, 1, ChannelCloseOk {});
        publish(&mut rope, 1, "after", b"x", 4096);
        let behind = rope.to_vec();
        let fed = assembler.feed(&behind, 0, &mut out);
        assert_eq!(fed.fault, None);
        let shown: Vec<_> = out.iter().map(|incoming| shown(incoming, &behind)).collect();
        assert_eq!(shown.len(), 3, "{shown:?}");
        assert!(shown[0].contains("other channel") && shown[2].contains("after"));
        assert_eq!(shown[1], "1 Ok(\"channel.close-ok\")");
    }

    #[test]
    fn contents_under_way_are_bounded_in_number() {
        let mut assembler = running(131_072);
        for channel in 1..=3 {
            let mut rope = Rope::new();
            encode::method_frame(&mut rope, channel, BasicPublish::default());
            let mut content_header = header(60, 0, MESSAGE_SIZE_BYTES_MAX, &[0, 0]);
            content_header[1..3].copy_from_slice(&channel.to_be_bytes());
            rope.extend(&content_header);
            assert_eq!(assembler.feed(&rope.to_vec(), 0, &mut Vec::new()).fault, None);
        }
        let mut rope = Rope::new();
        encode::method_frame(&mut rope, 4, BasicPublish::default());
        let fed = assembler.feed(&rope.to_vec(), 0, &mut Vec::new());
        let Some(Fault::Connection { error, .. }) = fed.fault else { panic!("{fed:?}") };
        let text = "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)";
        assert_eq!(error.reply_text(), text);
    }
}
