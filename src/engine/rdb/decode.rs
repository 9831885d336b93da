//! From the bytes of one value to the value: in pieces, so that a huge collection needs no buffer of its own size.

use super::cursor::{Cursor, Read, Stop, score_of_text};
use super::format::{container, kind};
use super::legacy::{ziplist_elements, zipmap_pairs};
use super::value::{ListPart, RdbValue};
use crate::engine::data::intset::IntSet;
use crate::engine::data::listpack::Listpack;

/// The most that is set aside for elements that are announced but not there yet.
const MOST_AHEAD: u64 = 1024;

/// A collection of which `left` pieces have still to be read.
#[derive(Debug)]
pub(super) struct Partial {
    left: u64,
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    List(Vec<ListPart>),
    ListOfZiplists(Vec<ListPart>),
    ListOfListpacks(Vec<ListPart>),
    Set(Vec<Vec<u8>>),
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// Counts the fields whose expiry was left out.
    HashWithExpiry(Vec<(Vec<u8>, Vec<u8>)>, u64),
    SortedSet(Vec<(Vec<u8>, f64)>),
    SortedSetDecimal(Vec<(Vec<u8>, f64)>),
}

/// What reading the start of a value gives.
#[derive(Debug)]
pub(super) enum Begun {
    /// All of it was in one piece.
    Whole(RdbValue),
    /// A collection that holds nothing, which no engine writes on purpose.
    Empty,
    /// Its pieces follow.
    Pieces(Partial),
}

/// The name of a type that is known but not supported.
pub(super) fn unsupported(kind: u8) -> Option<&'static str> {
    match kind {
        kind::STREAM | kind::STREAM_2 | kind::STREAM_3 => Some("stream"),
        kind::MODULE | kind::MODULE_BEFORE_RELEASE => Some("value of a module"),
        _ => None,
    }
}

/// Whether the byte announces a value at all. `valkey`: in Valkey's own format rather than Redis's.
pub(super) fn is_value(byte: u8, valkey: bool) -> bool {
    match byte {
        8 => false,
        kind::HASH_WITH_EXPIRY => valkey,
        byte => byte <= kind::STREAM_3,
    }
}

/// Reads the start of a value of this kind; for what is held in one piece, all of it.
pub(super) fn begin(kind: u8, cursor: &mut Cursor<'_>) -> Read<Begun> {
    let pieces = match kind {
        kind::LIST => Pieces::List(Vec::new()),
        kind::LIST_OF_ZIPLISTS => Pieces::ListOfZiplists(Vec::new()),
        kind::LIST_OF_LISTPACKS => Pieces::ListOfListpacks(Vec::new()),
        kind::SET => Pieces::Set(Vec::new()),
        kind::HASH => Pieces::Hash(Vec::new()),
        kind::HASH_WITH_EXPIRY => Pieces::HashWithExpiry(Vec::new(), 0),
        kind::SORTED_SET => Pieces::SortedSet(Vec::new()),
        kind::SORTED_SET_DECIMAL => Pieces::SortedSetDecimal(Vec::new()),
        _ => return packed(kind, cursor.string()?),
    };
    match cursor.number()? {
        0 => Ok(Begun::Empty),
        left => Ok(Begun::Pieces(Partial { left, pieces: pieces.with_room(left) })),
    }
}

impl Pieces {
    fn with_room(mut self, announced: u64) -> Self {
        let room = announced.min(MOST_AHEAD) as usize;
        match &mut self {
            Self::List(parts) | Self::ListOfZiplists(parts) | Self::ListOfListpacks(parts) => parts.reserve(room),
            Self::Set(members) => members.reserve(room),
            Self::Hash(pairs) | Self::HashWithExpiry(pairs, _) => pairs.reserve(room),
            Self::SortedSet(pairs) | Self::SortedSetDecimal(pairs) => pairs.reserve(room),
        }
        self
    }
}

impl Partial {
    /// Reads one piece more.
    pub fn read(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        match &mut self.pieces {
            Pieces::List(parts) => parts.push(ListPart::Element(cursor.string()?)),
            Pieces::ListOfZiplists(parts) => {
                parts.extend(ziplist(&cursor.string()?)?.into_iter().map(ListPart::Element))
            }
            Pieces::ListOfListpacks(parts) => parts.extend(list_node(cursor)?),
            Pieces::Set(members) => members.push(cursor.string()?),
            Pieces::Hash(pairs) => pairs.push((cursor.string()?, cursor.string()?)),
            Pieces::HashWithExpiry(pairs, expiring) => {
                let pair = (cursor.string()?, cursor.string()?);
                let expiry = i64::from_le_bytes(cursor.array()?);
                pairs.push(pair);
                *expiring += u64::from(expiry != -1);
            }
            Pieces::SortedSet(pairs) => pairs.push((cursor.string()?, cursor.score()?)),
            Pieces::SortedSetDecimal(pairs) => pairs.push((cursor.string()?, cursor.decimal_score()?)),
        }
        self.left -= 1;
        Ok(())
    }

    /// Whether all pieces are there.
    pub fn is_whole(&self) -> bool {
        self.left == 0
    }

    /// Fields whose own expiry was left out.
    pub fn expiring_fields(&self) -> u64 {
        match self.pieces {
            Pieces::HashWithExpiry(_, expiring) => expiring,
            _ => 0,
        }
    }

    /// The value; nothing if all its pieces were empty.
    pub fn finish(self) -> Option<RdbValue> {
        let value = match self.pieces {
            Pieces::List(parts) | Pieces::ListOfZiplists(parts) | Pieces::ListOfListpacks(parts) => {
                RdbValue::List(parts)
            }
            Pieces::Set(members) => RdbValue::Set(members),
            Pieces::Hash(pairs) | Pieces::HashWithExpiry(pairs, _) => RdbValue::Hash(pairs),
            Pieces::SortedSet(pairs) | Pieces::SortedSetDecimal(pairs) => RdbValue::SortedSet(pairs),
        };
        let empty = matches!(&value, RdbValue::List(parts) if parts.is_empty());
        (!empty).then_some(value)
    }
}

/// One node of a list; nothing for a node without elements.
fn list_node(cursor: &mut Cursor<'_>) -> Read<Option<ListPart>> {
    let container = cursor.number()?;
    let bytes = cursor.string()?;
    match container {
        container::ELEMENT if !bytes.is_empty() => Ok(Some(ListPart::Element(bytes))),
        container::LISTPACK => Ok(Some(listpack(bytes)?).filter(|pack| !pack.is_empty()).map(ListPart::Listpack)),
        _ => Err(Stop::Corrupt("a list's node of an unknown form")),
    }
}

/// A collection that is written as one string, or a string.
fn packed(kind: u8, bytes: Vec<u8>) -> Read<Begun> {
    let value = match kind {
        kind::TEXT => RdbValue::Text(bytes),
        kind::SET_INTSET => match IntSet::from_bytes(bytes) {
            Ok(numbers) if !numbers.is_empty() => RdbValue::SetIntset(numbers),
            _ => return Err(Stop::Corrupt("an intset that contradicts itself")),
        },
        kind::SET_LISTPACK => return from_listpack(listpack(bytes)?, RdbValue::SetListpack),
        kind::HASH_LISTPACK => return from_listpack(pairs(listpack(bytes)?)?, RdbValue::HashListpack),
        kind::SORTED_SET_LISTPACK => return from_listpack(pairs(listpack(bytes)?)?, RdbValue::SortedSetListpack),
        kind::LIST_ZIPLIST | kind::HASH_ZIPLIST | kind::SORTED_SET_ZIPLIST => return from_ziplist(kind, &bytes),
        kind::HASH_ZIPMAP => match zipmap_pairs(&bytes) {
            Some(pairs) if !pairs.is_empty() => RdbValue::Hash(pairs),
            _ => return Err(Stop::Corrupt("a zipmap that contradicts itself")),
        },
        _ => return Err(Stop::Corrupt("a value of an unknown type")),
    };
    Ok(Begun::Whole(value))
}

fn listpack(bytes: Vec<u8>) -> Read<Listpack> {
    Listpack::from_bytes(bytes).map_err(|_| Stop::Corrupt("a listpack that contradicts itself"))
}

fn pairs(pack: Listpack) -> Read<Listpack> {
    if pack.len().is_multiple_of(2) { Ok(pack) } else { Err(Stop::Corrupt("a listpack of pairs with half a pair")) }
}

fn from_listpack(pack: Listpack, form: impl FnOnce(Listpack) -> RdbValue) -> Read<Begun> {
    Ok(if pack.is_empty() { Begun::Empty } else { Begun::Whole(form(pack)) })
}

fn ziplist(bytes: &[u8]) -> Read<Vec<Vec<u8>>> {
    ziplist_elements(bytes).ok_or(Stop::Corrupt("a ziplist that contradicts itself"))
}

fn from_ziplist(kind: u8, bytes: &[u8]) -> Read<Begun> {
    let elements = ziplist(bytes)?;
    if elements.is_empty() {
        return Ok(Begun::Empty);
    }
    if kind == kind::LIST_ZIPLIST {
        return Ok(Begun::Whole(RdbValue::List(elements.into_iter().map(ListPart::Element).collect())));
    }
    let pairs = paired(elements).ok_or(Stop::Corrupt("a ziplist of pairs with half a pair"))?;
    if kind == kind::HASH_ZIPLIST {
        return Ok(Begun::Whole(RdbValue::Hash(pairs)));
    }
    let scored = pairs.into_iter().map(|(member, score)| Some((member, score_of_text(&score)?)));
    let scored: Option<Vec<_>> = scored.collect();
    Ok(Begun::Whole(RdbValue::SortedSet(scored.ok_or(Stop::Corrupt("a score that is not a number"))?)))
}

fn paired(elements: Vec<Vec<u8>>) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut pairs = Vec::with_capacity(elements.len() / 2);
    let mut elements = elements.into_iter();
    while let Some(first) = elements.next() {
        pairs.push((first, elements.next()?));
    }
    Some(pairs)
}
