//! The set.
//!
//! Of few integers only, it is an intset; else a dict of members. Knows nothing of keys or replies.

mod algebra;
#[cfg(test)]
mod tests;

pub use algebra::{difference, intersect, union};

use super::bytes::SmallBytes;
use super::dict::{Dict, Keyed, TableStats, distinct_indexes};
use super::intset::IntSet;
use super::listpack::Element;
use super::numbers::parse_integer;

/// How large a set may be as an intset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most members.
    pub max_intset_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_intset_entries: 512 }
    }
}

/// Different byte strings.
#[derive(Debug, Clone)]
pub struct Set(Form);

#[derive(Debug, Clone)]
enum Form {
    IntSet(IntSet),
    Table(Box<Dict<Member>>),
}

/// One member of a large set.
#[derive(Debug, Clone)]
struct Member {
    bytes: SmallBytes,
    next: u32,
}

impl Keyed for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        self.bytes.as_slice()
    }
    #[inline]
    fn next(&self) -> u32 {
        self.next
    }
    #[inline]
    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

impl Member {
    fn element(&self) -> Element<'_> {
        Element::Bytes(self.bytes.as_slice())
    }
}

impl Set {
    /// An empty one, which is an intset as long as it has integers only.
    pub fn new() -> Self {
        Self(Form::IntSet(IntSet::new()))
    }

    /// An empty one that is large from the start, with room for so many members.
    pub fn with_capacity(members: usize) -> Self {
        Self(Form::Table(Box::new(Dict::with_capacity(members))))
    }

    /// Takes an intset from elsewhere; becomes a table at once if `limits` say so.
    pub fn from_intset(integers: IntSet, limits: &Limits) -> Self {
        let small = integers.len() <= limits.max_intset_entries;
        let mut set = Self(Form::IntSet(integers));
        if !small {
            set.make_table();
        }
        set
    }

    /// The intset, while it is one.
    pub fn as_intset(&self) -> Option<&IntSet> {
        match &self.0 {
            Form::IntSet(integers) => Some(integers),
            Form::Table(_) => None,
        }
    }

    /// The name of its encoding as OBJECT ENCODING tells it.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::IntSet(_) => "intset",
            Form::Table(_) => "hashtable",
        }
    }

    /// How many members it has.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::IntSet(integers) => integers.len(),
            Form::Table(dict) => dict.len(),
        }
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is in it.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::IntSet(integers) => parse_integer(member).is_some_and(|value| integers.contains(value)),
            Form::Table(dict) => dict.contains(member),
        }
    }

    /// [`contains`](Self::contains) of what another set's iteration gave.
    pub fn contains_element(&self, member: Element<'_>) -> bool {
        match (&self.0, member) {
            (Form::IntSet(integers), Element::Integer(value)) => integers.contains(value),
            _ => self.contains(member.to_text(&mut itoa::Buffer::new())),
        }
    }

    /// Adds a member; answers whether it is new.
    pub fn insert(&mut self, member: &[u8], limits: &Limits) -> bool {
        if let Form::IntSet(integers) = &mut self.0
            && let Some(value) = parse_integer(member)
        {
            let new = integers.insert(value);
            if new && integers.len() > limits.max_intset_entries {
                self.make_table();
            }
            return new;
        }
        let dict = self.make_table();
        let hash = dict.hash_of(member);
        let new = dict.find_hashed(hash, member).is_none();
        if new {
            dict.insert_new_hashed(hash, Member { bytes: member.into(), next: 0 });
        }
        new
    }

    /// Removes a member; answers whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::IntSet(integers) => parse_integer(member).is_some_and(|value| integers.remove(value)),
            Form::Table(dict) => dict.remove(member).is_some(),
        }
    }

    /// Removes a member drawn at random, each as likely.
    pub fn pop(&mut self, random: &mut fastrand::Rng) -> Option<SmallBytes> {
        match &mut self.0 {
            Form::IntSet(integers) => {
                let value = integers.random(random)?;
                integers.remove(value);
                Some(Element::Integer(value).to_small_bytes())
            }
            Form::Table(dict) => {
                let index = dict.random_index(random)?;
                Some(dict.remove_at(index).0.bytes)
            }
        }
    }

    /// A member drawn at random, each as likely.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<Element<'_>> {
        match &self.0 {
            Form::IntSet(integers) => integers.random(random).map(Element::Integer),
            Form::Table(dict) => dict.random_index(random).map(|index| dict.at(index).element()),
        }
    }

    /// Visits `count` different members drawn at random; all, if it has no more.
    pub fn sample_distinct<'a>(&'a self, count: usize, random: &mut fastrand::Rng, mut visit: impl FnMut(Element<'a>)) {
        if count >= self.len() {
            return self.iter().for_each(visit);
        }
        for index in distinct_indexes(self.len(), count, random) {
            match &self.0 {
                Form::IntSet(integers) => integers.get(index as usize).map(Element::Integer).map_or((), &mut visit),
                Form::Table(dict) => visit(dict.at(index).element()),
            }
        }
    }

    /// All members: of an intset in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> + '_ {
        let (integers, members) = match &self.0 {
            Form::IntSet(integers) => (Some(integers.iter().map(Element::Integer)), None),
            Form::Table(dict) => (None, Some(dict.iter().map(Member::element))),
        };
        integers.into_iter().flatten().chain(members.into_iter().flatten())
    }

    /// Visits some members from `cursor` on, about `count`, and answers the next cursor, 0 at the end. All of an intset at once.
    /// The guarantee is [`Dict::scan`]'s.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Element<'_>)) -> u64 {
        match &self.0 {
            Form::IntSet(_) => {
                self.iter().for_each(visit);
                0
            }
            Form::Table(dict) => dict.scan_many(cursor, count, |member| visit(member.element())),
        }
    }

    /// Bytes it holds outside itself; of a large set estimated from `samples` members, or counted over all if that is 0.
    pub fn heap_bytes(&self, samples: usize) -> usize {
        match &self.0 {
            Form::IntSet(integers) => integers.heap_bytes(),
            Form::Table(dict) => {
                let held = dict.sampled_sum(samples, |member| member.bytes.heap_bytes());
                size_of::<Dict<Member>>() + dict.heap_bytes() + held
            }
        }
    }

    /// Statistics of the table, for DEBUG HTSTATS-KEY; none while it is an intset.
    pub fn table_stats(&self) -> Option<(TableStats, Option<TableStats>)> {
        match &self.0 {
            Form::IntSet(_) => None,
            Form::Table(dict) => Some(dict.stats()),
        }
    }

    /// Becomes a table, if it is none, and lends it.
    fn make_table(&mut self) -> &mut Dict<Member> {
        if let Form::IntSet(integers) = &self.0 {
            let mut dict = Box::new(Dict::with_capacity(integers.len() + 1));
            for value in integers.iter() {
                dict.insert_new(Member { bytes: Element::Integer(value).to_small_bytes(), next: 0 });
            }
            self.0 = Form::Table(dict);
        }
        match &mut self.0 {
            Form::Table(dict) => dict,
            Form::IntSet(_) => unreachable!("it has just become a table"),
        }
    }
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}
