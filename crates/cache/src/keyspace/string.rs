//! What a string value looks like from outside an entry: its bytes wherever they lie, and Redis's rules for
//! when text is stored as an integer. It never knows keys or allocations.

use crate::values::canonical_integer;
use bytes::Bytes;

/// The longest text Redis reports as `embstr`.
const EMBSTR_SIZE_BYTES_MAX: usize = 44;

/// A string value, read where it lies.
#[derive(Clone, Copy, Debug)]
pub enum StringRef<'a> {
    /// Inside the entry.
    Plain(&'a [u8]),
    /// Large: a reply or a record can reference it instead of copying.
    Shared(&'a Bytes),
    /// Stored as a number.
    Integer(i64),
}

impl<'a> StringRef<'a> {
    #[inline]
    pub fn len(&self) -> usize {
        match *self {
            StringRef::Plain(bytes) => bytes.len(),
            StringRef::Shared(bytes) => bytes.len(),
            StringRef::Integer(number) => decimal_length(number),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text; a number is written into `buffer` first.
    #[inline]
    pub fn as_bytes<'b>(&self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            StringRef::Plain(bytes) => bytes,
            StringRef::Shared(bytes) => bytes,
            StringRef::Integer(number) => buffer.format(number).as_bytes(),
        }
    }

    /// The value as the number it is the canonical decimal of.
    #[inline]
    pub fn integer(&self) -> Option<i64> {
        match *self {
            StringRef::Plain(bytes) => canonical_integer(bytes),
            StringRef::Shared(_) => None,
            StringRef::Integer(number) => Some(number),
        }
    }

    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut itoa::Buffer::new()).to_vec()
    }
}

/// What OBJECT ENCODING calls a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StringEncoding {
    Int,
    Embstr,
    Raw,
}

impl StringEncoding {
    /// Text that was set whole is `embstr` while short; text built by a change (`changed`) stays `raw`.
    pub(super) fn of_text(length: usize, changed: bool) -> StringEncoding {
        if changed || length > EMBSTR_SIZE_BYTES_MAX { StringEncoding::Raw } else { StringEncoding::Embstr }
    }

    pub fn name(self) -> &'static str {
        match self {
            StringEncoding::Int => "int",
            StringEncoding::Embstr => "embstr",
            StringEncoding::Raw => "raw",
        }
    }
}

fn decimal_length(number: i64) -> usize {
    let digits = number.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + usize::from(number < 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_number_is_that_of_its_text() {
        for number in [0, 1, 9, 10, 99, 100, -1, -9, -10, i64::MAX, i64::MIN] {
            assert_eq!(StringRef::Integer(number).len(), number.to_string().len(), "{number}");
        }
    }
}
