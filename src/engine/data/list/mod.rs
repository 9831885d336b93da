//! Lists: a deque of nodes, each a listpack of many elements or one element that is too large for that.
//!
//! A node takes elements up to a limit ([`NodeLimit`]), so that shifting bytes within it stays cheap, and a list of small
//! elements costs little more than their bytes. Knows elements and their places; must not know keys, replies or who waits
//! for an element.

mod node;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;

use super::listpack::{Element, Listpack};
pub use node::NodeLimit;
use node::{Cursor, Node};

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Index 0: the left.
    Head,
    /// The last index: the right.
    Tail,
}

/// A node as it is kept, for snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeView<'a> {
    /// A listpack of elements.
    Packed(&'a Listpack),
    /// One large element.
    Plain(&'a [u8]),
}

/// A list of byte strings.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// None of them is empty.
    nodes: VecDeque<Node>,
    len: usize,
}

impl List {
    /// An empty list; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How OBJECT ENCODING words it.
    pub fn encoding(&self) -> &'static str {
        "quicklist"
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.nodes.iter().map(Node::heap_bytes).sum::<usize>()
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, value: &[u8], limit: NodeLimit) {
        let node = match end {
            End::Head => self.nodes.front_mut(),
            End::Tail => self.nodes.back_mut(),
        };
        match node {
            Some(node) if node.has_room(value.len(), limit) => node.push(end, value),
            full => {
                if let Some(full) = full {
                    full.shrink_to_fit();
                }
                self.push_node(end, Node::of(value, limit));
            }
        }
        self.len += 1;
    }

    fn push_node(&mut self, end: End, node: Node) {
        if self.nodes.is_empty() {
            // Most lists have one node, and a deque would make room for four.
            self.nodes.reserve_exact(1);
        }
        match end {
            End::Head => self.nodes.push_front(node),
            End::Tail => self.nodes.push_back(node),
        }
    }

    /// The element at an end.
    pub fn peek(&self, end: End) -> Option<Element<'_>> {
        match end {
            End::Head => self.nodes.front()?.get(0),
            End::Tail => self.nodes.back().and_then(|node| node.get(node.len() - 1)),
        }
    }

    /// Removes up to `count` elements from an end.
    pub fn discard(&mut self, end: End, count: usize) {
        let count = count.min(self.len);
        match end {
            End::Head => self.remove_range(0..count),
            End::Tail => self.remove_range(self.len - count..self.len),
        }
    }

    /// Removes the element at an end, and copies it out.
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        let value = self.peek(end)?.to_vec();
        self.discard(end, 1);
        Some(value)
    }

    /// The element at an index.
    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        let (node, at) = self.locate(index)?;
        self.nodes[node].get(at)
    }

    /// The node that has an element, and its place within, looked for from the nearer end.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut before = 0;
            return self.nodes.iter().enumerate().find_map(|(number, node)| {
                before += node.len();
                (index < before).then(|| (number, index + node.len() - before))
            });
        }
        let mut from = self.len;
        self.nodes.iter().enumerate().rev().find_map(|(number, node)| {
            from -= node.len();
            (index >= from).then(|| (number, index - from))
        })
    }

    /// The elements of a range of indexes, from either end; indexes past the last are left out.
    pub fn range(&self, range: Range<usize>) -> Iter<'_> {
        let end = range.end.min(self.len);
        Iter { list: self, left: range.start.min(end)..end, front: None, back: None }
    }

    /// All elements, from either end.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..self.len)
    }

    /// Puts an element in the place of another. Says whether there is one at that index.
    pub fn set(&mut self, index: usize, value: &[u8], limit: NodeLimit) -> bool {
        let Some((number, at)) = self.locate(index) else { return false };
        let node = &mut self.nodes[number];
        if node.can_replace(at, value.len(), limit) {
            node.replace(at, value);
        } else if node.len() == 1 {
            *node = Node::of(value, limit);
        } else {
            self.remove_range(index..index + 1);
            self.insert(index, value, limit);
        }
        true
    }

    /// Adds an element before the one at `index`, or at the tail if there is none.
    pub fn insert(&mut self, index: usize, value: &[u8], limit: NodeLimit) {
        let Some((number, at)) = self.locate(index) else { return self.push(End::Tail, value, limit) };
        self.len += 1;
        if self.nodes[number].has_room(value.len(), limit) {
            return self.nodes[number].insert(at, value);
        }
        if at > 0 {
            let upper = self.nodes[number].split_off(at);
            self.nodes.insert(number + 1, upper);
            self.insert_between(number + 1, value, limit);
            self.join_around(number, limit);
        } else {
            self.insert_between(number, value, limit);
        }
    }

    /// Adds an element before the first of a node: to the node before, to this one, or in a node of its own.
    fn insert_between(&mut self, number: usize, value: &[u8], limit: NodeLimit) {
        let fits = |node: &Node| node.has_room(value.len(), limit);
        if number > 0 && fits(&self.nodes[number - 1]) {
            self.nodes[number - 1].push(End::Tail, value);
        } else if fits(&self.nodes[number]) {
            self.nodes[number].push(End::Head, value);
        } else {
            self.nodes.insert(number, Node::of(value, limit));
        }
    }

    /// Joins the halves of a node that was split, and their neighbours, where two fit into one.
    fn join_around(&mut self, number: usize, limit: NodeLimit) {
        let last = (number + 2).min(self.nodes.len().saturating_sub(1));
        for right in (number.max(1)..=last).rev() {
            if self.nodes[right - 1].can_take(&self.nodes[right], limit)
                && let Some(node) = self.nodes.remove(right)
            {
                self.nodes[right - 1].append(node);
            }
        }
    }

    /// Removes the elements of these indexes, as far as there are any.
    pub fn remove_range(&mut self, range: Range<usize>) {
        let mut left = range.end.min(self.len).saturating_sub(range.start);
        let Some((mut number, at)) = self.locate(range.start) else { return };
        self.len -= left;
        if at > 0 && left > 0 {
            left -= self.nodes[number].remove_up_to(at, left);
            number += 1;
        }
        let mut whole = number;
        while let Some(node) = self.nodes.get(whole).filter(|node| left > 0 && node.len() <= left) {
            left -= node.len();
            whole += 1;
        }
        self.drop_nodes(number..whole);
        if left > 0
            && let Some(node) = self.nodes.get_mut(number)
        {
            node.remove_up_to(0, left);
        }
    }

    fn drop_nodes(&mut self, numbers: Range<usize>) {
        match numbers.len() {
            0 => {}
            // By far the most frequent: an end's node was emptied.
            1 => drop(self.nodes.remove(numbers.start)),
            _ => drop(self.nodes.drain(numbers)),
        }
    }

    /// Keeps only the elements of these indexes.
    pub fn trim(&mut self, range: Range<usize>) {
        self.remove_range(range.end.max(range.start)..self.len);
        self.remove_range(0..range.start);
    }

    /// Removes up to `most` elements that equal `value`, the nearest to `from` first. How many there were.
    pub fn remove_equal(&mut self, value: &[u8], most: usize, from: End) -> usize {
        let nodes = self.nodes.len();
        let (mut removed, mut emptied) = (0, false);
        for step in 0..nodes {
            let number = if from == End::Head { step } else { nodes - 1 - step };
            removed += self.nodes[number].remove_equal(value, most - removed, from);
            emptied |= self.nodes[number].len() == 0;
            if removed == most {
                break;
            }
        }
        self.len -= removed;
        if emptied {
            self.nodes.retain(|node| node.len() > 0);
        }
        removed
    }

    /// Adds a large element at the tail, in a node of its own.
    pub fn push_plain(&mut self, bytes: Vec<u8>) {
        self.len += 1;
        self.nodes.push_back(Node::Plain(bytes.into_boxed_slice()));
    }

    /// The nodes from the head on.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeView<'_>> {
        self.nodes.iter().map(Node::view)
    }

    /// Adds all elements of a listpack at the tail, as a node of its own if it keeps the limit, else one by one.
    pub fn push_listpack(&mut self, listpack: Listpack, limit: NodeLimit) {
        if listpack.is_empty() {
            return;
        }
        let node = Node::Packed(listpack);
        if node.keeps(limit) {
            self.len += node.len();
            self.nodes.push_back(node);
        } else {
            let mut cursor = node.cursor(0);
            while let Some(element) = cursor.forwards() {
                self.push(End::Tail, element.to_text(&mut itoa::Buffer::new()), limit);
            }
        }
    }
}

/// Elements of a range of indexes.
#[derive(Clone)]
pub struct Iter<'a> {
    list: &'a List,
    /// Indexes that are left.
    left: Range<usize>,
    /// The node that is read from the front, and where; none before the first element.
    front: Option<(usize, Cursor<'a>)>,
    /// The same from the back.
    back: Option<(usize, Cursor<'a>)>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        let index = self.left.next()?;
        let (number, at) = match &mut self.front {
            Some((number, cursor)) => {
                if let Some(element) = cursor.forwards() {
                    return Some(element);
                }
                (*number + 1, 0)
            }
            None => self.list.locate(index)?,
        };
        let node = self.list.nodes.get(number)?;
        let (_, cursor) = self.front.insert((number, node.cursor(at)));
        cursor.forwards()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        let index = self.left.next_back()?;
        let (number, at) = match &mut self.back {
            Some((number, cursor)) => {
                if let Some(element) = cursor.backwards() {
                    return Some(element);
                }
                let number = number.checked_sub(1)?;
                (number, self.list.nodes.get(number)?.len() - 1)
            }
            None => self.list.locate(index)?,
        };
        let node = self.list.nodes.get(number)?;
        let (_, cursor) = self.back.insert((number, node.cursor(at)));
        cursor.backwards()
    }
}

impl ExactSizeIterator for Iter<'_> {}
