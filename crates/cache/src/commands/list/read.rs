//! LLEN, LINDEX, LRANGE, LPOS.

use super::range_of;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Handler, Keys};
use crate::context::Context;
use crate::parse::{is_option, need_integer};
use crate::reply_text::{reply_text, reply_text_or_null};
use warren_resp::Args;

const fn row(
    name: &'static str,
    arity: i32,
    flags: Flags,
    summary: &'static str,
    complexity: &'static str,
    syntax: &'static str,
    handler: Handler,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags: Flags::READONLY.or(flags),
        keys: Keys::FIRST,
        categories: "",
        group: Group::List,
        since: "1.0.0",
        summary,
        complexity,
        syntax,
        carrier: Carrier::Cache(handler),
    }
}

pub static LLEN: CommandSpec =
    row("llen", 2, Flags::FAST, "Returns the length of a list.", "O(1)", "key", |context, args| {
        let place = context.read(args.get(1));
        let length = context.keyspace().list(place)?.map_or(0, |list| list.len());
        context.reply.integer(length as i64);
        Ok(())
    });

pub static LINDEX: CommandSpec = row(
    "lindex",
    3,
    Flags::NONE,
    "Returns an element by its index.",
    "O(log N)",
    "key index",
    |context, args| {
        let place = context.read(args.get(1));
        let Some(list) = context.shared.keyspace.list(place)? else {
            context.reply.null();
            return Ok(());
        };
        let index = need_integer(args.get(2))?;
        let position = usize::try_from(if index < 0 { index + list.len() as i64 } else { index });
        let element = position.ok().and_then(|position| list.get(position));
        reply_text_or_null(&mut context.reply, element.as_ref());
        Ok(())
    },
);

pub static LRANGE: CommandSpec = row(
    "lrange",
    4,
    Flags::NONE,
    "Returns the elements of a range of a list.",
    "O(log N + M) where M is the number of elements returned.",
    "key start stop",
    |context, args| {
        let (start, stop) = (need_integer(args.get(2))?, need_integer(args.get(3))?);
        let place = context.read(args.get(1));
        let Some(list) = context.shared.keyspace.list(place)? else {
            context.reply.array(0);
            return Ok(());
        };
        let range = range_of(start, stop, list.len());
        context.reply.array(range.len());
        list.range(range).for_each(|element| reply_text(&mut context.reply, &element));
        Ok(())
    },
);

pub static LPOS: CommandSpec = CommandSpec {
    since: "6.0.6",
    ..row(
        "lpos",
        -3,
        Flags::NONE,
        "Returns the indexes of elements that match.",
        "O(N) where N is the number of elements compared.",
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
        positions,
    )
};

/// Options of LPOS.
struct Search {
    rank: i64,
    count: Option<usize>,
    compared_max: usize,
}

fn read_search(args: Args<'_>) -> Result<Search, CommandError> {
    let mut search = Search { rank: 1, count: None, compared_max: 0 };
    let mut position = 3;
    while position < args.len() {
        let option = args.get(position);
        if position + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        let text = args.get(position + 1);
        let natural = |refusal| {
            let value = crate::parse::integer(text).and_then(|value| usize::try_from(value).ok());
            value.ok_or(CommandError::fixed(refusal))
        };
        if is_option(option, "RANK") {
            search.rank = need_integer(text)?;
            if search.rank == 0 {
                return Err(CommandError::fixed(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                     negative to start from the end of the list",
                ));
            }
        } else if is_option(option, "COUNT") {
            search.count = Some(natural("ERR COUNT can't be negative")?);
        } else if is_option(option, "MAXLEN") {
            search.compared_max = natural("ERR MAXLEN can't be negative")?;
        } else {
            return Err(CommandError::Syntax);
        }
        position += 2;
    }
    Ok(search)
}

fn positions(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let search = read_search(args)?;
    let place = context.read(args.get(1));
    let wanted = args.get(2);
    let mut found = Vec::new();
    if let Some(list) = context.keyspace().list(place)? {
        let length = list.len();
        let compared = if search.compared_max == 0 { length } else { search.compared_max.min(length) };
        let limit = match search.count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => count,
        };
        // The one rank that has no opposite counts as -1, as in Redis 7.0.
        let skip = search.rank.checked_abs().unwrap_or(1) as usize - 1;
        found = if search.rank > 0 {
            let elements = list.range(0..compared).enumerate();
            let matching = elements.filter(|(_, element)| **element == *wanted);
            matching.map(|(index, _)| index).skip(skip).take(limit).collect()
        } else {
            let elements = list.range(length - compared..length).rev().enumerate();
            let matching = elements.filter(|(_, element)| **element == *wanted);
            matching.map(|(index, _)| length - 1 - index).skip(skip).take(limit).collect::<Vec<usize>>()
        };
    }
    if search.count.is_some() {
        context.reply.array(found.len());
        found.iter().for_each(|index| context.reply.integer(*index as i64));
    } else {
        match found.first() {
            Some(index) => context.reply.integer(*index as i64),
            None => context.reply.null(),
        }
    }
    Ok(())
}
