//! The names of all live bodies while a checkpoint is made. There may be many millions of them, nearly in
//! order, so they are kept as sorted runs of differences: a few bytes each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use warren_units::varint::{Cursor, put_u64};
use warren_units::{BodyName, Lsn};

/// Names that are sorted at once.
const RUN_COUNT_MAX: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct KeptNames {
    open: Vec<(BodyName, u32)>,
    runs: Vec<Vec<u8>>,
}

impl KeptNames {
    /// Keeps a name; it may come twice.
    pub fn keep(&mut self, name: BodyName, size: u32) {
        self.open.push((name, size));
        if self.open.len() == RUN_COUNT_MAX {
            self.end_run();
        }
    }

    fn end_run(&mut self) {
        self.open.sort_unstable();
        self.open.dedup_by_key(|(name, _)| *name);
        let mut run = Vec::new();
        let mut before = Lsn::NONE;
        for (name, size) in self.open.drain(..) {
            put_u64(&mut run, name.lsn.0 - before.0);
            put_u64(&mut run, u64::from(name.ordinal));
            put_u64(&mut run, u64::from(size));
            before = name.lsn;
        }
        run.shrink_to_fit();
        self.runs.push(run);
    }

    /// No name comes any more.
    pub fn end(mut self) -> SortedNames {
        if !self.open.is_empty() {
            self.end_run();
        }
        SortedNames { runs: self.runs }
    }
}

/// Names that can be gone through in order, as often as one likes.
pub(crate) struct SortedNames {
    runs: Vec<Vec<u8>>,
}

impl SortedNames {
    /// Each name once, ascending, with the size that was told with it.
    pub fn iter(&self) -> impl Iterator<Item = (BodyName, u32)> + '_ {
        let mut runs: Vec<Run<'_>> = self.runs.iter().map(|run| Run::new(run)).collect();
        let mut heap: BinaryHeap<_> = runs
            .iter_mut()
            .enumerate()
            .filter_map(|(index, run)| Some(Reverse((run.next()?, index))))
            .collect();
        let mut before = None;
        std::iter::from_fn(move || {
            loop {
                let Reverse(((name, size), index)) = heap.pop()?;
                if let Some(next) = runs[index].next() {
                    heap.push(Reverse((next, index)));
                }
                if before.replace(name) != Some(name) {
                    return Some((name, size));
                }
            }
        })
    }
}

struct Run<'a> {
    cursor: Cursor<'a>,
    before: Lsn,
}

impl<'a> Run<'a> {
    fn new(bytes: &'a [u8]) -> Run<'a> {
        Run { cursor: Cursor::new(bytes), before: Lsn::NONE }
    }

    fn next(&mut self) -> Option<(BodyName, u32)> {
        let lsn = Lsn(self.before.0 + self.cursor.u64()?);
        self.before = lsn;
        let ordinal = u32::try_from(self.cursor.u64()?).ok()?;
        let size = u32::try_from(self.cursor.u64()?).ok()?;
        Some((BodyName { lsn, ordinal }, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_once_and_in_order_whatever_the_order_they_were_told_in() {
        let count = RUN_COUNT_MAX as u64 + 5;
        let name = |index: u64| BodyName { lsn: Lsn(1 + index / 2), ordinal: (index % 2) as u32 };
        let mut names = KeptNames::default();
        // A step that has no divisor in common with the count reaches all of them.
        for index in (0..count).map(|index| index * 7919 % count) {
            names.keep(name(index), index as u32);
            if index % 10 == 0 {
                names.keep(name(index), index as u32);
            }
        }
        let names = names.end();
        let bytes: usize = names.runs.iter().map(Vec::len).sum();
        assert!(bytes < 8 * count as usize, "{bytes} bytes for {count} names");
        for _ in 0..2 {
            assert!(names.iter().eq((0..count).map(|index| (name(index), index as u32))));
        }
        assert_eq!(KeptNames::default().end().iter().count(), 0);
    }
}
