//! What a key holds.

use std::borrow::Cow;

use crate::engine::data::bytes::SmallBytes;
use crate::engine::data::hash::Hash;
use crate::engine::data::list::List;
use crate::engine::data::numbers;
use crate::engine::data::set::Set;
use crate::engine::data::sorted_set::SortedSet;

/// A value of any type, in 24 bytes: small ones are in place.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string that is an integer in its shortest form.
    Integer(i64),
    /// A string that was set as a whole.
    Text(SmallBytes),
    /// A string that was changed in place, and may be again.
    Raw(Box<Vec<u8>>),
    /// A list.
    List(Box<List>),
    /// A set.
    Set(Box<Set>),
    /// A hash.
    Hash(Box<Hash>),
    /// A sorted set.
    SortedSet(Box<SortedSet>),
}

const _: () = assert!(size_of::<Value>() == 24);

/// Longest string that Redis keeps together with its object: what OBJECT ENCODING calls `embstr`.
const LONGEST_EMBEDDED: usize = 44;

impl Value {
    /// A string, as an integer where it is one.
    #[inline]
    pub fn string(bytes: &[u8]) -> Value {
        // 20 characters are the longest integer.
        if bytes.len() <= 20
            && let Some(value) = numbers::parse_integer(bytes)
        {
            return Value::Integer(value);
        }
        Value::Text(SmallBytes::from(bytes))
    }

    /// What TYPE answers.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Integer(_) | Value::Text(_) | Value::Raw(_) => "string",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::Hash(_) => "hash",
            Value::SortedSet(_) => "zset",
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::Integer(_) => "int",
            Value::Text(text) if text.len() <= LONGEST_EMBEDDED => "embstr",
            Value::Text(_) | Value::Raw(_) => "raw",
            Value::List(list) => list.encoding(),
            Value::Set(set) => set.encoding(),
            Value::Hash(hash) => hash.encoding(),
            Value::SortedSet(set) => set.encoding(),
        }
    }

    /// The bytes of a string; `None` for other types.
    #[inline]
    pub fn as_bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Value::Integer(value) => Some(Cow::Owned(itoa::Buffer::new().format(*value).as_bytes().to_vec())),
            Value::Text(text) => Some(Cow::Borrowed(text.as_slice())),
            Value::Raw(bytes) => Some(Cow::Borrowed(bytes)),
            _ => None,
        }
    }

    /// The length of a string, bytes; `None` for other types.
    pub fn string_length(&self) -> Option<usize> {
        match self {
            Value::Integer(value) => Some(itoa::Buffer::new().format(*value).len()),
            Value::Text(text) => Some(text.len()),
            Value::Raw(bytes) => Some(bytes.len()),
            _ => None,
        }
    }

    /// How many elements a collection has; 1 for a string.
    pub fn elements(&self) -> usize {
        match self {
            Value::List(list) => list.len(),
            Value::Set(set) => set.len(),
            Value::Hash(hash) => hash.len(),
            Value::SortedSet(set) => set.len(),
            _ => 1,
        }
    }

    /// What it takes on the heap, bytes; of a large collection estimated from so many elements, 0: all.
    pub fn heap_bytes(&self, samples: usize) -> usize {
        match self {
            Value::Integer(_) => 0,
            Value::Text(text) => text.heap_bytes(),
            Value::Raw(bytes) => size_of::<Vec<u8>>() + bytes.capacity(),
            Value::List(list) => size_of::<List>() + list.heap_bytes(),
            Value::Set(set) => size_of::<Set>() + set.heap_bytes(samples),
            Value::Hash(hash) => size_of::<Hash>() + hash.heap_bytes(samples),
            Value::SortedSet(set) => size_of::<SortedSet>() + set.heap_bytes(),
        }
    }
}

/// A collection that a key can hold; lets commands ask for just that type.
pub trait Collection: Sized {
    /// The collection in a value, if it is of this type.
    fn of(value: &Value) -> Option<&Self>;
    /// The same, to be changed.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    /// A value that holds it.
    fn into_value(self) -> Value;
}

macro_rules! collection {
    ($kind:ident) => {
        impl Collection for $kind {
            fn of(value: &Value) -> Option<&Self> {
                if let Value::$kind(held) = value { Some(held) } else { None }
            }
            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                if let Value::$kind(held) = value { Some(held) } else { None }
            }
            fn into_value(self) -> Value {
                Value::$kind(Box::new(self))
            }
        }
    };
}

collection!(List);
collection!(Set);
collection!(Hash);
collection!(SortedSet);
