//! A counted copy-on-write B+tree of packed chunks: what every large container is built of.
//!
//! Leaves are chunks of records; an inner node holds, for each child, how many records lie below it and a
//! separator. `freeze` shares the root; a later change copies the nodes on its path that are still shared
//! with a frozen tree, and nothing else. Records are found by position (the counts) or by a comparison (the
//! separators). The tree knows no key, no value and no order of its own: an [`Order`] says what separates
//! two leaves, and its users compare.

mod change;
mod range;

pub use range::Records;

use super::chunk::{Chunk, Slot};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Children of an inner node.
const FANOUT_MAX: usize = 32;

/// Levels of inner nodes; half-full nodes of 16 children reach it long after memory ends.
const DEPTH_MAX: usize = 14;

/// A leaf with more bytes than this is split.
const LEAF_BYTES_MAX: usize = 4096;

/// How the records of a tree are ordered, and how large its leaves are.
pub trait Order: 'static {
    type Slot: Slot;

    /// A leaf with more records than this is split.
    const LEAF_RECORDS_MAX: usize;

    /// Inserts into `keys` at `at` what separates the record at `index` from all before it.
    fn insert_separator(leaf: &Chunk<Self::Slot>, index: usize, keys: &mut Chunk<Self::Slot>, at: usize);

    /// Whether a leaf may end before the record at `index` (at least 1).
    fn may_split(leaf: &Chunk<Self::Slot>, index: usize) -> bool;
}

pub struct Tree<O: Order> {
    root: Arc<Node<O>>,
    len: usize,
    leaf_bytes: usize,
}

enum Node<O: Order> {
    Leaf(Chunk<O::Slot>),
    Inner(Inner<O>),
}

struct Inner<O: Order> {
    /// One per child. The first is never looked at: what is before every other child is in the first.
    keys: Chunk<O::Slot>,
    children: Vec<Child<O>>,
}

struct Child<O: Order> {
    count: usize,
    node: Arc<Node<O>>,
}

/// Where a record is, or would be inserted: good until the tree changes.
#[derive(Clone, Copy)]
pub struct Place {
    path: [u8; DEPTH_MAX],
    /// Index in the leaf; the leaf's length where the place is behind its last record.
    pub offset: usize,
}

/// A place together with its leaf.
pub struct Found<'a, O: Order> {
    pub leaf: &'a Chunk<O::Slot>,
    pub place: Place,
}

impl<O: Order> Default for Tree<O> {
    fn default() -> Self {
        Tree { root: Arc::new(Node::Leaf(Chunk::default())), len: 0, leaf_bytes: 0 }
    }
}

impl<O: Order> Tree<O> {
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of all leaves, and a share for the nodes above them (one inner entry a leaf).
    pub fn memory_bytes(&self) -> usize {
        let leaves = self.len / (O::LEAF_RECORDS_MAX / 2) + 1;
        let entry = size_of::<Child<O>>() + size_of::<Node<O>>() + 2 * size_of::<usize>() + 16;
        self.leaf_bytes + leaves * entry
    }

    /// A tree of the same content that later changes do not reach, at a cost that does not grow with it.
    pub fn freeze(&self) -> Tree<O> {
        Tree { root: Arc::clone(&self.root), len: self.len, leaf_bytes: self.leaf_bytes }
    }

    /// The place of the record at `position`; behind the last record for `len()`.
    pub fn locate(&self, position: usize) -> Found<'_, O> {
        debug_assert!(position <= self.len);
        let mut path = [0; DEPTH_MAX];
        let mut rest = position;
        let mut node = &*self.root;
        let mut level = 0;
        loop {
            match node {
                Node::Leaf(leaf) => {
                    return Found { leaf, place: Place { path, offset: rest } };
                }
                Node::Inner(inner) => {
                    let mut index = 0;
                    while index + 1 < inner.children.len() && rest >= inner.children[index].count {
                        rest -= inner.children[index].count;
                        index += 1;
                    }
                    path[level] = index as u8;
                    level += 1;
                    node = &inner.children[index].node;
                }
            }
        }
    }

    /// The first place whose record does not compare less, where `compare` orders a record or separator
    /// against what is looked for. An equal separator leads right, to the leaf that begins with it.
    pub fn search(&self, compare: impl Fn(&Chunk<O::Slot>, usize) -> Ordering) -> Found<'_, O> {
        self.search_guessing(compare, |_, length| length / 2)
    }

    /// As `search`, beginning in the leaf at the index that `guess` names, from the prefixes between which
    /// the leaf's records lie and their number. A good guess saves most of the leaf's cache lines.
    pub fn search_guessing(
        &self,
        compare: impl Fn(&Chunk<O::Slot>, usize) -> Ordering,
        guess: impl Fn(Range<u64>, usize) -> usize,
    ) -> Found<'_, O> {
        let mut path = [0; DEPTH_MAX];
        let mut prefixes = 0..u64::MAX;
        let mut node = &*self.root;
        let mut level = 0;
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let is_before =
                        |leaf: &Chunk<O::Slot>, index: usize| compare(leaf, index) == Ordering::Less;
                    let offset = leaf.partition_point_near(guess(prefixes, leaf.len()), is_before);
                    return Found { leaf, place: Place { path, offset } };
                }
                Node::Inner(inner) => {
                    let not_after =
                        |keys: &Chunk<O::Slot>, index: usize| compare(keys, index) != Ordering::Greater;
                    let index = inner.keys.partition_point(1..inner.keys.len(), not_after) - 1;
                    if index > 0 {
                        prefixes.start = inner.keys.prefix(index);
                    }
                    if index + 1 < inner.keys.len() {
                        prefixes.end = inner.keys.prefix(index + 1);
                    }
                    path[level] = index as u8;
                    level += 1;
                    node = &inner.children[index].node;
                }
            }
        }
    }

    /// Records before a place in the whole tree.
    pub fn position(&self, place: &Place) -> usize {
        let mut position = place.offset;
        let mut node = &*self.root;
        for index in place.path {
            let Node::Inner(inner) = node else {
                break;
            };
            let index = usize::from(index);
            position += inner.children[..index].iter().map(|child| child.count).sum::<usize>();
            node = &inner.children[index].node;
        }
        position
    }

    /// The records at these positions, from both ends.
    pub fn records(&self, range: Range<usize>) -> Records<'_, O> {
        Records::new(self, range)
    }
}

impl<O: Order> Node<O> {
    fn leaf_bytes(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.memory_bytes(),
            Node::Inner(_) => 0,
        }
    }
}

impl<O: Order> Clone for Node<O> {
    fn clone(&self) -> Self {
        match self {
            Node::Leaf(leaf) => Node::Leaf(leaf.clone()),
            Node::Inner(inner) => {
                Node::Inner(Inner { keys: inner.keys.clone(), children: inner.children.clone() })
            }
        }
    }
}

impl<O: Order> Clone for Child<O> {
    fn clone(&self) -> Self {
        Child { count: self.count, node: Arc::clone(&self.node) }
    }
}

#[cfg(test)]
mod tests;
