//! Strings as numbers: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::string::{SetInteger, SetText};
use crate::long_double::LongDouble;
use crate::parse::need_integer;
use warren_resp::Args;

pub static INCR: CommandSpec = CommandSpec {
    name: "incr",
    arity: 2,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::String,
    since: "1.0.0",
    summary: "Adds one to the integer value of a key; a missing key counts as 0.",
    complexity: "O(1)",
    syntax: "key",
    carrier: Carrier::Cache(incr),
};

pub static DECR: CommandSpec = CommandSpec {
    name: "decr",
    summary: "Subtracts one from the integer value of a key; a missing key counts as 0.",
    carrier: Carrier::Cache(decr),
    ..INCR
};

pub static INCRBY: CommandSpec = CommandSpec {
    name: "incrby",
    arity: 3,
    summary: "Adds a number to the integer value of a key; a missing key counts as 0.",
    syntax: "key increment",
    carrier: Carrier::Cache(incrby),
    ..INCR
};

pub static DECRBY: CommandSpec = CommandSpec {
    name: "decrby",
    arity: 3,
    summary: "Subtracts a number from the integer value of a key; a missing key counts as 0.",
    syntax: "key decrement",
    carrier: Carrier::Cache(decrby),
    ..INCR
};

pub static INCRBYFLOAT: CommandSpec = CommandSpec {
    name: "incrbyfloat",
    arity: 3,
    since: "2.6.0",
    summary: "Adds a floating point number to the value of a key; a missing key counts as 0.",
    syntax: "key increment",
    carrier: Carrier::Cache(incrbyfloat),
    ..INCR
};

fn incr(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    add(context, args, 1)
}

fn decr(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    add(context, args, -1)
}

fn incrby(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    add(context, args, need_integer(args.get(2))?)
}

fn decrby(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let decrement = need_integer(args.get(2))?;
    let increment = decrement.checked_neg().ok_or(CommandError::fixed("ERR decrement would overflow"))?;
    add(context, args, increment)
}

#[inline]
fn add(context: &mut Context<'_, '_>, args: Args<'_>, increment: i64) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let value = match context.shared.keyspace.string(place)? {
        None => 0,
        Some(string) => string.integer().ok_or(CommandError::NotInteger)?,
    };
    let value = value
        .checked_add(increment)
        .ok_or(CommandError::fixed("ERR increment or decrement would overflow"))?;
    context.apply(SetInteger { place, value });
    context.reply.integer(value);
    Ok(())
}

fn incrbyfloat(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let value = match context.shared.keyspace.string(place)? {
        None => LongDouble::ZERO,
        Some(string) => LongDouble::need(string.as_bytes(&mut itoa::Buffer::new()))?,
    };
    let increment = LongDouble::need(args.get(2))?;
    let sum = value
        .checked_add(&increment)
        .ok_or(CommandError::fixed("ERR increment would produce NaN or Infinity"))?
        .to_string();
    context.apply(SetText { place, text: sum.as_bytes() });
    context.reply.bulk(sum.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn counters_and_their_replay() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("INCR n", ":1|"),
                ("INCRBY n 40", ":41|"),
                ("DECR n", ":40|"),
                ("DECRBY n -9223372036854775808", "-ERR decrement would overflow|"),
                ("INCRBY n 9223372036854775807", "-ERR increment or decrement would overflow|"),
                ("SET t 01 PX 1000", "+OK|"),
                ("INCR t", "-ERR value is not an integer or out of range|"),
                ("INCRBYFLOAT t 0.1", "$3|1.1|"),
                ("INCRBYFLOAT t 0.9", "$1|2|"),
                ("OBJECT ENCODING t", "$6|embstr|"),
                ("INCRBYFLOAT t inf", "-ERR increment would produce NaN or Infinity|"),
                ("INCRBYFLOAT t x", "-ERR value is not a valid float|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("GET n", "$2|40|"), ("GET t", "$1|2|")]);
        replayed.now = replayed.now.saturating_add(1000);
        replayed.transcript(client, &[("GET t", "$-1|"), ("INCR t", ":1|")]);
    }
}
