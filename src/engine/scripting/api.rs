//! The table `redis`: what a script can ask of the server. The functions that run commands belong to one run of one
//! script; the others are made once.

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;

use mlua::{BorrowedBytes, LightUserData, Lua, MultiValue, Table, Value};
use sha1::{Digest, Sha1};

use super::arguments::Arguments;
use super::errors::{Raised, ReplyError, raise_reply};
use super::host::{CallOptions, Host, LogLevel, Progress, Propagation};
use super::number::{append_general, to_int};
use super::to_lua;
use super::world::Run;

/// The version that scripts are told, and as a number.
const VERSION: (&str, i64) = ("7.0.15", 0x0007_000f);
/// The bits of `redis.set_repl`.
const TO_FILE: i32 = 1;
const TO_REPLICAS: i32 = 2;
const LEVELS: [(&str, LogLevel); 4] = [
    ("LOG_DEBUG", LogLevel::Debug),
    ("LOG_VERBOSE", LogLevel::Verbose),
    ("LOG_NOTICE", LogLevel::Notice),
    ("LOG_WARNING", LogLevel::Warning),
];

/// What the function that runs commands is to do instead, as its first argument. Scripts have no way to make such a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Request {
    /// Run the command, and return an error rather than raise it.
    Quiet = 1,
    IsAllowed,
    Log,
    Progress,
}

impl Request {
    const ALL: [Request; 4] = [Request::Quiet, Request::IsAllowed, Request::Log, Request::Progress];

    fn as_value(self) -> Value {
        Value::LightUserData(LightUserData(std::ptr::without_provenance_mut::<c_void>(self as usize)))
    }

    fn from_value(value: &Value) -> Option<Request> {
        let Value::LightUserData(LightUserData(pointer)) = value else { return None };
        Request::ALL.into_iter().find(|request| *request as usize == pointer.addr())
    }

    /// Puts this request to the host of the running script.
    pub(super) fn put(self, api: &Table, arguments: impl IntoIterator<Item = Value>) -> mlua::Result<Value> {
        let ask: mlua::Function = api.raw_get("call")?;
        ask.call(std::iter::once(self.as_value()).chain(arguments).collect::<MultiValue>())
    }
}

/// The table `redis`, but for `call`.
pub(super) fn library(lua: &Lua, run: &Rc<Run>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, value) in [("REPL_NONE", 0), ("REPL_AOF", TO_FILE), ("REPL_SLAVE", TO_REPLICAS)] {
        table.raw_set(name, value)?;
    }
    table.raw_set("REPL_REPLICA", TO_REPLICAS)?;
    table.raw_set("REPL_ALL", TO_FILE | TO_REPLICAS)?;
    for (number, (name, _)) in LEVELS.into_iter().enumerate() {
        table.raw_set(name, number)?;
    }
    table.raw_set("REDIS_VERSION", VERSION.0)?;
    table.raw_set("REDIS_VERSION_NUM", VERSION.1)?;
    add_replies(lua, &table)?;
    add_choices(lua, &table, run)?;
    add_requests(lua, &table)?;
    // There is no debugger to talk to.
    table.raw_set("breakpoint", lua.create_function(|_, _: MultiValue| Ok(false))?)?;
    table.raw_set("debug", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    table.raw_set("replicate_commands", lua.create_function(|_, _: MultiValue| Ok(true))?)?;
    Ok(table)
}

fn add_replies(lua: &Lua, table: &Table) -> mlua::Result<()> {
    let sha1hex = lua.create_function(|lua, values| {
        let arguments = Arguments::new(lua, values);
        if arguments.len() != 1 {
            return Err(raise_reply(b"wrong number of arguments"));
        }
        let text = arguments.text(1).ok();
        lua.create_string(hexadecimal(&digest(text.map(|text| text.as_bytes()).as_deref().unwrap_or_default())))
    })?;
    table.raw_set("sha1hex", sha1hex)?;
    let error_reply = lua.create_function(|lua, values| {
        let arguments = Arguments::new(lua, values);
        let error = match only_text(&arguments) {
            Some(text) if text.starts_with(b"-") => ReplyError::new(&text),
            Some(text) => ReplyError::new(&[b"-", &text[..]].concat()),
            None => ReplyError::new(b"wrong number or type of arguments"),
        };
        error.to_table(lua)
    })?;
    table.raw_set("error_reply", error_reply)?;
    let status_reply = lua.create_function(|lua, values| {
        let arguments = Arguments::new(lua, values);
        match only_text(&arguments) {
            Some(text) => lua.create_table_from([("ok", lua.create_string(&text)?)]),
            None => ReplyError::new(b"wrong number or type of arguments").to_table(lua),
        }
    })?;
    table.raw_set("status_reply", status_reply)
}

fn only_text(arguments: &Arguments<'_>) -> Option<BorrowedBytes> {
    match arguments.get(1) {
        Some(Value::String(text)) if arguments.len() == 1 => Some(text.as_bytes()),
        _ => None,
    }
}

/// The functions that choose how the rest of the script runs.
fn add_choices(lua: &Lua, table: &Table, run: &Rc<Run>) -> mlua::Result<()> {
    let shared = Rc::clone(run);
    let setresp = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        if arguments.len() != 1 {
            return Err(raise_reply(b"redis.setresp() requires one argument."));
        }
        match arguments.int(1).map(u8::try_from) {
            Ok(Ok(version @ 2..=3)) => shared.resp.set(version),
            _ => return Err(raise_reply(b"RESP version must be 2 or 3.")),
        }
        Ok(())
    })?;
    table.raw_set("setresp", setresp)?;
    let shared = Rc::clone(run);
    let set_repl = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        if arguments.len() != 1 {
            return Err(raise_reply(b"redis.set_repl() requires two arguments."));
        }
        let bits = arguments.int(1).unwrap_or(0);
        if bits & !(TO_FILE | TO_REPLICAS) != 0 {
            let text = b"Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
            return Err(raise_reply(text));
        }
        let propagation = Propagation { to_file: bits & TO_FILE != 0, to_replicas: bits & TO_REPLICAS != 0 };
        shared.propagation.set(propagation);
        Ok(())
    })?;
    table.raw_set("set_repl", set_repl)
}

/// The functions that ask the host something else than to run a command.
fn add_requests(lua: &Lua, table: &Table) -> mlua::Result<()> {
    let api = table.clone();
    let acl_check_cmd = lua.create_function(move |_, values: MultiValue| Request::IsAllowed.put(&api, values))?;
    table.raw_set("acl_check_cmd", acl_check_cmd)?;
    let api = table.clone();
    let pcall = lua.create_function(move |_, values: MultiValue| Request::Quiet.put(&api, values))?;
    table.raw_set("pcall", pcall)?;
    let api = table.clone();
    let log = lua.create_function(move |lua, values: MultiValue| {
        let arguments = Arguments::new(lua, values.clone());
        if arguments.len() < 2 {
            return Err(raise_reply(b"redis.log() requires two arguments or more."));
        }
        let Ok(level) = arguments.number(1) else {
            return Err(raise_reply(b"First argument must be a number (log level)."));
        };
        if !(0..=3).contains(&to_int(level)) {
            return Err(raise_reply(b"Invalid debug level."));
        }
        Request::Log.put(&api, values).map(drop)
    })?;
    table.raw_set("log", log)
}

/// What `redis.call` does, and all that needs the host.
pub(super) fn command(
    lua: &Lua,
    host: &RefCell<&mut dyn Host>,
    run: &Run,
    mut values: MultiValue,
) -> mlua::Result<Value> {
    let raises = match values.front().and_then(Request::from_value) {
        None => true,
        Some(Request::Quiet) => values.pop_front().is_none(),
        Some(request) => return answer(lua, host, request, &values),
    };
    let fail = |error: ReplyError| match raises {
        true => Err(Raised::Reply(error).into_lua()),
        false => error.to_table(lua).map(Value::Table),
    };
    let arguments = match command_arguments(values.iter()) {
        Ok(arguments) => arguments,
        Err(reason) => return fail(ReplyError::new(reason.as_bytes())),
    };
    let slices: Vec<&[u8]> = arguments.iter().map(Argument::as_slice).collect();
    let Ok(mut host) = host.try_borrow_mut() else {
        return fail(ReplyError::new(b"redis.call/pcall can not be called recursively"));
    };
    let mut reply = run.reply.take();
    reply.clear();
    let options = CallOptions { resp: run.resp.get(), propagation: run.propagation.get() };
    host.call(&slices, options, &mut reply);
    drop(host);
    let result = match reply.first() {
        Some(b'-') if raises => {
            let line = reply.split(|byte| *byte == b'\r').next().unwrap_or_default();
            Err(Raised::Reply(ReplyError::counted(line)).into_lua())
        }
        _ => to_lua::value(lua, &reply),
    };
    run.keep(reply);
    result
}

/// Answers a request that isn't a command.
fn answer(lua: &Lua, host: &RefCell<&mut dyn Host>, request: Request, values: &MultiValue) -> mlua::Result<Value> {
    let Ok(mut host) = host.try_borrow_mut() else { return Ok(Value::Nil) };
    match request {
        Request::Quiet | Request::IsAllowed => {
            let arguments = command_arguments(values.iter().skip(1)).map_err(|text| raise_reply(text.as_bytes()))?;
            let slices: Vec<&[u8]> = arguments.iter().map(Argument::as_slice).collect();
            let unknown = || raise_reply(b"Invalid command passed to redis.acl_check_cmd()");
            host.is_allowed(&slices).map(Value::Boolean).ok_or_else(unknown)
        }
        Request::Log => {
            let arguments = Arguments::new(lua, values.clone());
            let level = usize::try_from(arguments.int(2)?).ok().and_then(|level| LEVELS.get(level));
            let texts = (3..=arguments.len()).filter_map(|index| arguments.text(index).ok());
            let texts: Vec<_> = texts.map(|text| text.as_bytes().to_vec()).collect();
            host.log(level.map_or(LogLevel::Warning, |(_, level)| *level), &texts.join(&b' '));
            Ok(Value::Nil)
        }
        Request::Progress => Ok(Value::Boolean(host.on_progress() == Progress::Kill)),
    }
}

/// An argument of a command.
enum Argument {
    Text(BorrowedBytes),
    Number(Vec<u8>),
}

impl Argument {
    fn as_slice(&self) -> &[u8] {
        match self {
            Argument::Text(text) => text,
            Argument::Number(text) => text,
        }
    }
}

/// The arguments of a command, numbers with all their digits; the error is what to complain.
fn command_arguments<'a>(values: impl Iterator<Item = &'a Value>) -> Result<Vec<Argument>, &'static str> {
    let arguments: Option<Vec<Argument>> = values.map(command_argument).collect();
    match arguments {
        None => Err("Lua redis lib command arguments must be strings or integers"),
        Some(arguments) if arguments.is_empty() => Err("Please specify at least one argument for this redis lib call"),
        Some(arguments) => Ok(arguments),
    }
}

fn command_argument(value: &Value) -> Option<Argument> {
    /// Integers up to here have no exponent when a double is written with 17 digits.
    const LARGEST_PLAIN: u64 = 99_999_999_999_999_999;
    Some(match value {
        Value::String(text) => Argument::Text(text.as_bytes()),
        Value::Integer(integer) if integer.unsigned_abs() <= LARGEST_PLAIN => {
            Argument::Number(itoa::Buffer::new().format(*integer).as_bytes().to_vec())
        }
        #[expect(clippy::cast_precision_loss, reason = "it came from a double")]
        Value::Integer(integer) => Argument::Number(general(*integer as f64)),
        Value::Number(number) => Argument::Number(general(*number)),
        _ => return None,
    })
}

fn general(number: f64) -> Vec<u8> {
    let mut text = Vec::new();
    append_general(&mut text, number, 17);
    text
}

/// The SHA-1 digest of `text`.
pub(super) fn digest(text: &[u8]) -> [u8; 20] {
    Sha1::digest(text).into()
}

/// `digest` in 40 hexadecimal digits.
pub(super) fn hexadecimal(digest: &[u8; 20]) -> [u8; 40] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
        }
    }
    text
}
