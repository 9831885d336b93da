//! Commands that add members one by one, and remove them.

use super::super::arguments::{float, is};
use super::super::error::{Error, Outcome};
use super::limits;
use crate::engine::data::sorted_set::{AddOptions, Added, Compare, Existing, SortedSet};
use crate::engine::keyspace::events::Classes;
use crate::engine::state::Engine;

pub(super) fn zadd(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    add(engine, arguments, Words::default())
}

pub(super) fn zincrby(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    add(engine, arguments, Words { increment: true, ..Words::default() })
}

/// The words before the pairs.
#[derive(Clone, Copy, Default)]
struct Words {
    absent: bool,
    present: bool,
    greater: bool,
    less: bool,
    increment: bool,
    count_changed: bool,
}

impl Words {
    /// Takes one of the words; says whether it was one.
    fn take(&mut self, word: &[u8]) -> bool {
        let words = [
            ("nx", &mut self.absent),
            ("xx", &mut self.present),
            ("gt", &mut self.greater),
            ("lt", &mut self.less),
            ("incr", &mut self.increment),
            ("ch", &mut self.count_changed),
        ];
        // No word is longer; most arguments here are scores.
        if word.len() > 4 || !word.first().is_some_and(u8::is_ascii_alphabetic) {
            return false;
        }
        let found = words.into_iter().find(|(name, _)| is(word, name));
        found.map(|(_, said)| *said = true).is_some()
    }

    fn options(self) -> Result<AddOptions, Error> {
        if self.absent && self.present {
            return Err(Error::fixed("ERR XX and NX options at the same time are not compatible"));
        }
        if (self.absent && (self.greater || self.less)) || (self.greater && self.less) {
            return Err(Error::fixed("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        let existing = match self {
            Self { absent: true, .. } => Existing::Absent,
            Self { present: true, .. } => Existing::Present,
            _ => Existing::Either,
        };
        let compare = match self {
            Self { greater: true, .. } => Compare::Greater,
            Self { less: true, .. } => Compare::Less,
            _ => Compare::Any,
        };
        Ok(AddOptions { existing, compare, increment: self.increment })
    }
}

fn add(engine: &mut Engine, arguments: &[&[u8]], mut words: Words) -> Outcome {
    let count = arguments[2..].iter().take_while(|word| words.take(word)).count();
    let pairs = &arguments[2 + count..];
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Error::SYNTAX);
    }
    let options = words.options()?;
    if words.increment && pairs.len() > 2 {
        return Err(Error::fixed("ERR INCR option supports a single increment-element pair"));
    }
    if let [score, member] = pairs {
        return add_one(engine, arguments[1], (float(score)?, member), (words, options));
    }
    // All scores must be in order before the first member is added.
    let scores = pairs.chunks_exact(2).map(|pair| float(pair[0])).collect::<Result<Vec<f64>, Error>>()?;
    let Some((set, limits)) = target(engine, arguments[1], options)? else {
        engine.reply.integer(0);
        return Ok(());
    };
    let (mut new, mut changed) = (0, 0);
    for (score, pair) in scores.into_iter().zip(pairs.chunks_exact(2)) {
        match set.add(pair[1], score, options, limits) {
            Added::New(_) => new += 1,
            Added::Changed(_) => changed += 1,
            Added::Same(_) | Added::Refused | Added::NotANumber => {}
        }
    }
    engine.reply.count(if words.count_changed { new + changed } else { new });
    tell(engine, arguments[1], new + changed, "zadd");
    Ok(())
}

/// Most commands add one member.
fn add_one(
    engine: &mut Engine,
    key: &[u8],
    (score, member): (f64, &[u8]),
    (words, options): (Words, AddOptions),
) -> Outcome {
    let added = match target(engine, key, options)? {
        Some((set, limits)) => set.add(member, score, options, limits),
        None => Added::Refused,
    };
    let (new, changed) = (matches!(added, Added::New(_)), matches!(added, Added::Changed(_)));
    match added {
        Added::NotANumber => return Err(Error::fixed("ERR resulting score is not a number (NaN)")),
        Added::New(score) | Added::Changed(score) | Added::Same(score) if options.increment => {
            engine.reply.double(score);
        }
        Added::Refused if options.increment => engine.reply.null(),
        _ => engine.reply.flag(new || (changed && words.count_changed)),
    }
    tell(engine, key, usize::from(new || changed), if options.increment { "zincr" } else { "zadd" });
    Ok(())
}

/// The set to add to; none if there is none and only members that are there may be touched.
fn target<'a>(
    engine: &'a mut Engine,
    key: &[u8],
    options: AddOptions,
) -> Result<Option<(&'a mut SortedSet, crate::engine::data::sorted_set::Limits)>, Error> {
    let limits = limits(engine);
    let set = if options.existing == Existing::Present {
        engine.keyspace.write_as(key)?
    } else {
        Some(engine.keyspace.write_or_create(key, SortedSet::new)?)
    };
    Ok(set.map(|set| (set, limits)))
}

fn tell(engine: &mut Engine, key: &[u8], changes: usize, event: &'static str) {
    if changes > 0 {
        engine.keyspace.dirty += changes as u64 - 1;
        engine.keyspace.changed(Classes::SORTED_SET, event, key);
    }
}

pub(super) fn zrem(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[1];
    let Some(set) = engine.keyspace.write_as::<SortedSet>(key)? else {
        engine.reply.integer(0);
        return Ok(());
    };
    let removed = arguments[2..].iter().filter(|member| set.remove(member)).count();
    engine.reply.count(removed);
    tell(engine, key, removed, "zrem");
    if removed > 0 {
        engine.keyspace.remove_if_empty(key);
    }
    Ok(())
}
