//! One database: its entries, when they expire, and which are in which slot.
//!
//! Knows no policy: whether an expired entry is still to be seen is for the keyspace to decide.

use super::entry::{Entry, NOBODY};
use super::expires::Expires;
use super::value::Value;
use crate::engine::cluster::slots::{SLOTS, key_slot};
use crate::engine::data::dict::{Dict, Keyed};

/// A numbered database.
#[derive(Debug, Default)]
pub struct Database {
    entries: Dict<Entry>,
    expires: Expires,
    slots: Option<Box<SlotLists>>,
}

/// The entries of each slot, as linked lists through the entries.
#[derive(Debug)]
struct SlotLists {
    heads: Vec<u32>,
    counts: Vec<u32>,
}

impl Database {
    /// An empty one; with `by_slot` it can tell the keys of a slot.
    pub fn new(by_slot: bool) -> Self {
        let lists = || SlotLists { heads: vec![NOBODY; usize::from(SLOTS)], counts: vec![0; usize::from(SLOTS)] };
        Database { slots: by_slot.then(|| Box::new(lists())), ..Database::default() }
    }

    /// Forgets all keys; answers how many there were.
    pub fn clear(&mut self) -> usize {
        let by_slot = self.slots.is_some();
        std::mem::replace(self, Database::new(by_slot)).len()
    }

    /// How many keys it has, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// The table of entries.
    pub fn entries(&self) -> &Dict<Entry> {
        &self.entries
    }

    /// When which entries expire.
    pub fn expires(&self) -> &Expires {
        &self.expires
    }

    /// The index of a key's entry, until one is added or removed.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        self.entries.find(key)
    }

    /// The entry at an index.
    #[inline]
    pub fn at(&self, index: u32) -> &Entry {
        self.entries.at(index)
    }

    /// The entry at an index, to be changed.
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> &mut Entry {
        self.entries.at_mut(index)
    }

    /// Adds a key that is not there.
    pub fn add(&mut self, key: &[u8], value: Value, clock: u32) -> u32 {
        let index = self.entries.insert_new(Entry::new(key, value, clock));
        if let Some(slots) = &mut self.slots {
            let slot = usize::from(key_slot(key));
            let head = std::mem::replace(&mut slots.heads[slot], index);
            slots.counts[slot] += 1;
            self.entries.at_mut(index).slot_after = head;
            if head != NOBODY {
                self.entries.at_mut(head).slot_before = index;
            }
        }
        index
    }

    /// Takes an entry out. All indexes known before are void.
    pub fn remove(&mut self, index: u32) -> Entry {
        if self.entries.at(index).has_expiry() {
            self.expires.remove(index);
        }
        self.unlink(index);
        let (entry, moved) = self.entries.remove_at(index);
        if let Some(from) = moved {
            self.moved(from, index);
        }
        entry
    }

    /// When the entry expires, milliseconds since the epoch.
    #[inline]
    pub fn expires_at(&self, index: u32) -> Option<i64> {
        if self.entries.at(index).has_expiry() { self.expires.get(index) } else { None }
    }

    /// Sets when the entry expires; `None`: never.
    pub fn set_expiry(&mut self, index: u32, at: Option<i64>) {
        let entry = self.entries.at_mut(index);
        let had = entry.has_expiry();
        entry.set_has_expiry(at.is_some());
        match at {
            Some(at) => self.expires.set(index, at),
            None if had => _ = self.expires.remove(index),
            None => {}
        }
    }

    /// How many keys a slot has; 0 where slots are not kept.
    pub fn count_in_slot(&self, slot: u16) -> usize {
        self.slots.as_ref().map_or(0, |slots| slots.counts[usize::from(slot)] as usize)
    }

    /// Keys of a slot, the youngest first.
    pub fn keys_in_slot(&self, slot: u16) -> impl Iterator<Item = &Entry> {
        let head = self.slots.as_ref().map_or(NOBODY, |slots| slots.heads[usize::from(slot)]);
        let entry = |index: u32| (index != NOBODY).then(|| self.entries.at(index));
        std::iter::successors(entry(head), move |before| entry(before.slot_after))
    }

    /// Does some of the table's own moving, for times with nothing else to do; answers whether more is to be done.
    pub fn rehash(&mut self, buckets: usize) -> bool {
        self.entries.rehash_step(buckets)
    }

    /// What the tables take on the heap without the values, bytes.
    pub fn table_bytes(&self) -> usize {
        self.entries.heap_bytes() + self.expires.heap_bytes()
    }

    fn unlink(&mut self, index: u32) {
        let Some(slots) = &mut self.slots else { return };
        let entry = self.entries.at(index);
        let (before, after, slot) = (entry.slot_before, entry.slot_after, usize::from(key_slot(entry.key())));
        slots.counts[slot] -= 1;
        if before == NOBODY {
            slots.heads[slot] = after
        } else {
            self.entries.at_mut(before).slot_after = after
        }
        if after != NOBODY {
            self.entries.at_mut(after).slot_before = before;
        }
    }

    /// The entry that was at `from` is at `to` from now on: tells those who know it by its index.
    fn moved(&mut self, from: u32, to: u32) {
        let entry = self.entries.at(to);
        if entry.has_expiry() {
            self.expires.rename(from, to);
        }
        let Some(slots) = &mut self.slots else { return };
        let (before, after) = (entry.slot_before, entry.slot_after);
        if before == NOBODY {
            slots.heads[usize::from(key_slot(entry.key()))] = to;
        } else {
            self.entries.at_mut(before).slot_after = to;
        }
        if after != NOBODY {
            self.entries.at_mut(after).slot_before = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn slots_and_times_follow_entries_that_move() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut database = Database::new(true);
        let mut plain: BTreeMap<Vec<u8>, Option<i64>> = BTreeMap::new();
        for _ in 0..20_000 {
            let key = format!("{{{}}}{}", random.u32(0..8), random.u32(0..100)).into_bytes();
            match (database.find(&key), random.bool()) {
                (None, _) => {
                    let index = database.add(&key, Value::Integer(1), 0);
                    let at = random.bool().then(|| random.i64(0..1000));
                    database.set_expiry(index, at);
                    plain.insert(key, at);
                }
                (Some(index), true) => {
                    database.remove(index);
                    plain.remove(&key);
                }
                (Some(index), false) => {
                    database.set_expiry(index, None);
                    plain.insert(key, None);
                }
            }
        }
        assert!(!plain.is_empty());
        assert_eq!(database.len(), plain.len());
        assert_eq!(database.expires().len(), plain.values().flatten().count());
        for (key, at) in &plain {
            let index = database.find(key).unwrap();
            assert_eq!(database.expires_at(index), *at);
        }
        for slot in (0..8).map(|tag: u32| key_slot(tag.to_string().as_bytes())) {
            let listed: BTreeSet<Vec<u8>> = database.keys_in_slot(slot).map(|entry| entry.key().to_vec()).collect();
            let wanted: BTreeSet<Vec<u8>> = plain.keys().filter(|key| key_slot(key) == slot).cloned().collect();
            assert_eq!(database.count_in_slot(slot), wanted.len());
            assert_eq!(listed, wanted);
        }
    }
}
