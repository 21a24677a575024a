//! ZADD, ZINCRBY, ZREM, ZPOPMIN, ZREMRANGEBYSCORE, ZRANGE.

use super::{Family, Ids, Kind, key};
use crate::model::Moment;
use crate::model::keys::Value;
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;
use std::collections::BTreeMap;

pub static FAMILY: Family = Family { name: "sorted_sets", kind: Kind::Resp(next) };

type Scores = BTreeMap<Vec<u8>, i64>;

fn next(random: &mut Random, _: &mut Ids) -> Vec<Operation> {
    let key = key(random, "sorted", 3);
    let member_count = if random.chance(70) { 12 } else { 300 };
    let member = format!("m{}", random.below(member_count)).into_bytes();
    let score = random.below(50) as i64;
    vec![match random.below(10) {
        0..=3 => add(key, member, score),
        4 => increment(key, member, score),
        5 => remove(key, member),
        6 => pop_lowest(key),
        7 => remove_range(key, score, score + 3),
        _ => range(key),
    }]
}

fn scores(moment: &mut Moment<'_>, key: &[u8]) -> Scores {
    match moment.read(key) {
        Some(Value::Sorted(scores)) => scores,
        _ => Scores::new(),
    }
}

fn in_order(scores: &Scores) -> Vec<(i64, Vec<u8>)> {
    let mut ordered: Vec<_> = scores.iter().map(|(member, score)| (*score, member.clone())).collect();
    ordered.sort_unstable();
    ordered
}

fn add(key: Vec<u8>, member: Vec<u8>, score: i64) -> Operation {
    Operation::command(words!["ZADD", key, score.to_string(), member], move |moment, _| {
        let mut scores = scores(moment, &key);
        let before = scores.insert(member.clone(), score);
        if before != Some(score) {
            moment.change(&key, Value::Sorted(scores));
        }
        Reply::Integer(i64::from(before.is_none()))
    })
}

fn increment(key: Vec<u8>, member: Vec<u8>, by: i64) -> Operation {
    Operation::command(words!["ZINCRBY", key, by.to_string(), member], move |moment, _| {
        let mut scores = scores(moment, &key);
        let before = scores.get(&member).copied();
        let sum = before.unwrap_or(0) + by;
        scores.insert(member.clone(), sum);
        if before != Some(sum) {
            moment.change(&key, Value::Sorted(scores));
        }
        Reply::bulk(sum.to_string().as_bytes())
    })
}

fn remove(key: Vec<u8>, member: Vec<u8>) -> Operation {
    Operation::command(words!["ZREM", key, member], move |moment, _| {
        let mut scores = scores(moment, &key);
        let was_there = scores.remove(&member).is_some();
        if was_there {
            moment.change(&key, Value::Sorted(scores));
        }
        Reply::Integer(i64::from(was_there))
    })
}

fn pop_lowest(key: Vec<u8>) -> Operation {
    Operation::command(words!["ZPOPMIN", key], move |moment, _| {
        let mut scores = scores(moment, &key);
        let Some((score, member)) = in_order(&scores).into_iter().next() else {
            return Reply::Array(Some(Vec::new()));
        };
        scores.remove(&member);
        moment.change(&key, Value::Sorted(scores));
        Reply::bulks([&member, &score.to_string().into_bytes()])
    })
}

fn remove_range(key: Vec<u8>, from: i64, to: i64) -> Operation {
    Operation::command(words!["ZREMRANGEBYSCORE", key, from.to_string(), to.to_string()], move |moment, _| {
        let mut scores = scores(moment, &key);
        let before = scores.len();
        scores.retain(|_, score| *score < from || *score > to);
        let count = before - scores.len();
        if count > 0 {
            moment.change(&key, Value::Sorted(scores));
        }
        Reply::Integer(count as i64)
    })
}

pub fn range(key: Vec<u8>) -> Operation {
    Operation::command(words!["ZRANGE", key, "0", "-1", "WITHSCORES"], move |moment, _| {
        let ordered = in_order(&scores(moment, &key));
        let flat: Vec<_> = ordered
            .into_iter()
            .flat_map(|(score, member)| [member, score.to_string().into_bytes()])
            .collect();
        Reply::bulks(&flat)
    })
}
