//! Replies, in the shapes of RESP2 and RESP3.
//!
//! Where the two differ (null, maps, sets, doubles, booleans, pushes) the encoder writes what the client
//! asked for with HELLO; handlers name the RESP3 shape. Source: Redis protocol specification.

use bytes::Bytes;
use warren_units::Rope;

/// The protocol version a client chose with HELLO.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// Writes one reply after the other into a connection's outbox.
pub struct Reply<'a> {
    rope: &'a mut Rope,
    protocol: Protocol,
}

impl<'a> Reply<'a> {
    #[inline]
    pub fn new(rope: &'a mut Rope, protocol: Protocol) -> Reply<'a> {
        Reply { rope, protocol }
    }

    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    pub fn rope_mut(&mut self) -> &mut Rope {
        self.rope
    }

    #[inline]
    pub fn ok(&mut self) {
        self.rope.extend(b"+OK\r\n");
    }

    /// A status such as `PONG`; must hold no CR or LF.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.rope.push(b'+');
        self.rope.extend(text.as_bytes());
        self.rope.extend(b"\r\n");
    }

    /// An error line, its code first (`ERR …`). CR and LF in it become blanks.
    pub fn error(&mut self, text: &str) {
        self.rope.push(b'-');
        let bytes = self.rope.bytes_mut();
        bytes.extend(text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        bytes.extend_from_slice(b"\r\n");
    }

    #[inline]
    pub fn integer(&mut self, value: i64) {
        match value {
            0 => self.rope.extend(b":0\r\n"),
            1 => self.rope.extend(b":1\r\n"),
            _ => self.number_line(b':', value),
        }
    }

    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        let out = self.rope.bytes_mut();
        out.reserve(value.len() + 16);
        let digit = |number: usize| b'0' + (number % 10) as u8;
        // The head of most values is one store of known size.
        match value.len() {
            size @ 0..10 => out.extend_from_slice(&[b'$', digit(size), b'\r', b'\n']),
            size @ 10..100 => {
                out.extend_from_slice(&[b'$', digit(size / 10), digit(size), b'\r', b'\n']);
            }
            size => {
                out.push(b'$');
                out.extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }

    /// A bulk string that is referenced instead of copied where it is large.
    pub fn bulk_shared(&mut self, value: &Bytes) {
        self.number_line(b'$', value.len() as i64);
        self.rope.extend_shared(value);
        self.rope.extend(b"\r\n");
    }

    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    #[inline]
    pub fn null(&mut self) {
        self.rope.extend(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    pub fn null_array(&mut self) {
        self.rope.extend(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// The head of an array of `count` replies.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.number_line(b'*', count as i64);
    }

    /// The head of a map of `count` pairs; a flat array in RESP2.
    pub fn map(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.number_line(b'*', count as i64 * 2),
            Protocol::Resp3 => self.number_line(b'%', count as i64),
        }
    }

    /// The head of a set of `count` replies; an array in RESP2.
    pub fn set(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.number_line(b'*', count as i64),
            Protocol::Resp3 => self.number_line(b'~', count as i64),
        }
    }

    /// The head of an out-of-band push of `count` replies; an array in RESP2.
    pub fn push(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 => self.number_line(b'*', count as i64),
            Protocol::Resp3 => self.number_line(b'>', count as i64),
        }
    }

    /// A double: a bulk string in RESP2. `text` is the number as Redis prints it.
    pub fn double(&mut self, text: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => {
                self.rope.push(b',');
                self.rope.extend(text.as_bytes());
                self.rope.extend(b"\r\n");
            }
        }
    }

    /// A boolean: 1 or 0 in RESP2.
    pub fn boolean(&mut self, value: bool) {
        match (self.protocol, value) {
            (Protocol::Resp2, value) => self.integer(i64::from(value)),
            (Protocol::Resp3, true) => self.rope.extend(b"#t\r\n"),
            (Protocol::Resp3, false) => self.rope.extend(b"#f\r\n"),
        }
    }

    /// A text with its format (`txt` or `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.number_line(b'=', text.len() as i64 + 4);
                self.rope.extend(format.as_bytes());
                self.rope.push(b':');
                self.rope.extend(text);
                self.rope.extend(b"\r\n");
            }
        }
    }

    #[inline]
    fn number_line(&mut self, marker: u8, value: i64) {
        let out = self.rope.bytes_mut();
        out.push(marker);
        if (0..10).contains(&value) {
            out.push(b'0' + value as u8);
        } else {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_in_both_protocols() {
        type Encode = fn(&mut Reply<'_>);
        let cases: &[(Encode, &str, &str)] = &[
            (|reply| reply.ok(), "+OK\r\n", "+OK\r\n"),
            (|reply| reply.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"),
            (|reply| reply.integer(-12), ":-12\r\n", ":-12\r\n"),
            (|reply| reply.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n"),
            (|reply| reply.bulk(&[b'a'; 12]), "$12\r\naaaaaaaaaaaa\r\n", "$12\r\naaaaaaaaaaaa\r\n"),
            (|reply| reply.bulk_shared(&Bytes::from_static(b"abc")), "$3\r\nabc\r\n", "$3\r\nabc\r\n"),
            (|reply| reply.null(), "$-1\r\n", "_\r\n"),
            (|reply| reply.null_array(), "*-1\r\n", "_\r\n"),
            (|reply| reply.array(10), "*10\r\n", "*10\r\n"),
            (|reply| reply.map(2), "*4\r\n", "%2\r\n"),
            (|reply| reply.set(2), "*2\r\n", "~2\r\n"),
            (|reply| reply.push(3), "*3\r\n", ">3\r\n"),
            (|reply| reply.double("1.5"), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|reply| reply.boolean(true), ":1\r\n", "#t\r\n"),
            (|reply| reply.verbatim("txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
        ];
        for (encode, resp2, resp3) in cases {
            for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
                let mut rope = Rope::new();
                encode(&mut Reply::new(&mut rope, protocol));
                assert_eq!(String::from_utf8(rope.to_vec()).unwrap(), **expected);
            }
        }
    }
}
