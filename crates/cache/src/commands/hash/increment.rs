//! Fields as numbers: HINCRBY, HINCRBYFLOAT.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::Place;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::hash::SetFields;
use crate::long_double::LongDouble;
use crate::parse::{integer, need_integer};
use std::borrow::Cow;
use warren_resp::Args;

pub static HINCRBY: CommandSpec = CommandSpec {
    name: "hincrby",
    arity: 4,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::Hash,
    since: "2.0.0",
    summary: "Adds a number to the integer value of a field of a hash; a missing field counts as 0.",
    complexity: "O(1)",
    syntax: "key field increment",
    carrier: Carrier::Cache(hincrby),
};

pub static HINCRBYFLOAT: CommandSpec = CommandSpec {
    name: "hincrbyfloat",
    since: "2.6.0",
    summary: "Adds a floating point number to the value of a field of a hash; a missing field counts as 0.",
    carrier: Carrier::Cache(hincrbyfloat),
    ..HINCRBY
};

fn hincrby(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let increment = need_integer(args.get(3))?;
    let place = context.write(args.get(1));
    let present = context.shared.keyspace.hash(place)?.and_then(|hash| hash.get(args.get(2)));
    let present = match present {
        None => 0,
        Some(text) => integer(&text).ok_or(CommandError::fixed("ERR hash value is not an integer"))?,
    };
    let sum = present
        .checked_add(increment)
        .ok_or(CommandError::fixed("ERR increment or decrement would overflow"))?;
    set_number(context, args, place, itoa::Buffer::new().format(sum));
    context.reply.integer(sum);
    Ok(())
}

fn hincrbyfloat(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let increment = LongDouble::need(args.get(3))?;
    if increment == LongDouble::Infinite {
        return Err(CommandError::fixed("ERR value is NaN or Infinity"));
    }
    let place = context.write(args.get(1));
    let present = context.shared.keyspace.hash(place)?.and_then(|hash| hash.get(args.get(2)));
    let present = match present {
        None => LongDouble::ZERO,
        Some(text) => LongDouble::parse(&text).ok_or(CommandError::fixed("ERR hash value is not a float"))?,
    };
    let sum = present
        .checked_add(&increment)
        .ok_or(CommandError::fixed("ERR increment would produce NaN or Infinity"))?
        .to_string();
    set_number(context, args, place, &sum);
    context.reply.bulk(sum.as_bytes());
    Ok(())
}

fn set_number(context: &mut Context<'_, '_>, args: Args<'_>, place: Place<'_>, number: &str) {
    let pair = [Value::of(args, 2), Value::Slice(number.as_bytes())];
    context.apply(SetFields { place, pairs: Cow::Borrowed(&pair) });
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn counters_and_their_replay() {
        let mut world = World::default();
        let client = world.connect();
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
        world.transcript(
            client,
            &[
                ("HINCRBY h n 5", ":5|"),
                ("HINCRBY h n -7", ":-2|"),
                ("HINCRBY h n -9223372036854775808", "-ERR increment or decrement would overflow|"),
                ("HINCRBY h n x", "-ERR value is not an integer or out of range|"),
                ("HINCRBYFLOAT h f 10.5", "$4|10.5|"),
                ("HINCRBYFLOAT h f 0.1", "$4|10.6|"),
                ("HINCRBYFLOAT h f nan", "-ERR value is not a valid float|"),
                ("HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity|"),
                ("HSET h t x i inf", ":2|"),
                ("HINCRBY h t 1", "-ERR hash value is not an integer|"),
                ("HINCRBYFLOAT h t 1", "-ERR hash value is not a float|"),
                ("HINCRBYFLOAT h i 1", "-ERR increment would produce NaN or Infinity|"),
                ("SET s x", "+OK|"),
                ("HINCRBY s n 1", wrong_type),
                ("HINCRBYFLOAT s n 1", wrong_type),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        replayed.transcript(client, &[("HMGET h n f", "*2|$2|-2|$4|10.6|")]);
    }
}
