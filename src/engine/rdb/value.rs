//! A value as the snapshot format has it: neutral between the format and the engine's collections.

/// One string inside a packed collection; what looks like an integer may be stored as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element<'a> {
    /// Any bytes.
    Bytes(&'a [u8]),
    /// The decimal form of a number.
    Integer(i64),
}

impl Element<'_> {
    /// The string that it stands for.
    #[must_use]
    pub fn to_vec(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Integer(number) => itoa::Buffer::new().format(number).as_bytes().to_vec(),
        }
    }
}

impl<'a> From<&'a [u8]> for Element<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// A piece of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPart {
    /// A whole listpack of at least one element; checked.
    Listpack(Vec<u8>),
    /// One element.
    Element(Vec<u8>),
}

/// A value that was read. Collections are never empty. Packed ones have been checked from end to end, but for duplicates;
/// the others may hold duplicates too: who builds the collection notices them.
#[derive(Debug, Clone, PartialEq)]
pub enum RdbValue {
    /// A string.
    Text(Vec<u8>),
    /// A list, from its head.
    List(Vec<ListPart>),
    /// A set.
    Set(Vec<Vec<u8>>),
    /// A set of integers as an intset, in ascending order.
    SetIntset(Vec<u8>),
    /// A set as a listpack.
    SetListpack(Vec<u8>),
    /// A hash.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// A hash as a listpack: field, value, field, value.
    HashListpack(Vec<u8>),
    /// A sorted set, in any order.
    SortedSet(Vec<(Vec<u8>, f64)>),
    /// A sorted set as a listpack: member, score, member, score; by score, then by member.
    SortedSetListpack(Vec<u8>),
}
