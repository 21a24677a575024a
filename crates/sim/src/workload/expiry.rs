//! SET PX, PEXPIRE, PERSIST, PTTL: keys whose time comes while the simulation runs.

use super::strings::{get, text};
use super::{Family, Ids, Kind, key};
use crate::model::keys::{Item, Value};
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;

pub static FAMILY: Family = Family { name: "expiry", kind: Kind::Resp(next) };

fn next(random: &mut Random, ids: &mut Ids) -> Vec<Operation> {
    let key = key(random, "expiring", 8);
    let milliseconds = if random.chance(70) { 1 + random.below(400) } else { 100_000 };
    vec![match random.below(7) {
        0..=2 => set(key, ids.value(random), milliseconds),
        3 => expire(key, milliseconds),
        4 => persist(key),
        5 => time_to_live(key),
        _ => get(key),
    }]
}

fn set(key: Vec<u8>, value: Vec<u8>, milliseconds: u64) -> Operation {
    Operation::command(words!["SET", key, value, "PX", milliseconds.to_string()], move |moment, _| {
        let deadline = Some(moment.now + milliseconds);
        moment.set_item(&key, Some(Item { value: Value::Text(value.clone()), deadline }));
        Reply::OK()
    })
}

fn expire(key: Vec<u8>, milliseconds: u64) -> Operation {
    Operation::command(words!["PEXPIRE", key, milliseconds.to_string()], move |moment, _| {
        moment.open(&key);
        let Some(item) = moment.read_item(&key) else { return Reply::Integer(0) };
        moment.set_item(&key, Some(Item { deadline: Some(moment.now + milliseconds), ..item }));
        Reply::Integer(1)
    })
}

fn persist(key: Vec<u8>) -> Operation {
    Operation::command(words!["PERSIST", key], move |moment, _| {
        moment.open(&key);
        let item = moment.read_item(&key).filter(|item| item.deadline.is_some());
        let Some(item) = item else { return Reply::Integer(0) };
        moment.set_item(&key, Some(Item { deadline: None, ..item }));
        Reply::Integer(1)
    })
}

fn time_to_live(key: Vec<u8>) -> Operation {
    Operation::command(words!["PTTL", key], move |moment, _| {
        let now = moment.now;
        let left = |deadline: u64| (deadline - now) as i64;
        let item = moment.read_item(&key);
        Reply::Integer(item.map_or(-2, |item| item.deadline.map_or(-1, left)))
    })
}

/// What a restart is asked for each key: the value and how long it stays.
pub fn audit(key: &[u8]) -> Vec<Operation> {
    let (value, left) = (key.to_vec(), key.to_vec());
    let read = Operation::command(words!["GET", value], move |moment, _| Reply::Bulk(text(moment, &value)));
    vec![read, time_to_live(left)]
}
