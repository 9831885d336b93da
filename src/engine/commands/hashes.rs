//! Hashes: HSET, HGET and their kin.

use super::arguments::{integer, is};
use super::command::{Categories, Command, Execute, Flags};
use super::elements::{bulk, draws, draws_of_pairs};
use super::error::{Error, Outcome};
use super::scanning::{Scan, cursor};
use crate::engine::data::hash::{Hash, IncrementError, Limits};
use crate::engine::data::listpack::Element;
use crate::engine::data::numbers::long_double::LongDouble;
use crate::engine::keyspace::events::Classes;
use crate::engine::resp::Reply;
use crate::engine::state::Engine;

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);
/// So many draws with repeats are made between two looks at how long the reply has become.
const DRAWN_AT_ONCE: usize = 1000;

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
    engine.keyspace.dirty += (arguments.len() as u64 - 2) / 2 - 1;
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
    let (count, with_values) = match &arguments[2..] {
        [count] => (draws(count)?, false),
        [count, word] if is(word, "withvalues") => (draws_of_pairs(count)?, true),
        [count, ..] => {
            draws(count)?;
            return Err(Error::SYNTAX);
        }
        [] => return Err(Error::SYNTAX),
    };
    draw(engine, arguments[1], count, with_values)
}

/// Answers fields drawn at random, a negative number of them with repeats.
fn draw(engine: &mut Engine, key: &[u8], count: i64, with_values: bool) -> Outcome {
    let longest = engine.longest_reply();
    let Some(hash) = engine.keyspace.read_as::<Hash>(key)? else {
        engine.reply.array(0);
        return Ok(());
    };
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let reply = &mut engine.reply;
    if count >= 0 {
        begin_pairs(reply, most.min(hash.len()), with_values);
        hash.sample_distinct(most, &mut engine.random, |field, value| pair(reply, field, value, with_values));
        return Ok(());
    }
    begin_pairs(reply, most, with_values);
    let mut left = most;
    while left > 0 && reply.len() < longest {
        let some = left.min(DRAWN_AT_ONCE);
        hash.sample(some, &mut engine.random, |field, value| pair(reply, field, value, with_values));
        left -= some;
    }
    Ok(())
}

fn begin_pairs(reply: &mut Reply, count: usize, with_values: bool) {
    // RESP3 has a list of pairs, RESP2 one flat list.
    reply.array(if with_values && !reply.is_resp3() { count * 2 } else { count });
}

fn pair(reply: &mut Reply, field: Element<'_>, value: Element<'_>, with_values: bool) {
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
    #[test]
    fn draws_that_can_not_be_counted_are_refused() {
        let mut desk = Desk::new();
        desk.expect("hset h a 1 b 2", ":2");
        let range = "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
        desk.expect("hrandfield h -9223372036854775808", range);
        desk.expect("hrandfield h -9223372036854775808 withvalues", range);
        desk.expect("hrandfield h -9223372036854770000 withvalues", "-ERR value is out of range");
        desk.expect("hrandfield h 9223372036854775807 withvalues", "-ERR value is out of range");
        desk.expect("hrandfield none 5", "*0");
        desk.expect("hrandfield h 0", "*0");
    }

    #[test]
    fn draws_without_end_end_with_the_client() {
        let mut desk = Desk::with(|config| config.clients.output_buffer_limits.normal.hard_bytes = 100_000);
        desk.expect("hset h a 1", ":1");
        desk.expect("sadd s a", ":1");
        desk.expect("zadd z 1 a", ":1");
        for command in ["hrandfield h", "srandmember s", "zrandmember z"] {
            let client = desk.connect(false);
            let reply = desk.ask_as(client, &format!("{command} -999999999"));
            assert!(reply.starts_with("*999999999 $1 a $1 a"));
            assert!((70_000..90_000).contains(&reply.len()), "{}", reply.len());
            assert!(desk.engine.clients.at(client).is_some_and(|client| client.killed));
        }
    }

    #[test]
    fn resp3_has_maps_and_pairs() {
        let mut desk = Desk::new();
        let client = desk.connect(true);
        desk.expect("hset h a 1", ":1");
        assert_eq!(desk.ask_as(client, "hgetall h"), "%1 $1 a $1 1");
        assert_eq!(desk.ask_as(client, "hgetall none"), "%0");
        assert_eq!(desk.ask_as(client, "hkeys h"), "*1 $1 a");
        assert_eq!(desk.ask_as(client, "hget h b"), "_");
        assert_eq!(desk.ask_as(client, "hrandfield h -2 withvalues"), "*2 *2 $1 a $1 1 *2 $1 a $1 1");
        assert_eq!(desk.ask_as(client, "hrandfield h 2"), "*1 $1 a");
        assert_eq!(desk.ask_as(client, "hrandfield none"), "_");
        assert_eq!(desk.ask_as(client, "hscan h 0"), "*2 $1 0 *2 $1 a $1 1");
    }

    #[test]
    fn another_type_is_refused() {
        let mut desk = Desk::new();
        desk.expect("set s x", "+OK");
        let arguments = ["hset s a 1", "hsetnx s a 1", "hget s a", "hmget s a", "hdel s a", "hlen s", "hstrlen s a"];
        let others = ["hexists s a", "hkeys s", "hvals s", "hgetall s", "hincrby s a 1", "hincrbyfloat s a 1"];
        for command in arguments.into_iter().chain(others).chain(["hrandfield s", "hrandfield s 1", "hscan s 0"]) {
            desk.expect(command, "-WRONGTYPE Operation against a key holding the wrong kind of value");
        }
    }

    #[test]
    fn small_hashes_are_gone_through_at_once_and_large_ones_in_steps() {
        let mut desk = Desk::with(|config| config.collections.hash_max_listpack_entries = 4);
        desk.expect("hset h aa 1 ab 2 b 3", ":3");
        desk.expect("hscan h 0 match a* count 1", "*2 $1 0 *4 $2 aa $1 1 $2 ab $1 2");
        desk.expect("hscan none x", "-ERR invalid cursor");
        desk.expect("hscan none 0 count x", "*2 $1 0 *0");
        desk.expect("hscan h 0 count 0", "-ERR syntax error");
        (0..100).for_each(|number| desk.expect(&format!("hset h f{number} v"), ":1"));
        let (mut cursor, mut found, mut steps) = ("0".to_owned(), std::collections::BTreeSet::new(), 0);
        loop {
            let reply = desk.ask(&format!("hscan h {cursor} match f*"));
            let words: Vec<&str> = reply.split(' ').collect();
            cursor = words[2].to_owned();
            found.extend(words.iter().filter(|word| word.starts_with('f')).map(|word| (*word).to_owned()));
            steps += 1;
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(found.len(), 100);
        assert!(steps > 3, "{steps}");
    }

    #[test]
    fn changes_are_told() {
        let mut desk = Desk::new();
        let marks = desk.marks("hset h a 1 b 2 a 3");
        assert_eq!((marks.dirty, marks.events.as_str(), marks.instead), (3, "hset h", None));
        let marks = desk.marks("hsetnx h a 1");
        assert_eq!((marks.dirty, marks.events.as_str()), (0, ""));
        let marks = desk.marks("hincrby h a 5");
        assert_eq!((marks.dirty, marks.events.as_str()), (1, "hincrby h"));
        let marks = desk.marks("hincrbyfloat h a 0.5");
        assert_eq!((marks.dirty, marks.events.as_str()), (1, "hincrbyfloat h"));
        assert_eq!(marks.instead, Some(vec!["HSET h a 8.5".to_owned()]));
        let marks = desk.marks("hdel h a b c");
        assert_eq!((marks.dirty, marks.events.as_str(), marks.instead), (2, "hdel h, del h", None));
        assert!(!desk.has("h"));
    }
}
