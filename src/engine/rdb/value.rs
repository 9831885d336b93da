//! A value as the snapshot format has it: neutral between the format and the engine's collections.

use crate::engine::data::intset::IntSet;
use crate::engine::data::listpack::Listpack;

/// A piece of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPart {
    /// A whole listpack of at least one element.
    Listpack(Listpack),
    /// One element.
    Element(Vec<u8>),
}

/// A value that was read. Collections are never empty, and may hold duplicates: who builds the engine's own collection notices
/// them.
#[derive(Debug, Clone, PartialEq)]
pub enum RdbValue {
    /// A string.
    Text(Vec<u8>),
    /// A list, from its head.
    List(Vec<ListPart>),
    /// A set.
    Set(Vec<Vec<u8>>),
    /// A set of integers as an intset, in ascending order.
    SetIntset(IntSet),
    /// A set as a listpack.
    SetListpack(Listpack),
    /// A hash.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// A hash as a listpack: field, value, field, value.
    HashListpack(Listpack),
    /// A sorted set, in any order.
    SortedSet(Vec<(Vec<u8>, f64)>),
    /// A sorted set as a listpack: member, score, member, score; whether they are in order and scores is not checked yet.
    SortedSetListpack(Listpack),
}
