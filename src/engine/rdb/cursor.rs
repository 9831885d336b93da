//! Reads the primitives of the format from a slice that may end too early: bytes, lengths, strings, numbers.
//!
//! A cursor never goes back and never allocates more than the slice backs. Who gets [`Stop::Incomplete`] tries the same
//! piece again from its start once there is more.

use super::format::{encoding, length};
use super::lzf;

/// Why a piece could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The slice ends inside the piece.
    Incomplete,
    /// The bytes contradict the format.
    Corrupt(&'static str),
}

pub(super) type Read<T> = Result<T, Stop>;

/// A number in the format's own packing, or the announcement of a string in another form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Plain(u64),
    Encoded(u8),
}

/// A place in a slice.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// Bytes read so far.
    pub fn consumed(&self) -> usize {
        self.length - self.rest.len()
    }

    pub fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Stop::Incomplete)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Stop::Incomplete)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn byte(&mut self) -> Read<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn length_or_encoding(&mut self) -> Read<Length> {
        let first = self.byte()?;
        Ok(match first & 0xc0 {
            0 => Length::Plain(u64::from(first)),
            length::FOURTEEN_BITS => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            length::ENCODED => Length::Encoded(first & 0x3f),
            _ => match first {
                length::THIRTY_TWO_BITS => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
                length::SIXTY_FOUR_BITS => Length::Plain(u64::from_be_bytes(self.array()?)),
                _ => return Err(Stop::Corrupt("a length of an unknown form")),
            },
        })
    }

    /// A count, or any other number in the format's packing.
    pub fn number(&mut self) -> Read<u64> {
        match self.length_or_encoding()? {
            Length::Plain(number) => Ok(number),
            Length::Encoded(_) => Err(Stop::Corrupt("a string where a length belongs")),
        }
    }

    pub fn skip_numbers(&mut self, count: usize) -> Read<()> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    fn size(&mut self) -> Read<usize> {
        usize::try_from(self.number()?).map_err(|_| Stop::Corrupt("a length beyond memory"))
    }

    /// A string in any of its forms: plain, an integer, compressed.
    pub fn string(&mut self) -> Read<Vec<u8>> {
        match self.length_or_encoding()? {
            Length::Plain(length) => {
                let length = usize::try_from(length).map_err(|_| Stop::Corrupt("a length beyond memory"))?;
                self.take(length).map(<[u8]>::to_vec)
            }
            Length::Encoded(encoding::INTEGER_8) => Ok(decimal(i8::from_le_bytes(self.array()?))),
            Length::Encoded(encoding::INTEGER_16) => Ok(decimal(i16::from_le_bytes(self.array()?))),
            Length::Encoded(encoding::INTEGER_32) => Ok(decimal(i32::from_le_bytes(self.array()?))),
            Length::Encoded(encoding::LZF) => self.compressed(),
            Length::Encoded(_) => Err(Stop::Corrupt("a string of an unknown form")),
        }
    }

    fn compressed(&mut self) -> Read<Vec<u8>> {
        let packed = self.size()?;
        let length = self.size()?;
        let packed = self.take(packed)?;
        lzf::decompress(packed, length).ok_or(Stop::Corrupt("a compressed string that does not unpack"))
    }

    /// A score as eight bytes.
    pub fn score(&mut self) -> Read<f64> {
        checked(f64::from_le_bytes(self.array()?))
    }

    /// A score as text behind its length in one byte, as the oldest versions have it.
    pub fn decimal_score(&mut self) -> Read<f64> {
        match self.byte()? {
            255 => Ok(f64::NEG_INFINITY),
            254 => Ok(f64::INFINITY),
            253 => Err(NOT_A_NUMBER),
            length => score_of_text(self.take(usize::from(length))?).ok_or(NOT_A_NUMBER),
        }
    }
}

const NOT_A_NUMBER: Stop = Stop::Corrupt("a score that is not a number");

fn checked(score: f64) -> Read<f64> {
    if score.is_nan() { Err(NOT_A_NUMBER) } else { Ok(score) }
}

/// A score written as text; nothing if it is not a number.
pub(super) fn score_of_text(text: &[u8]) -> Option<f64> {
    let score: f64 = std::str::from_utf8(text).ok()?.trim_start().parse().ok()?;
    (!score.is_nan()).then_some(score)
}

fn decimal(number: impl itoa::Integer) -> Vec<u8> {
    itoa::Buffer::new().format(number).as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Stop};

    #[test]
    fn lengths_in_each_form() {
        for (bytes, number) in [
            (&[0x3f][..], 63),
            (&[0x40, 0x40], 64),
            (&[0x7f, 0xff], 16383),
            (&[0x80, 0, 0, 0x40, 0], 16384),
            (&[0x81, 0, 0, 0, 1, 0, 0, 0, 0], 1 << 32),
        ] {
            assert_eq!(Cursor::new(bytes).number(), Ok(number));
            assert_eq!(Cursor::new(&bytes[..bytes.len() - 1]).number(), Err(Stop::Incomplete));
        }
        assert!(matches!(Cursor::new(&[0x82]).number(), Err(Stop::Corrupt(_))));
        assert!(matches!(Cursor::new(&[0xc0]).number(), Err(Stop::Corrupt(_))));
    }

    #[test]
    fn strings_in_each_form() {
        for (bytes, string) in [
            (&b"\x03abc"[..], &b"abc"[..]),
            (b"\xc0\xff", b"-1"),
            (b"\xc1\x00\x80", b"-32768"),
            (b"\xc2\xff\xff\xff\x7f", b"2147483647"),
            (b"\xc3\x04\x06\x00a\x60\x00", b"aaaaaa"),
        ] {
            assert_eq!(Cursor::new(bytes).string().unwrap(), string);
            assert_eq!(Cursor::new(&bytes[..bytes.len() - 1]).string(), Err(Stop::Incomplete));
        }
        assert!(matches!(Cursor::new(&[0xc4]).string(), Err(Stop::Corrupt(_))));
    }

    #[test]
    fn scores_of_the_oldest_versions() {
        assert_eq!(Cursor::new(b"\x041.25").decimal_score(), Ok(1.25));
        assert_eq!(Cursor::new(&[255]).decimal_score(), Ok(f64::NEG_INFINITY));
        assert!(Cursor::new(&[253]).decimal_score().is_err());
        assert!(Cursor::new(b"\x03nan").decimal_score().is_err());
    }
}
