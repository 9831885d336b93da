//! A sorted set of integers in one block.
//!
//! The layout is Redis's intset, byte for byte, so that snapshots copy it as it is: width of a number in bytes (u32,
//! little-endian: 2, 4 or 8), how many there are (u32), then the numbers in ascending order. All widen together when one does
//! not fit, and never narrow again.

/// Bytes before the first number.
const HEADER: usize = 8;

/// A sorted block of integers of 16, 32 or 64 bits; see the module's text.
#[derive(Clone, PartialEq, Eq)]
pub struct IntSet(Vec<u8>);

/// Bytes that are no intset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed intset")]
pub struct MalformedIntSet;

impl IntSet {
    /// An empty one.
    pub fn new() -> Self {
        Self(vec![2, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Takes bytes from elsewhere, once it is sure that they are whole and in ascending order with nothing twice.
    ///
    /// # Errors
    /// If they are not.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, MalformedIntSet> {
        let set = Self(bytes);
        let Some((width, length)) = set.read_header() else { return Err(MalformedIntSet) };
        let whole = matches!(width, 2 | 4 | 8) && set.0.len() - HEADER == length.saturating_mul(width);
        if whole && set.iter().is_sorted_by(|left, right| left < right) { Ok(set) } else { Err(MalformedIntSet) }
    }

    /// The whole block.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes allocated.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }

    /// How many numbers it has.
    #[inline]
    pub fn len(&self) -> usize {
        (self.0.len() - HEADER) / self.width()
    }

    /// Whether it has no numbers.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.len() == HEADER
    }

    /// Whether `value` is among them.
    #[inline]
    pub fn contains(&self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// The number at `index`, in ascending order.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.read(index, self.width()))
    }

    /// Adds a number; answers whether it is new.
    pub fn insert(&mut self, value: i64) -> bool {
        let width = width_of(value);
        if width > self.width() {
            self.widen(width);
        }
        let Err(index) = self.search(value) else { return false };
        let width = self.width();
        self.reserve(width);
        let (begin, old) = (HEADER + index * width, self.0.len());
        self.0.resize(old + width, 0);
        self.0.copy_within(begin..old, begin + width);
        self.write(index, width, value);
        self.set_header(width);
        true
    }

    /// Removes a number; answers whether it was there.
    pub fn remove(&mut self, value: i64) -> bool {
        match self.search(value) {
            Ok(index) => self.remove_at(index).is_some(),
            Err(_) => false,
        }
    }

    /// Removes the number at `index`, and answers it.
    pub fn remove_at(&mut self, index: usize) -> Option<i64> {
        let (value, width) = (self.get(index)?, self.width());
        let begin = HEADER + index * width;
        self.0.copy_within(begin + width.., begin);
        self.0.truncate(self.0.len() - width);
        self.set_header(width);
        if self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to(self.0.len() + self.0.len() / 8);
        }
        Some(value)
    }

    /// A number drawn at random, each as likely.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<i64> {
        if self.is_empty() { None } else { self.get(random.usize(..self.len())) }
    }

    /// All numbers, in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + '_ {
        let width = self.width();
        (0..self.len()).map(move |index| self.read(index, width))
    }

    /// Where `value` is, or where it belongs.
    #[inline]
    fn search(&self, value: i64) -> Result<usize, usize> {
        let (length, width) = (self.len(), self.width());
        // Whatever is added in order belongs at the end.
        if length == 0 || value > self.read(length - 1, width) {
            return Err(length);
        }
        let (mut low, mut high) = (0, length);
        while low < high {
            let middle = (low + high) / 2;
            let found = self.read(middle, width);
            if found < value {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if self.read(low, width) == value { Ok(low) } else { Err(low) }
    }

    /// Rewrites all numbers with more bytes each.
    fn widen(&mut self, width: usize) {
        let mut wide = Self(Vec::with_capacity(HEADER + (self.len() + 1) * width));
        wide.0.extend_from_slice(&[0; HEADER]);
        for value in self.iter() {
            wide.0.extend_from_slice(&value.to_le_bytes()[..width]);
        }
        wide.set_header(width);
        *self = wide;
    }

    #[inline]
    fn read(&self, index: usize, width: usize) -> i64 {
        let bytes = &self.0[HEADER + index * width..][..width];
        match *bytes {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => 0,
        }
    }

    fn write(&mut self, index: usize, width: usize, value: i64) {
        self.0[HEADER + index * width..][..width].copy_from_slice(&value.to_le_bytes()[..width]);
    }

    /// Bytes of a number: 2, 4 or 8.
    #[inline]
    fn width(&self) -> usize {
        usize::from(self.0[0]).max(1)
    }

    fn set_header(&mut self, width: usize) {
        let length = ((self.0.len() - HEADER) / width) as u32;
        self.0[..4].copy_from_slice(&(width as u32).to_le_bytes());
        self.0[4..HEADER].copy_from_slice(&length.to_le_bytes());
    }

    fn read_header(&self) -> Option<(usize, usize)> {
        let [a, b, c, d, e, f, g, h] = *self.0.first_chunk::<HEADER>()?;
        Some((u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize))
    }

    /// Makes room with an eighth to spare, as for listpacks.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            self.0.reserve_exact(more + needed / 8);
        }
    }
}

impl Default for IntSet {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for IntSet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

/// Bytes that `value` needs.
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn check(set: &IntSet, model: &BTreeSet<i64>) {
        assert!(set.iter().eq(model.iter().copied()));
        assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(IntSet::from_bytes(set.as_bytes().to_vec()).as_ref(), Ok(set));
    }

    #[test]
    fn behaves_as_a_sorted_set_does() {
        for seed in 0..40 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut set, mut model) = (IntSet::new(), BTreeSet::new());
            let bits = [4, 10, 20, 64][seed as usize % 4];
            for _ in 0..1000 {
                let value = random.i64(..) >> (64 - bits);
                match random.u8(..3) {
                    0 => assert_eq!(set.remove(value), model.remove(&value)),
                    1 => assert_eq!(set.insert(value), model.insert(value)),
                    _ => assert_eq!(set.contains(value), model.contains(&value)),
                }
            }
            check(&set, &model);
            while let Some(value) = set.random(&mut random) {
                assert!(set.remove(value) && model.remove(&value));
            }
            check(&set, &model);
        }
    }

    #[test]
    fn is_laid_out_as_redis_does() {
        let mut set = IntSet::new();
        assert!(set.insert(5) && set.insert(-1) && !set.insert(5));
        assert_eq!(set.as_bytes(), [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0]);
        assert!(set.insert(-70_000));
        assert_eq!(set.as_bytes()[..12], [4, 0, 0, 0, 3, 0, 0, 0, 0x90, 0xee, 0xfe, 0xff]);
        assert!(set.insert(i64::MAX));
        assert_eq!(set.as_bytes()[..8], [8, 0, 0, 0, 4, 0, 0, 0]);
        assert!(set.insert(i64::MIN));
        assert_eq!(set.iter().collect::<Vec<i64>>(), [i64::MIN, -70_000, -1, 5, i64::MAX]);
        assert_eq!((set.get(1), set.get(5), set.remove_at(5)), (Some(-70_000), None, None));
    }

    #[test]
    fn refuses_what_is_no_intset() {
        let bytes = |width: u8, length: u8, numbers: &[u8]| {
            IntSet::from_bytes([&[width, 0, 0, 0, length, 0, 0, 0], numbers].concat()).is_ok()
        };
        assert!(bytes(2, 2, &[1, 0, 2, 0]) && bytes(4, 1, &[1, 0, 0, 0]) && bytes(8, 0, &[]));
        assert!(!bytes(2, 2, &[1, 0, 1, 0]), "twice the same");
        assert!(!bytes(2, 2, &[2, 0, 1, 0]), "in no order");
        assert!(!bytes(2, 1, &[1, 0, 2, 0]) && !bytes(2, 3, &[1, 0, 2, 0]), "a wrong number");
        assert!(!bytes(3, 1, &[1, 0, 0]) && !bytes(0, 0, &[]) && !bytes(16, 0, &[]), "a wrong width");
        assert_eq!(IntSet::from_bytes(vec![2, 0, 0]), Err(MalformedIntSet));
        assert_eq!(IntSet::from_bytes(vec![2, 1, 0, 0, 0, 0, 0, 0]), Err(MalformedIntSet));
    }

    #[test]
    fn a_value_that_is_too_wide_is_looked_for_in_vain() {
        let mut set = IntSet::new();
        set.insert(1);
        assert!(!set.contains(65_537) && !set.remove(65_537) && !set.contains(-65_535));
        assert_eq!(set.as_bytes()[0], 2);
    }
}
