//! The Lua state that scripts run in, and a run of one.
//!
//! Made when the first script comes (an idle server has none) and kept until the scripts are flushed. A script that is
//! running keeps its world alive, whatever happens to the cache meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::{Function, HookTriggers, Lua, LuaOptions, LuaString, MultiValue, StdLib, Table, Value, VmState};

use super::api::{self, Request};
use super::arguments::Arguments;
use super::errors::{Place, Raised, ReplyError, bad_argument, raise, raising_place};
use super::host::{Host, Invocation, Outcome, Propagation, ScriptError};
use super::random::Random;
use super::sandbox::{self, PRELUDE_SOURCE};
use super::to_reply::Writer;
use super::{bit, json, message_pack, structure};

/// How many instructions a script runs between two looks at the clock.
const INSTRUCTIONS_PER_LOOK: u32 = 100_000;
/// The garbage collector takes a step after this many runs.
const RUNS_PER_COLLECTION: u32 = 50;
/// A list of texts longer than this gets a table of its own.
const LARGEST_KEPT_TABLE: usize = 16;
/// A reply buffer larger than this isn't kept for the next command, bytes.
const LARGEST_KEPT_REPLY: usize = 64 * 1024;
/// The text of the error that a killed script ends with.
const KILLED: &[u8] = b"Script killed by user with SCRIPT KILL...";

/// What the functions of a script's world know of the run under way.
pub(super) struct Run {
    /// The protocol version of the replies that the script gets.
    pub(super) resp: Cell<u8>,
    pub(super) propagation: Cell<Propagation>,
    /// Memory for commands' replies.
    pub(super) reply: RefCell<Vec<u8>>,
    is_running: Cell<bool>,
    /// Somebody killed the script: nothing of it may catch that.
    is_killed: Cell<bool>,
    failure: RefCell<Option<Failure>>,
    random: Rc<Random>,
}

/// How a script failed.
struct Failure {
    error: ReplyError,
    place: Option<Place>,
}

impl Run {
    fn start(&self) {
        self.resp.set(2);
        self.propagation.set(Propagation::ALL);
        self.is_running.set(true);
        self.is_killed.set(false);
        self.failure.take();
    }

    /// Gives back the memory taken from `reply`.
    pub(super) fn keep(&self, reply: Vec<u8>) {
        if reply.capacity() <= LARGEST_KEPT_REPLY {
            self.reply.replace(reply);
        }
    }

    /// An error where the script is to end now.
    fn check_killed(&self) -> mlua::Result<()> {
        if self.is_killed.get() { Err(Raised::Reply(ReplyError::new(KILLED)).into_lua()) } else { Ok(()) }
    }
}

/// A Lua state with everything that scripts have.
pub(super) struct World {
    run: Rc<Run>,
    /// Lua's own `xpcall`, and the handler that notes what a script raises while the place is still known.
    xpcall: Function,
    failed: Function,
    api: Table,
    globals: Table,
    environment: Table,
    keys: Texts,
    arguments: Texts,
    /// The name `call`.
    call: LuaString,
    runs: Cell<u32>,
    // Last, so that it goes last: the others refer to it.
    lua: Lua,
}

/// A global list of texts: `KEYS` or `ARGV`. Its table is used again for the next script where it is small: no script can
/// have kept it.
struct Texts {
    name: LuaString,
    table: RefCell<Table>,
    length: Cell<usize>,
}

impl Texts {
    fn new(lua: &Lua, globals: &Table, name: &str) -> mlua::Result<Texts> {
        let (name, table) = (lua.create_string(name)?, lua.create_table()?);
        globals.raw_set(&name, &table)?;
        Ok(Texts { name, table: RefCell::new(table), length: Cell::new(0) })
    }

    fn set(&self, lua: &Lua, globals: &Table, texts: &[&[u8]]) -> mlua::Result<()> {
        let before = self.length.replace(texts.len());
        if before.max(texts.len()) > LARGEST_KEPT_TABLE {
            let table = lua.create_table_with_capacity(texts.len(), 0)?;
            globals.raw_set(&self.name, &table)?;
            self.table.replace(table);
        } else {
            let table = self.table.borrow();
            // Whatever the last script has done to it.
            table.clear()?;
            table.set_metatable(None)?;
        }
        let table = self.table.borrow();
        for (index, text) in texts.iter().enumerate() {
            table.raw_set(index + 1, lua.create_string(text)?)?;
        }
        Ok(())
    }
}

impl World {
    /// Makes one. `deprecated` adds the functions of Lua's that reach into other functions.
    pub(super) fn new(random: Rc<Random>, deprecated: bool) -> mlua::Result<World> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        let run = Rc::new(Run {
            resp: Cell::new(2),
            propagation: Cell::new(Propagation::ALL),
            reply: RefCell::default(),
            is_running: Cell::new(false),
            is_killed: Cell::new(false),
            failure: RefCell::default(),
            random,
        });
        let xpcall = lua.globals().raw_get("xpcall")?;
        let native = native_functions(&lua, &run)?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name(PRELUDE_SOURCE).set_mode(ChunkMode::Text);
        prelude.into_function()?.call::<()>(&native)?;
        // The Lua library makes a place for errors at the first call of a function of ours. To do so within a call that
        // has as many arguments as Lua allows would be one too many.
        native.raw_get::<Function>("caught")?.call::<()>(())?;
        add_random(&lua, &run)?;
        let api = api::library(&lua, &run)?;
        let libraries = [
            ("redis", api.clone()),
            ("cjson", json::library(&lua)?),
            ("cmsgpack", message_pack::library(&lua)?),
            ("struct", structure::library(&lua)?),
            ("bit", bit::library(&lua)?),
        ];
        let sandbox = sandbox::build(&lua, &native, &libraries, deprecated)?;
        watch_progress(&lua, &run, &api)?;
        Ok(World {
            xpcall,
            failed: native.raw_get("failed")?,
            keys: Texts::new(&lua, &sandbox.globals, "KEYS")?,
            arguments: Texts::new(&lua, &sandbox.globals, "ARGV")?,
            call: lua.create_string("call")?,
            globals: sandbox.globals,
            environment: sandbox.environment,
            runs: Cell::new(0),
            run,
            api,
            lua,
        })
    }

    /// Compiles a script.
    pub(super) fn compile(&self, source: &[u8]) -> Result<Function, String> {
        let chunk = self.lua.load(source).set_name("@user_script").set_mode(ChunkMode::Text);
        chunk.set_environment(self.environment.clone()).into_function().map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message,
            other => other.to_string(),
        })
    }

    /// Bytes that Lua has allocated.
    pub(super) fn memory(&self) -> usize {
        self.lua.used_memory()
    }

    /// Runs `script`, which [`World::compile`] made and whose digest is `name`, and appends its reply to `out`.
    pub(super) fn run(
        &self,
        script: &Function,
        name: &[u8; 40],
        invocation: &Invocation<'_>,
        host: &mut dyn Host,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let result = self.call(script, invocation, host);
        self.run.is_running.set(false);
        let (client_version, script_version) = (invocation.resp, self.run.resp.get());
        let mut writer = Writer { out, client_version, script_version, errors: Vec::new() };
        match result {
            Ok((true, value)) => writer.value(value),
            Ok((false, value)) => writer.error(self.failure(name, &value)),
            Err(error) => {
                let text = String::from_utf8_lossy(name);
                writer.error(ReplyError::new(format!("Error running script {text}, {error}").as_bytes()));
            }
        }
        let errors = writer.errors.into_iter();
        let errors = errors.map(|ReplyError { text, counted }| ScriptError { text, counted }).collect();
        self.collect_garbage();
        Outcome { errors }
    }

    fn call(&self, script: &Function, invocation: &Invocation<'_>, host: &mut dyn Host) -> mlua::Result<(bool, Value)> {
        self.run.start();
        self.keys.set(&self.lua, &self.globals, invocation.keys)?;
        self.arguments.set(&self.lua, &self.globals, invocation.arguments)?;
        let host = RefCell::new(host);
        let run = &*self.run;
        self.lua.scope(|scope| {
            let call = scope.create_function(|lua, values: MultiValue| api::command(lua, &host, run, values))?;
            self.api.raw_set(&self.call, call)?;
            self.xpcall.call((script, &self.failed))
        })
    }

    /// The error reply of a script that failed; `value` is what was raised where nobody noted more.
    fn failure(&self, name: &[u8; 40], value: &Value) -> ReplyError {
        let name = String::from_utf8_lossy(name);
        let Some(Failure { mut error, place }) = self.run.failure.take() else {
            let reason = match value {
                Value::String(text) => text.to_string_lossy(),
                _ => "execution failure".to_owned(),
            };
            let reason: String = reason.chars().take(100).collect();
            return ReplyError::new(format!("Error running script {name}, {reason}").as_bytes());
        };
        if let Some(Place { source, line }) = place {
            error.text.extend_from_slice(format!(" script: {name}, on {source}:{line}.").as_bytes());
        }
        error
    }

    /// Lets the garbage collector go on from time to time: short scripts leave it little to notice.
    fn collect_garbage(&self) {
        self.runs.set(self.runs.get() + 1);
        if self.runs.get() >= RUNS_PER_COLLECTION {
            self.runs.set(0);
            // An error of a collection is one of a finalizer, and scripts have none.
            let _ = self.lua.gc_step();
        }
    }
}

/// The functions that the prelude builds on.
fn native_functions(lua: &Lua, run: &Rc<Run>) -> mlua::Result<Table> {
    let native = lua.create_table()?;
    let shared = Rc::clone(run);
    let caught = lua.create_function(move |lua, values: MultiValue| {
        shared.check_killed()?;
        map_first(values, |value| to_script(lua, value))
    })?;
    native.raw_set("caught", caught)?;
    let shared = Rc::clone(run);
    let caught_text = lua.create_function(move |lua, values: MultiValue| {
        shared.check_killed()?;
        map_first(values, |value| to_text(lua, value))
    })?;
    native.raw_set("caught_text", caught_text)?;
    let shared = Rc::clone(run);
    let failed = lua.create_function(move |lua, value: Value| {
        let error = error_of(&value)?;
        shared.failure.replace(Some(Failure { error, place: raising_place(lua) }));
        Ok(())
    })?;
    native.raw_set("failed", failed)?;
    let refuse_unpack = lua.create_function(|lua, values| -> mlua::Result<()> {
        let arguments = Arguments::new(lua, values);
        Err(match arguments.get(1) {
            None => raise(lua, "too many results to unpack"),
            Some(Value::Table(_)) => {
                let wrong = if arguments.given(2).is_some() && arguments.int(2).is_err() { 2 } else { 3 };
                arguments.unexpected_of("unpack", wrong, "number")
            }
            Some(_) => arguments.unexpected_of("unpack", 1, "table"),
        })
    })?;
    native.raw_set("refuse_unpack", refuse_unpack)?;
    Ok(native)
}

fn map_first(mut values: MultiValue, map: impl FnOnce(Value) -> mlua::Result<Value>) -> mlua::Result<MultiValue> {
    let first = map(values.pop_front().unwrap_or(Value::Nil))?;
    values.push_front(first);
    Ok(values)
}

/// What a script sees of something raised.
fn to_script(lua: &Lua, value: Value) -> mlua::Result<Value> {
    let Value::Error(error) = value else { return Ok(value) };
    match Raised::from_lua(&error) {
        Raised::Text(text) => lua.create_string(text).map(Value::String),
        Raised::Reply(error) => error.to_table(lua).map(Value::Table),
    }
}

/// What a script sees of something that `pcall` caught: of a command's error, the text alone.
fn to_text(lua: &Lua, value: Value) -> mlua::Result<Value> {
    let value = to_script(lua, value)?;
    if let Value::Table(table) = &value {
        let text: Value = table.raw_get("err")?;
        if matches!(text, Value::String(_) | Value::Integer(_) | Value::Number(_)) {
            return Ok(text);
        }
    }
    Ok(value)
}

/// The error reply for something raised that nobody caught.
fn error_of(value: &Value) -> mlua::Result<ReplyError> {
    let text = match value {
        Value::Error(error) => match Raised::from_lua(error) {
            Raised::Reply(error) => return Ok(error),
            Raised::Text(text) => text,
        },
        Value::Table(table) => {
            let (text, counted) = ReplyError::from_table(table)?;
            return Ok(ReplyError { text: text.unwrap_or_else(|| b"ERR unknown error".to_vec()), counted });
        }
        Value::String(text) => text.as_bytes().to_vec(),
        other => other.to_string()?.into_bytes(),
    };
    Ok(ReplyError { text: [b"ERR ", super::errors::up_to_zero(&text)].concat(), counted: false })
}

/// `math.random` and `math.randomseed`, with the server's own generator.
fn add_random(lua: &Lua, run: &Rc<Run>) -> mlua::Result<()> {
    let math: Table = lua.globals().raw_get("math")?;
    let shared = Rc::clone(run);
    let random = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        let unit = shared.random.unit();
        let (least, most, complaint) = match arguments.len() {
            0 => return Ok(Value::Number(unit)),
            1 => (1, arguments.int(1)?, 1),
            2 => (arguments.int(1)?, arguments.int(2)?, 2),
            _ => return Err(raise(lua, "wrong number of arguments")),
        };
        if least > most {
            return Err(bad_argument(lua, complaint, "interval is empty"));
        }
        let width = f64::from(most.wrapping_sub(least).wrapping_add(1));
        Ok(Value::Number((unit * width).floor() + f64::from(least)))
    })?;
    math.raw_set("random", random)?;
    let shared = Rc::clone(run);
    let randomseed = lua.create_function(move |lua, values| {
        shared.random.seed(Arguments::new(lua, values).int(1)?);
        Ok(())
    })?;
    math.raw_set("randomseed", randomseed)
}

/// Has the host asked now and then whether the running script goes on.
fn watch_progress(lua: &Lua, run: &Rc<Run>, api: &Table) -> mlua::Result<()> {
    let (shared, api) = (Rc::clone(run), api.clone());
    let triggers = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_PER_LOOK);
    lua.set_global_hook(triggers, move |_, _| {
        if shared.is_running.get() {
            if Request::Progress.put(&api, [])? == Value::Boolean(true) {
                shared.is_killed.set(true);
            }
            shared.check_killed()?;
        }
        Ok(VmState::Continue)
    })
}
