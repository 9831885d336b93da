//! The library `cjson`: Lua values to JSON and back, and the settings of both.

mod decode;
mod encode;

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::Arguments;
use super::errors::bad_argument;

/// What to do with a number that JSON has no words for, when encoding.
const INVALID_IS_ERROR: i32 = 0;
const INVALID_IS_WRITTEN: i32 = 1;

/// How JSON is written and read. One set a library; what a script sets stays set.
struct Settings {
    /// 1: a table with few of its many indices becomes an object, where it is an error otherwise.
    sparse_convert: Cell<i32>,
    /// A table is sparse where its largest index is more than this times its entries; 0 allows everything.
    sparse_ratio: Cell<i32>,
    /// No table with indices up to this is sparse.
    sparse_safe: Cell<i32>,
    encode_depth: Cell<i32>,
    decode_depth: Cell<i32>,
    /// [`INVALID_IS_ERROR`], [`INVALID_IS_WRITTEN`], or 2: null.
    encode_invalid: Cell<i32>,
    /// 1: hexadecimal, infinities and NaN are read.
    decode_invalid: Cell<i32>,
    /// Kept because scripts can ask for it; no buffer of ours outlives a call.
    keep_buffer: Cell<i32>,
    /// Significant digits of an encoded number.
    precision: Cell<i32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_convert: Cell::new(0),
            sparse_ratio: Cell::new(2),
            sparse_safe: Cell::new(10),
            encode_depth: Cell::new(1000),
            decode_depth: Cell::new(1000),
            encode_invalid: Cell::new(INVALID_IS_ERROR),
            decode_invalid: Cell::new(1),
            keep_buffer: Cell::new(1),
            precision: Cell::new(14),
        }
    }
}

/// The table `cjson`.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let settings = Rc::new(Settings::default());
    let table = lua.create_table()?;
    add_conversions(lua, &table, &settings)?;
    add_settings(lua, &table, &settings)?;
    table.raw_set("new", lua.create_function(|lua, _: MultiValue| library(lua))?)?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn add_conversions(lua: &Lua, table: &Table, settings: &Rc<Settings>) -> mlua::Result<()> {
    let shared = Rc::clone(settings);
    let encode = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        encode::encode(lua, &shared, &only(lua, &arguments)?)
    })?;
    table.raw_set("encode", encode)?;
    let shared = Rc::clone(settings);
    let decode = lua.create_function(move |lua, values| {
        let arguments = Arguments::new(lua, values);
        only(lua, &arguments)?;
        decode::decode(lua, &shared, &arguments.text(1)?.as_bytes())
    })?;
    table.raw_set("decode", decode)
}

/// The one argument.
fn only(lua: &Lua, arguments: &Arguments<'_>) -> mlua::Result<Value> {
    match arguments.get(1) {
        Some(value) if arguments.len() == 1 => Ok(value.clone()),
        _ => Err(bad_argument(lua, 1, "expected 1 argument")),
    }
}

type Setting = fn(&Settings) -> &Cell<i32>;

fn add_settings(lua: &Lua, table: &Table, settings: &Rc<Settings>) -> mlua::Result<()> {
    let integers: [(&str, Setting, i32); 3] = [
        ("encode_max_depth", |settings| &settings.encode_depth, i32::MAX),
        ("decode_max_depth", |settings| &settings.decode_depth, i32::MAX),
        ("encode_number_precision", |settings| &settings.precision, 14),
    ];
    for (name, setting, largest) in integers {
        add_setting(lua, table, settings, name, move |arguments, settings| {
            integer(arguments, 1, setting(settings), (1, largest))
        })?;
    }
    let switches: [(&str, Setting, &[&str]); 3] = [
        ("encode_keep_buffer", |settings| &settings.keep_buffer, &["off", "on"]),
        ("encode_invalid_numbers", |settings| &settings.encode_invalid, &["off", "on", "null"]),
        ("decode_invalid_numbers", |settings| &settings.decode_invalid, &["off", "on"]),
    ];
    for (name, setting, options) in switches {
        add_setting(lua, table, settings, name, move |arguments, settings| {
            choice(arguments, 1, setting(settings), options)
        })?;
    }
    let shared = Rc::clone(settings);
    let sparse = lua.create_function(move |lua, values| {
        let arguments = at_most(lua, values, 3)?;
        Ok((
            choice(&arguments, 1, &shared.sparse_convert, &["off", "on"])?,
            integer(&arguments, 2, &shared.sparse_ratio, (0, i32::MAX))?,
            integer(&arguments, 3, &shared.sparse_safe, (0, i32::MAX))?,
        ))
    })?;
    table.raw_set("encode_sparse_array", sparse)
}

fn add_setting(
    lua: &Lua,
    table: &Table,
    settings: &Rc<Settings>,
    name: &str,
    apply: impl Fn(&Arguments<'_>, &Settings) -> mlua::Result<Value> + 'static,
) -> mlua::Result<()> {
    let shared = Rc::clone(settings);
    let function = lua.create_function(move |lua, values| apply(&at_most(lua, values, 1)?, &shared))?;
    table.raw_set(name, function)
}

fn at_most(lua: &Lua, values: MultiValue, count: usize) -> mlua::Result<Arguments<'_>> {
    let arguments = Arguments::new(lua, values);
    if arguments.len() > count {
        return Err(bad_argument(lua, count + 1, "found too many arguments"));
    }
    Ok(arguments)
}

/// Sets `setting` to argument `index` where it is given; what it is then.
fn integer(
    arguments: &Arguments<'_>,
    index: usize,
    setting: &Cell<i32>,
    (least, most): (i32, i32),
) -> mlua::Result<Value> {
    if arguments.given(index).is_some() {
        let value = arguments.int(index)?;
        if !(least..=most).contains(&value) {
            let reason = format!("expected integer between {least} and {most}");
            return Err(arguments.bad(1, &reason));
        }
        setting.set(value);
    }
    Ok(Value::Integer(i64::from(setting.get())))
}

/// Sets `setting` to the option (or the truth) that argument `index` names where it is given; what it is then.
fn choice(arguments: &Arguments<'_>, index: usize, setting: &Cell<i32>, options: &[&str]) -> mlua::Result<Value> {
    match arguments.given(index) {
        None => {}
        Some(Value::Boolean(truth)) => setting.set(i32::from(*truth)),
        Some(_) => {
            let text = arguments.text(index)?.to_string_lossy();
            let Some(found) = options.iter().position(|option| *option == text) else {
                return Err(arguments.bad(index, &format!("invalid option '{text}'")));
            };
            setting.set(i32::try_from(found).unwrap_or(0));
        }
    }
    Ok(match setting.get() {
        0 => Value::Boolean(false),
        1 => Value::Boolean(true),
        other => {
            let word = usize::try_from(other).ok().and_then(|other| options.get(other)).copied().unwrap_or_default();
            Value::String(arguments.lua().create_string(word)?)
        }
    })
}
