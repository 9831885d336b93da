//! The latest bytes of the stream: for replicas that are behind, and for those that come back.

use std::collections::VecDeque;

/// Bytes of the stream from `first` on. Offsets count from 1: the first byte of a history is at 1.
#[derive(Debug)]
pub struct Backlog {
    bytes: VecDeque<u8>,
    first: i64,
}

impl Backlog {
    /// An empty one after so many bytes of the stream.
    #[must_use]
    pub fn new(offset: i64) -> Self {
        Self { bytes: VecDeque::new(), first: offset + 1 }
    }

    /// The offset of its first byte, or of the next byte of the stream if it has none.
    #[must_use]
    pub fn first(&self) -> i64 {
        self.first
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes allocated.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether the stream can be had from this offset on; its next byte counts.
    #[must_use]
    pub fn reaches(&self, offset: i64) -> bool {
        offset >= self.first && offset - self.first <= self.bytes.len() as i64
    }

    /// Adds the stream's next bytes, and forgets the oldest beyond `size` bytes, but none after `needed`: the offset up to
    /// which the slowest replica has been served.
    pub fn append(&mut self, bytes: &[u8], size: usize, needed: Option<i64>) {
        self.trim(size.saturating_sub(bytes.len()), needed);
        let length = self.bytes.len() + bytes.len();
        if length > self.bytes.capacity() && length <= size {
            // Doubling beyond its final size would waste memory.
            self.bytes.reserve_exact((length * 2).min(size) - self.bytes.len());
        }
        self.bytes.extend(bytes);
        self.trim(size, needed);
    }

    /// Forgets the oldest bytes beyond `size`, but none after `needed`.
    pub fn trim(&mut self, size: usize, needed: Option<i64>) {
        let surplus = self.bytes.len().saturating_sub(size);
        let served = needed.map_or(surplus, |needed| usize::try_from(needed + 1 - self.first).unwrap_or(0));
        let count = surplus.min(served);
        self.bytes.drain(..count);
        self.first += count as i64;
    }

    /// Appends at most `most` bytes that follow `offset` to `sink`; says how many.
    pub fn copy_after(&self, offset: i64, most: usize, sink: &mut Vec<u8>) -> usize {
        let Ok(start) = usize::try_from(offset + 1 - self.first) else { return 0 };
        let end = start.saturating_add(most).min(self.bytes.len());
        if start >= end {
            return 0;
        }
        let (front, back) = self.bytes.as_slices();
        sink.extend_from_slice(front.get(start..end.min(front.len())).unwrap_or_default());
        let middle = front.len();
        sink.extend_from_slice(back.get(start.saturating_sub(middle)..end.saturating_sub(middle)).unwrap_or_default());
        end - start
    }
}

#[cfg(test)]
mod tests {
    use super::Backlog;

    #[test]
    fn any_part_of_what_is_kept_comes_back_as_it_was() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut backlog = Backlog::new(1000);
        let mut all = vec![0; 1000];
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
            backlog.append(&bytes, 256, None);
            all.extend(bytes);
            assert!(backlog.len() <= 256 && backlog.heap_bytes() <= 512);
            assert_eq!(backlog.first() as usize + backlog.len(), all.len() + 1);
            let start = backlog.first() as usize + random.usize(..=backlog.len()) - 1;
            let (most, mut sink) = (random.usize(..300), b"kept".to_vec());
            let count = backlog.copy_after(start as i64, most, &mut sink);
            assert_eq!(count, most.min(all.len() - start));
            assert_eq!(&sink[4..], &all[start..start + count]);
        }
        assert!(backlog.reaches(all.len() as i64 + 1) && backlog.reaches(backlog.first()));
        assert!(!backlog.reaches(all.len() as i64 + 2) && !backlog.reaches(backlog.first() - 1));
    }

    #[test]
    fn what_a_replica_still_needs_stays() {
        let mut backlog = Backlog::new(0);
        backlog.append(&[1; 100], 50, Some(20));
        assert_eq!((backlog.first(), backlog.len()), (21, 80));
        backlog.append(&[2; 10], 50, Some(90));
        assert_eq!((backlog.first(), backlog.len()), (61, 50));
        backlog.trim(10, None);
        assert_eq!((backlog.first(), backlog.len()), (101, 10));
        assert_eq!(backlog.copy_after(90, 5, &mut Vec::new()), 0, "gone");
        assert_eq!(backlog.copy_after(110, 5, &mut Vec::new()), 0, "not yet");
    }
}
