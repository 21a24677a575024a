//! The spec's elementary domains: how each lies on the wire, borrowed from it and appended to it.
//!
//! ```text
//! octet, short, long, longlong, timestamp   1, 2, 4, 8, 8 bytes, big-endian
//! bit         runs of bits share octets, lowest bit first
//! shortstr    octet size | bytes             longstr    long size | bytes
//! table       long size | fields
//! ```
//! Knows no method: `methods` and `properties` are tables over these.

use crate::table::{Table, TableError};
use std::ops::Deref;

/// Why a run of fields could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// Too few bytes, or some left over.
    Size,
    /// A short string of a method without content is not UTF-8.
    Utf8,
    Table(TableError),
}

/// At most 255 bytes, by construction. What clients put into them is text nearly always, and UTF-8 where a
/// method without content carries it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortStr<'a>(&'a [u8]);

impl<'a> ShortStr<'a> {
    pub const EMPTY: ShortStr<'static> = ShortStr(b"");
    pub const SIZE_BYTES_MAX: usize = u8::MAX as usize;

    /// `None` where `bytes` are too many.
    pub fn new(bytes: &'a [u8]) -> Option<ShortStr<'a>> {
        (bytes.len() <= Self::SIZE_BYTES_MAX).then_some(ShortStr(bytes))
    }

    /// As much of `text` as fits, for texts meant for people.
    pub fn truncated(text: &'a str) -> ShortStr<'a> {
        ShortStr(&text.as_bytes()[..text.floor_char_boundary(Self::SIZE_BYTES_MAX)])
    }

    /// For names that the code spells out.
    ///
    /// # Panics
    /// If `text` is longer than 255 bytes; at compile time where the context is constant.
    pub const fn literal(text: &'static str) -> ShortStr<'static> {
        assert!(text.len() <= Self::SIZE_BYTES_MAX);
        ShortStr(text.as_bytes())
    }

    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// `None` where the bytes are not UTF-8.
    pub fn as_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}

impl Deref for ShortStr<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl std::fmt::Debug for ShortStr<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(self.0))
    }
}

/// Takes fields off the front of borrowed bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The octet whose bits are being handed out, and how many are left in it.
    bits: (u8, u8),
    checks_utf8: bool,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], checks_utf8: bool) -> Reader<'a> {
        Reader { rest: bytes, bits: (0, 0), checks_utf8 }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn take(&mut self, size: usize) -> Result<&'a [u8], FieldError> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(FieldError::Size)?;
        self.rest = rest;
        self.bits = (0, 0);
        Ok(taken)
    }

    #[inline]
    pub(crate) fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], FieldError> {
        let (taken, rest) = self.rest.split_first_chunk::<SIZE>().ok_or(FieldError::Size)?;
        self.rest = rest;
        self.bits = (0, 0);
        Ok(*taken)
    }

    #[inline]
    pub(crate) fn short_bytes(&mut self) -> Result<&'a [u8], FieldError> {
        let [size] = self.array()?;
        self.take(usize::from(size))
    }

    #[inline]
    pub(crate) fn long_bytes(&mut self) -> Result<&'a [u8], FieldError> {
        let size = u32::from_be_bytes(self.array()?);
        self.take(size as usize)
    }

    #[inline]
    fn bit(&mut self) -> Result<bool, FieldError> {
        if self.bits.1 == 0 {
            let [octet] = self.array()?;
            self.bits = (octet, 8);
        }
        let bit = self.bits.0 & 1 != 0;
        self.bits = (self.bits.0 >> 1, self.bits.1 - 1);
        Ok(bit)
    }
}

/// Appends fields to a vector.
pub(crate) struct Writer<'out> {
    pub(crate) out: &'out mut Vec<u8>,
    /// How many bits of the last octet are in use; 0 where it is none of bits.
    bits: u8,
}

impl<'out> Writer<'out> {
    #[inline]
    pub(crate) fn new(out: &'out mut Vec<u8>) -> Writer<'out> {
        Writer { out, bits: 0 }
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bits = 0;
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    pub(crate) fn put_long_bytes(&mut self, bytes: &[u8]) {
        let size = u32::try_from(bytes.len()).expect("a field stays below 4 GiB");
        self.put(&size.to_be_bytes());
        self.put(bytes);
    }

    #[inline]
    fn put_bit(&mut self, bit: bool) {
        if self.bits == 0 || self.bits == 8 {
            self.out.push(0);
            self.bits = 0;
        }
        let last = self.out.len() - 1;
        self.out[last] |= u8::from(bit) << self.bits;
        self.bits += 1;
    }
}

/// A type that stands for one of the spec's domains.
pub(crate) trait Domain<'a>: Sized {
    fn read(reader: &mut Reader<'a>) -> Result<Self, FieldError>;
    fn write(&self, writer: &mut Writer<'_>);
}

macro_rules! integer_domains {
    ($($integer:ty),*) => {$(
        impl<'a> Domain<'a> for $integer {
            #[inline]
            fn read(reader: &mut Reader<'a>) -> Result<Self, FieldError> {
                reader.array().map(<$integer>::from_be_bytes)
            }

            #[inline]
            fn write(&self, writer: &mut Writer<'_>) {
                writer.put(&self.to_be_bytes());
            }
        }
    )*};
}

integer_domains!(u8, u16, u32, u64);

impl<'a> Domain<'a> for bool {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, FieldError> {
        reader.bit()
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.put_bit(*self);
    }
}

impl<'a> Domain<'a> for ShortStr<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, FieldError> {
        let bytes = reader.short_bytes()?;
        if reader.checks_utf8 && std::str::from_utf8(bytes).is_err() {
            return Err(FieldError::Utf8);
        }
        Ok(ShortStr(bytes))
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.put(&[self.0.len() as u8]);
        writer.put(self.0);
    }
}

impl<'a> Domain<'a> for &'a [u8] {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, FieldError> {
        reader.long_bytes()
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.put_long_bytes(self);
    }
}

impl<'a> Domain<'a> for Table<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, FieldError> {
        Table::parse(reader.long_bytes()?).map_err(FieldError::Table)
    }

    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.put_long_bytes(self.as_bytes());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Values of every domain, made from arbitrary bytes, for tests that fill whole methods.
    pub(crate) struct Source<'a> {
        pub(crate) bytes: &'a [u8],
        pub(crate) position: usize,
        /// At most 255 bytes of UTF-8.
        pub(crate) text: &'a str,
        pub(crate) table: Table<'a>,
    }

    impl<'a> Source<'a> {
        pub(crate) fn next<Value: Sample<'a>>(&mut self) -> Value {
            Value::sample(self)
        }

        fn octet(&mut self) -> u8 {
            self.position += 1;
            self.bytes[self.position % self.bytes.len()].wrapping_add(self.position as u8)
        }
    }

    pub(crate) trait Sample<'a> {
        fn sample(source: &mut Source<'a>) -> Self;
    }

    macro_rules! integer_samples {
        ($($integer:ty),*) => {$(
            impl<'a> Sample<'a> for $integer {
                fn sample(source: &mut Source<'a>) -> Self {
                    <$integer>::from_be_bytes(std::array::from_fn(|_| source.octet()))
                }
            }
        )*};
    }

    integer_samples!(u8, u16, u32, u64);

    impl<'a> Sample<'a> for bool {
        fn sample(source: &mut Source<'a>) -> Self {
            source.octet() & 1 != 0
        }
    }

    impl<'a> Sample<'a> for ShortStr<'a> {
        fn sample(source: &mut Source<'a>) -> Self {
            let size = usize::from(source.octet()).min(source.text.len());
            ShortStr::truncated(&source.text[..source.text.floor_char_boundary(size)])
        }
    }

    impl<'a> Sample<'a> for &'a [u8] {
        fn sample(source: &mut Source<'a>) -> Self {
            let bytes = source.text.as_bytes();
            &bytes[..usize::from(source.octet()).min(bytes.len())]
        }
    }

    impl<'a> Sample<'a> for Table<'a> {
        fn sample(source: &mut Source<'a>) -> Self {
            source.table
        }
    }

    #[test]
    fn runs_of_bits_share_octets() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        let bits = [true, false, true, true, false, false, false, true, true, false];
        bits.iter().for_each(|bit| bit.write(&mut writer));
        7u8.write(&mut writer);
        true.write(&mut writer);
        assert_eq!(out, [0b1000_1101, 0b01, 7, 1]);
        let mut reader = Reader::new(&out, false);
        for bit in bits {
            assert_eq!(bool::read(&mut reader), Ok(bit));
        }
        assert_eq!(u8::read(&mut reader), Ok(7));
        assert_eq!(bool::read(&mut reader), Ok(true));
        assert!(reader.is_empty());
    }

    #[test]
    fn short_strings_stay_short() {
        let long = "é".repeat(200);
        assert!(ShortStr::new(long.as_bytes()).is_none());
        assert_eq!(ShortStr::truncated(&long).len(), 254);
    }
}
