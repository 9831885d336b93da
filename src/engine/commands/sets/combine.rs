//! Commands that put several sets together: unions, intersections, differences.

use super::super::arguments::is;
use super::super::elements::{bulk, count_or, counted_keys_to_the_end};
use super::super::error::{Error, Outcome};
use super::limits;
use crate::engine::data::set::{self, Limits, Set};
use crate::engine::keyspace::Keyspace;
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::value::Collection;
use crate::engine::resp::Reply;
use crate::engine::state::Engine;

/// Reads the keys: they count as read, and must hold sets.
///
/// # Errors
/// Another type.
fn look_at(keyspace: &mut Keyspace, keys: &[&[u8]]) -> Result<(), Error> {
    for key in keys {
        keyspace.read_as::<Set>(key)?;
    }
    Ok(())
}

/// The sets of keys that were looked at before; of those that are not there, nothing.
fn sets<'a, 'b>(keyspace: &'a Keyspace, keys: &'b [&'b [u8]]) -> impl Iterator<Item = Option<&'a Set>> + use<'a, 'b> {
    keys.iter().map(|key| {
        let index = keyspace.database().find(key).filter(|index| !keyspace.has_expired(*index))?;
        Set::of(&keyspace.database().at(index).value)
    })
}

/// The sets to intersect; none, where one is not there and so nothing is in all of them.
fn sets_to_intersect<'a>(keyspace: &'a Keyspace, keys: &[&[u8]]) -> Vec<&'a Set> {
    sets(keyspace, keys).collect::<Option<_>>().unwrap_or_default()
}

/// How sets are put together into a new one.
type Operation = fn(&Keyspace, &[&[u8]], &Limits) -> Set;

fn intersection(keyspace: &Keyspace, keys: &[&[u8]], limits: &Limits) -> Set {
    let (mut found, mut buffer) = (Set::new(), itoa::Buffer::new());
    set::intersect(&sets_to_intersect(keyspace, keys), |member| {
        found.insert(member.to_text(&mut buffer), limits);
        true
    });
    found
}

fn union(keyspace: &Keyspace, keys: &[&[u8]], limits: &Limits) -> Set {
    set::union(sets(keyspace, keys).flatten(), limits)
}

fn difference(keyspace: &Keyspace, keys: &[&[u8]], limits: &Limits) -> Set {
    let mut sets = sets(keyspace, keys);
    let Some(Some(first)) = sets.next() else { return Set::new() };
    let others: Vec<&Set> = sets.flatten().collect();
    set::difference(first, &others, limits)
}

fn combine(engine: &mut Engine, keys: &[&[u8]], operation: Operation) -> Result<Set, Error> {
    look_at(&mut engine.keyspace, keys)?;
    Ok(operation(&engine.keyspace, keys, &limits(engine)))
}

pub(super) fn sinter(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let keys = &arguments[1..];
    look_at(&mut engine.keyspace, keys)?;
    let sets = sets_to_intersect(&engine.keyspace, keys);
    engine.reply.set_of(|reply| {
        let mut found = 0;
        set::intersect(&sets, |member| {
            bulk(reply, member);
            found += 1;
            true
        });
        found
    });
    Ok(())
}

pub(super) fn sunion(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = combine(engine, &arguments[1..], union)?;
    reply_set(&mut engine.reply, &found);
    Ok(())
}

pub(super) fn sdiff(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = combine(engine, &arguments[1..], difference)?;
    reply_set(&mut engine.reply, &found);
    Ok(())
}

fn reply_set(reply: &mut Reply, set: &Set) {
    reply.set(set.len());
    set.iter().for_each(|member| bulk(reply, member));
}

pub(super) fn sinterstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = combine(engine, &arguments[2..], intersection)?;
    store(engine, arguments[1], found, "sinterstore")
}

pub(super) fn sunionstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = combine(engine, &arguments[2..], union)?;
    store(engine, arguments[1], found, "sunionstore")
}

pub(super) fn sdiffstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = combine(engine, &arguments[2..], difference)?;
    store(engine, arguments[1], found, "sdiffstore")
}

/// Puts a set in the place of what a key holds; an empty one takes the key away.
fn store(engine: &mut Engine, key: &[u8], found: Set, event: &'static str) -> Outcome {
    engine.reply.count(found.len());
    if !found.is_empty() {
        engine.keyspace.set(key, found.into_value(), false);
        engine.keyspace.changed(Classes::SET, event, key);
    } else if engine.keyspace.delete(key) {
        engine.keyspace.changed(Classes::GENERIC, "del", key);
    }
    Ok(())
}

pub(super) fn sintercard(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (keys, end) = counted_keys_to_the_end(arguments, 1)?;
    // 0: all.
    let mut limit = 0;
    for option in arguments[end..].chunks(2) {
        match option {
            [word, most] if is(word, "limit") => limit = count_or(most, 0, "ERR LIMIT can't be negative")?,
            _ => return Err(Error::SYNTAX),
        }
    }
    look_at(&mut engine.keyspace, keys)?;
    let mut found = 0;
    set::intersect(&sets_to_intersect(&engine.keyspace, keys), |_| {
        found += 1;
        found != limit
    });
    engine.reply.count(found);
    Ok(())
}
