//! `headers`: a message goes where the binding's arguments equal its headers: all of them or any of them, as
//! `x-match` says. The routing key plays no part.

use crate::arguments::{Arguments, shown, type_name};
use crate::exchange::{Destination, Destinations, ExchangeType, Routed, Router};
use crate::names::text;
use crate::refusal::Refusal;
use warren_amqp::{RawProperties, Table, Value};

pub const TYPE: ExchangeType = ExchangeType {
    name: "headers",
    description: "AMQP headers exchange, as per the AMQP specification",
    routes_by_key: false,
    make: || Box::new(Headers::default()),
    validate_binding,
};

#[derive(Default)]
struct Headers {
    bindings: Vec<(Arguments, Destination)>,
}

fn validate_binding(arguments: &Arguments) -> Result<(), Refusal> {
    match arguments.get("x-match") {
        None | Some(Value::LongStr(b"all" | b"any" | b"all-with-x" | b"any-with-x")) => Ok(()),
        Some(Value::LongStr(other)) => {
            let quoted = if other.is_empty() { String::new() } else { format!("\"{}\"", text(other)) };
            Err(Refusal::precondition_failed(format!(
                "Invalid x-match field value <<{quoted}>>; expected all, any, all-with-x, or any-with-x"
            )))
        }
        Some(value) => Err(Refusal::precondition_failed(format!(
            "Invalid x-match field type {} (value {}); expected longstr",
            type_name(&value),
            shown(&value)
        ))),
    }
}

/// Whether the binding takes a message with these headers.
fn matches(arguments: Table<'_>, headers: Table<'_>) -> bool {
    let mode = arguments.get(b"x-match");
    let wants_any = matches!(mode, Some(Value::LongStr(b"any" | b"any-with-x")));
    let looks_at_x = matches!(mode, Some(Value::LongStr(b"all-with-x" | b"any-with-x")));
    let is_considered = |name: &[u8]| name != b"x-match" && (looks_at_x || !name.starts_with(b"x-"));
    let is_equal = |name: &[u8], expected: Value<'_>| match (headers.get(name), expected) {
        (None, _) => false,
        (Some(_), Value::Void) => true,
        (Some(header), expected) => same(header, expected),
    };
    let mut considered = arguments.iter().filter(|(name, _)| is_considered(name));
    if wants_any {
        considered.any(|(name, expected)| is_equal(&name, expected))
    } else {
        considered.all(|(name, expected)| is_equal(&name, expected))
    }
}

/// Integers are equal whatever their width.
fn same(header: Value<'_>, expected: Value<'_>) -> bool {
    match (header.as_integer(), expected.as_integer()) {
        (Some(header), Some(expected)) => header == expected,
        _ => header == expected,
    }
}

impl Router for Headers {
    fn bind(&mut self, _: &[u8], arguments: &Arguments, destination: Destination) {
        self.bindings.push((arguments.clone(), destination));
    }

    fn unbind(&mut self, _: &[u8], arguments: &Arguments, destination: Destination) {
        let is_it = |(known, to): &(Arguments, Destination)| known == arguments && *to == destination;
        if let Some(place) = self.bindings.iter().position(is_it) {
            self.bindings.remove(place);
        }
    }

    fn route(&self, message: Routed<'_>, out: &mut Destinations) {
        let headers = RawProperties::trusted(message.properties).headers().unwrap_or(Table::EMPTY);
        let matching = self.bindings.iter().filter(|(arguments, _)| matches(arguments.table(), headers));
        out.extend(matching.map(|(_, destination)| *destination));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warren_amqp::{FieldTable, FieldValue, ShortStr};

    fn table(fields: &[(&'static str, FieldValue)]) -> Arguments {
        let mut table = FieldTable::new();
        for (name, value) in fields {
            table.insert(ShortStr::literal(name), value.clone());
        }
        Arguments::from(table.as_table(&mut Vec::new()))
    }

    #[test]
    fn bindings_match_as_their_x_match_says() {
        let (one, text) = (|| FieldValue::Long(1), FieldValue::from("pdf"));
        let rows = [
            (vec![("a", one()), ("b", text.clone())], "all", true),
            (vec![("a", one()), ("c", one())], "all", false),
            (vec![("a", FieldValue::Int(1))], "all", true),
            (vec![("a", one()), ("c", one())], "any", true),
            (vec![("a", FieldValue::Void)], "all", true),
            (vec![("c", FieldValue::Void)], "all", false),
            (vec![("x-a", FieldValue::Long(7))], "all", true),
            (vec![("x-a", FieldValue::Long(7))], "all-with-x", false),
            (vec![("x-a", one())], "any-with-x", true),
            (vec![("x-a", one())], "any", false),
            (vec![], "all", true),
            (vec![], "any", false),
        ];
        let headers = table(&[("a", one()), ("b", text), ("x-a", one())]);
        for (fields, mode, expected) in rows {
            let mut arguments = vec![("x-match", FieldValue::from(mode))];
            arguments.extend(fields);
            let arguments = table(&arguments);
            assert!(validate_binding(&arguments).is_ok());
            assert_eq!(matches(arguments.table(), headers.table()), expected, "{arguments:?}");
        }
        assert!(validate_binding(&table(&[("x-match", FieldValue::from("most"))])).is_err());
        assert!(validate_binding(&table(&[("x-match", one())])).is_err());
    }
}
