//! What ZUNION, ZINTER, ZDIFF and their like are asked: keys of sorted sets or sets, weights, how scores join.

use crate::command::CommandError;
use crate::context::Context;
use crate::keyspace::{Keyspace, Place};
use crate::parse::{float, is_option, need_integer, need_positive_or};
use crate::values::{Set, SortedSet, Text};
use smallvec::SmallVec;
use warren_resp::Args;

/// How the scores of one member become one.
#[derive(Clone, Copy, Default)]
pub enum Aggregate {
    #[default]
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// The sum of infinities of both signs is 0; nothing is below or above what is not a number.
    pub fn join(self, score: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => zero_if_nan(score + other),
            Aggregate::Min if other < score => other,
            Aggregate::Max if other > score => other,
            Aggregate::Min | Aggregate::Max => score,
        }
    }
}

pub fn zero_if_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The options that a command of the family takes.
#[derive(Clone, Copy, Default)]
pub struct Allowed {
    pub weights: bool,
    pub scores: bool,
    pub limit: bool,
}

/// `numkeys key [key ...]` and the options behind.
pub struct Request<'a> {
    keys: SmallVec<[(Place<'a>, f64); 4]>,
    pub aggregate: Aggregate,
    pub with_scores: bool,
    /// No limit and a limit of 0 are the same.
    pub limit: usize,
}

impl<'a> Request<'a> {
    /// Reads a request of the command `name` whose number of keys is at `count_at`.
    ///
    /// # Errors
    /// What is wrong with the keys, their types included, comes before what is wrong with the options.
    pub fn read(
        context: &mut Context<'_, '_>,
        args: Args<'a>,
        name: &str,
        count_at: usize,
        allowed: Allowed,
    ) -> Result<Request<'a>, CommandError> {
        let key_count = need_integer(args.get(count_at))?;
        if key_count < 1 {
            return Err(format!("ERR at least 1 input key is needed for '{name}' command").into());
        }
        let first = count_at + 1;
        let key_count = usize::try_from(key_count).unwrap_or(usize::MAX);
        if key_count > args.len() - first {
            return Err(CommandError::Syntax);
        }
        let keys = args.from(first).iter().take(key_count).map(|key| (context.read(key), 1.0)).collect();
        let mut request =
            Request { keys, aggregate: Aggregate::default(), with_scores: false, limit: usize::MAX };
        request.inputs(&context.shared.keyspace)?;
        request.read_options(args, first + key_count, allowed)?;
        Ok(request)
    }

    fn read_options(
        &mut self,
        args: Args<'a>,
        mut position: usize,
        allowed: Allowed,
    ) -> Result<(), CommandError> {
        while position < args.len() {
            let option = args.get(position);
            let following = args.len() - position - 1;
            if allowed.weights && following >= self.keys.len() && is_option(option, "WEIGHTS") {
                for ((_, weight), text) in self.keys.iter_mut().zip(args.from(position + 1).iter()) {
                    *weight = float(text).ok_or(CommandError::fixed("ERR weight value is not a float"))?;
                }
                position += self.keys.len();
            } else if allowed.weights && following >= 1 && is_option(option, "AGGREGATE") {
                self.aggregate = match args.get(position + 1) {
                    word if is_option(word, "SUM") => Aggregate::Sum,
                    word if is_option(word, "MIN") => Aggregate::Min,
                    word if is_option(word, "MAX") => Aggregate::Max,
                    _ => return Err(CommandError::Syntax),
                };
                position += 1;
            } else if allowed.scores && is_option(option, "WITHSCORES") {
                self.with_scores = true;
            } else if allowed.limit && following >= 1 && is_option(option, "LIMIT") {
                let limit = need_positive_or(args.get(position + 1), "ERR LIMIT can't be negative")?;
                self.limit = if limit == 0 { usize::MAX } else { limit };
                position += 1;
            } else {
                return Err(CommandError::Syntax);
            }
            position += 1;
        }
        Ok(())
    }

    /// The inputs in the request's order.
    ///
    /// # Errors
    /// A key is neither a set nor a sorted set.
    pub fn inputs<'k>(&self, keyspace: &'k Keyspace) -> Result<Inputs<'k>, CommandError> {
        let input = |(place, weight): &(Place<'_>, f64)| {
            Ok(Input { source: Source::find(keyspace, *place)?, weight: *weight })
        };
        self.keys.iter().map(input).collect()
    }
}

pub type Inputs<'k> = SmallVec<[Input<'k>; 4]>;

#[derive(Clone, Copy)]
pub struct Input<'k> {
    source: Source<'k>,
    pub weight: f64,
}

/// Where members come from.
#[derive(Clone, Copy)]
enum Source<'k> {
    None,
    SortedSet(&'k SortedSet),
    /// Its members have the score 1.
    Set(&'k Set),
}

const SCORE_IN_SET: f64 = 1.0;

impl<'k> Source<'k> {
    fn find(keyspace: &'k Keyspace, place: Place<'_>) -> Result<Source<'k>, CommandError> {
        Ok(match keyspace.set(place) {
            Ok(None) => Source::None,
            Ok(Some(set)) => Source::Set(set),
            Err(_) => keyspace.sorted_set(place)?.map_or(Source::None, Source::SortedSet),
        })
    }
}

impl<'k> Input<'k> {
    pub fn member_count(&self) -> usize {
        match self.source {
            Source::None => 0,
            Source::SortedSet(sorted_set) => sorted_set.len(),
            Source::Set(set) => set.len(),
        }
    }

    /// The score without the weight.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.source {
            Source::None => None,
            Source::SortedSet(sorted_set) => sorted_set.score(member),
            Source::Set(set) => set.contains(member).then_some(SCORE_IN_SET),
        }
    }

    /// The members with their scores, without the weight.
    pub fn iter(&self) -> impl Iterator<Item = (Text<'k>, f64)> + use<'k> {
        let (sorted_set, set) = match self.source {
            Source::None => (None, None),
            Source::SortedSet(sorted_set) => (Some(sorted_set), None),
            Source::Set(set) => (None, Some(set)),
        };
        let in_set = set.into_iter().flat_map(Set::iter).map(|member| (member, SCORE_IN_SET));
        sorted_set.into_iter().flat_map(SortedSet::iter).chain(in_set)
    }
}
