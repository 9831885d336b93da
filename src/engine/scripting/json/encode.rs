//! Lua values to JSON.

use mlua::{Lua, LuaString, Table, Value};

use super::super::arguments::type_name;
use super::super::errors::{located, plain};
use super::super::number::append_general;
use super::{INVALID_IS_ERROR, INVALID_IS_WRITTEN, Settings};

/// Objects nested deeper than this are read pair by pair: walking a table in one go holds a frame of Lua's, and Lua
/// allows 200.
const DEEPEST_WALK: i32 = 100;
/// Tables nested deeper than this are refused whatever the settings say: the stack ends somewhere.
const DEEPEST_TABLE: i32 = 2600;

/// `value` as JSON.
pub(super) fn encode(lua: &Lua, settings: &Settings, value: &Value) -> mlua::Result<LuaString> {
    let mut encoder = Encoder { settings, json: Vec::new() };
    encoder.value(value, 0).map_err(|error| located(lua, &error))?;
    lua.create_string(encoder.json)
}

struct Encoder<'a> {
    settings: &'a Settings,
    json: Vec<u8>,
}

impl Encoder<'_> {
    fn refuse(value: &Value, reason: &str) -> mlua::Error {
        plain(format!("Cannot serialise {}: {reason}", type_name(value)))
    }

    fn value(&mut self, value: &Value, depth: i32) -> mlua::Result<()> {
        match value {
            Value::String(text) => append_text(&mut self.json, &text.as_bytes()),
            Value::Integer(_) | Value::Number(_) => self.number(value)?,
            Value::Boolean(true) => self.json.extend_from_slice(b"true"),
            Value::Boolean(false) => self.json.extend_from_slice(b"false"),
            Value::Nil => self.json.extend_from_slice(b"null"),
            Value::LightUserData(pointer) if pointer.0.is_null() => self.json.extend_from_slice(b"null"),
            Value::Table(table) => self.table(table, depth + 1)?,
            other => return Err(Encoder::refuse(other, "type not supported")),
        }
        Ok(())
    }

    fn table(&mut self, table: &Table, depth: i32) -> mlua::Result<()> {
        if depth > self.settings.encode_depth.get().min(DEEPEST_TABLE) {
            return Err(plain(format!("Cannot serialise, excessive nesting ({depth})")));
        }
        match self.array_length(table)? {
            Some(length) if length > 0 => self.array(table, length, depth),
            _ => self.object(table, depth),
        }
    }

    /// The largest index of a table that has nothing but indices; None for an object.
    fn array_length(&self, table: &Table) -> mlua::Result<Option<i64>> {
        let (mut largest, mut entries, mut is_array) = (0_i64, 0_i64, true);
        if table.raw_len() == 0 && table.is_empty() {
            return Ok(Some(0));
        }
        let walked = table.for_each(|key: Value, _: bool| {
            let index = match key {
                Value::Integer(index) if index >= 1 => index,
                #[expect(clippy::cast_possible_truncation, reason = "larger than any array")]
                Value::Number(index) if index >= 1.0 && index.floor() == index => index as i64,
                _ => {
                    is_array = false;
                    return Err(mlua::Error::runtime("seen enough"));
                }
            };
            largest = largest.max(index);
            entries += 1;
            Ok(())
        });
        if !is_array {
            return Ok(None);
        }
        walked?;
        let (ratio, safe) = (i64::from(self.settings.sparse_ratio.get()), i64::from(self.settings.sparse_safe.get()));
        if ratio > 0 && largest > entries.saturating_mul(ratio) && largest > safe {
            if self.settings.sparse_convert.get() == 0 {
                return Err(Encoder::refuse(&Value::Table(table.clone()), "excessively sparse array"));
            }
            return Ok(None);
        }
        Ok(Some(largest))
    }

    fn array(&mut self, table: &Table, length: i64, depth: i32) -> mlua::Result<()> {
        self.json.push(b'[');
        for index in 1..=length {
            if index > 1 {
                self.json.push(b',');
            }
            let value: Value = table.raw_get(index)?;
            self.value(&value, depth)?;
        }
        self.json.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: i32) -> mlua::Result<()> {
        self.json.push(b'{');
        let mut is_first = true;
        if depth <= DEEPEST_WALK {
            table.for_each(|key: Value, value: Value| self.pair(&key, &value, depth, &mut is_first))?;
        } else {
            for pair in table.pairs::<Value, Value>() {
                let (key, value) = pair?;
                self.pair(&key, &value, depth, &mut is_first)?;
            }
        }
        self.json.push(b'}');
        Ok(())
    }

    fn pair(&mut self, key: &Value, value: &Value, depth: i32, is_first: &mut bool) -> mlua::Result<()> {
        if !std::mem::take(is_first) {
            self.json.push(b',');
        }
        match key {
            Value::Integer(_) | Value::Number(_) => {
                self.json.push(b'"');
                self.number(key)?;
                self.json.extend_from_slice(b"\":");
            }
            Value::String(text) => {
                append_text(&mut self.json, &text.as_bytes());
                self.json.push(b':');
            }
            other => return Err(Encoder::refuse(other, "table key must be a number or string")),
        }
        self.value(value, depth)
    }

    fn number(&mut self, value: &Value) -> mlua::Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "it came from a double")]
        let number = match value {
            Value::Integer(integer) => *integer as f64,
            Value::Number(number) => *number,
            _ => 0.0,
        };
        if !number.is_finite() {
            match self.settings.encode_invalid.get() {
                INVALID_IS_ERROR => return Err(Encoder::refuse(value, "must not be NaN or Inf")),
                INVALID_IS_WRITTEN if number.is_nan() => self.json.extend_from_slice(b"nan"),
                INVALID_IS_WRITTEN => append_general(&mut self.json, number, 14),
                _ => self.json.extend_from_slice(b"null"),
            }
            return Ok(());
        }
        let precision = self.settings.precision.get();
        match value {
            Value::Integer(integer) if precision == 14 && integer.unsigned_abs() < 100_000_000_000_000 => {
                self.json.extend_from_slice(itoa::Buffer::new().format(*integer).as_bytes());
            }
            _ => append_general(&mut self.json, number, usize::try_from(precision).unwrap_or(14)),
        }
        Ok(())
    }
}

/// Appends `text` in quotes, with escapes for what JSON or a careless reader of it could trip over.
fn append_text(json: &mut Vec<u8>, text: &[u8]) {
    json.reserve(text.len() + 2);
    json.push(b'"');
    for &byte in text {
        match byte {
            b'"' => json.extend_from_slice(b"\\\""),
            b'\\' => json.extend_from_slice(b"\\\\"),
            b'/' => json.extend_from_slice(b"\\/"),
            8 => json.extend_from_slice(b"\\b"),
            b'\t' => json.extend_from_slice(b"\\t"),
            b'\n' => json.extend_from_slice(b"\\n"),
            12 => json.extend_from_slice(b"\\f"),
            b'\r' => json.extend_from_slice(b"\\r"),
            0..=31 | 127 => json.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => json.push(byte),
        }
    }
    json.push(b'"');
}
