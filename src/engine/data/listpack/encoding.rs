//! One entry of a listpack in bytes.
//!
//! Reading trusts its bytes; only [`validate`] doubts.

use super::{COUNT_UNKNOWN, Element, HEADER};
use crate::engine::data::numbers::parse_integer;

/// The byte after the last entry.
pub(super) const END: u8 = 0xff;

/// The longest strings of the first and the second form.
const SHORT_TEXT: usize = 63;
const MIDDLE_TEXT: usize = 4095;
/// The first that is too long for the first.
const MIDDLE_TEXT_FROM: usize = SHORT_TEXT + 1;

/// First bytes of the forms that have one to themselves.
const LONG_TEXT_FORM: u8 = 0xf0;
const INTEGER_16_FORM: u8 = 0xf1;
const INTEGER_24_FORM: u8 = 0xf2;
const INTEGER_32_FORM: u8 = 0xf3;
const INTEGER_64_FORM: u8 = 0xf4;

/// An entry about to be written: what comes before its data, and the data.
pub(super) struct Encoded<'a> {
    head: [u8; 9],
    head_length: usize,
    body: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// A string, or the integer that it reads as.
    #[inline]
    pub(super) fn text(text: &'a [u8]) -> Self {
        if let Some(value) = parse_integer(text) {
            return Self::integer(value);
        }
        let length = text.len();
        let [low, second, third, fourth, ..] = length.to_le_bytes();
        match length {
            ..=SHORT_TEXT => Self::new(&[0x80 | low], text),
            MIDDLE_TEXT_FROM..=MIDDLE_TEXT => Self::new(&[0xe0 | second, low], text),
            _ => Self::new(&[LONG_TEXT_FORM, low, second, third, fourth], text),
        }
    }

    /// An integer in its shortest form.
    #[inline]
    pub(super) fn integer(value: i64) -> Self {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        match value {
            0..=127 => Self::new(&[a], &[]),
            -4096..=-1 | 128..=4095 => Self::new(&[0xc0 | (b & 0x1f), a], &[]),
            -0x8000..=-4097 | 4096..=0x7fff => Self::new(&[INTEGER_16_FORM, a, b], &[]),
            -0x80_0000..=-0x8001 | 0x8000..=0x7f_ffff => Self::new(&[INTEGER_24_FORM, a, b, c], &[]),
            -0x8000_0000..=-0x80_0001 | 0x80_0000..=0x7fff_ffff => Self::new(&[INTEGER_32_FORM, a, b, c, d], &[]),
            _ => Self::new(&[INTEGER_64_FORM, a, b, c, d, e, f, g, h], &[]),
        }
    }

    #[inline]
    fn new(start: &[u8], body: &'a [u8]) -> Self {
        let mut head = [0; 9];
        head[..start.len()].copy_from_slice(start);
        Self { head, head_length: start.len(), body }
    }

    /// Bytes of the whole entry.
    #[inline]
    pub(super) fn size(&self) -> usize {
        let size = self.head_length + self.body.len();
        size + back_length_size(size)
    }

    /// Writes the entry to `out`, which has exactly [`size`](Self::size) bytes.
    #[inline]
    pub(super) fn write(&self, out: &mut [u8]) {
        let size = self.head_length + self.body.len();
        let (head, rest) = out.split_at_mut(self.head_length);
        head.copy_from_slice(&self.head[..self.head_length]);
        let (body, back) = rest.split_at_mut(self.body.len());
        body.copy_from_slice(self.body);
        write_back_length(back, size);
    }
}

/// How many bytes the backward length of an entry takes whose encoding and data have `size` bytes. The limits are the format's,
/// though one more would fit each of the longer ones.
#[inline]
pub(super) fn back_length_size(size: usize) -> usize {
    match size {
        ..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Seven bits a byte, the lowest last, so that reading backwards meets them first; all but the first byte have the highest bit set.
#[inline]
fn write_back_length(out: &mut [u8], size: usize) {
    for (place, byte) in out.iter_mut().rev().enumerate() {
        *byte = (size >> (7 * place)) as u8 | 0x80;
    }
    if let Some(first) = out.first_mut() {
        *first &= 0x7f;
    }
}

/// The backward length that ends where `bytes` ends; none if it has more than five bytes.
#[inline]
pub(super) fn read_back_length(bytes: &[u8]) -> Option<usize> {
    let mut size = 0;
    for (place, byte) in bytes.iter().rev().take(5).enumerate() {
        size |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
    None
}

/// Bytes of the encoding and data of the entry at the begin of `bytes`, without the backward length.
#[inline]
pub(super) fn encoded_size(bytes: &[u8]) -> usize {
    match bytes[0] {
        ..0x80 => 1,
        form @ 0x80..0xc0 => 1 + usize::from(form & 0x3f),
        0xc0..0xe0 => 2,
        form @ 0xe0..0xf0 => 2 + (usize::from(form & 0x0f) << 8 | usize::from(bytes[1])),
        LONG_TEXT_FORM => 5 + long_text_length(bytes),
        INTEGER_16_FORM => 3,
        INTEGER_24_FORM => 4,
        INTEGER_32_FORM => 5,
        INTEGER_64_FORM => 9,
        _ => 1,
    }
}

#[inline]
fn long_text_length(bytes: &[u8]) -> usize {
    u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize
}

/// The entry at the begin of `bytes`, and the bytes of its encoding and data.
#[inline]
pub(super) fn decode(bytes: &[u8]) -> (Element<'_>, usize) {
    match bytes[0] {
        form @ ..0x80 => (Element::Integer(i64::from(form)), 1),
        form @ 0x80..0xc0 => text(bytes, 1, usize::from(form & 0x3f)),
        form @ 0xc0..0xe0 => {
            let value = u16::from(form & 0x1f) << 8 | u16::from(bytes[1]);
            // Up and down again, so that the highest of the 13 bits becomes the sign.
            (Element::Integer(i64::from((value << 3) as i16 >> 3)), 2)
        }
        form @ 0xe0..0xf0 => text(bytes, 2, usize::from(form & 0x0f) << 8 | usize::from(bytes[1])),
        LONG_TEXT_FORM => text(bytes, 5, long_text_length(bytes)),
        INTEGER_16_FORM => integer(bytes, 2),
        INTEGER_24_FORM => integer(bytes, 3),
        INTEGER_32_FORM => integer(bytes, 4),
        INTEGER_64_FORM => integer(bytes, 8),
        _ => (Element::Bytes(&[]), 1),
    }
}

#[inline]
fn text(bytes: &[u8], begin: usize, length: usize) -> (Element<'_>, usize) {
    (Element::Bytes(&bytes[begin..begin + length]), begin + length)
}

#[inline]
fn integer(bytes: &[u8], width: usize) -> (Element<'_>, usize) {
    let mut wide = [0; 8];
    wide[..width].copy_from_slice(&bytes[1..=width]);
    let unused = 64 - 8 * width as u32;
    (Element::Integer(i64::from_le_bytes(wide) << unused >> unused), 1 + width)
}

/// Whether all of `bytes` is one listpack in which every read stays inside.
pub(super) fn validate(bytes: &[u8]) -> bool {
    let [a, b, c, d, low, high, entries @ .., END] = bytes else { return false };
    if u32::from_le_bytes([*a, *b, *c, *d]) as usize != bytes.len() || bytes.len() <= HEADER {
        return false;
    }
    let (mut rest, mut count) = (entries, 0usize);
    while !rest.is_empty() {
        let Some(size) = validate_entry(rest) else { return false };
        rest = &rest[size..];
        count += 1;
    }
    let told = u16::from_le_bytes([*low, *high]);
    told == COUNT_UNKNOWN || usize::from(told) == count
}

/// The size of the entry at the begin of `rest`, backward length included, if it is whole.
fn validate_entry(rest: &[u8]) -> Option<usize> {
    let known = match rest[0] {
        0xe0..0xf0 => 2,
        LONG_TEXT_FORM => 5,
        0xf5.. => return None,
        _ => 1,
    };
    if rest.len() < known {
        return None;
    }
    let size = encoded_size(rest);
    let whole = size + back_length_size(size);
    let back = rest.get(size..whole)?;
    let mut expected = [0; 5];
    let expected = &mut expected[..back.len()];
    write_back_length(expected, size);
    (back == expected).then_some(whole)
}
