//! HSET, HDEL, HINCRBY, HGET, HGETALL.

use super::{Family, Ids, Kind, key};
use crate::model::Moment;
use crate::model::keys::Value;
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;
use std::collections::BTreeMap;

pub static FAMILY: Family = Family { name: "hashes", kind: Kind::Resp(next) };

fn next(random: &mut Random, ids: &mut Ids) -> Vec<Operation> {
    let key = key(random, "hash", 4);
    // More fields than the compact encoding takes.
    let field_count = if random.chance(50) { 12 } else { 200 };
    let field = format!("f{}", random.below(field_count)).into_bytes();
    vec![match random.below(8) {
        0..=2 => set(key, field, ids.value(random)),
        3..=4 => remove(key, field),
        5 => increment(key, random.below(100) as i64),
        6 => get(key, field),
        _ => all(key),
    }]
}

fn fields(moment: &mut Moment<'_>, key: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    match moment.read(key) {
        Some(Value::Hash(hash)) => hash,
        _ => BTreeMap::new(),
    }
}

fn set(key: Vec<u8>, field: Vec<u8>, value: Vec<u8>) -> Operation {
    Operation::command(words!["HSET", key, field, value], move |moment, _| {
        let mut hash = fields(moment, &key);
        let is_new = hash.insert(field.clone(), value.clone()).is_none();
        moment.change(&key, Value::Hash(hash));
        Reply::Integer(i64::from(is_new))
    })
}

fn remove(key: Vec<u8>, field: Vec<u8>) -> Operation {
    Operation::command(words!["HDEL", key, field], move |moment, _| {
        let mut hash = fields(moment, &key);
        let was_there = hash.remove(&field).is_some();
        if was_there {
            moment.change(&key, Value::Hash(hash));
        }
        Reply::Integer(i64::from(was_there))
    })
}

fn increment(key: Vec<u8>, by: i64) -> Operation {
    Operation::command(words!["HINCRBY", key, "count", by.to_string()], move |moment, _| {
        let mut hash = fields(moment, &key);
        let before = hash.get(&b"count"[..]).cloned().unwrap_or_else(|| b"0".to_vec());
        let sum = String::from_utf8_lossy(&before).parse::<i64>().unwrap_or(0) + by;
        hash.insert(b"count".to_vec(), sum.to_string().into_bytes());
        moment.change(&key, Value::Hash(hash));
        Reply::Integer(sum)
    })
}

fn get(key: Vec<u8>, field: Vec<u8>) -> Operation {
    Operation::command(words!["HGET", key, field], move |moment, _| {
        Reply::optional(fields(moment, &key).get(&field))
    })
}

pub fn all(key: Vec<u8>) -> Operation {
    Operation::command(words!["HGETALL", key], move |moment, actual| {
        let expected = fields(moment, &key);
        // The server chooses the order.
        if let Reply::Array(Some(flat)) = actual {
            let pairs = flat.chunks_exact(2).map(|pair| match pair {
                [Reply::Bulk(Some(field)), Reply::Bulk(Some(value))] => (field.clone(), value.clone()),
                _ => (Vec::new(), Vec::new()),
            });
            if flat.len() == 2 * expected.len() && pairs.collect::<BTreeMap<_, _>>() == expected {
                return actual.clone();
            }
        }
        Reply::bulks(expected.iter().flat_map(|(field, value)| [field, value]))
    })
}
