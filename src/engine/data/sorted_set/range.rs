//! Ranges of scores and of members, and whether something is in them. Must not know how a sorted set is kept.

use crate::engine::data::numbers::parse_float;

/// Scores between two bounds, each of which may be left out of the range itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lower bound, never NaN.
    pub min: f64,
    /// The upper bound, never NaN.
    pub max: f64,
    /// Whether a score must be greater than `min`, not only as great.
    pub above_min: bool,
    /// Whether a score must be less than `max`, not only as little.
    pub below_max: bool,
}

impl ScoreRange {
    /// Reads two bounds, each a number with `(` before it if it is not itself in the range; none for anything else.
    pub fn parse(min: &[u8], max: &[u8]) -> Option<Self> {
        let ((min, above_min), (max, below_max)) = (parse_score_bound(min)?, parse_score_bound(max)?);
        Some(Self { min, max, above_min, below_max })
    }

    /// Whether a score lies before the range.
    pub fn precedes(&self, score: f64) -> bool {
        if self.above_min { score <= self.min } else { score < self.min }
    }

    /// Whether a score lies before the range or in it.
    pub fn reaches(&self, score: f64) -> bool {
        if self.below_max { score < self.max } else { score <= self.max }
    }
}

/// A bound, and whether it is left out. Bounds are read more freely than scores are: space before the number is passed
/// over, nothing at all is 0, and what is too large is infinite.
fn parse_score_bound(argument: &[u8]) -> Option<(f64, bool)> {
    let (number, exclusive) = match argument {
        [b'(', number @ ..] => (number, true),
        number => (number, false),
    };
    if number.is_empty() {
        return Some((0.0, exclusive));
    }
    let number = number.trim_ascii_start();
    let free = || std::str::from_utf8(number).ok()?.parse().ok().filter(|score: &f64| !score.is_nan());
    Some((parse_float(number).or_else(free)?, exclusive))
}

/// One end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member (`-`).
    First,
    /// After every member (`+`).
    Last,
    /// At this member, which is in the range (`[member`).
    Inclusive(&'a [u8]),
    /// At this member, which is not in the range (`(member`).
    Exclusive(&'a [u8]),
}

impl<'a> LexBound<'a> {
    /// Reads `-`, `+`, `[member` or `(member`; none for anything else.
    pub fn parse(argument: &'a [u8]) -> Option<Self> {
        match argument {
            b"-" => Some(Self::First),
            b"+" => Some(Self::Last),
            [b'[', member @ ..] => Some(Self::Inclusive(member)),
            [b'(', member @ ..] => Some(Self::Exclusive(member)),
            _ => None,
        }
    }
}

/// Members between two bounds: of use where all scores are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower end.
    pub min: LexBound<'a>,
    /// The upper end.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// Whether a member lies before the range.
    pub fn precedes(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::First => false,
            LexBound::Last => true,
            LexBound::Inclusive(min) => member < min,
            LexBound::Exclusive(min) => member <= min,
        }
    }

    /// Whether a member lies before the range or in it.
    pub fn reaches(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::First => false,
            LexBound::Last => true,
            LexBound::Inclusive(max) => member <= max,
            LexBound::Exclusive(max) => member < max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_range_leaves_its_bounds_out_only_where_told() {
        let range = ScoreRange { min: 1.0, max: 2.0, above_min: false, below_max: true };
        let inside = |score| !range.precedes(score) && range.reaches(score);
        assert_eq!([0.9, 1.0, 1.9, 2.0].map(inside), [false, true, true, false]);
        let range = ScoreRange { above_min: true, below_max: false, ..range };
        let inside = |score| !range.precedes(score) && range.reaches(score);
        assert_eq!([0.9, 1.0, 1.9, 2.0].map(inside), [false, false, true, true]);
    }

    #[test]
    fn bounds_are_numbers_with_or_without_a_parenthesis() {
        let range = |min: &str, max: &str| {
            let range = ScoreRange::parse(min.as_bytes(), max.as_bytes())?;
            Some((range.min, range.above_min, range.max, range.below_max))
        };
        assert_eq!(range("1.5", "(+inf"), Some((1.5, false, f64::INFINITY, true)));
        assert_eq!(range("(-1e3", "0x10"), Some((-1000.0, true, 16.0, false)));
        assert_eq!(range("(", ""), Some((0.0, true, 0.0, false)));
        assert_eq!(range(" 1", "1e400"), Some((1.0, false, f64::INFINITY, false)));
        for wrong in ["a", "nan", "1 ", "[1", "((1", " "] {
            assert_eq!(range(wrong, "1"), None, "{wrong}");
            assert_eq!(range("1", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_lex_range_runs_between_its_ends() {
        let inside = |min: &[u8], max: &[u8]| {
            let range = LexRange { min: LexBound::parse(min).unwrap(), max: LexBound::parse(max).unwrap() };
            let members = [&b""[..], b"a", b"b", b"bb", b"c"];
            members.into_iter().filter(|member| !range.precedes(member) && range.reaches(member)).collect::<Vec<_>>()
        };
        assert_eq!(inside(b"[a", b"(c"), [&b"a"[..], b"b", b"bb"]);
        assert_eq!(inside(b"(a", b"[bb"), [&b"b"[..], b"bb"]);
        assert_eq!(inside(b"-", b"[a"), [&b""[..], b"a"]);
        assert_eq!(inside(b"(b", b"+"), [&b"bb"[..], b"c"]);
        assert_eq!(inside(b"-", b"+").len(), 5);
        assert!(inside(b"+", b"-").is_empty());
    }

    #[test]
    fn a_lex_bound_needs_its_sign() {
        assert_eq!(LexBound::parse(b"["), Some(LexBound::Inclusive(b"")));
        for wrong in [&b""[..], b"a", b"-a", b"++", b"1"] {
            assert_eq!(LexBound::parse(wrong), None);
        }
    }
}
