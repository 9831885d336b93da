//! Commands for ranges of ranks, scores or members: told, stored or removed.

use std::ops::Range;

use super::super::arguments::{integer, is};
use super::super::elements::indexes;
use super::super::error::{Error, Outcome};
use super::{begin_members, limits, member};
use crate::engine::data::sorted_set::{AddOptions, LexBound, LexRange, ScoreRange, SortedSet};
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::value::Collection;
use crate::engine::state::Engine;

pub(super) const BAD_SCORE: &str = "ERR min or max is not a float";
pub(super) const BAD_MEMBER: &str = "ERR min or max not valid string range item";

/// What a range is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A range, as it was asked for.
#[derive(Clone, Copy)]
enum Bounds<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

impl<'a> Bounds<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, Error> {
        match by {
            By::Rank => Ok(Self::Ranks(integer(min)?, integer(max)?)),
            By::Score => ScoreRange::parse(min, max).map(Self::Scores).ok_or(Error::fixed(BAD_SCORE)),
            By::Lex => {
                let bound = |argument| LexBound::parse(argument).ok_or(Error::fixed(BAD_MEMBER));
                Ok(Self::Members(LexRange { min: bound(min)?, max: bound(max)? }))
            }
        }
    }

    /// The ranks, counted from the lowest. Ranks that are asked for in reverse count from the highest.
    fn ranks(&self, set: &SortedSet, reverse: bool) -> Range<usize> {
        match self {
            Self::Ranks(start, end) => {
                let ranks = indexes(*start, *end, set.len());
                if reverse { set.len() - ranks.end..set.len() - ranks.start } else { ranks }
            }
            Self::Scores(range) => set.ranks_by_score(range),
            Self::Members(range) => set.ranks_by_lex(range),
        }
    }
}

/// What ZRANGE and its kin ask for.
struct Request<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    with_scores: bool,
    /// How many are passed over; none come where it is negative.
    offset: i64,
    /// How many are wanted at most; all where it is negative.
    limit: i64,
}

impl<'a> Request<'a> {
    /// Reads the two bounds and the options after them. What the command's name says cannot be an option.
    fn parse(arguments: &[&'a [u8]], by: Option<By>, reverse: Option<bool>, store: bool) -> Result<Self, Error> {
        let (first, second) = (arguments[0], arguments[1]);
        let (mut chosen_by, mut chosen_reverse) = (by, reverse);
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut rest = &arguments[2..];
        while let [word, more @ ..] = rest {
            rest = more;
            if is(word, "withscores") && !store {
                with_scores = true;
            } else if is(word, "limit")
                && let [from, count, more @ ..] = rest
            {
                (offset, limit) = (integer(from)?, integer(count)?);
                rest = more;
            } else if is(word, "rev") && reverse.is_none() && chosen_reverse.is_none() {
                chosen_reverse = Some(true);
            } else if is(word, "bylex") && chosen_by.is_none() {
                chosen_by = Some(By::Lex);
            } else if is(word, "byscore") && chosen_by.is_none() {
                chosen_by = Some(By::Score);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        let (by, reverse) = (chosen_by.unwrap_or(By::Rank), chosen_reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(Error::fixed(LIMIT_OF_RANKS));
        }
        if by == By::Rank {
            // Without a limit's number, its offset means nothing.
            offset = 0;
        }
        if with_scores && by == By::Lex {
            return Err(Error::fixed("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        // In reverse the greater bound comes first; but ranks then count from the other end.
        let swapped = reverse && by != By::Rank;
        let (min, max) = if swapped { (second, first) } else { (first, second) };
        Ok(Self { bounds: Bounds::parse(by, min, max)?, reverse, with_scores, offset, limit })
    }

    /// The ranks that are asked for, counted from the lowest.
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let ranks = self.bounds.ranks(set, self.reverse);
        let Ok(offset) = usize::try_from(self.offset) else { return 0..0 };
        let skipped = offset.min(ranks.len());
        let taken = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - skipped);
        if self.reverse {
            let end = ranks.end - skipped;
            end - taken..end
        } else {
            let start = ranks.start + skipped;
            start..start + taken
        }
    }
}

const LIMIT_OF_RANKS: &str = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";

pub(super) fn zrange(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, None, None)
}

pub(super) fn zrevrange(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, Some(By::Rank), Some(true))
}

pub(super) fn zrangebyscore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, Some(By::Score), Some(false))
}

pub(super) fn zrevrangebyscore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, Some(By::Score), Some(true))
}

pub(super) fn zrangebylex(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, Some(By::Lex), Some(false))
}

pub(super) fn zrevrangebylex(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell(engine, arguments, Some(By::Lex), Some(true))
}

fn tell(engine: &mut Engine, arguments: &[&[u8]], by: Option<By>, reverse: Option<bool>) -> Outcome {
    let request = Request::parse(&arguments[2..], by, reverse, false)?;
    let Some(set) = engine.keyspace.read_as::<SortedSet>(arguments[1])? else {
        engine.reply.array(0);
        return Ok(());
    };
    let (pairs, reply) = (set.range(request.ranks(set)), &mut engine.reply);
    begin_members(reply, pairs.len(), request.with_scores);
    if request.reverse {
        pairs.rev().for_each(|pair| member(reply, pair, request.with_scores));
    } else {
        pairs.for_each(|pair| member(reply, pair, request.with_scores));
    }
    Ok(())
}

pub(super) fn zrangestore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let request = Request::parse(&arguments[3..], None, None, true)?;
    let limits = limits(engine);
    let mut result = SortedSet::new();
    if let Some(set) = engine.keyspace.read_as::<SortedSet>(arguments[2])? {
        let ranks = request.ranks(set);
        // A small set takes the sign off zeros; only a range of ranks tells at once that the result is none.
        if matches!(request.bounds, Bounds::Ranks(..)) {
            result = SortedSet::with_capacity(ranks.len(), limits);
        }
        for (member, score) in set.range(ranks) {
            result.add(member.to_text(&mut itoa::Buffer::new()), score, AddOptions::default(), limits);
        }
    }
    store(engine, arguments[1], result, "zrangestore");
    Ok(())
}

/// Puts a result in the place of whatever a key holds, and answers how many members it has; without any, the key goes.
pub(super) fn store(engine: &mut Engine, key: &[u8], result: SortedSet, event: &'static str) {
    engine.reply.count(result.len());
    if !result.is_empty() {
        engine.keyspace.set(key, result.into_value(), false);
        engine.keyspace.changed(Classes::SORTED_SET, event, key);
    } else if engine.keyspace.delete(key) {
        engine.keyspace.changed(Classes::GENERIC, "del", key);
    }
}

pub(super) fn zremrangebyrank(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    remove(engine, arguments, By::Rank, "zremrangebyrank")
}

pub(super) fn zremrangebyscore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    remove(engine, arguments, By::Score, "zremrangebyscore")
}

pub(super) fn zremrangebylex(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    remove(engine, arguments, By::Lex, "zremrangebylex")
}

fn remove(engine: &mut Engine, arguments: &[&[u8]], by: By, event: &'static str) -> Outcome {
    let key = arguments[1];
    let bounds = Bounds::parse(by, arguments[2], arguments[3])?;
    let Some(set) = engine.keyspace.write_as::<SortedSet>(key)? else {
        engine.reply.integer(0);
        return Ok(());
    };
    let ranks = bounds.ranks(set, false);
    let removed = ranks.len();
    set.remove_ranks(ranks);
    engine.reply.count(removed);
    if removed > 0 {
        engine.keyspace.dirty += removed as u64 - 1;
        engine.keyspace.changed(Classes::SORTED_SET, event, key);
        engine.keyspace.remove_if_empty(key);
    }
    Ok(())
}
