//! What single fields hold: HGET, HMGET, HEXISTS, HSTRLEN, and how many there are: HLEN.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::reply_text::reply_text_or_null;
use warren_resp::Args;

pub static HGET: CommandSpec = CommandSpec {
    name: "hget",
    arity: 3,
    flags: Flags::READONLY.or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns the value of a field of a hash.",
    complexity: "O(1)",
    syntax: "key field",
    carrier: Carrier::Cache(hget),
};

pub static HMGET: CommandSpec = CommandSpec {
    name: "hmget",
    arity: -3,
    summary: "Returns the values of several fields of a hash.",
    complexity: "O(N) where N is the number of fields asked for.",
    syntax: "key field [field ...]",
    carrier: Carrier::Cache(hmget),
    ..HGET
};

pub static HEXISTS: CommandSpec = CommandSpec {
    name: "hexists",
    summary: "Tells whether a field of a hash exists.",
    carrier: Carrier::Cache(hexists),
    ..HGET
};

pub static HSTRLEN: CommandSpec = CommandSpec {
    name: "hstrlen",
    since: "3.2.0",
    summary: "Returns the length of the value of a field of a hash.",
    carrier: Carrier::Cache(hstrlen),
    ..HGET
};

pub static HLEN: CommandSpec = CommandSpec {
    name: "hlen",
    arity: 2,
    summary: "Returns the number of fields of a hash.",
    syntax: "key",
    carrier: Carrier::Cache(hlen),
    ..HGET
};

fn hget(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let value = context.shared.keyspace.hash(place)?.and_then(|hash| hash.get(args.get(2)));
    reply_text_or_null(&mut context.reply, value.as_ref());
    Ok(())
}

fn hmget(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let hash = context.shared.keyspace.hash(place)?;
    context.reply.array(args.len() - 2);
    for field in args.from(2).iter() {
        let value = hash.and_then(|hash| hash.get(field));
        reply_text_or_null(&mut context.reply, value.as_ref());
    }
    Ok(())
}

fn hexists(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let exists = context.shared.keyspace.hash(place)?.is_some_and(|hash| hash.contains(args.get(2)));
    context.reply.integer(i64::from(exists));
    Ok(())
}

fn hstrlen(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let value = context.shared.keyspace.hash(place)?.and_then(|hash| hash.get(args.get(2)));
    context.reply.integer(value.map_or(0, |value| value.len() as i64));
    Ok(())
}

fn hlen(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.read(args.get(1));
    let length = context.shared.keyspace.hash(place)?.map_or(0, |hash| hash.len());
    context.reply.integer(length as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn fields_that_are_there_and_those_that_are_not() {
        let mut world = World::default();
        let client = world.connect();
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
        world.transcript(
            client,
            &[
                ("HSET h a 1 b hello", ":2|"),
                ("HGET h a", "$1|1|"),
                ("HGET h x", "$-1|"),
                ("HGET none a", "$-1|"),
                ("HMGET h b x a", "*3|$5|hello|$-1|$1|1|"),
                ("HMGET none b x", "*2|$-1|$-1|"),
                ("HEXISTS h a", ":1|"),
                ("HEXISTS h x", ":0|"),
                ("HSTRLEN h b", ":5|"),
                ("HSTRLEN h x", ":0|"),
                ("HLEN h", ":2|"),
                ("HLEN none", ":0|"),
                ("SET s x", "+OK|"),
                ("HGET s a", wrong_type),
                ("HMGET s a", wrong_type),
                ("HEXISTS s a", wrong_type),
                ("HSTRLEN s a", wrong_type),
                ("HLEN s", wrong_type),
            ],
        );
    }
}
