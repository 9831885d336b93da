//! Sets: SADD, SPOP, SINTER and their kin.

mod combine;
mod random;
#[cfg(test)]
mod tests;

use super::command::{Categories, Command, Execute, Flags};
use super::elements::bulk;
use super::error::Outcome;
use super::scanning::{Scan, cursor};
use crate::engine::data::set::{Limits, Set};
use crate::engine::keyspace::events::Classes;
use crate::engine::resp::Reply;
use crate::engine::state::Engine;

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST);
const REMOVE: Flags = Flags::WRITE.and(Flags::FAST);
const STORE: Flags = Flags::WRITE.and(Flags::DENYOOM);

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

/// The commands of this family.
pub const COMMANDS: &[Command] = &[
    row("sadd", -3, sadd, STORE.and(Flags::FAST), "1.0.0", "Adds members.").key("RW insert"),
    row("srem", -3, srem, REMOVE, "1.0.0", "Removes members.").key("RW delete"),
    row("scard", 2, scard, FAST_READ, "1.0.0", "Tells how many members there are.").key("RO"),
    row("sismember", 3, sismember, FAST_READ, "1.0.0", "Tells whether a member is there.").key("RO"),
    row("smismember", -3, smismember, FAST_READ, "6.2.0", "Tells which members are there.").key("RO"),
    row("smembers", 2, smembers, READ, "1.0.0", "Tells all members.").key("RO access"),
    row("spop", -2, random::spop, REMOVE, "1.0.0", "Takes members drawn at random.").key("RW access delete"),
    row("srandmember", -2, random::srandmember, READ, "1.0.0", "Tells members drawn at random.").key("RO access"),
    row("smove", 4, smove, REMOVE, "1.0.0", "Moves a member to another set.").range(1, 2, 1, "RW access delete"),
    row("sinter", -2, combine::sinter, READ, "1.0.0", "Tells what is in all of several sets.").range(
        1,
        -1,
        1,
        "RO access",
    ),
    row("sintercard", -3, combine::sintercard, READ, "7.0.0", "Counts what is in all of several sets.").counted(
        1,
        2,
        0,
        "RO access",
    ),
    row("sinterstore", -3, combine::sinterstore, STORE, "1.0.0", "Stores what is in all of several sets.").range(
        1,
        -1,
        1,
        "RW update",
    ),
    row("sunion", -2, combine::sunion, READ, "1.0.0", "Tells what is in any of several sets.").range(
        1,
        -1,
        1,
        "RO access",
    ),
    row("sunionstore", -3, combine::sunionstore, STORE, "1.0.0", "Stores what is in any of several sets.").range(
        1,
        -1,
        1,
        "OW update",
    ),
    row("sdiff", -2, combine::sdiff, READ, "1.0.0", "Tells what is in the first set alone.").range(
        1,
        -1,
        1,
        "RO access",
    ),
    row("sdiffstore", -3, combine::sdiffstore, STORE, "1.0.0", "Stores what is in the first set alone.").range(
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

fn smove(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (from, to, member) = (arguments[1], arguments[2], arguments[3]);
    let Some(is_there) = engine.keyspace.write_as::<Set>(from)?.map(|set| set.contains(member)) else {
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
