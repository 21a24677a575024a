//! SADD, SREM, SPOP, SMOVE, SUNIONSTORE, SMEMBERS: the server chooses whom SPOP takes.

use super::{Family, Ids, Kind, key};
use crate::model::Moment;
use crate::model::keys::Value;
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;
use std::collections::BTreeSet;

pub static FAMILY: Family = Family { name: "sets", kind: Kind::Resp(next) };

fn next(random: &mut Random, _: &mut Ids) -> Vec<Operation> {
    let (key, other) = (key(random, "set", 4), key(random, "set", 4));
    // Integers alone are stored in another way.
    let member_count = if random.chance(70) { 10 } else { 800 };
    let number = random.below(member_count);
    let member = if random.chance(60) { number.to_string() } else { format!("m{number}") }.into_bytes();
    vec![match random.below(9) {
        0..=3 => add(key, member),
        4 => remove(key, member),
        5..=6 => pop(key),
        7 => union(key, other),
        _ => members(key),
    }]
}

fn set(moment: &mut Moment<'_>, key: &[u8]) -> BTreeSet<Vec<u8>> {
    match moment.read(key) {
        Some(Value::Set(set)) => set,
        _ => BTreeSet::new(),
    }
}

fn add(key: Vec<u8>, member: Vec<u8>) -> Operation {
    Operation::command(words!["SADD", key, member], move |moment, _| {
        let mut set = set(moment, &key);
        let is_new = set.insert(member.clone());
        if is_new {
            moment.change(&key, Value::Set(set));
        }
        Reply::Integer(i64::from(is_new))
    })
}

fn remove(key: Vec<u8>, member: Vec<u8>) -> Operation {
    Operation::command(words!["SREM", key, member], move |moment, _| {
        let mut set = set(moment, &key);
        let was_there = set.remove(&member);
        if was_there {
            moment.change(&key, Value::Set(set));
        }
        Reply::Integer(i64::from(was_there))
    })
}

fn pop(key: Vec<u8>) -> Operation {
    Operation::command(words!["SPOP", key], move |moment, actual| {
        let mut set = set(moment, &key);
        if set.is_empty() {
            return Reply::Bulk(None);
        }
        match actual {
            Reply::Bulk(Some(member)) if set.remove(member) => {
                moment.change(&key, Value::Set(set));
                actual.clone()
            }
            _ => Reply::bulks(&set),
        }
    })
}

fn union(destination: Vec<u8>, other: Vec<u8>) -> Operation {
    Operation::command(words!["SUNIONSTORE", destination, destination, other], move |moment, _| {
        let before = set(moment, &destination);
        let all: BTreeSet<_> = before.union(&set(moment, &other)).cloned().collect();
        let count = all.len() as i64;
        if count > 0 {
            moment.set(&destination, Value::Set(all));
        }
        Reply::Integer(count)
    })
}

pub fn members(key: Vec<u8>) -> Operation {
    Operation::command(words!["SMEMBERS", key], move |moment, actual| {
        let expected = set(moment, &key);
        if let Reply::Array(Some(members)) = actual {
            let found: BTreeSet<_> = members.iter().filter_map(bulk).collect();
            if members.len() == expected.len() && found == expected {
                return actual.clone();
            }
        }
        Reply::bulks(&expected)
    })
}

fn bulk(reply: &Reply) -> Option<Vec<u8>> {
    match reply {
        Reply::Bulk(bytes) => bytes.clone(),
        _ => None,
    }
}
