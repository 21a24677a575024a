//! Setting fields: HSET, HMSET, HSETNX.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::hash::SetFields;
use smallvec::SmallVec;
use std::borrow::Cow;
use warren_resp::Args;

pub static HSET: CommandSpec = CommandSpec {
    name: "hset",
    arity: -4,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Sets the values of one or more fields of a hash.",
    complexity: "O(N) where N is the number of fields set.",
    syntax: "key field value [field value ...]",
    carrier: Carrier::Cache(hset),
};

pub static HMSET: CommandSpec = CommandSpec {
    name: "hmset",
    summary: "Sets the values of several fields of a hash; HSET does the same.",
    carrier: Carrier::Cache(hmset),
    ..HSET
};

pub static HSETNX: CommandSpec = CommandSpec {
    name: "hsetnx",
    arity: 4,
    summary: "Sets the value of a field of a hash if the field does not exist.",
    complexity: "O(1)",
    syntax: "key field value",
    carrier: Carrier::Cache(hsetnx),
    ..HSET
};

fn hset(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let added = set_pairs(context, args, &HSET)?;
    context.reply.integer(added as i64);
    Ok(())
}

fn hmset(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    set_pairs(context, args, &HMSET)?;
    context.reply.ok();
    Ok(())
}

fn hsetnx(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let hash = context.shared.keyspace.hash(place)?;
    let is_free = hash.is_none_or(|hash| !hash.contains(args.get(2)));
    if is_free {
        let pair = [Value::of(args, 2), Value::of(args, 3)];
        context.apply(SetFields { place, pairs: Cow::Borrowed(&pair) });
    }
    context.reply.integer(i64::from(is_free));
    Ok(())
}

/// Sets the pairs from the third argument on; answers how many fields are new.
fn set_pairs(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    spec: &CommandSpec,
) -> Result<usize, CommandError> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::wrong_arity(spec.name));
    }
    let place = context.write(args.get(1));
    context.shared.keyspace.hash(place)?;
    let pairs: SmallVec<[Value<'_>; 8]> = (2..args.len()).map(|index| Value::of(args, index)).collect();
    Ok(context.apply(SetFields { place, pairs: Cow::Borrowed(&pairs) }))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn fields_are_set_and_replayed() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("HSET h a 1 b 2 a 3", ":2|"),
                ("HSET h a", "-ERR wrong number of arguments for 'hset' command|"),
                ("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command|"),
                ("HMSET h b 4 c 5", "+OK|"),
                ("HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command|"),
                ("HSETNX h c 6", ":0|"),
                ("HSETNX h d 7", ":1|"),
                ("HSETNX new d 7", ":1|"),
                ("SET s x", "+OK|"),
                ("HSET s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
                ("HSETNX s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(
            client,
            &[("HGETALL h", "*8|$1|a|$1|3|$1|b|$1|4|$1|c|$1|5|$1|d|$1|7|"), ("HGETALL new", "*2|$1|d|$1|7|")],
        );
    }
}
