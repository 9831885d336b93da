//! What an addition does to a member that is there already: the flags of ZADD, decided on scores alone.

/// Which members an addition may touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Members that are there and members that are not.
    #[default]
    Either,
    /// Only members that are not there yet (NX).
    Absent,
    /// Only members that are there (XX).
    Present,
}

/// How a new score must compare with the one that a member has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// In no special way.
    #[default]
    Any,
    /// It must be greater (GT).
    Greater,
    /// It must be less (LT).
    Less,
}

/// How to add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddOptions {
    /// Which members may be touched.
    pub existing: Existing,
    /// How the new score must compare with the old.
    pub compare: Compare,
    /// Whether the score is added to the old one (INCR).
    pub increment: bool,
}

/// What an addition did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Added {
    /// The member is new, with this score.
    New(f64),
    /// The member has another score now: this.
    Changed(f64),
    /// The member had this score already.
    Same(f64),
    /// The options forbade it; nothing changed.
    Refused,
    /// The score is not a number, given so or as the sum of opposite infinities; nothing changed.
    NotANumber,
}

impl AddOptions {
    /// What becomes of a member with the score `old`.
    pub(super) fn decide(self, old: f64, score: f64) -> Added {
        if self.existing == Existing::Absent {
            return Added::Refused;
        }
        let new = if self.increment { old + score } else { score };
        if new.is_nan() {
            return Added::NotANumber;
        }
        match self.compare {
            Compare::Greater if new <= old => Added::Refused,
            Compare::Less if new >= old => Added::Refused,
            _ if new == old => Added::Same(new),
            _ => Added::Changed(new),
        }
    }

    /// What becomes of a member that is not there.
    pub(super) fn decide_absent(self, score: f64) -> Added {
        if self.existing == Existing::Present { Added::Refused } else { Added::New(score) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_decides_as_it_says() {
        let decide =
            |existing, compare, increment, score| AddOptions { existing, compare, increment }.decide(5.0, score);
        assert_eq!(decide(Existing::Either, Compare::Any, false, 5.0), Added::Same(5.0));
        assert_eq!(decide(Existing::Either, Compare::Any, false, 4.0), Added::Changed(4.0));
        assert_eq!(decide(Existing::Absent, Compare::Any, false, 4.0), Added::Refused);
        assert_eq!(decide(Existing::Present, Compare::Any, true, 4.0), Added::Changed(9.0));
        assert_eq!(decide(Existing::Either, Compare::Greater, false, 5.0), Added::Refused);
        assert_eq!(decide(Existing::Either, Compare::Greater, true, 1.0), Added::Changed(6.0));
        assert_eq!(decide(Existing::Either, Compare::Less, true, 1.0), Added::Refused);
        assert_eq!(decide(Existing::Either, Compare::Less, false, 4.0), Added::Changed(4.0));
        assert_eq!(AddOptions::default().decide_absent(1.0), Added::New(1.0));
        let present = AddOptions { existing: Existing::Present, ..AddOptions::default() };
        assert_eq!(present.decide_absent(1.0), Added::Refused);
    }

    #[test]
    fn opposite_infinities_make_no_number() {
        let increment = AddOptions { increment: true, ..AddOptions::default() };
        assert_eq!(increment.decide(f64::INFINITY, f64::NEG_INFINITY), Added::NotANumber);
        assert_eq!(increment.decide(f64::INFINITY, f64::INFINITY), Added::Same(f64::INFINITY));
    }
}
