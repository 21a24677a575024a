//! All fields at once: HGETALL, HKEYS, HVALS.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::reply_text::reply_text;
use crate::values::Text;
use warren_resp::{Args, Reply};

pub static HGETALL: CommandSpec = CommandSpec {
    name: "hgetall",
    arity: 2,
    flags: Flags::READONLY,
    keys: Keys::FIRST,
    categories: "",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns all fields of a hash with their values.",
    complexity: "O(N) where N is the number of fields.",
    syntax: "key",
    carrier: Carrier::Cache(hgetall),
};

pub static HKEYS: CommandSpec = CommandSpec {
    name: "hkeys",
    summary: "Returns all fields of a hash.",
    carrier: Carrier::Cache(hkeys),
    ..HGETALL
};

pub static HVALS: CommandSpec = CommandSpec {
    name: "hvals",
    summary: "Returns the values of all fields of a hash.",
    carrier: Carrier::Cache(hvals),
    ..HGETALL
};

fn hgetall(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_all(
        context,
        args,
        |reply, count| reply.map(count),
        |reply, field, value| {
            reply_text(reply, field);
            reply_text(reply, value);
        },
    )
}

fn hkeys(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_all(context, args, |reply, count| reply.array(count), |reply, field, _| reply_text(reply, field))
}

fn hvals(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_all(context, args, |reply, count| reply.array(count), |reply, _, value| reply_text(reply, value))
}

/// Replies a head, which gets the number of fields, and what each field adds.
fn reply_all(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    head: fn(&mut Reply<'_>, usize),
    each: impl Fn(&mut Reply<'_>, &Text<'_>, &Text<'_>),
) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let hash = context.shared.keyspace.hash(place)?;
    head(&mut context.reply, hash.map_or(0, |hash| hash.len()));
    for (field, value) in hash.iter().flat_map(|hash| hash.iter()) {
        each(&mut context.reply, &field, &value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn all_fields_in_both_protocols() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("HSET h a 1 b 2", ":2|"),
                ("HGETALL h", "*4|$1|a|$1|1|$1|b|$1|2|"),
                ("HKEYS h", "*2|$1|a|$1|b|"),
                ("HVALS h", "*2|$1|1|$1|2|"),
                ("HGETALL none", "*0|"),
                ("HKEYS none", "*0|"),
                ("SET s x", "+OK|"),
                ("HVALS s", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ],
        );
        world.run(client, "HELLO 3");
        world.transcript(
            client,
            &[("HGETALL h", "%2|$1|a|$1|1|$1|b|$1|2|"), ("HGETALL none", "%0|"), ("HKEYS none", "*0|")],
        );
    }
}
