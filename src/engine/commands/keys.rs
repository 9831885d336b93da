//! Keys of any type: DEL, EXISTS, TYPE, KEYS, RENAME, COPY, MOVE, OBJECT and their kin.

use super::arguments::{is, small_integer};
use super::command::{Categories, Command, Execute, Flags};
use super::error::{Error, Outcome};
use super::help;
use crate::engine::data::dict::Keyed;
use crate::engine::data::glob;
use crate::engine::keyspace::Keyspace;
use crate::engine::keyspace::entry::Entry;
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::value::Value;
use crate::engine::state::Engine;

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST);

const fn row(name: &'static str, arity: i16, execute: Execute) -> Command {
    Command::new(name, arity, execute).categories(Categories::KEYSPACE)
}

const fn object_row(name: &'static str, since: &'static str, summary: &'static str, execute: Execute) -> Command {
    row(name, 3, execute).flags(Flags::READONLY).range(2, 2, 1, "RO").about("generic", since, summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    row("del", -2, del).flags(Flags::WRITE).range(1, -1, 1, "RM delete").about(
        "generic",
        "1.0.0",
        "Deletes one or more keys.",
    ),
    row("unlink", -2, del).flags(FAST_WRITE).range(1, -1, 1, "RM delete").about(
        "generic",
        "4.0.0",
        "Deletes one or more keys.",
    ),
    row("exists", -2, exists).flags(READ).range(1, -1, 1, "RO").about(
        "generic",
        "1.0.0",
        "Tells how many of the keys are there.",
    ),
    row("touch", -2, touch).flags(READ).range(1, -1, 1, "RO").about(
        "generic",
        "3.2.1",
        "Tells how many of the keys are there, and counts it as their use.",
    ),
    row("type", 2, type_of).flags(READ).key("RO").about("generic", "1.0.0", "Tells the type of what a key holds."),
    row("keys", 2, keys).flags(Flags::READONLY).categories(Categories::DANGEROUS).about(
        "generic",
        "1.0.0",
        "Lists all keys that match a pattern.",
    ),
    row("randomkey", 1, random_key).flags(Flags::READONLY).about("generic", "1.0.0", "Answers a key at random."),
    row("rename", 3, rename).flags(Flags::WRITE).range(1, 2, 1, "RW access delete").about(
        "generic",
        "1.0.0",
        "Renames a key, over whatever has the new name.",
    ),
    row("renamenx", 3, rename_to_new).flags(FAST_WRITE).range(1, 2, 1, "RW access delete").about(
        "generic",
        "1.0.0",
        "Renames a key, unless there is one of the new name.",
    ),
    row("copy", -3, copy).flags(Flags::WRITE.and(Flags::DENYOOM)).range(1, 2, 1, "RO access").about(
        "generic",
        "6.2.0",
        "Copies what a key holds to another key.",
    ),
    row("move", 3, move_key).flags(FAST_WRITE).key("RW access update").about(
        "generic",
        "1.0.0",
        "Moves a key to another database.",
    ),
    Command::new("object", -2, help::container).about("generic", "2.2.3", "Looks at how a key's value is kept.").with(
        &[
            object_row("encoding", "2.2.3", "Tells how the value is encoded.", encoding),
            object_row("freq", "4.0.0", "Tells how often the key is used, on a logarithmic scale.", frequency),
            object_row("idletime", "2.2.3", "Tells for how many seconds the key was not used.", idle_time),
            object_row("refcount", "2.2.3", "Tells how many refer to the value.", references),
            row("help", 2, object_help).flags(Flags::LOADING.and(Flags::STALE)).about(
                "generic",
                "6.2.0",
                "Tells what OBJECT can do.",
            ),
        ],
    ),
];

fn del(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let mut count = 0;
    for key in &arguments[1..] {
        if engine.keyspace.delete(key) {
            engine.keyspace.changed(Classes::GENERIC, "del", key);
            count += 1;
        }
    }
    engine.reply.count(count);
    Ok(())
}

fn exists(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let count = arguments[1..].iter().filter(|key| engine.keyspace.look(key).is_some()).count();
    engine.reply.count(count);
    Ok(())
}

fn touch(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let count = arguments[1..].iter().filter(|key| engine.keyspace.read(key).is_some()).count();
    engine.reply.count(count);
    Ok(())
}

fn type_of(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let name = engine.keyspace.look(arguments[1]).map_or("none", |entry| entry.value.type_name());
    engine.reply.status(name);
    Ok(())
}

fn keys(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (keyspace, pattern) = (&engine.keyspace, arguments[1]);
    if glob::is_literal(pattern) {
        let found = keyspace.database().find(pattern).filter(|index| !keyspace.has_expired(*index));
        engine.reply.bulks(if found.is_some() { &arguments[1..] } else { &[] });
        return Ok(());
    }
    let all = pattern == b"*";
    let matches = |entry: &Entry| all || glob::matches(pattern, entry.key());
    engine.reply.array_of(|reply| {
        let mut count = 0;
        for (index, entry) in (0..).zip(keyspace.database().entries().iter()) {
            if matches(entry) && !keyspace.has_expired(index) {
                reply.bulk(entry.key());
                count += 1;
            }
        }
        count
    });
    Ok(())
}

fn random_key(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.propagation.may_meet_expired();
    let key = engine.keyspace.random(&mut engine.random);
    engine.reply.bulk_or_null(key.as_deref());
    Ok(())
}

fn rename(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    rename_key(engine, arguments[1], arguments[2], false)?;
    engine.reply.ok();
    Ok(())
}

fn rename_to_new(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let done = rename_key(engine, arguments[1], arguments[2], true)?;
    engine.reply.flag(done);
    Ok(())
}

/// Renames a key; tells whether it did.
fn rename_key(engine: &mut Engine, from: &[u8], to: &[u8], only_new: bool) -> Result<bool, Error> {
    let keyspace = &mut engine.keyspace;
    if keyspace.write(from).is_none() {
        return Err(Error::NO_SUCH_KEY);
    }
    if from == to || (keyspace.exists(to) && only_new) {
        return Ok(false);
    }
    keyspace.relocate(from, &(keyspace.selected, to.to_vec()));
    keyspace.notify(Classes::GENERIC, "rename_from", from);
    keyspace.notify(Classes::GENERIC, "rename_to", to);
    keyspace.dirty += 1;
    Ok(true)
}

fn copy(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (from, to) = (arguments[1], arguments[2]);
    let source = engine.keyspace.selected;
    let (database, replace) = copy_options(engine, &arguments[3..])?;
    if engine.config.cluster.enabled && (source != 0 || database != 0) {
        return Err(Error::fixed("ERR Copying to another database is not allowed in cluster mode"));
    }
    if source == database && from == to {
        return Err(SAME_OBJECT);
    }
    let keyspace = &mut engine.keyspace;
    let taken = |keyspace: &mut Keyspace| !replace && keyspace.exists(to);
    if keyspace.read(from).is_none() || keyspace.within(database, taken) {
        engine.reply.flag(false);
        return Ok(());
    }
    keyspace.duplicate(from, &(database, to.to_vec()));
    keyspace.within(database, |keyspace| keyspace.notify(Classes::GENERIC, "copy_to", to));
    keyspace.dirty += 1;
    engine.reply.flag(true);
    Ok(())
}

const SAME_OBJECT: Error = Error::fixed("ERR source and destination objects are the same");

/// The database to copy to, and whether a key may be there.
fn copy_options(engine: &Engine, options: &[&[u8]]) -> Result<(usize, bool), Error> {
    let (mut database, mut replace) = (engine.keyspace.selected, false);
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        if is(option, "replace") {
            replace = true;
        } else if is(option, "db") {
            database = database_number(engine, rest.next().ok_or(Error::SYNTAX)?)?;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    Ok((database, replace))
}

fn database_number(engine: &Engine, argument: &[u8]) -> Result<usize, Error> {
    let number =
        usize::try_from(small_integer(argument)?).ok().filter(|number| *number < engine.keyspace.databases().len());
    number.ok_or(Error::fixed("ERR DB index is out of range"))
}

fn move_key(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if engine.config.cluster.enabled {
        return Err(Error::fixed("ERR MOVE is not allowed in cluster mode"));
    }
    let key = arguments[1];
    let database = database_number(engine, arguments[2])?;
    let keyspace = &mut engine.keyspace;
    if database == keyspace.selected {
        return Err(SAME_OBJECT);
    }
    if keyspace.write(key).is_none() || keyspace.within(database, |keyspace| keyspace.exists(key)) {
        engine.reply.flag(false);
        return Ok(());
    }
    keyspace.relocate(key, &(database, key.to_vec()));
    keyspace.notify(Classes::GENERIC, "move_from", key);
    keyspace.within(database, |keyspace| keyspace.notify(Classes::GENERIC, "move_to", key));
    keyspace.dirty += 1;
    engine.reply.flag(true);
    Ok(())
}

/// Writes what `tell` says of a key's entry; nothing where there is none.
fn inspect(engine: &mut Engine, key: &[u8], tell: impl FnOnce(&Engine, &Entry) -> Result<Told, Error>) -> Outcome {
    let keyspace = &mut engine.keyspace;
    if !keyspace.exists(key) {
        keyspace.statistics.misses += 1;
        engine.reply.null();
        return Ok(());
    }
    keyspace.statistics.hits += 1;
    let Some(index) = keyspace.database().find(key) else { return Ok(()) };
    match tell(engine, engine.keyspace.database().at(index))? {
        Told::Text(text) => engine.reply.text(text),
        Told::Number(number) => engine.reply.integer(number),
    }
    Ok(())
}

enum Told {
    Text(&'static str),
    Number(i64),
}

fn encoding(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    inspect(engine, arguments[2], |_, entry| Ok(Told::Text(entry.value.encoding())))
}

fn frequency(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    inspect(engine, arguments[2], |engine, entry| {
        let clock = &engine.keyspace.clock;
        if !clock.is_lfu() {
            return Err(Error::fixed(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
        Ok(Told::Number(clock.counter(entry.clock()).into()))
    })
}

fn idle_time(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    inspect(engine, arguments[2], |engine, entry| {
        let clock = &engine.keyspace.clock;
        if clock.is_lfu() {
            return Err(Error::fixed(
                "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
        Ok(Told::Number(clock.idle_seconds(entry.clock()).into()))
    })
}

/// Integers below this are shared objects in Redis, whose count of references is the largest there is.
const SHARED_INTEGERS: i64 = 10_000;

fn references(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    inspect(engine, arguments[2], |engine, entry| {
        let memory = &engine.config.memory;
        // Eviction by use needs a value of its own for each key, to note the use in.
        let marks_uses = memory.policy.counts_uses() || memory.policy.is_least_recently_used();
        let shares = memory.maxmemory == 0 || !marks_uses;
        let shared = matches!(entry.value, Value::Integer(value) if (0..SHARED_INTEGERS).contains(&value));
        Ok(Told::Number(if shares && shared { i32::MAX.into() } else { 1 }))
    })
}

fn object_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    help::help(
        engine,
        arguments,
        &[
            ("ENCODING <key>", "Return how the value of <key> is encoded."),
            ("FREQ <key>", "Return how often <key> is used, on a logarithmic scale; with an LFU policy."),
            ("IDLETIME <key>", "Return for how many seconds <key> was not used; without an LFU policy."),
            ("REFCOUNT <key>", "Return how many refer to the value of <key>."),
        ],
    )
}

#[cfg(test)]
mod tests {
    use crate::engine::commands::testing::Desk;

    #[test]
    fn renaming_takes_the_time_along_and_overwrites() {
        let mut desk = Desk::new();
        desk.expect("set a 1 px 5000", "+OK");
        desk.expect("set b 2 px 100", "+OK");
        desk.expect("rename a b", "+OK");
        desk.expect("pttl b", ":5000");
        desk.expect("get b", "$1 1");
        desk.expect("rename a b", "-ERR no such key");
        desk.expect("renamenx b b", ":0");
        desk.expect("rename b b", "+OK");
        desk.expect("set c 3", "+OK");
        desk.expect("renamenx b c", ":0");
        desk.expect("renamenx b d", ":1");
        desk.expect("exists b d d", ":2");
    }

    #[test]
    fn copying_and_moving_reach_other_databases() {
        let mut desk = Desk::new();
        desk.expect("rpush a x y", ":2");
        desk.expect("copy a a", "-ERR source and destination objects are the same");
        desk.expect("copy a a db 1", ":1");
        desk.expect("copy a a db 1", ":0");
        desk.expect("copy a a replace db 1", ":1");
        desk.expect("copy a b db 16", "-ERR DB index is out of range");
        desk.expect("copy a b db", "-ERR syntax error");
        desk.expect("copy nothing b", ":0");
        desk.expect("move a 1", ":0");
        desk.expect("move a 2", ":1");
        desk.expect("move a 0", "-ERR source and destination objects are the same");
        desk.expect("type a", "+none");
        desk.expect("select 2", "+OK");
        desk.expect("type a", "+list");
        desk.expect("move a 9999999999", "-ERR value is out of range, value must between -2147483648 and 2147483647");
    }

    #[test]
    fn keys_that_have_expired_are_not_listed() {
        let mut desk = Desk::new();
        desk.expect("mset ab 1 b 2", "+OK");
        desk.expect("set aa 3 px 10", "+OK");
        desk.expect("keys aa", "*1 $2 aa");
        desk.wait(11);
        desk.expect("keys a*", "*1 $2 ab");
        desk.expect("keys aa", "*0");
        desk.expect("keys b", "*1 $1 b");
        desk.expect("del aa b b", ":1");
        desk.expect("randomkey", "$2 ab");
        desk.expect("unlink ab", ":1");
        desk.expect("randomkey", "$-1");
    }

    #[test]
    fn objects_tell_how_they_are_kept() {
        let mut desk = Desk::new();
        desk.expect("set a 12", "+OK");
        desk.expect("object encoding a", "$3 int");
        desk.expect("object refcount a", ":2147483647");
        desk.wait(3000);
        desk.expect("object idletime a", ":3");
        desk.expect("touch a", ":1");
        desk.expect("object idletime a", ":0");
        desk.expect("object encoding nothing", "$-1");
        assert!(desk.ask("object freq a").starts_with("-ERR An LFU maxmemory policy is not selected"));
        desk.expect("object encoding", "-ERR wrong number of arguments for 'object|encoding' command");
    }
}
