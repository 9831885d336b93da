//! The connection itself: PING, ECHO, SELECT, QUIT.

use super::arguments::small_integer;
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use crate::engine::state::Engine;

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE).and(Flags::FAST);

const fn row(name: &'static str, arity: i16, execute: super::command::Execute) -> Command {
    Command::new(name, arity, execute).flags(ANYTIME).categories(Categories::CONNECTION)
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    row("ping", -1, ping).about("connection", "1.0.0", "Returns the server's liveliness response."),
    row("echo", 2, echo).about("connection", "1.0.0", "Returns the given string."),
    row("select", 2, select).about("connection", "1.0.0", "Changes the selected database."),
    row("quit", -1, quit).flags(Flags::NOSCRIPT.and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY)).about(
        "connection",
        "1.0.0",
        "Closes the connection.",
    ),
];

fn ping(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if arguments.len() > 2 {
        return Err(Error::fixed("ERR wrong number of arguments for 'ping' command"));
    }
    let text = arguments.get(1).copied();
    if engine.client.is_subscribed() && !engine.client.resp3 {
        engine.reply.array(2);
        engine.reply.bulk(b"pong");
        engine.reply.bulk(text.unwrap_or_default());
    } else {
        match text {
            Some(text) => engine.reply.bulk(text),
            None => engine.reply.status("PONG"),
        }
    }
    Ok(())
}

fn echo(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    engine.reply.bulk(arguments[1]);
    Ok(())
}

fn select(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let number = small_integer(arguments[1])?;
    if engine.config.cluster.enabled && number != 0 {
        return Err(Error::fixed("ERR SELECT is not allowed in cluster mode"));
    }
    let number = usize::try_from(number).ok().filter(|number| *number < engine.keyspace.databases().len());
    engine.client.database = number.ok_or(Error::fixed("ERR DB index is out of range"))?;
    engine.keyspace.selected = engine.client.database;
    engine.reply.ok();
    Ok(())
}

fn quit(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.ok();
    engine.client.closing = true;
    Ok(())
}
