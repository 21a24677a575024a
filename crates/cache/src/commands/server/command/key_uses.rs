//! What commands do to their keys, in the words of key specifications: whether they read, change, remove or
//! replace the value, and whether its content matters to the reply or to what is written.

use crate::command::{CommandSpec, Flags, Keys};
use crate::parse::is_option;
use warren_resp::Args;

/// The flags of one key specification, blank-separated.
type Use = &'static str;

const READ: Use = "RO access";
const LOOK: Use = "RO";
const CHANGE: Use = "RW update";
const READ_AND_CHANGE: Use = "RW access update";
const ADD: Use = "RW insert";
const DELETE: Use = "RW delete";
const TAKE: Use = "RW access delete";
const REPLACE: Use = "OW update";
const PLACE: Use = "OW insert";
const REMOVE: Use = "RM delete";
const VARIABLE: Use = "RW access update variable_flags";

/// One key specification of a command.
pub struct Specification {
    pub flags: Use,
    /// `None` where only the command itself can find the keys.
    pub keys: Option<Keys>,
}

/// The key specifications of a row.
pub fn specifications(spec: &CommandSpec) -> Vec<Specification> {
    let uses = uses(spec);
    let shares: Vec<Option<Keys>> = match (spec.keys, uses.len()) {
        (Keys::None, _) => return Vec::new(),
        (Keys::Range { first, last, step }, 2) if first != last => {
            vec![Some(alone(first)), Some(Keys::Range { first: first + 1, last, step })]
        }
        (Keys::RangeAndCounted { first, count_at }, _) => {
            vec![Some(alone(first)), Some(Keys::Counted { count_at })]
        }
        (Keys::Found(_), _) => vec![Some(alone(1))],
        (keys, _) => vec![Some(keys)],
    };
    let shares = shares.into_iter().chain(std::iter::repeat(None));
    uses.iter().zip(shares).map(|(flags, keys)| Specification { flags, keys }).collect()
}

/// What a call does to its keys: the first use is the first key's, the last that of all others.
pub fn uses_of_call(spec: &CommandSpec, call: Args<'_>) -> Vec<Use> {
    match (uses(spec), spec.name) {
        ([VARIABLE], "set") => {
            let returns_old = call.from(3).iter().any(|word| is_option(word, "GET"));
            vec![if returns_old { READ_AND_CHANGE } else { REPLACE }]
        }
        ([VARIABLE], _) => {
            let changes = |word| is_option(word, "SET") || is_option(word, "INCRBY");
            vec![if call.from(2).iter().any(changes) { READ_AND_CHANGE } else { READ }]
        }
        (uses, _) => uses.to_vec(),
    }
}

fn alone(position: i32) -> Keys {
    Keys::Range { first: position, last: position, step: 1 }
}

/// One use for all keys, or the first key's and the others'. Where a row is not named here, its flags say
/// it: it reads, or it changes what it need not return.
fn uses(spec: &CommandSpec) -> &'static [Use] {
    match spec.name {
        "set" | "bitfield" => &[VARIABLE],
        "del" | "unlink" => &[REMOVE],
        "exists" | "touch" | "type" | "encoding" | "freq" | "idletime" | "refcount" | "usage" | "watch" => {
            &[LOOK]
        }
        "hexists" | "hstrlen" | "hlen" | "llen" | "strlen" | "scard" | "sismember" | "zcard" => &[LOOK],
        "setbit" | "move" | "hincrby" | "hincrbyfloat" | "getex" | "getset" | "incr" | "decr" | "incrby"
        | "decrby" | "incrbyfloat" | "zincrby" => &[READ_AND_CHANGE],
        "hsetnx" | "lpush" | "rpush" | "lpushx" | "rpushx" | "linsert" | "append" | "sadd" => &[ADD],
        "hdel" | "lrem" | "ltrim" | "srem" | "zrem" | "zremrangebyrank" | "zremrangebyscore"
        | "zremrangebylex" => &[DELETE],
        "lpop" | "rpop" | "lmpop" | "blpop" | "brpop" | "blmpop" | "getdel" | "spop" | "zpopmin"
        | "zpopmax" | "bzpopmin" | "bzpopmax" | "zmpop" | "bzmpop" => &[TAKE],
        "lmove" | "rpoplpush" | "blmove" | "brpoplpush" | "smove" => &[TAKE, ADD],
        "setnx" | "msetnx" => &[PLACE],
        "setex" | "psetex" | "mset" => &[REPLACE],
        "bitop" | "sunionstore" | "sdiffstore" | "zrangestore" | "zunionstore" | "zinterstore"
        | "zdiffstore" | "geosearchstore" => &[REPLACE, READ],
        "sinterstore" => &[CHANGE, READ],
        "rename" => &[TAKE, REPLACE],
        "renamenx" => &[TAKE, PLACE],
        "copy" => &[READ, REPLACE],
        "sort" => &[READ, READ, REPLACE],
        "georadius" | "georadiusbymember" => &[READ, REPLACE, REPLACE],
        "sort_ro" => &[READ, READ],
        _ if spec.flags.has(Flags::WRITE) => &[CHANGE],
        _ => &[READ],
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn calls_tell_what_they_do_to_their_keys() {
        let mut world = World::default();
        let client = world.connect();
        world.run(client, "HELLO 3");
        world.transcript(
            client,
            &[
                ("COMMAND GETKEYSANDFLAGS SET k v", "*1|*2|$1|k|~2|+OW|+update|"),
                ("COMMAND GETKEYSANDFLAGS SET k v GET", "*1|*2|$1|k|~3|+RW|+access|+update|"),
                ("COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0", "*1|*2|$1|k|~2|+RO|+access|"),
                (
                    "COMMAND GETKEYSANDFLAGS LMOVE a b LEFT LEFT",
                    "*2|*2|$1|a|~3|+RW|+access|+delete|*2|$1|b|~2|+RW|+insert|",
                ),
                (
                    "COMMAND GETKEYSANDFLAGS ZUNIONSTORE d 1 a",
                    "*2|*2|$1|d|~2|+OW|+update|*2|$1|a|~2|+RO|+access|",
                ),
                (
                    "COMMAND GETKEYSANDFLAGS SORT a BY x STORE b",
                    "*2|*2|$1|a|~2|+RO|+access|*2|$1|b|~2|+OW|+update|",
                ),
                ("COMMAND GETKEYSANDFLAGS MGET a b", "*2|*2|$1|a|~2|+RO|+access|*2|$1|b|~2|+RO|+access|"),
            ],
        );
    }
}
