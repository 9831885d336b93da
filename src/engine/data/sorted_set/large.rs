//! A sorted set of many members: a table of members with their scores, and their order beside it.
//!
//! Knows how both are kept in step. Must not know when a sorted set is large, or flags of commands.

use std::ops::Range;

use super::{LexRange, ScoreRange};
use crate::engine::data::bytes::SmallBytes;
use crate::engine::data::dict::{Dict, Keyed, TableStats};
use crate::engine::data::ordered::{Entry, Iter, Members, Ordered};

/// A member and its score.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) bytes: SmallBytes,
    pub(super) score: f64,
    next: u32,
}

impl Keyed for Member {
    fn key(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    fn next(&self) -> u32 {
        self.next
    }

    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

impl Members for Dict<Member> {
    fn member(&self, number: u32) -> &[u8] {
        self.at(number).bytes.as_slice()
    }
}

/// Members by name and by order. An entry of the order has the member's index in the table.
#[derive(Clone, Default)]
pub(super) struct Large {
    members: Dict<Member>,
    order: Ordered,
    /// Bytes that members too long to lie in the table have outside it.
    outside: usize,
}

impl std::fmt::Debug for Large {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_map().entries(self.range(0..self.len())).finish()
    }
}

impl Large {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { members: Dict::with_capacity(capacity), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn hash_of(&self, member: &[u8]) -> u64 {
        self.members.hash_of(member)
    }

    /// The member's number, good until the next change, and its score.
    pub(super) fn find(&self, hash: u64, member: &[u8]) -> Option<(u32, f64)> {
        let number = self.members.find_hashed(hash, member)?;
        Some((number, self.members.at(number).score))
    }

    /// Adds a member that is not there.
    pub(super) fn insert_new(&mut self, hash: u64, member: &[u8], score: f64) {
        let item = Member { bytes: SmallBytes::from(member), score, next: 0 };
        self.outside += item.bytes.heap_bytes();
        let number = self.members.insert_new_hashed(hash, item);
        self.order.insert(score, number, &self.members);
    }

    pub(super) fn set_score(&mut self, number: u32, score: f64) {
        let item = self.members.at_mut(number);
        let old = std::mem::replace(&mut item.score, score);
        self.order.update(old, score, number, &self.members);
    }

    pub(super) fn remove(&mut self, number: u32) -> Member {
        let score = self.members.at(number).score;
        self.order.remove(score, number, &self.members);
        self.forget(number)
    }

    /// Removes from the table a member that the order does not have any more.
    fn forget(&mut self, number: u32) -> Member {
        // The table will move its last item into the hole, so the order learns its new number first.
        let last = (self.members.len() - 1) as u32;
        if last != number {
            self.order.renumber(self.members.at(last).score, last, number, &self.members);
        }
        let (member, _) = self.members.remove_at(number);
        self.outside -= member.bytes.heap_bytes();
        member
    }

    pub(super) fn remove_ranks(&mut self, ranks: Range<usize>) {
        if ranks.start == 0 && ranks.end >= self.len() {
            *self = Self::default();
            return;
        }
        let mut removed = self.order.remove_ranks(ranks);
        // From the highest number down: the item that moves into a hole is then never one that goes too.
        removed.sort_unstable();
        for number in removed.into_iter().rev() {
            self.forget(number);
        }
    }

    pub(super) fn rank_of(&self, number: u32, score: f64) -> usize {
        self.order.rank_of(score, number, &self.members)
    }

    pub(super) fn at_rank(&self, rank: usize) -> Option<u32> {
        self.order.at(rank).map(|entry| entry.member)
    }

    pub(super) fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        let start = self.order.rank_where(|entry| range.precedes(entry.score));
        start..self.order.rank_where(|entry| range.reaches(entry.score)).max(start)
    }

    pub(super) fn ranks_by_lex(&self, range: &LexRange<'_>) -> Range<usize> {
        let member = |entry: Entry| self.members.member(entry.member);
        let start = self.order.rank_where(|entry| range.precedes(member(entry)));
        start..self.order.rank_where(|entry| range.reaches(member(entry))).max(start)
    }

    pub(super) fn range(&self, ranks: Range<usize>) -> Pairs<'_> {
        Pairs { members: &self.members, entries: self.order.range(ranks) }
    }

    pub(super) fn random(&self, random: &mut fastrand::Rng) -> Option<&Member> {
        self.members.random_index(random).map(|number| self.members.at(number))
    }

    /// The member of a number below [`len`](Self::len): all members, once each and in no order.
    pub(super) fn member(&self, number: u32) -> &Member {
        self.members.at(number)
    }

    pub(super) fn table_stats(&self) -> (TableStats, Option<TableStats>) {
        self.members.stats()
    }

    pub(super) fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        self.members.scan_many(cursor, count, |member| visit(member.bytes.as_slice(), member.score))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.members.heap_bytes() + self.order.heap_bytes() + self.outside
    }
}

/// Members and scores of a range of ranks, from either end.
#[derive(Clone)]
pub(super) struct Pairs<'a> {
    members: &'a Dict<Member>,
    entries: Iter<'a>,
}

impl<'a> Pairs<'a> {
    fn pair(&self, entry: Entry) -> (&'a [u8], f64) {
        (self.members.member(entry.member), entry.score)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        Some(self.pair(entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next_back()?;
        Some(self.pair(entry))
    }
}
