//! When which keys expire: the next one first, and any one at random.
//!
//! A heap of times whose places are known by entry, so that a time can be changed or taken out. Knows entries by their
//! index alone.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// Times of expiry, milliseconds since the epoch, by the index of the entry.
#[derive(Clone, Debug, Default)]
pub struct Expires {
    heap: Vec<(i64, u32)>,
    places: HashMap<u32, u32, FixedState>,
}

impl Expires {
    /// How many entries expire.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// When the entry expires.
    pub fn get(&self, entry: u32) -> Option<i64> {
        let place = *self.places.get(&entry)?;
        self.heap.get(place as usize).map(|(at, _)| *at)
    }

    /// The one that expires first.
    pub fn first(&self) -> Option<(i64, u32)> {
        self.heap.first().copied()
    }

    /// Any one of them, by a number below [`Expires::len`].
    pub fn nth(&self, number: usize) -> Option<(i64, u32)> {
        self.heap.get(number).copied()
    }

    /// The entry expires then; an earlier word is forgotten.
    pub fn set(&mut self, entry: u32, at: i64) {
        match self.places.get(&entry).map(|place| *place as usize) {
            Some(place) => {
                let before = std::mem::replace(&mut self.heap[place], (at, entry)).0;
                if at < before { self.rise(place) } else { self.sink(place) }
            }
            None => {
                let place = self.heap.len();
                self.heap.push((at, entry));
                self.note(place);
                self.rise(place);
            }
        }
    }

    /// The entry doesn't expire any more.
    pub fn remove(&mut self, entry: u32) -> Option<i64> {
        let place = self.places.remove(&entry)? as usize;
        let (at, _) = self.heap.swap_remove(place);
        if let Some((moved, _)) = self.heap.get(place) {
            let moved = *moved;
            self.note(place);
            if moved < at { self.rise(place) } else { self.sink(place) }
        }
        Some(at)
    }

    /// An entry has another index from now on.
    pub fn rename(&mut self, from: u32, to: u32) {
        if let Some(place) = self.places.remove(&from) {
            self.heap[place as usize].1 = to;
            self.places.insert(to, place);
        }
    }

    /// The mean time of expiry of a sample of the entries, milliseconds since the epoch.
    pub fn mean(&self) -> Option<i64> {
        let step = self.heap.len().div_ceil(64).max(1);
        let sample: Vec<i64> = self.heap.iter().step_by(step).map(|(at, _)| *at).collect();
        let count = i128::try_from(sample.len()).ok().filter(|count| *count > 0)?;
        let sum: i128 = sample.iter().map(|at| i128::from(*at)).sum();
        i64::try_from(sum / count).ok()
    }

    /// What it takes on the heap, bytes.
    pub fn heap_bytes(&self) -> usize {
        self.heap.capacity() * size_of::<(i64, u32)>() + self.places.capacity() * (size_of::<(u32, u32)>() + 1)
    }

    fn note(&mut self, place: usize) {
        // Entries are counted in 32 bits.
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        self.places.insert(self.heap[place].1, number);
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent].0 <= self.heap[place].0 {
                return;
            }
            self.exchange(place, parent);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let children = [place * 2 + 1, place * 2 + 2].into_iter().filter(|child| *child < self.heap.len());
            let Some(least) = children.min_by_key(|child| self.heap[*child].0) else { return };
            if self.heap[place].0 <= self.heap[least].0 {
                return;
            }
            self.exchange(place, least);
            place = least;
        }
    }

    fn exchange(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note(a);
        self.note(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_agrees_with_a_plain_map_whatever_is_done() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut expires, mut plain) = (Expires::default(), BTreeMap::<u32, i64>::new());
        for _ in 0..20_000 {
            let entry = random.u32(0..200);
            match random.u32(0..4) {
                0 => assert_eq!(expires.remove(entry), plain.remove(&entry)),
                1 => {
                    let to = random.u32(200..400);
                    expires.rename(entry, to);
                    if let Some(at) = plain.remove(&entry) {
                        plain.insert(to, at);
                    }
                    expires.remove(to);
                    plain.remove(&to);
                }
                _ => {
                    let at = random.i64(0..1000);
                    expires.set(entry, at);
                    plain.insert(entry, at);
                }
            }
            assert_eq!(expires.len(), plain.len());
            assert_eq!(expires.first().map(|(at, _)| at), plain.values().min().copied());
            assert_eq!(expires.get(entry), plain.get(&entry).copied());
        }
    }
}
