//! Basic properties: the bytes as the publisher sent them, read in place and passed on untouched, and the
//! form in which they are rewritten.
//!
//! ```text
//! short flags (highest bit: first property) | the properties that are present, in order
//! ```
//! Knows no property's meaning.

use crate::error::ConnectionError;
use crate::reply_code::ReplyCode;
use crate::table::Table;
use crate::wire::{Domain, FieldError, Reader, ShortStr, Writer};

#[derive(Clone, Copy)]
enum Kind {
    ShortStr,
    Octet,
    Timestamp,
    Table,
}

impl Kind {
    /// Passes over one property.
    #[inline]
    fn skip(self, reader: &mut Reader<'_>) -> Result<(), FieldError> {
        match self {
            Kind::ShortStr => reader.short_bytes().map(drop),
            Kind::Octet => reader.take(1).map(drop),
            Kind::Timestamp => reader.take(8).map(drop),
            Kind::Table => reader.long_bytes().map(drop),
        }
    }
}

macro_rules! properties {
    ($($(#[$doc:meta])* $index:literal $name:ident: $kind:ident $domain:ty;)*) => {
        const KINDS: &[Kind] = &[$(Kind::$kind),*];

        /// Properties to be written, or all of them read at once. Borrowed: what a rewrite keeps is not
        /// copied before it is encoded.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Properties<'a> {
            $($(#[$doc])* pub $name: Option<$domain>,)*
        }

        impl<'a> Properties<'a> {
            /// Appends flags and properties.
            pub fn encode(&self, out: &mut Vec<u8>) {
                let mut flags = 0u16;
                $(flags |= u16::from(self.$name.is_some()) << (15 - $index);)*
                let mut writer = Writer::new(out);
                flags.write(&mut writer);
                $(if let Some(value) = &self.$name {
                    value.write(&mut writer);
                })*
            }
        }

        impl<'a> RawProperties<'a> {
            $(
                $(#[$doc])*
                #[inline]
                pub fn $name(&self) -> Option<$domain> {
                    properties!(@read $kind, self.at($index)?)
                }
            )*

            /// All properties, to change some and encode them again.
            pub fn decode(&self) -> Properties<'a> {
                Properties { $($name: self.$name(),)* }
            }
        }
    };
    // Headers were checked by `parse`.
    (@read Table, $reader:expr) => { $reader.long_bytes().ok().map(Table::trusted) };
    (@read $kind:ident, $reader:expr) => { Domain::read(&mut $reader).ok() };
}

properties! {
    0 content_type: ShortStr ShortStr<'a>;
    1 content_encoding: ShortStr ShortStr<'a>;
    2 headers: Table Table<'a>;
    /// 2 for persistent messages.
    3 delivery_mode: Octet u8;
    4 priority: Octet u8;
    5 correlation_id: ShortStr ShortStr<'a>;
    6 reply_to: ShortStr ShortStr<'a>;
    /// Milliseconds as decimal text.
    7 expiration: ShortStr ShortStr<'a>;
    8 message_id: ShortStr ShortStr<'a>;
    /// Seconds since 1970.
    9 timestamp: Timestamp u64;
    10 kind: ShortStr ShortStr<'a>;
    11 user_id: ShortStr ShortStr<'a>;
    12 app_id: ShortStr ShortStr<'a>;
    13 cluster_id: ShortStr ShortStr<'a>;
}

/// The delivery mode of messages that survive a restart.
pub const DELIVERY_MODE_PERSISTENT: u8 = 2;

/// Well-formed properties as they lie in a content header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawProperties<'a> {
    bytes: &'a [u8],
}

impl<'a> RawProperties<'a> {
    /// No property at all.
    pub const EMPTY: RawProperties<'static> = RawProperties { bytes: &[0, 0] };

    /// Checks `bytes`, headers included.
    pub fn parse(bytes: &'a [u8]) -> Result<RawProperties<'a>, ConnectionError> {
        let check = || {
            let mut reader = Reader::new(bytes, false);
            let flags = u16::from_be_bytes(reader.array()?);
            for (index, kind) in KINDS.iter().enumerate() {
                match kind {
                    _ if flags & (0x8000 >> index) == 0 => {}
                    Kind::Table => Table::read(&mut reader).map(drop)?,
                    kind => kind.skip(&mut reader)?,
                }
            }
            if reader.is_empty() { Ok(RawProperties { bytes }) } else { Err(FieldError::Size) }
        };
        check().map_err(|error| match error {
            FieldError::Table(error) => ConnectionError::new(ReplyCode::SyntaxError, error.to_string()),
            _ => ConnectionError::new(ReplyCode::SyntaxError, "cannot decode content properties"),
        })
    }

    /// Bytes that `parse` took before, or that [`Properties::encode`] wrote. Of wrong bytes some properties
    /// read as absent.
    pub fn trusted(bytes: &'a [u8]) -> RawProperties<'a> {
        RawProperties { bytes }
    }

    /// Flags and properties, to be stored and forwarded as they came.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    pub fn is_persistent(&self) -> bool {
        self.delivery_mode() == Some(DELIVERY_MODE_PERSISTENT)
    }

    /// A reader in front of the property `index`, where it is present.
    #[inline]
    fn at(&self, index: usize) -> Option<Reader<'a>> {
        let mut reader = Reader::new(self.bytes, false);
        let flags = u16::from_be_bytes(reader.array().ok()?);
        if flags & (0x8000 >> index) == 0 {
            return None;
        }
        for (earlier, kind) in KINDS[..index].iter().enumerate() {
            if flags & (0x8000 >> earlier) != 0 {
                kind.skip(&mut reader).ok()?;
            }
        }
        Some(reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_table::FieldTable;
    use crate::field_table::tests::any_table;
    use proptest::prelude::*;

    /// An absent or present string of each length up to 20.
    fn any_text() -> impl Strategy<Value = Option<Vec<u8>>> {
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20))
    }

    proptest! {
        #[test]
        fn properties_come_back(
            texts in proptest::collection::vec(any_text(), 10),
            headers in proptest::option::of(any_table()),
            octets in (any::<Option<u8>>(), any::<Option<u8>>()),
            timestamp in any::<Option<u64>>(),
        ) {
            let text = |index: usize| texts[index].as_deref().and_then(ShortStr::new);
            let mut buffer = Vec::new();
            let written = Properties {
                content_type: text(0),
                content_encoding: text(1),
                headers: headers.as_ref().map(|headers| headers.as_table(&mut buffer)),
                delivery_mode: octets.0,
                priority: octets.1,
                correlation_id: text(2),
                reply_to: text(3),
                expiration: text(4),
                message_id: text(5),
                timestamp,
                kind: text(6),
                user_id: text(7),
                app_id: text(8),
                cluster_id: text(9),
            };
            let mut bytes = Vec::new();
            written.encode(&mut bytes);
            let raw = RawProperties::parse(&bytes).unwrap();
            prop_assert_eq!(raw.decode(), written);
            prop_assert_eq!(raw.headers().map(FieldTable::from), headers);
            for cut in 0..bytes.len() {
                prop_assert!(RawProperties::parse(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_properties_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let parsed = RawProperties::parse(&bytes);
            let read = RawProperties::trusted(&bytes).decode();
            if let Ok(raw) = parsed {
                prop_assert_eq!(raw.decode(), read);
            }
        }
    }

    #[test]
    fn malformed_properties_say_what_is_wrong() {
        let rows: [(&[u8], &str); 4] = [
            (b"\x80", "cannot decode content properties"),
            (b"\x80\x00\x05text", "cannot decode content properties"),
            (b"\x00\x00left over", "cannot decode content properties"),
            (b"\x20\x00\x00\x00\x00\x03\x01k?", "field table holds a value of the unknown type 63"),
        ];
        for (bytes, text) in rows {
            let error = RawProperties::parse(bytes).unwrap_err();
            assert_eq!((error.code, error.explanation.as_str()), (ReplyCode::SyntaxError, text));
        }
    }

    #[test]
    fn the_delivery_mode_is_found_behind_others() {
        let raw = RawProperties::parse(b"\x98\x00\x0atext/plain\x02\x07").unwrap();
        assert!(raw.is_persistent());
        assert_eq!((raw.priority(), raw.message_id()), (Some(7), None));
        assert!(!RawProperties::EMPTY.is_persistent());
    }
}
