//! Intersection, union and difference: SINTER, SUNION, SDIFF, their STORE forms, SINTERCARD.

use super::members::{SCARD, reply_members};
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Keys};
use crate::context::Context;
use crate::keyspace::{Container, Keyspace, Place};
use crate::parse::{is_option, need_positive_or};
use crate::store::store;
use crate::values::{Limits, Set, Text};
use smallvec::SmallVec;
use warren_resp::Args;

pub static SINTER: CommandSpec = CommandSpec {
    name: "sinter",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::ALL,
    summary: "Returns the members that all of several sets have.",
    complexity: "O(N*M) at worst where N is the size of the smallest set and M the number of sets.",
    syntax: "key [key ...]",
    carrier: Carrier::Cache(sinter),
    ..SCARD
};

pub static SINTERSTORE: CommandSpec = CommandSpec {
    name: "sinterstore",
    arity: -3,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    summary: "Stores the members that all of several sets have.",
    syntax: "destination key [key ...]",
    carrier: Carrier::Cache(sinterstore),
    ..SINTER
};

pub static SINTERCARD: CommandSpec = CommandSpec {
    name: "sintercard",
    arity: -3,
    flags: Flags::READONLY.or(Flags::MOVABLE_KEYS),
    keys: Keys::Counted { count_at: 1 },
    since: "7.0.0",
    summary: "Counts the members that all of several sets have.",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    carrier: Carrier::Cache(sintercard),
    ..SINTER
};

pub static SUNION: CommandSpec = CommandSpec {
    name: "sunion",
    summary: "Returns the members that any of several sets has.",
    complexity: "O(N) where N is the number of members in all sets together.",
    carrier: Carrier::Cache(sunion),
    ..SINTER
};

pub static SUNIONSTORE: CommandSpec = CommandSpec {
    name: "sunionstore",
    summary: "Stores the members that any of several sets has.",
    complexity: SUNION.complexity,
    carrier: Carrier::Cache(sunionstore),
    ..SINTERSTORE
};

pub static SDIFF: CommandSpec = CommandSpec {
    name: "sdiff",
    summary: "Returns the members of the first set that no other has.",
    complexity: "O(N*M) at worst where N is the size of the first set and M the number of sets.",
    carrier: Carrier::Cache(sdiff),
    ..SINTER
};

pub static SDIFFSTORE: CommandSpec = CommandSpec {
    name: "sdiffstore",
    summary: "Stores the members of the first set that no other has.",
    complexity: SDIFF.complexity,
    carrier: Carrier::Cache(sdiffstore),
    ..SINTERSTORE
};

/// The sets of a request in its order; `None` where there is no such key.
type Sets<'k> = SmallVec<[Option<&'k Set>; 4]>;

fn sinter(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let places = places(context, args.from(1));
    let members: Vec<_> = intersection(&sets(&context.shared.keyspace, &places)?).collect();
    reply_members(&mut context.reply, members.into_iter());
    Ok(())
}

fn sunion(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let places = places(context, args.from(1));
    let members = union(&sets(&context.shared.keyspace, &places)?);
    let members = collected(members, &context.shared.keyspace.limits);
    reply_members(&mut context.reply, members.iter());
    Ok(())
}

fn sdiff(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let places = places(context, args.from(1));
    let members: Vec<_> = difference(&sets(&context.shared.keyspace, &places)?).collect();
    reply_members(&mut context.reply, members.into_iter());
    Ok(())
}

fn sinterstore(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let places = places(context, args.from(2));
    let members = intersection(&sets(&context.shared.keyspace, &places)?);
    let result = collected(members, &context.shared.keyspace.limits);
    store_set(context, args.get(1), result)
}

fn sunionstore(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let places = places(context, args.from(2));
    let members = union(&sets(&context.shared.keyspace, &places)?);
    let result = collected(members, &context.shared.keyspace.limits);
    store_set(context, args.get(1), result)
}

fn sdiffstore(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let places = places(context, args.from(2));
    let members = difference(&sets(&context.shared.keyspace, &places)?);
    let result = collected(members, &context.shared.keyspace.limits);
    store_set(context, args.get(1), result)
}

fn sintercard(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (keys, limit) = read_counted_keys_and_limit(args)?;
    let places: SmallVec<[_; 4]> = keys.iter().map(|key| context.read(key)).collect();
    let sets = sets(&context.shared.keyspace, &places)?;
    let count = intersection(&sets).take(limit).count();
    context.reply.integer(count as i64);
    Ok(())
}

/// `numkeys key … [LIMIT limit]`; no limit and a limit of 0 are the same.
fn read_counted_keys_and_limit(args: Args<'_>) -> Result<(Vec<&[u8]>, usize), CommandError> {
    let key_count = need_positive_or(args.get(1), "ERR numkeys should be greater than 0")?;
    if key_count == 0 {
        return Err(CommandError::fixed("ERR numkeys should be greater than 0"));
    }
    if key_count > args.len() - 2 {
        return Err(CommandError::fixed("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = 0;
    let mut position = 2 + key_count;
    while position < args.len() {
        if !is_option(args.get(position), "LIMIT") || position + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        limit = need_positive_or(args.get(position + 1), "ERR LIMIT can't be negative")?;
        position += 2;
    }
    let limit = if limit == 0 { usize::MAX } else { limit };
    Ok((args.from(2).iter().take(key_count).collect(), limit))
}

fn places<'a>(context: &mut Context<'_, '_>, keys: Args<'a>) -> SmallVec<[Place<'a>; 4]> {
    keys.iter().map(|key| context.read(key)).collect()
}

fn sets<'k>(keyspace: &'k Keyspace, places: &[Place<'_>]) -> Result<Sets<'k>, CommandError> {
    places.iter().map(|place| keyspace.set(*place)).collect()
}

/// Goes through the smallest set and asks the others, the next smallest first.
fn intersection<'k>(sets: &Sets<'k>) -> impl Iterator<Item = Text<'k>> + use<'k> {
    let mut by_size: Sets<'k> = sets.clone();
    by_size.sort_by_key(|set| set.map_or(0, Set::len));
    let smallest = by_size.first().copied().flatten();
    let members = smallest.into_iter().flat_map(Set::iter);
    members.filter(move |member| by_size[1..].iter().flatten().all(|set| set.contains(member)))
}

/// The members of all sets one after the other: one may come more than once.
fn union<'k>(sets: &Sets<'k>) -> impl Iterator<Item = Text<'k>> + use<'k> {
    sets.clone().into_iter().flatten().flat_map(Set::iter)
}

fn difference<'k>(sets: &Sets<'k>) -> impl Iterator<Item = Text<'k>> + use<'k> {
    let mut others = sets.clone();
    let first = others.remove(0);
    let members = first.into_iter().flat_map(Set::iter);
    members.filter(move |member| !others.iter().flatten().any(|set| set.contains(member)))
}

fn collected<'k>(members: impl Iterator<Item = Text<'k>>, limits: &Limits) -> Set {
    let mut set = Set::default();
    members.for_each(|member| {
        set.insert(member, limits);
    });
    set
}

fn store_set(context: &mut Context<'_, '_>, destination: &[u8], result: Set) -> Result<(), CommandError> {
    let count = result.len();
    store(context, destination, (count > 0).then(|| Container::Set(Box::new(result))))?;
    context.reply.integer(count as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn results_are_returned_stored_and_replayed() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("SADD a 1 2 3 4", ":4|"),
                ("SADD b 2 4 6", ":3|"),
                ("SADD c 4 x", ":2|"),
                ("SINTER a b", "*2|$1|2|$1|4|"),
                ("SINTER a b none", "*0|"),
                ("SUNION a b none", "*5|$1|1|$1|2|$1|3|$1|4|$1|6|"),
                ("SDIFF a b none", "*2|$1|1|$1|3|"),
                ("SDIFF none a", "*0|"),
                ("SINTERCARD 2 a b", ":2|"),
                ("SINTERCARD 2 a b LIMIT 1", ":1|"),
                ("SINTERCARD 2 a b LIMIT 0", ":2|"),
                ("SINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative|"),
                ("SINTERCARD 2 a b LIMIT", "-ERR syntax error|"),
                ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0|"),
                ("SINTERCARD x a", "-ERR numkeys should be greater than 0|"),
                ("SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args|"),
                ("SINTERSTORE i a b c", ":1|"),
                ("SUNIONSTORE u a b", ":5|"),
                ("SDIFFSTORE a a b", ":2|"),
                ("SET string x", "+OK|"),
                ("SUNIONSTORE string b", ":3|"),
                ("SINTERSTORE b b none", ":0|"),
                ("SET string2 x", "+OK|"),
                ("SDIFF none string2", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ],
        );
        for mut world in [world.replayed(), world] {
            let client = world.connect();
            world.transcript(
                client,
                &[
                    ("SMEMBERS i", "*1|$1|4|"),
                    ("SMEMBERS a", "*2|$1|1|$1|3|"),
                    ("SMEMBERS string", "*3|$1|2|$1|4|$1|6|"),
                    ("SCARD u", ":5|"),
                    ("EXISTS b", ":0|"),
                ],
            );
        }
    }
}
