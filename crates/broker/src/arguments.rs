//! Arguments of declarations and bindings: the client's field table, kept as it came.

use crate::names::text;
use crate::refusal::{Refusal, Resource};
use std::sync::Arc;
use warren_amqp::{Table, Value};

/// A well-formed field table that owns its bytes. Equal means: the same bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Arguments(Arc<[u8]>);

impl Default for Arguments {
    fn default() -> Arguments {
        Arguments(Arc::from([]))
    }
}

impl From<Table<'_>> for Arguments {
    fn from(table: Table<'_>) -> Arguments {
        Arguments(table.as_bytes().into())
    }
}

impl Arguments {
    /// `None` if the bytes are no field table.
    pub fn parse(bytes: &[u8]) -> Option<Arguments> {
        Table::parse(bytes).ok().map(Arguments::from)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn table(&self) -> Table<'_> {
        Table::parse(&self.0).expect("arguments were checked when they came")
    }

    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        if self.0.is_empty() { None } else { self.table().get(key.as_bytes()) }
    }

    /// The value of a long string; `None` where the key is absent or of another type.
    pub fn string(&self, key: &str) -> Option<&[u8]> {
        match self.get(key)? {
            Value::LongStr(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Refuses `received` if it differs from these in one of `keys`, with RabbitMQ's text.
    pub fn assert_equivalent<'k>(
        &self,
        received: &Arguments,
        keys: impl IntoIterator<Item = &'k str>,
        resource: &Resource<'_>,
    ) -> Result<(), Refusal> {
        if self == received {
            return Ok(());
        }
        for key in keys {
            let (current, new) = (self.get(key), received.get(key));
            let is_same_type = key == "x-queue-type" && both_classic(current, new);
            if !is_same_type && !equivalent(current, new) {
                let texts = match (new, current) {
                    (Some(new), Some(current)) => (quoted(&new), quoted(&current)),
                    _ => (described(new), described(current)),
                };
                return Err(inequivalent(key, resource, &texts.0, &texts.1));
            }
        }
        Ok(())
    }
}

/// The refusal of a declaration that differs from what is there.
#[cold]
pub fn inequivalent(key: &str, resource: &Resource<'_>, received: &str, current: &str) -> Refusal {
    Refusal::precondition_failed(format!(
        "inequivalent arg '{key}' for {resource}: received {received} but current is {current}"
    ))
}

fn equivalent(current: Option<Value<'_>>, new: Option<Value<'_>>) -> bool {
    match (current, new) {
        (Some(current), Some(new)) => match (current.as_integer(), new.as_integer()) {
            (Some(current), Some(new)) => current == new,
            _ => current == new,
        },
        (None, None) => true,
        _ => false,
    }
}

/// A queue declared without a type is a classic one.
fn both_classic(current: Option<Value<'_>>, new: Option<Value<'_>>) -> bool {
    let is_classic = |value: Option<Value<'_>>| value.is_none_or(|value| value == Value::LongStr(b"classic"));
    is_classic(current) && is_classic(new)
}

fn described(value: Option<Value<'_>>) -> String {
    match value {
        None => "none".to_string(),
        Some(value) => format!("the value {} of type '{}'", quoted(&value), type_name(&value)),
    }
}

fn quoted(value: &Value<'_>) -> String {
    format!("'{}'", shown(value))
}

/// A value as texts print it.
pub fn shown(value: &Value<'_>) -> String {
    match value {
        Value::LongStr(bytes) | Value::Bytes(bytes) => text(bytes).into_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Timestamp(value) => value.to_string(),
        Value::Void => "undefined".to_string(),
        _ => value.as_integer().map_or_else(|| format!("{value:?}"), |number| number.to_string()),
    }
}

/// Erlang's name of a field's type, which texts show.
pub fn type_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Byte(_) => "byte",
        Value::UnsignedByte(_) => "unsignedbyte",
        Value::Short(_) => "short",
        Value::UnsignedShort(_) => "unsignedshort",
        Value::Int(_) => "signedint",
        Value::UnsignedInt(_) => "unsignedint",
        Value::Long(_) => "long",
        Value::Float(_) => "float",
        Value::Double(_) => "double",
        Value::Decimal { .. } => "decimal",
        Value::LongStr(_) => "longstr",
        Value::Bytes(_) => "binary",
        Value::Timestamp(_) => "timestamp",
        Value::Array(_) => "array",
        Value::Table(_) => "table",
        Value::Void => "void",
    }
}
