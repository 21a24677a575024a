//! A string on its way into or out of a container: borrowed bytes, a shared buffer, or an integer's digits.
//!
//! It never owns heap memory. A shared buffer stays recognisable, so that a large string can go from the
//! socket into a container, and from there into a reply or a record, without a copy.

use bytes::Bytes;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// From this size on, a shared buffer is taken by reference; below, its bytes are copied, so that a short
/// string never keeps a whole network buffer alive.
pub const SHARED_BYTES_MIN: usize = 16 * 1024;

/// The longest decimal form of an `i64`: nineteen digits and a sign.
const DIGITS_MAX: usize = 20;

#[derive(Clone, Copy)]
pub enum Text<'a> {
    Slice(&'a [u8]),
    Shared(&'a Bytes),
    Integer(Digits),
}

/// An integer as its decimal digits.
#[derive(Clone, Copy)]
pub struct Digits {
    length: u8,
    bytes: [u8; DIGITS_MAX],
}

impl Text<'_> {
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Text::Slice(slice) => slice,
            Text::Shared(shared) => shared,
            Text::Integer(digits) => &digits.bytes[..usize::from(digits.length)],
        }
    }

    /// The content as a buffer of its own: by reference where it already is a large shared one.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Text::Shared(shared) if shared.len() >= SHARED_BYTES_MIN => (*shared).clone(),
            _ => Bytes::copy_from_slice(self.as_slice()),
        }
    }
}

/// The integer that `bytes` is the one canonical decimal form of: no plus sign, no leading zero, no `-0`.
pub fn canonical_integer(bytes: &[u8]) -> Option<i64> {
    if bytes == b"0" {
        return Some(0);
    }
    let (negative, digits) = match bytes.split_first()? {
        (b'-', digits) => (true, digits),
        _ => (false, bytes),
    };
    if digits.len() >= DIGITS_MAX || !matches!(digits.first()?, b'1'..=b'9') {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Counted downwards: i64::MIN has no positive counterpart.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(slice: &'a [u8]) -> Self {
        Text::Slice(slice)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Text<'a> {
    fn from(slice: &'a [u8; N]) -> Self {
        Text::Slice(slice)
    }
}

impl<'a> From<&'a Vec<u8>> for Text<'a> {
    fn from(vector: &'a Vec<u8>) -> Self {
        Text::Slice(vector)
    }
}

impl<'a> From<&'a Bytes> for Text<'a> {
    fn from(shared: &'a Bytes) -> Self {
        Text::Shared(shared)
    }
}

impl From<i64> for Text<'_> {
    fn from(value: i64) -> Self {
        let mut buffer = itoa::Buffer::new();
        let formatted = buffer.format(value).as_bytes();
        let mut bytes = [0; DIGITS_MAX];
        bytes[..formatted.len()].copy_from_slice(formatted);
        Text::Integer(Digits { length: formatted.len() as u8, bytes })
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Text<'_> {}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_integers() {
        for value in [0, 1, -1, 9, 10, -10, i64::MAX, i64::MIN] {
            let text = Text::from(value);
            assert_eq!(canonical_integer(&text), Some(value));
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            "1 ",
            " 1",
            "1a",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
        ] {
            assert_eq!(canonical_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_large_shared_buffers_are_taken_by_reference() {
        let large = Bytes::from(vec![1; SHARED_BYTES_MIN]);
        assert_eq!(Text::from(&large).to_bytes().as_ptr(), large.as_ptr());
        let small = Bytes::from(vec![1; 10]);
        assert_ne!(Text::from(&small).to_bytes().as_ptr(), small.as_ptr());
    }
}
