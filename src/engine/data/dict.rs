//! A dense hash table with Redis's SCAN guarantee.
//!
//! Items live in `0..len()` of a slab of fixed chunks, so that a large table never copies more than one chunk and a random
//! item is one index away. Power-of-two arrays of buckets hold the index of a chain's first item; the chain goes on through a
//! link that each item carries itself ([`Keyed::next`]), so that an item of one cache line needs nothing beside it.
//! Growing and shrinking move a few buckets with every change. Knows nothing of what an item is beyond its key.

mod slab;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;
use slab::Slab;

/// What a [`Dict`] needs of its items: a key, and room for the chain's link.
///
/// The link belongs to the dict: an item starts with 0 and never changes it itself. That it lies inside the item is a matter
/// of size: an item of 60 bytes and its link fill one cache line, where a pair of both would take 72 bytes.
pub trait Keyed {
    /// What the item is found by; may not change while it is in a dict.
    fn key(&self) -> &[u8];
    /// The link as last set, 0 at first.
    fn next(&self) -> u32;
    /// Keeps the link.
    fn set_next(&mut self, next: u32);
}

/// The seed of dicts made by [`Dict::new`]; see [`seed_process`].
static PROCESS_SEED: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);

/// Sets the seed that dicts made from now on by [`Dict::new`] hash with, so that whoever sends keys cannot make them collide.
///
/// The program calls it once with a random number; tests leave the constant. Dicts that exist keep their own.
pub fn seed_process(seed: u64) {
    PROCESS_SEED.store(seed, Ordering::Relaxed);
}

/// The smallest array of buckets.
const MINIMUM_BUCKETS: usize = 4;
/// Below this share of its buckets in use a table shrinks (percent).
const MINIMUM_FILL_PERCENT: usize = 10;
/// Buckets moved by every change while a rehash is under way: two, so that it ends well before the next is due.
const BUCKETS_PER_CHANGE: usize = 2;
/// How many empty buckets are passed for each that should be moved, so that a step's time is bounded.
const EMPTY_VISITS_PER_BUCKET: usize = 10;

/// The most keys that [`Dict::prefetch`] looks at.
pub const PREFETCH_BATCH: usize = 32;

/// Of each bucket, the link to its chain's first item: 0 for none, else index + 1 (so that a new array is all zeroes, which
/// the system hands out without touching it).
type Buckets = Box<[u32]>;

/// A hash table of items that carry their keys; see the module's text. Holds at most 2^32 - 2 items.
pub struct Dict<T> {
    items: Slab<T>,
    buckets: Buckets,
    /// While a rehash is under way: the array that items move to.
    rehash: Option<Box<Rehash>>,
    state: FixedState,
}

/// A rehash under way. Every key is in exactly one array: in `target` if its bucket of the old one is before `moved`.
struct Rehash {
    target: Buckets,
    moved: usize,
}

/// What DEBUG HTSTATS tells of one array of buckets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableStats {
    /// Buckets in the array.
    pub buckets: usize,
    /// Items reached through it.
    pub items: usize,
    /// Buckets with at least one item.
    pub used_buckets: usize,
    /// Length of the longest chain.
    pub longest_chain: usize,
    /// `chain_lengths[n]`: how many buckets have n items; the last counts all longer ones.
    pub chain_lengths: Vec<usize>,
}

impl<T: Keyed> Dict<T> {
    /// An empty dict that hashes with the process's seed; allocates nothing.
    pub fn new() -> Self {
        Self::with_seed(PROCESS_SEED.load(Ordering::Relaxed))
    }

    /// An empty dict that hashes with `seed`.
    pub fn with_seed(seed: u64) -> Self {
        Self { items: Slab::new(), buckets: Box::default(), rehash: None, state: FixedState::with_seed(seed) }
    }

    /// An empty dict with buckets for `capacity` items, so that filling it moves nothing.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut dict = Self::new();
        dict.reserve(capacity);
        dict
    }

    /// Makes buckets for at least `capacity` items at once. Only of use while the dict is empty: later it grows by itself.
    pub fn reserve(&mut self, capacity: usize) {
        if self.is_empty() && capacity > self.buckets.len() {
            self.rehash = None;
            self.buckets = new_buckets(capacity);
        }
    }

    /// How many items it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has no items.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.items.len() == 0
    }

    /// The hash of a key in this dict, for the `_hashed` calls.
    #[inline]
    pub fn hash_of(&self, key: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    /// The index of the item with `key`; good until the next change.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        self.find_hashed(self.hash_of(key), key)
    }

    /// [`find`](Self::find) with the hash that [`hash_of`](Self::hash_of) gave for `key`.
    #[inline]
    pub fn find_hashed(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let mut link = self.head(hash);
        while link != 0 {
            let item = self.items.get(link - 1)?;
            if item.key() == key {
                return Some(link - 1);
            }
            link = item.next();
        }
        None
    }

    /// The item with `key`.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<&T> {
        self.find(key).and_then(|index| self.items.get(index))
    }

    /// The item with `key`, to change (but never its key or link).
    #[inline]
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut T> {
        let index = self.find(key)?;
        self.items.get_mut(index)
    }

    /// Whether an item has `key`.
    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// The item at `index`.
    ///
    /// # Panics
    /// As indexing a slice does, if `index` is not below [`len`](Self::len).
    #[inline]
    pub fn at(&self, index: u32) -> &T {
        self.items.at(index)
    }

    /// The item at `index`, to change (but never its key or link).
    ///
    /// # Panics
    /// As indexing a slice does, if `index` is not below [`len`](Self::len).
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> &mut T {
        self.items.at_mut(index)
    }

    /// Loads what lookups of keys with these hashes will read first, all at once: the memory answers many questions in the time
    /// of one. Worth it for a pipeline's keys in a dict that no cache holds; at most [`PREFETCH_BATCH`] are looked at.
    pub fn prefetch(&self, hashes: &[u64]) {
        let mut heads = [0; PREFETCH_BATCH];
        for (head, hash) in heads.iter_mut().zip(hashes) {
            *head = self.head(*hash);
        }
        let touched = |link: u32| self.items.get(link.wrapping_sub(1)).map_or(0, Keyed::next);
        let sum = heads[..hashes.len().min(PREFETCH_BATCH)].iter().fold(0, |sum: u32, head| sum ^ touched(*head));
        // Without a use of what was read, it would not be read.
        std::hint::black_box(sum);
    }

    /// Adds an item whose key the dict does not have, and answers its index, which is always the last.
    pub fn insert_new(&mut self, item: T) -> u32 {
        let hash = self.hash_of(item.key());
        self.insert_new_hashed(hash, item)
    }

    /// [`insert_new`](Self::insert_new) with the hash of the item's key.
    pub fn insert_new_hashed(&mut self, hash: u64, mut item: T) -> u32 {
        debug_assert!(self.find_hashed(hash, item.key()).is_none(), "the key is there already");
        self.step();
        self.grow_if_full();
        let index = self.items.len() as u32;
        let head = self.head_mut(hash);
        item.set_next(*head);
        *head = index + 1;
        self.items.push(item);
        index
    }

    /// Adds an item, or puts it in the place of the one with the same key, which it answers.
    pub fn insert(&mut self, item: T) -> Option<T> {
        let hash = self.hash_of(item.key());
        match self.find_hashed(hash, item.key()) {
            Some(index) => Some(self.replace_at(index, item)),
            None => {
                self.insert_new_hashed(hash, item);
                None
            }
        }
    }

    /// Puts an item with the same key in the place of the one at `index`, which it answers.
    ///
    /// # Panics
    /// As indexing a slice does, if `index` is not below [`len`](Self::len).
    pub fn replace_at(&mut self, index: u32, mut item: T) -> T {
        let place = self.items.at_mut(index);
        debug_assert!(place.key() == item.key(), "a replacement must have the same key");
        item.set_next(place.next());
        std::mem::replace(place, item)
    }

    /// Removes the item with `key`.
    pub fn remove(&mut self, key: &[u8]) -> Option<T> {
        let index = self.find(key)?;
        Some(self.remove_at(index).0)
    }

    /// Removes the item at `index` and moves the last one there; answers the item, and the index the moved one came from
    /// (none if the last itself was removed).
    ///
    /// # Panics
    /// As indexing a slice does, if `index` is not below [`len`](Self::len).
    pub fn remove_at(&mut self, index: u32) -> (T, Option<u32>) {
        let item = self.items.at(index);
        let (hash, next) = (self.hash_of(item.key()), item.next());
        self.relink(hash, index + 1, next);
        let last = self.items.len() as u32 - 1;
        if last != index {
            let hash = self.hash_of(self.items.at(last).key());
            self.relink(hash, last + 1, index + 1);
        }
        let mut item = self.items.swap_remove(index);
        item.set_next(0);
        self.step();
        self.shrink_if_sparse();
        (item, (last != index).then_some(last))
    }

    /// The index of an item drawn at random, each as likely; none if the dict is empty.
    pub fn random_index(&self, random: &mut fastrand::Rng) -> Option<u32> {
        (!self.is_empty()).then(|| random.u32(..self.items.len() as u32))
    }

    /// All items, in order of their indexes.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + '_ {
        self.items.iter()
    }

    /// All items, to change (but never their keys or links).
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> + '_ {
        self.items.iter_mut()
    }

    /// Takes all items out, and leaves the dict empty.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.buckets = Box::default();
        self.rehash = None;
        std::mem::replace(&mut self.items, Slab::new()).into_iter()
    }

    /// Removes everything and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self { items: Slab::new(), buckets: Box::default(), rehash: None, state: self.state.clone() };
    }

    /// Moves up to `buckets` buckets of a rehash under way; answers whether there is more to move. For idle time.
    pub fn rehash_step(&mut self, buckets: usize) -> bool {
        for _ in 0..buckets {
            if !self.move_bucket() {
                return false;
            }
        }
        self.rehash.is_some()
    }

    /// Whether a rehash is under way.
    #[inline]
    pub fn is_rehashing(&self) -> bool {
        self.rehash.is_some()
    }

    /// Buckets in use, both arrays together while a rehash is under way.
    pub fn bucket_count(&self) -> usize {
        self.buckets.len() + self.rehash.as_ref().map_or(0, |rehash| rehash.target.len())
    }

    /// Visits the items of the bucket that `cursor` stands for, and answers the next cursor; 0 begins and, answered, ends.
    ///
    /// Whatever is in the dict from a scan's begin to its end is visited at least once, however the dict grows or shrinks
    /// between the calls. That holds by bucket: the cursor counts up with its bits reversed, highest bit of the mask first, so
    /// that the buckets a bucket splits into, or merges with, are neighbours in the order.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&T)) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let Some(rehash) = &self.rehash else {
            self.visit_bucket(&self.buckets, cursor, &mut visit);
            return next_cursor(cursor, self.buckets.len());
        };
        let (small, large) = match self.buckets.len() <= rehash.target.len() {
            true => (&self.buckets, &rehash.target),
            false => (&rehash.target, &self.buckets),
        };
        self.visit_bucket(small, cursor, &mut visit);
        let expansion = (small.len() as u64 - 1) ^ (large.len() as u64 - 1);
        let mut cursor = cursor;
        loop {
            self.visit_bucket(large, cursor, &mut visit);
            cursor = next_cursor(cursor, large.len());
            if cursor & expansion == 0 {
                return cursor;
            }
        }
    }

    /// Calls [`scan`](Self::scan) until about `count` items were visited, for at most ten times as many buckets.
    pub fn scan_many(&self, cursor: u64, count: usize, mut visit: impl FnMut(&T)) -> u64 {
        let (mut cursor, mut visited) = (cursor, 0);
        for _ in 0..count.saturating_mul(10) {
            cursor = self.scan(cursor, |item| {
                visited += 1;
                visit(item);
            });
            if cursor == 0 || visited >= count {
                break;
            }
        }
        cursor
    }

    /// The sum of `measure` over all items, estimated from the first `samples` of them, or counted if that is 0.
    pub fn sampled_sum(&self, samples: usize, measure: impl Fn(&T) -> usize) -> usize {
        let looked_at = if samples == 0 { self.len() } else { samples.min(self.len()) };
        let sum: usize = self.iter().take(looked_at).map(measure).sum();
        (sum as u128 * self.len() as u128 / looked_at.max(1) as u128) as usize
    }

    /// Bytes of the slab and the buckets; what items themselves hold elsewhere is not counted.
    pub fn heap_bytes(&self) -> usize {
        let rehash = self.rehash.as_ref().map_or(0, |_| size_of::<Rehash>());
        self.items.heap_bytes() + self.bucket_count() * size_of::<u32>() + rehash
    }

    /// Counts chains in the array of buckets and, while a rehash is under way, the array that it fills.
    pub fn stats(&self) -> (TableStats, Option<TableStats>) {
        (self.table_stats(&self.buckets), self.rehash.as_ref().map(|rehash| self.table_stats(&rehash.target)))
    }

    fn table_stats(&self, buckets: &Buckets) -> TableStats {
        const LONGEST_COUNTED: usize = 50;
        let mut stats =
            TableStats { buckets: buckets.len(), chain_lengths: vec![0; LONGEST_COUNTED], ..TableStats::default() };
        for &head in buckets {
            let length = std::iter::successors((head != 0).then_some(head), |link| {
                Some(self.items.get(link - 1)?.next()).filter(|next| *next != 0)
            })
            .count();
            stats.items += length;
            stats.used_buckets += usize::from(length > 0);
            stats.longest_chain = stats.longest_chain.max(length);
            stats.chain_lengths[length.min(LONGEST_COUNTED - 1)] += 1;
        }
        stats
    }

    /// The link of the chain that a key with `hash` is in: 0 if that is empty.
    #[inline]
    fn head(&self, hash: u64) -> u32 {
        if let Some(rehash) = &self.rehash
            && bucket_of(hash, &self.buckets) < rehash.moved
        {
            return rehash.target.get(bucket_of(hash, &rehash.target)).copied().unwrap_or(0);
        }
        self.buckets.get(bucket_of(hash, &self.buckets)).copied().unwrap_or(0)
    }

    /// The bucket that a key with `hash` belongs in. There must be buckets.
    #[inline]
    fn head_mut(&mut self, hash: u64) -> &mut u32 {
        if let Some(rehash) = &mut self.rehash
            && bucket_of(hash, &self.buckets) < rehash.moved
        {
            let bucket = bucket_of(hash, &rehash.target);
            return &mut rehash.target[bucket];
        }
        let bucket = bucket_of(hash, &self.buckets);
        &mut self.buckets[bucket]
    }

    /// In the chain of `hash`, lets what points to `from` point to `to`.
    fn relink(&mut self, hash: u64, from: u32, to: u32) {
        let head = self.head_mut(hash);
        let mut link = *head;
        if link == from {
            *head = to;
            return;
        }
        while link != 0 {
            let item = self.items.at_mut(link - 1);
            link = item.next();
            if link == from {
                item.set_next(to);
                return;
            }
        }
    }

    fn visit_bucket(&self, buckets: &Buckets, cursor: u64, visit: &mut impl FnMut(&T)) {
        let mut link = buckets.get(bucket_of(cursor, buckets)).copied().unwrap_or(0);
        while link != 0 {
            let Some(item) = self.items.get(link - 1) else { return };
            visit(item);
            link = item.next();
        }
    }

    /// The share of a rehash that goes with every change.
    #[inline]
    fn step(&mut self) {
        if self.rehash.is_some() {
            self.rehash_step(BUCKETS_PER_CHANGE);
        }
    }

    #[inline]
    fn grow_if_full(&mut self) {
        if self.items.len() < self.buckets.len() || self.rehash.is_some() {
            return;
        }
        self.resize(self.items.len() + 1);
    }

    #[inline]
    fn shrink_if_sparse(&mut self) {
        let (items, buckets) = (self.items.len(), self.buckets.len());
        if buckets > MINIMUM_BUCKETS && items * 100 < buckets * MINIMUM_FILL_PERCENT && self.rehash.is_none() {
            self.resize(items);
        }
    }

    /// Starts a rehash to buckets for `capacity` items; at once if there is nothing to move.
    fn resize(&mut self, capacity: usize) {
        let target = new_buckets(capacity);
        if target.len() == self.buckets.len() {
            return;
        }
        if self.items.len() == 0 {
            self.buckets = target;
        } else {
            self.rehash = Some(Box::new(Rehash { target, moved: 0 }));
        }
    }

    /// Moves the next bucket with items to the new array; answers false when the rehash is over.
    fn move_bucket(&mut self) -> bool {
        let Some(rehash) = &mut self.rehash else { return false };
        for _ in 0..EMPTY_VISITS_PER_BUCKET {
            let Some(head) = self.buckets.get_mut(rehash.moved) else { break };
            rehash.moved += 1;
            let mut link = std::mem::take(head);
            if link == 0 {
                continue;
            }
            while link != 0 {
                let item = self.items.at_mut(link - 1);
                let mut hasher = self.state.build_hasher();
                hasher.write(item.key());
                let bucket = bucket_of(hasher.finish(), &rehash.target);
                let place = &mut rehash.target[bucket];
                let next = item.next();
                item.set_next(*place);
                *place = link;
                link = next;
            }
            break;
        }
        if rehash.moved < self.buckets.len() {
            return true;
        }
        if let Some(rehash) = self.rehash.take() {
            self.buckets = rehash.target;
        }
        false
    }
}

impl<T: Keyed> Default for Dict<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Keyed + Clone> Clone for Dict<T> {
    fn clone(&self) -> Self {
        let rehash = self.rehash.as_ref();
        Self {
            items: self.items.clone(),
            buckets: self.buckets.clone(),
            rehash: rehash.map(|rehash| Box::new(Rehash { target: rehash.target.clone(), moved: rehash.moved })),
            state: self.state.clone(),
        }
    }
}

impl<T: Keyed + std::fmt::Debug> std::fmt::Debug for Dict<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

/// `count` different indexes below `length`, drawn at random, every choice as likely, in no order; all if there are no more.
pub fn distinct_indexes(length: usize, count: usize, random: &mut fastrand::Rng) -> Vec<u32> {
    let (length, count) = (length as u32, count.min(length) as u32);
    // Of many, the first of a shuffle; of few, Floyd's way: each round draws from one more, and a draw that is taken already
    // stands for the one that is new.
    if count > length / 3 {
        let mut all: Vec<u32> = (0..length).collect();
        for place in 0..count {
            all.swap(place as usize, random.u32(place..length) as usize);
        }
        all.truncate(count as usize);
        return all;
    }
    let mut taken = std::collections::HashSet::with_capacity_and_hasher(count as usize, FixedState::with_seed(0));
    let mut chosen = Vec::with_capacity(count as usize);
    for newest in length - count..length {
        let drawn = random.u32(..=newest);
        let index = if taken.insert(drawn) { drawn } else { newest };
        taken.insert(index);
        chosen.push(index);
    }
    chosen
}

fn new_buckets(capacity: usize) -> Buckets {
    vec![0; capacity.max(MINIMUM_BUCKETS).next_power_of_two()].into_boxed_slice()
}

/// The bucket for a hash (or a cursor) in an array of a power of two; 0 in an empty one.
#[inline]
fn bucket_of(hash: u64, buckets: &Buckets) -> usize {
    hash as usize & buckets.len().wrapping_sub(1)
}

/// Adds one to the masked bits of a cursor, counting from the highest down.
fn next_cursor(cursor: u64, buckets: usize) -> u64 {
    let mask = buckets as u64 - 1;
    (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits()
}
