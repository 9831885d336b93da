//! Hash slots: which one a key has, and sets of them as CLUSTER NODES and AWS write them. Pure.

use std::fmt;
use std::ops::RangeInclusive;

/// Hash slots of a Redis cluster.
pub const SLOTS: usize = 16384;

/// A set of hash slots. It is kept as ranges: every node tells the slots of all others, and a shard has few ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Ascending, and with a gap between each two.
    ranges: Vec<RangeInclusive<u16>>,
}

impl Slots {
    /// All that there are.
    pub fn all() -> Slots {
        Slots { ranges: vec![0..=(SLOTS - 1) as u16] }
    }

    /// Reads a text such as `0-5461,7000`, as AWS tells them. What is no slot is passed over.
    pub fn parse(text: &str) -> Slots {
        text.split([',', ' ']).filter_map(range).collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The lowest.
    pub fn first(&self) -> Option<u16> {
        self.ranges.first().map(|range| *range.start())
    }

    /// Whether this slot is one of them.
    pub fn contains(&self, slot: u16) -> bool {
        let next = self.ranges.partition_point(|range| *range.end() < slot);
        self.ranges.get(next).is_some_and(|range| range.contains(&slot))
    }

    /// Those of both.
    pub fn union<'a>(sets: impl IntoIterator<Item = &'a Slots>) -> Slots {
        sets.into_iter().flat_map(|set| set.ranges.iter().cloned()).collect()
    }

    /// Those that are not among the others.
    #[must_use]
    pub fn without(&self, others: &Slots) -> Slots {
        let mut left = self.ranges.clone();
        for other in &others.ranges {
            left = left.into_iter().flat_map(|range| cut(&range, other)).collect();
        }
        Slots { ranges: left }
    }
}

/// What is left of a range without another.
fn cut(range: &RangeInclusive<u16>, other: &RangeInclusive<u16>) -> impl Iterator<Item = RangeInclusive<u16>> + use<> {
    let below = other.start().checked_sub(1).map(|last| *range.start()..=last.min(*range.end()));
    let above = other.end().checked_add(1).map(|first| first.max(*range.start())..=*range.end());
    below.into_iter().chain(above).filter(|part| !part.is_empty())
}

/// A slot or a range as CLUSTER NODES writes them: `7`, `0-5461`. Of a slot on its way (`[7->-id]`) nothing, because
/// it is counted where it is served.
pub(super) fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first.parse().ok()?..=last.parse().ok()?;
    (usize::from(*range.end()) < SLOTS && !range.is_empty()).then_some(range)
}

impl FromIterator<RangeInclusive<u16>> for Slots {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u16>>>(all: I) -> Self {
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|range| *range.start());
        let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
        for range in all {
            match ranges.last_mut() {
                Some(last) if *range.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => ranges.push(range),
            }
        }
        Slots { ranges }
    }
}

/// As people read them: `0-5461, 7000`.
impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.ranges.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let (first, last) = (range.start(), range.end());
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

/// The slot of a key: CRC16 (XMODEM) of its hash tag, or of all of it where it has none, as Redis Cluster has it.
pub fn slot_of_key(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let bytes = tag.filter(|tag| !tag.is_empty()).unwrap_or(key).bytes();
    let shift = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    bytes.fold(0_u16, |crc, byte| (0..8).fold(crc ^ (u16::from(byte) << 8), shift)) % SLOTS as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(text: &str) -> Slots {
        Slots::parse(text)
    }

    #[test]
    fn keys_have_the_slots_that_the_engine_gives_them() {
        // What CLUSTER KEYSLOT answers.
        let keys = ["123456789", "foo", "somekey", "foo{hash_tag}", "foo{}{bar}"];
        assert_eq!(keys.map(slot_of_key), [12739, 12182, 11058, 2515, 8363]);
    }

    #[test]
    fn they_are_read_as_aws_tells_them_in_whatever_order() {
        assert_eq!(slots("0-3,7,9-10").to_string(), "0-3, 7, 9-10");
        assert_eq!(slots("9-10,7,0-3,4,2-3").to_string(), "0-4, 7, 9-10");
        assert_eq!(slots("0-16383"), Slots::all());
        assert_eq!(slots("none 70000 5-3 99999-100000 16384 [7->-abc]"), Slots::default());
    }

    #[test]
    fn members_are_counted_and_found() {
        let some = slots("0-3,7,16383");
        assert_eq!((some.len(), some.first(), some.is_empty()), (6, Some(0), false));
        let found: Vec<u16> = (0..=16383).filter(|slot| some.contains(*slot)).collect();
        assert_eq!(found, [0, 1, 2, 3, 7, 16383]);
        assert_eq!((Slots::default().len(), Slots::default().first(), Slots::default().contains(0)), (0, None, false));
    }

    #[test]
    fn sets_are_joined_and_taken_away() {
        let both = Slots::union([&slots("0-99"), &slots("100-199,300")]);
        assert_eq!(both.to_string(), "0-199, 300");
        assert_eq!(Slots::all().without(&both).to_string(), "200-299, 301-16383");
        assert_eq!(both.without(&Slots::all()), Slots::default());
        assert_eq!(both.without(&slots("0,50-60,199-400")).to_string(), "1-49, 61-198");
        assert_eq!(Slots::all().without(&slots("16383")).to_string(), "0-16382");
    }
}
