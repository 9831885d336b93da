//! Snapshots: SAVE, BGSAVE, LASTSAVE, SHUTDOWN; and single values as DUMP and RESTORE have them.

use super::arguments::{integer, is};
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use crate::engine::keyspace::events::Classes;
use crate::engine::rdb::{self, Limits};
use crate::engine::state::{Engine, Task};

const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("save", 1, save).flags(ADMIN.and(Flags::NO_MULTI)).about(
        "server",
        "1.0.0",
        "Synchronously saves the database(s) to disk.",
    ),
    Command::new("bgsave", -1, bgsave).flags(ADMIN).about(
        "server",
        "1.0.0",
        "Asynchronously saves the database(s) to disk.",
    ),
    Command::new("lastsave", 1, lastsave)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS))
        .about("server", "1.0.0", "Returns the Unix timestamp of the last successful save to disk."),
    Command::new("shutdown", -1, shutdown)
        .flags(
            Flags::ADMIN
                .and(Flags::NOSCRIPT)
                .and(Flags::LOADING)
                .and(Flags::STALE)
                .and(Flags::NO_MULTI)
                .and(Flags::ALLOW_BUSY),
        )
        .about("server", "1.0.0", "Synchronously saves the database(s) to disk and shuts down the server."),
    Command::new("dump", 2, dump_value).flags(Flags::READONLY).key("RO access").categories(Categories::KEYSPACE).about(
        "generic",
        "2.6.0",
        "Returns a serialized representation of the value stored at a key.",
    ),
    Command::new("restore", -4, restore)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .key("OW update")
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS))
        .about("generic", "2.6.0", "Creates a key from the serialized representation of a value."),
    Command::new("restore-asking", -4, restore)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::ASKING))
        .key("OW update")
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS))
        .about("server", "3.0.0", "An internal command for migrating keys in a cluster."),
];

fn save(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    if engine.snapshots.in_progress {
        return Err(Error::fixed("ERR Background save already in progress"));
    }
    // Why it failed is in the log of the edge; the reply is as Redis has it.
    engine.save().map_err(|reason| Error::worded(format!("ERR {reason}")))?;
    engine.reply.ok();
    Ok(())
}

fn bgsave(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let schedule = match &arguments[1..] {
        [] => false,
        [word] if is(word, "schedule") => true,
        _ => return Err(Error::SYNTAX),
    };
    if engine.snapshots.in_progress {
        if !schedule {
            return Err(Error::fixed("ERR Background save already in progress"));
        }
        engine.snapshots.scheduled = true;
        engine.reply.status("Background saving scheduled");
        return Ok(());
    }
    engine.save_in_background();
    engine.reply.status("Background saving started");
    Ok(())
}

fn lastsave(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.integer(engine.snapshots.last_save);
    Ok(())
}

fn shutdown(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (mut save, mut abort) = (None, false);
    for word in &arguments[1..] {
        if is(word, "save") && save.is_none() {
            save = Some(true);
        } else if is(word, "nosave") && save.is_none() {
            save = Some(false);
        } else if is(word, "abort") {
            abort = true;
        } else if !is(word, "now") && !is(word, "force") {
            return Err(Error::SYNTAX);
        }
    }
    if abort {
        return if arguments.len() > 2 {
            Err(Error::SYNTAX)
        } else {
            Err(Error::fixed("ERR No shutdown in progress."))
        };
    }
    if engine.script.is_some() && save != Some(false) {
        return Err(super::scripting::BUSY);
    }
    let wanted = save.unwrap_or(!engine.config.snapshot.save.is_empty());
    if wanted && let Err(reason) = engine.save() {
        let force = arguments[1..].iter().any(|word| is(word, "force"));
        if !force {
            return Err(Error::worded(format!("ERR Errors trying to SHUTDOWN. Check logs. {reason}")));
        }
    }
    engine.tasks.push(Task::Shutdown { save: Some(false) });
    engine.client.killed = true;
    Ok(())
}

fn dump_value(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let compress = engine.config.snapshot.compression;
    match engine.keyspace.read(arguments[1]) {
        None => engine.reply.null(),
        Some(value) => {
            let payload = rdb::lend(value, |value| rdb::dump(value, compress));
            engine.reply.bulk(&payload);
        }
    }
    Ok(())
}

#[derive(Default)]
struct RestoreOptions {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl RestoreOptions {
    fn read(arguments: &[&[u8]]) -> Result<RestoreOptions, Error> {
        let mut options = RestoreOptions::default();
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            if is(word, "replace") {
                options.replace = true;
            } else if is(word, "absttl") {
                options.absolute = true;
            } else if is(word, "idletime") && options.frequency.is_none() {
                let idle = integer(rest.next().ok_or(Error::SYNTAX)?)?;
                let invalid = Error::fixed("ERR Invalid IDLETIME value, must be >= 0");
                options.idle_seconds = Some(u64::try_from(idle).map_err(|_| invalid)?);
            } else if is(word, "freq") && options.idle_seconds.is_none() {
                let counter = integer(rest.next().ok_or(Error::SYNTAX)?)?;
                let invalid = Error::fixed("ERR Invalid FREQ value, must be >= 0 and <= 255");
                options.frequency = Some(u8::try_from(counter).map_err(|_| invalid)?);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn restore(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let (key, payload) = (arguments[1], arguments[3]);
    let options = RestoreOptions::read(&arguments[4..])?;
    if !options.replace && engine.keyspace.exists(key) {
        return Err(Error::fixed("BUSYKEY Target key name already exists."));
    }
    let ttl = integer(arguments[2])?;
    if ttl < 0 {
        return Err(Error::fixed("ERR Invalid TTL value, must be >= 0"));
    }
    let value = rdb::restore(payload).map_err(|error| Error::worded(format!("ERR {error}")))?;
    let limits = Limits::new(&engine.config.collections);
    let value = rdb::take(value, &limits).ok_or(Error::fixed("ERR Bad data format"))?;
    let at = match (ttl, options.absolute) {
        (0, _) => None,
        (ttl, true) => Some(ttl),
        (ttl, false) => Some(ttl.saturating_add(engine.now())),
    };
    let deleted = options.replace && engine.keyspace.delete(key);
    if at.is_some_and(|at| at <= engine.now()) && engine.keyspace.authority == crate::engine::keyspace::Authority::Own {
        if deleted {
            engine.keyspace.changed(Classes::GENERIC, "del", key);
            engine.propagation.instead(&[b"DEL", key]);
        }
        engine.reply.ok();
        return Ok(());
    }
    engine.keyspace.set(key, value, false);
    if at.is_some() {
        engine.keyspace.set_expiry(key, at);
    }
    engine.set_mark(key, options.idle_seconds, options.frequency);
    engine.keyspace.changed(Classes::GENERIC, "restore", key);
    if let Some(at) = at
        && !options.absolute
    {
        let at = at.to_string();
        let head: [&[u8]; 4] = [b"RESTORE", key, at.as_bytes(), payload];
        let tail = [&arguments[4..], &[b"ABSTTL"]].concat();
        engine.propagation.instead(&[&head[..], &tail].concat());
    }
    engine.reply.ok();
    Ok(())
}
