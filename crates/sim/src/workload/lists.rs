//! LPUSH, RPUSH, LPOP, RPOP, LTRIM, LSET, LMOVE, LRANGE and BLPOP.

use super::{Family, Ids, Kind, key};
use crate::model::Moment;
use crate::model::keys::Value;
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;
use std::collections::VecDeque;

pub static FAMILY: Family = Family { name: "lists", kind: Kind::Resp(next) };

fn next(random: &mut Random, ids: &mut Ids) -> Vec<Operation> {
    // Those that clients wait for, and those that grow.
    let key = if random.chance(50) { key(random, "wait", 2) } else { key(random, "list", 3) };
    let at_front = random.chance(50);
    vec![match random.below(12) {
        0..=3 => push(key, vec![ids.value(random); 1 + random.below(3) as usize], at_front),
        4..=5 => pop(key, at_front),
        6 => trim(key, random.below(3) as usize),
        7 => set_first(key, ids.value(random)),
        8 => rotate(key),
        9 => range(key),
        _ => {
            let timeout_milliseconds = if random.chance(20) { 0 } else { 1 + random.below(300) };
            Operation::blocking_pop(&super::key(random, "wait", 2), timeout_milliseconds)
        }
    }]
}

pub fn elements(moment: &mut Moment<'_>, key: &[u8]) -> VecDeque<Vec<u8>> {
    match moment.read(key) {
        Some(Value::List(list)) => list,
        _ => VecDeque::new(),
    }
}

fn push(key: Vec<u8>, added: Vec<Vec<u8>>, at_front: bool) -> Operation {
    let mut words = words![if at_front { "LPUSH" } else { "RPUSH" }, key];
    words.extend(added.iter().cloned());
    Operation::command(words, move |moment, _| {
        let mut list = elements(moment, &key);
        for element in added.iter().cloned() {
            if at_front { list.push_front(element) } else { list.push_back(element) }
        }
        let size = list.len() as i64;
        moment.change(&key, Value::List(list));
        Reply::Integer(size)
    })
}

fn pop(key: Vec<u8>, at_front: bool) -> Operation {
    Operation::command(words![if at_front { "LPOP" } else { "RPOP" }, key], move |moment, _| {
        let mut list = elements(moment, &key);
        let popped = if at_front { list.pop_front() } else { list.pop_back() };
        if popped.is_some() {
            moment.change(&key, Value::List(list));
        }
        Reply::Bulk(popped)
    })
}

fn trim(key: Vec<u8>, first: usize) -> Operation {
    Operation::command(words!["LTRIM", key, first.to_string(), "40"], move |moment, _| {
        let list = elements(moment, &key);
        let kept: VecDeque<_> = list.iter().take(41).skip(first).cloned().collect();
        if kept.len() < list.len() {
            moment.change(&key, Value::List(kept));
        }
        Reply::OK()
    })
}

fn set_first(key: Vec<u8>, value: Vec<u8>) -> Operation {
    Operation::command(words!["LSET", key, "0", value], move |moment, _| {
        let mut list = elements(moment, &key);
        let Some(first) = list.front_mut() else { return Reply::Error("ERR no such key".to_owned()) };
        first.clone_from(&value);
        moment.change(&key, Value::List(list));
        Reply::OK()
    })
}

fn rotate(key: Vec<u8>) -> Operation {
    Operation::command(words!["LMOVE", key, key, "LEFT", "RIGHT"], move |moment, _| {
        let mut list = elements(moment, &key);
        let Some(first) = list.pop_front() else { return Reply::Bulk(None) };
        list.push_back(first.clone());
        moment.change(&key, Value::List(list));
        Reply::bulk(&first)
    })
}

pub fn range(key: Vec<u8>) -> Operation {
    Operation::command(words!["LRANGE", key, "0", "-1"], move |moment, _| {
        Reply::bulks(&elements(moment, &key))
    })
}
