//! Taking the lowest or highest members: ZPOPMIN, ZPOPMAX, ZMPOP and their blocking forms.

use super::add::ZADD;
use super::scored::{reply_score, reply_scored};
use crate::blocking;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Keys};
use crate::context::Context;
use crate::keyspace::Place;
use crate::keyspace::effects::sorted_set::RemoveRanks;
use crate::parse::{is_option, need_at_least_one, need_popped_count, need_positive};
use crate::reply_text::reply_text;
use crate::session::OnTimeout;
use smallvec::SmallVec;
use std::ops::Range;
use warren_resp::{Args, Protocol};

pub static ZPOPMIN: CommandSpec = CommandSpec {
    name: "zpopmin",
    arity: -2,
    flags: Flags::WRITE.or(Flags::FAST),
    since: "5.0.0",
    summary: "Removes the members with the lowest scores and returns them.",
    complexity: "O(log(N)+M) where N is the number of members and M of those removed.",
    syntax: "key [count]",
    carrier: Carrier::Cache(|context, args| pop(context, args, End::Min)),
    ..ZADD
};

pub static ZPOPMAX: CommandSpec = CommandSpec {
    name: "zpopmax",
    summary: "Removes the members with the highest scores and returns them.",
    carrier: Carrier::Cache(|context, args| pop(context, args, End::Max)),
    ..ZPOPMIN
};

pub static BZPOPMIN: CommandSpec = CommandSpec {
    name: "bzpopmin",
    arity: -3,
    flags: Flags::WRITE.or(Flags::NOSCRIPT).or(Flags::BLOCKING).or(Flags::FAST),
    keys: Keys::ALL_BUT_LAST,
    summary: "Removes the member with the lowest score, and waits for one if there is none.",
    complexity: "O(log(N)) where N is the number of members.",
    syntax: "key [key ...] timeout",
    carrier: Carrier::Cache(|context, args| blocking_pop(context, args, End::Min)),
    ..ZPOPMIN
};

pub static BZPOPMAX: CommandSpec = CommandSpec {
    name: "bzpopmax",
    summary: "Removes the member with the highest score, and waits for one if there is none.",
    carrier: Carrier::Cache(|context, args| blocking_pop(context, args, End::Max)),
    ..BZPOPMIN
};

pub static ZMPOP: CommandSpec = CommandSpec {
    name: "zmpop",
    arity: -4,
    flags: Flags::WRITE.or(Flags::MOVABLE_KEYS),
    keys: Keys::Counted { count_at: 1 },
    since: "7.0.0",
    summary: "Removes members from the first of several sorted sets that has any.",
    complexity: "O(K+log(N)+M) where K is the number of keys, N of members and M of those removed.",
    syntax: "numkeys key [key ...] <MIN | MAX> [COUNT count]",
    carrier: Carrier::Cache(zmpop),
    ..ZPOPMIN
};

pub static BZMPOP: CommandSpec = CommandSpec {
    name: "bzmpop",
    arity: -5,
    flags: Flags::WRITE.or(Flags::BLOCKING).or(Flags::MOVABLE_KEYS),
    keys: Keys::Counted { count_at: 2 },
    summary: "Removes members from the first of several sorted sets that has any, and waits if none has.",
    syntax: "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
    carrier: Carrier::Cache(bzmpop),
    ..ZMPOP
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn ranks(self, length: usize, count: usize) -> Range<usize> {
        let count = count.min(length);
        match self {
            End::Min => 0..count,
            End::Max => length - count..length,
        }
    }
}

type PoppedKeys<'a> = SmallVec<[&'a [u8]; 4]>;

fn pop(context: &mut Context<'_, '_>, args: Args<'_>, end: End) -> Result<(), CommandError> {
    let count = match args.len() {
        2 => None,
        3 => Some(need_positive(args.get(2))?),
        _ => return Err(CommandError::Syntax),
    };
    let place = context.write(args.get(1));
    let Some(sorted_set) = context.shared.keyspace.sorted_set(place)?.filter(|_| count != Some(0)) else {
        context.reply.array(0);
        return Ok(());
    };
    let ranks = end.ranks(sorted_set.len(), count.unwrap_or(1));
    if count.is_none() && context.reply.protocol() == Protocol::Resp3 {
        // The one member and its score are not paired.
        context.reply.array(2);
        reply_each(context, place, ranks.clone(), end);
    } else {
        reply_popped(context, place, ranks.clone(), end);
    }
    remove(context, place, ranks);
    Ok(())
}

fn blocking_pop(context: &mut Context<'_, '_>, args: Args<'_>, end: End) -> Result<(), CommandError> {
    let last = args.len() - 1;
    let deadline = blocking::deadline(args.get(last), context.now())?;
    let keys: PoppedKeys<'_> = args.from(1).iter().take(last - 1).collect();
    let Some((place, length)) = first_filled(context, &keys)? else {
        context.block(args, &keys, deadline, OnTimeout::NullArray);
        return Ok(());
    };
    let ranks = end.ranks(length, 1);
    context.reply.array(3);
    context.reply.bulk(place.key);
    reply_each(context, place, ranks.clone(), end);
    remove(context, place, ranks);
    Ok(())
}

fn zmpop(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let request = PopRequest::read(args, 1)?;
    if !request.pop(context)? {
        context.reply.null_array();
    }
    Ok(())
}

fn bzmpop(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let request = PopRequest::read(args, 2)?;
    let deadline = blocking::deadline(args.get(1), context.now())?;
    if !request.pop(context)? {
        context.block(args, &request.keys, deadline, OnTimeout::NullArray);
    }
    Ok(())
}

/// `numkeys key … MIN|MAX [COUNT count]`
struct PopRequest<'a> {
    keys: PoppedKeys<'a>,
    end: End,
    count: usize,
}

impl<'a> PopRequest<'a> {
    fn read(args: Args<'a>, count_at: usize) -> Result<PopRequest<'a>, CommandError> {
        const NO_KEYS: &str = "ERR numkeys should be greater than 0";
        let key_count = need_at_least_one(args.get(count_at), NO_KEYS)?;
        let end_at = key_count.saturating_add(count_at + 1);
        if end_at >= args.len() {
            return Err(CommandError::Syntax);
        }
        let end = match args.get(end_at) {
            word if is_option(word, "MIN") => End::Min,
            word if is_option(word, "MAX") => End::Max,
            _ => return Err(CommandError::Syntax),
        };
        let count = need_popped_count(args, end_at + 1)?;
        Ok(PopRequest { keys: args.from(count_at + 1).iter().take(key_count).collect(), end, count })
    }

    /// False where every key is empty: nothing was replied.
    fn pop(&self, context: &mut Context<'_, '_>) -> Result<bool, CommandError> {
        let Some((place, length)) = first_filled(context, &self.keys)? else { return Ok(false) };
        let ranks = self.end.ranks(length, self.count);
        context.reply.array(2);
        context.reply.bulk(place.key);
        context.reply.array(ranks.len());
        for rank in in_order(ranks.clone(), self.end) {
            context.reply.array(2);
            reply_each(context, place, rank..rank + 1, self.end);
        }
        remove(context, place, ranks);
        Ok(true)
    }
}

fn in_order(ranks: Range<usize>, end: End) -> impl Iterator<Item = usize> {
    let (first, last) = (ranks.start, ranks.end);
    ranks.map(move |rank| if end == End::Max { first + last - 1 - rank } else { rank })
}

/// The first of these keys that is there, and how many members it has.
fn first_filled<'a>(
    context: &mut Context<'_, '_>,
    keys: &[&'a [u8]],
) -> Result<Option<(Place<'a>, usize)>, CommandError> {
    for key in keys {
        let place = context.write(key);
        match context.shared.keyspace.sorted_set(place) {
            Ok(Some(sorted_set)) => return Ok(Some((place, sorted_set.len()))),
            Ok(None) => {}
            // A waiting client is not told of a key that has become something else: it waits on.
            Err(_) if context.is_retry => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn reply_popped(context: &mut Context<'_, '_>, place: Place<'_>, ranks: Range<usize>, end: End) {
    let Ok(Some(sorted_set)) = context.shared.keyspace.sorted_set(place) else { return };
    let members = sorted_set.range(ranks);
    match end {
        End::Min => reply_scored(&mut context.reply, members, true),
        End::Max => reply_scored(&mut context.reply, members.rev(), true),
    }
}

/// Writes members and scores without the head of an array.
fn reply_each(context: &mut Context<'_, '_>, place: Place<'_>, ranks: Range<usize>, end: End) {
    let Ok(Some(sorted_set)) = context.shared.keyspace.sorted_set(place) else { return };
    for (member, score) in in_order(ranks, end).filter_map(|rank| sorted_set.nth(rank)) {
        reply_text(&mut context.reply, &member);
        reply_score(&mut context.reply, score);
    }
}

fn remove(context: &mut Context<'_, '_>, place: Place<'_>, ranks: Range<usize>) {
    context.apply(RemoveRanks { place, first: ranks.start, count: ranks.len() });
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn members_are_taken_from_either_end() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g", ":7|"),
                ("ZPOPMIN z", "*2|$1|a|$1|1|"),
                ("ZPOPMAX z 2", "*4|$1|g|$1|7|$1|f|$1|6|"),
                ("ZPOPMIN z 0", "*0|"),
                ("ZPOPMIN none", "*0|"),
                ("ZPOPMIN z -1", "-ERR value is out of range, must be positive|"),
                ("ZPOPMIN z 1 2", "-ERR syntax error|"),
                ("ZMPOP 2 none z MAX COUNT 2", "*2|$1|z|*2|*2|$1|e|$1|5|*2|$1|d|$1|4|"),
                ("ZMPOP 1 none MIN", "*-1|"),
                ("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0|"),
                ("ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0|"),
                ("ZMPOP 2 z MIN", "-ERR syntax error|"),
                ("BZPOPMIN none z 0", "*3|$1|z|$1|b|$1|2|"),
                ("BZPOPMIN z -1", "-ERR timeout is negative|"),
                ("BZMPOP 0 1 z MIN", "*2|$1|z|*1|*2|$1|c|$1|3|"),
                ("EXISTS z", ":0|"),
            ],
        );
        let mut replayed = world.replayed();
        let client = replayed.connect();
        assert_eq!(replayed.run(client, "EXISTS z"), ":0|");
    }

    #[test]
    fn a_blocked_client_gets_what_another_adds() {
        let mut world = World::default();
        let (waiting, adding) = (world.connect(), world.connect());
        assert_eq!(world.run(waiting, "BZPOPMAX x z 0"), "");
        assert_eq!(world.run(adding, "SADD x 1"), ":1|");
        assert_eq!(world.received(waiting), "", "a set does not serve it");
        assert_eq!(world.run(adding, "ZADD z 1 a 2 b"), ":2|");
        assert_eq!(world.received(waiting), "*3|$1|z|$1|b|$1|2|");
        assert_eq!(world.run(waiting, "BZMPOP 1 1 y MIN"), "");
        world.now = world.now.saturating_add(1000);
        world.tick();
        assert_eq!(world.received(waiting), "*-1|");
    }

    #[test]
    fn resp3_pairs_only_where_a_count_is_given() {
        let mut world = World::default();
        let client = world.connect();
        world.run(client, "HELLO 3");
        world.transcript(
            client,
            &[("ZADD z 1 a 2 b", ":2|"), ("ZPOPMIN z", "*2|$1|a|,1|"), ("ZPOPMIN z 1", "*1|*2|$1|b|,2|")],
        );
    }
}
