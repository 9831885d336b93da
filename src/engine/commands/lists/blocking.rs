//! Commands that wait until a list has an element. When one comes they are asked again, as if for the first time.

use super::super::arguments::deadline;
use super::super::error::{Error, Outcome};
use super::ends::{MultiPop, first_list, move_element, pop_with_key};
use super::{end, pop_event};
use crate::engine::data::list::{End, List};
use crate::engine::state::Engine;
use crate::engine::state::blocking::OnTimeout;

pub(super) fn blpop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    pop(engine, arguments, End::Head)
}

pub(super) fn brpop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    pop(engine, arguments, End::Tail)
}

fn pop(engine: &mut Engine, arguments: &[&[u8]], end: End) -> Outcome {
    let [_, keys @ .., timeout] = arguments else { return Err(Error::SYNTAX) };
    let deadline = deadline(timeout, engine.now())?;
    let Some(key) = first_list(engine, keys)? else {
        return engine.block_on_keys(arguments, keys, deadline, OnTimeout::NullArray);
    };
    pop_with_key(engine, key, end)?;
    engine.propagation.instead(&[pop_event(end).as_bytes(), key]);
    Ok(())
}

pub(super) fn blmpop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let request = MultiPop::parse(arguments, 2)?;
    let deadline = deadline(arguments[1], engine.now())?;
    if request.pop(engine)? {
        return Ok(());
    }
    engine.block_on_keys(arguments, request.keys, deadline, OnTimeout::NullArray)
}

pub(super) fn blmove(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (from, to) = (end(arguments[3])?, end(arguments[4])?);
    let deadline = deadline(arguments[5], engine.now())?;
    let instead: [&[u8]; 5] = [b"lmove", arguments[1], arguments[2], arguments[3], arguments[4]];
    move_or_wait(engine, arguments, (from, to), deadline, &instead)
}

pub(super) fn brpoplpush(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let deadline = deadline(arguments[3], engine.now())?;
    let instead: [&[u8]; 3] = [b"rpoplpush", arguments[1], arguments[2]];
    move_or_wait(engine, arguments, (End::Tail, End::Head), deadline, &instead)
}

fn move_or_wait(
    engine: &mut Engine,
    arguments: &[&[u8]],
    (from, to): (End, End),
    deadline: Option<i64>,
    instead: &[&[u8]],
) -> Outcome {
    let (source, target) = (arguments[1], arguments[2]);
    if engine.keyspace.write_as::<List>(source)?.is_none() {
        return engine.block_on_keys(arguments, &[source], deadline, OnTimeout::Null);
    }
    match move_element(engine, source, target, from, to) {
        Ok(_) => engine.propagation.instead(instead),
        // The source is a list, so it is the target that is none: that ends the waiting, too.
        Err(error) if engine.retrying => engine.reply_error(&error),
        Err(error) => return Err(error),
    }
    Ok(())
}
