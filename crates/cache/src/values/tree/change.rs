//! Changes of a tree: one leaf is edited, and the path above it recounted, split, joined and, where a frozen
//! tree shares it, copied first.

use super::{Child, FANOUT_MAX, Inner, LEAF_BYTES_MAX, Node, Order, Place, Tree};
use crate::values::chunk::Chunk;
use std::ops::Range;
use std::sync::Arc;

/// What one edit did, gathered on the way up.
#[derive(Default)]
struct Tally {
    records: isize,
    leaf_bytes: isize,
}

/// The new right half of a node that grew too large.
struct Half<O: Order> {
    /// One key: the separator between the halves.
    separator: Chunk<O::Slot>,
    child: Child<O>,
}

/// Whether a node is the first or the last of its level: there, growth is expected to go on.
#[derive(Clone, Copy)]
struct Edges {
    first: bool,
    last: bool,
}

impl<O: Order> Tree<O> {
    /// Changes the leaf of a place. `change` gets the leaf and the index in it, and may insert one record
    /// or remove and replace any; the order of the records must hold afterwards.
    pub fn edit<R>(&mut self, place: &Place, change: impl FnOnce(&mut Chunk<O::Slot>, usize) -> R) -> R {
        let mut tally = Tally::default();
        let edges = Edges { first: true, last: true };
        let (result, half) = edit_node(&mut self.root, &place.path, place.offset, edges, &mut tally, change);
        self.len = self.len.strict_add_signed(tally.records);
        if let Some(half) = half {
            self.grow_root(half);
        }
        if tally.records < 0 {
            self.shrink_root(&mut tally);
        }
        self.leaf_bytes = self.leaf_bytes.saturating_add_signed(tally.leaf_bytes);
        result
    }

    /// Removes the records at these positions, a leaf at a time.
    pub fn remove_range(&mut self, range: Range<usize>) {
        let mut rest = range.end.min(self.len).saturating_sub(range.start);
        while rest > 0 {
            let place = self.locate(range.start).place;
            rest -= self.edit(&place, |leaf, offset| {
                let end = leaf.len().min(offset + rest);
                leaf.remove(offset..end);
                end - offset
            });
        }
    }

    fn grow_root(&mut self, half: Half<O>) {
        let left = Child { count: self.len - half.child.count, node: Arc::clone(&self.root) };
        let mut keys = Chunk::default();
        keys.push(0, &[]);
        keys.extend_from(&half.separator, 0..1);
        let mut children = Vec::with_capacity(FANOUT_MAX + 1);
        children.extend([left, half.child]);
        self.root = Arc::new(Node::Inner(Inner { keys, children }));
    }

    fn shrink_root(&mut self, tally: &mut Tally) {
        if self.len == 0 && matches!(&*self.root, Node::Inner(_)) {
            *self = Tree::default();
            tally.leaf_bytes = 0;
        }
        while let Node::Inner(inner) = &*self.root
            && let [only] = inner.children.as_slice()
        {
            self.root = Arc::clone(&only.node);
        }
    }
}

fn edit_node<O: Order, R>(
    node: &mut Arc<Node<O>>,
    path: &[u8],
    offset: usize,
    edges: Edges,
    tally: &mut Tally,
    change: impl FnOnce(&mut Chunk<O::Slot>, usize) -> R,
) -> (R, Option<Half<O>>) {
    // Before a copy, whose allocations are of other sizes.
    tally.leaf_bytes -= node.leaf_bytes() as isize;
    match Arc::make_mut(node) {
        Node::Leaf(leaf) => edit_leaf(leaf, offset, edges, tally, change),
        Node::Inner(inner) => {
            let index = usize::from(path[0]);
            let below = Edges {
                first: edges.first && index == 0,
                last: edges.last && index + 1 == inner.children.len(),
            };
            let child = &mut inner.children[index];
            let (result, half) = edit_node(&mut child.node, &path[1..], offset, below, tally, change);
            child.count = child.count.strict_add_signed(tally.records);
            if let Some(half) = half {
                child.count -= half.child.count;
                inner.insert(index + 1, half);
                return (result, inner.split_if_overfull(index + 1, edges));
            }
            if tally.records < 0 {
                inner.join_if_sparse(index, tally);
            }
            (result, None)
        }
    }
}

fn edit_leaf<O: Order, R>(
    leaf: &mut Chunk<O::Slot>,
    offset: usize,
    edges: Edges,
    tally: &mut Tally,
    change: impl FnOnce(&mut Chunk<O::Slot>, usize) -> R,
) -> (R, Option<Half<O>>) {
    let records = leaf.len();
    let result = change(leaf, offset);
    tally.records += leaf.len() as isize - records as isize;
    let is_root = edges.first && edges.last;
    if leaf.len() == 0 && !is_root {
        // It is dropped on the way up.
        *leaf = Chunk::default();
    }
    let half = split_point::<O>(leaf, edges, offset).map(|at| {
        let right = leaf.split_off(at);
        let mut separator = Chunk::default();
        O::insert_separator(&right, 0, &mut separator, 0);
        let count = right.len();
        tally.leaf_bytes += right.memory_bytes() as isize;
        Half { separator, child: Child { count, node: Arc::new(Node::Leaf(right)) } }
    });
    tally.leaf_bytes += leaf.memory_bytes() as isize;
    (result, half)
}

/// Where to split a leaf that grew too large. At the ends of the tree the split leaves the full side full,
/// so that a list of pushes, or a sorted set of rising scores, fills its leaves.
fn split_point<O: Order>(leaf: &Chunk<O::Slot>, edges: Edges, changed: usize) -> Option<usize> {
    let records = leaf.len();
    let too_many_bytes = leaf.data_bytes() > LEAF_BYTES_MAX;
    if records < 2 || (records <= O::LEAF_RECORDS_MAX && !too_many_bytes) {
        return None;
    }
    let wanted = if edges.last && changed + 1 == records {
        records - 1
    } else if edges.first && changed == 0 {
        1
    } else if too_many_bytes {
        let half = leaf.data_bytes() / 2;
        leaf.partition_point(0..records, |leaf, index| leaf.start(index) < half).clamp(1, records - 1)
    } else {
        records / 2
    };
    let at_or_after = (wanted..records).find(|&index| O::may_split(leaf, index));
    at_or_after.or_else(|| (1..wanted).rev().find(|&index| O::may_split(leaf, index)))
}

impl<O: Order> Inner<O> {
    fn insert(&mut self, index: usize, half: Half<O>) {
        let tail = (index < self.keys.len()).then(|| self.keys.split_off(index));
        self.keys.extend_from(&half.separator, 0..1);
        if let Some(tail) = tail {
            self.keys.extend_from(&tail, 0..tail.len());
        }
        self.children.insert(index, half.child);
    }

    fn split_if_overfull(&mut self, inserted: usize, edges: Edges) -> Option<Half<O>> {
        let size = self.children.len();
        if size <= FANOUT_MAX {
            return None;
        }
        let at = if edges.last && inserted + 1 == size {
            size - 1
        } else if edges.first && inserted == 1 {
            1
        } else {
            size / 2
        };
        let keys = self.keys.split_off(at);
        let mut children = Vec::with_capacity(FANOUT_MAX + 1);
        children.extend(self.children.drain(at..));
        let mut separator = Chunk::default();
        separator.extend_from(&keys, 0..1);
        let count = children.iter().map(|child| child.count).sum();
        Some(Half {
            separator,
            child: Child { count, node: Arc::new(Node::Inner(Inner { keys, children })) },
        })
    }

    /// Drops a child that became empty, and joins one that became sparse with a neighbour, if both fit well.
    fn join_if_sparse(&mut self, index: usize, tally: &mut Tally) {
        if self.children.len() < 2 {
            return;
        }
        let child = &self.children[index];
        if child.count == 0 {
            self.children.remove(index);
            self.keys.remove(index..index + 1);
        } else if fill(&child.node) < 0.25 {
            let left = index.saturating_sub(1);
            if fill(&self.children[left].node) + fill(&self.children[left + 1].node) < 0.75 {
                self.join(left, tally);
            }
        }
    }

    /// Joins the child at `left` with the one behind it.
    fn join(&mut self, left: usize, tally: &mut Tally) {
        let right = self.children.remove(left + 1);
        let target = &mut self.children[left];
        let bytes = target.node.leaf_bytes() + right.node.leaf_bytes();
        match (Arc::make_mut(&mut target.node), &*right.node) {
            (Node::Leaf(leaf), Node::Leaf(other)) => leaf.extend_from(other, 0..other.len()),
            (Node::Inner(inner), Node::Inner(other)) => {
                // The first key of an inner node counts for nothing: its parent's is the true one.
                inner.keys.extend_from(&self.keys, left + 1..left + 2);
                inner.keys.extend_from(&other.keys, 1..other.keys.len());
                inner.children.extend(other.children.iter().cloned());
            }
            _ => unreachable!("the children of a node are of one kind"),
        }
        target.count += right.count;
        tally.leaf_bytes += target.node.leaf_bytes() as isize - bytes as isize;
        self.keys.remove(left + 1..left + 2);
    }
}

/// How full a node is, 1 being the most.
fn fill<O: Order>(node: &Node<O>) -> f32 {
    match node {
        Node::Leaf(leaf) => {
            let records = leaf.len() as f32 / O::LEAF_RECORDS_MAX as f32;
            records.max(leaf.data_bytes() as f32 / LEAF_BYTES_MAX as f32)
        }
        Node::Inner(inner) => inner.children.len() as f32 / FANOUT_MAX as f32,
    }
}
