//! Items side by side in chunks.
//!
//! Knows indexes, not keys.

/// Items of a chunk, as a power of two: large enough that the list of chunks stays in the nearest cache for ten million
/// items, small enough that allocating one is never felt.
const CHUNK_BITS: u32 = 13;
const CHUNK_ITEMS: usize = 1 << CHUNK_BITS;
const CHUNK_MASK: u32 = CHUNK_ITEMS as u32 - 1;

/// A vector of items in chunks of [`CHUNK_ITEMS`]. The first chunk grows like a vector, so that a few items cost only
/// their own size; every later one is allocated whole, so that nothing is copied again. All chunks but the last in use are full.
#[derive(Clone)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    length: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), length: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.chunks.get((index >> CHUNK_BITS) as usize)?.get((index & CHUNK_MASK) as usize)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.chunks.get_mut((index >> CHUNK_BITS) as usize)?.get_mut((index & CHUNK_MASK) as usize)
    }

    #[inline]
    pub(super) fn at(&self, index: u32) -> &T {
        &self.chunks[(index >> CHUNK_BITS) as usize][(index & CHUNK_MASK) as usize]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[(index >> CHUNK_BITS) as usize][(index & CHUNK_MASK) as usize]
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        let chunk = self.length >> CHUNK_BITS;
        if chunk == self.chunks.len() {
            self.chunks.reserve_exact(if chunk == 0 { 1 } else { chunk });
            self.chunks.push(Vec::with_capacity(if chunk == 0 { 2 } else { CHUNK_ITEMS }));
        }
        self.chunks[chunk].push(item);
        self.length += 1;
    }

    /// Removes the item at `index` and puts the last in its place.
    ///
    /// Panics as indexing a slice does.
    pub(super) fn swap_remove(&mut self, index: u32) -> T {
        let item = self.pop();
        let removed = if index as usize == self.length { item } else { std::mem::replace(self.at_mut(index), item) };
        self.give_back();
        removed
    }

    /// Takes the last item.
    #[expect(clippy::unwrap_used, reason = "the last chunk in use has an item, or the subtraction has panicked before")]
    fn pop(&mut self) -> T {
        self.length -= 1;
        self.chunks[self.length >> CHUNK_BITS].pop().unwrap()
    }

    /// Frees what has become much too large: the chunk after the last in use once that is half empty (not before, so that
    /// adding and removing at a chunk's border allocates nothing), and three quarters of the first chunk.
    fn give_back(&mut self) {
        let used = self.length >> CHUNK_BITS;
        if self.chunks.len() > used + 1 && self.length % CHUNK_ITEMS < CHUNK_ITEMS / 2 {
            self.chunks.truncate(used + 1);
        }
        if used == 0
            && let Some(first) = self.chunks.first_mut()
            && first.capacity() > 8
            && first.len() < first.capacity() / 4
        {
            first.shrink_to(first.len() * 2);
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + '_ {
        self.chunks.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> + '_ {
        self.chunks.iter_mut().flatten()
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        self.chunks.into_iter().flatten()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let items: usize = self.chunks.iter().map(Vec::capacity).sum();
        items * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>()
    }
}
