//! Strings: SET, GET and their kin.

use super::arguments::{TimeForm, expiry, integer, integer_within, is};
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use crate::engine::data::numbers::long_double::LongDouble;
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::value::Value;
use crate::engine::state::Engine;

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const FAST_WRITE: Flags = WRITE.and(Flags::FAST);

const fn row(name: &'static str, arity: i16, execute: super::command::Execute) -> Command {
    Command::new(name, arity, execute).categories(Categories::STRING)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    row("get", 2, get).flags(READ).key("RO access").about("string", "1.0.0", "Returns the string value of a key."),
    row("set", -3, set).flags(WRITE).key("RW access update variable_flags").about(
        "string",
        "1.0.0",
        "Sets the string value of a key, ignoring its type.",
    ),
    row("setnx", 3, setnx).flags(FAST_WRITE).key("OW insert").about(
        "string",
        "1.0.0",
        "Sets the string value of a key only when the key doesn't exist.",
    ),
    row("setex", 4, setex).flags(WRITE).key("OW update").about(
        "string",
        "2.0.0",
        "Sets the string value and expiration time of a key.",
    ),
    row("psetex", 4, psetex).flags(WRITE).key("OW update").about(
        "string",
        "2.6.0",
        "Sets both string value and expiration time in milliseconds of a key.",
    ),
    row("getset", 3, getset).flags(FAST_WRITE).key("RW access update").about(
        "string",
        "1.0.0",
        "Returns the previous string value of a key after setting it to a new value.",
    ),
    row("getdel", 2, getdel).flags(Flags::WRITE.and(Flags::FAST)).key("RW access delete").about(
        "string",
        "6.2.0",
        "Returns the string value of a key after deleting the key.",
    ),
    row("getex", -2, getex).flags(Flags::WRITE.and(Flags::FAST)).key("RW access update").about(
        "string",
        "6.2.0",
        "Returns the string value of a key after setting its expiration time.",
    ),
    row("append", 3, append).flags(FAST_WRITE).key("RW insert").about(
        "string",
        "2.0.0",
        "Appends a string to the value of a key.",
    ),
    row("strlen", 2, strlen).flags(READ).key("RO").about("string", "2.2.0", "Returns the length of a string value."),
    row("setrange", 4, setrange).flags(WRITE).key("RW update").about(
        "string",
        "2.2.0",
        "Overwrites a part of a string value with another by an offset.",
    ),
    row("getrange", 4, getrange).flags(Flags::READONLY).key("RO access").about(
        "string",
        "2.4.0",
        "Returns a substring of the string stored at a key.",
    ),
    row("substr", 4, getrange).flags(Flags::READONLY).key("RO access").about(
        "string",
        "1.0.0",
        "Returns a substring from a string value.",
    ),
    row("incr", 2, incr).flags(FAST_WRITE).key("RW access update").about(
        "string",
        "1.0.0",
        "Increments the integer value of a key by one.",
    ),
    row("decr", 2, decr).flags(FAST_WRITE).key("RW access update").about(
        "string",
        "1.0.0",
        "Decrements the integer value of a key by one.",
    ),
    row("incrby", 3, incrby).flags(FAST_WRITE).key("RW access update").about(
        "string",
        "1.0.0",
        "Increments the integer value of a key by a number.",
    ),
    row("decrby", 3, decrby).flags(FAST_WRITE).key("RW access update").about(
        "string",
        "1.0.0",
        "Decrements a number from the integer value of a key.",
    ),
    row("incrbyfloat", 3, incrbyfloat).flags(FAST_WRITE).key("RW access update").about(
        "string",
        "2.6.0",
        "Increments the floating point value of a key by a number.",
    ),
    row("mget", -2, mget).flags(READ).range(1, -1, 1, "RO access").about(
        "string",
        "1.0.0",
        "Returns the string values of one or more keys.",
    ),
    row("mset", -3, mset).flags(WRITE).range(1, -1, 2, "OW update").about(
        "string",
        "1.0.1",
        "Sets the string values of one or more keys.",
    ),
    row("msetnx", -3, msetnx).flags(WRITE).range(1, -1, 2, "OW insert").about(
        "string",
        "1.0.1",
        "Sets the string values of one or more keys only when all keys don't exist.",
    ),
    row("lcs", -3, super::lcs::lcs).flags(Flags::READONLY).range(1, 2, 1, "RO access").about(
        "string",
        "7.0.0",
        "Finds the longest common substring.",
    ),
];

/// What is to become of a key's time of expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It has none.
    Forever,
    /// It keeps what it has.
    Keep,
    /// It is this, milliseconds since the epoch.
    Until(i64),
}

#[derive(Default)]
struct SetOptions {
    only_new: bool,
    only_old: bool,
    get: bool,
    keep: bool,
    time: Option<(TimeForm, usize)>,
}

fn set(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if arguments.len() == 3 {
        store(engine, arguments[1], arguments[2], Life::Forever);
        engine.reply.ok();
        return Ok(());
    }
    let options = set_options(arguments)?;
    let life = life(engine, arguments, &options, "set")?;
    let (key, value) = (arguments[1], arguments[2]);
    if options.get {
        reply_string(engine, key)?;
    }
    let exists = engine.keyspace.exists(key);
    if (options.only_new && exists) || (options.only_old && !exists) {
        if !options.get {
            engine.reply.null();
        }
        return Ok(());
    }
    store(engine, key, value, life);
    if let Life::Until(at) = life {
        let at = at.to_string();
        engine.propagation.instead(&[b"SET", key, value, b"PXAT", at.as_bytes()]);
    } else if options.get {
        let keep: &[&[u8]] = if options.keep { &[b"KEEPTTL"] } else { &[] };
        engine.propagation.instead(&[&[b"SET", key, value], keep].concat());
    }
    if !options.get {
        engine.reply.ok();
    }
    Ok(())
}

fn set_options(arguments: &[&[u8]]) -> Result<SetOptions, Error> {
    let mut options = SetOptions::default();
    let mut at = 3;
    while let Some(word) = arguments.get(at) {
        if is(word, "nx") && !options.only_old {
            options.only_new = true;
        } else if is(word, "xx") && !options.only_new {
            options.only_old = true;
        } else if is(word, "get") {
            options.get = true;
        } else if is(word, "keepttl") && options.time.is_none() {
            options.keep = true;
        } else if let Some(form) = time_form(word)
            && options.time.is_none()
            && !options.keep
            && at + 1 < arguments.len()
        {
            at += 1;
            options.time = Some((form, at));
        } else {
            return Err(Error::SYNTAX);
        }
        at += 1;
    }
    Ok(options)
}

fn time_form(word: &[u8]) -> Option<TimeForm> {
    let form = |seconds, absolute| Some(TimeForm { seconds, absolute });
    match word.to_ascii_lowercase().as_slice() {
        b"ex" => form(true, false),
        b"px" => form(false, false),
        b"exat" => form(true, true),
        b"pxat" => form(false, true),
        _ => None,
    }
}

fn life(engine: &Engine, arguments: &[&[u8]], options: &SetOptions, command: &str) -> Result<Life, Error> {
    let Some((form, place)) = options.time else {
        return Ok(if options.keep { Life::Keep } else { Life::Forever });
    };
    Ok(Life::Until(positive_expiry(engine, arguments[place], form, command)?))
}

/// A time of expiry that must be positive as it was given.
fn positive_expiry(engine: &Engine, argument: &[u8], form: TimeForm, command: &str) -> Result<i64, Error> {
    if integer(argument)? <= 0 {
        return Err(Error::worded(format!("ERR invalid expire time in '{command}' command")));
    }
    expiry(argument, form, engine.now(), command)
}

/// Sets a string, and tells so.
#[inline]
fn store(engine: &mut Engine, key: &[u8], value: &[u8], life: Life) {
    engine.keyspace.set(key, Value::string(value), life == Life::Keep);
    engine.keyspace.changed(Classes::STRING, "set", key);
    if let Life::Until(at) = life {
        engine.keyspace.set_expiry(key, Some(at));
        engine.keyspace.notify(Classes::GENERIC, "expire", key);
    }
}

fn get(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    reply_string(engine, arguments[1])
}

/// Answers the string of a key, or nothing.
#[inline]
fn reply_string(engine: &mut Engine, key: &[u8]) -> Outcome {
    match engine.keyspace.read(key) {
        None => engine.reply.null(),
        Some(Value::Text(text)) => engine.reply.bulk(text.as_slice()),
        Some(Value::Integer(value)) => engine.reply.bulk_integer(*value),
        Some(Value::Raw(bytes)) => engine.reply.bulk(bytes),
        Some(_) => return Err(Error::WRONG_TYPE),
    }
    Ok(())
}

fn setnx(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let is_new = !engine.keyspace.exists(arguments[1]);
    if is_new {
        store(engine, arguments[1], arguments[2], Life::Forever);
    }
    engine.reply.flag(is_new);
    Ok(())
}

fn setex(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    set_for(engine, arguments, true, "setex")
}

fn psetex(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    set_for(engine, arguments, false, "psetex")
}

fn set_for(engine: &mut Engine, arguments: &[&[u8]], seconds: bool, command: &str) -> Outcome {
    let (key, value) = (arguments[1], arguments[3]);
    let at = positive_expiry(engine, arguments[2], TimeForm { seconds, absolute: false }, command)?;
    store(engine, key, value, Life::Until(at));
    let at = at.to_string();
    engine.propagation.instead(&[b"SET", key, value, b"PXAT", at.as_bytes()]);
    engine.reply.ok();
    Ok(())
}

fn getset(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, value) = (arguments[1], arguments[2]);
    reply_string(engine, key)?;
    store(engine, key, value, Life::Forever);
    engine.propagation.instead(&[b"SET", key, value]);
    Ok(())
}

fn getdel(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[1];
    reply_string(engine, key)?;
    if engine.keyspace.delete(key) {
        engine.keyspace.changed(Classes::GENERIC, "del", key);
        engine.propagation.instead(&[b"DEL", key]);
    }
    Ok(())
}

fn getex(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[1];
    let form = match arguments.len() {
        2 => None,
        3 if is(arguments[2], "persist") => None,
        4 => Some(time_form(arguments[2]).ok_or(Error::SYNTAX)?),
        _ => return Err(Error::SYNTAX),
    };
    if !engine.keyspace.exists(key) {
        return reply_string(engine, key);
    }
    // Only now: a time that can't be one goes unnoticed where there is no key.
    let life = match form {
        Some(form) => Life::Until(positive_expiry(engine, arguments[3], form, "getex")?),
        None if arguments.len() == 3 => Life::Forever,
        None => Life::Keep,
    };
    reply_string(engine, key)?;
    match life {
        Life::Keep => {}
        Life::Forever if engine.keyspace.expires_at(key).is_some() => {
            engine.keyspace.set_expiry(key, None);
            engine.keyspace.changed(Classes::GENERIC, "persist", key);
            engine.propagation.instead(&[b"PERSIST", key]);
        }
        Life::Forever => {}
        Life::Until(at) if at <= engine.now() => {
            engine.keyspace.delete(key);
            engine.keyspace.changed(Classes::GENERIC, "del", key);
            engine.propagation.instead(&[b"DEL", key]);
        }
        Life::Until(at) => {
            engine.keyspace.set_expiry(key, Some(at));
            engine.keyspace.changed(Classes::GENERIC, "expire", key);
            let at = at.to_string();
            engine.propagation.instead(&[b"PEXPIREAT", key, at.as_bytes()]);
        }
    }
    Ok(())
}

/// The bytes of a string that is to be changed in place; empty where the key is not there.
///
/// # Errors
/// Another type.
pub(super) fn raw<'a>(engine: &'a mut Engine, key: &[u8]) -> Result<&'a mut Vec<u8>, Error> {
    if !engine.keyspace.exists(key) {
        engine.keyspace.set(key, Value::Raw(Box::default()), false);
    }
    let value = engine.keyspace.write(key).ok_or(Error::NO_SUCH_KEY)?;
    if !matches!(value, Value::Raw(_)) {
        let bytes = value.as_bytes().ok_or(Error::WRONG_TYPE)?.into_owned();
        *value = Value::Raw(Box::new(bytes));
    }
    let Value::Raw(bytes) = value else { return Err(Error::WRONG_TYPE) };
    Ok(bytes)
}

/// The length of a key's string, 0 where it is not there, without leaving a mark.
///
/// # Errors
/// Another type.
pub(super) fn length(engine: &mut Engine, key: &[u8]) -> Result<usize, Error> {
    match engine.keyspace.peek(key) {
        None => Ok(0),
        Some(entry) => entry.value.string_length().ok_or(Error::WRONG_TYPE),
    }
}

/// Whether a string may be so long.
///
/// # Errors
/// It may not.
pub(super) fn check_length(engine: &Engine, length: usize) -> Result<(), Error> {
    let fits = i64::try_from(length)
        .is_ok_and(|length| length <= i64::try_from(engine.config.clients.proto_max_bulk_len).unwrap_or(i64::MAX));
    if fits || engine.client.role == crate::engine::state::client::Role::Primary {
        Ok(())
    } else {
        Err(Error::TOO_LONG)
    }
}

fn append(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, tail) = (arguments[1], arguments[2]);
    let total = length(engine, key)?.saturating_add(tail.len());
    check_length(engine, total)?;
    if engine.keyspace.exists(key) {
        raw(engine, key)?.extend_from_slice(tail);
    } else {
        engine.keyspace.set(key, Value::string(tail), false);
    }
    engine.keyspace.changed(Classes::STRING, "append", key);
    engine.reply.count(total);
    Ok(())
}

fn strlen(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let length = match engine.keyspace.read(arguments[1]) {
        None => 0,
        Some(value) => value.string_length().ok_or(Error::WRONG_TYPE)?,
    };
    engine.reply.count(length);
    Ok(())
}

fn setrange(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, part) = (arguments[1], arguments[3]);
    let offset = integer_within(arguments[2], 0, i64::MAX, Error::fixed("ERR offset is out of range"))?;
    let before = length(engine, key)?;
    if part.is_empty() {
        engine.reply.count(before);
        return Ok(());
    }
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = offset.saturating_add(part.len());
    check_length(engine, end)?;
    let bytes = raw(engine, key)?;
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(part);
    let total = bytes.len();
    engine.keyspace.changed(Classes::STRING, "setrange", key);
    engine.reply.count(total);
    Ok(())
}

fn getrange(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (start, end) = (integer(arguments[2])?, integer(arguments[3])?);
    let Some(value) = engine.keyspace.read(arguments[1]) else {
        engine.reply.bulk(b"");
        return Ok(());
    };
    let bytes = value.as_bytes().ok_or(Error::WRONG_TYPE)?;
    let range = within(start, end, bytes.len());
    engine.reply.bulk(&bytes[range]);
    Ok(())
}

/// The part of something of this length from `start` to `end` with it, where negative ones count from the end.
pub(super) fn within(start: i64, end: i64, length: usize) -> std::ops::Range<usize> {
    let total = i64::try_from(length).unwrap_or(i64::MAX);
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let from_end = |place: i64| if place < 0 { (total.saturating_add(place)).max(0) } else { place };
    let (start, end) = (from_end(start), from_end(end).min(total - 1));
    if start > end || total == 0 {
        return 0..0;
    }
    // Both are within the length by now.
    let place = |value: i64| usize::try_from(value).unwrap_or(0);
    place(start)..place(end) + 1
}

fn incr(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    add(engine, arguments[1], 1)
}

fn decr(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    add(engine, arguments[1], -1)
}

fn incrby(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    add(engine, arguments[1], integer(arguments[2])?)
}

fn decrby(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let by = integer(arguments[2])?;
    let by = by.checked_neg().ok_or(Error::fixed("ERR decrement would overflow"))?;
    add(engine, arguments[1], by)
}

fn add(engine: &mut Engine, key: &[u8], by: i64) -> Outcome {
    let sum = match engine.keyspace.write(key) {
        None => {
            engine.keyspace.set(key, Value::Integer(by), false);
            by
        }
        Some(value) => {
            let before = match value {
                Value::Integer(before) => *before,
                _ => integer(&value.as_bytes().ok_or(Error::WRONG_TYPE)?)?,
            };
            let sum = before.checked_add(by).ok_or(Error::OVERFLOW)?;
            *value = Value::Integer(sum);
            sum
        }
    };
    engine.keyspace.changed(Classes::STRING, "incrby", key);
    engine.reply.integer(sum);
    Ok(())
}

fn incrbyfloat(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[1];
    let before = match engine.keyspace.peek(key) {
        None => LongDouble::parse(b"0"),
        Some(entry) => LongDouble::parse(&entry.value.as_bytes().ok_or(Error::WRONG_TYPE)?),
    };
    let before = before.ok_or(Error::NOT_FLOAT)?;
    let by = LongDouble::parse(arguments[2]).ok_or(Error::NOT_FLOAT)?;
    let sum = before.checked_add(by).filter(|sum| sum.is_finite());
    let sum = sum.ok_or(Error::fixed("ERR increment would produce NaN or Infinity"))?;
    let mut text = Vec::new();
    sum.append_to(&mut text);
    // It stays a text, whatever it looks like: that is what INCRBYFLOAT leaves.
    engine.keyspace.set(key, Value::Text(text.as_slice().into()), true);
    engine.keyspace.changed(Classes::STRING, "incrbyfloat", key);
    engine.propagation.instead(&[b"SET", key, &text, b"KEEPTTL"]);
    engine.reply.bulk(&text);
    Ok(())
}

fn mget(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    engine.reply.array(arguments.len() - 1);
    for key in &arguments[1..] {
        if reply_string(engine, key).is_err() {
            engine.reply.null();
        }
    }
    Ok(())
}

fn mset(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    check_pairs(arguments, "mset")?;
    set_all(engine, arguments);
    engine.reply.ok();
    Ok(())
}

fn msetnx(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    check_pairs(arguments, "msetnx")?;
    let all_new = arguments[1..].chunks(2).all(|pair| !engine.keyspace.exists(pair[0]));
    if all_new {
        set_all(engine, arguments);
    }
    engine.reply.flag(all_new);
    Ok(())
}

fn check_pairs(arguments: &[&[u8]], command: &str) -> Result<(), Error> {
    if arguments.len().is_multiple_of(2) {
        return Err(Error::worded(format!("ERR wrong number of arguments for '{command}' command")));
    }
    Ok(())
}

fn set_all(engine: &mut Engine, arguments: &[&[u8]]) {
    for pair in arguments[1..].chunks(2) {
        store(engine, pair[0], pair[1], Life::Forever);
    }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        assert_eq!(within(0, -1, 5), 0..5);
        assert_eq!(within(-3, -1, 5), 2..5);
        assert_eq!(within(3, 100, 5), 3..5);
        assert_eq!(within(-1, -5, 5), 0..0);
        assert_eq!(within(5, 9, 5), 0..0);
        assert_eq!(within(0, 0, 0), 0..0);
        assert_eq!(within(-100, 1, 5), 0..2);
    }
}
