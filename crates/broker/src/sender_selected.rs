//! The headers `CC` and `BCC`: further routing keys of one message. `BCC` is taken out before anybody sees
//! the message.

use crate::arguments::type_name;
use crate::refusal::Refusal;
use warren_amqp::{FieldTable, Properties, RawProperties, ShortStr, Table, Value};

pub struct Copies {
    pub routing_keys: Vec<Vec<u8>>,
    /// The properties without `BCC`, where there was one.
    pub properties: Option<Vec<u8>>,
}

/// Refuses headers `CC` and `BCC` that are no lists.
#[inline]
pub fn check(properties: RawProperties<'_>) -> Result<(), Refusal> {
    let Some(headers) = properties.headers() else { return Ok(()) };
    for name in ["CC", "BCC"] {
        match headers.get(name.as_bytes()) {
            None | Some(Value::Array(_)) => {}
            Some(value) => {
                let kind = type_name(&value);
                let text = format!("invalid message: {{unacceptable_type_in_header,\"{name}\",{kind}}}");
                return Err(Refusal::precondition_failed(text));
            }
        }
    }
    Ok(())
}

/// The keys in the header `CC`, which everybody sees.
pub fn open_keys(properties: RawProperties<'_>) -> Vec<Vec<u8>> {
    keys(properties.headers().and_then(|headers| headers.get(b"CC")))
}

fn keys(header: Option<Value<'_>>) -> Vec<Vec<u8>> {
    let Some(Value::Array(keys)) = header else { return Vec::new() };
    let strings = keys.iter().filter_map(|key| key.as_bytes().map(<[u8]>::to_vec));
    strings.filter(|key| key.len() <= ShortStr::SIZE_BYTES_MAX).collect()
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
    let mut routing_keys = keys(open);
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
    use warren_amqp::FieldValue;

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
        assert_eq!(open_keys(RawProperties::trusted(&encoded)), [b"open".to_vec()]);
    }

    #[test]
    fn copies_must_be_lists() {
        let mut table = FieldTable::new();
        table.insert(ShortStr::literal("BCC"), FieldValue::from("text"));
        let (mut buffer, mut encoded) = (Vec::new(), Vec::new());
        let headers = Some(table.as_table(&mut buffer));
        Properties { headers, ..Properties::default() }.encode(&mut encoded);
        let refusal = check(RawProperties::trusted(&encoded)).unwrap_err();
        assert_eq!(refusal.explanation, "invalid message: {unacceptable_type_in_header,\"BCC\",longstr}");
        assert_eq!(check(RawProperties::EMPTY), Ok(()));
    }
}
