//! Lists.

pub mod edit;
pub mod pop;
pub mod push;
pub mod read;
pub mod transfer;

use crate::command::{CommandError, CommandSpec};
use crate::keyspace::effects::list::Side;
use crate::parse::is_option;

pub static ROWS: &[&CommandSpec] = &[
    &push::LPUSH,
    &push::RPUSH,
    &push::LPUSHX,
    &push::RPUSHX,
    &pop::LPOP,
    &pop::RPOP,
    &pop::LMPOP,
    &pop::BLPOP,
    &pop::BRPOP,
    &pop::BLMPOP,
    &transfer::LMOVE,
    &transfer::RPOPLPUSH,
    &transfer::BLMOVE,
    &transfer::BRPOPLPUSH,
    &read::LLEN,
    &read::LINDEX,
    &read::LRANGE,
    &read::LPOS,
    &edit::LSET,
    &edit::LINSERT,
    &edit::LREM,
    &edit::LTRIM,
];

/// `LEFT` or `RIGHT`.
fn need_side(word: &[u8]) -> Result<Side, CommandError> {
    if is_option(word, "LEFT") {
        Ok(Side::Left)
    } else if is_option(word, "RIGHT") {
        Ok(Side::Right)
    } else {
        Err(CommandError::Syntax)
    }
}

/// A range with negative positions counted from the end, cut to what is there; empty where nothing is.
fn range_of(start: i64, stop: i64, length: usize) -> std::ops::Range<usize> {
    let length = length as i64;
    let from_front = |position: i64| if position < 0 { position.saturating_add(length) } else { position };
    let start = from_front(start).max(0);
    let end = from_front(stop).min(length - 1) + 1;
    if start >= end { 0..0 } else { start as usize..end as usize }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn transcripts_and_their_replay() {
        let mut world = World::default();
        let client = world.connect();
        for (command, reply) in [
            ("RPUSH l a b c b", ":4|"),
            ("LPUSH l z", ":5|"),
            ("LPUSHX none z", ":0|"),
            ("LRANGE l 0 -1", "*5|$1|z|$1|a|$1|b|$1|c|$1|b|"),
            ("LRANGE l 3 1", "*0|"),
            ("LINDEX l -2", "$1|c|"),
            ("LINDEX none x", "$-1|"),
            ("LINDEX l -9223372036854775808", "$-1|"),
            ("LPOS l b RANK -1", ":4|"),
            ("LPOS l b RANK -9223372036854775808", ":4|"),
            ("LPOS l b COUNT 0", "*2|:2|:4|"),
            (
                "LPOS l b RANK 0",
                "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list|",
            ),
            ("LINSERT l BEFORE c x", ":6|"),
            ("LINSERT l AFTER none x", ":-1|"),
            ("LSET l 0 y", "+OK|"),
            ("LSET l 10 y", "-ERR index out of range|"),
            ("LREM l -1 b", ":1|"),
            ("LTRIM l 1 -1", "+OK|"),
            ("LRANGE l 0 -1", "*4|$1|a|$1|b|$1|x|$1|c|"),
            ("LPOP l 2", "*2|$1|a|$1|b|"),
            ("LPOP l -1", "-ERR value is out of range, must be positive|"),
            ("LPOP none 1", "*-1|"),
            ("RPOPLPUSH l m", "$1|c|"),
            ("LMOVE l l LEFT RIGHT", "$1|x|"),
            ("LMPOP 2 none m LEFT COUNT 3", "*2|$1|m|*1|$1|c|"),
            ("EXISTS m", ":0|"),
            ("BLPOP none l 0", "*2|$1|l|$1|x|"),
            ("BLPOP l -1", "-ERR timeout is negative|"),
            ("RPUSH l last", ":1|"),
        ] {
            assert_eq!(world.run(client, command), reply, "{command}");
        }
        let mut replayed = world.replayed();
        let client = replayed.connect();
        assert_eq!(replayed.run(client, "LRANGE l 0 -1"), "*1|$4|last|");
        assert_eq!(replayed.run(client, "EXISTS m none"), ":0|");
    }

    #[test]
    fn the_first_blocked_is_the_first_served() {
        let mut world = World::default();
        let (first, second, writer) = (world.connect(), world.connect(), world.connect());
        assert_eq!(world.run(first, "BLPOP a b 0"), "");
        assert_eq!(world.run(second, "BLMOVE b c LEFT LEFT 0"), "");
        assert_eq!(world.run(first, "PING"), "", "a blocked client's requests wait");
        assert_eq!(world.run(writer, "SET b text"), "+OK|");
        assert_eq!(world.received(first), "", "another type wakes nobody");
        assert_eq!(world.run(writer, "DEL b"), ":1|");
        assert_eq!(world.run(writer, "RPUSH b 1 2"), ":2|");
        assert_eq!(world.received(first), "*2|$1|b|$1|1|+PONG|");
        assert_eq!(world.received(second), "$1|2|");
        assert_eq!(world.run(writer, "LRANGE c 0 -1"), "*1|$1|2|");
        assert_eq!(world.run(first, "BRPOP a 0.5"), "");
        world.now = world.now.saturating_add(500);
        world.tick();
        assert_eq!(world.received(first), "*-1|");
        let mut replayed = world.replayed();
        let client = replayed.connect();
        assert_eq!(replayed.run(client, "KEYS *"), "*1|$1|c|");
    }
}
