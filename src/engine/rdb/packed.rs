//! Listpacks and intsets that came from outside: checked from end to end before anyone uses them, and read.
//!
//! A listpack is its size in bytes (u32), its number of entries (u16, 65535 = unknown), the entries, and 255. An entry is
//! its encoding, its data, and its own length written so that it can be read backwards. An intset is the width of a
//! number (u32), the number of numbers (u32), and the numbers in ascending order. All are little-endian.

use super::value::Element;

const LISTPACK_HEADER: usize = 6;
const LISTPACK_END: u8 = 255;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The entries of a listpack; stops early at what is not one, which a checked listpack does not have.
#[derive(Debug, Clone)]
pub struct ListpackEntries<'a> {
    rest: &'a [u8],
}

impl<'a> ListpackEntries<'a> {
    /// Of a listpack with its header. Check it with [`listpack_length`] first.
    #[must_use]
    pub fn new(listpack: &'a [u8]) -> Self {
        Self { rest: listpack.get(LISTPACK_HEADER..).unwrap_or_default() }
    }
}

impl<'a> Iterator for ListpackEntries<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        if *self.rest.first()? == LISTPACK_END {
            return None;
        }
        let (element, length) = entry(self.rest)?;
        self.rest = self.rest.get(length + back_length_size(length)..)?;
        Some(element)
    }
}

/// The number of entries of a listpack, if it is one from end to end: each entry within it and with its true length
/// behind, and both numbers of the header true.
#[must_use]
pub fn listpack_length(listpack: &[u8]) -> Option<usize> {
    let (header, _) = listpack.split_first_chunk::<LISTPACK_HEADER>()?;
    let [a, b, c, d, count @ ..] = *header;
    let declared = u16::from_le_bytes(count);
    let body = listpack.get(LISTPACK_HEADER..listpack.len().checked_sub(1)?)?;
    if u32::from_le_bytes([a, b, c, d]) as usize != listpack.len() || listpack.last() != Some(&LISTPACK_END) {
        return None;
    }
    let mut rest = body;
    let mut entries = 0;
    while !rest.is_empty() {
        let (_, length) = entry(rest)?;
        rest = after_back_length(rest.get(length..)?, length)?;
        entries += 1;
    }
    (declared == COUNT_UNKNOWN || usize::from(declared) == entries).then_some(entries)
}

/// The entry at the start of `bytes`, and the length of its encoding and data.
fn entry(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..=0x7f => Some((Element::Integer(i64::from(first)), 1)),
        0x80..=0xbf => text(bytes, 1, usize::from(first & 0x3f)),
        0xc0..=0xdf => {
            let raw = u16::from(first & 0x1f) << 8 | u16::from(*rest.first()?);
            // Thirteen bits with a sign: moved up and back down, the sign spreads.
            Some((Element::Integer(i64::from((raw << 3).cast_signed() >> 3)), 2))
        }
        0xe0..=0xef => text(bytes, 2, usize::from(first & 0x0f) << 8 | usize::from(*rest.first()?)),
        0xf0 => text(bytes, 5, u32::from_le_bytes(*rest.first_chunk()?) as usize),
        0xf1 => Some((Element::Integer(i64::from(i16::from_le_bytes(*rest.first_chunk()?))), 3)),
        0xf2 => {
            let [low, middle, high] = *rest.first_chunk()?;
            Some((Element::Integer(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8)), 4))
        }
        0xf3 => Some((Element::Integer(i64::from(i32::from_le_bytes(*rest.first_chunk()?))), 5)),
        0xf4 => Some((Element::Integer(i64::from_le_bytes(*rest.first_chunk()?)), 9)),
        _ => None,
    }
}

fn text(bytes: &[u8], header: usize, length: usize) -> Option<(Element<'_>, usize)> {
    let end = header.checked_add(length)?;
    Some((Element::Bytes(bytes.get(header..end)?), end))
}

/// How many bytes the length behind an entry takes.
fn back_length_size(length: usize) -> usize {
    match length {
        0..=127 => 1,
        128..16383 => 2,
        16383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// What follows the length behind an entry, if that length is true: seven bits a byte, the highest first, and a top bit on
/// all but the first.
fn after_back_length(bytes: &[u8], length: usize) -> Option<&[u8]> {
    let (back, rest) = bytes.split_at_checked(back_length_size(length))?;
    let (first, others) = back.split_first()?;
    let told = others.iter().fold(usize::from(*first), |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    (told == length && *first < 0x80 && others.iter().all(|byte| *byte >= 0x80)).then_some(rest)
}

const INTSET_HEADER: usize = 8;

/// The numbers of an intset, ascending. Check it with [`intset_length`] first.
pub fn intset_numbers(intset: &[u8]) -> impl Iterator<Item = i64> {
    let width = intset_width(intset).unwrap_or(2);
    intset.get(INTSET_HEADER..).unwrap_or_default().chunks_exact(width).map(signed)
}

/// The number of numbers of an intset, if it is one: not empty, of the declared size, strictly ascending.
#[must_use]
pub fn intset_length(intset: &[u8]) -> Option<usize> {
    let width = intset_width(intset)?;
    let length = u32::from_le_bytes(*intset.get(4..)?.first_chunk()?) as usize;
    let fits = intset.len() - INTSET_HEADER == length.checked_mul(width)? && length > 0;
    (fits && intset_numbers(intset).is_sorted_by(|one, next| one < next)).then_some(length)
}

fn intset_width(intset: &[u8]) -> Option<usize> {
    let header: &[u8; INTSET_HEADER] = intset.first_chunk()?;
    match header {
        [width @ (2 | 4 | 8), 0, 0, 0, ..] => Some(usize::from(*width)),
        _ => None,
    }
}

fn signed(bytes: &[u8]) -> i64 {
    match *bytes {
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => 0,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{ListpackEntries, back_length_size, intset_length, intset_numbers, listpack_length};
    use crate::engine::rdb::value::Element;

    /// A listpack of these elements, each integer in the widest form.
    pub fn listpack<'a>(elements: impl IntoIterator<Item = Element<'a>>) -> Vec<u8> {
        let mut bytes = vec![0; 6];
        let mut count = 0_u16;
        for element in elements {
            let start = bytes.len();
            match element {
                Element::Integer(number) => {
                    bytes.push(0xf4);
                    bytes.extend(number.to_le_bytes());
                }
                Element::Bytes(text) if text.len() < 64 => {
                    bytes.push(0x80 | text.len() as u8);
                    bytes.extend(text);
                }
                Element::Bytes(text) => {
                    bytes.push(0xf0);
                    bytes.extend((text.len() as u32).to_le_bytes());
                    bytes.extend(text);
                }
            }
            let length = bytes.len() - start;
            let size = back_length_size(length);
            for place in (0..size).rev() {
                let top = if place + 1 == size { 0 } else { 0x80 };
                bytes.push((length >> (7 * place)) as u8 & 0x7f | top);
            }
            count += 1;
        }
        bytes.push(255);
        let size = bytes.len() as u32;
        bytes[..4].copy_from_slice(&size.to_le_bytes());
        bytes[4..6].copy_from_slice(&count.to_le_bytes());
        bytes
    }

    #[test]
    fn each_encoding_of_an_entry() {
        let cases: [(&[u8], Element<'_>); 9] = [
            (&[0x7f], Element::Integer(127)),
            (&[0x83, b'a', b'b', b'c'], Element::Bytes(b"abc")),
            (&[0xdf, 0xff], Element::Integer(-1)),
            (&[0xcf, 0xff], Element::Integer(4095)),
            (&[0xe0, 1, b'x'], Element::Bytes(b"x")),
            (&[0xf1, 0, 0x80], Element::Integer(-32768)),
            (&[0xf2, 0, 0, 0x80], Element::Integer(-8_388_608)),
            (&[0xf3, 1, 0, 0, 0x80], Element::Integer(-2_147_483_647)),
            (&[0xf0, 1, 0, 0, 0, b'y'], Element::Bytes(b"y")),
        ];
        for (entry, element) in cases {
            let mut bytes = vec![0, 0, 0, 0, 1, 0];
            bytes.extend(entry);
            bytes.push(entry.len() as u8);
            bytes.push(255);
            bytes[0] = bytes.len() as u8;
            assert_eq!(listpack_length(&bytes), Some(1), "{entry:x?}");
            assert_eq!(ListpackEntries::new(&bytes).collect::<Vec<_>>(), [element]);
        }
    }

    #[test]
    fn long_entries_have_long_lengths_behind() {
        let texts = [1, 120, 126, 127, 128, 16_000, 16_377, 16_378, 16_379, 70_000].map(|length| vec![b'x'; length]);
        let bytes = listpack(texts.iter().map(|text| Element::Bytes(text)));
        assert_eq!(listpack_length(&bytes), Some(10));
        assert!(ListpackEntries::new(&bytes).eq(texts.iter().map(|text| Element::Bytes(text))));
    }

    #[test]
    fn a_changed_byte_never_breaks_the_reader() {
        let good = listpack([Element::Bytes(b"field"), Element::Integer(77), Element::Bytes(&[b'v'; 200])]);
        let mut random = fastrand::Rng::with_seed(9);
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            bytes[random.usize(..good.len())] = random.u8(..);
            bytes.truncate(random.usize(..=good.len()));
            if let Some(length) = listpack_length(&bytes) {
                assert_eq!(ListpackEntries::new(&bytes).count(), length);
            }
        }
    }

    #[test]
    fn intsets_must_ascend_and_fill_their_size() {
        let good = [4, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255, 5, 0, 0, 0];
        assert_eq!(intset_length(&good), Some(2));
        assert!(intset_numbers(&good).eq([-1, 5]));
        for (place, byte) in [(0, 3), (1, 1), (4, 1), (12, 255), (13, 255)] {
            let mut bad = good;
            bad[place] = byte;
            if place == 13 {
                bad[15] = 255;
            }
            assert_eq!(intset_length(&bad), (place == 12).then_some(2), "{place}");
        }
        assert_eq!(intset_length(&[2, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(intset_length(&good[..7]), None);
    }
}
