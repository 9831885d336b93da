//! Commands at the ends of lists: pushes, pops and moves.

use super::super::elements::{bulk, count, counted_keys, multi_pop_count};
use super::super::error::{Error, Outcome};
use super::{end, limit, pop_event, push_event};
use crate::engine::data::list::{End, List};
use crate::engine::keyspace::events::Classes;
use crate::engine::state::Engine;

pub(super) fn lpush(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    push(engine, arguments, End::Head)
}

pub(super) fn rpush(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    push(engine, arguments, End::Tail)
}

pub(super) fn lpushx(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    push_if_there(engine, arguments, End::Head)
}

pub(super) fn rpushx(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    push_if_there(engine, arguments, End::Tail)
}

fn push_if_there(engine: &mut Engine, arguments: &[&[u8]], end: End) -> Outcome {
    if engine.keyspace.write_as::<List>(arguments[1])?.is_none() {
        engine.reply.integer(0);
        return Ok(());
    }
    push(engine, arguments, end)
}

fn push(engine: &mut Engine, arguments: &[&[u8]], end: End) -> Outcome {
    let (key, values, limit) = (arguments[1], &arguments[2..], limit(engine));
    let list = engine.keyspace.write_or_create(key, List::new)?;
    for value in values {
        list.push(end, value, limit);
    }
    engine.reply.count(list.len());
    engine.keyspace.dirty += values.len() as u64 - 1;
    engine.keyspace.changed(Classes::LIST, push_event(end), key);
    Ok(())
}

pub(super) fn lpop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    pop(engine, arguments, End::Head, "lpop")
}

pub(super) fn rpop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    pop(engine, arguments, End::Tail, "rpop")
}

fn pop(engine: &mut Engine, arguments: &[&[u8]], end: End, command: &str) -> Outcome {
    if arguments.len() > 3 {
        return Err(Error::worded(format!("ERR wrong number of arguments for '{command}' command")));
    }
    let most = arguments.get(2).map(|argument| count(argument)).transpose()?;
    let key = arguments[1];
    let Some(list) = engine.keyspace.write_as::<List>(key)? else {
        if most.is_some() {
            engine.reply.null_array()
        } else {
            engine.reply.null()
        }
        return Ok(());
    };
    match most {
        Some(0) => engine.reply.array(0),
        None => {
            if let Some(value) = list.peek(end) {
                bulk(&mut engine.reply, value);
            }
            list.discard(end, 1);
            popped(engine, key, end, 1);
        }
        Some(most) => {
            pop_many(engine, key, end, most)?;
        }
    }
    Ok(())
}

/// Takes up to `most` elements from an end, which is where the reply begins. How many there were.
fn pop_many(engine: &mut Engine, key: &[u8], end: End, most: usize) -> Result<usize, Error> {
    let Some(list) = engine.keyspace.write_as::<List>(key)? else { return Ok(0) };
    let taken = most.min(list.len());
    engine.reply.array(taken);
    match end {
        End::Head => list.range(0..taken).for_each(|value| bulk(&mut engine.reply, value)),
        End::Tail => list.range(list.len() - taken..list.len()).rev().for_each(|value| bulk(&mut engine.reply, value)),
    }
    list.discard(end, taken);
    popped(engine, key, end, taken);
    Ok(taken)
}

/// Tells that elements were taken, and that the list is gone if it is empty.
fn popped(engine: &mut Engine, key: &[u8], end: End, taken: usize) {
    engine.keyspace.dirty += taken as u64 - 1;
    engine.keyspace.changed(Classes::LIST, pop_event(end), key);
    engine.keyspace.remove_if_empty(key);
}

pub(super) fn lmpop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let request = MultiPop::parse(arguments, 1)?;
    if !request.pop(engine)? {
        engine.reply.null_array();
    }
    Ok(())
}

/// What LMPOP and BLMPOP ask for.
pub(super) struct MultiPop<'a, 'b> {
    pub(super) keys: &'b [&'a [u8]],
    end: End,
    most: usize,
}

impl<'a, 'b> MultiPop<'a, 'b> {
    /// Reads the arguments from the number of keys on.
    pub(super) fn parse(arguments: &'b [&'a [u8]], place: usize) -> Result<Self, Error> {
        let (keys, place) = counted_keys(arguments, place)?;
        let end = end(arguments[place])?;
        let most = multi_pop_count(&arguments[place + 1..])?;
        Ok(Self { keys, end, most })
    }

    /// Takes elements from the first list that there is. Says whether there is one.
    pub(super) fn pop(&self, engine: &mut Engine) -> Result<bool, Error> {
        let Some(key) = first_list(engine, self.keys)? else { return Ok(false) };
        engine.reply.array(2);
        engine.reply.bulk(key);
        let taken = pop_many(engine, key, self.end, self.most)?.to_string();
        engine.propagation.instead(&[pop_event(self.end).as_bytes(), key, taken.as_bytes()]);
        Ok(true)
    }
}

/// The first of these keys that is a list.
///
/// # Errors
/// Another type comes before it; unless the command is asked again, which then goes on waiting for the others.
pub(super) fn first_list<'a>(engine: &mut Engine, keys: &[&'a [u8]]) -> Result<Option<&'a [u8]>, Error> {
    for key in keys {
        match engine.keyspace.write_as::<List>(key) {
            Ok(Some(_)) => return Ok(Some(key)),
            Ok(None) => {}
            Err(_) if engine.retrying => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Takes one element of a list that there is, and answers it with the list's name.
pub(super) fn pop_with_key(engine: &mut Engine, key: &[u8], end: End) -> Outcome {
    let Some(list) = engine.keyspace.write_as::<List>(key)? else { return Ok(()) };
    let Some(value) = list.peek(end) else { return Ok(()) };
    engine.reply.array(2);
    engine.reply.bulk(key);
    bulk(&mut engine.reply, value);
    list.discard(end, 1);
    popped(engine, key, end, 1);
    Ok(())
}

pub(super) fn lmove(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (from, to) = (end(arguments[3])?, end(arguments[4])?);
    move_or_null(engine, arguments, from, to)
}

pub(super) fn rpoplpush(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    move_or_null(engine, arguments, End::Tail, End::Head)
}

fn move_or_null(engine: &mut Engine, arguments: &[&[u8]], from: End, to: End) -> Outcome {
    if !move_element(engine, arguments[1], arguments[2], from, to)? {
        engine.reply.null();
    }
    Ok(())
}

/// Moves an element and answers it. Says whether there was one.
pub(super) fn move_element(
    engine: &mut Engine,
    source: &[u8],
    target: &[u8],
    from: End,
    to: End,
) -> Result<bool, Error> {
    let limit = limit(engine);
    if engine.keyspace.write_as::<List>(source)?.is_none() {
        return Ok(false);
    }
    engine.keyspace.write_as::<List>(target)?;
    let popped = engine.keyspace.write_as::<List>(source)?.and_then(|list| list.pop(from));
    let Some(value) = popped else { return Ok(false) };
    engine.keyspace.write_or_create(target, List::new)?.push(to, &value, limit);
    engine.keyspace.signal(target);
    engine.keyspace.notify(Classes::LIST, push_event(to), target);
    engine.reply.bulk(&value);
    engine.keyspace.changed(Classes::LIST, pop_event(from), source);
    engine.keyspace.remove_if_empty(source);
    Ok(true)
}
