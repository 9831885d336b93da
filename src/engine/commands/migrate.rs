//! MIGRATE: keys go to another node, in one step as every client sees it.
//!
//! The node waits for the other one meanwhile, as Redis does: a key must not change while it is on its way.

use super::arguments::{integer, is};
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use crate::engine::keyspace::events::Classes;
use crate::engine::rdb;
use crate::engine::state::Engine;
use crate::engine::state::ExchangeError;
use crate::engine::state::propagation::write_command;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("migrate", -6, migrate)
    .flags(Flags::WRITE)
    .found(key_places, "RW access delete")
    .categories(Categories::KEYSPACE.and(Categories::DANGEROUS))
    .about("generic", "2.6.0", "Atomically transfers a key from one Redis instance to another.")];

/// How long to wait where no time is given, milliseconds.
const DEFAULT_TIMEOUT: i64 = 1000;

fn key_places(arguments: &[&[u8]]) -> Vec<usize> {
    if arguments.get(3).is_some_and(|key| !key.is_empty()) {
        return vec![3];
    }
    let keys = arguments.iter().skip(6).position(|word| is(word, "keys"));
    keys.map_or_else(Vec::new, |at| (at + 7..arguments.len()).collect())
}

#[derive(Default)]
struct Options<'a> {
    copy: bool,
    replace: bool,
    password: Option<(Option<&'a [u8]>, &'a [u8])>,
    keys: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn read(arguments: &[&'a [u8]]) -> Result<Options<'a>, Error> {
        let mut options = Options { keys: vec![arguments[3]], ..Options::default() };
        let mut rest = arguments[6..].iter().copied();
        while let Some(word) = rest.next() {
            if is(word, "copy") {
                options.copy = true;
            } else if is(word, "replace") {
                options.replace = true;
            } else if is(word, "auth") {
                options.password = Some((None, rest.next().ok_or(Error::SYNTAX)?));
            } else if is(word, "auth2") {
                let user = rest.next().ok_or(Error::SYNTAX)?;
                options.password = Some((Some(user), rest.next().ok_or(Error::SYNTAX)?));
            } else if is(word, "keys") {
                if !arguments[3].is_empty() {
                    return Err(Error::fixed(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                options.keys = rest.by_ref().collect();
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn migrate(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let options = Options::read(arguments)?;
    let (database, timeout) = (integer(arguments[4])?, integer(arguments[5])?);
    let timeout = if timeout <= 0 { DEFAULT_TIMEOUT } else { timeout };
    let present: Vec<&[u8]> = options.keys.iter().copied().filter(|key| engine.keyspace.exists(key)).collect();
    if present.is_empty() {
        engine.reply.status("NOKEY");
        return Ok(());
    }
    let (mut request, mut preamble) = (Vec::new(), 0);
    if let Some((user, password)) = options.password {
        let words: Vec<&[u8]> = [&b"AUTH"[..]].into_iter().chain(user).chain([password]).collect();
        write_command(&mut request, &words);
        preamble += 1;
    }
    if database != 0 {
        write_command(&mut request, &[b"SELECT", database.to_string().as_bytes()]);
        preamble += 1;
    }
    for key in &present {
        write_restore(engine, key, options.replace, &mut request);
    }
    let host = String::from_utf8_lossy(arguments[1]).into_owned();
    let port = integer(arguments[2]).ok().and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let replies = (engine.outside.exchange)(&host, port, timeout, &request, preamble + present.len());
    let replies = replies.map_err(|error| match error {
        ExchangeError::Connect => Error::fixed("IOERR error or timeout connecting to the client"),
        ExchangeError::Write => Error::fixed("IOERR error or timeout writing to target instance"),
        ExchangeError::Read => Error::fixed("IOERR error or timeout reading from target instance"),
    })?;
    let (said, restored) = replies.split_at(preamble.min(replies.len()));
    let mut refusal = said.iter().find(|line| line.starts_with('-')).cloned();
    if refusal.is_none() {
        settle(engine, &present, restored, options.copy);
        refusal = restored.iter().find(|line| line.starts_with('-')).cloned();
    }
    match refusal {
        Some(line) => Err(Error::worded(format!("ERR Target instance replied with error: {}", &line[1..]))),
        None => {
            engine.reply.ok();
            Ok(())
        }
    }
}

fn write_restore(engine: &mut Engine, key: &[u8], replace: bool, request: &mut Vec<u8>) {
    let left = engine.keyspace.expires_at(key).map_or(0, |at| (at - engine.now()).max(1));
    let compress = engine.config.snapshot.compression;
    let payload = engine.keyspace.peek(key).map(|entry| rdb::lend(&entry.value, |value| rdb::dump(value, compress)));
    let command: &[u8] = if engine.cluster.is_some() { b"RESTORE-ASKING" } else { b"RESTORE" };
    let (left, payload) = (left.to_string(), payload.unwrap_or_default());
    let mut words: Vec<&[u8]> = vec![command, key, left.as_bytes(), &payload];
    if replace {
        words.push(b"REPLACE");
    }
    write_command(request, &words);
}

/// Keys that the other node has taken go from here.
fn settle(engine: &mut Engine, keys: &[&[u8]], replies: &[String], copy: bool) {
    if copy {
        engine.propagation.nothing();
        return;
    }
    let mut gone: Vec<&[u8]> = vec![b"DEL"];
    for (key, _) in keys.iter().zip(replies).filter(|(_, line)| line.starts_with('+')) {
        engine.keyspace.delete(key);
        engine.keyspace.changed(Classes::GENERIC, "del", key);
        gone.push(key);
    }
    if gone.len() > 1 { engine.propagation.instead(&gone) } else { engine.propagation.nothing() }
}
