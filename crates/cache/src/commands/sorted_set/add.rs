//! Giving scores: ZADD, ZINCRBY.

use super::scored::reply_score;
use crate::command::{Carrier, CommandError, CommandSpec, Flags, Group, Keys};
use crate::context::Context;
use crate::keyspace::effects::Value;
use crate::keyspace::effects::sorted_set::SetScores;
use crate::parse::{is_option, need_float};
use crate::values::SortedSet;
use hashbrown::HashMap;
use smallvec::SmallVec;
use warren_resp::Args;

pub static ZADD: CommandSpec = CommandSpec {
    name: "zadd",
    arity: -4,
    flags: Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST),
    keys: Keys::FIRST,
    categories: "",
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Adds members with scores to a sorted set, or gives them new scores.",
    complexity: "O(log(N)) for each member given, where N is the number of members in the sorted set.",
    syntax: "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
    carrier: Carrier::Cache(zadd),
};

pub static ZINCRBY: CommandSpec = CommandSpec {
    name: "zincrby",
    arity: 4,
    summary: "Adds to the score of a member.",
    complexity: "O(log(N)) where N is the number of members in the sorted set.",
    syntax: "key increment member",
    carrier: Carrier::Cache(zincrby),
    ..ZADD
};

/// What a ZADD is told beside scores and members.
#[derive(Clone, Copy, Default)]
pub struct Options {
    pub only_new: bool,
    pub only_existing: bool,
    only_greater: bool,
    only_less: bool,
    pub counts_changed: bool,
    increments: bool,
}

pub type Pairs<'a> = SmallVec<[(f64, Value<'a>); 4]>;

/// What became of one member.
enum Decision {
    /// An option stood against it.
    Refused,
    /// It has that score already.
    Same(f64),
    Add(f64),
    Update(f64),
}

fn zadd(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    add_pairs(context, args, Options::default())
}

/// ZADD's options are read here, too, so that an increment of their name is no number but a syntax error.
fn zincrby(context: &mut Context<'_, '_>, args: Args<'_>) -> Result<(), CommandError> {
    add_pairs(context, args, Options { increments: true, ..Options::default() })
}

fn add_pairs(
    context: &mut Context<'_, '_>,
    args: Args<'_>,
    mut options: Options,
) -> Result<(), CommandError> {
    let first = options.read(args);
    if !(args.len() - first).is_multiple_of(2) || args.len() == first {
        return Err(CommandError::Syntax);
    }
    options.check(args.len() - first)?;
    add(context, args.get(1), options, &read_pairs(args, first)?)
}

/// Scores and members from argument `first` on.
fn read_pairs(args: Args<'_>, first: usize) -> Result<Pairs<'_>, CommandError> {
    let pair = |position: usize| Ok((need_float(args.get(position))?, Value::of(args, position + 1)));
    (first..args.len()).step_by(2).map(pair).collect()
}

/// Decides what changes, does it in one effect, and replies.
pub fn add(
    context: &mut Context<'_, '_>,
    key: &[u8],
    options: Options,
    pairs: &[(f64, Value<'_>)],
) -> Result<(), CommandError> {
    let place = context.write(key);
    let sorted_set = context.shared.keyspace.sorted_set(place)?;
    let mut changes: Pairs<'_> = SmallVec::new();
    let (mut added, mut updated, mut result) = (0, 0, None);
    // A member may come more than once: each time decides on what the time before has left.
    let mut decided: HashMap<&[u8], f64> = HashMap::new();
    for (score, member) in pairs {
        let name = member.as_slice();
        let earlier = if decided.is_empty() { None } else { decided.get(name).copied() };
        let current =
            earlier.or_else(|| sorted_set.and_then(|sorted_set: &SortedSet| sorted_set.score(name)));
        let score = match options.decide(current, *score)? {
            Decision::Refused => continue,
            Decision::Same(score) => {
                result = Some(score);
                continue;
            }
            Decision::Add(score) => {
                added += 1;
                score
            }
            Decision::Update(score) => {
                updated += 1;
                score
            }
        };
        result = Some(score);
        // There is no minus zero in a sorted set.
        changes.push((score + 0.0, *member));
        if pairs.len() > 1 {
            decided.insert(name, score);
        }
    }
    if !changes.is_empty() {
        context.apply(SetScores { place, scored: changes.as_slice().into() });
    }
    match result {
        _ if !options.increments => {
            context.reply.integer(if options.counts_changed { added + updated } else { added });
        }
        Some(score) => reply_score(&mut context.reply, score),
        None => context.reply.null(),
    }
    Ok(())
}

impl Options {
    /// Takes in the options that are given, and returns where the first score is.
    fn read(&mut self, args: Args<'_>) -> usize {
        let mut position = 2;
        while position < args.len() {
            let word = args.get(position);
            let option = match word {
                _ if is_option(word, "NX") => &mut self.only_new,
                _ if is_option(word, "XX") => &mut self.only_existing,
                _ if is_option(word, "GT") => &mut self.only_greater,
                _ if is_option(word, "LT") => &mut self.only_less,
                _ if is_option(word, "CH") => &mut self.counts_changed,
                _ if is_option(word, "INCR") => &mut self.increments,
                _ => break,
            };
            *option = true;
            position += 1;
        }
        position
    }

    fn check(self, pair_words: usize) -> Result<(), CommandError> {
        let text = if self.only_new && self.only_existing {
            "ERR XX and NX options at the same time are not compatible"
        } else if (self.only_new && (self.only_greater || self.only_less))
            || (self.only_greater && self.only_less)
        {
            "ERR GT, LT, and/or NX options at the same time are not compatible"
        } else if self.increments && pair_words > 2 {
            "ERR INCR option supports a single increment-element pair"
        } else {
            return Ok(());
        };
        Err(CommandError::fixed(text))
    }

    fn decide(self, current: Option<f64>, score: f64) -> Result<Decision, CommandError> {
        let Some(current) = current else {
            return Ok(if self.only_existing { Decision::Refused } else { Decision::Add(score) });
        };
        if self.only_new {
            return Ok(Decision::Refused);
        }
        let score = if self.increments { current + score } else { score };
        if score.is_nan() {
            return Err(CommandError::fixed("ERR resulting score is not a number (NaN)"));
        }
        if (self.only_greater && score <= current) || (self.only_less && score >= current) {
            return Ok(Decision::Refused);
        }
        Ok(if score == current { Decision::Same(score) } else { Decision::Update(score) })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    #[test]
    fn options_decide_who_gets_a_score() {
        let mut world = World::default();
        let client = world.connect();
        world.transcript(
            client,
            &[
                ("ZADD z 1 a 2 a 3 b", ":2|"),
                ("ZSCORE z a", "$1|2|"),
                ("ZADD z CH 5 a 3 b 2 d", ":2|"),
                ("ZADD z NX 9 a 9 e", ":1|"),
                ("ZADD z XX CH 8 a 8 f", ":1|"),
                ("ZADD z GT CH 6 a 9 b 4 b", ":1|"),
                ("ZADD z LT CH 6 a 10 b", ":1|"),
                ("ZADD z INCR 5 a", "$2|11|"),
                ("ZADD z NX INCR 5 a", "$-1|"),
                ("ZADD z XX INCR 5 none", "$-1|"),
                ("ZADD z GT INCR 0 a", "$-1|"),
                ("ZADD z INCR 0 a", "$2|11|"),
                ("ZINCRBY z 0.1 new", "$19|0.10000000000000001|"),
                ("ZINCRBY z NX new", "-ERR syntax error|"),
                ("ZADD z inf i", ":1|"),
                ("ZINCRBY z -inf i", "-ERR resulting score is not a number (NaN)|"),
                ("ZADD z nan a", "-ERR value is not a valid float|"),
                ("ZADD z 1 a 2", "-ERR syntax error|"),
                ("ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible|"),
                ("ZADD z NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible|"),
                ("ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair|"),
                ("ZADD none XX 1 a", ":0|"),
                ("EXISTS none", ":0|"),
            ],
        );
        for mut world in [world.replayed(), world] {
            let client = world.connect();
            let expected =
                "*12|$3|new|$19|0.10000000000000001|$1|d|$1|2|$1|b|$1|9|$1|e|$1|9|$1|a|$2|11|$1|i|$3|inf|";
            assert_eq!(world.run(client, "ZRANGE z 0 -1 WITHSCORES"), expected);
        }
    }
}
