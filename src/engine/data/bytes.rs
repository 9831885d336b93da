//! Short byte strings without an allocation.
//!
//! Keys, fields and members are mostly a few bytes long: up to 22 bytes live inside the value itself, longer ones in one
//! exact allocation. Knows nothing of what the bytes mean.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// How many bytes fit without an allocation.
pub const INLINE_CAPACITY: usize = 22;

/// An immutable byte string of 24 bytes: inline up to [`INLINE_CAPACITY`] bytes, else one exact heap block.
///
/// Compares, orders and hashes as its bytes do, whichever way they are kept.
#[derive(Clone)]
pub struct SmallBytes(Form);

#[derive(Clone)]
enum Form {
    Inline { length: u8, bytes: [u8; INLINE_CAPACITY] },
    Heap(Box<[u8]>),
}

const _: () = assert!(size_of::<SmallBytes>() == 24);
const _: () = assert!(size_of::<Option<SmallBytes>>() == 24);

impl SmallBytes {
    /// The empty string.
    pub const fn new() -> Self {
        Self(Form::Inline { length: 0, bytes: [0; INLINE_CAPACITY] })
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            // The minimum spares the check a panic path; the length is never more.
            Form::Inline { length, bytes } => &bytes[..usize::from(*length).min(INLINE_CAPACITY)],
            Form::Heap(bytes) => bytes,
        }
    }

    /// How many bytes it has.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Inline { length, .. } => usize::from(*length),
            Form::Heap(bytes) => bytes.len(),
        }
    }

    /// Whether it has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it holds outside itself: 0 while inline.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Inline { .. } => 0,
            Form::Heap(bytes) => bytes.len(),
        }
    }
}

impl From<&[u8]> for SmallBytes {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() > INLINE_CAPACITY {
            return Self(Form::Heap(bytes.into()));
        }
        let mut inline = [0; INLINE_CAPACITY];
        inline[..bytes.len()].copy_from_slice(bytes);
        Self(Form::Inline { length: bytes.len() as u8, bytes: inline })
    }
}

impl From<Vec<u8>> for SmallBytes {
    /// Takes over the allocation of a long one.
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() > INLINE_CAPACITY { Self(Form::Heap(bytes.into_boxed_slice())) } else { Self::from(&bytes[..]) }
    }
}

impl From<&str> for SmallBytes {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl<const N: usize> From<&[u8; N]> for SmallBytes {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(&bytes[..])
    }
}

impl Default for SmallBytes {
    fn default() -> Self {
        Self::new()
    }
}

impl AsRef<[u8]> for SmallBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Borrow<[u8]> for SmallBytes {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::ops::Deref for SmallBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for SmallBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SmallBytes {}

impl PartialEq<[u8]> for SmallBytes {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_slice() == other
    }
}

impl PartialOrd for SmallBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SmallBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for SmallBytes {
    /// As `[u8]` hashes, which [`Borrow`] demands.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for SmallBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_length_and_allocates_only_beyond_the_inline_capacity() {
        for length in 0..100 {
            let bytes: Vec<u8> = (0..length).collect();
            let small = SmallBytes::from(&bytes[..]);
            assert_eq!(small.as_slice(), bytes);
            assert_eq!(small.len(), bytes.len());
            assert_eq!(small.is_empty(), bytes.is_empty());
            assert_eq!(small.heap_bytes(), if bytes.len() > INLINE_CAPACITY { bytes.len() } else { 0 });
            assert_eq!(SmallBytes::from(bytes), small);
        }
    }

    #[test]
    fn orders_as_the_bytes_do() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2000 {
            let mut make = || -> Vec<u8> { (0..random.usize(..30)).map(|_| random.u8(..3)).collect() };
            let (left, right) = (make(), make());
            let (small_left, small_right) = (SmallBytes::from(&left[..]), SmallBytes::from(&right[..]));
            assert_eq!(small_left.cmp(&small_right), left.cmp(&right));
            assert_eq!(small_left == small_right, left == right);
        }
    }

    #[test]
    fn shows_bytes_that_are_no_text() {
        assert_eq!(format!("{:?}", SmallBytes::from(b"a\x00\"")), r#""a\x00\"""#);
    }
}
