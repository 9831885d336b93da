//! Sorted sets: members with scores, in order of score and then of the member's bytes.
//!
//! A small set is one listpack of pairs in order; a large one a table and an order beside it. It turns from the first
//! into the second when an addition passes the limits, and never back by itself. Everything that is asked by score or by
//! member is answered in ranks, counted from 0 at the lowest, and read or removed by rank. Must not know keys, replies
//! or how arguments are worded.

mod add;
mod large;
mod range;
mod small;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::dict::TableStats;
use super::listpack::{Element, Listpack};
pub use add::{AddOptions, Added, Compare, Existing};
use large::Large;
pub use range::{LexBound, LexRange, ScoreRange};
use small::Small;

/// Up to where a sorted set stays a listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most members (zset-max-listpack-entries).
    pub max_listpack_entries: usize,
    /// The longest member, in bytes (zset-max-listpack-value).
    pub max_listpack_value: usize,
}

/// Members with scores, in order.
#[derive(Clone, Debug, Default)]
pub struct SortedSet {
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Small(Small),
    Large(Box<Large>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Small(Small::default())
    }
}

impl SortedSet {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one that is about to get this many members.
    pub fn with_capacity(members: usize, limits: Limits) -> Self {
        Self::expecting(members, 0, limits)
    }

    /// An empty one that is about to get this many members, of which the longest has so many bytes.
    pub fn expecting(members: usize, longest: usize, limits: Limits) -> Self {
        if members > limits.max_listpack_entries || longest > limits.max_listpack_value {
            return Self { form: Form::Large(Box::new(Large::with_capacity(members))) };
        }
        Self::new()
    }

    /// A small one from the bytes of a snapshot; none unless they are a listpack of members, no two equal, each with a
    /// score. Pairs that are out of order are put in order.
    pub fn from_listpack(listpack: Listpack, limits: Limits) -> Option<Self> {
        let small = Small::from_listpack(listpack).filter(Small::is_distinct)?;
        if small.is_ordered() && small.len() <= limits.max_listpack_entries {
            return Some(Self { form: Form::Small(small) });
        }
        let mut set = Self::with_capacity(small.len(), limits);
        for (member, score) in small.range(0..small.len()) {
            set.add(member.to_text(&mut itoa::Buffer::new()), score, AddOptions::default(), limits);
        }
        Some(set)
    }

    /// The listpack of a small one, as snapshots keep it.
    pub fn listpack(&self) -> Option<&Listpack> {
        match &self.form {
            Form::Small(small) => Some(small.listpack()),
            Form::Large(_) => None,
        }
    }

    /// How OBJECT ENCODING words its form.
    pub fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Small(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Small(small) => small.listpack().heap_bytes(),
            Form::Large(large) => size_of::<Large>() + large.heap_bytes(),
        }
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Small(small) => small.len(),
            Form::Large(large) => large.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a member or gives it another score, as far as the options allow.
    pub fn add(&mut self, member: &[u8], score: f64, options: AddOptions, limits: Limits) -> Added {
        if score.is_nan() {
            return Added::NotANumber;
        }
        match &mut self.form {
            Form::Large(large) => add_to_large(large, member, score, options),
            Form::Small(small) => match small.find(member) {
                Some((rank, old)) => {
                    let added = options.decide(old, score);
                    if let Added::Changed(new) = added {
                        small.remove_ranks(rank..rank + 1);
                        small.insert(member, new);
                    }
                    added
                }
                None => {
                    let added = options.decide_absent(score);
                    if let Added::New(score) = added {
                        self.insert_new(member, score, limits);
                    }
                    added
                }
            },
        }
    }

    /// Adds a member that is not there to a set that was small until now.
    fn insert_new(&mut self, member: &[u8], score: f64, limits: Limits) {
        if let Form::Small(small) = &mut self.form
            && (small.len() >= limits.max_listpack_entries || member.len() > limits.max_listpack_value)
        {
            self.form = Form::Large(Box::new(enlarge(small)));
        }
        match &mut self.form {
            Form::Small(small) => small.insert(member, score),
            Form::Large(large) => large.insert_new(large.hash_of(member), member, score),
        }
    }

    /// Removes a member. Says whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.form {
            Form::Small(small) => small.find(member).map(|(rank, _)| small.remove_ranks(rank..rank + 1)).is_some(),
            Form::Large(large) => {
                let found = large.find(large.hash_of(member), member);
                found.map(|(number, _)| large.remove(number)).is_some()
            }
        }
    }

    /// A member's score.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.form {
            Form::Small(small) => small.find(member).map(|(_, score)| score),
            Form::Large(large) => large.find(large.hash_of(member), member).map(|(_, score)| score),
        }
    }

    /// A member's rank.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.form {
            Form::Small(small) => small.find(member).map(|(rank, _)| rank),
            Form::Large(large) => {
                let (number, score) = large.find(large.hash_of(member), member)?;
                Some(large.rank_of(number, score))
            }
        }
    }

    /// The ranks of the members whose scores are in a range; an empty range if there are none.
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        match &self.form {
            Form::Small(small) => small.ranks_where(|_, score| range.precedes(score), |_, score| range.reaches(score)),
            Form::Large(large) => large.ranks_by_score(range),
        }
    }

    /// The ranks of the members that are in a range, which is of use only where all scores are equal.
    pub fn ranks_by_lex(&self, range: &LexRange<'_>) -> Range<usize> {
        match &self.form {
            Form::Small(small) => {
                small.ranks_where(|member, _| range.precedes(member), |member, _| range.reaches(member))
            }
            Form::Large(large) => large.ranks_by_lex(range),
        }
    }

    /// The members of a range of ranks with their scores, from either end; ranks past the last are left out.
    pub fn range(&self, ranks: Range<usize>) -> Pairs<'_> {
        match &self.form {
            Form::Small(small) => Pairs(PairsForm::Small(small.range(ranks))),
            Form::Large(large) => Pairs(PairsForm::Large(large.range(ranks))),
        }
    }

    /// All members with their scores, in order and from either end.
    pub fn iter(&self) -> Pairs<'_> {
        self.range(0..self.len())
    }

    /// The member of a rank, and its score.
    pub fn at_rank(&self, rank: usize) -> Option<(Element<'_>, f64)> {
        self.range(rank..rank + 1).next()
    }

    /// Removes the members of a range of ranks, as far as there are any.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        match &mut self.form {
            Form::Small(small) => small.remove_ranks(ranks),
            // One member, as a pop takes it, needs no list of what was removed.
            Form::Large(large) if ranks.len() == 1 => {
                if let Some(number) = large.at_rank(ranks.start) {
                    large.remove(number);
                }
            }
            Form::Large(large) => large.remove_ranks(ranks),
        }
    }

    /// A member drawn at random, each as likely, and its score.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<(Element<'_>, f64)> {
        match &self.form {
            Form::Small(small) if small.len() > 0 => small.range(random.usize(0..small.len())..usize::MAX).next(),
            Form::Small(_) => None,
            Form::Large(large) => large.random(random).map(|member| (Element::Bytes(&member.bytes), member.score)),
        }
    }

    /// The member of a number below [`len`](Self::len), and its score: each member has one until the next change, in no
    /// order. For drawing several at random.
    pub fn by_number(&self, number: usize) -> Option<(Element<'_>, f64)> {
        match &self.form {
            Form::Small(small) => small.range(number..number + 1).next(),
            Form::Large(large) if number < large.len() => {
                let member = large.member(number as u32);
                Some((Element::Bytes(&member.bytes), member.score))
            }
            Form::Large(_) => None,
        }
    }

    /// Visits some members from `cursor` on, about `count`, and answers the next cursor, 0 at the end; all of a small set at
    /// once. A member that is there from the begin of a scan to its end is visited at least once.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Element<'_>, f64)) -> u64 {
        match &self.form {
            Form::Small(small) => {
                small.range(0..small.len()).for_each(|(member, score)| visit(member, score));
                0
            }
            Form::Large(large) => large.scan(cursor, count, |member, score| visit(Element::Bytes(member), score)),
        }
    }

    /// Statistics of the table, for DEBUG HTSTATS-KEY; none while it is a listpack.
    pub fn table_stats(&self) -> Option<(TableStats, Option<TableStats>)> {
        match &self.form {
            Form::Small(_) => None,
            Form::Large(large) => Some(large.table_stats()),
        }
    }
}

fn add_to_large(large: &mut Large, member: &[u8], score: f64, options: AddOptions) -> Added {
    let hash = large.hash_of(member);
    let Some((number, old)) = large.find(hash, member) else {
        let added = options.decide_absent(score);
        if let Added::New(score) = added {
            large.insert_new(hash, member, score);
        }
        return added;
    };
    let added = options.decide(old, score);
    if let Added::Changed(new) = added {
        large.set_score(number, new);
    }
    added
}

fn enlarge(small: &Small) -> Large {
    let mut large = Large::with_capacity(small.len() + 1);
    for (member, score) in small.range(0..small.len()) {
        let member = member.to_small_bytes();
        large.insert_new(large.hash_of(&member), &member, score);
    }
    large
}

/// Members with their scores, from either end.
#[derive(Clone)]
pub struct Pairs<'a>(PairsForm<'a>);

#[derive(Clone)]
enum PairsForm<'a> {
    Small(small::Pairs<'a>),
    Large(large::Pairs<'a>),
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            PairsForm::Small(pairs) => pairs.next(),
            PairsForm::Large(pairs) => pairs.next().map(|(member, score)| (Element::Bytes(member), score)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            PairsForm::Small(pairs) => pairs.size_hint(),
            PairsForm::Large(pairs) => pairs.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            PairsForm::Small(pairs) => pairs.next_back(),
            PairsForm::Large(pairs) => pairs.next_back().map(|(member, score)| (Element::Bytes(member), score)),
        }
    }
}

impl ExactSizeIterator for Pairs<'_> {}
