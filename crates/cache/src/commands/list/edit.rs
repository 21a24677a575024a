//! LSET, LINSERT, LREM, LTRIM.

use super::range_of;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Handler, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::list::{Insert, RemoveRange, SetElement};
use crate::parse::{is_option, need_integer};
use warren_resp::Args;

const fn row(
    name: &'static str,
    arity: i32,
    flags: Flags,
    since: &'static str,
    summary: &'static str,
    syntax: &'static str,
    handler: Handler,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags: Flags::WRITE.or(flags),
        keys: Keys::FIRST,
        categories: "",
        group: Group::List,
        since,
        summary,
        complexity: "O(N) where N is the length of the list.",
        syntax,
        carrier: Carrier::Cache(handler),
    }
}

pub static LSET: CommandSpec =
    row("lset", 4, Flags::DENYOOM, "1.0.0", "Sets an element by its index.", "key index element", set);
pub static LINSERT: CommandSpec = row(
    "linsert",
    5,
    Flags::DENYOOM,
    "2.2.0",
    "Inserts an element before or after another.",
    "key <BEFORE | AFTER> pivot element",
    insert,
);
pub static LREM: CommandSpec =
    row("lrem", 4, Flags::NONE, "1.0.0", "Removes elements that match.", "key count element", remove);
pub static LTRIM: CommandSpec =
    row("ltrim", 4, Flags::NONE, "1.0.0", "Keeps only a range of a list.", "key start stop", trim);

fn set(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let place = context.write(args.get(1));
    let list = context.keyspace().list(place)?.ok_or(CommandError::fixed("ERR no such key"))?;
    let index = need_integer(args.get(2))?;
    let index = if index < 0 { index.saturating_add(list.len() as i64) } else { index };
    let index = usize::try_from(index).ok().filter(|index| *index < list.len());
    let index = index.ok_or(CommandError::fixed("ERR index out of range"))?;
    context.apply(SetElement { place, index, element: Value::of(args, 3) });
    context.reply.ok();
    Ok(())
}

fn insert(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let behind = if is_option(args.get(2), "AFTER") {
        1
    } else if is_option(args.get(2), "BEFORE") {
        0
    } else {
        return Err(CommandError::Syntax);
    };
    let place = context.write(args.get(1));
    let Some(list) = context.keyspace().list(place)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let Some(pivot) = list.iter().position(|element| *element == *args.get(3)) else {
        context.reply.integer(-1);
        return Ok(());
    };
    let length = context.apply(Insert { place, index: pivot + behind, element: Value::of(args, 4) });
    context.reply.integer(length as i64);
    Ok(())
}

fn remove(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let count = need_integer(args.get(2))?;
    let place = context.write(args.get(1));
    let Some(list) = context.keyspace().list(place)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let limit = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let wanted = args.get(3);
    let matching =
        list.iter().enumerate().filter(|(_, element)| **element == *wanted).map(|(index, _)| index);
    let mut indexes: Vec<usize> = if count < 0 { matching.collect() } else { matching.take(limit).collect() };
    if count < 0 && indexes.len() > limit {
        indexes.drain(..indexes.len() - limit);
    }
    // From the back, so that the indexes before stay right; neighbours go together.
    let mut end = indexes.len();
    while end > 0 {
        let mut first = end - 1;
        while first > 0 && indexes[first - 1] + 1 == indexes[first] {
            first -= 1;
        }
        // A list that became empty is gone, and then there is nothing left to remove.
        let place = context.write(args.get(1));
        context.apply(RemoveRange { place, start: indexes[first], count: end - first });
        end = first;
    }
    context.reply.integer(indexes.len() as i64);
    Ok(())
}

fn trim(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let (start, stop) = (need_integer(args.get(2))?, need_integer(args.get(3))?);
    let place = context.write(args.get(1));
    if let Some(list) = context.keyspace().list(place)? {
        let length = list.len();
        let kept = range_of(start, stop, length);
        if kept.end < length {
            context.apply(RemoveRange { place, start: kept.end, count: length - kept.end });
        }
        if kept.start > 0 {
            let place = context.write(args.get(1));
            context.apply(RemoveRange { place, start: 0, count: kept.start });
        }
    }
    context.reply.ok();
    Ok(())
}
