//! SET, GET, APPEND, INCRBY, SETRANGE, MSET, GETDEL, DEL.

use super::{Family, Ids, Kind, key};
use crate::model::Moment;
use crate::model::keys::Value;
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;

pub static FAMILY: Family = Family { name: "strings", kind: Kind::Resp(next) };

const KEY_COUNT: u64 = 12;

fn next(random: &mut Random, ids: &mut Ids) -> Vec<Operation> {
    let key = key(random, "string", KEY_COUNT);
    vec![match random.below(9) {
        0..=1 => set(key, ids.value(random)),
        2..=3 => get(key),
        4 => append(key, ids.value(random)),
        5 => increment(format!("number:{}", random.below(3)).into_bytes(), random.below(9) as i64 - 3),
        6 => set_range(key, random.below(30) as usize, ids.value(random)),
        7 => set_two(key, super::key(random, "string", KEY_COUNT), ids.value(random)),
        _ => delete(key, random.chance(50)),
    }]
}

pub fn text(moment: &mut Moment<'_>, key: &[u8]) -> Option<Vec<u8>> {
    match moment.read(key) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

pub fn set(key: Vec<u8>, value: Vec<u8>) -> Operation {
    Operation::command(words!["SET", key, value], move |moment, _| {
        moment.set(&key, Value::Text(value.clone()));
        Reply::OK()
    })
}

pub fn get(key: Vec<u8>) -> Operation {
    Operation::command(words!["GET", key], move |moment, _| Reply::Bulk(text(moment, &key)))
}

fn append(key: Vec<u8>, tail: Vec<u8>) -> Operation {
    Operation::command(words!["APPEND", key, tail], move |moment, _| {
        let mut whole = text(moment, &key).unwrap_or_default();
        whole.extend_from_slice(&tail);
        let size = whole.len() as i64;
        moment.change(&key, Value::Text(whole));
        Reply::Integer(size)
    })
}

pub fn increment(key: Vec<u8>, by: i64) -> Operation {
    Operation::command(words!["INCRBY", key, by.to_string()], move |moment, _| {
        let before = text(moment, &key).unwrap_or_else(|| b"0".to_vec());
        let sum = String::from_utf8_lossy(&before).parse::<i64>().unwrap_or(0) + by;
        moment.change(&key, Value::Text(sum.to_string().into_bytes()));
        Reply::Integer(sum)
    })
}

fn set_range(key: Vec<u8>, offset: usize, part: Vec<u8>) -> Operation {
    Operation::command(words!["SETRANGE", key, offset.to_string(), part], move |moment, _| {
        let mut whole = text(moment, &key).unwrap_or_default();
        whole.resize(whole.len().max(offset + part.len()), 0);
        whole[offset..offset + part.len()].copy_from_slice(&part);
        let size = whole.len() as i64;
        moment.change(&key, Value::Text(whole));
        Reply::Integer(size)
    })
}

fn set_two(one: Vec<u8>, other: Vec<u8>, value: Vec<u8>) -> Operation {
    Operation::command(words!["MSET", one, value, other, value], move |moment, _| {
        moment.set(&one, Value::Text(value.clone()));
        moment.set(&other, Value::Text(value.clone()));
        Reply::OK()
    })
}

fn delete(key: Vec<u8>, and_get: bool) -> Operation {
    let name = if and_get { "GETDEL" } else { "DEL" };
    Operation::command(words![name, key], move |moment, _| {
        let before = text(moment, &key);
        if before.is_some() {
            moment.set_item(&key, None);
        }
        if and_get { Reply::Bulk(before) } else { Reply::Integer(i64::from(before.is_some())) }
    })
}
