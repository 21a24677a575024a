//! Field tables that are ours: built, changed and encoded. Knows no key's meaning.

use crate::table::{Table, Value};
use crate::wire::{Domain, ShortStr, Writer};

/// A value that owns its content; the tags are those of [`Value`].
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    Bool(bool),
    Byte(i8),
    UnsignedByte(u8),
    Short(i16),
    UnsignedShort(u16),
    Int(i32),
    UnsignedInt(u32),
    Long(i64),
    Float(f32),
    Double(f64),
    Decimal { scale: u8, value: u32 },
    LongStr(Vec<u8>),
    Bytes(Vec<u8>),
    Timestamp(u64),
    Array(Vec<FieldValue>),
    Table(FieldTable),
    Void,
}

impl FieldValue {
    /// The value of an integer, whatever its width.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            FieldValue::Byte(value) => Some(i64::from(*value)),
            FieldValue::UnsignedByte(value) => Some(i64::from(*value)),
            FieldValue::Short(value) => Some(i64::from(*value)),
            FieldValue::UnsignedShort(value) => Some(i64::from(*value)),
            FieldValue::Int(value) => Some(i64::from(*value)),
            FieldValue::UnsignedInt(value) => Some(i64::from(*value)),
            FieldValue::Long(value) => Some(*value),
            _ => None,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut tagged = |tag: u8, content: &[u8]| {
            out.push(tag);
            out.extend_from_slice(content);
        };
        match self {
            FieldValue::Bool(value) => tagged(b't', &[u8::from(*value)]),
            FieldValue::Byte(value) => tagged(b'b', &value.to_be_bytes()),
            FieldValue::UnsignedByte(value) => tagged(b'B', &[*value]),
            FieldValue::Short(value) => tagged(b's', &value.to_be_bytes()),
            FieldValue::UnsignedShort(value) => tagged(b'u', &value.to_be_bytes()),
            FieldValue::Int(value) => tagged(b'I', &value.to_be_bytes()),
            FieldValue::UnsignedInt(value) => tagged(b'i', &value.to_be_bytes()),
            FieldValue::Long(value) => tagged(b'l', &value.to_be_bytes()),
            FieldValue::Float(value) => tagged(b'f', &value.to_be_bytes()),
            FieldValue::Double(value) => tagged(b'd', &value.to_be_bytes()),
            FieldValue::Decimal { scale, value } => {
                tagged(b'D', &[*scale]);
                out.extend_from_slice(&value.to_be_bytes());
            }
            FieldValue::LongStr(bytes) => {
                tagged(b'S', &[]);
                Writer::new(out).put_long_bytes(bytes);
            }
            FieldValue::Bytes(bytes) => {
                tagged(b'x', &[]);
                Writer::new(out).put_long_bytes(bytes);
            }
            FieldValue::Timestamp(value) => tagged(b'T', &value.to_be_bytes()),
            FieldValue::Array(values) => {
                tagged(b'A', &[]);
                sized(out, |out| values.iter().for_each(|value| value.encode(out)));
            }
            FieldValue::Table(table) => {
                tagged(b'F', &[]);
                table.encode(out);
            }
            FieldValue::Void => tagged(b'V', &[]),
        }
    }
}

impl From<Value<'_>> for FieldValue {
    fn from(value: Value<'_>) -> FieldValue {
        match value {
            Value::Bool(value) => FieldValue::Bool(value),
            Value::Byte(value) => FieldValue::Byte(value),
            Value::UnsignedByte(value) => FieldValue::UnsignedByte(value),
            Value::Short(value) => FieldValue::Short(value),
            Value::UnsignedShort(value) => FieldValue::UnsignedShort(value),
            Value::Int(value) => FieldValue::Int(value),
            Value::UnsignedInt(value) => FieldValue::UnsignedInt(value),
            Value::Long(value) => FieldValue::Long(value),
            Value::Float(value) => FieldValue::Float(value),
            Value::Double(value) => FieldValue::Double(value),
            Value::Decimal { scale, value } => FieldValue::Decimal { scale, value },
            Value::LongStr(bytes) => FieldValue::LongStr(bytes.to_vec()),
            Value::Bytes(bytes) => FieldValue::Bytes(bytes.to_vec()),
            Value::Timestamp(value) => FieldValue::Timestamp(value),
            Value::Array(array) => FieldValue::Array(array.iter().map(FieldValue::from).collect()),
            Value::Table(table) => FieldValue::Table(FieldTable::from(table)),
            Value::Void => FieldValue::Void,
        }
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> FieldValue {
        FieldValue::LongStr(text.as_bytes().to_vec())
    }
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> FieldValue {
        FieldValue::Bool(value)
    }
}

impl From<i64> for FieldValue {
    fn from(value: i64) -> FieldValue {
        FieldValue::Long(value)
    }
}

impl From<FieldTable> for FieldValue {
    fn from(table: FieldTable) -> FieldValue {
        FieldValue::Table(table)
    }
}

/// A table that keeps the order of its fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldTable {
    fields: Vec<(Vec<u8>, FieldValue)>,
}

impl FieldTable {
    pub fn new() -> FieldTable {
        FieldTable::default()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn get(&self, name: &[u8]) -> Option<&FieldValue> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Sets a field: in its place where it exists, else at the end.
    pub fn insert(&mut self, name: ShortStr<'_>, value: impl Into<FieldValue>) {
        let value = value.into();
        match self.fields.iter_mut().find(|(key, _)| *key == name.as_bytes()) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name.to_vec(), value)),
        }
    }

    pub fn remove(&mut self, name: &[u8]) -> Option<FieldValue> {
        let index = self.fields.iter().position(|(key, _)| key == name)?;
        Some(self.fields.remove(index).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &FieldValue)> {
        self.fields.iter().map(|(name, value)| (name.as_slice(), value))
    }

    /// Appends size and fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        sized(out, |out| self.encode_fields(out));
    }

    /// The table in the form that methods and properties carry, its bytes in `buffer`, which is emptied
    /// before.
    pub fn as_table<'b>(&self, buffer: &'b mut Vec<u8>) -> Table<'b> {
        buffer.clear();
        self.encode_fields(buffer);
        Table::trusted(buffer)
    }

    fn encode_fields(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.fields {
            let name = ShortStr::new(name).expect("names come in as short strings");
            name.write(&mut Writer::new(out));
            value.encode(out);
        }
    }
}

impl From<Table<'_>> for FieldTable {
    fn from(table: Table<'_>) -> FieldTable {
        FieldTable { fields: table.iter().map(|(name, value)| (name.to_vec(), value.into())).collect() }
    }
}

/// Appends a long size and the content it counts.
fn sized(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out);
    let size = u32::try_from(out.len() - start - 4).expect("a field stays below 4 GiB");
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_bytes(size_max: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..size_max)
    }

    fn any_value() -> impl Strategy<Value = FieldValue> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(FieldValue::Bool),
            any::<i8>().prop_map(FieldValue::Byte),
            any::<u8>().prop_map(FieldValue::UnsignedByte),
            any::<i16>().prop_map(FieldValue::Short),
            any::<u16>().prop_map(FieldValue::UnsignedShort),
            any::<i32>().prop_map(FieldValue::Int),
            any::<u32>().prop_map(FieldValue::UnsignedInt),
            any::<i64>().prop_map(FieldValue::Long),
            proptest::num::f32::NORMAL.prop_map(FieldValue::Float),
            proptest::num::f64::NORMAL.prop_map(FieldValue::Double),
            (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| FieldValue::Decimal { scale, value }),
            any_bytes(40).prop_map(FieldValue::LongStr),
            any_bytes(40).prop_map(FieldValue::Bytes),
            any::<u64>().prop_map(FieldValue::Timestamp),
            Just(FieldValue::Void),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(FieldValue::Array),
                fields_of(inner).prop_map(FieldValue::Table),
            ]
        })
    }

    fn fields_of(value: impl Strategy<Value = FieldValue>) -> impl Strategy<Value = FieldTable> {
        proptest::collection::vec((any_bytes(12), value), 0..4).prop_map(|fields| FieldTable { fields })
    }

    pub(crate) fn any_table() -> impl Strategy<Value = FieldTable> {
        fields_of(any_value())
    }

    proptest! {
        #[test]
        fn tables_come_back(table in any_table()) {
            let mut buffer = Vec::new();
            let borrowed = table.as_table(&mut buffer);
            prop_assert_eq!(Table::parse(borrowed.as_bytes()), Ok(borrowed));
            prop_assert_eq!(FieldTable::from(borrowed), table);
        }

        #[test]
        fn any_bytes_are_a_table_or_an_error(bytes in any_bytes(200)) {
            if let Ok(table) = Table::parse(&bytes) {
                let owned = FieldTable::from(table);
                prop_assert_eq!(owned.len(), table.iter().count());
            }
        }
    }

    #[test]
    fn fields_are_changed_in_place() {
        let mut table = FieldTable::new();
        table.insert(ShortStr::literal("a"), 1i64);
        table.insert(ShortStr::literal("b"), "text");
        table.insert(ShortStr::literal("a"), true);
        let mut out = Vec::new();
        table.encode(&mut out);
        assert_eq!(out, b"\x00\x00\x00\x0f\x01at\x01\x01bS\x00\x00\x00\x04text");
        assert_eq!(table.remove(b"a"), Some(FieldValue::Bool(true)));
        assert_eq!((table.len(), table.get(b"a")), (1, None));
    }
}
