//! A sorted set: members in the order of their scores, equal scores in the order of the members' bytes.
//! Small, a listpack in that order; large, two trees.
//!
//! Everything by rank, score or lexicographic range goes through ranks: a range of either kind is first
//! made a range of ranks, which can then be counted, read from either end, or removed.

mod bounds;
mod ranked;

pub use bounds::{LexBound, ScoreBound};
pub use ranked::compare_scores;

use super::codec::{self, Form};
use super::limits::Limits;
use super::packed::{Packed, PackedRecords, Spot};
use super::text::Text;
use super::tree::Records;
use ranked::{ByScore, Ranked, score_of_bytes, scored};
use std::ops::Range;
use warren_units::varint;

/// Fields of the listpack.
const SCORE: usize = 0;
const MEMBER: usize = 1;

pub struct SortedSet(Layout);

enum Layout {
    /// In order of score and member; the score as eight bytes.
    Listpack(Packed<2>),
    Skiplist(Box<Ranked>),
}

/// What became of a member that was to have a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    New,
    Updated,
    Same,
}

impl Default for SortedSet {
    fn default() -> SortedSet {
        SortedSet(Layout::Listpack(Packed::default()))
    }
}

impl SortedSet {
    pub fn len(&self) -> usize {
        match &self.0 {
            Layout::Listpack(packed) => packed.len(),
            Layout::Skiplist(ranked) => ranked.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Layout::Listpack(_) => "listpack",
            Layout::Skiplist(_) => "skiplist",
        }
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Layout::Listpack(packed) => packed.find(MEMBER, member).map(|spot| score_at(packed, spot)),
            Layout::Skiplist(ranked) => ranked.score(member),
        }
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        self.score(member).is_some()
    }

    /// Gives a member its score, which is not NaN.
    pub fn insert<'t>(&mut self, member: impl Into<Text<'t>>, score: f64, limits: &Limits) -> Added {
        let member = member.into();
        let packed = match &mut self.0 {
            Layout::Skiplist(ranked) => return ranked.insert(member, score),
            Layout::Listpack(packed) => packed,
        };
        let added = match packed.find(MEMBER, &member) {
            Some(spot) if score_at(packed, spot) == score => return Added::Same,
            Some(spot) => {
                packed.remove(spot, 1);
                Added::Updated
            }
            None => {
                let is_short = member.len() <= limits.sorted_set_listpack_value_bytes_max;
                let is_few = packed.len() < limits.sorted_set_listpack_entries_max;
                if !is_short || !is_few || !packed.has_room(size_of::<f64>() + member.len()) {
                    return self.convert(limits.hash_seed).insert(member, score);
                }
                Added::New
            }
        };
        insert_in_order(packed, &member, score);
        added
    }

    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Layout::Listpack(packed) => {
                let spot = packed.find(MEMBER, member);
                if let Some(spot) = spot {
                    packed.remove(spot, 1);
                }
                spot.is_some()
            }
            Layout::Skiplist(ranked) => ranked.remove(member),
        }
    }

    /// Members before this one. Counted from the other end: `len() - 1 - rank`.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.0 {
            Layout::Listpack(packed) => packed.find(MEMBER, member).map(|spot| spot.index),
            Layout::Skiplist(ranked) => ranked.rank(member),
        }
    }

    /// The member of a rank: with a random rank, a random member.
    pub fn nth(&self, rank: usize) -> Option<(Text<'_>, f64)> {
        self.iter().nth(rank)
    }

    /// The ranks of the members between two scores; empty where there are none.
    pub fn score_range(&self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        let start = self.count_before(|score, _| min.excludes_below(score));
        let end = self.count_before(|score, _| !max.excludes_above(score));
        start..end.max(start)
    }

    /// The ranks of the members between two members, given that all scores are equal.
    pub fn lex_range(&self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        let start = self.count_before(|_, member| min.excludes_below(member));
        let end = self.count_before(|_, member| !max.excludes_above(member));
        start..end.max(start)
    }

    pub fn iter(&self) -> ScoredMembers<'_> {
        self.range(0..self.len())
    }

    /// The members of these ranks, from either end; ranks past the end are ignored.
    pub fn range(&self, ranks: Range<usize>) -> ScoredMembers<'_> {
        ScoredMembers(match &self.0 {
            Layout::Listpack(packed) => {
                let end = ranks.end.min(packed.len());
                let start = ranks.start.min(end);
                ScoredLayout::Listpack(packed.iter_from(packed.spot(start)).limit(end - start))
            }
            Layout::Skiplist(ranked) => ScoredLayout::Skiplist(ranked.records(ranks)),
        })
    }

    /// Removes the members of these ranks; ranks past the end are ignored.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        match &mut self.0 {
            Layout::Listpack(packed) => packed.remove(packed.spot(start), end - start),
            Layout::Skiplist(ranked) => ranked.remove_range(start..end),
        }
    }

    /// Hands out about `count` members from the cursor on and returns the cursor of the rest; 0 begins and
    /// ends. A small sorted set is handed out whole.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Text<'a>, f64)) -> u64 {
        match &self.0 {
            Layout::Listpack(_) => {
                self.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            Layout::Skiplist(ranked) => ranked.scan(cursor, count, visit),
        }
    }

    /// A view that keeps the present content, at a cost that does not grow with the size.
    pub fn freeze(&self) -> SortedSet {
        SortedSet(match &self.0 {
            Layout::Listpack(packed) => Layout::Listpack(packed.clone()),
            Layout::Skiplist(ranked) => Layout::Skiplist(Box::new(ranked.freeze())),
        })
    }

    pub fn memory_size_bytes(&self) -> usize {
        match &self.0 {
            Layout::Listpack(packed) => packed.memory_bytes(),
            Layout::Skiplist(ranked) => ranked.memory_bytes(),
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let form = match &self.0 {
            Layout::Listpack(_) => Form::Listpack,
            Layout::Skiplist(_) => Form::Large,
        };
        codec::begin(out, form, self.len());
        for (member, score) in self.iter() {
            out.extend_from_slice(&score.to_le_bytes());
            varint::put_bytes(out, &member);
        }
    }

    pub fn decode(bytes: &[u8], hash_seed: u64) -> Option<SortedSet> {
        let codec::Header { form, count, mut elements } = codec::open(bytes)?;
        let mut set = match form {
            Form::Listpack => SortedSet::default(),
            Form::Large => SortedSet(Layout::Skiplist(Box::new(Ranked::new(hash_seed)))),
            Form::Intset => return None,
        };
        for _ in 0..count {
            let score = elements.f64().filter(|score| !score.is_nan())?;
            let member = elements.bytes()?;
            let is_new = match &mut set.0 {
                Layout::Skiplist(ranked) => ranked.insert(member.into(), score) == Added::New,
                Layout::Listpack(packed) => {
                    let has_room = packed.has_room(size_of::<f64>() + member.len());
                    has_room.then(|| insert_in_order(packed, member, score)).is_some()
                }
            };
            if !is_new {
                return None;
            }
        }
        elements.is_empty().then_some(set)
    }

    fn count_before(&self, is_before: impl Fn(f64, &[u8]) -> bool) -> usize {
        match &self.0 {
            Layout::Listpack(packed) => {
                packed.iter().take_while(|[score, member]| is_before(score_of_bytes(score), member)).count()
            }
            Layout::Skiplist(ranked) => ranked.count_before(is_before),
        }
    }

    fn convert(&mut self, hash_seed: u64) -> &mut Ranked {
        if let Layout::Listpack(packed) = &self.0 {
            let mut ranked = Ranked::new(hash_seed);
            for [score, member] in packed.iter() {
                ranked.insert(member.into(), score_of_bytes(score));
            }
            self.0 = Layout::Skiplist(Box::new(ranked));
        }
        match &mut self.0 {
            Layout::Skiplist(ranked) => ranked,
            Layout::Listpack(_) => unreachable!("just converted"),
        }
    }
}

fn score_at(packed: &Packed<2>, spot: Spot) -> f64 {
    score_of_bytes(packed.record(spot)[SCORE])
}

fn insert_in_order(packed: &mut Packed<2>, member: &[u8], score: f64) {
    let index = packed
        .iter()
        .take_while(|[other_score, other]| {
            compare_scores(score_of_bytes(other_score), score).then_with(|| (*other).cmp(member)).is_lt()
        })
        .count();
    packed.insert(packed.spot(index), [&score.to_le_bytes(), member]);
}

/// Members and scores in order, from either end.
#[derive(Clone)]
pub struct ScoredMembers<'a>(ScoredLayout<'a>);

#[derive(Clone)]
enum ScoredLayout<'a> {
    Listpack(PackedRecords<'a, 2>),
    Skiplist(Records<'a, ByScore>),
}

fn packed_scored<'a>([score, member]: [&'a [u8]; 2]) -> (Text<'a>, f64) {
    (Text::Slice(member), score_of_bytes(score))
}

impl<'a> Iterator for ScoredMembers<'a> {
    type Item = (Text<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.nth(0)
    }

    fn nth(&mut self, count: usize) -> Option<Self::Item> {
        match &mut self.0 {
            ScoredLayout::Listpack(records) => records.nth(count).map(packed_scored),
            ScoredLayout::Skiplist(records) => records.nth(count).map(scored),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            ScoredLayout::Listpack(records) => records.size_hint(),
            ScoredLayout::Skiplist(records) => records.size_hint(),
        }
    }
}

impl DoubleEndedIterator for ScoredMembers<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.nth_back(0)
    }

    fn nth_back(&mut self, count: usize) -> Option<Self::Item> {
        match &mut self.0 {
            ScoredLayout::Listpack(records) => records.nth_back(count).map(packed_scored),
            ScoredLayout::Skiplist(records) => records.nth_back(count).map(scored),
        }
    }
}

impl ExactSizeIterator for ScoredMembers<'_> {}

#[cfg(test)]
mod tests;
