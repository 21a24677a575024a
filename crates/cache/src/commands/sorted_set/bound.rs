//! The ends of ranges as clients write them, and the ranks between them.

use crate::command::CommandError;
use crate::parse::{c_string, float, need_integer};
use crate::values::{LexBound, ScoreBound, SortedSet};
use std::ops::Range;

/// A range by one of the three orders. Its ends are in ascending order, except by rank, where they count
/// from the end that the request begins at.
#[derive(Clone, Copy)]
pub enum Bounds<'a> {
    Rank(i64, i64),
    Score(ScoreBound, ScoreBound),
    Lex(LexBound<'a>, LexBound<'a>),
}

impl<'a> Bounds<'a> {
    /// # Errors
    /// No integer.
    pub fn by_rank(start: &[u8], stop: &[u8]) -> Result<Bounds<'a>, CommandError> {
        Ok(Bounds::Rank(need_integer(start)?, need_integer(stop)?))
    }

    /// # Errors
    /// `ERR min or max is not a float`.
    pub fn by_score(min: &[u8], max: &[u8]) -> Result<Bounds<'a>, CommandError> {
        let bounds = score_bound(min).zip(score_bound(max));
        let (min, max) = bounds.ok_or(CommandError::fixed("ERR min or max is not a float"))?;
        Ok(Bounds::Score(min, max))
    }

    /// # Errors
    /// `ERR min or max not valid string range item`.
    pub fn by_lex(min: &'a [u8], max: &'a [u8]) -> Result<Bounds<'a>, CommandError> {
        let bounds = lex_bound(min).zip(lex_bound(max));
        let (min, max) = bounds.ok_or(CommandError::fixed("ERR min or max not valid string range item"))?;
        Ok(Bounds::Lex(min, max))
    }

    /// The ascending ranks of the members within.
    pub fn ranks(self, sorted_set: &SortedSet, is_reversed: bool) -> Range<usize> {
        match self {
            Bounds::Score(min, max) => sorted_set.score_range(min, max),
            Bounds::Lex(min, max) => sorted_set.lex_range(min, max),
            Bounds::Rank(start, stop) => {
                let length = sorted_set.len();
                let ranks = ranks_between(start, stop, length);
                if is_reversed { length - ranks.end..length - ranks.start } else { ranks }
            }
        }
    }
}

/// Positions of which negative ones count from the end, made a range within `length`.
fn ranks_between(start: i64, stop: i64, length: usize) -> Range<usize> {
    let from_start = |position: i64| {
        let position = if position < 0 { position.saturating_add(length as i64) } else { position };
        usize::try_from(position).ok()
    };
    let start = from_start(start).unwrap_or(0);
    let end = from_start(stop).map_or(0, |stop| stop.saturating_add(1).min(length));
    if start < end { start..end } else { 0..0 }
}

/// A score, exclusive behind `(`. As C's strtod has it, blanks may lead, and nothing at all is 0.
fn score_bound(text: &[u8]) -> Option<ScoreBound> {
    match text {
        [b'(', rest @ ..] => strtod(rest).map(ScoreBound::Exclusive),
        _ => strtod(text).map(ScoreBound::Inclusive),
    }
}

/// What overflows is infinite, and what vanishes 0; a zero byte ends the text.
fn strtod(text: &[u8]) -> Option<f64> {
    let text = c_string(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let text = text.trim_ascii_start();
    let out_of_range = || std::str::from_utf8(text).ok()?.parse::<f64>().ok().filter(|value| !value.is_nan());
    float(text).or_else(out_of_range)
}

fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        b"-" => Some(LexBound::Lowest),
        b"+" => Some(LexBound::Highest),
        [b'(', member @ ..] => Some(LexBound::Exclusive(member)),
        [b'[', member @ ..] => Some(LexBound::Inclusive(member)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_from_either_end() {
        for (start, stop, expected) in [
            (0, -1, 0..4),
            (1, 2, 1..3),
            (-2, -1, 2..4),
            (-100, 1, 0..2),
            (2, 100, 2..4),
            (3, 1, 0..0),
            (4, 9, 0..0),
            (0, -5, 0..0),
            (i64::MIN, i64::MAX, 0..4),
        ] {
            assert_eq!(ranks_between(start, stop, 4), expected, "{start} {stop}");
        }
    }

    #[test]
    fn scores_are_read_as_strtod_does() {
        assert_eq!(score_bound(b""), Some(ScoreBound::Inclusive(0.0)));
        assert_eq!(score_bound(b"("), Some(ScoreBound::Exclusive(0.0)));
        assert_eq!(score_bound(b" 1.5"), Some(ScoreBound::Inclusive(1.5)));
        assert_eq!(score_bound(b"(-inf"), Some(ScoreBound::Exclusive(f64::NEG_INFINITY)));
        assert_eq!(score_bound(b"(1e400"), Some(ScoreBound::Exclusive(f64::INFINITY)));
        assert_eq!(score_bound(b"1e-400"), Some(ScoreBound::Inclusive(0.0)));
        assert_eq!(score_bound(b"(nan"), None);
        assert_eq!(score_bound(b"1x"), None);
    }
}
