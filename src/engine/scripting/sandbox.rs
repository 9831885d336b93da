//! A script's globals: which there are, and that none of them can be changed.
//!
//! Lua 5.1 has no read-only tables. A protected table is an empty one in front of the real: reading falls through to the
//! real table, every write meets a guard. The functions that look past such a front (`rawset`, `rawget`, `setmetatable`,
//! `getmetatable`, `pairs`) are replaced by ones that know it.

use std::cell::RefCell;
use std::os::raw::c_void;
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaString, MultiValue, Table, Value};

use super::arguments::Arguments;
use super::errors::{bad_argument, plain, raise};

/// The source that frames of the prelude have, so that errors are placed in scripts instead.
pub(super) const PRELUDE_SOURCE: &str = "=prelude";

/// Lua's own functions that scripts have as they are.
const KEPT: [&str; 12] = [
    "tostring",
    "next",
    "assert",
    "tonumber",
    "rawequal",
    "collectgarbage",
    "type",
    "select",
    "gcinfo",
    "ipairs",
    "_VERSION",
    "error",
];
/// Lua's own functions that scripts have only where deprecated ones are enabled.
const DEPRECATED: [&str; 3] = ["newproxy", "setfenv", "getfenv"];

/// The tables that scripts see but cannot change.
#[derive(Default)]
struct Fronts {
    known: RefCell<Vec<Front>>,
}

struct Front {
    /// The identity of the empty table that scripts hold.
    identity: *const c_void,
    real: Table,
    /// What `getmetatable` says of it.
    metatable: Option<Table>,
}

impl Fronts {
    /// The real table behind `table`, where it is a front.
    fn real(&self, table: &Table) -> Option<Table> {
        self.with(table, |front| front.real.clone())
    }

    fn with<R>(&self, table: &Table, read: impl FnOnce(&Front) -> R) -> Option<R> {
        let identity = table.to_pointer();
        self.known.borrow().iter().find(|front| front.identity == identity).map(read)
    }
}

/// The tables of a sandbox that the engine itself writes to or runs scripts in.
pub(super) struct Sandbox {
    /// What scripts take for the table of globals.
    pub(super) environment: Table,
    /// The globals behind it.
    pub(super) globals: Table,
}

/// Builds the globals of scripts from Lua's own, `native` (see the prelude) and `libraries`, and makes them those of
/// every function compiled from now on.
pub(super) fn build(lua: &Lua, native: &Table, libraries: &[(&str, Table)], deprecated: bool) -> mlua::Result<Sandbox> {
    let original = lua.globals();
    let globals = lua.create_table()?;
    let fronts = Rc::new(Fronts::default());
    let guard = lua.create_function(|lua, _: MultiValue| -> mlua::Result<()> { Err(raise(lua, READ_ONLY)) })?;
    for name in KEPT.iter().chain(DEPRECATED.iter().filter(|_| deprecated)) {
        globals.raw_set(*name, original.raw_get::<Value>(*name)?)?;
    }
    for name in ["pcall", "xpcall", "unpack"] {
        globals.raw_set(name, native.raw_get::<Value>(name)?)?;
    }
    let coroutines: Table = original.raw_get("coroutine")?;
    coroutines.raw_set("resume", native.raw_get::<Value>("resume")?)?;
    add_functions(lua, &globals, &fronts, original.raw_get("next")?)?;

    for name in ["string", "table", "math", "coroutine"] {
        protect(lua, &fronts, &guard, &globals, name, original.raw_get(name)?)?;
    }
    for (name, library) in libraries {
        protect(lua, &fronts, &guard, &globals, name, library.clone())?;
    }
    let environment = enclose(lua, &fronts, &guard, &globals)?;
    globals.raw_set("_G", &environment)?;
    protect_strings(lua, &fronts, &guard, &globals)?;
    lua.set_globals(environment.clone())?;
    Ok(Sandbox { environment, globals })
}

/// What scripts may not do.
const READ_ONLY: &str = "Attempt to modify a readonly table";

/// An empty table in front of `real`.
fn front(lua: &Lua, fronts: &Fronts, guard: &Function, real: &Table, metatable: Option<Table>) -> mlua::Result<Table> {
    let front = lua.create_table()?;
    let rules = lua.create_table_with_capacity(0, 2)?;
    rules.raw_set("__index", real)?;
    rules.raw_set("__newindex", guard)?;
    front.set_metatable(Some(rules))?;
    fronts.known.borrow_mut().push(Front { identity: front.to_pointer(), real: real.clone(), metatable });
    Ok(front)
}

fn protect(lua: &Lua, fronts: &Fronts, guard: &Function, globals: &Table, name: &str, real: Table) -> mlua::Result<()> {
    globals.raw_set(name, front(lua, fronts, guard, &real, None)?)
}

/// The front of the globals: reading one that isn't there is an error.
fn enclose(lua: &Lua, fronts: &Fronts, guard: &Function, globals: &Table) -> mlua::Result<Table> {
    let missing = lua.create_function(|lua, values| -> mlua::Result<()> {
        let arguments = Arguments::new(lua, values);
        let name = match arguments.get(2) {
            Some(Value::String(_) | Value::Integer(_) | Value::Number(_)) if arguments.len() == 2 => {
                arguments.text(2)?.to_string_lossy()
            }
            _ if arguments.len() != 2 => {
                return Err(raise(lua, "Wrong number of arguments to luaProtectedTableError"));
            }
            _ => {
                let text = "Second argument to luaProtectedTableError must be a string or number";
                return Err(raise(lua, text));
            }
        };
        Err(raise(lua, format!("Script attempted to access nonexistent global variable '{name}'")))
    })?;
    let rules = lua.create_table()?;
    rules.raw_set("__index", missing)?;
    globals.set_metatable(Some(rules.clone()))?;
    let shown = front(lua, fronts, guard, &rules, None)?;
    front(lua, fronts, guard, globals, Some(shown))
}

/// Makes `getmetatable("")` a table that cannot be changed.
fn protect_strings(lua: &Lua, fronts: &Fronts, guard: &Function, globals: &Table) -> mlua::Result<()> {
    if let Some(metatable) = lua.type_metatable::<LuaString>() {
        let shown = lua.create_table()?;
        shown.raw_set("__index", globals.raw_get::<Value>("string")?)?;
        let shown = front(lua, fronts, guard, &shown, None)?;
        metatable.raw_set("__metatable", shown)?;
    }
    Ok(())
}

/// The functions that would look past a front, and those that compile.
fn add_functions(lua: &Lua, globals: &Table, fronts: &Rc<Fronts>, next: Function) -> mlua::Result<()> {
    let known = Rc::clone(fronts);
    let pairs = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        let table = table_argument(&arguments, 1)?;
        let walked = match known.real(table) {
            Some(real) => copy(lua, &real)?,
            None => table.clone(),
        };
        Ok((next.clone(), walked, Value::Nil))
    })?;
    globals.raw_set("pairs", pairs)?;

    let known = Rc::clone(fronts);
    let rawget = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        let table = table_argument(&arguments, 1)?;
        let key = arguments.get(2).ok_or_else(|| bad_argument(lua, 2, "value expected"))?;
        match known.real(table) {
            Some(real) => real.raw_get::<Value>(key),
            None => table.raw_get(key),
        }
    })?;
    globals.raw_set("rawget", rawget)?;

    let known = Rc::clone(fronts);
    let rawset = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        let table = table_argument(&arguments, 1)?;
        let (Some(key), Some(value)) = (arguments.get(2), arguments.get(3)) else {
            return Err(bad_argument(lua, arguments.len() + 1, "value expected"));
        };
        if known.real(table).is_some() {
            return Err(plain(READ_ONLY));
        }
        match key {
            Value::Nil => return Err(plain("table index is nil")),
            Value::Number(number) if number.is_nan() => return Err(plain("table index is NaN")),
            _ => table.raw_set(key, value)?,
        }
        Ok(table.clone())
    })?;
    globals.raw_set("rawset", rawset)?;
    add_metatable_functions(lua, globals, fronts)?;
    globals.raw_set("loadstring", lua.create_function(|lua, values| loadstring(&Arguments::new(lua, values)))?)?;
    globals.raw_set("load", lua.create_function(|lua, values| load(&Arguments::new(lua, values)))?)
}

fn table_argument<'a>(arguments: &'a Arguments<'_>, index: usize) -> mlua::Result<&'a Table> {
    match arguments.get(index) {
        Some(Value::Table(table)) => Ok(table),
        _ => Err(arguments.unexpected(index, "table")),
    }
}

/// A table with the entries of `real`: what a script walks must not lead it to the real table.
fn copy(lua: &Lua, real: &Table) -> mlua::Result<Table> {
    let copy = lua.create_table()?;
    real.for_each(|key: Value, value: Value| copy.raw_set(key, value))?;
    Ok(copy)
}

fn add_metatable_functions(lua: &Lua, globals: &Table, fronts: &Rc<Fronts>) -> mlua::Result<()> {
    let known = Rc::clone(fronts);
    let original: Function = lua.globals().raw_get("getmetatable")?;
    let getmetatable = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        let metatable = match arguments.get(1) {
            None => return Err(bad_argument(lua, 1, "value expected")),
            Some(Value::Table(table)) => match known.with(table, |front| front.metatable.clone()) {
                Some(shown) => return Ok(shown.map_or(Value::Nil, Value::Table)),
                None => table.metatable(),
            },
            Some(Value::String(_)) => lua.type_metatable::<LuaString>(),
            Some(data @ Value::UserData(_)) => return original.call(data),
            Some(_) => None,
        };
        let Some(metatable) = metatable else { return Ok(Value::Nil) };
        let shown: Value = metatable.raw_get("__metatable")?;
        Ok(if shown.is_nil() { Value::Table(metatable) } else { shown })
    })?;
    globals.raw_set("getmetatable", getmetatable)?;

    let known = Rc::clone(fronts);
    let setmetatable = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        let table = table_argument(&arguments, 1)?;
        let metatable = match arguments.get(2) {
            Some(Value::Table(metatable)) => Some(metatable.clone()),
            Some(Value::Nil) => None,
            _ => return Err(bad_argument(lua, 2, "nil or table expected")),
        };
        if known.real(table).is_some() {
            return Err(plain(READ_ONLY));
        }
        let present = table.metatable();
        let protection = present.map(|present| present.raw_get::<Value>("__metatable")).transpose()?;
        if protection.is_some_and(|protection| !protection.is_nil()) {
            return Err(raise(lua, "cannot change a protected metatable"));
        }
        table.set_metatable(metatable)?;
        Ok(table.clone())
    })?;
    globals.raw_set("setmetatable", setmetatable)
}

fn loadstring(arguments: &Arguments<'_>) -> mlua::Result<MultiValue> {
    let source = arguments.text(1)?;
    let name = match arguments.given(2) {
        Some(_) => arguments.text(2)?,
        None => source.clone(),
    };
    compile(arguments.lua(), &source.as_bytes(), &name.to_string_lossy())
}

/// Compiles what a function returns piece by piece.
fn load(arguments: &Arguments<'_>) -> mlua::Result<MultiValue> {
    let lua = arguments.lua();
    let Some(Value::Function(reader)) = arguments.get(1) else { return Err(arguments.unexpected(1, "function")) };
    let name = match arguments.given(2) {
        Some(_) => arguments.text(2)?.to_string_lossy(),
        None => "=(load)".to_owned(),
    };
    let mut source = Vec::new();
    loop {
        match reader.call::<Value>(())? {
            Value::Nil => break,
            Value::String(piece) if piece.as_bytes().is_empty() => break,
            Value::String(piece) => source.extend_from_slice(&piece.as_bytes()),
            _ => return refusal(lua, "reader function must return a string"),
        }
    }
    compile(lua, &source, &name)
}

/// The function that `source` describes, or nil and why there is none. Compiled code isn't taken.
fn compile(lua: &Lua, source: &[u8], name: &str) -> mlua::Result<MultiValue> {
    let name = name.split('\0').next().unwrap_or_default();
    match lua.load(source).set_name(name).set_mode(ChunkMode::Text).into_function() {
        Ok(function) => Ok(MultiValue::from_vec(vec![Value::Function(function)])),
        Err(mlua::Error::SyntaxError { message, .. }) => refusal(lua, &message),
        Err(error) => refusal(lua, &error.to_string()),
    }
}

fn refusal(lua: &Lua, reason: &str) -> mlua::Result<MultiValue> {
    Ok(MultiValue::from_vec(vec![Value::Nil, Value::String(lua.create_string(reason)?)]))
}
