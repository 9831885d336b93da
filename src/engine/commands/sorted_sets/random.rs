//! ZRANDMEMBER.

use super::super::arguments::{integer, is};
use super::super::elements::bulk;
use super::super::error::{Error, Outcome};
use super::{begin_members, member};
use crate::engine::data::dict::distinct_indexes;
use crate::engine::data::sorted_set::SortedSet;
use crate::engine::state::Engine;

pub(super) fn zrandmember(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (count, with_scores) = match arguments {
        [_, _] => return one(engine, arguments[1]),
        [_, _, count] => (bounded(count)?, false),
        [_, _, count, word] => {
            let count = bounded(count)?;
            if !is(word, "withscores") {
                return Err(Error::SYNTAX);
            }
            // Twice as many must be countable, too.
            if count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
                return Err(Error::fixed("ERR value is out of range"));
            }
            (count, true)
        }
        [_, _, count, ..] => {
            bounded(count)?;
            return Err(Error::SYNTAX);
        }
        _ => return Err(Error::SYNTAX),
    };
    let Some(set) = engine.keyspace.read_as::<SortedSet>(arguments[1])? else {
        engine.reply.array(0);
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let reply = &mut engine.reply;
    if count < 0 {
        begin_members(reply, wanted, with_scores);
        for _ in 0..wanted {
            if let Some(pair) = set.random(&mut engine.random) {
                member(reply, pair, with_scores);
            }
        }
        return Ok(());
    }
    begin_members(reply, wanted.min(set.len()), with_scores);
    if wanted >= set.len() {
        set.iter().rev().for_each(|pair| member(reply, pair, with_scores));
        return Ok(());
    }
    for number in distinct_indexes(set.len(), wanted, &mut engine.random) {
        if let Some(pair) = set.by_number(number as usize) {
            member(reply, pair, with_scores);
        }
    }
    Ok(())
}

/// A count that can be negated.
fn bounded(argument: &[u8]) -> Result<i64, Error> {
    let count = integer(argument)?;
    if count == i64::MIN {
        let (least, most) = (-i64::MAX, i64::MAX);
        return Err(Error::worded(format!("ERR value is out of range, value must between {least} and {most}")));
    }
    Ok(count)
}

fn one(engine: &mut Engine, key: &[u8]) -> Outcome {
    let set = engine.keyspace.read_as::<SortedSet>(key)?;
    match set.and_then(|set| set.random(&mut engine.random)) {
        Some((member, _)) => bulk(&mut engine.reply, member),
        None => engine.reply.null(),
    }
    Ok(())
}
