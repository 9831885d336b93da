//! ZRANDMEMBER.

use super::super::arguments::is;
use super::super::elements::{bulk, draws, draws_of_pairs};
use super::super::error::{Error, Outcome};
use super::{begin_members, member};
use crate::engine::data::dict::distinct_indexes;
use crate::engine::data::sorted_set::SortedSet;
use crate::engine::state::Engine;

pub(super) fn zrandmember(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (count, with_scores) = match arguments {
        [_, _] => return one(engine, arguments[1]),
        [_, _, count] => (draws(count)?, false),
        [_, _, count, word] if is(word, "withscores") => (draws_of_pairs(count)?, true),
        [_, _, count, ..] => {
            draws(count)?;
            return Err(Error::SYNTAX);
        }
        _ => return Err(Error::SYNTAX),
    };
    let longest = engine.longest_reply();
    let Some(set) = engine.keyspace.read_as::<SortedSet>(arguments[1])? else {
        engine.reply.array(0);
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let reply = &mut engine.reply;
    if count < 0 {
        begin_members(reply, wanted, with_scores);
        for _ in 0..wanted {
            if reply.len() >= longest {
                break;
            }
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

fn one(engine: &mut Engine, key: &[u8]) -> Outcome {
    let set = engine.keyspace.read_as::<SortedSet>(key)?;
    match set.and_then(|set| set.random(&mut engine.random)) {
        Some((member, _)) => bulk(&mut engine.reply, member),
        None => engine.reply.null(),
    }
    Ok(())
}
