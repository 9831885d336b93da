//! Hash slots: which one a key falls into, and sets of them. Knows nothing of nodes.

use std::fmt;

/// How many hash slots a cluster has.
pub const SLOTS: u16 = 16384;

/// How many bytes a bitmap of all slots has.
pub const BITMAP_BYTES: usize = SLOTS as usize / 8;

/// CRC16 of every single byte: polynomial 0x1021, most significant bit first (the variant called XMODEM).
const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)])
}

/// The slot of `key`. Where the key has a `{`, and a later `}` with something between them, only what is between the
/// first such pair counts.
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key).unwrap_or(key)) & (SLOTS - 1)
}

fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let after = key.get(memchr::memchr(b'{', key)? + 1..)?;
    let tag = after.get(..memchr::memchr(b'}', after)?)?;
    (!tag.is_empty()).then_some(tag)
}

/// A set of slots, as a bitmap in the bus's layout: slot `n` is bit `n % 8` of byte `n / 8`.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotSet {
    bits: Box<[u8; BITMAP_BYTES]>,
    len: u16,
}

impl Default for SlotSet {
    fn default() -> Self {
        Self { bits: Box::new([0; BITMAP_BYTES]), len: 0 }
    }
}

impl SlotSet {
    /// The set that a bitmap of the bus describes.
    pub fn from_bitmap(bitmap: &[u8; BITMAP_BYTES]) -> Self {
        let len = bitmap.iter().map(|byte| byte.count_ones() as u16).sum();
        Self { bits: Box::new(*bitmap), len }
    }

    /// The set as a bitmap of the bus.
    pub fn bitmap(&self) -> &[u8; BITMAP_BYTES] {
        &self.bits
    }

    /// How many slots are in the set.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether no slot is in the set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `slot` is in the set; false for numbers that are no slot.
    pub fn contains(&self, slot: u16) -> bool {
        in_bitmap(&self.bits, slot)
    }

    /// Adds `slot`; false if it was there already, or is no slot.
    pub fn insert(&mut self, slot: u16) -> bool {
        let added = slot < SLOTS && !self.contains(slot);
        if added {
            self.bits[usize::from(slot / 8)] |= 1 << (slot % 8);
            self.len += 1;
        }
        added
    }

    /// Takes `slot` out; false if it was not there.
    pub fn remove(&mut self, slot: u16) -> bool {
        let removed = self.contains(slot);
        if removed {
            self.bits[usize::from(slot / 8)] &= !(1 << (slot % 8));
            self.len -= 1;
        }
        removed
    }

    /// The slots in order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        bitmap_slots(&self.bits)
    }

    /// The slots in order as ranges, both ends included.
    pub fn ranges(&self) -> Vec<(u16, u16)> {
        let mut ranges = Vec::new();
        let mut from = 0;
        while let Some(start) = self.next(from, 0) {
            let end = self.next(start, u64::MAX).unwrap_or(SLOTS);
            ranges.push((start, end - 1));
            from = end;
        }
        ranges
    }

    /// The first slot from `from` on that is in the set, or, with all bits flipped by `flip`, that is not.
    fn next(&self, from: u16, flip: u64) -> Option<u16> {
        let first_word = usize::from(from / 64);
        let words = self.bits.as_chunks::<8>().0.iter().enumerate().skip(first_word);
        for (index, word) in words {
            let mut word = u64::from_le_bytes(*word) ^ flip;
            if index == first_word {
                word &= u64::MAX << (from % 64);
            }
            if word != 0 {
                return Some((index * 64) as u16 + word.trailing_zeros() as u16);
            }
        }
        None
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.ranges()).finish()
    }
}

impl FromIterator<u16> for SlotSet {
    fn from_iter<I: IntoIterator<Item = u16>>(slots: I) -> Self {
        let mut set = Self::default();
        for slot in slots {
            set.insert(slot);
        }
        set
    }
}

/// Whether `slot` is set in a bitmap of the bus.
pub fn in_bitmap(bitmap: &[u8; BITMAP_BYTES], slot: u16) -> bool {
    bitmap.get(usize::from(slot / 8)).is_some_and(|byte| byte & (1 << (slot % 8)) != 0)
}

/// The slots that are set in a bitmap of the bus, in order.
pub fn bitmap_slots(bitmap: &[u8; BITMAP_BYTES]) -> impl Iterator<Item = u16> + '_ {
    let bytes = bitmap.iter().enumerate().filter(|(_, byte)| **byte != 0);
    bytes.flat_map(|(index, byte)| {
        (0..8u16).filter(move |bit| byte & (1 << bit) != 0).map(move |bit| index as u16 * 8 + bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_known_keys() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(key_slot(b""), 0);
        assert_eq!(key_slot(b"foo"), 12182);
        assert_eq!(key_slot(b"somekey"), 11058);
        assert_eq!(key_slot(b"123456789"), 0x31c3 % SLOTS);
    }

    #[test]
    fn only_the_first_full_hash_tag_counts() {
        assert_eq!(key_slot(b"{user1000}.following"), key_slot(b"user1000"));
        assert_eq!(key_slot(b"foo{bar}{zap}"), key_slot(b"bar"));
        assert_eq!(key_slot(b"foo{{bar}}zap"), key_slot(b"{bar"));
        let whole = |key: &[u8]| crc16(key) % SLOTS;
        assert_eq!(key_slot(b"foo{}{bar}"), whole(b"foo{}{bar}"));
        assert_eq!(key_slot(b"foo{bar"), whole(b"foo{bar"));
        assert_eq!(key_slot(b"foo}bar{"), whole(b"foo}bar{"));
    }

    #[test]
    fn a_set_counts_and_joins_neighbours() {
        let mut set: SlotSet = [3, 1, 2, 7, 16383].into_iter().collect();
        assert_eq!(set.ranges(), [(1, 3), (7, 7), (16383, 16383)]);
        assert!(!set.insert(3) && !set.insert(SLOTS) && set.insert(4));
        assert!(set.remove(1) && !set.remove(1) && !set.remove(u16::MAX));
        assert_eq!(set.len(), 5);
        assert_eq!(SlotSet::from_bitmap(set.bitmap()), set);
        assert_eq!(set.bitmap()[2047], 0x80);
        assert_eq!(set.iter().collect::<Vec<_>>(), [2, 3, 4, 7, 16383]);
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..50 {
            let density = rng.u16(1..100);
            let set: SlotSet = (0..SLOTS).filter(|_| rng.u16(..100) < density).collect();
            let spread = set.ranges().into_iter().flat_map(|(start, end)| start..=end);
            assert!(spread.eq(set.iter()));
        }
        let all: SlotSet = (0..SLOTS).collect();
        assert_eq!((all.len(), all.ranges()), (16384, vec![(0, 16383)]));
    }
}
