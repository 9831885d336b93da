//! Sets: SADD, SPOP, SINTER and their kin.

use super::arguments::{integer, is};
use super::command::{Categories, Command, Execute, Flags};
use super::elements::{bulk, count, count_or, counted_keys_to_the_end};
use super::error::{Error, Outcome};
use super::scanning::{Scan, cursor};
use crate::engine::data::set::{self, Limits, Set};
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::value::{Collection, Value};
use crate::engine::resp::Reply;
use crate::engine::state::Engine;

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST);
const REMOVE: Flags = Flags::WRITE.and(Flags::FAST);
const STORE: Flags = Flags::WRITE.and(Flags::DENYOOM);
/// How many members a replica is told of in one command.
const TOLD_AT_ONCE: usize = 1024;

const fn row(
    name: &'static str,
    arity: i16,
    execute: Execute,
    flags: Flags,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(name, arity, execute).flags(flags).categories(Categories::SET).about("set", since, summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    row("sadd", -3, sadd, STORE.and(Flags::FAST), "1.0.0", "Adds members.").key("RW insert"),
    row("srem", -3, srem, REMOVE, "1.0.0", "Removes members.").key("RW delete"),
    row("scard", 2, scard, FAST_READ, "1.0.0", "Tells how many members there are.").key("RO"),
    row("sismember", 3, sismember, FAST_READ, "1.0.0", "Tells whether a member is there.").key("RO"),
    row("smismember", -3, smismember, FAST_READ, "6.2.0", "Tells which members are there.").key("RO"),
    row("smembers", 2, smembers, READ, "1.0.0", "Tells all members.").key("RO access"),
    row("spop", -2, spop, REMOVE, "1.0.0", "Takes members drawn at random.").key("RW access delete"),
    row("srandmember", -2, srandmember, READ, "1.0.0", "Tells members drawn at random.").key("RO access"),
    row("smove", 4, smove, REMOVE, "1.0.0", "Moves a member to another set.").range(1, 2, 1, "RW access delete"),
    row("sinter", -2, sinter, READ, "1.0.0", "Tells what is in all of several sets.").range(1, -1, 1, "RO access"),
    row("sintercard", -3, sintercard, READ, "7.0.0", "Counts what is in all of several sets.").counted(
        1,
        2,
        0,
        "RO access",
    ),
    row("sinterstore", -3, sinterstore, STORE, "1.0.0", "Stores what is in all of several sets.").range(
        1,
        -1,
        1,
        "RW update",
    ),
    row("sunion", -2, sunion, READ, "1.0.0", "Tells what is in any of several sets.").range(1, -1, 1, "RO access"),
    row("sunionstore", -3, sunionstore, STORE, "1.0.0", "Stores what is in any of several sets.").range(
        1,
        -1,
        1,
        "OW update",
    ),
    row("sdiff", -2, sdiff, READ, "1.0.0", "Tells what is in the first set alone.").range(1, -1, 1, "RO access"),
    row("sdiffstore", -3, sdiffstore, STORE, "1.0.0", "Stores what is in the first set alone.").range(
        1,
        -1,
        1,
        "OW update",
    ),
    row("sscan", -3, sscan, READ, "2.8.0", "Goes through members step by step.").key("RO access"),
];

/// The limit of the compact encoding, as it is set.
pub fn limits(engine: &Engine) -> Limits {
    Limits { max_intset_entries: engine.config.collections.set_max_intset_entries }
}

fn sadd(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, limits) = (arguments[1], limits(engine));
    let set = engine.keyspace.write_or_create(key, Set::new)?;
    let new = arguments[2..].iter().filter(|member| set.insert(member, &limits)).count();
    if new > 0 {
        engine.keyspace.changed(Classes::SET, "sadd", key);
        engine.keyspace.dirty += new as u64 - 1;
    }
    engine.reply.count(new);
    Ok(())
}

fn srem(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[1];
    let Some(set) = engine.keyspace.write_as::<Set>(key)? else {
        engine.reply.integer(0);
        return Ok(());
    };
    let gone = arguments[2..].iter().filter(|member| set.remove(member)).count();
    if gone > 0 {
        engine.keyspace.changed(Classes::SET, "srem", key);
        engine.keyspace.dirty += gone as u64 - 1;
        engine.keyspace.remove_if_empty(key);
    }
    engine.reply.count(gone);
    Ok(())
}

fn scard(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let length = engine.keyspace.read_as::<Set>(arguments[1])?.map_or(0, Set::len);
    engine.reply.count(length);
    Ok(())
}

fn sismember(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = engine.keyspace.read_as::<Set>(arguments[1])?.is_some_and(|set| set.contains(arguments[2]));
    engine.reply.flag(found);
    Ok(())
}

fn smismember(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let set = engine.keyspace.read_as::<Set>(arguments[1])?;
    engine.reply.array(arguments.len() - 2);
    for member in &arguments[2..] {
        engine.reply.flag(set.is_some_and(|set| set.contains(member)));
    }
    Ok(())
}

fn smembers(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let set = engine.keyspace.read_as::<Set>(arguments[1])?;
    engine.reply.set(set.map_or(0, Set::len));
    set.into_iter().flat_map(Set::iter).for_each(|member| bulk(&mut engine.reply, member));
    Ok(())
}

fn spop(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
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
    let Some(set) = engine.keyspace.write_as::<Set>(key)?.filter(|_| most > 0) else {
        engine.reply.set(0);
        return Ok(());
    };
    let all = most >= set.len();
    let taken: Vec<_> = std::iter::from_fn(|| set.pop(&mut engine.random)).take(most).collect();
    engine.keyspace.changed(Classes::SET, "spop", key);
    engine.keyspace.dirty += taken.len() as u64 - 1;
    engine.keyspace.remove_if_empty(key);
    engine.reply.set(taken.len());
    taken.iter().for_each(|member| engine.reply.bulk(member.as_slice()));
    if all {
        engine.propagation.instead(&[b"DEL", key]);
        return Ok(());
    }
    for some in taken.chunks(TOLD_AT_ONCE) {
        let command: Vec<&[u8]> =
            [&b"SREM"[..], key].into_iter().chain(some.iter().map(|member| member.as_slice())).collect();
        engine.propagation.also(&command);
    }
    Ok(())
}

fn srandmember(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if arguments.len() > 3 {
        return Err(Error::SYNTAX);
    }
    let Some(most) = arguments.get(2) else {
        let set = engine.keyspace.read_as::<Set>(arguments[1])?;
        match set.and_then(|set| set.random(&mut engine.random)) {
            Some(member) => bulk(&mut engine.reply, member),
            None => engine.reply.null(),
        }
        return Ok(());
    };
    let most = integer(most)?;
    if most == i64::MIN {
        return Err(Error::fixed("ERR value is out of range"));
    }
    let Some(set) = engine.keyspace.read_as::<Set>(arguments[1])? else {
        engine.reply.array(0);
        return Ok(());
    };
    let (distinct, most) = (most >= 0, usize::try_from(most.unsigned_abs()).unwrap_or(usize::MAX));
    let reply = &mut engine.reply;
    if distinct {
        reply.array(most.min(set.len()));
        set.sample_distinct(most, &mut engine.random, |member| bulk(reply, member));
    } else {
        reply.array(most);
        for _ in 0..most {
            if let Some(member) = set.random(&mut engine.random) {
                bulk(reply, member);
            }
        }
    }
    Ok(())
}

fn smove(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (from, to, member) = (arguments[1], arguments[2], arguments[3]);
    let source = engine.keyspace.read_as::<Set>(from)?.map(|set| set.contains(member));
    let Some(is_there) = source else {
        engine.reply.integer(0);
        return Ok(());
    };
    engine.keyspace.write_as::<Set>(to)?;
    if from == to || !is_there {
        engine.reply.flag(is_there);
        return Ok(());
    }
    let limits = limits(engine);
    if let Some(set) = engine.keyspace.write_as::<Set>(from)? {
        set.remove(member);
    }
    engine.keyspace.changed(Classes::SET, "srem", from);
    engine.keyspace.remove_if_empty(from);
    if engine.keyspace.write_or_create(to, Set::new)?.insert(member, &limits) {
        engine.keyspace.changed(Classes::SET, "sadd", to);
    }
    engine.reply.integer(1);
    Ok(())
}

/// The sets of these keys; of those that are not there, nothing.
fn sets<'a>(engine: &'a mut Engine, keys: &[&[u8]]) -> Result<Vec<Option<&'a Set>>, Error> {
    for key in keys {
        engine.keyspace.read_as::<Set>(key)?;
    }
    let keyspace = &engine.keyspace;
    let look = |key: &&[u8]| {
        let index = keyspace.database().find(key).filter(|index| !keyspace.has_expired(*index))?;
        Set::of(&keyspace.database().at(index).value)
    };
    Ok(keys.iter().map(look).collect())
}

fn intersection(engine: &mut Engine, keys: &[&[u8]]) -> Result<Set, Error> {
    let limits = limits(engine);
    let mut found = Set::new();
    if let Some(sets) = sets(engine, keys)?.into_iter().collect::<Option<Vec<&Set>>>() {
        let mut buffer = itoa::Buffer::new();
        set::intersect(&sets, |member| {
            found.insert(member.to_text(&mut buffer), &limits);
            true
        });
    }
    Ok(found)
}

fn union(engine: &mut Engine, keys: &[&[u8]]) -> Result<Set, Error> {
    let limits = limits(engine);
    Ok(set::union(sets(engine, keys)?.into_iter().flatten(), &limits))
}

fn difference(engine: &mut Engine, keys: &[&[u8]]) -> Result<Set, Error> {
    let limits = limits(engine);
    let sets = sets(engine, keys)?;
    let Some(Some(first)) = sets.first() else { return Ok(Set::new()) };
    let others: Vec<&Set> = sets[1..].iter().copied().flatten().collect();
    Ok(set::difference(first, &others, &limits))
}

fn sinter(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = intersection(engine, &arguments[1..])?;
    reply_set(&mut engine.reply, &found);
    Ok(())
}

fn sunion(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = union(engine, &arguments[1..])?;
    reply_set(&mut engine.reply, &found);
    Ok(())
}

fn sdiff(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = difference(engine, &arguments[1..])?;
    reply_set(&mut engine.reply, &found);
    Ok(())
}

fn reply_set(reply: &mut Reply, set: &Set) {
    reply.set(set.len());
    set.iter().for_each(|member| bulk(reply, member));
}

fn sinterstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = intersection(engine, &arguments[2..])?;
    store(engine, arguments[1], found, "sinterstore")
}

fn sunionstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = union(engine, &arguments[2..])?;
    store(engine, arguments[1], found, "sunionstore")
}

fn sdiffstore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = difference(engine, &arguments[2..])?;
    store(engine, arguments[1], found, "sdiffstore")
}

/// Puts a set in the place of what a key holds; an empty one takes the key away.
fn store(engine: &mut Engine, key: &[u8], found: Set, event: &'static str) -> Outcome {
    let length = found.len();
    if length > 0 {
        let value: Value = found.into_value();
        engine.keyspace.set(key, value, false);
        engine.keyspace.changed(Classes::SET, event, key);
    } else if engine.keyspace.delete(key) {
        engine.keyspace.changed(Classes::GENERIC, "del", key);
    }
    engine.reply.count(length);
    Ok(())
}

fn sintercard(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (keys, end) = counted_keys_to_the_end(arguments, 1)?;
    let mut limit = 0;
    for option in arguments[end..].chunks(2) {
        match option {
            [word, most] if is(word, "limit") => limit = count_or(most, 0, "ERR LIMIT can't be negative")?,
            _ => return Err(Error::SYNTAX),
        }
    }
    let mut found = 0;
    if let Some(sets) = sets(engine, keys)?.into_iter().collect::<Option<Vec<&Set>>>() {
        set::intersect(&sets, |_| {
            found += 1;
            found != limit
        });
    }
    engine.reply.count(found);
    Ok(())
}

fn sscan(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let cursor = cursor(arguments[2])?;
    let Some(set) = engine.keyspace.read_as::<Set>(arguments[1])? else {
        engine.reply.array(2);
        engine.reply.bulk(b"0");
        engine.reply.array(0);
        return Ok(());
    };
    let scan = Scan::parse(&arguments[3..], false)?;
    let (mut found, mut texts, mut buffer) = (0, Reply::default(), itoa::Buffer::new());
    let next = set.scan(cursor, scan.count, |member| {
        if scan.matches(member.to_text(&mut buffer)) {
            found += 1;
            bulk(&mut texts, member);
        }
    });
    engine.reply.array(2);
    engine.reply.text(&next.to_string());
    engine.reply.array(found);
    engine.reply.raw(texts.bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::engine::commands::testing::Desk;

    #[test]
    fn members_come_and_go() {
        let mut desk = Desk::new();
        desk.expect("sadd s 3 1 2 1", ":3");
        desk.expect("smembers s", "*3 $1 1 $1 2 $1 3");
        desk.expect("object encoding s", "$6 intset");
        desk.expect("sadd s x", ":1");
        desk.expect("object encoding s", "$9 hashtable");
        desk.expect("smismember s 1 9 x", "*3 :1 :0 :1");
        desk.expect("srem s 1 2 3 x y", ":4");
        desk.expect("exists s", ":0");
    }

    #[test]
    fn sets_are_combined() {
        let mut desk = Desk::new();
        desk.expect("sadd a 1 2 3", ":3");
        desk.expect("sadd b 2 3 4", ":3");
        desk.expect("sinter a b", "*2 $1 2 $1 3");
        desk.expect("sinter a none", "*0");
        desk.expect("sunion a b none", "*4 $1 1 $1 2 $1 3 $1 4");
        desk.expect("sdiff a b", "*1 $1 1");
        desk.expect("sintercard 2 a b limit 1", ":1");
        desk.expect("sintercard 2 a b", ":2");
        desk.expect("sintercard 3 a b", "-ERR Number of keys can't be greater than number of args");
        desk.expect("sintercard 2 a b limit -1", "-ERR LIMIT can't be negative");
        desk.expect("sdiffstore a a a", ":0");
        desk.expect("exists a", ":0");
    }

    #[test]
    fn members_move_and_are_drawn() {
        let mut desk = Desk::new();
        desk.expect("sadd a x", ":1");
        desk.expect("smove a b x", ":1");
        desk.expect("smove a b x", ":0");
        desk.expect("srandmember b -3", "*3 $1 x $1 x $1 x");
        desk.expect("spop b 5", "*1 $1 x");
        desk.expect("spop b", "$-1");
        desk.expect("spop b -1", "-ERR value is out of range, must be positive");
    }
}
