//! The large form of a sorted set: one tree in the order of score and member, which counts, and one in the
//! order of the members' hashes, which finds a member's score. Both always hold the same members.

use super::Added;
use crate::values::by_hash::{HashOrdered, Lookup, MEMBER};
use crate::values::chunk::Chunk;
use crate::values::text::Text;
use crate::values::tree::{Found, Order, Records, Tree};
use std::cmp::Ordering;
use std::ops::Range;

/// Fields of the tree by score.
const ORDER_SCORE: usize = 0;
const ORDER_MEMBER: usize = 1;

/// The field behind the member in the tree by hash.
const MEMBER_SCORE: usize = 1;

pub enum ByScore {}

impl Order for ByScore {
    type Slot = u64;

    const LEAF_RECORDS_MAX: usize = 64;

    fn insert_separator(leaf: &Chunk<u64>, index: usize, keys: &mut Chunk<u64>, at: usize) {
        let fields = [leaf.field(index, ORDER_SCORE), leaf.field(index, ORDER_MEMBER)];
        keys.insert(at, leaf.prefix(index), &fields);
    }

    fn may_split(_leaf: &Chunk<u64>, _index: usize) -> bool {
        true
    }
}

pub struct Ranked {
    order: Tree<ByScore>,
    members: HashOrdered,
}

impl Ranked {
    pub fn new(hash_seed: u64) -> Ranked {
        Ranked { order: Tree::default(), members: HashOrdered::new(hash_seed) }
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.members.get(member, MEMBER_SCORE).map(|score| score_of_bytes(&score))
    }

    pub fn insert(&mut self, member: Text<'_>, score: f64) -> Added {
        let score_bytes = score.to_le_bytes();
        let score_field = Text::Slice(&score_bytes);
        let added = match self.members.lookup(&member) {
            Lookup::Absent(place, hash) => {
                self.members.insert_at(&place, hash, &[member, score_field]);
                Added::New
            }
            Lookup::Present(found) => {
                let old = score_of_bytes(&found.leaf.field(found.place.offset, MEMBER_SCORE));
                if old == score {
                    return Added::Same;
                }
                let place = found.place;
                self.members.replace_at(&place, &[member, score_field]);
                self.remove_from_order(&member, old);
                Added::Updated
            }
        };
        let place = self.find(&member, score).place;
        self.order
            .edit(&place, |leaf, index| leaf.insert(index, sorting_prefix(score), &[score_field, member]));
        added
    }

    pub fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.score(member) else {
            return false;
        };
        self.members.remove(member);
        self.remove_from_order(member, score);
        true
    }

    pub fn remove_range(&mut self, range: Range<usize>) {
        for (leaf, index) in self.order.records(range.clone()) {
            self.members.remove(&leaf.field(index, ORDER_MEMBER));
        }
        self.order.remove_range(range);
    }

    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        let score = self.score(member)?;
        Some(self.order.position(&self.find(member, score).place))
    }

    /// How many members come first for which `is_before` holds, as it must for some first ones and no other.
    pub fn count_before(&self, is_before: impl Fn(f64, &[u8]) -> bool) -> usize {
        let found = self.order.search(|chunk, index| {
            match is_before(score_in(chunk, index), &chunk.field(index, ORDER_MEMBER)) {
                true => Ordering::Less,
                false => Ordering::Greater,
            }
        });
        self.order.position(&found.place)
    }

    pub fn records(&self, range: Range<usize>) -> Records<'_, ByScore> {
        self.order.records(range)
    }

    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Text<'a>, f64)) -> u64 {
        self.members.scan(cursor, count, |leaf, index| {
            visit(leaf.field(index, MEMBER), score_of_bytes(&leaf.field(index, MEMBER_SCORE)));
        })
    }

    pub fn freeze(&self) -> Ranked {
        Ranked { order: self.order.freeze(), members: self.members.freeze() }
    }

    pub fn memory_bytes(&self) -> usize {
        self.order.memory_bytes() + self.members.memory_bytes()
    }

    fn remove_from_order(&mut self, member: &[u8], score: f64) {
        let place = self.find(member, score).place;
        self.order.edit(&place, |leaf, index| leaf.remove(index..index + 1));
    }

    fn find(&self, member: &[u8], score: f64) -> Found<'_, ByScore> {
        let prefix = sorting_prefix(score);
        self.order.search(|chunk, index| {
            chunk.prefix(index).cmp(&prefix).then_with(|| {
                let ordering = compare_scores(score_in(chunk, index), score);
                ordering.then_with(|| chunk.field(index, ORDER_MEMBER).as_slice().cmp(member))
            })
        })
    }
}

/// The member and score of a record of the tree by score.
pub fn scored<'a>((leaf, index): (&'a Chunk<u64>, usize)) -> (Text<'a>, f64) {
    (leaf.field(index, ORDER_MEMBER), score_in(leaf, index))
}

fn score_in(chunk: &Chunk<u64>, index: usize) -> f64 {
    score_of_bytes(&chunk.field(index, ORDER_SCORE))
}

pub fn score_of_bytes(bytes: &[u8]) -> f64 {
    f64::from_le_bytes(bytes.try_into().expect("a score is written as eight bytes"))
}

/// Scores are never NaN; zero and minus zero are equal.
pub fn compare_scores(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).expect("a score is a number")
}

/// The upper 48 bits of an integer that sorts as the score does.
fn sorting_prefix(score: f64) -> u64 {
    // Adding zero makes minus zero plus zero.
    let bits = (score + 0.0).to_bits();
    let sign = 1 << 63;
    let sortable = if bits & sign == 0 { bits | sign } else { !bits };
    sortable >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_sort_as_scores_do() {
        let scores = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.5,
            -1.0,
            -f64::MIN_POSITIVE,
            0.0,
            1.0,
            1.5,
            1e300,
            f64::INFINITY,
        ];
        assert!(scores.is_sorted_by_key(|&score| sorting_prefix(score)));
        assert!(sorting_prefix(-1.0) < sorting_prefix(-0.5));
        assert_eq!(sorting_prefix(-0.0), sorting_prefix(0.0));
    }
}
