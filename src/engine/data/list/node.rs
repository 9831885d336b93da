//! One node of a list: a listpack, or an element too large for one. Knows its own size; must not know its neighbours.

use super::{End, NodeView};
use crate::engine::data::listpack::{Element, Listpack, Place};

/// What an entry may take besides its element: encoding and backward length.
const ENTRY_OVERHEAD: usize = 8;
/// The size of a node whose limit is a number of elements.
const COUNTED_NODE_BYTES: usize = 8192;

/// Up to where a node takes elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    /// The most elements.
    entries: usize,
    /// The most bytes; a larger element has a node of its own.
    bytes: usize,
}

impl NodeLimit {
    /// Reads `list-max-listpack-size`: -1 to -5 are 4, 8, 16, 32 and 64 kB a node; a positive one is a number of elements,
    /// which together are not more than 8 kB.
    pub fn from_setting(size: i32) -> Self {
        match size {
            0.. => Self { entries: size.max(1).unsigned_abs() as usize, bytes: COUNTED_NODE_BYTES },
            _ => Self { entries: usize::MAX, bytes: 4096 << (size.max(-5).unsigned_abs() - 1) },
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Packed(Listpack),
    Plain(Box<[u8]>),
}

impl Node {
    pub(super) fn of(value: &[u8], limit: NodeLimit) -> Self {
        if value.len() > limit.bytes {
            return Self::Plain(value.into());
        }
        let mut listpack = Listpack::new();
        listpack.push_back(value);
        Self::Packed(listpack)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Packed(listpack) => listpack.len(),
            Self::Plain(_) => 1,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed(listpack) => listpack.heap_bytes(),
            Self::Plain(bytes) => bytes.len(),
        }
    }

    pub(super) fn view(&self) -> NodeView<'_> {
        match self {
            Self::Packed(listpack) => NodeView::Packed(listpack),
            Self::Plain(bytes) => NodeView::Plain(bytes),
        }
    }

    /// Whether the limit allows one more element of so many bytes.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize, limit: NodeLimit) -> bool {
        match self {
            Self::Packed(listpack) => {
                listpack.byte_len() + bytes + ENTRY_OVERHEAD <= limit.bytes && listpack.len() < limit.entries
            }
            Self::Plain(_) => false,
        }
    }

    /// Whether an element may become one of so many bytes where it is.
    pub(super) fn can_replace(&self, at: usize, bytes: usize, limit: NodeLimit) -> bool {
        let Self::Packed(listpack) = self else { return false };
        let old = self.get(at).map_or(0, Element::text_len);
        // As many bytes or fewer are always in order.
        bytes <= old || listpack.byte_len() + bytes + ENTRY_OVERHEAD <= limit.bytes + old
    }

    /// Whether another node's elements may be added to this one's.
    pub(super) fn can_take(&self, other: &Self, limit: NodeLimit) -> bool {
        let (Self::Packed(own), Self::Packed(other)) = (self, other) else { return false };
        own.len() + other.len() <= limit.entries && own.byte_len() + other.byte_len() <= limit.bytes
    }

    /// Whether the limit allows it as it is.
    pub(super) fn keeps(&self, limit: NodeLimit) -> bool {
        match self {
            Self::Packed(listpack) => listpack.len() <= limit.entries && listpack.byte_len() <= limit.bytes,
            Self::Plain(_) => true,
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        if let Self::Packed(listpack) = self {
            listpack.shrink_to_fit();
        }
    }

    #[inline]
    pub(super) fn push(&mut self, end: End, value: &[u8]) {
        match (self, end) {
            (Self::Packed(listpack), End::Head) => listpack.push_front(value),
            (Self::Packed(listpack), End::Tail) => listpack.push_back(value),
            // Never asked: a plain node has no room.
            (Self::Plain(_), _) => {}
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<Element<'_>> {
        match self {
            Self::Packed(listpack) => place(listpack, at).map(|place| listpack.get(place)),
            Self::Plain(bytes) => (at == 0).then_some(Element::Bytes(bytes)),
        }
    }

    /// Adds an element before the one at `at`, which there is. Only where there is room.
    pub(super) fn insert(&mut self, at: usize, value: &[u8]) {
        if let Self::Packed(listpack) = self
            && let Some(place) = place(listpack, at)
        {
            listpack.insert_before(place, value);
        }
    }

    pub(super) fn replace(&mut self, at: usize, value: &[u8]) {
        if let Self::Packed(listpack) = self
            && let Some(place) = place(listpack, at)
        {
            listpack.replace(place, value);
        }
    }

    /// Removes up to `most` elements from `at` on; how many that were. A plain node's one element goes with its node.
    pub(super) fn remove_up_to(&mut self, at: usize, most: usize) -> usize {
        let count = most.min(self.len().saturating_sub(at));
        if let Self::Packed(listpack) = self
            && let Some(place) = place(listpack, at)
        {
            listpack.delete_many(place, count);
        }
        count
    }

    /// Takes off the elements from `at` on, which is neither the first nor past the last.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        match self {
            Self::Packed(listpack) => match place(listpack, at) {
                Some(place) => Self::Packed(listpack.split_off(place)),
                None => Self::Packed(Listpack::new()),
            },
            Self::Plain(_) => Self::Packed(Listpack::new()),
        }
    }

    /// Adds another node's elements, which [`can_take`](Self::can_take) allowed.
    pub(super) fn append(&mut self, other: Self) {
        if let (Self::Packed(own), Self::Packed(other)) = (self, other) {
            own.append(&other);
        }
    }

    /// Removes up to `most` elements that equal `value`, the nearest to `from` first. A plain node becomes an empty packed
    /// one, which the list then drops.
    pub(super) fn remove_equal(&mut self, value: &[u8], most: usize, from: End) -> usize {
        match self {
            Self::Plain(bytes) if **bytes == *value && most > 0 => {
                *self = Self::Packed(Listpack::new());
                1
            }
            Self::Plain(_) => 0,
            Self::Packed(listpack) if from == End::Head => remove_forwards(listpack, value, most),
            Self::Packed(listpack) => remove_backwards(listpack, value, most),
        }
    }

    /// Reads from the element at `at` on, in either direction.
    pub(super) fn cursor(&self, at: usize) -> Cursor<'_> {
        match self {
            Self::Packed(listpack) => Cursor::Packed(listpack, place(listpack, at)),
            Self::Plain(bytes) => Cursor::Plain((at == 0).then_some(bytes)),
        }
    }
}

fn place(listpack: &Listpack, at: usize) -> Option<Place> {
    // A node has far fewer elements than 2^63.
    listpack.seek(at as i64)
}

fn remove_forwards(listpack: &mut Listpack, value: &[u8], most: usize) -> usize {
    let (mut removed, mut next) = (0, listpack.first());
    while let Some(place) = next.filter(|_| removed < most) {
        let Some(found) = listpack.find(place, value, 0) else { break };
        next = listpack.delete(found);
        removed += 1;
    }
    removed
}

fn remove_backwards(listpack: &mut Listpack, value: &[u8], most: usize) -> usize {
    let (mut removed, mut next) = (0, listpack.last());
    while let Some(place) = next.filter(|_| removed < most) {
        // What comes before a place does not move when the place's entry goes.
        next = listpack.previous(place);
        if listpack.get(place).is(value) {
            listpack.delete(place);
            removed += 1;
        }
    }
    removed
}

/// A place in a node that is read from in one direction.
#[derive(Clone)]
pub(super) enum Cursor<'a> {
    Packed(&'a Listpack, Option<Place>),
    Plain(Option<&'a [u8]>),
}

impl<'a> Cursor<'a> {
    /// The element here; goes to the one after it.
    #[inline]
    pub(super) fn forwards(&mut self) -> Option<Element<'a>> {
        match self {
            Self::Packed(listpack, next) => {
                let (element, after) = listpack.get_and_next((*next)?);
                *next = after;
                Some(element)
            }
            Self::Plain(bytes) => bytes.take().map(Element::Bytes),
        }
    }

    /// The element here; goes to the one before it.
    #[inline]
    pub(super) fn backwards(&mut self) -> Option<Element<'a>> {
        match self {
            Self::Packed(listpack, next) => {
                let place = (*next)?;
                *next = listpack.previous(place);
                Some(listpack.get(place))
            }
            Self::Plain(bytes) => bytes.take().map(Element::Bytes),
        }
    }
}
