//! LZF, the compression of long strings in snapshots.
//!
//! The packed form is a row of runs. A byte below 32 starts a literal run: that many bytes and one more follow. Any other
//! byte starts a copy of earlier output: its top three bits are the length less two (seven: a byte with more length
//! follows), its low five bits and the byte at the end are the distance less one.
//!
//! Knows bytes alone; when compression is worth while is the writer's business.

/// A literal run holds at most this many bytes.
const LONGEST_LITERAL: usize = 32;
/// A copy reaches back at most this far.
const FARTHEST: usize = 1 << 13;
/// A copy holds at most this many bytes.
const LONGEST_COPY: usize = 264;
/// No three bytes of packed form can stand for more than one longest copy.
const MOST_EXPANSION: usize = LONGEST_COPY / 3 + 1;
/// The matcher remembers one place for each of 2^14 hashes of three bytes.
const HASH_BITS: u32 = 14;

/// Unpacks `packed` into exactly `length` bytes; nothing if it is not what it claims to be. Allocates no more than what
/// `packed` can back.
#[must_use]
pub fn decompress(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    if length > packed.len().saturating_mul(MOST_EXPANSION) {
        return None;
    }
    let mut output = Vec::with_capacity(length);
    let mut rest = packed;
    while let Some((&control, after)) = rest.split_first() {
        rest = if usize::from(control) < LONGEST_LITERAL {
            let (literal, after) = after.split_at_checked(usize::from(control) + 1)?;
            output.extend_from_slice(literal);
            after
        } else {
            copy_earlier(&mut output, control, after)?
        };
        if output.len() > length {
            return None;
        }
    }
    (output.len() == length).then_some(output)
}

/// One copy of earlier output; gives what follows it in the packed form.
fn copy_earlier<'a>(output: &mut Vec<u8>, control: u8, after: &'a [u8]) -> Option<&'a [u8]> {
    let mut length = usize::from(control >> 5);
    let mut rest = after;
    if length == 7 {
        let (&more, after) = rest.split_first()?;
        length += usize::from(more);
        rest = after;
    }
    let (&low, rest) = rest.split_first()?;
    let distance = (usize::from(control & 0x1f) << 8) + usize::from(low) + 1;
    let start = output.len().checked_sub(distance)?;
    let length = length + 2;
    if length <= distance {
        output.extend_from_within(start..start + length);
    } else {
        // The copy overlaps itself: what it writes is what it reads next.
        for place in start..start + length {
            output.push(*output.get(place)?);
        }
    }
    Some(rest)
}

/// Packs strings; keeps its table of places between strings so that a short string does not pay for clearing it.
#[derive(Default)]
pub struct Compressor {
    /// For a hash of three bytes: `base` + the place where they were last seen, in the string being packed or, if
    /// below the present `base`, in an earlier one.
    places: Vec<u32>,
    base: u32,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Compressor {
    /// Appends the packed form of `input` to `output` if it takes at most `limit` bytes, and says how many it took;
    /// otherwise leaves `output` as it was.
    pub fn compress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> Option<usize> {
        let start = output.len();
        self.begin(input.len())?;
        let packed = self.pack(input, start.saturating_add(limit), output);
        self.base += input.len() as u32;
        if packed.is_none() {
            output.truncate(start);
        }
        packed.map(|()| output.len() - start)
    }

    /// Makes places of earlier strings recognisable as such: all lie below `base`.
    fn begin(&mut self, length: usize) -> Option<()> {
        let length = u32::try_from(length).ok().filter(|length| *length < u32::MAX / 2)?;
        if self.places.is_empty() || self.base.checked_add(length).is_none() {
            self.places.clear();
            self.places.resize(1 << HASH_BITS, 0);
            self.base = 1;
        }
        self.base.checked_add(length).map(|_| ())
    }

    fn pack(&mut self, input: &[u8], end: usize, output: &mut Vec<u8>) -> Option<()> {
        let mut literal = 0;
        let mut place = 0;
        while let Some(&[first, second, third]) = input.get(place..place + 3) {
            let earlier = self.remember(place, [first, second, third]);
            let length = earlier.map_or(0, |earlier| common(input, earlier, place));
            match earlier {
                Some(earlier) if length >= 3 => {
                    write_literals(input.get(literal..place)?, end, output)?;
                    write_copy(length, place - earlier, end, output)?;
                    place += length;
                    literal = place;
                }
                _ => {
                    place += 1;
                    // What can no longer fit needs no further search.
                    if output.len() + (place - literal) > end {
                        return None;
                    }
                }
            }
        }
        write_literals(input.get(literal..)?, end, output)
    }

    /// Notes where these three bytes were seen, and gives the place before if a copy can reach it.
    fn remember(&mut self, place: usize, bytes: [u8; 3]) -> Option<usize> {
        let [first, second, third] = bytes.map(u32::from);
        let hash = (first << 16 | second << 8 | third).wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS);
        let slot = self.places.get_mut(hash as usize)?;
        let before = std::mem::replace(slot, self.base + place as u32);
        let earlier = before.checked_sub(self.base)? as usize;
        (place > earlier && place - earlier <= FARTHEST).then_some(earlier)
    }
}

/// How many bytes at `earlier` and at `place` are alike, as far as one copy can tell.
fn common(input: &[u8], earlier: usize, place: usize) -> usize {
    let (Some(old), Some(new)) = (input.get(earlier..), input.get(place..)) else { return 0 };
    old.iter().zip(new).take(LONGEST_COPY).take_while(|(old, new)| old == new).count()
}

fn write_literals(bytes: &[u8], end: usize, output: &mut Vec<u8>) -> Option<()> {
    for run in bytes.chunks(LONGEST_LITERAL) {
        if output.len() + 1 + run.len() > end {
            return None;
        }
        output.push(run.len() as u8 - 1);
        output.extend_from_slice(run);
    }
    Some(())
}

fn write_copy(length: usize, distance: usize, end: usize, output: &mut Vec<u8>) -> Option<()> {
    let (distance, length) = (distance - 1, length - 2);
    let high = (distance >> 8) as u8;
    if output.len() + 3 > end {
        return None;
    }
    if length < 7 {
        output.push(high | (length as u8) << 5);
    } else {
        output.extend_from_slice(&[high | 7 << 5, (length - 7) as u8]);
    }
    output.push((distance & 0xff) as u8);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{Compressor, decompress};

    fn round_trip(compressor: &mut Compressor, input: &[u8]) -> usize {
        let mut packed = b"kept".to_vec();
        let length = compressor.compress(input, input.len() * 2 + 8, &mut packed).unwrap();
        assert_eq!(packed.len(), 4 + length);
        assert_eq!(decompress(&packed[4..], input.len()).unwrap(), input);
        length
    }

    #[test]
    fn what_was_packed_unpacks_again() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut compressor = Compressor::default();
        for length in (0..600).chain([5_000, 20_000, 70_000]) {
            let alphabet = random.u8(1..);
            let input: Vec<u8> = (0..length).map(|_| random.u8(0..alphabet)).collect();
            round_trip(&mut compressor, &input);
        }
        assert!(round_trip(&mut compressor, &[b'a'; 10_000]) < 150);
    }

    #[test]
    fn what_does_not_fit_leaves_nothing_behind() {
        let mut output = b"kept".to_vec();
        let input: Vec<u8> = (0..=255).collect();
        assert_eq!(Compressor::default().compress(&input, input.len() - 4, &mut output), None);
        assert_eq!(output, b"kept");
    }

    #[test]
    fn a_long_life_starts_its_table_afresh() {
        let mut compressor = Compressor { base: u32::MAX - 50, places: vec![3; 1 << super::HASH_BITS] };
        for _ in 0..9 {
            round_trip(&mut compressor, b"abcabcabcabcabcabcabc");
        }
        assert!(compressor.base < 1000);
    }

    #[test]
    fn a_payload_that_lies_is_refused() {
        assert_eq!(decompress(&[0x1f, b'a'], 32), None, "a literal run that ends early");
        assert_eq!(decompress(&[0, b'a', 0x20, 5], 4), None, "a copy from before the start");
        assert_eq!(decompress(&[0, b'a'], 2), None, "shorter than it says");
        assert_eq!(decompress(&[1, b'a', b'b'], 1), None, "longer than it says");
        assert_eq!(decompress(&[0xe0, 1], usize::MAX), None, "no memory for what the input cannot back");
        let mut random = fastrand::Rng::with_seed(8);
        for _ in 0..20_000 {
            let packed: Vec<u8> = (0..random.usize(0..40)).map(|_| random.u8(..)).collect();
            let length = random.usize(0..300);
            assert!(decompress(&packed, length).is_none_or(|output| output.len() == length));
        }
    }
}
