//! Packed collections of old versions, read only: ziplists (before Redis 7.0) and zipmaps (before 2.6).
//!
//! A ziplist is its size (u32), the place of its last entry (u32), its number of entries (u16, 65535 = unknown), entries
//! and 255. An entry is the length of the one before (one byte, or 254 and four), its encoding, and its data. A zipmap is
//! its number of fields (one byte, 254 = unknown), then field and value in turns, each behind its length (one byte, or 254
//! and four) and the value with a byte more that says how many unused bytes follow it; then 255.

use crate::engine::data::listpack::Element;

const ZIPLIST_HEADER: usize = 10;
const END: u8 = 255;
const LONG: u8 = 254;

/// The elements of a ziplist; nothing if it isn't one from end to end.
#[must_use]
pub fn ziplist_elements(ziplist: &[u8]) -> Option<Vec<Vec<u8>>> {
    let [a, b, c, d, _, _, _, _, low, high] = *ziplist.first_chunk::<ZIPLIST_HEADER>()?;
    let (&last, _) = ziplist.split_last()?;
    if u32::from_le_bytes([a, b, c, d]) as usize != ziplist.len() || last != END {
        return None;
    }
    let mut rest = ziplist.get(ZIPLIST_HEADER..ziplist.len() - 1)?;
    let mut elements = Vec::new();
    let mut before = 0;
    while !rest.is_empty() {
        let (element, length) = ziplist_entry(rest, before)?;
        elements.push(element.to_vec());
        rest = rest.get(length..)?;
        before = length;
    }
    let declared = u16::from_le_bytes([low, high]);
    (declared == u16::MAX || usize::from(declared) == elements.len()).then_some(elements)
}

/// The entry at the start of `bytes` and its whole length; `before` is the length of the entry before it.
fn ziplist_entry(bytes: &[u8], before: usize) -> Option<(Element<'_>, usize)> {
    let (told, rest) = length(bytes)?;
    if told != before {
        return None;
    }
    let skipped = bytes.len() - rest.len();
    let (element, length) = ziplist_element(rest)?;
    Some((element, skipped + length))
}

fn ziplist_element(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let text = |header: usize, length: usize| {
        let end = header.checked_add(length)?;
        Some((Element::Bytes(bytes.get(header..end)?), end))
    };
    let integer = |number: i64, length| Some((Element::Integer(number), length));
    match first {
        0..=0x3f => text(1, usize::from(first)),
        0x40..=0x7f => text(2, usize::from(first & 0x3f) << 8 | usize::from(*rest.first()?)),
        0x80 => text(5, u32::from_be_bytes(*rest.first_chunk()?) as usize),
        0xc0 => integer(i64::from(i16::from_le_bytes(*rest.first_chunk()?)), 3),
        0xd0 => integer(i64::from(i32::from_le_bytes(*rest.first_chunk()?)), 5),
        0xe0 => integer(i64::from_le_bytes(*rest.first_chunk()?), 9),
        0xf0 => {
            let [low, middle, high] = *rest.first_chunk()?;
            integer(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8), 4)
        }
        0xfe => integer(i64::from(rest.first()?.cast_signed()), 2),
        0xf1..=0xfd => integer(i64::from(first & 0x0f) - 1, 1),
        _ => None,
    }
}

/// The fields and values of a zipmap; nothing if it isn't one from end to end.
#[must_use]
pub fn zipmap_pairs(zipmap: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (&declared, rest) = zipmap.split_first()?;
    let (&last, mut rest) = rest.split_last()?;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (field_length, after) = length(rest)?;
        let (field, after) = after.split_at_checked(field_length)?;
        let (value_length, after) = length(after)?;
        let (&unused, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(value_length)?;
        pairs.push((field.to_vec(), value.to_vec()));
        rest = after.get(usize::from(unused)..)?;
    }
    let counted = declared >= LONG || usize::from(declared) == pairs.len();
    (last == END && counted).then_some(pairs)
}

/// A length in one byte or in four behind 254, and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        END => None,
        LONG => {
            let (long, rest) = rest.split_first_chunk()?;
            Some((u32::from_le_bytes(*long) as usize, rest))
        }
        short => Some((usize::from(short), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::{ziplist_elements, zipmap_pairs};

    fn ziplist(entries: &[u8], count: u16) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        bytes.extend(count.to_le_bytes());
        bytes.extend(entries);
        bytes.push(255);
        let size = bytes.len() as u32;
        bytes[..4].copy_from_slice(&size.to_le_bytes());
        bytes
    }

    #[test]
    fn a_ziplist_of_each_encoding() {
        let mut entries = vec![0, 0xf3, 2, 0xf6, 2, 1, b'a', 3, 0xfe, 0x80, 3, 0xc0, 0, 1, 4, 0xf0, 255, 255, 255];
        entries.extend([5, 0x41, 0]);
        entries.extend([b'x'; 256]);
        entries.extend([254, 3, 1, 0, 0, 0xd0, 1, 0, 0, 0]);
        entries.extend([10, 0x80, 0, 0, 0, 1, b'z', 7, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
        let elements = ziplist_elements(&ziplist(&entries, 10)).unwrap();
        let long = "x".repeat(256);
        let wanted = ["2", "5", "a", "-128", "256", "-1", &long, "1", "z", "-9223372036854775808"];
        assert!(elements.iter().map(|element| std::str::from_utf8(element).unwrap()).eq(wanted));
        assert_eq!(ziplist_elements(&ziplist(&entries, 9)), None);
        assert_eq!(ziplist_elements(&ziplist(&entries[..entries.len() - 1], 10)), None);
        entries[2] = 3;
        assert_eq!(ziplist_elements(&ziplist(&entries, 10)), None);
    }

    #[test]
    fn a_zipmap_with_unused_bytes() {
        let pairs = zipmap_pairs(b"\x02\x03foo\x02\x01hi?\x05hello\x05\x00world\xff").unwrap();
        let wanted = [("foo", "hi"), ("hello", "world")].map(|(field, value)| (field.into(), value.into()));
        assert_eq!(pairs, wanted);
        assert_eq!(zipmap_pairs(b"\x01\x03foo\x09\x00bar\xff"), None);
        assert_eq!(zipmap_pairs(b"\x02\x03foo\x03\x00bar\xff"), None);
    }

    #[test]
    fn any_bytes_at_all_do_no_harm() {
        let mut random = fastrand::Rng::with_seed(10);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
            let _ = zipmap_pairs(&bytes);
            let _ = ziplist_elements(&ziplist(&bytes, u16::MAX));
        }
    }
}
