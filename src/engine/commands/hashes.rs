//! Hashes: HSET, HGET and their kin.

use super::arguments::{integer, is};
use super::command::{Categories, Command, Execute, Flags};
use super::elements::bulk;
use super::error::{Error, Outcome};
use super::scanning::{Scan, cursor};
use crate::engine::data::hash::{Hash, IncrementError, Limits};
use crate::engine::data::numbers::long_double::LongDouble;
use crate::engine::keyspace::events::Classes;
use crate::engine::resp::Reply;
use crate::engine::state::Engine;

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);
/// Twice as many elements as this could not be counted.
const MOST_WITH_VALUES: i64 = i64::MAX / 2;

const fn row(
    name: &'static str,
    arity: i16,
    execute: Execute,
    flags: Flags,
    access: &'static str,
    since: &'static str,
    summary: &'static str,
) -> Command {
    let command = Command::new(name, arity, execute).flags(flags).key(access).categories(Categories::HASH);
    command.about("hash", since, summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    row("hset", -4, hset, WRITE, "RW update", "2.0.0", "Sets fields."),
    row("hmset", -4, hmset, WRITE, "RW update", "2.0.0", "Sets fields."),
    row("hsetnx", 4, hsetnx, WRITE, "RW insert", "2.0.0", "Sets a field that is not there."),
    row("hget", 3, hget, FAST_READ, "RO access", "2.0.0", "Tells the value of a field."),
    row("hmget", -3, hmget, FAST_READ, "RO access", "2.0.0", "Tells the values of fields."),
    row("hdel", -3, hdel, Flags::WRITE.and(Flags::FAST), "RW delete", "2.0.0", "Removes fields."),
    row("hlen", 2, hlen, FAST_READ, "RO", "2.0.0", "Tells how many fields there are."),
    row("hstrlen", 3, hstrlen, FAST_READ, "RO", "3.2.0", "Tells how long the value of a field is."),
    row("hexists", 3, hexists, FAST_READ, "RO", "2.0.0", "Tells whether a field is there."),
    row("hkeys", 2, hkeys, READ, "RO access", "2.0.0", "Tells all fields."),
    row("hvals", 2, hvals, READ, "RO access", "2.0.0", "Tells all values."),
    row("hgetall", 2, hgetall, READ, "RO access", "2.0.0", "Tells all fields and values."),
    row("hincrby", 4, hincrby, WRITE, "RW access update", "2.0.0", "Adds to the integer in a field."),
    row("hincrbyfloat", 4, hincrbyfloat, WRITE, "RW access update", "2.6.0", "Adds to the number in a field."),
    row("hrandfield", -2, hrandfield, READ, "RO access", "6.2.0", "Tells fields drawn at random."),
    row("hscan", -3, hscan, READ, "RO access", "2.8.0", "Goes through fields and values step by step."),
];

/// The limits of the compact encoding, as they are set.
pub fn limits(engine: &Engine) -> Limits {
    let collections = &engine.config.collections;
    Limits {
        max_listpack_entries: collections.hash_max_listpack_entries,
        max_listpack_value: collections.hash_max_listpack_value,
    }
}

fn hset(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let new = set_fields(engine, arguments, "hset")?;
    engine.reply.count(new);
    Ok(())
}

fn hmset(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    set_fields(engine, arguments, "hmset")?;
    engine.reply.ok();
    Ok(())
}

/// Sets fields; answers how many are new.
fn set_fields(engine: &mut Engine, arguments: &[&[u8]], command: &str) -> Result<usize, Error> {
    if !arguments.len().is_multiple_of(2) {
        return Err(Error::worded(format!("ERR wrong number of arguments for '{command}' command")));
    }
    let (key, limits) = (arguments[1], limits(engine));
    let hash = engine.keyspace.write_or_create(key, Hash::new)?;
    let mut new = 0;
    for pair in arguments[2..].chunks(2) {
        new += usize::from(hash.set(pair[0], pair[1], &limits));
    }
    engine.keyspace.changed(Classes::HASH, "hset", key);
    Ok(new)
}

fn hsetnx(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, limits) = (arguments[1], limits(engine));
    let is_new = engine.keyspace.write_or_create(key, Hash::new)?.set_if_absent(arguments[2], arguments[3], &limits);
    if is_new {
        engine.keyspace.changed(Classes::HASH, "hset", key);
    }
    engine.reply.flag(is_new);
    Ok(())
}

fn hget(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let hash = engine.keyspace.read_as::<Hash>(arguments[1])?;
    match hash.and_then(|hash| hash.get(arguments[2])) {
        Some(value) => bulk(&mut engine.reply, value),
        None => engine.reply.null(),
    }
    Ok(())
}

fn hmget(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let hash = engine.keyspace.read_as::<Hash>(arguments[1])?;
    engine.reply.array(arguments.len() - 2);
    for field in &arguments[2..] {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => bulk(&mut engine.reply, value),
            None => engine.reply.null(),
        }
    }
    Ok(())
}

fn hdel(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[1];
    let Some(hash) = engine.keyspace.write_as::<Hash>(key)? else {
        engine.reply.integer(0);
        return Ok(());
    };
    let gone = arguments[2..].iter().filter(|field| hash.remove(field)).count();
    if gone > 0 {
        engine.keyspace.changed(Classes::HASH, "hdel", key);
        engine.keyspace.dirty += gone as u64 - 1;
        engine.keyspace.remove_if_empty(key);
    }
    engine.reply.count(gone);
    Ok(())
}

fn hlen(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let length = engine.keyspace.read_as::<Hash>(arguments[1])?.map_or(0, Hash::len);
    engine.reply.count(length);
    Ok(())
}

fn hstrlen(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let hash = engine.keyspace.read_as::<Hash>(arguments[1])?;
    let length = hash.and_then(|hash| hash.get(arguments[2])).map_or(0, |value| value.text_len());
    engine.reply.count(length);
    Ok(())
}

fn hexists(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let found = engine.keyspace.read_as::<Hash>(arguments[1])?.is_some_and(|hash| hash.contains(arguments[2]));
    engine.reply.flag(found);
    Ok(())
}

fn hkeys(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let hash = engine.keyspace.read_as::<Hash>(arguments[1])?;
    engine.reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(field, _)| bulk(&mut engine.reply, field));
    Ok(())
}

fn hvals(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let hash = engine.keyspace.read_as::<Hash>(arguments[1])?;
    engine.reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(_, value)| bulk(&mut engine.reply, value));
    Ok(())
}

fn hgetall(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let hash = engine.keyspace.read_as::<Hash>(arguments[1])?;
    engine.reply.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        bulk(&mut engine.reply, field);
        bulk(&mut engine.reply, value);
    }
    Ok(())
}

fn refused(error: IncrementError) -> Error {
    Error::worded(format!("ERR {error}"))
}

fn hincrby(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, by, limits) = (arguments[1], integer(arguments[3])?, limits(engine));
    let sum = engine.keyspace.write_or_create(key, Hash::new)?.increment(arguments[2], by, &limits);
    let sum = sum.map_err(refused)?;
    engine.keyspace.changed(Classes::HASH, "hincrby", key);
    engine.reply.integer(sum);
    Ok(())
}

fn hincrbyfloat(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, field, limits) = (arguments[1], arguments[2], limits(engine));
    let by = LongDouble::parse(arguments[3]).ok_or(Error::NOT_FLOAT)?;
    if !by.is_finite() {
        return Err(Error::fixed("ERR value is NaN or Infinity"));
    }
    let text = engine.keyspace.write_or_create(key, Hash::new)?.increment_float(field, by, &limits);
    let text = text.map_err(refused)?;
    engine.keyspace.changed(Classes::HASH, "hincrbyfloat", key);
    engine.reply.bulk(&text);
    // Other machines may add otherwise.
    engine.propagation.instead(&[b"HSET", key, field, &text]);
    Ok(())
}

fn hrandfield(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if arguments.len() == 2 {
        let hash = engine.keyspace.read_as::<Hash>(arguments[1])?;
        match hash.and_then(|hash| hash.random(&mut engine.random)) {
            Some((field, _)) => bulk(&mut engine.reply, field),
            None => engine.reply.null(),
        }
        return Ok(());
    }
    let count = integer(arguments[2])?;
    let with_values = match &arguments[3..] {
        [] => false,
        [word] if is(word, "withvalues") => true,
        _ => return Err(Error::SYNTAX),
    };
    if with_values && !(-MOST_WITH_VALUES..=MOST_WITH_VALUES).contains(&count) {
        return Err(Error::fixed("ERR value is out of range"));
    }
    let Some(hash) = engine.keyspace.read_as::<Hash>(arguments[1])? else {
        engine.reply.array(0);
        return Ok(());
    };
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let reply = &mut engine.reply;
    if count >= 0 {
        begin_pairs(reply, most.min(hash.len()), with_values);
        hash.sample_distinct(most, &mut engine.random, |field, value| pair(reply, field, value, with_values));
    } else {
        begin_pairs(reply, most, with_values);
        hash.sample(most, &mut engine.random, |field, value| pair(reply, field, value, with_values));
    }
    Ok(())
}

fn begin_pairs(reply: &mut Reply, count: usize, with_values: bool) {
    // RESP3 has a list of pairs, RESP2 one flat list.
    reply.array(if with_values && !reply.is_resp3() { count * 2 } else { count });
}

fn pair(
    reply: &mut Reply,
    field: crate::engine::data::listpack::Element<'_>,
    value: crate::engine::data::listpack::Element<'_>,
    with_values: bool,
) {
    if with_values && reply.is_resp3() {
        reply.array(2);
    }
    bulk(reply, field);
    if with_values {
        bulk(reply, value);
    }
}

fn hscan(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let cursor = cursor(arguments[2])?;
    let Some(hash) = engine.keyspace.read_as::<Hash>(arguments[1])? else {
        engine.reply.array(2);
        engine.reply.bulk(b"0");
        engine.reply.array(0);
        return Ok(());
    };
    let scan = Scan::parse(&arguments[3..], false)?;
    let (mut found, mut texts, mut buffer) = (0, Reply::default(), itoa::Buffer::new());
    let next = hash.scan(cursor, scan.count, |field, value| {
        if scan.matches(field.to_text(&mut buffer)) {
            found += 2;
            bulk(&mut texts, field);
            bulk(&mut texts, value);
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
    fn fields_come_and_go() {
        let mut desk = Desk::new();
        desk.expect("hset h a 1 b 2", ":2");
        desk.expect("hset h a 3 c 4", ":1");
        desk.expect("hmget h a x c", "*3 $1 3 $-1 $1 4");
        desk.expect("hgetall h", "*6 $1 a $1 3 $1 b $1 2 $1 c $1 4");
        desk.expect("hset h a", "-ERR wrong number of arguments for 'hset' command");
        desk.expect("hdel h a b x", ":2");
        desk.expect("hdel h c", ":1");
        desk.expect("exists h", ":0");
    }

    #[test]
    fn numbers_in_fields_are_added_to() {
        let mut desk = Desk::new();
        desk.expect("hincrby h n 5", ":5");
        desk.expect("hincrbyfloat h n 0.1", "$3 5.1");
        desk.expect("hincrby h n 1", "-ERR hash value is not an integer");
        desk.expect("hset h t x", ":1");
        desk.expect("hincrbyfloat h t 1", "-ERR hash value is not a float");
        desk.expect("hset h m 9223372036854775807", ":1");
        desk.expect("hincrby h m 1", "-ERR increment or decrement would overflow");
        desk.expect("hincrbyfloat h m inf", "-ERR value is NaN or Infinity");
    }

    #[test]
    fn a_failed_increment_leaves_no_empty_hash() {
        let mut desk = Desk::new();
        desk.expect("hincrby h n x", "-ERR value is not an integer or out of range");
        desk.expect("exists h", ":0");
    }

    #[test]
    fn fields_are_drawn_with_and_without_repeats() {
        let mut desk = Desk::new();
        desk.expect("hset h a 1", ":1");
        desk.expect("hrandfield h 5", "*1 $1 a");
        desk.expect("hrandfield h -3 withvalues", "*6 $1 a $1 1 $1 a $1 1 $1 a $1 1");
        desk.expect("hrandfield none", "$-1");
        desk.expect("hrandfield h 1 nonsense", "-ERR syntax error");
    }
}
