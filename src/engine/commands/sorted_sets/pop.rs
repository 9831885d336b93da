//! Commands that take members from the ends, at once or when there are some.

use super::super::arguments::{deadline, is};
use super::super::elements::{bulk, count, counted_keys, multi_pop_count};
use super::super::error::{Error, Outcome};
use super::begin_members;
use crate::engine::data::sorted_set::SortedSet;
use crate::engine::keyspace::events::Classes;
use crate::engine::state::Engine;
use crate::engine::state::blocking::OnTimeout;

/// Which members are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Lowest,
    Highest,
}

impl Side {
    /// The event, which is also the command that takes there.
    fn event(self) -> &'static str {
        if self == Self::Lowest { "zpopmin" } else { "zpopmax" }
    }

    /// The ranks of the first `most` members to take.
    fn ranks(self, set: &SortedSet, most: usize) -> std::ops::Range<usize> {
        let taken = most.min(set.len());
        if self == Self::Lowest { 0..taken } else { set.len() - taken..set.len() }
    }
}

pub(super) fn zpopmin(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    pop(engine, arguments, Side::Lowest)
}

pub(super) fn zpopmax(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    pop(engine, arguments, Side::Highest)
}

fn pop(engine: &mut Engine, arguments: &[&[u8]], side: Side) -> Outcome {
    let most = match arguments {
        [_, _] => None,
        [_, _, most] => Some(count(most)?),
        _ => return Err(Error::SYNTAX),
    };
    let key = arguments[1];
    let Some(set) = engine.keyspace.write_as::<SortedSet>(key)? else {
        engine.reply.array(0);
        return Ok(());
    };
    if most == Some(0) {
        engine.reply.array(0);
        return Ok(());
    }
    let taken = most.unwrap_or(1).min(set.len());
    if most.is_some() {
        begin_members(&mut engine.reply, taken, true);
        return take(engine, key, side, taken, Form::PairInResp3);
    }
    // Without a count even RESP3 gets a flat list.
    engine.reply.array(2);
    take(engine, key, side, 1, Form::Flat)
}

/// How a member and its score are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One behind the other.
    Flat,
    /// As a pair in RESP3.
    PairInResp3,
    /// As a pair.
    Pair,
}

/// Takes members and answers them, in a list that has begun.
fn take(engine: &mut Engine, key: &[u8], side: Side, most: usize, form: Form) -> Outcome {
    let Some(set) = engine.keyspace.write_as::<SortedSet>(key)? else { return Ok(()) };
    let (ranks, reply) = (side.ranks(set, most), &mut engine.reply);
    let taken = ranks.len();
    let mut tell = |(member, score)| {
        if form == Form::Pair || (form == Form::PairInResp3 && reply.is_resp3()) {
            reply.array(2);
        }
        bulk(reply, member);
        reply.double(score);
    };
    match side {
        Side::Lowest => set.range(ranks.clone()).for_each(&mut tell),
        Side::Highest => set.range(ranks.clone()).rev().for_each(&mut tell),
    }
    set.remove_ranks(ranks);
    engine.keyspace.dirty += (taken as u64).saturating_sub(1);
    engine.keyspace.changed(Classes::SORTED_SET, side.event(), key);
    engine.keyspace.remove_if_empty(key);
    Ok(())
}

/// The first of these keys that is a sorted set, and how many members it has.
///
/// # Errors
/// Another type comes before it; unless the command is asked again, which then goes on waiting for the others.
fn first_set<'a>(engine: &mut Engine, keys: &[&'a [u8]]) -> Result<Option<(&'a [u8], usize)>, Error> {
    for key in keys {
        match engine.keyspace.write_as::<SortedSet>(key) {
            Ok(Some(set)) => return Ok(Some((key, set.len()))),
            Ok(None) => {}
            Err(_) if engine.retrying => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

pub(super) fn bzpopmin(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    pop_or_wait(engine, arguments, Side::Lowest)
}

pub(super) fn bzpopmax(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    pop_or_wait(engine, arguments, Side::Highest)
}

fn pop_or_wait(engine: &mut Engine, arguments: &[&[u8]], side: Side) -> Outcome {
    let [_, keys @ .., timeout] = arguments else { return Err(Error::SYNTAX) };
    let deadline = deadline(timeout, engine.now())?;
    let Some((key, _)) = first_set(engine, keys)? else {
        return engine.block_on_keys(arguments, keys, deadline, OnTimeout::NullArray);
    };
    engine.reply.array(3);
    engine.reply.bulk(key);
    take(engine, key, side, 1, Form::Flat)?;
    engine.propagation.instead(&[side.event().as_bytes(), key]);
    Ok(())
}

pub(super) fn zmpop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if !MultiPop::parse(arguments, 1)?.pop(engine)? {
        engine.reply.null_array();
    }
    Ok(())
}

pub(super) fn bzmpop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let request = MultiPop::parse(arguments, 2)?;
    let deadline = deadline(arguments[1], engine.now())?;
    if request.pop(engine)? {
        return Ok(());
    }
    engine.block_on_keys(arguments, request.keys, deadline, OnTimeout::NullArray)
}

/// What ZMPOP and BZMPOP ask for.
struct MultiPop<'a, 'b> {
    keys: &'b [&'a [u8]],
    side: Side,
    most: usize,
}

impl<'a, 'b> MultiPop<'a, 'b> {
    /// Reads the arguments from the number of keys on.
    fn parse(arguments: &'b [&'a [u8]], place: usize) -> Result<Self, Error> {
        let (keys, place) = counted_keys(arguments, place)?;
        let side = match arguments[place] {
            word if is(word, "min") => Side::Lowest,
            word if is(word, "max") => Side::Highest,
            _ => return Err(Error::SYNTAX),
        };
        let most = multi_pop_count(&arguments[place + 1..])?;
        Ok(Self { keys, side, most })
    }

    /// Takes members from the first sorted set that there is. Says whether there is one.
    fn pop(&self, engine: &mut Engine) -> Result<bool, Error> {
        let Some((key, members)) = first_set(engine, self.keys)? else { return Ok(false) };
        let taken = self.most.min(members);
        engine.reply.array(2);
        engine.reply.bulk(key);
        engine.reply.array(taken);
        take(engine, key, self.side, taken, Form::Pair)?;
        engine.propagation.instead(&[self.side.event().as_bytes(), key, taken.to_string().as_bytes()]);
        Ok(true)
    }
}
