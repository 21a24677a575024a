//! Field tables and arrays as they lie on the wire, checked once and read lazily. Knows no key's meaning;
//! never builds a table (`field_table` does).
//!
//! ```text
//! table:  octet name size | name | value   ...        array:  value ...
//! value:  tag | content by tag, see `Value`
//! ```

use crate::wire::{FieldError, Reader, ShortStr};
use warren_units::bounds::TABLE_DEPTH_MAX;

/// Why bytes are no field table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("field table ends within a field")]
    Size,
    #[error("field table holds a value of the unknown type {0}")]
    Tag(u8),
    #[error("field table is nested deeper than {TABLE_DEPTH_MAX} levels")]
    Depth,
}

impl From<FieldError> for TableError {
    fn from(_: FieldError) -> TableError {
        TableError::Size
    }
}

/// A field's value. The tags are RabbitMQ's, which differ from the spec's for short integers and `L`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `t`
    Bool(bool),
    /// `b`
    Byte(i8),
    /// `B`
    UnsignedByte(u8),
    /// `s`
    Short(i16),
    /// `u`
    UnsignedShort(u16),
    /// `I`
    Int(i32),
    /// `i`
    UnsignedInt(u32),
    /// `l`, and `L`, which is read as the same and written as `l`.
    Long(i64),
    /// `f`
    Float(f32),
    /// `d`
    Double(f64),
    /// `D`: `value` with `scale` decimal digits.
    Decimal { scale: u8, value: u32 },
    /// `S`: text nearly always, but any bytes may come.
    LongStr(&'a [u8]),
    /// `x`
    Bytes(&'a [u8]),
    /// `T`: seconds since 1970.
    Timestamp(u64),
    /// `A`
    Array(Array<'a>),
    /// `F`
    Table(Table<'a>),
    /// `V`
    Void,
}

impl<'a> Value<'a> {
    /// The number, of whatever integer type.
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Value::Byte(value) => Some(i64::from(value)),
            Value::UnsignedByte(value) => Some(i64::from(value)),
            Value::Short(value) => Some(i64::from(value)),
            Value::UnsignedShort(value) => Some(i64::from(value)),
            Value::Int(value) => Some(i64::from(value)),
            Value::UnsignedInt(value) => Some(i64::from(value)),
            Value::Long(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The bytes of a string.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Value::LongStr(bytes) | Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// Reads a value without looking into nested ones.
    fn read(reader: &mut Reader<'a>) -> Result<Value<'a>, TableError> {
        let [tag] = reader.array()?;
        Ok(match tag {
            b't' => Value::Bool(u8::from_be_bytes(reader.array()?) != 0),
            b'b' => Value::Byte(i8::from_be_bytes(reader.array()?)),
            b'B' => Value::UnsignedByte(u8::from_be_bytes(reader.array()?)),
            b's' => Value::Short(i16::from_be_bytes(reader.array()?)),
            b'u' => Value::UnsignedShort(u16::from_be_bytes(reader.array()?)),
            b'I' => Value::Int(i32::from_be_bytes(reader.array()?)),
            b'i' => Value::UnsignedInt(u32::from_be_bytes(reader.array()?)),
            b'l' | b'L' => Value::Long(i64::from_be_bytes(reader.array()?)),
            b'f' => Value::Float(f32::from_be_bytes(reader.array()?)),
            b'd' => Value::Double(f64::from_be_bytes(reader.array()?)),
            b'D' => {
                let [scale] = reader.array()?;
                Value::Decimal { scale, value: u32::from_be_bytes(reader.array()?) }
            }
            b'S' => Value::LongStr(reader.long_bytes()?),
            b'x' => Value::Bytes(reader.long_bytes()?),
            b'T' => Value::Timestamp(u64::from_be_bytes(reader.array()?)),
            b'A' => Value::Array(Array { bytes: reader.long_bytes()? }),
            b'F' => Value::Table(Table { bytes: reader.long_bytes()? }),
            b'V' => Value::Void,
            unknown => return Err(TableError::Tag(unknown)),
        })
    }

    fn check(self, depth: usize) -> Result<(), TableError> {
        match self {
            Value::Table(table) => check_table(table.bytes, depth),
            Value::Array(array) => check_array(array.bytes, depth),
            _ => Ok(()),
        }
    }
}

fn check_table(bytes: &[u8], depth: usize) -> Result<(), TableError> {
    let deeper = depth.checked_sub(1).ok_or(TableError::Depth)?;
    let mut reader = Reader::new(bytes, false);
    while !reader.is_empty() {
        reader.short_bytes()?;
        Value::read(&mut reader)?.check(deeper)?;
    }
    Ok(())
}

fn check_array(bytes: &[u8], depth: usize) -> Result<(), TableError> {
    let deeper = depth.checked_sub(1).ok_or(TableError::Depth)?;
    let mut reader = Reader::new(bytes, false);
    while !reader.is_empty() {
        Value::read(&mut reader)?.check(deeper)?;
    }
    Ok(())
}

/// A well-formed field table, without its size in front.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Table<'a> {
    bytes: &'a [u8],
}

impl<'a> Table<'a> {
    pub const EMPTY: Table<'static> = Table { bytes: &[] };

    /// Checks `bytes`, nested values included.
    pub fn parse(bytes: &'a [u8]) -> Result<Table<'a>, TableError> {
        check_table(bytes, TABLE_DEPTH_MAX)?;
        Ok(Table { bytes })
    }

    /// Bytes that were checked or built as a table before. Wrong ones read as a shorter table.
    pub(crate) fn trusted(bytes: &'a [u8]) -> Table<'a> {
        Table { bytes }
    }

    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn iter(&self) -> TableIter<'a> {
        TableIter { reader: Reader::new(self.bytes, false) }
    }

    /// The first field of this name.
    pub fn get(&self, name: &[u8]) -> Option<Value<'a>> {
        self.iter().find(|(key, _)| key.as_bytes() == name).map(|(_, value)| value)
    }
}

impl<'a> IntoIterator for Table<'a> {
    type Item = (ShortStr<'a>, Value<'a>);
    type IntoIter = TableIter<'a>;

    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

/// Fields of a table, in their order.
pub struct TableIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for TableIter<'a> {
    type Item = (ShortStr<'a>, Value<'a>);

    fn next(&mut self) -> Option<(ShortStr<'a>, Value<'a>)> {
        let name = ShortStr::new(self.reader.short_bytes().ok()?)?;
        Some((name, Value::read(&mut self.reader).ok()?))
    }
}

/// A well-formed array, without its size in front.
#[derive(Clone, Copy, PartialEq)]
pub struct Array<'a> {
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    pub fn iter(&self) -> ArrayIter<'a> {
        ArrayIter { reader: Reader::new(self.bytes, false) }
    }
}

impl<'a> IntoIterator for Array<'a> {
    type Item = Value<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

impl std::fmt::Debug for Array<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

/// Values of an array, in their order.
pub struct ArrayIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        Value::read(&mut self.reader).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `depth` tables inside each other.
    fn nested(depth: usize) -> Vec<u8> {
        (1..depth).fold(Vec::new(), |inner, _| {
            let mut outer = vec![1, b'k', b'F'];
            outer.extend_from_slice(&(inner.len() as u32).to_be_bytes());
            outer.extend_from_slice(&inner);
            outer
        })
    }

    #[test]
    fn malformed_tables_are_refused() {
        let rows: [(&[u8], TableError); 6] = [
            (&[1], TableError::Size),
            (&[1, b'k'], TableError::Size),
            (&[1, b'k', b'?'], TableError::Tag(b'?')),
            (&[1, b'k', b'S', 0, 0, 0, 2, b'v'], TableError::Size),
            (&[1, b'k', b'A', 0, 0, 0, 1, b'?'], TableError::Tag(b'?')),
            (&[1, b'k', b'F', 0xff, 0xff, 0xff, 0xff], TableError::Size),
        ];
        for (bytes, error) in rows {
            assert_eq!(Table::parse(bytes), Err(error), "{bytes:?}");
        }
        assert!(Table::parse(&nested(TABLE_DEPTH_MAX)).is_ok());
        assert_eq!(Table::parse(&nested(TABLE_DEPTH_MAX + 1)), Err(TableError::Depth));
        assert_eq!(Table::parse(&nested(100_000)), Err(TableError::Depth));
    }

    #[test]
    fn get_answers_the_first_of_a_name() {
        let table = Table::parse(b"\x01at\x01\x01bV\x01at\x00").unwrap();
        assert_eq!(table.get(b"a"), Some(Value::Bool(true)));
        assert_eq!(table.get(b"b"), Some(Value::Void));
        assert_eq!(table.get(b"c"), None);
        assert_eq!(table.iter().count(), 3);
    }
}
