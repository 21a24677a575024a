//! SORT and SORT_RO: the request and its reply. What is sorted how is in [`order`] and [`pattern`].

pub mod order;
pub mod pattern;

use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::Container;
use crate::parse::{is_option, need_integer};
use crate::reply_text::reply_text_or_null;
use crate::store::store;
use crate::values::{List, Text};
use order::{Order, sorted_elements};
use pattern::{Pattern, Source};
use std::ops::Range;
use warren_resp::Args;

pub static SORT: CommandSpec = CommandSpec {
    name: "sort",
    arity: -2,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::MOVABLE_KEYS),
    keys: Keys::Found(find_keys),
    categories: "set sortedset list dangerous",
    group: Group::Generic,
    since: "1.0.0",
    summary: "Sorts the elements of a list, a set or a sorted set, and returns or stores them.",
    complexity: "O(N+M*log(N)) where N is the number of elements and M that of those returned; O(N) where \
                 nothing is sorted.",
    syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] \
             [STORE destination]",
    carrier: Carrier::Cache(sort),
};

pub static SORT_RO: CommandSpec = CommandSpec {
    name: "sort_ro",
    flags: Flags::READONLY.or(Flags::MOVABLE_KEYS),
    keys: Keys::FIRST,
    since: "7.0.0",
    summary: "Sorts the elements of a list, a set or a sorted set, and returns them.",
    syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
    carrier: Carrier::Cache(sort_ro),
    ..SORT
};

/// The key, and the last STORE's destination.
fn find_keys(args: Args<'_>) -> Vec<usize> {
    let mut destination = None;
    let mut position = 2;
    while position < args.len() {
        let option = args.get(position);
        if is_option(option, "STORE") && position + 1 < args.len() {
            destination = Some(position + 1);
        }
        let skipped = [("LIMIT", 2), ("STORE", 1), ("BY", 1), ("GET", 1)];
        position +=
            1 + skipped.iter().find(|(name, _)| is_option(option, name)).map_or(0, |(_, count)| *count);
    }
    std::iter::once(1).chain(destination).collect()
}

#[derive(Default)]
struct Options<'a> {
    order: Order<'a>,
    /// Offset and count.
    limit: Option<(i64, i64)>,
    get: Vec<Pattern<'a>>,
    destination: Option<&'a [u8]>,
}

fn sort(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    sort_as_told(context, args, true)
}

fn sort_ro(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    sort_as_told(context, args, false)
}

fn sort_as_told(context: &mut Context<'_, '_>, args: Args<'_>, may_store: bool) -> Result<(), CommandError> {
    let mut options = read_options(args, may_store)?;
    let place = context.read(args.get(1));
    let source = Source {
        keyspace: &context.shared.keyspace,
        database: context.session.database,
        now: context.step.now,
    };
    // A set has no order of its own; what is stored must not depend on how it is kept.
    if options.destination.is_some() && source.is_set(place) && options.order.is_kept {
        options.order.become_alphabetical();
    }
    let elements = sorted_elements(source, place, &options.order)?;
    let range = limited(options.limit, elements.len());
    let count = range.len() * options.get.len().max(1);
    let shown = elements[range].iter().flat_map(|element| shown_for(source, element, &options.get));
    let Some(destination) = options.destination else {
        context.reply.array(count);
        for text in shown {
            reply_text_or_null(&mut context.reply, text.as_ref());
        }
        return Ok(());
    };
    let limits = &context.shared.keyspace.limits;
    let mut list = List::default();
    for text in shown {
        list.push_back(text.unwrap_or(Text::Slice(b"")), limits);
    }
    let list = (!list.is_empty()).then(|| Container::List(Box::new(list)));
    store(context, destination, list)?;
    context.reply.integer(count as i64);
    Ok(())
}

/// What the client gets for one element: itself, or what each GET finds.
fn shown_for<'k>(
    source: Source<'k>,
    element: &Text<'k>,
    get: &[Pattern<'_>],
) -> impl Iterator<Item = Option<Text<'k>>> {
    let itself = get.is_empty().then_some(Some(*element));
    let element = *element;
    itself.into_iter().chain(get.iter().map(move |pattern| pattern.look_up(source, element)))
}

fn read_options(args: Args<'_>, may_store: bool) -> Result<Options<'_>, CommandError> {
    let mut options = Options::default();
    let mut position = 2;
    while position < args.len() {
        let option = args.get(position);
        let following = args.len() - position - 1;
        if is_option(option, "ASC") {
            options.order.is_descending = false;
        } else if is_option(option, "DESC") {
            options.order.is_descending = true;
        } else if is_option(option, "ALPHA") {
            options.order.is_alphabetical = true;
        } else if is_option(option, "LIMIT") && following >= 2 {
            options.limit =
                Some((need_integer(args.get(position + 1))?, need_integer(args.get(position + 2))?));
            position += 2;
        } else if is_option(option, "STORE") && following >= 1 && may_store {
            position += 1;
            options.destination = Some(args.get(position));
        } else if is_option(option, "BY") && following >= 1 {
            position += 1;
            options.order.set_by(args.get(position));
        } else if is_option(option, "GET") && following >= 1 {
            position += 1;
            options.get.push(Pattern::of(args.get(position)));
        } else {
            return Err(CommandError::Syntax);
        }
        position += 1;
    }
    Ok(options)
}

/// The elements that LIMIT leaves: a negative offset is 0, a negative count is all.
fn limited(limit: Option<(i64, i64)>, length: usize) -> Range<usize> {
    let Some((offset, count)) = limit else { return 0..length };
    let start = usize::try_from(offset).unwrap_or(0).min(length);
    let end = usize::try_from(count).map_or(length, |count| start.saturating_add(count).min(length));
    start..end
}

#[cfg(test)]
mod tests;
