//! The order of a sorted set's members, by score and then by the member's bytes, with ranks: a counted B+ tree.
//!
//! An entry is a score and the member's number in the table that holds the members; their bytes are asked of
//! [`Members`] only where scores are equal, so an entry takes 12 bytes and, at random, a third more for slack. Every
//! node above the leaves has the first entry and the count of each child, so that a rank costs one way down. Must not
//! know listpacks, flags of commands or replies.

mod node;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::ops::Range;

use node::{Edge, Inner, Keys, Node, Split};

/// Who holds the members' bytes.
pub trait Members {
    /// The bytes of the member of this number.
    fn member(&self, number: u32) -> &[u8];
}

/// One member's place: its score, never NaN, and its number among [`Members`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// The score.
    pub score: f64,
    /// The member's number.
    pub member: u32,
}

/// Entries in a leaf: 3 kB, so that shifting half of them costs tens of nanoseconds.
const LEAF_ENTRIES: usize = 255;
/// Children of a node above: a million members make three levels.
const INNER_CHILDREN: usize = 126;

/// All members of a sorted set in order. `LEAF` entries fit in a leaf, `INNER` children under a node: at least four each.
#[derive(Clone)]
pub struct Ordered<const LEAF: usize = LEAF_ENTRIES, const INNER: usize = INNER_CHILDREN> {
    root: Node<LEAF, INNER>,
    len: usize,
}

impl<const LEAF: usize, const INNER: usize> Default for Ordered<LEAF, INNER> {
    fn default() -> Self {
        Self { root: Node::Leaf(Box::new(Keys::new())), len: 0 }
    }
}

impl<const LEAF: usize, const INNER: usize> std::fmt::Debug for Ordered<LEAF, INNER> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.range(0..self.len)).finish()
    }
}

/// A member and a score, to which entries are compared.
struct Target<'a, M> {
    score: f64,
    member: u32,
    key: &'a [u8],
    members: &'a M,
}

impl<'a, M: Members> Target<'a, M> {
    fn new(score: f64, member: u32, members: &'a M) -> Self {
        Self { score, member, key: members.member(member), members }
    }

    /// How `entry` compares with this.
    fn compare(&self, entry: Entry) -> Ordering {
        // Scores are never NaN, and zeros of both signs are equal.
        match entry.score.partial_cmp(&self.score) {
            Some(Ordering::Equal) | None if entry.member == self.member => Ordering::Equal,
            Some(Ordering::Equal) | None => self.members.member(entry.member).cmp(self.key),
            Some(order) => order,
        }
    }
}

impl<const LEAF: usize, const INNER: usize> Ordered<LEAF, INNER> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a member that is not there yet and whose bytes `members` has already.
    pub fn insert(&mut self, score: f64, member: u32, members: &impl Members) {
        let target = Target::new(score, member, members);
        let before = |entry: Entry| target.compare(entry).is_lt();
        let edge = Edge { first: true, last: true };
        if let Some(split) = self.root.insert(Entry { score, member }, &before, edge) {
            self.raise_root(split);
        }
        self.len += 1;
    }

    fn raise_root(&mut self, split: Split<LEAF, INNER>) {
        let mut inner = Box::new(Inner::new());
        let lower = std::mem::replace(&mut self.root, Node::Leaf(Box::new(Keys::new())));
        let first = match &lower {
            Node::Leaf(keys) => keys.get(0),
            Node::Inner(inner) => inner.firsts.get(0),
        };
        let count = (self.len + 1) as u32 - split.count;
        inner.insert_child(0, Split { first, count, node: lower });
        inner.insert_child(1, split);
        self.root = Node::Inner(inner);
    }

    /// Removes a member whose bytes `members` still has. Says whether it was there with this score.
    pub fn remove(&mut self, score: f64, member: u32, members: &impl Members) -> bool {
        let target = Target::new(score, member, members);
        let up_to = |entry: Entry| target.compare(entry).is_le();
        if !self.root.remove(member, &up_to) {
            return false;
        }
        self.len -= 1;
        self.lower_root();
        true
    }

    /// Removes the entries of these ranks, as far as there are any; their members, in no order.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) -> Vec<u32> {
        let end = ranks.end.min(self.len);
        let ranks = ranks.start.min(end)..end;
        let mut removed = Vec::with_capacity(ranks.len());
        self.root.remove_ranks(ranks, &mut removed);
        self.len -= removed.len();
        self.lower_root();
        removed
    }

    fn lower_root(&mut self) {
        while let Node::Inner(inner) = &mut self.root {
            match inner.children.len() {
                0 => self.root = Node::Leaf(Box::new(Keys::new())),
                1 => {
                    let Some(only) = inner.children.pop() else { return };
                    self.root = only;
                }
                _ => return,
            }
        }
    }

    /// Gives a member, whose bytes `members` has under `member` still or already, another score.
    pub fn update(&mut self, old: f64, new: f64, member: u32, members: &impl Members) {
        if !self.update_in_place(old, new, member, members) {
            self.remove(old, member, members);
            self.insert(new, member, members);
        }
    }

    /// Where the new score keeps the member between its neighbours within a leaf, only the score is written.
    fn update_in_place(&mut self, old: f64, new: f64, member: u32, members: &impl Members) -> bool {
        let target = Target::new(old, member, members);
        let up_to = |entry: Entry| target.compare(entry).is_le();
        let mut node = &mut self.root;
        while let Node::Inner(inner) = node {
            let slot = inner.slot(&up_to);
            node = &mut inner.children[slot];
        }
        let Node::Leaf(keys) = node else { return false };
        let after = keys.partition_point(&up_to);
        // A leaf's first entry is known to the nodes above too, and its last one's neighbour is in another leaf.
        if after < 2 || after == keys.len() || keys.get(after - 1).member != member {
            return false;
        }
        let target = Target { score: new, ..target };
        let fits = target.compare(keys.get(after - 2)).is_lt() && target.compare(keys.get(after)).is_gt();
        if fits {
            keys.set(after - 1, Entry { score: new, member });
        }
        fits
    }

    /// Tells that the member `from` will be called `to` from now on: to be called while `members` still has it under
    /// `from`, and nothing else may be asked in between that and the table's own move.
    pub fn renumber(&mut self, score: f64, from: u32, to: u32, members: &impl Members) {
        let target = Target::new(score, from, members);
        let up_to = |entry: Entry| target.compare(entry).is_le();
        let mut node = &mut self.root;
        while let Node::Inner(inner) = node {
            let slot = inner.slot(&up_to);
            rename(&mut inner.firsts, slot, from, to);
            node = &mut inner.children[slot];
        }
        if let Node::Leaf(keys) = node
            && let Some(at) = keys.partition_point(&up_to).checked_sub(1)
        {
            rename(keys, at, from, to);
        }
    }

    /// How many entries, from the first on, satisfy `before`, which holds for a prefix: the rank of what comes next.
    pub fn rank_where(&self, before: impl Fn(Entry) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        while let Node::Inner(inner) = node {
            let slot = inner.slot(&before);
            rank += inner.count_before(slot);
            node = &inner.children[slot];
        }
        match node {
            Node::Leaf(keys) => rank + keys.partition_point(&before),
            Node::Inner(_) => rank,
        }
    }

    /// The rank, from 0, of a member that is there with this score.
    pub fn rank_of(&self, score: f64, member: u32, members: &impl Members) -> usize {
        let target = Target::new(score, member, members);
        self.rank_where(|entry| target.compare(entry).is_lt())
    }

    /// The entry of a rank, from 0.
    pub fn at(&self, rank: usize) -> Option<Entry> {
        let (keys, at) = self.locate(rank)?;
        Some(keys.get(at))
    }

    fn locate(&self, mut rank: usize) -> Option<(&Keys<LEAF>, usize)> {
        let mut node = &self.root;
        while let Node::Inner(inner) = node {
            let (slot, within) = inner.slot_at(rank);
            rank = within;
            node = inner.children.get(slot)?;
        }
        match node {
            Node::Leaf(keys) if rank < keys.len() => Some((keys, rank)),
            _ => None,
        }
    }

    /// The entries of these ranks, in order and from either end; ranks past the last are left out.
    pub fn range(&self, ranks: Range<usize>) -> Iter<'_, LEAF, INNER> {
        let end = ranks.end.min(self.len);
        Iter { order: self, ranks: ranks.start.min(end)..end, front: None, back: None }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.root.heap_bytes()
    }
}

fn rename<const N: usize>(keys: &mut Keys<N>, at: usize, from: u32, to: u32) {
    let entry = keys.get(at);
    if entry.member == from {
        keys.set(at, Entry { member: to, ..entry });
    }
}

/// Entries of a range of ranks.
#[derive(Clone)]
pub struct Iter<'a, const LEAF: usize = LEAF_ENTRIES, const INNER: usize = INNER_CHILDREN> {
    order: &'a Ordered<LEAF, INNER>,
    ranks: Range<usize>,
    /// The leaf that is read from the front, and the place in it of the next entry.
    front: Option<(&'a Keys<LEAF>, usize)>,
    /// The leaf that is read from the back, and the place after that of the next entry.
    back: Option<(&'a Keys<LEAF>, usize)>,
}

impl<const LEAF: usize, const INNER: usize> Iterator for Iter<'_, LEAF, INNER> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let rank = self.ranks.next()?;
        let (keys, at) = match self.front {
            Some((keys, at)) if at < keys.len() => (keys, at),
            _ => self.order.locate(rank)?,
        };
        self.front = Some((keys, at + 1));
        Some(keys.get(at))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl<const LEAF: usize, const INNER: usize> DoubleEndedIterator for Iter<'_, LEAF, INNER> {
    fn next_back(&mut self) -> Option<Entry> {
        let rank = self.ranks.next_back()?;
        let (keys, at) = match self.back {
            Some((keys, end)) if end > 0 => (keys, end - 1),
            _ => self.order.locate(rank)?,
        };
        self.back = Some((keys, at));
        Some(keys.get(at))
    }
}

impl<const LEAF: usize, const INNER: usize> ExactSizeIterator for Iter<'_, LEAF, INNER> {}
