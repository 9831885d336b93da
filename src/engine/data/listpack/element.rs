//! What compact collections keep: a string, or an integer in the place of its text.

use crate::engine::data::bytes::SmallBytes;
use crate::engine::data::numbers::{append_integer, integer_text_length, parse_integer};

/// A string, or the integer whose text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element<'a> {
    /// The bytes.
    Bytes(&'a [u8]),
    /// Stands for its text in decimal digits.
    Integer(i64),
}

impl<'a> Element<'a> {
    /// The text: its own bytes, or an integer's digits, for which `buffer` has room.
    #[inline]
    pub fn to_text<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Integer(value) => buffer.format(value).as_bytes(),
        }
    }

    /// Appends the text.
    pub fn append_to(self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Integer(value) => append_integer(out, value),
        }
    }

    /// How many bytes the text has.
    pub fn text_len(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Integer(value) => integer_text_length(value),
        }
    }

    /// Whether its text is `text`.
    pub fn is(self, text: &[u8]) -> bool {
        match self {
            Self::Bytes(bytes) => bytes == text,
            Self::Integer(value) => parse_integer(text) == Some(value),
        }
    }

    /// The integer, if its text is one in canonical form.
    pub fn as_integer(self) -> Option<i64> {
        match self {
            Self::Bytes(bytes) => parse_integer(bytes),
            Self::Integer(value) => Some(value),
        }
    }

    /// The text as a value of its own.
    pub fn to_small_bytes(self) -> SmallBytes {
        SmallBytes::from(self.to_text(&mut itoa::Buffer::new()))
    }

    /// The text as a vector.
    pub fn to_vec(self) -> Vec<u8> {
        self.to_text(&mut itoa::Buffer::new()).to_vec()
    }
}
