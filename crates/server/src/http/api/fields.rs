//! Field tables of AMQP as JSON objects.

use serde_json::{Map, Value, json};
use warren_amqp::{Table, Value as Field};
use warren_engine::broker::Arguments;

pub fn arguments(arguments: &Arguments) -> Value {
    object(arguments.table())
}

fn object(table: Table<'_>) -> Value {
    let fields = table.iter().map(|(name, value)| (super::text(name.as_bytes()), field(&value)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// A field of a table as JSON; what JSON has no word for becomes text.
fn field(value: &Field<'_>) -> Value {
    match value {
        Field::Bool(value) => json!(value),
        Field::Float(value) => json!(value),
        Field::Double(value) => json!(value),
        Field::Timestamp(value) => json!(value),
        Field::LongStr(bytes) | Field::Bytes(bytes) => json!(super::text(bytes)),
        Field::Table(table) => object(*table),
        Field::Array(array) => Value::Array(array.iter().map(|value| field(&value)).collect()),
        Field::Void => Value::Null,
        other => other.as_integer().map_or_else(|| json!(format!("{other:?}")), |number| json!(number)),
    }
}
