//! A sorted set of few members: a listpack of members, each followed by its score, in order.
//!
//! Must not know when a sorted set is small, or flags of commands.

use std::ops::Range;

use crate::engine::data::bytes::SmallBytes;
use crate::engine::data::listpack::{Element, Listpack, Place};
use crate::engine::data::numbers::{append_score, parse_float};

#[derive(Clone, Debug, Default)]
pub(super) struct Small(Listpack);

/// The largest number up to which every integer is a double; so these scores are kept as integers.
const EXACT: f64 = (1_i64 << 53) as f64;

impl Small {
    /// Takes a listpack that has a score after each member; none if it is not so.
    pub(super) fn from_listpack(listpack: Listpack) -> Option<Self> {
        let scores_are_right =
            listpack.len().is_multiple_of(2) && listpack.pairs().all(|(_, score)| read_score(score).is_some());
        scores_are_right.then_some(Self(listpack))
    }

    pub(super) fn listpack(&self) -> &Listpack {
        &self.0
    }

    /// Whether each pair comes after the one before it.
    pub(super) fn is_ordered(&self) -> bool {
        let mut pairs = self.range(0..self.len());
        let Some(mut before) = pairs.next() else { return true };
        let mut buffer = itoa::Buffer::new();
        pairs.all(|pair| {
            let mut follows = || compare(before.0, pair.0.to_text(&mut buffer)).is_lt();
            let ordered = before.1 < pair.1 || (before.1 == pair.1 && follows());
            before = pair;
            ordered
        })
    }

    /// Whether no two members are equal.
    pub(super) fn is_distinct(&self) -> bool {
        let mut members: Vec<SmallBytes> = self.0.pairs().map(|(member, _)| member.to_small_bytes()).collect();
        members.sort_unstable();
        members.windows(2).all(|pair| pair[0] != pair[1])
    }

    pub(super) fn len(&self) -> usize {
        self.0.len() / 2
    }

    /// A member's rank and score.
    pub(super) fn find(&self, member: &[u8]) -> Option<(usize, f64)> {
        let place = self.0.find(self.0.first()?, member, 1)?;
        let score = self.0.next(place).and_then(|place| read_score(self.0.get(place)))?;
        Some((self.rank_at(place), score))
    }

    /// The rank of the member at a place.
    fn rank_at(&self, place: Place) -> usize {
        let mut rank = 0;
        let mut at = self.0.first();
        while let Some(here) = at.filter(|here| *here < place) {
            rank += 1;
            at = self.0.next(here).and_then(|score| self.0.next(score));
        }
        rank
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        let mut next = self.0.first();
        while let Some(place) = next {
            let (there, score_place) = self.0.get_and_next(place);
            let Some(score_place) = score_place else { break };
            let (other, after) = self.0.get_and_next(score_place);
            let other = read_score(other).unwrap_or(f64::INFINITY);
            if other > score || (other == score && compare(there, member).is_gt()) {
                return self.insert_before(place, member, score);
            }
            next = after;
        }
        self.0.push_back(member);
        match whole(score) {
            Some(score) => self.0.push_back_integer(score),
            None => self.0.push_back(&score_text(score)),
        }
    }

    fn insert_before(&mut self, place: Place, member: &[u8], score: f64) {
        let place = self.0.insert_before(place, &score_text(score));
        self.0.insert_before(place, member);
    }

    /// Removes the members of these ranks, as far as there are any.
    pub(super) fn remove_ranks(&mut self, ranks: Range<usize>) {
        let end = ranks.end.min(self.len());
        if ranks.start < end {
            // Small: far fewer than 2^63.
            self.0.delete_range(2 * ranks.start as i64, 2 * (end - ranks.start));
        }
    }

    /// The ranks from the first member that is not `before` the range to the last that is still within `reach`.
    pub(super) fn ranks_where(
        &self,
        before: impl Fn(&[u8], f64) -> bool,
        reach: impl Fn(&[u8], f64) -> bool,
    ) -> Range<usize> {
        let count = |inside: &dyn Fn(&[u8], f64) -> bool| {
            let mut buffer = itoa::Buffer::new();
            self.range(0..self.len()).take_while(|(member, score)| inside(member.to_text(&mut buffer), *score)).count()
        };
        let start = count(&before);
        start..count(&reach).max(start)
    }

    /// The members of these ranks, as far as there are any.
    pub(super) fn range(&self, ranks: Range<usize>) -> Pairs<'_> {
        let end = ranks.end.min(self.len());
        let left = end.saturating_sub(ranks.start);
        let seek = |rank: usize| if left > 0 { self.0.seek(2 * rank as i64) } else { None };
        Pairs { listpack: &self.0, front: seek(ranks.start), back: seek(end.saturating_sub(1)), left }
    }
}

/// How a member compares with another.
fn compare(member: Element<'_>, other: &[u8]) -> std::cmp::Ordering {
    member.to_text(&mut itoa::Buffer::new()).cmp(other)
}

fn read_score(element: Element<'_>) -> Option<f64> {
    match element {
        Element::Integer(score) => Some(score as f64),
        Element::Bytes(text) => parse_float(text),
    }
}

/// The score as an integer, if it is one. Zero has no sign here, though it has in a large set.
fn whole(score: f64) -> Option<i64> {
    (score.trunc() == score && score.abs() <= EXACT).then_some(score as i64)
}

fn score_text(score: f64) -> Vec<u8> {
    let mut text = Vec::with_capacity(24);
    // Takes the sign off zero.
    append_score(&mut text, score + 0.0);
    text
}

/// Members and their scores, from either end.
#[derive(Clone)]
pub(super) struct Pairs<'a> {
    listpack: &'a Listpack,
    /// Where the next member is, and where the last.
    front: Option<Place>,
    back: Option<Place>,
    left: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (member, score) = self.listpack.get_and_next(self.front?);
        let (score, next) = self.listpack.get_and_next(score?);
        self.front = next;
        Some((member, read_score(score)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let place = self.back?;
        let (member, score) = self.listpack.get_and_next(place);
        let score = read_score(self.listpack.get(score?))?;
        self.back = self.listpack.previous(place).and_then(|score| self.listpack.previous(score));
        Some((member, score))
    }
}
