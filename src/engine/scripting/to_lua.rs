//! A command's reply (RESP2 or RESP3) as the Lua value that a script gets.

use mlua::{Lua, Table, Value};

use super::errors::{ReplyError, plain};
use super::number::read_prefix;

/// How deep a reply may nest. No command of ours comes near.
const DEEPEST_REPLY: usize = 64;

/// The Lua value of `reply`, which is one whole reply.
pub(super) fn value(lua: &Lua, reply: &[u8]) -> mlua::Result<Value> {
    Reader { lua, left: reply }.value(0)
}

struct Reader<'a> {
    lua: &'a Lua,
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn malformed() -> mlua::Error {
        plain("malformed reply")
    }

    fn take(&mut self, length: usize) -> mlua::Result<&'a [u8]> {
        let (head, tail) = self.left.split_at_checked(length).ok_or_else(Self::malformed)?;
        self.left = tail;
        Ok(head)
    }

    /// Up to the end of the line, which is taken too.
    fn line(&mut self) -> mlua::Result<&'a [u8]> {
        let end = memchr::memchr(b'\r', self.left).ok_or_else(Self::malformed)?;
        let line = self.take(end)?;
        self.take(2)?;
        Ok(line)
    }

    fn integer(&mut self) -> mlua::Result<i64> {
        parse_integer(self.line()?).ok_or_else(Self::malformed)
    }

    /// A length; None for -1, which stands for nothing.
    fn length(&mut self) -> mlua::Result<Option<usize>> {
        Ok(usize::try_from(self.integer()?).ok())
    }

    fn bulk(&mut self) -> mlua::Result<Option<&'a [u8]>> {
        let Some(length) = self.length()? else { return Ok(None) };
        let text = self.take(length)?;
        self.take(2)?;
        Ok(Some(text))
    }

    fn text(&self, text: &[u8]) -> mlua::Result<Value> {
        Ok(Value::String(self.lua.create_string(text)?))
    }

    fn value(&mut self, depth: usize) -> mlua::Result<Value> {
        if depth > DEEPEST_REPLY {
            return Err(Self::malformed());
        }
        let kind = self.take(1)?.first().copied().unwrap_or(0);
        Ok(match kind {
            b'$' => match self.bulk()? {
                Some(text) => self.text(text)?,
                None => Value::Boolean(false),
            },
            #[expect(clippy::cast_precision_loss, reason = "Lua has doubles alone")]
            b':' => Value::Number(self.integer()? as f64),
            b'+' => {
                let line = self.line()?;
                self.single("ok", self.text(line)?)?
            }
            b'-' => Value::Table(ReplyError::counted(&[b"-", self.line()?].concat()).to_table(self.lua)?),
            b'*' => match self.length()? {
                Some(length) => Value::Table(self.array(length, depth)?),
                None => Value::Boolean(false),
            },
            b'%' => {
                let map = self.map(depth)?;
                self.single("map", Value::Table(map))?
            }
            b'~' => {
                let set = self.set(depth)?;
                self.single("set", Value::Table(set))?
            }
            b'_' => {
                self.line()?;
                Value::Nil
            }
            b'#' => Value::Boolean(self.line()? == b"t"),
            b',' => {
                let number = read_prefix(self.line()?).map_or(0.0, |(number, _)| number);
                self.single("double", Value::Number(number))?
            }
            b'(' => {
                let line = self.line()?;
                self.single("big_number", self.text(line)?)?
            }
            b'=' => self.verbatim()?,
            b'|' => {
                self.map(depth)?;
                self.value(depth + 1)?
            }
            _ => return Err(Self::malformed()),
        })
    }

    /// A table with one field.
    fn single(&self, name: &str, value: Value) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    }

    fn array(&mut self, length: usize, depth: usize) -> mlua::Result<Table> {
        // A length is a promise of the sender's; memory is given as elements come.
        let table = self.lua.create_table_with_capacity(length.min(self.left.len() / 3 + 1), 0)?;
        for index in 1..=length {
            let value = self.value(depth + 1)?;
            table.raw_set(index, value)?;
        }
        Ok(table)
    }

    fn map(&mut self, depth: usize) -> mlua::Result<Table> {
        let table = self.lua.create_table()?;
        for _ in 0..self.length()?.unwrap_or(0) {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            if !key.is_nil() {
                table.raw_set(key, value)?;
            }
        }
        Ok(table)
    }

    fn set(&mut self, depth: usize) -> mlua::Result<Table> {
        let table = self.lua.create_table()?;
        for _ in 0..self.length()?.unwrap_or(0) {
            let member = self.value(depth + 1)?;
            if !member.is_nil() {
                table.raw_set(member, true)?;
            }
        }
        Ok(table)
    }

    fn verbatim(&mut self) -> mlua::Result<Value> {
        let whole = self.bulk()?.unwrap_or_default();
        let table = self.lua.create_table_with_capacity(0, 2)?;
        table.raw_set("string", self.text(whole.get(4..).unwrap_or_default())?)?;
        table.raw_set("format", self.text(whole.get(..3).unwrap_or_default())?)?;
        self.single("verbatim_string", Value::Table(table))
    }
}

fn parse_integer(line: &[u8]) -> Option<i64> {
    std::str::from_utf8(line).ok()?.parse().ok()
}
