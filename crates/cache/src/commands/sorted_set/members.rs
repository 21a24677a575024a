//! Single members: ZREM, ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK.

use super::add::ZADD;
use super::scored::reply_score;
use crate::command::{Carrier, CommandError, CommandSpec, Flags};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::sorted_set::RemoveScored;
use crate::values::SortedSet;
use smallvec::SmallVec;
use warren_resp::{Args, Reply};

pub static ZREM: CommandSpec = CommandSpec {
    name: "zrem",
    arity: -3,
    flags: Flags::WRITE.or(Flags::FAST),
    summary: "Removes members from a sorted set, which goes with its last one.",
    complexity: "O(M log(N)) where M is the number of members given and N of those in the sorted set.",
    syntax: "key member [member ...]",
    carrier: Carrier::Cache(zrem),
    ..ZADD
};

pub static ZCARD: CommandSpec = CommandSpec {
    name: "zcard",
    arity: 2,
    flags: Flags::READONLY.or(Flags::FAST),
    summary: "Counts the members of a sorted set.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(zcard),
    ..ZADD
};

pub static ZSCORE: CommandSpec = CommandSpec {
    name: "zscore",
    arity: 3,
    summary: "Returns the score of a member.",
    syntax: "key member",
    carrier: Carrier::Cache(zscore),
    ..ZCARD
};

pub static ZMSCORE: CommandSpec = CommandSpec {
    name: "zmscore",
    arity: -3,
    since: "6.2.0",
    summary: "Returns the scores of several members.",
    complexity: "O(N) where N is the number of members asked about.",
    syntax: "key member [member ...]",
    carrier: Carrier::Cache(zmscore),
    ..ZCARD
};

pub static ZRANK: CommandSpec = CommandSpec {
    name: "zrank",
    arity: 3,
    since: "2.0.0",
    summary: "Returns how many members have a lower score.",
    complexity: "O(log(N))",
    syntax: "key member",
    carrier: Carrier::Cache(zrank),
    ..ZCARD
};

pub static ZREVRANK: CommandSpec = CommandSpec {
    name: "zrevrank",
    summary: "Returns how many members have a higher score.",
    carrier: Carrier::Cache(zrevrank),
    ..ZRANK
};

fn zrem(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    let is_there = |member: &[u8]| sorted_set.is_some_and(|sorted_set| sorted_set.contains(member));
    let members: SmallVec<[Value<'_>; 4]> = (2..args.len())
        .filter(|position| is_there(args.get(*position)))
        .map(|position| Value::of(args, position))
        .collect();
    let mut removed = 0;
    if !members.is_empty() {
        removed = context.apply(RemoveScored { place, members: members.as_slice().into() });
    }
    context.reply.integer(removed as i64);
    Ok(())
}

fn zcard(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let count = context.shared.keyspace.sorted_set(place)?.map_or(0, SortedSet::len);
    context.reply.integer(count as i64);
    Ok(())
}

fn zscore(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    reply_score_of(&mut context.reply, sorted_set, args.get(2));
    Ok(())
}

fn zmscore(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    context.reply.array(args.len() - 2);
    for member in args.from(2).iter() {
        reply_score_of(&mut context.reply, sorted_set, member);
    }
    Ok(())
}

fn reply_score_of(reply: &mut Reply<'_>, sorted_set: Option<&SortedSet>, member: &[u8]) {
    match sorted_set.and_then(|sorted_set| sorted_set.score(member)) {
        Some(score) => reply_score(reply, score),
        None => reply.null(),
    }
}

fn zrank(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    rank(context, args, |_, rank| rank)
}

fn zrevrank(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    rank(context, args, |length, rank| length - 1 - rank)
}

fn rank(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    counted: impl Fn(usize, usize) -> usize,
) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    let rank = sorted_set
        .and_then(|sorted_set| sorted_set.rank(args.get(2)).map(|rank| counted(sorted_set.len(), rank)));
    match rank {
        Some(rank) => context.reply.integer(rank as i64),
        None => context.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn scores_and_ranks_of_members() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD z 1 a 2.5 b inf c", ":3|"),
                ("ZCARD z", ":3|"),
                ("ZCARD none", ":0|"),
                ("ZSCORE z b", "$3|2.5|"),
                ("ZSCORE z none", "$-1|"),
                ("ZMSCORE z c none a", "*3|$3|inf|$-1|$1|1|"),
                ("ZMSCORE none a", "*1|$-1|"),
                ("ZRANK z a", ":0|"),
                ("ZREVRANK z a", ":2|"),
                ("ZRANK z none", "$-1|"),
                ("ZRANK z b WITHSCORE", "-ERR wrong number of arguments for 'zrank' command|"),
                ("ZREM z a a none", ":1|"),
                ("ZREM z b c", ":2|"),
                ("EXISTS z", ":0|"),
                ("SET s x", "+OK|"),
                ("ZSCORE s a", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        assert_eq!(replayed.run(client, "EXISTS z"), ":0|");
    }
}
