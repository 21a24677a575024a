//! The header `x-delivery-count`: quorum queues say with a message that comes again how often it came before.

use crate::queue::Queue;
use crate::queue_feature::QueueType;
use crate::ready::Entry;
use warren_amqp::{FieldTable, Properties, RawProperties, ShortStr};

/// The properties with the header, where the queue tells its count.
#[inline]
pub fn told(queue: &Queue, entry: &Entry) -> Option<Vec<u8>> {
    let is_told = entry.delivery_count > 0 && queue.features.queue_type == QueueType::Quorum;
    is_told.then(|| with_count(entry.message.properties(), i64::from(entry.delivery_count)))
}

#[cold]
fn with_count(properties: RawProperties<'_>, count: i64) -> Vec<u8> {
    let mut headers = properties.headers().map(FieldTable::from).unwrap_or_default();
    headers.insert(ShortStr::literal("x-delivery-count"), count);
    let (mut buffer, mut encoded) = (Vec::new(), Vec::new());
    let headers = Some(headers.as_table(&mut buffer));
    Properties { headers, ..properties.decode() }.encode(&mut encoded);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use warren_amqp::Value;

    #[test]
    fn the_count_stands_beside_other_headers() {
        let first = with_count(RawProperties::EMPTY, 1);
        let second = with_count(RawProperties::trusted(&first), 2);
        let headers = RawProperties::trusted(&second).headers().unwrap();
        assert_eq!(headers.get(b"x-delivery-count"), Some(Value::Long(2)));
        assert_eq!(headers.iter().count(), 1);
    }
}
