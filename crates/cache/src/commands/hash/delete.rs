//! HDEL.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::hash::RemoveFields;
use smallvec::SmallVec;
use std::borrow::Cow;
use warren_resp::Args;

pub static HDEL: CommandSpec = CommandSpec {
    name: "hdel",
    arity: -3,
    flags: Flags::WRITE.or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Removes one or more fields of a hash, and the hash with its last one.",
    complexity: "O(N) where N is the number of fields to remove.",
    syntax: "key field [field ...]",
    carrier: Carrier::Cache(hdel),
};

fn hdel(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let hash = context.shared.keyspace.hash(place)?;
    let is_there = |field: &Value<'_>| hash.is_some_and(|hash| hash.contains(field.as_slice()));
    let fields: SmallVec<[Value<'_>; 8]> =
        (2..args.len()).map(|index| Value::of(args, index)).filter(is_there).collect();
    let mut removed = 0;
    if !fields.is_empty() {
        removed = context.apply(RemoveFields { place, fields: Cow::Borrowed(&fields) });
    }
    context.reply.integer(removed as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn fields_go_and_the_hash_with_the_last() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("HSET h a 1 b 2 c 3", ":3|"),
                ("HDEL h a a x", ":1|"),
                ("HDEL h x", ":0|"),
                ("HDEL none x", ":0|"),
                ("HSET gone a 1", ":1|"),
                ("HDEL gone a", ":1|"),
                ("EXISTS gone", ":0|"),
                ("SET s x", "+OK|"),
                ("HDEL s x", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("HKEYS h", "*2|$1|b|$1|c|"), ("EXISTS gone", ":0|")]);
    }

    #[test]
    fn what_removes_nothing_leaves_no_record() {
        let mut world = World::default();
        let client = world.connect();
        world.run(client, "HSET h a 1");
        let size = world.batch.effects().len();
        world.transcript(client, &[("HDEL h x", ":0|"), ("HSETNX h a 2", ":0|"), ("HDEL none x", ":0|")]);
        assert_eq!(world.batch.effects().len(), size);
    }
}
