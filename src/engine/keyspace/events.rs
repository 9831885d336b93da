//! Keyspace events: what happened to which key, for those who subscribe to it.
//!
//! Must not know channels' subscribers.

use std::ops::BitOr;

/// Classes of events, as the letters of `notify-keyspace-events` name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(pub u32);

impl Classes {
    /// `K`: events go to `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: Classes = Classes(1);
    /// `E`: events go to `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: Classes = Classes(1 << 1);
    /// `g`: commands for keys of any type.
    pub const GENERIC: Classes = Classes(1 << 2);
    /// `$`: strings.
    pub const STRING: Classes = Classes(1 << 3);
    /// `l`: lists.
    pub const LIST: Classes = Classes(1 << 4);
    /// `s`: sets.
    pub const SET: Classes = Classes(1 << 5);
    /// `h`: hashes.
    pub const HASH: Classes = Classes(1 << 6);
    /// `z`: sorted sets.
    pub const SORTED_SET: Classes = Classes(1 << 7);
    /// `x`: keys that expire.
    pub const EXPIRED: Classes = Classes(1 << 8);
    /// `e`: keys that are evicted.
    pub const EVICTED: Classes = Classes(1 << 9);
    /// `t`: streams.
    pub const STREAM: Classes = Classes(1 << 10);
    /// `m`: keys that were asked for and are not there; not in `A`.
    pub const KEY_MISS: Classes = Classes(1 << 11);
    /// `d`: modules' own.
    pub const MODULE: Classes = Classes(1 << 13);
    /// `n`: keys that are new; not in `A`.
    pub const NEW: Classes = Classes(1 << 14);

    /// Whether any of the others is among these.
    #[inline]
    pub const fn has(self, others: Classes) -> bool {
        self.0 & others.0 != 0
    }
}

impl BitOr for Classes {
    type Output = Classes;
    fn bitor(self, other: Classes) -> Classes {
        Classes(self.0 | other.0)
    }
}

/// Something that happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its class.
    pub class: Classes,
    /// Its name, such as `set` or `expired`.
    pub name: &'static str,
    /// The key.
    pub key: Vec<u8>,
    /// The database that the key is in.
    pub database: usize,
}
