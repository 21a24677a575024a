//! LPUSH, RPUSH, LPUSHX, RPUSHX.

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Handler, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::list::{Push, Side};
use warren_resp::Args;

const fn row(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    handler: Handler,
) -> CommandSpec {
    CommandSpec {
        name,
        arity: -3,
        flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
        keys: Keys::FIRST,
        categories: "",
        group: Group::List,
        since,
        summary,
        complexity: "O(1) for each element added.",
        syntax: "key element [element ...]",
        carrier: Carrier::Cache(handler),
    }
}

pub static LPUSH: CommandSpec = row(
    "lpush",
    "1.0.0",
    "Puts elements before the first of a list, which is made if the key does not exist.",
    |context, args| push(context, args, Side::Left, false),
);
pub static RPUSH: CommandSpec = row(
    "rpush",
    "1.0.0",
    "Puts elements behind the last of a list, which is made if the key does not exist.",
    |context, args| push(context, args, Side::Right, false),
);
pub static LPUSHX: CommandSpec =
    row("lpushx", "2.2.0", "Puts elements before the first of a list that exists.", |context, args| {
        push(context, args, Side::Left, true)
    });
pub static RPUSHX: CommandSpec =
    row("rpushx", "2.2.0", "Puts elements behind the last of a list that exists.", |context, args| {
        push(context, args, Side::Right, true)
    });

fn push(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    side: Side,
    only_if_present: bool,
) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    if context.keyspace().list(place)?.is_none() && only_if_present {
        context.reply.integer(0);
        return Ok(());
    }
    let elements: Vec<Value<'_>> = (2..args.len()).map(|index| Value::of(args, index)).collect();
    let length = context.apply(Push { place, side, elements: elements.into() });
    context.reply.integer(length as i64);
    Ok(())
}
