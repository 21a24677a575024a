//! Sets of sequence numbers as runs: what an effect writes when many messages leave a queue at once.
//!
//! ```text
//! varint count of runs | (varint gap before the run, varint length - 1) ...
//! ```

use smallvec::SmallVec;
use warren_units::varint::{self, Cursor};

/// Runs of (first, length), ascending and apart from each other.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Runs(SmallVec<[(u64, u64); 2]>);

impl Runs {
    pub fn one(sequence: u64) -> Runs {
        Runs(smallvec::smallvec![(sequence, 1)])
    }

    /// From numbers in any order, none of them twice.
    pub fn from_unsorted(mut sequences: SmallVec<[u64; 8]>) -> Runs {
        if !sequences.is_sorted() {
            sequences.sort_unstable();
        }
        let mut runs = Runs::default();
        sequences.iter().for_each(|sequence| runs.push(*sequence));
        runs
    }

    /// Appends a number above all others.
    pub fn push(&mut self, sequence: u64) {
        match self.0.last_mut() {
            Some((first, length)) if *first + *length == sequence => *length += 1,
            last => {
                debug_assert!(last.is_none_or(|(first, _)| *first < sequence));
                self.0.push((sequence, 1));
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|(first, length)| *first..*first + *length)
    }

    pub fn contains(&self, sequence: u64) -> bool {
        let place = self.0.partition_point(|(first, length)| *first + *length <= sequence);
        self.0.get(place).is_some_and(|(first, _)| *first <= sequence)
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.0.len() as u64);
        let mut end = 0;
        for (first, length) in &self.0 {
            varint::put_u64(out, first - end);
            varint::put_u64(out, length - 1);
            end = first + length;
        }
    }

    pub fn decode(cursor: &mut Cursor<'_>) -> Option<Runs> {
        let count = cursor.u64()?;
        let mut runs = Runs::default();
        let mut end = 0u64;
        for _ in 0..count {
            let first = end.checked_add(cursor.u64()?)?;
            let length = cursor.u64()?.checked_add(1)?;
            end = first.checked_add(length)?;
            runs.0.push((first, length));
        }
        Some(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn runs_are_the_set_they_were_made_from(numbers in prop::collection::btree_set(1u64..200, 0..100)) {
            let mut unsorted: SmallVec<[u64; 8]> = numbers.iter().copied().collect();
            unsorted.reverse();
            let runs = Runs::from_unsorted(unsorted);
            prop_assert_eq!(runs.iter().collect::<BTreeSet<_>>(), numbers.clone());
            (0..201).for_each(|number| assert_eq!(runs.contains(number), numbers.contains(&number)));
            let mut out = Vec::new();
            runs.encode(&mut out);
            prop_assert_eq!(Runs::decode(&mut Cursor::new(&out)), Some(runs));
        }
    }

    #[test]
    fn many_neighbours_are_few_bytes() {
        let mut runs = Runs::default();
        (1..=1_000_000).for_each(|sequence| runs.push(sequence));
        let mut out = Vec::new();
        runs.encode(&mut out);
        assert!(out.len() < 8);
        assert_eq!(Runs::decode(&mut Cursor::new(&[2, 0xff])), None);
    }
}
