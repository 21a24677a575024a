//! RESP2 replies as a client reads them.

use crate::trace::shown;
use std::fmt;

#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
    Array(Option<Vec<Reply>>),
}

impl Reply {
    pub const OK: fn() -> Reply = || Reply::Simple("OK".to_owned());

    pub fn bulk(bytes: &[u8]) -> Reply {
        Reply::Bulk(Some(bytes.to_vec()))
    }

    pub fn optional(bytes: Option<&Vec<u8>>) -> Reply {
        Reply::Bulk(bytes.cloned())
    }

    pub fn bulks<'a>(strings: impl IntoIterator<Item = &'a Vec<u8>>) -> Reply {
        Reply::Array(Some(strings.into_iter().map(|string| Reply::bulk(string)).collect()))
    }

    /// Reads the reply in front of `bytes`; answers its size too. `Ok(None)` where more bytes are needed.
    ///
    /// # Errors
    /// Where the bytes are no RESP2.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, String> {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
        let (head, mut used) = (&bytes[..end], end + 2);
        let Some((kind, rest)) = head.split_first() else { return Err("an empty line".to_owned()) };
        let text = || String::from_utf8_lossy(rest).into_owned();
        let number = || text().parse::<i64>().map_err(|_| format!("no number: {}", shown(head)));
        let reply = match kind {
            b'+' => Reply::Simple(text()),
            b'-' => Reply::Error(text()),
            b':' => Reply::Integer(number()?),
            b'$' => match usize::try_from(number()?) {
                Err(_) => Reply::Bulk(None),
                Ok(size) => {
                    let Some(body) = bytes.get(used..used + size + 2) else { return Ok(None) };
                    used += size + 2;
                    Reply::Bulk(Some(body[..size].to_vec()))
                }
            },
            b'*' => match usize::try_from(number()?) {
                Err(_) => Reply::Array(None),
                Ok(count) => {
                    let mut elements = Vec::new();
                    for _ in 0..count {
                        let Some((element, size)) = Reply::parse(&bytes[used..])? else { return Ok(None) };
                        used += size;
                        elements.push(element);
                    }
                    Reply::Array(Some(elements))
                }
            },
            _ => return Err(format!("no RESP2: {}", shown(head))),
        };
        Ok(Some((reply, used)))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Simple(text) => write!(formatter, "+{text}"),
            Reply::Error(text) => write!(formatter, "-{text}"),
            Reply::Integer(number) => write!(formatter, ":{number}"),
            Reply::Bulk(None) | Reply::Array(None) => write!(formatter, "nil"),
            Reply::Bulk(Some(bytes)) => write!(formatter, "\"{}\"", shown(bytes)),
            Reply::Array(Some(elements)) => formatter.debug_list().entries(elements).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_whole_or_not_at_all() {
        let bytes = b"*4\r\n$2\r\nab\r\n:-7\r\n$-1\r\n*1\r\n+OK\r\n-ERR x\r\n";
        let expected = Reply::Array(Some(vec![
            Reply::bulk(b"ab"),
            Reply::Integer(-7),
            Reply::Bulk(None),
            Reply::Array(Some(vec![Reply::OK()])),
        ]));
        assert_eq!(Reply::parse(bytes).unwrap(), Some((expected, bytes.len() - 8)));
        for cut in 0..bytes.len() - 8 {
            assert_eq!(Reply::parse(&bytes[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert!(Reply::parse(b"?\r\n").is_err());
    }
}
