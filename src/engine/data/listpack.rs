//! Many short strings in one block.
//!
//! The layout is Redis 7's listpack, byte for byte, so that snapshots copy it as it is: total bytes (u32, little-endian), number
//! of entries (u16, 65535 for "count them"), the entries, and 0xff. An entry is an encoding byte that tells its kind and often
//! its length, its data, and the length of both once more in a form that is read backwards. What reads as an integer is kept as
//! one. Knows nothing of what the entries stand for.

mod element;
mod encoding;
#[cfg(test)]
mod tests;

pub use element::Element;
use encoding::{END, Encoded, back_length_size, decode, encoded_size, read_back_length};

use super::numbers::parse_integer;

/// Bytes before the first entry.
const HEADER: usize = 6;
/// The number of entries from which on the header does not tell it.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// A listpack larger than this should become something else.
const MAXIMUM_SAFE_BYTES: usize = 1 << 30;

/// A block of strings and integers, in order; see the module's text.
#[derive(Clone, PartialEq, Eq)]
pub struct Listpack(Vec<u8>);

/// Where an entry is; good until the listpack changes, unless a change answers a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(usize);

/// Bytes that are no listpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed listpack")]
pub struct MalformedListpack;

impl Listpack {
    /// An empty one.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty one with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut block = Vec::with_capacity(bytes.max(HEADER + 1));
        block.extend_from_slice(&[HEADER as u8 + 1, 0, 0, 0, 0, 0, END]);
        Self(block)
    }

    /// Takes bytes from elsewhere, once it is sure that nothing that is read later leaves them: the header's length and number,
    /// every entry's kind, length and backward length, and the end.
    ///
    /// # Errors
    /// If any of these is wrong.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, MalformedListpack> {
        if encoding::validate(&bytes) { Ok(Self(bytes)) } else { Err(MalformedListpack) }
    }

    /// The whole block.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The whole block, taken over.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// How many bytes the block has.
    #[inline]
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// Bytes allocated.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }

    /// How many entries it has; counted one by one if they are 65535 or more.
    #[inline]
    pub fn len(&self) -> usize {
        match self.count() {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether it has no entries.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.len() == HEADER + 1
    }

    /// Whether so many more bytes keep it at a size that its header can tell. Whoever adds asks first.
    #[inline]
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.0.len().saturating_add(bytes) <= MAXIMUM_SAFE_BYTES
    }

    /// Gives back what is allocated and not used.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Adds a string at the end.
    pub fn push_back(&mut self, text: &[u8]) {
        self.splice(self.0.len() - 1, 0, &Encoded::text(text));
    }

    /// Adds an integer at the end.
    pub fn push_back_integer(&mut self, value: i64) {
        self.splice(self.0.len() - 1, 0, &Encoded::integer(value));
    }

    /// Adds a string at the front.
    pub fn push_front(&mut self, text: &[u8]) {
        self.splice(HEADER, 0, &Encoded::text(text));
    }

    /// Adds an integer at the front.
    pub fn push_front_integer(&mut self, value: i64) {
        self.splice(HEADER, 0, &Encoded::integer(value));
    }

    /// Adds a string before the entry at `place`, and answers where it is.
    pub fn insert_before(&mut self, place: Place, text: &[u8]) -> Place {
        self.splice(place.0, 0, &Encoded::text(text));
        place
    }

    /// Adds a string after the entry at `place`, and answers where it is.
    pub fn insert_after(&mut self, place: Place, text: &[u8]) -> Place {
        let after = self.skip(place.0);
        self.splice(after, 0, &Encoded::text(text));
        Place(after)
    }

    /// Puts a string in the place of an entry; `place` remains good.
    pub fn replace(&mut self, place: Place, text: &[u8]) {
        self.splice(place.0, self.skip(place.0) - place.0, &Encoded::text(text));
    }

    /// Puts an integer in the place of an entry; `place` remains good.
    pub fn replace_integer(&mut self, place: Place, value: i64) {
        self.splice(place.0, self.skip(place.0) - place.0, &Encoded::integer(value));
    }

    /// Deletes an entry, and answers where the one after it is now.
    pub fn delete(&mut self, place: Place) -> Option<Place> {
        self.delete_many(place, 1)
    }

    /// Deletes up to `count` entries from `place` on, and answers where the one after them is now.
    pub fn delete_many(&mut self, place: Place, count: usize) -> Option<Place> {
        let (mut end, mut deleted) = (place.0, 0);
        while deleted < count && self.0[end] != END {
            end = self.skip(end);
            deleted += 1;
        }
        self.cut(place.0, end, deleted);
        self.entry_at(place.0)
    }

    /// Deletes up to `count` entries from the one at `index` on, which counts from the end if it is negative.
    pub fn delete_range(&mut self, index: i64, count: usize) {
        if let Some(place) = self.seek(index) {
            self.delete_many(place, count);
        }
    }

    /// Removes all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.cut(HEADER, self.0.len() - 1, 0);
        self.set_count(0);
    }

    /// The first entry.
    #[inline]
    pub fn first(&self) -> Option<Place> {
        self.entry_at(HEADER)
    }

    /// The last entry.
    #[inline]
    pub fn last(&self) -> Option<Place> {
        self.before(self.0.len() - 1)
    }

    /// The entry after the one at `place`.
    #[inline]
    pub fn next(&self, place: Place) -> Option<Place> {
        self.entry_at(self.skip(place.0))
    }

    /// The entry before the one at `place`.
    #[inline]
    pub fn previous(&self, place: Place) -> Option<Place> {
        self.before(place.0)
    }

    /// The entry at `index`, which counts from the end if it is negative: -1 is the last. From the nearer end.
    pub fn seek(&self, index: i64) -> Option<Place> {
        let mut index = index;
        if self.count() != COUNT_UNKNOWN {
            let count = i64::from(self.count());
            index = if index < 0 { index + count } else { index };
            if !(0..count).contains(&index) {
                return None;
            }
            index = if index > count / 2 { index - count } else { index };
        }
        if index >= 0 {
            let mut place = self.first()?;
            for _ in 0..index {
                place = self.next(place)?;
            }
            return Some(place);
        }
        let mut place = self.last()?;
        for _ in index..-1 {
            place = self.previous(place)?;
        }
        Some(place)
    }

    /// The entry at `place`.
    #[inline]
    pub fn get(&self, place: Place) -> Element<'_> {
        decode(&self.0[place.0..]).0
    }

    /// The entry at `place` and where the one after it is.
    #[inline]
    pub fn get_and_next(&self, place: Place) -> (Element<'_>, Option<Place>) {
        let (element, size) = decode(&self.0[place.0..]);
        (element, self.entry_at(place.0 + size + back_length_size(size)))
    }

    /// The first entry from `from` on that is equal to `text`, of those reached by leaving out `skip` entries after each.
    pub fn find(&self, from: Place, text: &[u8], skip: usize) -> Option<Place> {
        // An integer is never kept as a string here, but may be in a block from elsewhere: so compare both.
        let integer = parse_integer(text);
        let mut rest = &self.0[from.0..];
        while *rest.first()? != END {
            let (element, size) = decode(rest);
            let equal = match element {
                Element::Bytes(bytes) => bytes == text,
                Element::Integer(value) => integer == Some(value),
            };
            if equal {
                return Some(Place(self.0.len() - rest.len()));
            }
            rest = &rest[size + back_length_size(size)..];
            for _ in 0..skip {
                if rest[0] == END {
                    return None;
                }
                let size = encoded_size(rest);
                rest = &rest[size + back_length_size(size)..];
            }
        }
        None
    }

    /// A random entry among those whose index is a multiple of `stride`, each as likely. 1 for any, 2 for the keys of pairs.
    pub fn random(&self, stride: usize, random: &mut fastrand::Rng) -> Option<Place> {
        let choices = self.len() / stride.max(1);
        if choices == 0 {
            return None;
        }
        self.seek((random.usize(..choices) * stride) as i64)
    }

    /// All entries, from either end.
    pub fn iter(&self) -> Iter<'_> {
        Iter { listpack: self, front: HEADER, back: self.0.len() - 1 }
    }

    /// The entries from `place` on.
    pub fn iter_from(&self, place: Place) -> Iter<'_> {
        Iter { front: place.0, ..self.iter() }
    }

    /// All entries two by two, as collections of pairs keep them.
    pub fn pairs(&self) -> impl Iterator<Item = (Element<'_>, Element<'_>)> + '_ {
        let mut entries = self.iter();
        std::iter::from_fn(move || Some((entries.next()?, entries.next()?)))
    }

    /// Adds all entries of another at the end.
    pub fn append(&mut self, other: &Self) {
        let count = self.len() + other.len();
        self.reserve(other.0.len());
        self.0.pop();
        self.0.extend_from_slice(&other.0[HEADER..]);
        self.set_total();
        self.set_count(count);
    }

    /// Takes off the entries from `place` on, as a listpack of their own.
    pub fn split_off(&mut self, place: Place) -> Self {
        let mut tail = Self::with_capacity(HEADER + self.0.len() - place.0);
        tail.0.pop();
        tail.0.extend_from_slice(&self.0[place.0..]);
        tail.set_total();
        let count = tail.iter().count();
        tail.set_count(count);
        self.cut(place.0, self.0.len() - 1, count);
        tail
    }

    fn entry_at(&self, offset: usize) -> Option<Place> {
        (self.0[offset] != END).then_some(Place(offset))
    }

    /// The entry that ends at `offset`.
    fn before(&self, offset: usize) -> Option<Place> {
        if offset == HEADER {
            return None;
        }
        let size = read_back_length(&self.0[..offset])?;
        offset.checked_sub(size + back_length_size(size)).map(Place)
    }

    /// The offset after the entry at `offset`.
    #[inline]
    fn skip(&self, offset: usize) -> usize {
        let size = encoded_size(&self.0[offset..]);
        offset + size + back_length_size(size)
    }

    /// Puts an entry at `offset` in the place of `removed` bytes, which are one entry or none.
    fn splice(&mut self, offset: usize, removed: usize, entry: &Encoded<'_>) {
        let (old, added) = (self.0.len(), entry.size());
        if added > removed {
            self.reserve(added - removed);
            self.0.resize(old + added - removed, 0);
        }
        // At the end there is but the end's own byte to move.
        self.0.copy_within(offset + removed..old, offset + added);
        self.0.truncate(old + added - removed);
        entry.write(&mut self.0[offset..offset + added]);
        self.set_total();
        if removed == 0 && self.count() != COUNT_UNKNOWN {
            self.set_count(usize::from(self.count()) + 1);
        }
    }

    /// Removes the bytes of `entries` entries.
    fn cut(&mut self, begin: usize, end: usize, entries: usize) {
        self.0.copy_within(end.., begin);
        self.0.truncate(self.0.len() - (end - begin));
        self.set_total();
        if self.count() != COUNT_UNKNOWN {
            self.set_count(usize::from(self.count()).saturating_sub(entries));
        }
        // As a replaced value leaves some room, only a large part is worth an allocation.
        if self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to(self.0.len() + self.0.len() / 8);
        }
    }

    /// Makes room with an eighth to spare: blocks are many and small, so doubling would waste more than copying costs.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            self.0.reserve_exact(more + needed / 8 + 8);
        }
    }

    #[inline]
    fn count(&self) -> u16 {
        u16::from_le_bytes([self.0[4], self.0[5]])
    }

    #[inline]
    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.0[4..6].copy_from_slice(&count.to_le_bytes());
    }

    #[inline]
    fn set_total(&mut self) {
        let total = self.0.len() as u32;
        self.0[..4].copy_from_slice(&total.to_le_bytes());
    }
}

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Listpack {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The entries of a listpack, from either end.
#[derive(Clone)]
pub struct Iter<'a> {
    listpack: &'a Listpack,
    front: usize,
    back: usize,
}

impl<'a> Iter<'a> {
    /// Where the next entry is.
    pub fn place(&self) -> Option<Place> {
        (self.front < self.back).then_some(Place(self.front))
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (element, size) = decode(&self.listpack.0[self.front..]);
        self.front += size + back_length_size(size);
        Some(element)
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        let place = self.listpack.before(self.back)?;
        self.back = place.0;
        Some(self.listpack.get(place))
    }
}
