//! RENAME, COPY, TYPE: whole values change places, their deadlines with them.

use super::{Family, Ids, Kind, key};
use crate::model::Moment;
use crate::model::keys::{Item, Value};
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;

pub static FAMILY: Family = Family { name: "keys", kind: Kind::Resp(next) };

/// Keys of other families, of the same type and of different ones.
const PREFIXES: [&str; 4] = ["string", "hash", "sorted", "expiring"];

fn next(random: &mut Random, _: &mut Ids) -> Vec<Operation> {
    let prefix = *random.pick(&PREFIXES);
    let (from, to) = (key(random, prefix, 4), key(random, prefix, 4));
    vec![match random.below(5) {
        _ if from == to => kind(from),
        0..=1 => rename(from, to),
        2..=3 => copy(from, to, random.chance(50)),
        _ => kind(from),
    }]
}

/// The value of a key that a command is about to take or to overwrite: an expired one is removed first.
fn opened(moment: &mut Moment<'_>, key: &[u8]) -> Option<Item> {
    moment.open(key);
    moment.read_item(key)
}

fn rename(from: Vec<u8>, to: Vec<u8>) -> Operation {
    Operation::command(words!["RENAME", from, to], move |moment, _| {
        moment.open(&to);
        let Some(item) = opened(moment, &from) else { return Reply::Error("ERR no such key".to_owned()) };
        moment.set_item(&from, None);
        moment.set_item(&to, Some(item));
        Reply::OK()
    })
}

fn copy(from: Vec<u8>, to: Vec<u8>, replaces: bool) -> Operation {
    let mut words = words!["COPY", from, to];
    if replaces {
        words.extend(words!["REPLACE"]);
    }
    Operation::command(words, move |moment, _| {
        let is_taken = opened(moment, &to).is_some();
        let Some(item) = opened(moment, &from) else { return Reply::Integer(0) };
        if is_taken && !replaces {
            return Reply::Integer(0);
        }
        moment.set_item(&to, Some(item));
        Reply::Integer(1)
    })
}

fn kind(key: Vec<u8>) -> Operation {
    Operation::command(words!["TYPE", key], move |moment, _| {
        let name = match moment.read(&key) {
            None => "none",
            Some(Value::Text(_)) => "string",
            Some(Value::List(_)) => "list",
            Some(Value::Hash(_)) => "hash",
            Some(Value::Set(_)) => "set",
            Some(Value::Sorted(_)) => "zset",
        };
        Reply::Simple(name.to_owned())
    })
}
