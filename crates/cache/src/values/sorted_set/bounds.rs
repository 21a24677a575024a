//! The ends of a range of scores or of members. Plus and minus infinity are inclusive scores.

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreBound {
    Inclusive(f64),
    Exclusive(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member.
    Lowest,
    Inclusive(&'a [u8]),
    Exclusive(&'a [u8]),
    /// Behind every member.
    Highest,
}

impl ScoreBound {
    /// Whether, as the lower end, it leaves the score out.
    pub fn excludes_below(self, score: f64) -> bool {
        match self {
            ScoreBound::Inclusive(bound) => score < bound,
            ScoreBound::Exclusive(bound) => score <= bound,
        }
    }

    /// Whether, as the upper end, it leaves the score out.
    pub fn excludes_above(self, score: f64) -> bool {
        match self {
            ScoreBound::Inclusive(bound) => score > bound,
            ScoreBound::Exclusive(bound) => score >= bound,
        }
    }
}

impl LexBound<'_> {
    /// Whether, as the lower end, it leaves the member out.
    pub fn excludes_below(self, member: &[u8]) -> bool {
        match self {
            LexBound::Lowest => false,
            LexBound::Inclusive(bound) => member < bound,
            LexBound::Exclusive(bound) => member <= bound,
            LexBound::Highest => true,
        }
    }

    /// Whether, as the upper end, it leaves the member out.
    pub fn excludes_above(self, member: &[u8]) -> bool {
        match self {
            LexBound::Lowest => true,
            LexBound::Inclusive(bound) => member > bound,
            LexBound::Exclusive(bound) => member >= bound,
            LexBound::Highest => false,
        }
    }
}
