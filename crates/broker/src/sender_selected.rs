//! The headers `CC` and `BCC`: further routing keys of one message. `BCC` is taken out before anybody sees
//! the message.

use warren_amqp::{FieldTable, Properties, RawProperties, Table, Value};

pub struct Copies {
    pub routing_keys: Vec<Vec<u8>>,
    /// The properties without `BCC`, where there was one.
    pub properties: Option<Vec<u8>>,
}

/// The further routing keys that a message asks for, if any.
#[inline]
pub fn copies(properties: RawProperties<'_>) -> Option<Copies> {
    asked_for(properties, properties.headers()?)
}

fn asked_for(properties: RawProperties<'_>, headers: Table<'_>) -> Option<Copies> {
    let (open, blind) = (headers.get(b"CC"), headers.get(b"BCC"));
    if open.is_none() && blind.is_none() {
        return None;
    }
    let keys = |value: Option<Value<'_>>| match value {
        Some(Value::Array(keys)) => {
            let strings = keys.iter().filter_map(|key| key.as_bytes().map(<[u8]>::to_vec));
            strings.filter(|key| key.len() <= warren_amqp::ShortStr::SIZE_BYTES_MAX).collect()
        }
        _ => Vec::new(),
    };
    let mut routing_keys: Vec<Vec<u8>> = keys(open);
    routing_keys.extend(keys(blind));
    let without_blind = blind.map(|_| {
        let mut headers = FieldTable::from(headers);
        headers.remove(b"BCC");
        let (mut buffer, mut encoded) = (Vec::new(), Vec::new());
        let headers = Some(headers.as_table(&mut buffer));
        Properties { headers, ..properties.decode() }.encode(&mut encoded);
        encoded
    });
    Some(Copies { routing_keys, properties: without_blind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use warren_amqp::{FieldValue, ShortStr};

    #[test]
    fn blind_copies_are_found_and_hidden() {
        let mut table = FieldTable::new();
        let keys = |key: &str| FieldValue::Array(vec![FieldValue::from(key)]);
        table.insert(ShortStr::literal("CC"), keys("open"));
        table.insert(ShortStr::literal("BCC"), keys("blind"));
        let (mut buffer, mut encoded) = (Vec::new(), Vec::new());
        let headers = Some(table.as_table(&mut buffer));
        Properties { headers, ..Properties::default() }.encode(&mut encoded);
        let found = copies(RawProperties::trusted(&encoded)).unwrap();
        assert_eq!(found.routing_keys, [b"open".to_vec(), b"blind".to_vec()]);
        let stripped = found.properties.unwrap();
        let headers = RawProperties::parse(&stripped).unwrap().headers().unwrap();
        assert!(headers.get(b"CC").is_some() && headers.get(b"BCC").is_none());
        assert!(copies(RawProperties::EMPTY).is_none());
    }
}
