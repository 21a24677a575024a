//! Pseudo-random numbers for choices that effects then name (SPOP, RANDOMKEY). Seeded from outside, so that a
//! simulated run repeats. Not for secrets.

use crate::command::CommandError;
use crate::parse::{is_option, need_integer};
use hashbrown::HashSet;
use warren_resp::Args;

/// How many elements one request may ask for with repetition.
const PICKED_COUNT_MAX: u64 = 16 * 1024 * 1024;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `0..bound`; `bound` must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// `count` different numbers of `0..bound`, ascending; every choice is equally likely. `count` must not
    /// be above `bound`.
    ///
    /// Robert Floyd's algorithm: one draw each, no matter how close `count` is to `bound`.
    pub fn distinct_below(&mut self, count: usize, bound: usize) -> Vec<usize> {
        if count == bound {
            return (0..bound).collect();
        }
        let mut chosen = HashSet::with_capacity(count);
        for last in bound - count..bound {
            let candidate = self.below(last + 1);
            if !chosen.insert(candidate) {
                chosen.insert(last);
            }
        }
        let mut chosen: Vec<usize> = chosen.into_iter().collect();
        chosen.sort_unstable();
        chosen
    }

    /// Visits [`picked_length`] random ones of `elements()`, which are not none: different ones in their
    /// order, in one walk, or with repetition where the count is negative.
    pub fn pick<I: ExactSizeIterator>(
        &mut self,
        count: i64,
        elements: impl Fn() -> I,
        mut visit: impl FnMut(I::Item),
    ) {
        let length = elements().len();
        if count < 0 {
            for _ in 0..count.unsigned_abs() {
                elements().nth(self.below(length)).into_iter().for_each(&mut visit);
            }
            return;
        }
        let mut rest = elements();
        let mut position = 0;
        for index in self.distinct_below(picked_length(count, length), length) {
            rest.nth(index - position).into_iter().for_each(&mut visit);
            position = index + 1;
        }
    }
}

/// How many of `length` elements a count asks for: no more than there are, unless it is negative.
pub fn picked_length(count: i64, length: usize) -> usize {
    let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 { magnitude } else { magnitude.min(length) }
}

/// Reads how many random elements are asked for: a positive count for different ones, a negative one for so
/// many with repetition.
///
/// # Errors
/// No integer, or the one integer without a counterpart.
pub fn need_picked_count(text: &[u8]) -> Result<i64, CommandError> {
    const RANGE: &str =
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    let count = need_integer(text)?;
    if count == i64::MIN { Err(CommandError::fixed(RANGE)) } else { Ok(count) }
}

/// What follows the key in `key count [OPTION]`: the count, checked, and whether `option`, which brings a second
/// element with each, is given.
///
/// # Errors
/// Of [`need_picked_count`], `ERR syntax error`, and `ERR value is out of range`.
pub fn need_pick_in_pairs(args: Args<'_>, option: &str) -> Result<(i64, bool), CommandError> {
    let count = need_picked_count(args.get(2))?;
    let in_pairs = args.len() == 4 && is_option(args.get(3), option);
    if args.len() > 3 && !in_pairs {
        return Err(CommandError::Syntax);
    }
    check_picked_count(count, in_pairs)?;
    Ok((count, in_pairs))
}

/// Checks that a count is one that can be answered; `in_pairs` where each element brings a second one.
///
/// # Errors
/// `ERR value is out of range`.
pub fn check_picked_count(count: i64, in_pairs: bool) -> Result<(), CommandError> {
    let is_above_half = in_pairs && count.unsigned_abs() > i64::MAX as u64 / 2;
    let repeats_too_often = count < 0 && count.unsigned_abs() > PICKED_COUNT_MAX;
    if is_above_half || repeats_too_often {
        return Err(CommandError::fixed("ERR value is out of range"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_chosen_about_as_often_as_any_other() {
        let mut random = Random::new(1);
        let mut times_chosen = [0; 10];
        for _ in 0..10_000 {
            let chosen = random.distinct_below(3, 10);
            assert!(chosen.len() == 3 && chosen.is_sorted_by(|left, right| left < right));
            chosen.iter().for_each(|number| times_chosen[*number] += 1);
        }
        assert!(times_chosen.iter().all(|times| (2800..3200).contains(times)), "{times_chosen:?}");
        assert_eq!(random.distinct_below(3, 3), [0, 1, 2]);
        assert!(random.distinct_below(0, 3).is_empty());
    }
}
