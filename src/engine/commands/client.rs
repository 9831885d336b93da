//! CLIENT: who is connected, and what becomes of them.

use super::arguments::{integer, is};
use super::client_line::{Kind, line};
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use super::help::{container, help};
use crate::engine::data::numbers;
use crate::engine::state::blocking::Cause;
use crate::engine::state::client::{Client, ClientId, ReplyMode};
use crate::engine::state::{Engine, Task};

const ANYBODY: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
const OPERATOR: Flags = ANYBODY.and(Flags::ADMIN);

const fn row(
    name: &'static str,
    arity: i16,
    flags: Flags,
    since: &'static str,
    execute: super::command::Execute,
    summary: &'static str,
) -> Command {
    Command::new(name, arity, execute).flags(flags).categories(Categories::CONNECTION).about(
        "connection",
        since,
        summary,
    )
}

/// The commands of this file.
pub const COMMANDS: &[Command] =
    &[Command::new("client", -2, container).about("connection", "2.4.0", "Who is connected.").with(&[
        row("caching", 3, ANYBODY, "6.0.0", caching, "Says whether the next command's keys are tracked."),
        row("getname", 2, ANYBODY, "2.6.9", get_name, "Shows the connection's name."),
        row("getredir", 2, ANYBODY, "6.0.0", get_redirection, "Shows who gets the connection's invalidations."),
        row("id", 2, ANYBODY, "5.0.0", id, "Shows the connection's number."),
        row("info", 2, ANYBODY, "6.2.0", info, "Shows the connection as CLIENT LIST does."),
        row("kill", -3, OPERATOR, "2.4.0", kill, "Closes connections."),
        row("list", -2, OPERATOR, "2.4.0", list, "Shows connections."),
        row("no-evict", 3, OPERATOR, "7.0.0", no_evict, "Keeps the connection from being closed for its memory."),
        row("pause", -3, OPERATOR, "2.9.50", pause, "Lets clients wait for a while."),
        row("reply", 3, ANYBODY, "3.2.0", reply, "Says which replies the connection gets."),
        row("setname", 3, ANYBODY, "2.6.9", set_name, "Names the connection."),
        row("tracking", -3, ANYBODY, "6.0.0", tracking, "Has keys tracked that the connection reads."),
        row("trackinginfo", 2, ANYBODY, "6.2.0", tracking_info, "Shows which keys are tracked."),
        row("unblock", -3, OPERATOR, "5.0.0", unblock, "Ends a connection's waiting."),
        row("unpause", 2, OPERATOR, "6.2.0", unpause, "Lets clients go on."),
        row("help", 2, Flags::LOADING.and(Flags::STALE), "5.0.0", show_help, "Shows what CLIENT can do."),
    ])];

fn id(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.integer(i64::try_from(engine.client.id).unwrap_or(i64::MAX));
    Ok(())
}

fn get_name(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let Engine { reply, client, .. } = engine;
    reply.bulk_or_null(Some(client.name.as_slice()).filter(|name| !name.is_empty()));
    Ok(())
}

fn set_name(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    engine.name_client(arguments[2])?;
    engine.reply.ok();
    Ok(())
}

fn info(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let mut text = engine.client_line(&engine.client, arguments);
    text.push('\n');
    engine.reply.verbatim("txt", &text);
    Ok(())
}

fn list(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let wanted = match arguments {
        [_, _] => Wanted::default(),
        [_, _, option, kind] if is(option, "TYPE") => Wanted { kind: Some(kind_of(kind)?), ..Wanted::default() },
        [_, _, option, ids @ ..] if is(option, "ID") && !ids.is_empty() => return list_ids(engine, ids, arguments),
        _ => return Err(Error::SYNTAX),
    };
    let mut text = String::new();
    engine.each_client(|client| {
        if !client.killed && wanted.matches(client) {
            text += &engine.client_line(client, arguments);
            text.push('\n');
        }
    });
    engine.reply.verbatim("txt", &text);
    Ok(())
}

/// In the order asked for, also twice.
fn list_ids(engine: &mut Engine, ids: &[&[u8]], arguments: &[&[u8]]) -> Outcome {
    let mut text = String::new();
    for id in ids {
        let id = integer(id).map_err(|_| Error::fixed("ERR Invalid client ID"))?;
        if let Some(client) = u64::try_from(id).ok().and_then(|id| engine.any_client(id)) {
            text += &engine.client_line(client, arguments);
            text.push('\n');
        }
    }
    engine.reply.verbatim("txt", &text);
    Ok(())
}

fn kind_of(name: &[u8]) -> Result<Kind, Error> {
    Kind::named(name)
        .ok_or_else(|| Error::worded(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(name))))
}

/// Which clients are meant.
#[derive(Debug, Default)]
struct Wanted<'a> {
    id: Option<ClientId>,
    kind: Option<Kind>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    not_me: bool,
}

impl<'a> Wanted<'a> {
    /// Reads pairs of options and values.
    fn parse(engine: &Engine, options: &[&'a [u8]]) -> Result<Self, Error> {
        let mut wanted = Wanted { not_me: true, ..Wanted::default() };
        let (pairs, odd) = options.as_chunks::<2>();
        for [option, value] in pairs {
            match option.to_ascii_lowercase().as_slice() {
                b"id" => wanted.id = Some(client_id(value)?),
                b"type" => wanted.kind = Some(kind_of(value)?),
                b"addr" => wanted.address = Some(value),
                b"laddr" => wanted.local_address = Some(value),
                b"user" if engine.users.get(value).is_none() => {
                    let name = String::from_utf8_lossy(value);
                    return Err(Error::worded(format!("ERR No such user '{name}'")));
                }
                b"user" => wanted.user = Some(value),
                b"skipme" => wanted.not_me = yes_or_no(value)?,
                _ => return Err(Error::SYNTAX),
            }
        }
        if odd.is_empty() { Ok(wanted) } else { Err(Error::SYNTAX) }
    }

    fn matches(&self, client: &Client) -> bool {
        self.id.is_none_or(|id| client.id == id)
            && self.kind.is_none_or(|kind| Kind::of(client) == kind)
            && self.address.is_none_or(|address| client.address.as_bytes() == address)
            && self.local_address.is_none_or(|address| client.local_address.as_bytes() == address)
            && self.user.is_none_or(|user| client.user == user)
    }
}

fn client_id(value: &[u8]) -> Result<ClientId, Error> {
    let error = Error::fixed("ERR client-id should be greater than 0");
    integer(value).ok().and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0).ok_or(error)
}

fn yes_or_no(value: &[u8]) -> Result<bool, Error> {
    if is(value, "yes") {
        return Ok(true);
    }
    if is(value, "no") { Ok(false) } else { Err(Error::SYNTAX) }
}

fn kill(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let by_address = arguments.len() == 3;
    let wanted = match arguments {
        [_, _, address] => Wanted { address: Some(address), ..Wanted::default() },
        [_, _, options @ ..] => Wanted::parse(engine, options)?,
        _ => return Err(Error::SYNTAX),
    };
    let mut killed = engine.kill_others(|client| wanted.matches(client));
    if !wanted.not_me && wanted.matches(&engine.client) {
        engine.client.closing = true;
        killed += 1;
    }
    match (by_address, killed) {
        (true, 0) => return Err(Error::fixed("ERR No such client")),
        (true, _) => engine.reply.ok(),
        (false, killed) => engine.reply.count(killed),
    }
    Ok(())
}

fn reply(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    match arguments[2].to_ascii_lowercase().as_slice() {
        b"on" => {
            engine.client.reply_mode = ReplyMode::On;
            engine.reply.ok();
        }
        b"off" => engine.client.reply_mode = ReplyMode::Off,
        b"skip" if engine.client.reply_mode != ReplyMode::Off => engine.client.reply_mode = ReplyMode::SkipNext,
        b"skip" => {}
        _ => return Err(Error::SYNTAX),
    }
    Ok(())
}

fn no_evict(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    engine.client.no_evict = on_or_off(arguments[2])?;
    engine.reply.ok();
    Ok(())
}

fn on_or_off(value: &[u8]) -> Result<bool, Error> {
    if is(value, "on") {
        return Ok(true);
    }
    if is(value, "off") { Ok(false) } else { Err(Error::SYNTAX) }
}

fn pause(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let writes_only = match arguments {
        [_, _, _] => false,
        [_, _, _, mode] if is(mode, "WRITE") => true,
        [_, _, _, mode] if is(mode, "ALL") => false,
        [_, _, _, _] => return Err(Error::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(Error::SYNTAX),
    };
    let millis =
        numbers::parse_integer(arguments[2]).ok_or(Error::fixed("ERR timeout is not an integer or out of range"))?;
    if millis < 0 {
        return Err(Error::fixed("ERR timeout is negative"));
    }
    let until = engine.now().checked_add(millis).ok_or(Error::fixed("ERR timeout is out of range"))?;
    engine.pause_clients(until, writes_only);
    engine.reply.ok();
    Ok(())
}

fn unpause(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.end_pause();
    engine.reply.ok();
    Ok(())
}

fn unblock(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let with_error = match arguments {
        [_, _, _] => false,
        [_, _, _, reason] if is(reason, "TIMEOUT") => false,
        [_, _, _, reason] if is(reason, "ERROR") => true,
        [_, _, _, _] => return Err(Error::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(Error::SYNTAX),
    };
    let error = with_error.then_some(Error::fixed("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
    let id = u64::try_from(integer(arguments[2])?).ok();
    let pauses = |client: &Client| client.blocked.as_ref().is_some_and(|blocked| blocked.cause == Cause::Pause);
    let id = id.filter(|id| !engine.clients.get(*id).is_some_and(pauses));
    let ended = id.is_some_and(|id| engine.end_waiting(id, error));
    engine.reply.flag(ended);
    Ok(())
}

fn tracking(_: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if on_or_off(arguments[2])? {
        return Err(Error::fixed("ERR Client side caching is not supported by this engine"));
    }
    Err(Error::fixed("ERR Client side caching is not supported by this engine, so that it is off already"))
}

fn caching(_: &mut Engine, _: &[&[u8]]) -> Outcome {
    Err(Error::fixed(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    ))
}

fn get_redirection(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.integer(-1);
    Ok(())
}

fn tracking_info(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.map(3);
    engine.reply.text("flags");
    engine.reply.set(1);
    engine.reply.text("off");
    engine.reply.text("redirect");
    engine.reply.integer(-1);
    engine.reply.text("prefixes");
    engine.reply.array(0);
    Ok(())
}

fn show_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let lines = [
        ("GETNAME", "Shows the connection's name."),
        ("GETREDIR", "Shows who gets the connection's invalidations: nobody."),
        ("ID", "Shows the connection's number."),
        ("INFO", "Shows the connection as CLIENT LIST does."),
        ("KILL <ip:port>", "Closes the connection from this address."),
        (
            "KILL <option> <value> [<option> <value> ...]",
            "Closes connections by ID, ADDR, LADDR, TYPE (NORMAL, MASTER, REPLICA, PUBSUB) and USER; with SKIPME NO \
             also this one.",
        ),
        ("LIST [TYPE <type> | ID <id> ...]", "Shows connections."),
        ("NO-EVICT (ON|OFF)", "Keeps the connection from being closed for its memory."),
        ("PAUSE <milliseconds> [WRITE|ALL]", "Lets clients wait, all or those that write."),
        ("REPLY (ON|OFF|SKIP)", "Says which replies the connection gets."),
        ("SETNAME <name>", "Names the connection."),
        ("TRACKINGINFO", "Shows which keys are tracked: none."),
        ("UNBLOCK <id> [TIMEOUT|ERROR]", "Ends a connection's waiting."),
        ("UNPAUSE", "Lets clients go on."),
    ];
    help(engine, arguments, &lines)
}

impl Engine {
    /// Names the client at hand; an empty name takes its name away.
    ///
    /// # Errors
    /// The name has blanks or bytes that can't be shown.
    pub fn name_client(&mut self, name: &[u8]) -> Outcome {
        if !name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
            let text = "ERR Client names cannot contain spaces, newlines or special characters.";
            return Err(Error::fixed(text));
        }
        self.client.name = name.to_vec();
        Ok(())
    }

    /// A client by its number, the one at hand too.
    pub fn any_client(&self, id: ClientId) -> Option<&Client> {
        let client = if id == self.client.id { Some(&*self.client) } else { self.clients.get(id) };
        client.filter(|client| !client.killed)
    }

    /// Ends the connections of clients but the one at hand; tells how many.
    pub fn kill_others(&mut self, which: impl Fn(&Client) -> bool) -> usize {
        let mut killed = 0;
        for client in self.clients.iter_mut().filter(|client| !client.killed && which(client)) {
            client.killed = true;
            killed += 1;
            self.tasks.push(Task::Wake(client.slot));
        }
        killed
    }

    /// Lets clients wait until then. A pause within a pause ends no sooner, and holds for no fewer commands.
    pub fn pause_clients(&mut self, until: i64, writes_only: bool) {
        let running = self.paused_until.filter(|end| *end > self.now());
        self.pause_writes_only = writes_only && (running.is_none() || self.pause_writes_only);
        self.paused_until = Some(running.map_or(until, |end| end.max(until)));
    }

    /// A client as CLIENT LIST shows it; the one at hand has just asked `arguments`.
    pub fn client_line(&self, client: &Client, arguments: &[&[u8]]) -> String {
        let asked = if client.id == self.client.id { request_length(arguments) } else { 0 };
        let command = client.last_command.map_or("NULL", |id| &self.table.row(id).full_name);
        line(client, self.now(), command, asked)
    }
}

/// How long a request with these arguments is, bytes.
fn request_length(arguments: &[&[u8]]) -> usize {
    let digits = |number: usize| number.checked_ilog10().map_or(1, |digits| digits as usize + 1);
    let bulk = |argument: &&[u8]| argument.len() + digits(argument.len()) + 5;
    arguments.iter().map(bulk).sum::<usize>() + digits(arguments.len()) + 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_it_was_sent() {
        assert_eq!(request_length(&[b"client", b"list"]), "*2\r\n$6\r\nclient\r\n$4\r\nlist\r\n".len());
        assert_eq!(request_length(&[b"get", &[b'x'; 100]]), "*2\r\n$3\r\nget\r\n$100\r\n\r\n".len() + 100);
    }
}
