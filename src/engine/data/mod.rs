//! What values are made of: byte strings, tables and the four collections, each with a compact and a large encoding.
//!
//! Must not know commands, databases or replies.

pub mod bytes;
pub mod dict;
pub mod glob;
pub mod hash;
pub mod intset;
pub mod list;
pub mod listpack;
pub mod numbers;
pub mod ordered;
pub mod set;
pub mod sorted_set;
