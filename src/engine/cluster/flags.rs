//! The flags of a node, numbered as on the bus.

use std::ops::BitOr;

/// What is said of a node: its role, how it fares, how it came here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

/// The flags that CLUSTER NODES and nodes.conf have a word for, in the order in which they are written.
const WORDS: [(Flags, &str); 8] = [
    (Flags::MYSELF, "myself"),
    (Flags::PRIMARY, "master"),
    (Flags::REPLICA, "slave"),
    (Flags::MAYBE_FAILED, "fail?"),
    (Flags::FAILED, "fail"),
    (Flags::HANDSHAKE, "handshake"),
    (Flags::NO_ADDRESS, "noaddr"),
    (Flags::NO_FAILOVER, "nofailover"),
];

impl Flags {
    /// A primary.
    pub const PRIMARY: Self = Self(1);
    /// A replica.
    pub const REPLICA: Self = Self(2);
    /// Not reachable from here; others have not agreed yet (PFAIL).
    pub const MAYBE_FAILED: Self = Self(4);
    /// Not reachable, as a majority of the primaries agreed (FAIL).
    pub const FAILED: Self = Self(8);
    /// This node.
    pub const MYSELF: Self = Self(16);
    /// Its name is not known yet: the first answer is still to come.
    pub const HANDSHAKE: Self = Self(32);
    /// Its address is not known.
    pub const NO_ADDRESS: Self = Self(64);
    /// The first message to it is a MEET.
    pub const MEET: Self = Self(128);
    /// A primary that has or had replicas, or took over from one: replicas may migrate to it.
    pub const MIGRATE_TO: Self = Self(256);
    /// A replica that will not try to replace its primary.
    pub const NO_FAILOVER: Self = Self(512);

    /// Whether any flag of `other` is set.
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Sets the flags of `other`.
    pub fn set(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Clears the flags of `other`.
    pub fn clear(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// Only those flags that are in `other` too.
    pub fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// As CLUSTER NODES words them, joined by commas.
    pub fn words(self) -> String {
        let words: Vec<&str> = WORDS.iter().filter(|(flag, _)| self.any(*flag)).map(|(_, word)| *word).collect();
        if words.is_empty() { "noflags".to_owned() } else { words.join(",") }
    }

    /// Reads what `words` writes; `None` for a word that isn't one.
    pub fn parse(words: &str) -> Option<Self> {
        let mut flags = Self::default();
        for word in words.split(',').filter(|word| !word.eq_ignore_ascii_case("noflags")) {
            let (flag, _) = WORDS.iter().find(|(_, known)| known.eq_ignore_ascii_case(word))?;
            flags.set(*flag);
        }
        Some(flags)
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_both_ways() {
        let flags = Flags::MYSELF | Flags::REPLICA | Flags::MAYBE_FAILED;
        assert_eq!(flags.words(), "myself,slave,fail?");
        assert_eq!(Flags::parse("myself,slave,fail?"), Some(flags));
        assert_eq!(Flags::MIGRATE_TO.words(), "noflags");
        assert_eq!(Flags::parse("noflags"), Some(Flags::default()));
        assert_eq!(Flags::parse("master,what"), None);
    }
}
