//! The keys that a drill writes: few, named as its own, in slots of one shard; and which acknowledged writes are gone.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::report::LostWrite;
use crate::cluster::slots::{Slots, slot_of_key};

/// What every key of a drill begins with.
pub const PREFIX: &str = "shardform:drill:";
/// How many keys a shard gets.
const KEYS: usize = 8;

/// Keys in different slots of a shard, found by their hash tags; `run` tells one drill's from another's.
pub(super) fn keys(slots: &Slots, run: &str) -> Vec<String> {
    // Tags of small numbers reach every slot long before this many.
    let tags = (0..200_000_u32).filter(|tag| slots.contains(slot_of_key(&tag.to_string())));
    tags.take(KEYS).map(|tag| format!("{PREFIX}{{{tag}}}:{run}")).collect()
}

/// Writes that were acknowledged: number, and when, in milliseconds since the drill began. Write `n` appends `n` to
/// key `n` modulo the number of keys, so that each of them can be told from what is there in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    acknowledged: BTreeMap<u64, u64>,
}

impl Ledger {
    /// Notes an acknowledged write.
    pub(super) fn note(&mut self, number: u64, at_ms: u64) {
        self.acknowledged.insert(number, at_ms);
    }

    /// What is not among what was read back, in the order of writing.
    pub(super) fn lost(&self, keys: &[String], read_back: &BTreeSet<u64>) -> Vec<LostWrite> {
        let gone = self.acknowledged.iter().filter(|(number, _)| !read_back.contains(number));
        gone.map(|(number, at_ms)| LostWrite {
            key: key_of(keys, *number).to_owned(),
            number: *number,
            acknowledged_ms: *at_ms,
        })
        .collect()
    }
}

/// The key of a write.
pub(super) fn key_of(keys: &[String], number: u64) -> &str {
    let index = usize::try_from(number).unwrap_or(0) % keys.len().max(1);
    keys.get(index).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_shards_slots_and_named_as_the_drills() {
        let slots = Slots::parse("5461-10922");
        let keys = keys(&slots, "r1");
        assert_eq!(keys.len(), KEYS);
        assert!(
            keys.iter().all(|key| slots.contains(slot_of_key(key)) && key.starts_with("shardform:drill:{")),
            "{keys:?}"
        );
        assert_eq!(keys.iter().map(|key| slot_of_key(key)).collect::<BTreeSet<u16>>().len(), KEYS);
    }

    #[test]
    fn one_slot_is_enough_and_none_gives_no_keys() {
        assert_eq!(keys(&Slots::parse("42"), "r").iter().map(|key| slot_of_key(key)).collect::<Vec<_>>(), [42; KEYS]);
        assert_eq!(keys(&Slots::default(), "r"), Vec::<String>::new());
    }

    #[test]
    fn only_what_was_acknowledged_can_be_lost() {
        let keys = ["a".to_owned(), "b".to_owned()];
        let mut ledger = Ledger::default();
        for (number, at_ms) in [(1, 10), (2, 20), (4, 40), (5, 50)] {
            ledger.note(number, at_ms);
        }
        // 3 was written and not acknowledged: that it is there is no fault, nor would be that it isn't.
        let lost = ledger.lost(&keys, &BTreeSet::from([1, 2, 3]));
        let expected = [
            LostWrite { key: "a".to_owned(), number: 4, acknowledged_ms: 40 },
            LostWrite { key: "b".to_owned(), number: 5, acknowledged_ms: 50 },
        ];
        assert_eq!(lost, expected);
    }
}
