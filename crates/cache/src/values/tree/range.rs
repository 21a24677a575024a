//! Records in order, from either end, by position. Each leaf is looked up once, by the counts: no stack of
//! nodes is kept, and the two ends may meet anywhere.

use super::{Order, Tree};
use crate::values::chunk::Chunk;
use std::ops::Range;

/// Yields each record as its leaf and index.
pub struct Records<'a, O: Order> {
    tree: &'a Tree<O>,
    range: Range<usize>,
    front: Option<End<'a, O>>,
    back: Option<End<'a, O>>,
}

/// A leaf that one end is in, and the position of its first record.
struct End<'a, O: Order> {
    leaf: &'a Chunk<O::Slot>,
    first: usize,
}

impl<O: Order> Clone for End<'_, O> {
    fn clone(&self) -> Self {
        End { leaf: self.leaf, first: self.first }
    }
}

impl<O: Order> Clone for Records<'_, O> {
    fn clone(&self) -> Self {
        Records {
            tree: self.tree,
            range: self.range.clone(),
            front: self.front.clone(),
            back: self.back.clone(),
        }
    }
}

impl<'a, O: Order> Records<'a, O> {
    pub(super) fn new(tree: &'a Tree<O>, range: Range<usize>) -> Self {
        let end = range.end.min(tree.len());
        let range = range.start.min(end)..end;
        Records { tree, range, front: None, back: None }
    }

    fn record(
        tree: &'a Tree<O>,
        end: &mut Option<End<'a, O>>,
        position: usize,
    ) -> (&'a Chunk<O::Slot>, usize) {
        if let Some(End { leaf, first }) = end
            && let Some(offset) = position.checked_sub(*first)
            && offset < leaf.len()
        {
            return (leaf, offset);
        }
        let found = tree.locate(position);
        let offset = found.place.offset;
        *end = Some(End { leaf: found.leaf, first: position - offset });
        (found.leaf, offset)
    }
}

impl<'a, O: Order> Iterator for Records<'a, O> {
    type Item = (&'a Chunk<O::Slot>, usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let position = self.range.next()?;
        Some(Self::record(self.tree, &mut self.front, position))
    }

    fn nth(&mut self, count: usize) -> Option<Self::Item> {
        let position = self.range.nth(count)?;
        Some(Self::record(self.tree, &mut self.front, position))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl<O: Order> DoubleEndedIterator for Records<'_, O> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let position = self.range.next_back()?;
        Some(Self::record(self.tree, &mut self.back, position))
    }

    fn nth_back(&mut self, count: usize) -> Option<Self::Item> {
        let position = self.range.nth_back(count)?;
        Some(Self::record(self.tree, &mut self.back, position))
    }
}

impl<O: Order> ExactSizeIterator for Records<'_, O> {}
