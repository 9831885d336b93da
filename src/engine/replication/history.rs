//! Which stream of changes the data is the result of, and how far along it: replication ids and offsets.

use std::fmt;

/// The name of a history of changes: 40 hexadecimal digits, drawn at random by the primary that began it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReplicationId([u8; Self::LENGTH]);

impl ReplicationId {
    /// Characters of an id.
    pub const LENGTH: usize = 40;
    /// Stands for no history.
    pub const NONE: Self = Self([b'0'; Self::LENGTH]);

    /// A new one.
    #[must_use]
    pub fn random(random: &mut fastrand::Rng) -> Self {
        Self(random_mark(random))
    }

    /// The id of these characters, if there are as many as an id has. A primary's word is not questioned further.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        text.try_into().ok().map(Self)
    }

    /// Its characters.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Whether a replica means this id; it may write it in capitals.
    #[must_use]
    pub fn is(&self, text: &[u8]) -> bool {
        self.0.eq_ignore_ascii_case(text)
    }
}

/// Forty hexadecimal digits that do not occur by chance.
pub(super) fn random_mark(random: &mut fastrand::Rng) -> [u8; ReplicationId::LENGTH] {
    std::array::from_fn(|_| b"0123456789abcdef"[random.usize(..16)])
}

impl fmt::Display for ReplicationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for ReplicationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The history of this node's data, and the one that it grew out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// The present history.
    pub id: ReplicationId,
    /// The one before, which a replica of the former primary still names.
    pub second_id: ReplicationId,
    /// The first offset at which the second id no longer holds; -1 without one.
    pub second_until: i64,
    /// Bytes of the stream so far, whichever node has counted them.
    pub offset: i64,
}

impl History {
    /// A history that begins.
    #[must_use]
    pub fn new(id: ReplicationId) -> Self {
        Self { id, second_id: ReplicationId::NONE, second_until: -1, offset: 0 }
    }

    /// Whether who names this id, and wants the stream from the byte at `offset` on, has the same past.
    #[must_use]
    pub fn covers(&self, id: &[u8], offset: i64) -> bool {
        self.id.is(id) || self.second_id.is(id) && offset <= self.second_until
    }

    /// Goes on under another id; what there was up to now stays known under the old one.
    pub fn branch(&mut self, id: ReplicationId) {
        self.second_id = self.id;
        // Who has all bytes so far asks for the next one.
        self.second_until = self.offset + 1;
        self.id = id;
    }

    /// Begins anew at an offset: nothing before it can be asked for.
    pub fn begin(&mut self, id: ReplicationId, offset: i64) {
        *self = Self { offset, ..Self::new(id) };
    }
}

#[cfg(test)]
mod tests {
    use super::{History, ReplicationId};

    #[test]
    fn the_second_id_holds_up_to_the_branch() {
        let mut random = fastrand::Rng::with_seed(1);
        let (old, new) = (ReplicationId::random(&mut random), ReplicationId::random(&mut random));
        let mut history = History::new(old);
        history.offset = 50;
        assert!(history.covers(old.as_bytes(), 1_000));
        assert!(history.covers(&old.as_bytes().to_ascii_uppercase(), 1));
        history.branch(new);
        history.offset = 90;
        assert!(history.covers(new.as_bytes(), 91));
        assert!(history.covers(old.as_bytes(), 51));
        assert!(!history.covers(old.as_bytes(), 52));
        history.begin(new, 7);
        assert!(!history.covers(old.as_bytes(), 1));
        assert!(!history.covers(b"?", -1));
    }
}
