//! LPOP, RPOP, LMPOP and their blocking forms.

use super::need_side;
use crate::blocking;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Handler, Keys};
use crate::context::Context;
use crate::keyspace::Place;
use crate::keyspace::effects::list::{RemoveRange, Side};
use crate::parse::{integer, need_popped_count};
use crate::reply_text::reply_text;
use crate::session::OnTimeout;
use warren_resp::Args;

pub static LPOP: CommandSpec = one_key("lpop", "Takes elements off the front of a list.", |context, args| {
    pop(context, args, Side::Left)
});
pub static RPOP: CommandSpec =
    one_key("rpop", "Takes elements off the end of a list.", |context, args| pop(context, args, Side::Right));
pub static BLPOP: CommandSpec = blocking_row(
    "blpop",
    "Takes the first element of the first list that has one; waits for one where all are empty.",
    |context, args| blocking_pop(context, args, Side::Left),
);
pub static BRPOP: CommandSpec = blocking_row(
    "brpop",
    "Takes the last element of the first list that has one; waits for one where all are empty.",
    |context, args| blocking_pop(context, args, Side::Right),
);

pub static LMPOP: CommandSpec = CommandSpec {
    name: "lmpop",
    arity: -4,
    flags: Flags::WRITE.or(Flags::MOVABLE_KEYS),
    keys: Keys::Counted { count_at: 1 },
    categories: "",
    group: Group::List,
    since: "7.0.0",
    summary: "Takes elements off the first of several lists that has any.",
    complexity: "O(N+M) where N is the number of keys and M the number of elements taken.",
    syntax: "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    carrier: Carrier::Cache(|context, args| {
        let request = MultiplePop::read(args, 1)?;
        if !request.pop_first(context)? {
            context.reply.null_array();
        }
        Ok(())
    }),
};

pub static BLMPOP: CommandSpec = CommandSpec {
    name: "blmpop",
    arity: -5,
    flags: Flags::WRITE.or(Flags::BLOCKING).or(Flags::MOVABLE_KEYS),
    keys: Keys::Counted { count_at: 2 },
    summary: "Takes elements off the first of several lists that has any; waits where none has.",
    syntax: "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    carrier: Carrier::Cache(|context, args| {
        let deadline = blocking::deadline(args.get(1), context.now())?;
        let request = MultiplePop::read(args, 2)?;
        if !request.pop_first(context)? {
            context.block(args, &request.keys, deadline, OnTimeout::NullArray);
        }
        Ok(())
    }),
    ..LMPOP
};

const fn one_key(name: &'static str, summary: &'static str, handler: Handler) -> CommandSpec {
    CommandSpec {
        name,
        arity: -2,
        flags: Flags::WRITE.or(Flags::FAST),
        keys: Keys::FIRST,
        categories: "",
        group: Group::List,
        since: "1.0.0",
        summary,
        complexity: "O(N) where N is the number of elements taken.",
        syntax: "key [count]",
        carrier: Carrier::Cache(handler),
    }
}

const fn blocking_row(name: &'static str, summary: &'static str, handler: Handler) -> CommandSpec {
    CommandSpec {
        name,
        arity: -3,
        flags: Flags::WRITE.or(Flags::BLOCKING),
        keys: Keys::ALL_BUT_LAST,
        categories: "",
        group: Group::List,
        since: "2.0.0",
        summary,
        complexity: "O(N) where N is the number of keys.",
        syntax: "key [key ...] timeout",
        carrier: Carrier::Cache(handler),
    }
}

fn pop(context: &mut Context<'_, '_>, args: Args<'_>, side: Side) -> Result<(), CommandError> {
    if args.len() > 3 {
        return Err(CommandError::wrong_arity(if side == Side::Left { "lpop" } else { "rpop" }));
    }
    let count = match args.len() {
        3 => Some(need_count(args.get(2))?),
        _ => None,
    };
    let place = context.write(args.get(1));
    let is_present = context.keyspace().list(place)?.is_some();
    match count {
        None if is_present => {
            reply_ends(context, place, side, 1)?;
            take(context, place, side, 1)
        }
        None => {
            context.reply.null();
            Ok(())
        }
        Some(count) if is_present => {
            let count = count.min(length(context, place)?);
            context.reply.array(count);
            reply_ends(context, place, side, count)?;
            take(context, place, side, count)
        }
        Some(_) => {
            context.reply.null_array();
            Ok(())
        }
    }
}

fn need_count(text: &[u8]) -> Result<usize, CommandError> {
    let count = integer(text).and_then(|count| usize::try_from(count).ok());
    count.ok_or(CommandError::fixed("ERR value is out of range, must be positive"))
}

fn length(context: &Context<'_, '_>, place: Place<'_>) -> Result<usize, CommandError> {
    Ok(context.keyspace().list(place)?.map_or(0, |list| list.len()))
}

/// Replies `count` elements from an end on, without taking them.
fn reply_ends(
    context: &mut Context<'_, '_>,
    place: Place<'_>,
    side: Side,
    count: usize,
) -> Result<(), CommandError> {
    let Some(list) = context.shared.keyspace.list(place)? else { return Ok(()) };
    match side {
        Side::Left => list.range(0..count).for_each(|element| reply_text(&mut context.reply, &element)),
        Side::Right => {
            let first = list.len() - count;
            list.range(first..list.len()).rev().for_each(|element| reply_text(&mut context.reply, &element));
        }
    }
    Ok(())
}

/// Takes `count` elements off an end.
pub fn take(
    context: &mut Context<'_, '_>,
    place: Place<'_>,
    side: Side,
    count: usize,
) -> Result<(), CommandError> {
    let length = length(context, place)?;
    if count > 0 {
        let start = if side == Side::Left { 0 } else { length - count };
        context.apply(RemoveRange { place, start, count });
    }
    Ok(())
}

/// The place of the first key that holds a list. A key of another type is an error, except for a client
/// that waits already: that keeps waiting.
pub fn first_list<'k>(
    context: &mut Context<'_, '_>,
    keys: &[&'k [u8]],
) -> Result<Option<Place<'k>>, CommandError> {
    for key in keys {
        let place = context.write(key);
        match context.keyspace().list(place) {
            Ok(Some(_)) => return Ok(Some(place)),
            Ok(None) => {}
            Err(_) if context.is_retry => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn blocking_pop(context: &mut Context<'_, '_>, args: Args<'_>, side: Side) -> Result<(), CommandError> {
    let last = args.len() - 1;
    let deadline = blocking::deadline(args.get(last), context.now())?;
    let keys: Vec<&[u8]> = (1..last).map(|index| args.get(index)).collect();
    let Some(place) = first_list(context, &keys)? else {
        context.block(args, &keys, deadline, OnTimeout::NullArray);
        return Ok(());
    };
    context.reply.array(2);
    context.reply.bulk(place.key);
    reply_ends(context, place, side, 1)?;
    take(context, place, side, 1)
}

/// What LMPOP and BLMPOP ask for.
struct MultiplePop<'a> {
    keys: Vec<&'a [u8]>,
    side: Side,
    count: usize,
}

impl<'a> MultiplePop<'a> {
    /// Reads from the number of keys at `position` on.
    fn read(args: Args<'a>, position: usize) -> Result<MultiplePop<'a>, CommandError> {
        let too_few = || CommandError::fixed("ERR numkeys should be greater than 0");
        let key_count = integer(args.get(position)).filter(|count| *count > 0).ok_or_else(too_few)?;
        let end = usize::try_from(key_count).ok().and_then(|count| count.checked_add(position + 1));
        let end = end.filter(|end| *end < args.len()).ok_or(CommandError::Syntax)?;
        let keys = (position + 1..end).map(|index| args.get(index)).collect();
        let side = need_side(args.get(end))?;
        let count = need_popped_count(args, end + 1)?;
        Ok(MultiplePop { keys, side, count })
    }

    /// Pops from the first list there is; false if there is none.
    fn pop_first(&self, context: &mut Context<'_, '_>) -> Result<bool, CommandError> {
        let Some(place) = first_list(context, &self.keys)? else { return Ok(false) };
        let count = self.count.min(length(context, place)?);
        context.reply.array(2);
        context.reply.bulk(place.key);
        context.reply.array(count);
        reply_ends(context, place, self.side, count)?;
        take(context, place, self.side, count)?;
        Ok(true)
    }
}
