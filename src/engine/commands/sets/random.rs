//! SPOP and SRANDMEMBER.

use super::super::elements::{bulk, count, draws};
use super::super::error::{Error, Outcome};
use super::limits;
use crate::engine::data::set::{Set, union};
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::value::Collection;
use crate::engine::state::Engine;

/// How many members a replica is told of in one command.
const TOLD_AT_ONCE: usize = 1024;
/// A set of which so many times as many members were taken as are left is made anew. Redis: `SPOP_MOVE_STRATEGY_MUL`.
const MADE_ANEW_BEYOND: usize = 5;

pub(super) fn spop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    match arguments {
        [_, key] => pop_one(engine, key),
        [_, key, most] => pop_many(engine, key, count(most)?),
        _ => Err(Error::SYNTAX),
    }
}

fn pop_one(engine: &mut Engine, key: &[u8]) -> Outcome {
    let set = engine.keyspace.write_as::<Set>(key)?;
    let Some(member) = set.and_then(|set| set.pop(&mut engine.random)) else {
        engine.reply.null();
        return Ok(());
    };
    engine.keyspace.changed(Classes::SET, "spop", key);
    engine.keyspace.remove_if_empty(key);
    engine.reply.bulk(member.as_slice());
    // What was drawn here is drawn everywhere.
    engine.propagation.instead(&[b"SREM", key, member.as_slice()]);
    Ok(())
}

fn pop_many(engine: &mut Engine, key: &[u8], most: usize) -> Outcome {
    let limits = limits(engine);
    let Some(set) = engine.keyspace.write_as::<Set>(key)?.filter(|_| most > 0) else {
        engine.reply.set(0);
        return Ok(());
    };
    if most >= set.len() {
        return pop_all(engine, key);
    }
    engine.reply.set(most);
    let mut taken = Vec::with_capacity(most);
    while taken.len() < most
        && let Some(member) = set.pop(&mut engine.random)
    {
        engine.reply.bulk(member.as_slice());
        taken.push(member);
    }
    if set.len().saturating_mul(MADE_ANEW_BEYOND) <= most {
        // What is left may be integers alone.
        *set = union([&*set], &limits);
    }
    engine.keyspace.changed(Classes::SET, "spop", key);
    engine.keyspace.dirty += most as u64 - 1;
    for some in taken.chunks(TOLD_AT_ONCE) {
        let members = some.iter().map(|member| member.as_slice());
        let command: Vec<&[u8]> = [b"SREM".as_slice(), key].into_iter().chain(members).collect();
        engine.propagation.also(&command);
    }
    Ok(())
}

/// Answers all members, and takes the key away.
fn pop_all(engine: &mut Engine, key: &[u8]) -> Outcome {
    let Some((value, _)) = engine.keyspace.take(key) else { return Ok(()) };
    let set = Set::of(&value).ok_or(Error::WRONG_TYPE)?;
    engine.reply.set(set.len());
    set.iter().for_each(|member| bulk(&mut engine.reply, member));
    engine.keyspace.changed(Classes::SET, "spop", key);
    engine.keyspace.dirty += set.len() as u64 - 1;
    engine.keyspace.notify(Classes::GENERIC, "del", key);
    engine.propagation.instead(&[b"DEL", key]);
    Ok(())
}

pub(super) fn srandmember(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    match arguments {
        [_, key] => draw_one(engine, key),
        [_, key, count] => draw(engine, key, draws(count)?),
        _ => Err(Error::SYNTAX),
    }
}

fn draw_one(engine: &mut Engine, key: &[u8]) -> Outcome {
    let set = engine.keyspace.read_as::<Set>(key)?;
    match set.and_then(|set| set.random(&mut engine.random)) {
        Some(member) => bulk(&mut engine.reply, member),
        None => engine.reply.null(),
    }
    Ok(())
}

/// Answers members drawn at random, a negative number of them with repeats.
fn draw(engine: &mut Engine, key: &[u8], count: i64) -> Outcome {
    let longest = engine.longest_reply();
    let Some(set) = engine.keyspace.read_as::<Set>(key)? else {
        engine.reply.array(0);
        return Ok(());
    };
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let reply = &mut engine.reply;
    if count >= 0 {
        reply.array(most.min(set.len()));
        set.sample_distinct(most, &mut engine.random, |member| bulk(reply, member));
        return Ok(());
    }
    reply.array(most);
    for _ in 0..most {
        if reply.len() >= longest {
            break;
        }
        if let Some(member) = set.random(&mut engine.random) {
            bulk(reply, member);
        }
    }
    Ok(())
}
