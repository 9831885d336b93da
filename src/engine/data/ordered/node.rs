//! Nodes of the counted tree: parallel arrays of scores and member numbers, alone in a leaf, with counts and children
//! above. Knows how a node splits, merges and is searched; must not know what a member's bytes are.

use std::ops::Range;

use super::Entry;

/// Up to `N` entries in ascending order, scores apart from members so that neither is padded.
#[derive(Clone)]
pub(super) struct Keys<const N: usize> {
    scores: [f64; N],
    members: [u32; N],
    len: u16,
}

impl<const N: usize> Keys<N> {
    pub(super) fn new() -> Self {
        Self { scores: [0.0; N], members: [0; N], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == N
    }

    pub(super) fn get(&self, at: usize) -> Entry {
        Entry { score: self.scores[at], member: self.members[at] }
    }

    pub(super) fn set(&mut self, at: usize, entry: Entry) {
        self.scores[at] = entry.score;
        self.members[at] = entry.member;
    }

    pub(super) fn insert(&mut self, at: usize, entry: Entry) {
        let len = self.len();
        self.scores.copy_within(at..len, at + 1);
        self.members.copy_within(at..len, at + 1);
        self.len += 1;
        self.set(at, entry);
    }

    pub(super) fn remove(&mut self, at: usize) {
        let len = self.len();
        self.scores.copy_within(at + 1..len, at);
        self.members.copy_within(at + 1..len, at);
        self.len -= 1;
    }

    fn remove_range(&mut self, range: Range<usize>) {
        let len = self.len();
        self.scores.copy_within(range.end..len, range.start);
        self.members.copy_within(range.end..len, range.start);
        self.len -= range.len() as u16;
    }

    /// Moves everything from `at` on to `other`, which is empty.
    fn move_tail(&mut self, at: usize, other: &mut Self) {
        let tail = self.len() - at;
        other.scores[..tail].copy_from_slice(&self.scores[at..at + tail]);
        other.members[..tail].copy_from_slice(&self.members[at..at + tail]);
        other.len = tail as u16;
        self.len = at as u16;
    }

    fn append(&mut self, other: &Self) {
        let (from, tail) = (self.len(), other.len());
        self.scores[from..from + tail].copy_from_slice(&other.scores[..tail]);
        self.members[from..from + tail].copy_from_slice(&other.members[..tail]);
        self.len += other.len;
    }

    /// How many entries, from the first on, satisfy `before`, which holds for a prefix.
    pub(super) fn partition_point(&self, before: &impl Fn(Entry) -> bool) -> usize {
        let (mut low, mut size) = (0, self.len());
        while size > 0 {
            let half = size / 2;
            let middle = low + half;
            if before(self.get(middle)) {
                low = middle + 1;
                size -= half + 1;
            } else {
                size = half;
            }
        }
        low
    }
}

/// A node with children: for each the first entry under it and how many entries it has in all.
#[derive(Clone)]
pub(super) struct Inner<const LEAF: usize, const INNER: usize> {
    pub(super) firsts: Keys<INNER>,
    pub(super) counts: [u32; INNER],
    pub(super) children: Vec<Node<LEAF, INNER>>,
}

impl<const LEAF: usize, const INNER: usize> Inner<LEAF, INNER> {
    pub(super) fn new() -> Self {
        Self { firsts: Keys::new(), counts: [0; INNER], children: Vec::with_capacity(INNER) }
    }

    /// The child in which an entry belongs that comes after everything that satisfies `before`.
    pub(super) fn slot(&self, before: &impl Fn(Entry) -> bool) -> usize {
        self.firsts.partition_point(before).saturating_sub(1)
    }

    /// Entries under the children before `slot`.
    pub(super) fn count_before(&self, slot: usize) -> usize {
        self.counts[..slot].iter().map(|count| *count as usize).sum()
    }

    /// The child that has the entry of this rank, and the rank within it.
    pub(super) fn slot_at(&self, mut rank: usize) -> (usize, usize) {
        let mut slot = 0;
        while slot + 1 < self.children.len() && rank >= self.counts[slot] as usize {
            rank -= self.counts[slot] as usize;
            slot += 1;
        }
        (slot, rank)
    }

    pub(super) fn insert_child(&mut self, at: usize, split: Split<LEAF, INNER>) {
        let len = self.children.len();
        self.firsts.insert(at, split.first);
        self.counts.copy_within(at..len, at + 1);
        self.counts[at] = split.count;
        self.children.insert(at, split.node);
    }

    fn remove_child(&mut self, at: usize) -> Node<LEAF, INNER> {
        let len = self.children.len();
        self.firsts.remove(at);
        self.counts.copy_within(at + 1..len, at);
        self.children.remove(at)
    }

    /// Takes the upper half away.
    fn split(&mut self) -> Self {
        let at = self.children.len() / 2;
        let mut upper = Self::new();
        let tail = self.children.len() - at;
        upper.counts[..tail].copy_from_slice(&self.counts[at..at + tail]);
        self.firsts.move_tail(at, &mut upper.firsts);
        upper.children.extend(self.children.drain(at..));
        upper
    }

    fn append(&mut self, mut other: Self) {
        let (from, tail) = (self.children.len(), other.children.len());
        self.firsts.append(&other.firsts);
        self.counts[from..from + tail].copy_from_slice(&other.counts[..tail]);
        self.children.append(&mut other.children);
    }

    /// Puts right what is said of a child that lost entries: an empty one goes, a sparse one joins a neighbour.
    pub(super) fn tidy(&mut self, slot: usize) {
        if self.counts[slot] == 0 {
            drop(self.remove_child(slot));
            return;
        }
        self.firsts.set(slot, self.children[slot].first());
        if self.children[slot].is_sparse() && !self.join(slot) && slot > 0 {
            self.join(slot - 1);
        }
    }

    fn remove_ranks(&mut self, ranks: Range<usize>, removed: &mut Vec<u32>) {
        if ranks.is_empty() {
            return;
        }
        let (first, start) = self.slot_at(ranks.start);
        let (last, end) = self.slot_at(ranks.end - 1);
        // From the last child back, so that an empty one goes without moving those that are still to come.
        for slot in (first..=last).rev() {
            let from = if slot == first { start } else { 0 };
            let to = if slot == last { end + 1 } else { self.counts[slot] as usize };
            self.children[slot].remove_ranks(from..to, removed);
            self.counts[slot] -= (to - from) as u32;
            if self.counts[slot] == 0 {
                drop(self.remove_child(slot));
            } else {
                self.firsts.set(slot, self.children[slot].first());
            }
        }
        // Only the children at both ends of what went may have become sparse.
        for slot in [first + 1, first] {
            if slot < self.children.len() {
                self.tidy(slot);
            }
        }
    }

    /// Joins a child with the one after it where both fit well into one node. Says whether it did.
    fn join(&mut self, slot: usize) -> bool {
        let Some(next) = self.children.get(slot + 1) else { return false };
        if !self.children[slot].has_room_for(next) {
            return false;
        }
        self.counts[slot] += self.counts[slot + 1];
        let next = self.remove_child(slot + 1);
        self.children[slot].append(next);
        true
    }
}

/// What a node that was full gives to its parent.
pub(super) struct Split<const LEAF: usize, const INNER: usize> {
    pub(super) first: Entry,
    pub(super) count: u32,
    pub(super) node: Node<LEAF, INNER>,
}

/// A leaf, or a node above leaves; all leaves are at the same depth.
#[derive(Clone)]
pub(super) enum Node<const LEAF: usize, const INNER: usize> {
    Leaf(Box<Keys<LEAF>>),
    Inner(Box<Inner<LEAF, INNER>>),
}

impl<const LEAF: usize, const INNER: usize> Node<LEAF, INNER> {
    /// The first entry under this node, which has one.
    fn first(&self) -> Entry {
        match self {
            Node::Leaf(keys) => keys.get(0),
            Node::Inner(inner) => inner.firsts.get(0),
        }
    }

    fn is_sparse(&self) -> bool {
        match self {
            Node::Leaf(keys) => keys.len() < LEAF / 4,
            Node::Inner(inner) => inner.children.len() < INNER / 4,
        }
    }

    /// Whether a neighbour's entries fit in beside this node's with a quarter to spare.
    fn has_room_for(&self, next: &Self) -> bool {
        match (self, next) {
            (Node::Leaf(keys), Node::Leaf(other)) => keys.len() + other.len() <= LEAF * 3 / 4,
            (Node::Inner(inner), Node::Inner(other)) => inner.children.len() + other.children.len() <= INNER * 3 / 4,
            _ => false,
        }
    }

    fn append(&mut self, next: Self) {
        match (self, next) {
            (Node::Leaf(keys), Node::Leaf(other)) => keys.append(&other),
            (Node::Inner(inner), Node::Inner(other)) => inner.append(*other),
            // Unreachable: all children of a node are of one kind.
            _ => {}
        }
    }

    /// Inserts `entry` after all that satisfies `before`; the upper part of this node if it had to split.
    /// `edge` says that no leaf comes before this node's first or after its last.
    pub(super) fn insert(
        &mut self,
        entry: Entry,
        before: &impl Fn(Entry) -> bool,
        edge: Edge,
    ) -> Option<Split<LEAF, INNER>> {
        match self {
            Node::Leaf(keys) => insert_in_leaf(keys, entry, before, edge),
            Node::Inner(inner) => {
                let slot = inner.slot(before);
                let edge = edge.of_child(slot, inner.children.len());
                let split = inner.children[slot].insert(entry, before, edge);
                inner.counts[slot] += 1;
                inner.firsts.set(slot, inner.children[slot].first());
                insert_in_inner(inner, slot + 1, split?)
            }
        }
    }

    /// Removes the last entry that satisfies `up_to`, if it is of this member. Says whether it was.
    pub(super) fn remove(&mut self, member: u32, up_to: &impl Fn(Entry) -> bool) -> bool {
        match self {
            Node::Leaf(keys) => {
                let at = keys.partition_point(up_to);
                if at == 0 || keys.get(at - 1).member != member {
                    return false;
                }
                keys.remove(at - 1);
                true
            }
            Node::Inner(inner) => {
                let slot = inner.slot(up_to);
                let removed = inner.children.get_mut(slot).is_some_and(|child| child.remove(member, up_to));
                if removed {
                    inner.counts[slot] -= 1;
                    inner.tidy(slot);
                }
                removed
            }
        }
    }

    /// Removes the entries of these ranks, which are there, and lists their members.
    pub(super) fn remove_ranks(&mut self, ranks: Range<usize>, removed: &mut Vec<u32>) {
        match self {
            Node::Leaf(keys) => {
                removed.extend_from_slice(&keys.members[ranks.clone()]);
                keys.remove_range(ranks);
            }
            Node::Inner(inner) => inner.remove_ranks(ranks, removed),
        }
    }

    /// Bytes of this node and all under it on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Node::Leaf(_) => size_of::<Keys<LEAF>>(),
            Node::Inner(inner) => {
                let own = size_of::<Inner<LEAF, INNER>>() + inner.children.capacity() * size_of::<Self>();
                let under = match inner.children.first() {
                    Some(Node::Leaf(_)) => inner.children.len() * size_of::<Keys<LEAF>>(),
                    _ => inner.children.iter().map(Node::heap_bytes).sum(),
                };
                own + under
            }
        }
    }
}

/// Whether a node is the first or the last of its level: entries that arrive in order then leave full leaves behind.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub(super) first: bool,
    pub(super) last: bool,
}

impl Edge {
    fn of_child(self, slot: usize, children: usize) -> Self {
        Self { first: self.first && slot == 0, last: self.last && slot + 1 == children }
    }
}

fn insert_in_leaf<const LEAF: usize, const INNER: usize>(
    keys: &mut Keys<LEAF>,
    entry: Entry,
    before: &impl Fn(Entry) -> bool,
    edge: Edge,
) -> Option<Split<LEAF, INNER>> {
    let at = keys.partition_point(before);
    if !keys.is_full() {
        keys.insert(at, entry);
        return None;
    }
    let keep = match at {
        _ if at == LEAF && edge.last => LEAF,
        0 if edge.first => 0,
        _ => LEAF / 2,
    };
    let mut upper = Box::new(Keys::new());
    keys.move_tail(keep, &mut upper);
    if at > keep || keep == LEAF {
        upper.insert(at - keep, entry);
    } else {
        keys.insert(at, entry);
    }
    Some(Split { first: upper.get(0), count: upper.len() as u32, node: Node::Leaf(upper) })
}

/// Takes in the new child at `at`, whose entries were counted under the child before it.
fn insert_in_inner<const LEAF: usize, const INNER: usize>(
    inner: &mut Inner<LEAF, INNER>,
    at: usize,
    split: Split<LEAF, INNER>,
) -> Option<Split<LEAF, INNER>> {
    inner.counts[at - 1] -= split.count;
    if !inner.firsts.is_full() {
        inner.insert_child(at, split);
        return None;
    }
    let mut upper = Box::new(inner.split());
    let keep = inner.children.len();
    if at > keep {
        upper.insert_child(at - keep, split);
    } else {
        inner.insert_child(at, split);
    }
    let count = upper.count_before(upper.children.len()) as u32;
    Some(Split { first: upper.firsts.get(0), count, node: Node::Inner(upper) })
}
