//! Any command that changes the keyspace, in databases of its own. Nobody foretells the replies: what counts is
//! that the records give the same state again.

use super::{Family, Ids, Kind};
use crate::operation::{Operation, words};
use crate::random::Random;
use crate::reply::Reply;

pub static FAMILY: Family = Family { name: "anything", kind: Kind::Resp(next) };

/// `$s $l $h $e $z` are keys for strings, lists, hashes, sets and sorted sets, `$k` for anything; `$v` is a value,
/// `$n` a number, `$f` a field, member or element, `$t` milliseconds.
const COMMANDS: &[&str] = &[
    "SET $s $v",
    "SET $s $n",
    "SET $s $v PX $t",
    "SET $s $v KEEPTTL",
    "SET $s $n NX PX $t",
    "GETSET $s $v",
    "MSETNX $s $v $s $n",
    "APPEND $s $n",
    "SETRANGE $s $n $v",
    "SETBIT $s $n 1",
    "BITOP XOR $s $s $s",
    "BITFIELD $s SET u8 $n 200 INCRBY i5 $n 1",
    "INCR $s",
    "DECRBY $s $n",
    "INCRBYFLOAT $s 1.5",
    "GETEX $s PX $t",
    "GETEX $s PERSIST",
    "GETDEL $s",
    "RPUSH $l $f $v $f",
    "LPUSH $l $f",
    "LPUSHX $l $n",
    "LPOP $l 2",
    "RPOP $l",
    "LINSERT $l BEFORE $f $v",
    "LREM $l -1 $f",
    "LTRIM $l 1 -2",
    "LSET $l -1 $v",
    "LMOVE $l $l RIGHT LEFT",
    "RPOPLPUSH $l $l",
    "LMPOP 2 $l $l LEFT COUNT 2",
    "SORT $l ALPHA STORE $l",
    "HSET $h $f $v $f $n",
    "HSETNX $h $f $n",
    "HDEL $h $f $f",
    "HINCRBY $h $n $n",
    "HINCRBYFLOAT $h $n 0.1",
    "SADD $e $f $n",
    "SADD $e $n $n",
    "SREM $e $f $n",
    "SPOP $e 2",
    "SPOP $e",
    "SMOVE $e $e $f",
    "SINTERSTORE $e $e $e",
    "SDIFFSTORE $e $e $e",
    "SUNIONSTORE $e $e $e",
    "ZADD $z $n $f 1.25 $f",
    "ZADD $z GT CH $n $f",
    "ZADD $z INCR $n $f",
    "ZINCRBY $z -3.5 $f",
    "ZREM $z $f $f",
    "ZPOPMAX $z 2",
    "ZMPOP 1 $z MIN COUNT 2",
    "ZREMRANGEBYRANK $z 0 1",
    "ZREMRANGEBYSCORE $z ($n inf",
    "ZREMRANGEBYLEX $z [f1 [f3",
    "ZRANGESTORE $z $z 0 3",
    "ZUNIONSTORE $z 2 $z $e",
    "DEL $k $k",
    "UNLINK $k",
    "RENAME $k $k",
    "RENAMENX $k $k",
    "COPY $k $k REPLACE",
    "COPY $k $k DB 2",
    "MOVE $k 3",
    "PEXPIRE $k $t",
    "PEXPIRE $k $t GT",
    "PEXPIREAT $k 1",
    "EXPIRE $k 100",
    "PERSIST $k",
    "SWAPDB 1 2",
    "FLUSHDB",
];

fn next(random: &mut Random, ids: &mut Ids) -> Vec<Operation> {
    // A fresh connection is in database 0, where the others are.
    let database = 1 + random.below(3);
    let mut operations = vec![any_reply(words!["SELECT", database.to_string()])];
    for _ in 0..1 + random.below(6) {
        let command = *random.pick(COMMANDS);
        if command == "FLUSHDB" && random.chance(80) {
            continue;
        }
        let words = command.split(' ').map(|word| filled(word, random, ids));
        operations.push(any_reply(words.collect()));
    }
    operations
}

fn filled(word: &str, random: &mut Random, ids: &mut Ids) -> Vec<u8> {
    const KINDS: [&str; 5] = ["s", "l", "h", "e", "z"];
    let key = |random: &mut Random, kind: &str| format!("any:{kind}:{}", random.below(3)).into_bytes();
    match word.strip_prefix('$') {
        Some("k") => {
            let kind = *random.pick(&KINDS);
            key(random, kind)
        }
        Some("v") => ids.value(random),
        Some("n") => random.below(40).to_string().into_bytes(),
        Some("f") => format!("f{}", random.below(20)).into_bytes(),
        Some("t") => (1 + random.below(400)).to_string().into_bytes(),
        Some(kind) => key(random, kind),
        None => word.replace("$n", &random.below(40).to_string()).into_bytes(),
    }
}

fn any_reply(words: Vec<Vec<u8>>) -> Operation {
    Operation::command(words, |_, actual| -> Reply { actual.clone() })
}
