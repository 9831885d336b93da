//! When keys expire: EXPIRE, TTL, PERSIST and their kin.
//!
//! Replicas hear a point in time, or that the key has gone: never how long it still has.

use super::arguments::{TimeForm, expiry, is};
use super::command::{Categories, Command, Execute, Flags};
use super::error::{Error, Outcome};
use crate::engine::keyspace::Authority;
use crate::engine::keyspace::events::Classes;
use crate::engine::state::Engine;

const fn setter(name: &'static str, since: &'static str, summary: &'static str, execute: Execute) -> Command {
    Command::new(name, -3, execute)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .key("RW update")
        .about("generic", since, summary)
}

const fn getter(name: &'static str, since: &'static str, summary: &'static str, execute: Execute) -> Command {
    Command::new(name, 2, execute)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .key("RO access")
        .about("generic", since, summary)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    setter("expire", "1.0.0", "Sets when a key expires, in seconds from now.", expire),
    setter("pexpire", "2.6.0", "Sets when a key expires, in milliseconds from now.", pexpire),
    setter("expireat", "1.2.0", "Sets when a key expires, in seconds since the epoch.", expireat),
    setter("pexpireat", "2.6.0", "Sets when a key expires, in milliseconds since the epoch.", pexpireat),
    getter("ttl", "1.0.0", "Tells in how many seconds a key expires.", ttl),
    getter("pttl", "2.6.0", "Tells in how many milliseconds a key expires.", pttl),
    getter("expiretime", "7.0.0", "Tells when a key expires, in seconds since the epoch.", expiretime),
    getter("pexpiretime", "7.0.0", "Tells when a key expires, in milliseconds since the epoch.", pexpiretime),
    Command::new("persist", 2, persist)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .key("RW update")
        .about("generic", "2.2.0", "Keeps a key from expiring."),
];

/// Under which conditions a time of expiry is set.
#[derive(Clone, Copy, Debug, Default)]
struct Conditions {
    has_none: bool,
    has_one: bool,
    is_later: bool,
    is_earlier: bool,
}

impl Conditions {
    fn parse(options: &[&[u8]]) -> Result<Self, Error> {
        let mut conditions = Conditions::default();
        for option in options {
            let condition = match option {
                word if is(word, "nx") => &mut conditions.has_none,
                word if is(word, "xx") => &mut conditions.has_one,
                word if is(word, "gt") => &mut conditions.is_later,
                word if is(word, "lt") => &mut conditions.is_earlier,
                word => {
                    let word = word.split(|byte| *byte == 0).next().unwrap_or_default();
                    return Err(Error::worded(format!("ERR Unsupported option {}", String::from_utf8_lossy(word))));
                }
            };
            *condition = true;
        }
        conditions.check()
    }

    fn check(self) -> Result<Self, Error> {
        if self.has_none && (self.has_one || self.is_later || self.is_earlier) {
            return Err(Error::fixed("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if self.is_later && self.is_earlier {
            return Err(Error::fixed("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(self)
    }

    /// Whether a key that expires at `current` (`None`: never) may expire at `at`.
    fn allow(self, current: Option<i64>, at: i64) -> bool {
        !(self.has_none && current.is_some()
            || self.has_one && current.is_none()
            || self.is_later && current.is_none_or(|current| at <= current)
            || self.is_earlier && current.is_some_and(|current| at >= current))
    }
}

fn expire(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    set_expiry(engine, arguments, TimeForm { seconds: true, absolute: false }, "expire")
}

fn pexpire(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    set_expiry(engine, arguments, TimeForm { seconds: false, absolute: false }, "pexpire")
}

fn expireat(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    set_expiry(engine, arguments, TimeForm { seconds: true, absolute: true }, "expireat")
}

fn pexpireat(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    set_expiry(engine, arguments, TimeForm { seconds: false, absolute: true }, "pexpireat")
}

fn set_expiry(engine: &mut Engine, arguments: &[&[u8]], form: TimeForm, command: &str) -> Outcome {
    let key = arguments[1];
    let conditions = Conditions::parse(&arguments[3..])?;
    let at = expiry(arguments[2], form, engine.now(), command)?;
    let allowed = engine.keyspace.write(key).is_some() && conditions.allow(engine.keyspace.expires_at(key), at);
    engine.reply.flag(allowed);
    if !allowed {
        return Ok(());
    }
    // A replica keeps what is in the past until its primary says that it has gone.
    if at <= engine.now() && engine.keyspace.authority == Authority::Own {
        engine.keyspace.delete(key);
        engine.keyspace.changed(Classes::GENERIC, "del", key);
        engine.propagation.instead(&[b"DEL", key]);
        return Ok(());
    }
    engine.keyspace.set_expiry(key, Some(at));
    engine.keyspace.changed(Classes::GENERIC, "expire", key);
    if form.seconds || !form.absolute {
        let mut text = itoa::Buffer::new();
        let head: [&[u8]; 3] = [b"PEXPIREAT", key, text.format(at).as_bytes()];
        engine.propagation.instead(&[&head, &arguments[3..]].concat());
    }
    Ok(())
}

fn ttl(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell_expiry(engine, arguments[1], TimeForm { seconds: true, absolute: false })
}

fn pttl(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell_expiry(engine, arguments[1], TimeForm { seconds: false, absolute: false })
}

fn expiretime(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell_expiry(engine, arguments[1], TimeForm { seconds: true, absolute: true })
}

fn pexpiretime(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    tell_expiry(engine, arguments[1], TimeForm { seconds: false, absolute: true })
}

/// Answers when a key expires; -1: never; -2: there is no such key.
fn tell_expiry(engine: &mut Engine, key: &[u8], form: TimeForm) -> Outcome {
    if engine.keyspace.look(key).is_none() {
        engine.reply.integer(-2);
        return Ok(());
    }
    let told = engine.keyspace.expires_at(key).map_or(-1, |at| {
        let from = if form.absolute { 0 } else { engine.now() };
        let millis = at.saturating_sub(from).max(0);
        // Rounded to the nearest second, as Redis does.
        if form.seconds { millis.saturating_add(500) / 1000 } else { millis }
    });
    engine.reply.integer(told);
    Ok(())
}

fn persist(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[1];
    let had = engine.keyspace.write(key).is_some() && engine.keyspace.expires_at(key).is_some();
    if had {
        engine.keyspace.set_expiry(key, None);
        engine.keyspace.changed(Classes::GENERIC, "persist", key);
    }
    engine.reply.flag(had);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::engine::commands::testing::Desk;

    #[test]
    fn conditions_are_about_the_time_that_is_there() {
        let mut desk = Desk::new();
        desk.expect("expire a 100", ":0");
        desk.expect("set a 1", "+OK");
        desk.expect("expire a 100 xx", ":0");
        desk.expect("expire a 100 gt", ":0");
        desk.expect("expire a 100 lt", ":1");
        desk.expect("expire a 100 NX", ":0");
        desk.expect("expire a 200 lt", ":0");
        desk.expect("expire a 200 gt xx", ":1");
        desk.expect("ttl a", ":200");
        desk.expect("pttl a", ":200000");
        desk.expect("pexpiretime a", ":1700000200000");
        desk.expect("expiretime a", ":1700000200");
        desk.expect("expire a 1 nx gt", "-ERR NX and XX, GT or LT options at the same time are not compatible");
        desk.expect("expire a 1 lt gt", "-ERR GT and LT options at the same time are not compatible");
        desk.expect("expire a 1 what", "-ERR Unsupported option what");
        desk.expect("expire a x", "-ERR value is not an integer or out of range");
        desk.expect("expire a 9223372036854775", "-ERR invalid expire time in 'expire' command");
    }

    #[test]
    fn a_time_in_the_past_deletes() {
        let mut desk = Desk::new();
        desk.expect("mset a 1 b 2", "+OK");
        desk.expect("expire a -1", ":1");
        desk.expect("ttl a", ":-2");
        desk.expect("expireat b 1700000000", ":1");
        desk.expect("exists b", ":0");
    }

    #[test]
    fn what_persists_has_no_time() {
        let mut desk = Desk::new();
        desk.expect("set a 1 px 1500", "+OK");
        desk.expect("ttl a", ":2");
        desk.wait(1001);
        desk.expect("ttl a", ":0");
        desk.expect("persist a", ":1");
        desk.expect("persist a", ":0");
        desk.expect("persist b", ":0");
        desk.expect("ttl a", ":-1");
    }
}
