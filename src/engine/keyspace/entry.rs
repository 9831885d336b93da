//! One key with its value, in one cache line.

use super::value::Value;
use crate::engine::data::bytes::SmallBytes;
use crate::engine::data::dict::Keyed;

/// No entry: the end of a chain.
pub const NOBODY: u32 = u32::MAX;

const HAS_EXPIRY: u32 = 1 << 24;
const CLOCK: u32 = HAS_EXPIRY - 1;

/// A key, what it holds, and its places in the table and in its slot's list.
#[derive(Clone, Debug)]
pub struct Entry {
    key: SmallBytes,
    /// What the key holds.
    pub value: Value,
    next: u32,
    /// 24 bits of clock or counter for eviction, and flags above them.
    clock_and_flags: u32,
    /// The entry before it in its slot; cluster mode only.
    pub slot_before: u32,
    /// The entry after it in its slot; cluster mode only.
    pub slot_after: u32,
}

const _: () = assert!(size_of::<Entry>() == 64);

impl Entry {
    /// A new entry that doesn't expire.
    pub fn new(key: &[u8], value: Value, clock: u32) -> Self {
        let key = SmallBytes::from(key);
        let clock_and_flags = clock & CLOCK;
        Entry { key, value, next: 0, clock_and_flags, slot_before: NOBODY, slot_after: NOBODY }
    }

    /// Its name.
    pub fn name(&self) -> &SmallBytes {
        &self.key
    }

    /// Whether it has a time of expiry.
    #[inline]
    pub fn has_expiry(&self) -> bool {
        self.clock_and_flags & HAS_EXPIRY != 0
    }

    /// Notes whether it has a time of expiry.
    pub fn set_has_expiry(&mut self, has: bool) {
        self.clock_and_flags = if has { self.clock_and_flags | HAS_EXPIRY } else { self.clock_and_flags & !HAS_EXPIRY };
    }

    /// 24 bits that eviction goes by: a time (LRU), or a time and a counter (LFU).
    pub fn clock(&self) -> u32 {
        self.clock_and_flags & CLOCK
    }

    /// Sets what eviction goes by.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        self.clock_and_flags = (self.clock_and_flags & !CLOCK) | (clock & CLOCK);
    }
}

impl Keyed for Entry {
    #[inline]
    fn key(&self) -> &[u8] {
        self.key.as_slice()
    }
    #[inline]
    fn next(&self) -> u32 {
        self.next
    }
    #[inline]
    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}
