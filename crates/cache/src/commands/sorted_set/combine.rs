//! Union, intersection and difference: ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD.

use super::input::{Aggregate, Allowed, Input, Inputs, Request, zero_if_nan};
use super::members::ZCARD;
use super::range::store_sorted_set;
use super::scored::reply_scored;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Keys};
use crate::context::Context;
use crate::values::{SortedSet, Text, compare_scores};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use warren_resp::Args;

pub static ZUNION: CommandSpec = CommandSpec {
    name: "zunion",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::Counted { count_at: 1 },
    since: "6.2.0",
    summary: "Returns the members that any of several sorted sets has.",
    complexity: "O(N)+O(M log(M)) where N is the number of members in all sorted sets together and M of those in the result.",
    syntax: "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
    carrier: Carrier::Cache(|context, args| reply_combined(context, args, "zunion", Operation::Union)),
    ..ZCARD
};

pub static ZUNIONSTORE: CommandSpec = CommandSpec {
    name: "zunionstore",
    arity: -4,
    flags: Flags::WRITE.or(Flags::DENYOOM),
    keys: Keys::RangeAndCounted { first: 1, count_at: 2 },
    since: "2.0.0",
    summary: "Stores the members that any of several sorted sets has.",
    syntax: "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
    carrier: Carrier::Cache(|context, args| store_combined(context, args, "zunionstore", Operation::Union)),
    ..ZUNION
};

pub static ZINTER: CommandSpec = CommandSpec {
    name: "zinter",
    summary: "Returns the members that all of several sorted sets have.",
    complexity: "O(N*K)+O(M log(M)) where N is the size of the smallest of K sorted sets and M the number of members in the result.",
    carrier: Carrier::Cache(|context, args| reply_combined(context, args, "zinter", Operation::Intersection)),
    ..ZUNION
};

pub static ZINTERSTORE: CommandSpec = CommandSpec {
    name: "zinterstore",
    summary: "Stores the members that all of several sorted sets have.",
    complexity: ZINTER.complexity,
    carrier: Carrier::Cache(|context, args| {
        store_combined(context, args, "zinterstore", Operation::Intersection)
    }),
    ..ZUNIONSTORE
};

pub static ZINTERCARD: CommandSpec = CommandSpec {
    name: "zintercard",
    since: "7.0.0",
    summary: "Counts the members that all of several sorted sets have.",
    complexity: "O(N*K) where N is the size of the smallest of K sorted sets.",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    carrier: Carrier::Cache(zintercard),
    ..ZUNION
};

pub static ZDIFF: CommandSpec = CommandSpec {
    name: "zdiff",
    summary: "Returns the members of the first sorted set that no other has.",
    complexity: "O(N*K)+O(M log(M)) where N is the size of the first of K sorted sets and M the number of members in the result.",
    syntax: "numkeys key [key ...] [WITHSCORES]",
    carrier: Carrier::Cache(|context, args| reply_combined(context, args, "zdiff", Operation::Difference)),
    ..ZUNION
};

pub static ZDIFFSTORE: CommandSpec = CommandSpec {
    name: "zdiffstore",
    since: "6.2.0",
    summary: "Stores the members of the first sorted set that no other has.",
    complexity: ZDIFF.complexity,
    syntax: "destination numkeys key [key ...]",
    carrier: Carrier::Cache(|context, args| {
        store_combined(context, args, "zdiffstore", Operation::Difference)
    }),
    ..ZUNIONSTORE
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

fn reply_combined(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    name: &str,
    operation: Operation,
) -> Result<(), CommandError> {
    let allowed = Allowed { weights: operation.joins_scores(), scores: true, limit: false };
    let request = Request::read(context, args, name, 1, allowed)?;
    let result = operation.combine(request.inputs(&context.shared.keyspace)?, request.aggregate);
    reply_scored(&mut context.reply, result.into_iter(), request.with_scores);
    Ok(())
}

fn store_combined(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    name: &str,
    operation: Operation,
) -> Result<(), CommandError> {
    let allowed = Allowed { weights: operation.joins_scores(), ..Allowed::default() };
    let request = Request::read(context, args, name, 2, allowed)?;
    let keyspace = &context.shared.keyspace;
    let mut result = SortedSet::default();
    for (member, score) in operation.combine(request.inputs(keyspace)?, request.aggregate) {
        // There is no minus zero in a sorted set.
        result.insert(member, score + 0.0, &keyspace.limits);
    }
    store_sorted_set(context, args.get(1), result)
}

fn zintercard(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    let allowed = Allowed { limit: true, ..Allowed::default() };
    let request = Request::read(context, args, "zintercard", 1, allowed)?;
    let common = intersection(request.inputs(&context.shared.keyspace)?, request.aggregate);
    let count = common.take(request.limit).count();
    context.reply.integer(count as i64);
    Ok(())
}

impl Operation {
    fn joins_scores(self) -> bool {
        self != Operation::Difference
    }

    /// The result in the order of a sorted set.
    fn combine(self, inputs: Inputs<'_>, aggregate: Aggregate) -> Vec<(Text<'_>, f64)> {
        let mut result: Vec<_> = match self {
            Operation::Union => union(inputs, aggregate).into_iter().collect(),
            Operation::Intersection => intersection(inputs, aggregate).collect(),
            Operation::Difference => difference(inputs).collect(),
        };
        result.sort_unstable_by(|(member, score), (other, other_score)| {
            compare_scores(*score, *other_score).then_with(|| member.as_slice().cmp(other.as_slice()))
        });
        result
    }
}

/// The smallest input first, which is also the order that scores are joined in.
fn by_size(mut inputs: Inputs<'_>) -> Inputs<'_> {
    inputs.sort_by_key(Input::member_count);
    inputs
}

fn union(inputs: Inputs<'_>, aggregate: Aggregate) -> HashMap<Text<'_>, f64> {
    let mut result = HashMap::new();
    for input in by_size(inputs) {
        for (member, score) in input.iter() {
            let score = zero_if_nan(score * input.weight);
            match result.entry(member) {
                Entry::Occupied(mut joined) => *joined.get_mut() = aggregate.join(*joined.get(), score),
                Entry::Vacant(place) => {
                    place.insert(score);
                }
            }
        }
    }
    result
}

/// Goes through the smallest input and asks the others.
fn intersection<'k>(
    inputs: Inputs<'k>,
    aggregate: Aggregate,
) -> impl Iterator<Item = (Text<'k>, f64)> + use<'k> {
    let inputs = by_size(inputs);
    let smallest = inputs[0];
    smallest.iter().filter_map(move |(member, score)| {
        let first = zero_if_nan(score * smallest.weight);
        let score = inputs[1..].iter().try_fold(first, |joined, input| {
            Some(aggregate.join(joined, input.score(&member)? * input.weight))
        });
        Some((member, score?))
    })
}

fn difference<'k>(mut inputs: Inputs<'k>) -> impl Iterator<Item = (Text<'k>, f64)> + use<'k> {
    let first = inputs.remove(0);
    first.iter().filter(move |(member, _)| inputs.iter().all(|input| input.score(member).is_none()))
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn scores_are_weighed_and_joined() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD a 1 x 2 y 3 z", ":3|"),
                ("ZADD b 10 y 20 z 30 w", ":3|"),
                ("SADD set x y", ":2|"),
                ("ZUNION 2 a b", "*4|$1|x|$1|y|$1|z|$1|w|"),
                ("ZINTER 2 a b WEIGHTS 2 1 AGGREGATE MAX WITHSCORES", "*4|$1|y|$2|10|$1|z|$2|20|"),
                ("ZINTER 2 a b AGGREGATE MIN WITHSCORES", "*4|$1|y|$1|2|$1|z|$1|3|"),
                ("ZINTER 2 a none", "*0|"),
                ("ZUNION 2 a set WITHSCORES", "*6|$1|x|$1|2|$1|y|$1|3|$1|z|$1|3|"),
                ("ZINTER 3 a set a WITHSCORES", "*4|$1|x|$1|3|$1|y|$1|5|"),
                ("ZDIFF 3 a set none WITHSCORES", "*2|$1|z|$1|3|"),
                ("ZDIFF 2 set b", "*1|$1|x|"),
                ("ZDIFF 2 none a", "*0|"),
                ("ZINTERCARD 2 a b", ":2|"),
                ("ZINTERCARD 2 a b LIMIT 1", ":1|"),
                ("ZINTERCARD 2 a b LIMIT 0", ":2|"),
                ("ZADD p inf m -inf n", ":2|"),
                ("ZADD q -inf m -inf n", ":2|"),
                ("ZUNION 2 p q WITHSCORES", "*4|$1|n|$4|-inf|$1|m|$1|0|"),
                ("ZINTER 2 p q WEIGHTS 0 1 AGGREGATE MAX WITHSCORES", "*4|$1|m|$1|0|$1|n|$1|0|"),
            ],
        );
    }

    #[test]
    fn errors_come_in_their_order() {
        let mut world = World::default();
        let client = world.connect();
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
        world.transcript(
            client,
            &[
                ("SET string x", "+OK|"),
                ("ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command|"),
                ("ZDIFFSTORE d -1 a", "-ERR at least 1 input key is needed for 'zdiffstore' command|"),
                ("ZINTERCARD x a", "-ERR value is not an integer or out of range|"),
                ("ZUNION 2 a", "-ERR syntax error|"),
                ("ZUNION 1 string BOGUS", wrong_type),
                ("ZUNION 2 a b WEIGHTS 1", "-ERR syntax error|"),
                ("ZUNION 2 a b WEIGHTS 1 nan", "-ERR weight value is not a float|"),
                ("ZUNION 1 a AGGREGATE", "-ERR syntax error|"),
                ("ZUNION 1 a AGGREGATE AVG", "-ERR syntax error|"),
                ("ZUNION 1 a LIMIT 1", "-ERR syntax error|"),
                ("ZDIFF 1 a WEIGHTS 1", "-ERR syntax error|"),
                ("ZUNIONSTORE d 1 a WITHSCORES", "-ERR syntax error|"),
                ("ZINTERCARD 1 a WITHSCORES", "-ERR syntax error|"),
                ("ZINTERCARD 1 a LIMIT", "-ERR syntax error|"),
                ("ZINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative|"),
                ("COMMAND GETKEYS ZUNIONSTORE d 2 a b WEIGHTS 1 2", "*3|$1|d|$1|a|$1|b|"),
                ("COMMAND GETKEYS ZINTERCARD 2 a b LIMIT 1", "*2|$1|a|$1|b|"),
                ("COMMAND GETKEYS ZUNION 3 a b", "-ERR Invalid arguments specified for command|"),
            ],
        );
    }

    #[test]
    fn results_are_stored_and_replayed() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD a 1 x 2 y", ":2|"),
                ("ZADD b 10 y", ":1|"),
                ("ZUNIONSTORE u 2 a b WEIGHTS 1 0.5", ":2|"),
                ("ZINTERSTORE i 2 a b", ":1|"),
                ("ZDIFFSTORE a 2 a b", ":1|"),
                ("SET string x", "+OK|"),
                ("ZUNIONSTORE string 1 a WEIGHTS -0", ":1|"),
                ("ZINTERSTORE b 2 b none", ":0|"),
            ],
        );
        for mut world in [world.replayed(), world] {
            let client = world.connect();
            world.transcript(
                client,
                &[
                    ("ZRANGE u 0 -1 WITHSCORES", "*4|$1|x|$1|1|$1|y|$1|7|"),
                    ("ZRANGE i 0 -1 WITHSCORES", "*2|$1|y|$2|12|"),
                    ("ZRANGE a 0 -1", "*1|$1|x|"),
                    ("ZRANGE string 0 -1 WITHSCORES", "*2|$1|x|$1|0|"),
                    ("EXISTS b", ":0|"),
                ],
            );
        }
    }
}
