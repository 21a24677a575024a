//! Several keys at once: MGET, MSET, MSETNX.

use super::get::reply_string_or_null;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::string::{Deadline, SetString};
use warren_resp::Args;

pub static MGET: CommandSpec = CommandSpec {
    name: "mget",
    arity: -2,
    flags: Flags::READONLY.or(Flags::FAST),
    keys: Keys::ALL,
    categories: "",
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the string values of one or more keys.",
    complexity: "O(N) where N is the number of keys.",
    syntax: "key [key ...]",
    carrier: Carrier::Cache(mget),
};

pub static MSET: CommandSpec = CommandSpec {
    name: "mset",
    arity: -3,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    keys: Keys::Range { first: 1, last: -1, step: 2 },
    since: "1.0.1",
    summary: "Sets the string values of one or more keys at once.",
    syntax: "key value [key value ...]",
    carrier: Carrier::Cache(mset),
    ..MGET
};

pub static MSETNX: CommandSpec = CommandSpec {
    name: "msetnx",
    summary: "Sets the string values of one or more keys if none of the keys exists.",
    carrier: Carrier::Cache(msetnx),
    ..MSET
};

fn mget(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    context.reply.array(args.len() - 1);
    for key in args.from(1).iter() {
        let place = context.read(key);
        let string = context.shared.keyspace.string(place).unwrap_or(None);
        reply_string_or_null(&mut context.reply, string);
    }
    Ok(())
}

fn mset(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    need_pairs(args, &MSET)?;
    set_all(context, args);
    context.reply.ok();
    Ok(())
}

fn msetnx(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    need_pairs(args, &MSETNX)?;
    let database = context.session.database;
    let is_free =
        (1..args.len()).step_by(2).all(|position| context.peek(database, args.get(position)).slot.is_none());
    if is_free {
        set_all(context, args);
    }
    context.reply.integer(i64::from(is_free));
    Ok(())
}

fn need_pairs(args: Args<'_>, spec: &CommandSpec) -> Result<(), CommandError> {
    if args.len().is_multiple_of(2) { Err(CommandError::wrong_arity(spec.name)) } else { Ok(()) }
}

fn set_all(context: &mut Context<'_, '_>, args: Args<'_>) {
    for position in (1..args.len()).step_by(2) {
        let place = context.write(args.get(position));
        let value = Value::of(args, position + 1);
        context.apply(SetString { place, value, deadline: Deadline::Set(None) });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn all_or_none_and_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("MSET a 1 b 2 a 3", "+OK|"),
                ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command|"),
                ("MSETNX c 1 a 2", ":0|"),
                ("MSETNX c 4 d 5", ":1|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("MGET a b c d e", "*5|$1|3|$1|2|$1|4|$1|5|$-1|")]);
    }
}
