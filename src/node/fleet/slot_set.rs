//! A set of hash slots, and its way to and from ranges.
//!
//! Pure values: knows nothing of nodes, shards or the wire.

use crate::node::wanted::SlotRange;

/// How many hash slots a cluster has.
pub const SLOT_COUNT: u16 = 16384;

/// A set of hash slots, 0 to 16383; others are left out in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSet {
    words: Vec<u64>,
}

impl Default for SlotSet {
    fn default() -> Self {
        SlotSet { words: vec![0; usize::from(SLOT_COUNT) / 64] }
    }
}

impl SlotSet {
    /// The slots of all of `ranges`, which may touch or overlap.
    pub fn from_ranges(ranges: &[SlotRange]) -> Self {
        let mut set = SlotSet::default();
        for range in ranges {
            (range.first..=range.last).for_each(|slot| set.insert(slot));
        }
        set
    }

    /// Adds one slot.
    pub fn insert(&mut self, slot: u16) {
        if let Some(word) = self.words.get_mut(usize::from(slot / 64)) {
            *word |= 1 << (slot % 64);
        }
    }

    /// Whether `slot` is in the set.
    pub fn contains(&self, slot: u16) -> bool {
        self.words.get(usize::from(slot / 64)).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// Whether the set has no slot.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many slots the set has, 0 to 16384.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// How many slots both sets have.
    pub fn shared(&self, other: &SlotSet) -> usize {
        self.words.iter().zip(&other.words).map(|(a, b)| (a & b).count_ones() as usize).sum()
    }

    /// The slots in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..SLOT_COUNT).filter(|slot| self.contains(*slot))
    }

    /// The slots as ranges that are ascending and neither touch nor overlap.
    pub fn ranges(&self) -> Vec<SlotRange> {
        let mut ranges: Vec<SlotRange> = Vec::new();
        for slot in self.iter() {
            match ranges.last_mut() {
                Some(range) if range.last + 1 == slot => range.last = slot,
                _ => ranges.push(SlotRange { first: slot, last: slot }),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u16, last: u16) -> SlotRange {
        SlotRange { first, last }
    }

    #[test]
    fn touching_ranges_become_one() {
        let set = SlotSet::from_ranges(&[range(0, 9), range(10, 20), range(30, 30)]);
        assert_eq!(set.ranges(), [range(0, 20), range(30, 30)]);
        assert_eq!(set.len(), 22);
    }

    #[test]
    fn all_slots_are_one_range() {
        let set = SlotSet::from_ranges(&[range(0, 16383)]);
        assert_eq!(set.ranges(), [range(0, 16383)]);
        assert_eq!(set.len(), 16384);
    }

    #[test]
    fn slots_beyond_the_last_are_left_out() {
        let set = SlotSet::from_ranges(&[range(16380, 17000)]);
        assert_eq!(set.len(), 4);
        assert!(!set.contains(16384));
    }

    #[test]
    fn the_empty_set_has_no_ranges() {
        assert!(SlotSet::default().is_empty());
        assert!(SlotSet::default().ranges().is_empty());
    }

    #[test]
    fn shared_counts_what_is_in_both() {
        let left = SlotSet::from_ranges(&[range(0, 99)]);
        assert_eq!(left.shared(&SlotSet::from_ranges(&[range(90, 200)])), 10);
    }
}
