//! The arguments of functions given to scripts, checked with Lua's own words.

use mlua::{Lua, LuaString, MultiValue, Value};

use super::errors::{bad_argument, raise};
use super::number;

/// The arguments of one call. Indices count from 1, as the errors name them.
pub(super) struct Arguments<'a> {
    lua: &'a Lua,
    values: MultiValue,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(lua: &'a Lua, values: MultiValue) -> Self {
        Self { lua, values }
    }

    pub(super) fn lua(&self) -> &'a Lua {
        self.lua
    }

    /// The complaint about argument `index` for `reason`.
    pub(super) fn bad(&self, index: usize, reason: &str) -> mlua::Error {
        bad_argument(self.lua, index, reason)
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The argument, or None where the call has fewer.
    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        self.values.get(index.wrapping_sub(1))
    }

    /// The argument, where it is there and not nil.
    pub(super) fn given(&self, index: usize) -> Option<&Value> {
        self.get(index).filter(|value| !value.is_nil())
    }

    /// The complaint that argument `index` isn't what was expected.
    pub(super) fn unexpected(&self, index: usize, expected: &str) -> mlua::Error {
        let found = self.get(index).map_or("no value", type_name);
        bad_argument(self.lua, index, &format!("{expected} expected, got {found}"))
    }

    /// The same complaint in the name of another function.
    pub(super) fn unexpected_of(&self, function: &str, index: usize, expected: &str) -> mlua::Error {
        let found = self.get(index).map_or("no value", type_name);
        raise(self.lua, format!("bad argument #{index} to '{function}' ({expected} expected, got {found})"))
    }

    /// A number, or a text that is one.
    pub(super) fn number(&self, index: usize) -> mlua::Result<f64> {
        match self.get(index).map(|value| as_number(self.lua, value)) {
            Some(Some(number)) => Ok(number),
            _ => Err(self.unexpected(index, "number")),
        }
    }

    /// A number cut to 64 bits.
    pub(super) fn integer(&self, index: usize) -> mlua::Result<i64> {
        self.number(index).map(number::to_integer)
    }

    /// A number cut to 32 bits.
    pub(super) fn int(&self, index: usize) -> mlua::Result<i32> {
        self.number(index).map(number::to_int)
    }

    /// A number cut to 64 bits, or `default` where it isn't given.
    pub(super) fn integer_or(&self, index: usize, default: i64) -> mlua::Result<i64> {
        if self.given(index).is_some() { self.integer(index) } else { Ok(default) }
    }

    /// A text, or a number worded as one.
    pub(super) fn text(&self, index: usize) -> mlua::Result<LuaString> {
        match self.get(index) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value @ (Value::Integer(_) | Value::Number(_))) => {
                self.lua.coerce_string(value.clone())?.ok_or_else(|| self.unexpected(index, "string"))
            }
            _ => Err(self.unexpected(index, "string")),
        }
    }

    /// Every argument, in order.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }
}

/// The number that `value` is or words; None for anything else.
pub(super) fn as_number(lua: &Lua, value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "it came from a double, so it fits one")]
        Value::Integer(integer) => Some(*integer as f64),
        Value::Number(number) => Some(*number),
        Value::String(_) => lua.coerce_number(value.clone()).ok().flatten(),
        _ => None,
    }
}

/// Lua's name for the type of `value`.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        _ => "userdata",
    }
}
