//! Commands that look into lists or change them in the middle.

use super::super::arguments::{integer, is};
use super::super::elements::{bulk, count_or, index, indexes};
use super::super::error::{Error, Outcome};
use super::limit;
use crate::engine::data::list::{End, List};
use crate::engine::data::listpack::Element;
use crate::engine::keyspace::events::Classes;
use crate::engine::state::Engine;

pub(super) fn llen(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let length = engine.keyspace.read_as::<List>(arguments[1])?.map_or(0, List::len);
    engine.reply.count(length);
    Ok(())
}

pub(super) fn lindex(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let Some(list) = engine.keyspace.read_as::<List>(arguments[1])? else {
        engine.reply.null();
        return Ok(());
    };
    match index(integer(arguments[2])?, list.len()).and_then(|index| list.get(index)) {
        Some(value) => bulk(&mut engine.reply, value),
        None => engine.reply.null(),
    }
    Ok(())
}

pub(super) fn lrange(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (start, end) = (integer(arguments[2])?, integer(arguments[3])?);
    let Some(list) = engine.keyspace.read_as::<List>(arguments[1])? else {
        engine.reply.array(0);
        return Ok(());
    };
    let range = indexes(start, end, list.len());
    engine.reply.array(range.len());
    list.range(range).for_each(|value| bulk(&mut engine.reply, value));
    Ok(())
}

pub(super) fn lset(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, limit) = (arguments[1], limit(engine));
    let list = engine.keyspace.write_as::<List>(key)?.ok_or(Error::NO_SUCH_KEY)?;
    let index = index(integer(arguments[2])?, list.len()).ok_or(Error::INDEX)?;
    list.set(index, arguments[3], limit);
    engine.keyspace.changed(Classes::LIST, "lset", key);
    engine.reply.ok();
    Ok(())
}

pub(super) fn linsert(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let after = match arguments[2] {
        word if is(word, "before") => 0,
        word if is(word, "after") => 1,
        _ => return Err(Error::SYNTAX),
    };
    let (key, limit) = (arguments[1], limit(engine));
    let Some(list) = engine.keyspace.write_as::<List>(key)? else {
        engine.reply.integer(0);
        return Ok(());
    };
    let Some(pivot) = list.iter().position(|value| value.is(arguments[3])) else {
        engine.reply.integer(-1);
        return Ok(());
    };
    list.insert(pivot + after, arguments[4], limit);
    engine.reply.count(list.len());
    engine.keyspace.changed(Classes::LIST, "linsert", key);
    Ok(())
}

pub(super) fn lrem(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let count = integer(arguments[2])?;
    let key = arguments[1];
    let Some(list) = engine.keyspace.write_as::<List>(key)? else {
        engine.reply.integer(0);
        return Ok(());
    };
    let from = if count < 0 { End::Tail } else { End::Head };
    let most = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let removed = list.remove_equal(arguments[3], most, from);
    if removed > 0 {
        engine.keyspace.dirty += removed as u64 - 1;
        engine.keyspace.changed(Classes::LIST, "lrem", key);
        engine.keyspace.remove_if_empty(key);
    }
    engine.reply.count(removed);
    Ok(())
}

pub(super) fn ltrim(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (start, end) = (integer(arguments[2])?, integer(arguments[3])?);
    let key = arguments[1];
    if let Some(list) = engine.keyspace.write_as::<List>(key)? {
        let before = list.len();
        list.trim(indexes(start, end, before));
        let removed = before - list.len();
        engine.keyspace.dirty += removed as u64;
        engine.keyspace.signal(key);
        engine.keyspace.notify(Classes::LIST, "ltrim", key);
        engine.keyspace.remove_if_empty(key);
    }
    engine.reply.ok();
    Ok(())
}

/// What LPOS looks for.
struct Search {
    /// How many matches are passed over.
    skip: usize,
    /// Where it begins.
    from: End,
    /// How many matches are wanted in a list; none: one, alone.
    count: Option<usize>,
    /// How many elements are compared at most.
    most: usize,
}

impl Search {
    fn parse(options: &[&[u8]]) -> Result<Self, Error> {
        let mut search = Self { skip: 0, from: End::Head, count: None, most: usize::MAX };
        for option in options.chunks(2) {
            let [word, argument] = option else { return Err(Error::SYNTAX) };
            if is(word, "rank") {
                let rank = integer(argument)?;
                let place = rank.unsigned_abs().checked_sub(1).ok_or(Error::fixed(RANK_IS_ZERO))?;
                // The least integer has no opposite, and so passes over nothing.
                search.skip = if rank == i64::MIN { 0 } else { usize::try_from(place).unwrap_or(usize::MAX) };
                search.from = if rank < 0 { End::Tail } else { End::Head };
            } else if is(word, "count") {
                search.count = Some(count_or(argument, 0, "ERR COUNT can't be negative")?);
            } else if is(word, "maxlen") {
                let most = count_or(argument, 0, "ERR MAXLEN can't be negative")?;
                search.most = if most == 0 { usize::MAX } else { most };
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(search)
    }

    /// The indexes that it finds, as they are asked for.
    fn matches<'a>(&self, list: &'a List, element: &'a [u8]) -> Box<dyn Iterator<Item = usize> + 'a> {
        let found = move |(at, value): (usize, Element<'_>)| value.is(element).then_some(at);
        match self.from {
            End::Head => Box::new(list.iter().enumerate().take(self.most).filter_map(found).skip(self.skip)),
            End::Tail => {
                let last = list.len().saturating_sub(1);
                let backwards = list.iter().rev().enumerate().take(self.most);
                Box::new(backwards.filter_map(found).map(move |at| last - at).skip(self.skip))
            }
        }
    }
}

const RANK_IS_ZERO: &str = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";

pub(super) fn lpos(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let search = Search::parse(&arguments[3..])?;
    let list = engine.keyspace.read_as::<List>(arguments[1])?;
    match (list, search.count) {
        (None, None) => engine.reply.null(),
        (None, Some(_)) => engine.reply.array(0),
        (Some(list), None) => match search.matches(list, arguments[2]).next() {
            Some(at) => engine.reply.count(at),
            None => engine.reply.null(),
        },
        (Some(list), Some(count)) => {
            let count = if count == 0 { usize::MAX } else { count };
            let places = search.matches(list, arguments[2]).take(count);
            engine.reply.array_of(|reply| places.map(|at| reply.count(at)).count());
        }
    }
    Ok(())
}
