//! The server as a whole: its databases and its clock.

use super::arguments::{integer, is, small_integer};
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use crate::engine::config::REDIS_VERSION;
use crate::engine::state::Engine;

const SAVING: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING);
const ASKED_ANYTIME: Flags = Flags::LOADING.and(Flags::STALE).and(Flags::FAST);
const DANGEROUS: Categories = Categories::KEYSPACE.and(Categories::DANGEROUS);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("dbsize", 1, count_keys)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .about("server", "1.0.0", "Counts the keys of the database."),
    Command::new("flushall", -1, flush_all).flags(Flags::WRITE).categories(DANGEROUS).about(
        "server",
        "1.0.0",
        "Removes all keys of all databases.",
    ),
    Command::new("flushdb", -1, flush_database).flags(Flags::WRITE).categories(DANGEROUS).about(
        "server",
        "1.0.0",
        "Removes all keys of the database.",
    ),
    Command::new("swapdb", 3, swap).flags(Flags::WRITE.and(Flags::FAST)).categories(DANGEROUS).about(
        "server",
        "4.0.0",
        "Swaps two databases.",
    ),
    Command::new("time", 1, time).flags(ASKED_ANYTIME).about("server", "2.6.0", "Shows the time."),
    Command::new("bgrewriteaof", 1, rewrite_append_only_file).flags(SAVING).about(
        "server",
        "1.0.0",
        "Rewrites the append-only file.",
    ),
    Command::new("lolwut", -1, lolwut).flags(Flags::READONLY.and(Flags::FAST)).about(
        "server",
        "5.0.0",
        "Draws something, and shows the version.",
    ),
];

fn count_keys(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.count(engine.keyspace.database().len());
    Ok(())
}

fn flush_all(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    check_flush_options(arguments)?;
    let gone = engine.keyspace.flush(None);
    // Also where nothing was there, replicas may have something.
    engine.keyspace.dirty += gone.max(1);
    engine.reply.ok();
    if !engine.config.snapshot.save.is_empty() {
        // What was removed must not come back from the file. A failure is logged, and refuses later writes.
        let _ = engine.save();
    }
    Ok(())
}

fn flush_database(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    check_flush_options(arguments)?;
    let gone = engine.keyspace.flush(Some(engine.keyspace.selected));
    engine.keyspace.dirty += gone.max(1);
    engine.reply.ok();
    Ok(())
}

/// Both are done at once, whichever is asked for.
fn check_flush_options(arguments: &[&[u8]]) -> Outcome {
    match arguments {
        [_] => Ok(()),
        [_, option] if is(option, "SYNC") || is(option, "ASYNC") => Ok(()),
        _ => Err(Error::SYNTAX),
    }
}

fn swap(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if engine.config.cluster.enabled {
        return Err(Error::fixed("ERR SWAPDB is not allowed in cluster mode"));
    }
    let index = |argument: &[u8], name: &str| {
        small_integer(argument).map_err(|_| Error::worded(format!("ERR invalid {name} DB index")))
    };
    let (first, second) = (index(arguments[1], "first")?, index(arguments[2], "second")?);
    let count = engine.keyspace.databases().len();
    let number = |index: i32| {
        usize::try_from(index).ok().filter(|index| *index < count).ok_or(Error::fixed("ERR DB index is out of range"))
    };
    let (first, second) = (number(first)?, number(second)?);
    if first != second {
        engine.keyspace.swap(first, second);
    }
    engine.keyspace.dirty += 1;
    engine.reply.ok();
    Ok(())
}

fn time(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let micros = (engine.outside.now)();
    engine.reply.array(2);
    engine.reply.bulk_integer(micros / 1_000_000);
    engine.reply.bulk_integer(micros % 1_000_000);
    Ok(())
}

fn rewrite_append_only_file(_: &mut Engine, _: &[&[u8]]) -> Outcome {
    Err(Error::fixed("ERR This engine keeps no append-only file"))
}

fn lolwut(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    for argument in &arguments[1..] {
        if !is(argument, "VERSION") {
            integer(argument)?;
        }
    }
    let width = 32;
    let rows = (0..8).map(|row: u32| {
        let letter = |column: u32| if ((row * 5) ^ (column * 3)) % 7 < 3 { '/' } else { '\\' };
        (0..width).map(letter).collect::<String>()
    });
    let text = format!("{}\nRedis ver. {REDIS_VERSION}\n", rows.collect::<Vec<_>>().join("\n"));
    engine.reply.verbatim("txt", &text);
    Ok(())
}
