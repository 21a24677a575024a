//! Removing ranges: ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.

use super::add::ZADD;
use super::bound::Bounds;
use crate::command::{Carrier, CommandError, CommandSpec, Flags};
use crate::context::Context;
use crate::keyspace::effects::sorted_set::RemoveRanks;
use warren_resp::Args;

pub static ZREMRANGEBYRANK: CommandSpec = CommandSpec {
    name: "zremrangebyrank",
    arity: 4,
    flags: Flags::WRITE,
    since: "2.0.0",
    summary: "Removes the members between two ranks.",
    complexity: "O(log(N)+M) where N is the number of members and M of those removed.",
    syntax: "key start stop",
    carrier: Carrier::Cache(by_rank),
    ..ZADD
};

pub static ZREMRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zremrangebyscore",
    since: "1.2.0",
    summary: "Removes the members between two scores.",
    syntax: "key min max",
    carrier: Carrier::Cache(by_score),
    ..ZREMRANGEBYRANK
};

pub static ZREMRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zremrangebylex",
    since: "2.8.9",
    summary: "Removes the members between two members, where all scores are equal.",
    syntax: "key min max",
    carrier: Carrier::Cache(by_lex),
    ..ZREMRANGEBYRANK
};

fn by_rank(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    remove(context, args.get(1), Bounds::by_rank(args.get(2), args.get(3))?)
}

fn by_score(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    remove(context, args.get(1), Bounds::by_score(args.get(2), args.get(3))?)
}

fn by_lex(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    remove(context, args.get(1), Bounds::by_lex(args.get(2), args.get(3))?)
}

fn remove(context: &mut Context<'_, '_>, key: &[u8], bounds: Bounds<'_>) -> Result<(), CommandError> {
    let place = context.write(key);
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    let ranks = sorted_set.map_or(0..0, |sorted_set| bounds.ranks(sorted_set, false));
    if !ranks.is_empty() {
        context.apply(RemoveRanks { place, first: ranks.start, count: ranks.len() });
    }
    context.reply.integer(ranks.len() as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn ranges_go_and_stay_gone_after_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5|"),
                ("ZREMRANGEBYRANK z -1 -1", ":1|"),
                ("ZREMRANGEBYSCORE z (1 2", ":1|"),
                ("ZREMRANGEBYSCORE z 9 8", ":0|"),
                ("ZREMRANGEBYRANK none 0 1", ":0|"),
                ("ZREMRANGEBYRANK z x 1", "-ERR value is not an integer or out of range|"),
                ("ZREMRANGEBYSCORE z x 1", "-ERR min or max is not a float|"),
                ("ZREMRANGEBYLEX z x [a", "-ERR min or max not valid string range item|"),
                ("ZADD l 0 a 0 b 0 c", ":3|"),
                ("ZREMRANGEBYLEX l [a (c", ":2|"),
                ("ZREMRANGEBYLEX l - +", ":1|"),
            ],
        );
        for mut world in [world.replayed(), world] {
            let client = world.connect();
            world.transcript(client, &[("ZRANGE z 0 -1", "*3|$1|a|$1|c|$1|d|"), ("EXISTS l", ":0|")]);
        }
    }
}
