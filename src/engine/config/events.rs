//! Classes of keyspace events, as the letters of `notify-keyspace-events`.

/// A set of classes, and of the two ways to publish them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceEvents(pub u16);

/// Each class with its letter, in the order in which they are shown.
const LETTERS: [(u8, KeyspaceEvents); 14] = [
    (b'g', KeyspaceEvents::GENERIC),
    (b'$', KeyspaceEvents::STRING),
    (b'l', KeyspaceEvents::LIST),
    (b's', KeyspaceEvents::SET),
    (b'h', KeyspaceEvents::HASH),
    (b'z', KeyspaceEvents::SORTED_SET),
    (b'x', KeyspaceEvents::EXPIRED),
    (b'e', KeyspaceEvents::EVICTED),
    (b't', KeyspaceEvents::STREAM),
    (b'd', KeyspaceEvents::MODULE),
    (b'n', KeyspaceEvents::NEW),
    (b'K', KeyspaceEvents::KEYSPACE),
    (b'E', KeyspaceEvents::KEYEVENT),
    (b'm', KeyspaceEvents::KEY_MISS),
];

impl KeyspaceEvents {
    /// Published by key, in `__keyspace@N__:KEY`.
    pub const KEYSPACE: Self = Self(1 << 0);
    /// Published by event, in `__keyevent@N__:EVENT`.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// Events of any type: DEL, EXPIRE, RENAME.
    pub const GENERIC: Self = Self(1 << 2);
    /// Strings.
    pub const STRING: Self = Self(1 << 3);
    /// Lists.
    pub const LIST: Self = Self(1 << 4);
    /// Sets.
    pub const SET: Self = Self(1 << 5);
    /// Hashes.
    pub const HASH: Self = Self(1 << 6);
    /// Sorted sets.
    pub const SORTED_SET: Self = Self(1 << 7);
    /// A key's time was over.
    pub const EXPIRED: Self = Self(1 << 8);
    /// A key went to make room.
    pub const EVICTED: Self = Self(1 << 9);
    /// Streams.
    pub const STREAM: Self = Self(1 << 10);
    /// A key was asked for that is not there. Not among `A`.
    pub const KEY_MISS: Self = Self(1 << 11);
    /// Module types.
    pub const MODULE: Self = Self(1 << 13);
    /// A key is there that was not. Not among `A`.
    pub const NEW: Self = Self(1 << 14);
    /// What the letter `A` stands for.
    pub const ALL: Self = Self(0b10_0111_1111_1100);

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in this set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The classes that letters stand for; `None` if one stands for nothing.
    pub fn from_letters(letters: &[u8]) -> Option<Self> {
        letters.iter().try_fold(Self::default(), |events, &letter| {
            let class = match letter {
                b'A' => Self::ALL,
                _ => LETTERS.iter().find(|(known, _)| *known == letter)?.1,
            };
            Some(Self(events.0 | class.0))
        })
    }

    /// The letters as they are shown: `A` for all, then how they are published. With `A`, `n` is left out.
    pub fn letters(self) -> String {
        let all = self.contains(Self::ALL);
        let hidden = Self(Self::ALL.0 | Self::NEW.0);
        let mut letters = String::from(if all { "A" } else { "" });
        for (letter, class) in LETTERS {
            if self.contains(class) && !(all && hidden.contains(class)) {
                letters.push(char::from(letter));
            }
        }
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_shown_in_one_order() {
        for (given, shown) in
            [("KEA", "AKE"), ("KElgs$", "g$lsKE"), ("", ""), ("Km", "Km"), ("g$lshzxetdE", "AE"), ("nA", "A")]
        {
            assert_eq!(KeyspaceEvents::from_letters(given.as_bytes()).unwrap().letters(), shown);
        }
        assert_eq!(KeyspaceEvents::from_letters(b"KEq"), None);
        assert_eq!(KeyspaceEvents::ALL.0 & KeyspaceEvents::KEY_MISS.0, 0);
    }
}
