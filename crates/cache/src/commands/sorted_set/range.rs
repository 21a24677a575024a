//! Reading, storing and counting ranges: ZRANGE and its older forms, ZRANGESTORE, ZCOUNT, ZLEXCOUNT.

use super::bound::Bounds;
use super::members::ZCARD;
use super::scored::reply_scored;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Keys};
use crate::context::Context;
use crate::keyspace::Container;
use crate::parse::{is_option, need_integer};
use crate::store::store;
use crate::values::SortedSet;
use std::ops::Range;
use warren_resp::Args;

pub static ZRANGE: CommandSpec = CommandSpec {
    name: "zrange",
    arity: -4,
    flags: Flags::READONLY,
    summary: "Returns the members within a range of ranks, scores or members.",
    complexity: "O(log(N)+M) where N is the number of members and M of those returned.",
    syntax: "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
    carrier: Carrier::Cache(|context, args| reply_range(context, args, None, None)),
    ..ZCARD
};

pub static ZRANGESTORE: CommandSpec = CommandSpec {
    name: "zrangestore",
    arity: -5,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    keys: Keys::TWO,
    since: "6.2.0",
    summary: "Stores the members within a range of another sorted set.",
    syntax: "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
    carrier: Carrier::Cache(zrangestore),
    ..ZRANGE
};

pub static ZREVRANGE: CommandSpec = CommandSpec {
    name: "zrevrange",
    summary: "Returns the members within a range of ranks, the highest score first.",
    syntax: "key start stop [WITHSCORES]",
    carrier: Carrier::Cache(|context, args| reply_range(context, args, Some(By::Rank), Some(true))),
    ..ZRANGE
};

pub static ZRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zrangebyscore",
    since: "1.0.5",
    summary: "Returns the members within a range of scores.",
    syntax: "key min max [WITHSCORES] [LIMIT offset count]",
    carrier: Carrier::Cache(|context, args| reply_range(context, args, Some(By::Score), Some(false))),
    ..ZRANGE
};

pub static ZREVRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zrevrangebyscore",
    since: "2.2.0",
    summary: "Returns the members within a range of scores, the highest first.",
    syntax: "key max min [WITHSCORES] [LIMIT offset count]",
    carrier: Carrier::Cache(|context, args| reply_range(context, args, Some(By::Score), Some(true))),
    ..ZRANGE
};

pub static ZRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zrangebylex",
    since: "2.8.9",
    summary: "Returns the members between two members, where all scores are equal.",
    syntax: "key min max [LIMIT offset count]",
    carrier: Carrier::Cache(|context, args| reply_range(context, args, Some(By::Lex), Some(false))),
    ..ZRANGE
};

pub static ZREVRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zrevrangebylex",
    summary: "Returns the members between two members in reverse, where all scores are equal.",
    syntax: "key max min [LIMIT offset count]",
    carrier: Carrier::Cache(|context, args| reply_range(context, args, Some(By::Lex), Some(true))),
    ..ZRANGEBYLEX
};

pub static ZCOUNT: CommandSpec = CommandSpec {
    name: "zcount",
    arity: 4,
    since: "2.0.0",
    summary: "Counts the members within a range of scores.",
    complexity: "O(log(N)) where N is the number of members.",
    syntax: "key min max",
    carrier: Carrier::Cache(zcount),
    ..ZCARD
};

pub static ZLEXCOUNT: CommandSpec = CommandSpec {
    name: "zlexcount",
    since: "2.8.9",
    summary: "Counts the members between two members, where all scores are equal.",
    carrier: Carrier::Cache(zlexcount),
    ..ZCOUNT
};

/// The order a range is given in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A range as the client asks for it.
struct Request<'a> {
    bounds: Bounds<'a>,
    is_reversed: bool,
    offset: i64,
    /// Negative: all.
    limit: i64,
    with_scores: bool,
}

impl<'a> Request<'a> {
    /// Reads a request whose ends are at `first`. Order and direction are given, or `None` where options
    /// may choose them.
    fn read(
        args: Args<'a>,
        first: usize,
        mut by: Option<By>,
        mut is_reversed: Option<bool>,
        may_show_scores: bool,
    ) -> Result<Request<'a>, CommandError> {
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        let mut position = first + 2;
        while position < args.len() {
            let option = args.get(position);
            if may_show_scores && is_option(option, "WITHSCORES") {
                with_scores = true;
            } else if is_option(option, "LIMIT") && position + 2 < args.len() {
                offset = need_integer(args.get(position + 1))?;
                limit = need_integer(args.get(position + 2))?;
                position += 2;
            } else if is_reversed.is_none() && is_option(option, "REV") {
                is_reversed = Some(true);
            } else if by.is_none() && is_option(option, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && is_option(option, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
            position += 1;
        }
        let (by, is_reversed) = (by.unwrap_or(By::Rank), is_reversed.unwrap_or(false));
        check_combination(by, limit, with_scores)?;
        let (start, stop) = (args.get(first), args.get(first + 1));
        let (min, max) = if is_reversed { (stop, start) } else { (start, stop) };
        let bounds = match by {
            By::Rank => Bounds::by_rank(start, stop)?,
            By::Score => Bounds::by_score(min, max)?,
            By::Lex => Bounds::by_lex(min, max)?,
        };
        Ok(Request { bounds, is_reversed, offset, limit, with_scores })
    }

    /// The ascending ranks asked for, LIMIT taken off at the end that comes first.
    fn ranks(&self, sorted_set: &SortedSet) -> Range<usize> {
        let ranks = self.bounds.ranks(sorted_set, self.is_reversed);
        // A negative offset leaves nothing.
        let skipped = usize::try_from(self.offset).unwrap_or(usize::MAX).min(ranks.len());
        let count = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - skipped);
        if self.is_reversed {
            let end = ranks.end - skipped;
            end - count..end
        } else {
            let start = ranks.start + skipped;
            start..start + count
        }
    }
}

fn check_combination(by: By, limit: i64, with_scores: bool) -> Result<(), CommandError> {
    if limit != -1 && by == By::Rank {
        return Err(CommandError::fixed(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ));
    }
    if with_scores && by == By::Lex {
        return Err(CommandError::fixed(
            "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ));
    }
    Ok(())
}

fn reply_range(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    by: Option<By>,
    is_reversed: Option<bool>,
) -> Result<(), CommandError> {
    let request = Request::read(args, 2, by, is_reversed, true)?;
    let place = context.read(args.get(1));
    let Some(sorted_set) = context.shared.keyspace.sorted_set(place)? else {
        context.reply.array(0);
        return Ok(());
    };
    let members = sorted_set.range(request.ranks(sorted_set));
    if request.is_reversed {
        reply_scored(&mut context.reply, members.rev(), request.with_scores);
    } else {
        reply_scored(&mut context.reply, members, request.with_scores);
    }
    Ok(())
}

fn zrangestore(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let request = Request::read(args, 3, None, None, false)?;
    let place = context.read(args.get(2));
    let keyspace = &context.shared.keyspace;
    let mut result = SortedSet::default();
    if let Some(sorted_set) = keyspace.sorted_set(place)? {
        for (member, score) in sorted_set.range(request.ranks(sorted_set)) {
            result.insert(member, score, &keyspace.limits);
        }
    }
    store_sorted_set(context, args.get(1), result)
}

/// Stores a result and replies its size.
pub fn store_sorted_set(
    context: &mut Context<'_, '_>,
    destination: &[u8],
    result: SortedSet,
) -> Result<(), CommandError> {
    let count = result.len();
    store(context, destination, (count > 0).then(|| Container::SortedSet(Box::new(result))))?;
    context.reply.integer(count as i64);
    Ok(())
}

fn zcount(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    count(context, args.get(1), Bounds::by_score(args.get(2), args.get(3))?)
}

fn zlexcount(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    count(context, args.get(1), Bounds::by_lex(args.get(2), args.get(3))?)
}

fn count(context: &mut Context<'_, '_>, key: &[u8], bounds: Bounds<'_>) -> Result<(), CommandError> {
    let place = context.read(key);
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    let count = sorted_set.map_or(0, |sorted_set| bounds.ranks(sorted_set, false).len());
    context.reply.integer(count as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn every_order_from_either_end() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD z 1 a 2 b 3 c 4 d", ":4|"),
                ("ZRANGE z -2 -1", "*2|$1|c|$1|d|"),
                ("ZRANGE z 0 1 REV WITHSCORES", "*4|$1|d|$1|4|$1|c|$1|3|"),
                ("ZREVRANGE z 1 2", "*2|$1|c|$1|b|"),
                ("ZREVRANGE z 0 1 REV", "-ERR syntax error|"),
                ("ZRANGE z (1 3 BYSCORE", "*2|$1|b|$1|c|"),
                ("ZRANGE z 3 (1 BYSCORE REV LIMIT 1 5", "*1|$1|b|"),
                ("ZRANGEBYSCORE z -inf +inf LIMIT 1 2", "*2|$1|b|$1|c|"),
                ("ZRANGEBYSCORE z -inf +inf LIMIT -1 2", "*0|"),
                ("ZRANGEBYSCORE z -inf +inf LIMIT 2 -1", "*2|$1|c|$1|d|"),
                ("ZREVRANGEBYSCORE z 3 2 WITHSCORES", "*4|$1|c|$1|3|$1|b|$1|2|"),
                ("ZRANGEBYSCORE z x 2", "-ERR min or max is not a float|"),
                ("ZRANGE none 0 -1", "*0|"),
                (
                    "ZRANGE z 0 1 LIMIT 0 1",
                    "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX|",
                ),
                (
                    "ZRANGE z - + BYLEX WITHSCORES",
                    "-ERR syntax error, WITHSCORES not supported in combination with BYLEX|",
                ),
                ("ZRANGE z 0 1 BYSCORE BYLEX", "-ERR syntax error|"),
                ("ZCOUNT z (1 +inf", ":3|"),
                ("ZCOUNT none 0 1", ":0|"),
                ("ZADD l 0 a 0 b 0 c", ":3|"),
                ("ZRANGEBYLEX l [b +", "*2|$1|b|$1|c|"),
                ("ZREVRANGEBYLEX l + (a LIMIT 0 1", "*1|$1|c|"),
                ("ZRANGEBYLEX l b +", "-ERR min or max not valid string range item|"),
                ("ZLEXCOUNT l - (c", ":2|"),
                ("ZRANGESTORE d z 0 1 REV", ":2|"),
                ("ZRANGESTORE z z 9 8", ":0|"),
                ("ZRANGESTORE d z 0 1 WITHSCORES", "-ERR syntax error|"),
            ],
        );
        for mut world in [world.replayed(), world] {
            let client = world.connect();
            world.transcript(client, &[("ZRANGE d 0 -1", "*2|$1|c|$1|d|"), ("EXISTS z", ":0|")]);
        }
    }

    #[test]
    fn resp3_pairs_members_and_scores() {
        let mut world = World::default();
        let client = world.connect();
        world.run(client, "HELLO 3");
        world.transcript(client, &[("ZADD z 1 a", ":1|"), ("ZRANGE z 0 -1 WITHSCORES", "*1|*2|$1|a|,1|")]);
    }
}
