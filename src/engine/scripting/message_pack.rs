//! The library `cmsgpack`: Lua values to MessagePack and back.
//!
//! Two directions that share the format's first bytes. Tables nest to a fixed depth when packed; deeper ones become nil,
//! so that a table that contains itself can be packed.

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::Arguments;
use super::errors::{bad_argument, plain, raise};
use super::number::{to_int, to_integer};

/// Tables deeper than this become nil.
const DEEPEST_TABLE: usize = 16;
/// How deep a packed text may nest, so that hostile ones don't use up the stack.
const DEEPEST_INPUT: usize = 1000;

/// The table `cmsgpack`.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("pack", lua.create_function(|lua, values| pack(lua, &Arguments::new(lua, values)))?)?;
    let unpack_all = lua.create_function(|lua, values| unpack(lua, &Arguments::new(lua, values), 0, 0))?;
    table.raw_set("unpack", unpack_all)?;
    let unpack_one = lua.create_function(|lua, values| {
        let arguments = Arguments::new(lua, values);
        let offset = arguments.integer_or(2, 0)?;
        unpack(lua, &arguments, 1, offset)
    })?;
    table.raw_set("unpack_one", unpack_one)?;
    let unpack_limit = lua.create_function(|lua, values| {
        let arguments = Arguments::new(lua, values);
        let (limit, offset) = (arguments.integer(2)?, arguments.integer_or(3, 0)?);
        unpack(lua, &arguments, limit, offset)
    })?;
    table.raw_set("unpack_limit", unpack_limit)?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(table)
}

fn pack(lua: &Lua, arguments: &Arguments<'_>) -> mlua::Result<mlua::LuaString> {
    if arguments.len() == 0 {
        return Err(bad_argument(lua, 0, "MessagePack pack needs input."));
    }
    let mut packed = Vec::new();
    for value in arguments.values() {
        pack_value(&mut packed, value, 0)?;
    }
    lua.create_string(packed)
}

fn pack_value(packed: &mut Vec<u8>, value: &Value, depth: usize) -> mlua::Result<()> {
    match value {
        Value::String(text) => {
            let text = text.as_bytes();
            pack_text_length(packed, text.len());
            packed.extend_from_slice(&text);
        }
        Value::Boolean(truth) => packed.push(if *truth { 0xc3 } else { 0xc2 }),
        Value::Integer(integer) => pack_integer(packed, *integer),
        Value::Number(number) => pack_number(packed, *number),
        Value::Table(table) if depth < DEEPEST_TABLE => pack_table(packed, table, depth)?,
        _ => packed.push(0xc0),
    }
    Ok(())
}

fn pack_text_length(packed: &mut Vec<u8>, length: usize) {
    match length {
        0..32 => packed.push(0xa0 | low_byte(length)),
        32..=0xff => packed.extend([0xd9, low_byte(length)]),
        _ => pack_length(packed, length, 0xda),
    }
}

/// A 16-bit length behind `first`, or a 32-bit one behind the byte after it.
fn pack_length(packed: &mut Vec<u8>, length: usize, first: u8) {
    match u16::try_from(length) {
        Ok(length) => {
            packed.push(first);
            packed.extend(length.to_be_bytes());
        }
        Err(_) => {
            packed.push(first + 1);
            packed.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
}

fn low_byte(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

/// The shortest form that holds `integer`.
fn pack_integer(packed: &mut Vec<u8>, integer: i64) {
    let bytes = integer.to_be_bytes();
    let (first, width) = match integer {
        -32..=127 => return packed.push(bytes[7]),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..=-33 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    packed.push(first);
    packed.extend_from_slice(bytes.get(8 - width..).unwrap_or_default());
}

/// As an integer where it is one, else in the shorter of the two precisions that keeps it.
#[expect(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "asks for exactness"
)]
fn pack_number(packed: &mut Vec<u8>, number: f64) {
    let integer = to_integer(number);
    let single = number as f32;
    if !number.is_infinite() && integer as f64 == number {
        pack_integer(packed, integer);
    } else if f64::from(single) == number {
        packed.push(0xca);
        packed.extend(single.to_be_bytes());
    } else {
        packed.push(0xcb);
        packed.extend(number.to_be_bytes());
    }
}

fn pack_table(packed: &mut Vec<u8>, table: &Table, depth: usize) -> mlua::Result<()> {
    let (entries, is_array) = measure(table)?;
    if is_array {
        let length = table.raw_len();
        if length < 16 {
            packed.push(0x90 | low_byte(length))
        } else {
            pack_length(packed, length, 0xdc)
        }
        for index in 1..=length {
            pack_value(packed, &table.raw_get::<Value>(index)?, depth + 1)?;
        }
        return Ok(());
    }
    if entries < 16 {
        packed.push(0x80 | low_byte(entries))
    } else {
        pack_length(packed, entries, 0xde)
    }
    table.for_each(|key: Value, value: Value| {
        pack_value(packed, &key, depth + 1)?;
        pack_value(packed, &value, depth + 1)
    })
}

/// How many entries `table` has, and whether their keys are 1 to that number.
fn measure(table: &Table) -> mlua::Result<(usize, bool)> {
    let (mut entries, mut largest, mut only_indices) = (0_usize, 0_i32, true);
    table.for_each(|key: Value, _: bool| {
        entries += 1;
        match index_of(&key) {
            Some(index) => largest = largest.max(index),
            None => only_indices = false,
        }
        Ok(())
    })?;
    Ok((entries, only_indices && usize::try_from(largest).is_ok_and(|largest| largest == entries)))
}

/// `key` as a positive 32-bit integer.
fn index_of(key: &Value) -> Option<i32> {
    let index = match key {
        Value::Integer(integer) => i32::try_from(*integer).ok()?,
        #[expect(clippy::float_cmp, reason = "asks for exactness")]
        Value::Number(number) if f64::from(to_int(*number)) == *number => to_int(*number),
        _ => return None,
    };
    (index > 0).then_some(index)
}

/// Unpacks up to `limit` values from `offset` on (all of them where both are 0), the next offset first where one was
/// asked for.
fn unpack(lua: &Lua, arguments: &Arguments<'_>, limit: i64, offset: i64) -> mlua::Result<MultiValue> {
    let text = arguments.text(1)?;
    let text = text.as_bytes();
    let whole = limit == 0 && offset == 0;
    let (Ok(count), Ok(start)) = (usize::try_from(limit), usize::try_from(offset)) else {
        let size = text.len();
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {size}.");
        return Err(raise(lua, text));
    };
    let Some(left) = text.get(start..) else {
        let text = format!("Start offset {start} greater than input length {}.", text.len());
        return Err(raise(lua, text));
    };
    let count = if whole { usize::MAX } else { count };
    let mut input = Input { lua, left };
    let mut values = MultiValue::new();
    while !input.left.is_empty() && values.len() < count {
        values.push_back(input.value(0)?);
    }
    if !whole {
        let next = if input.left.is_empty() { -1 } else { i64::try_from(text.len() - input.left.len()).unwrap_or(-1) };
        values.push_front(Value::Integer(next));
    }
    Ok(values)
}

/// What is left to unpack.
struct Input<'a> {
    lua: &'a Lua,
    left: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> mlua::Result<&'a [u8]> {
        match self.left.split_at_checked(length) {
            Some((head, tail)) => {
                self.left = tail;
                Ok(head)
            }
            None => Err(raise(self.lua, "Missing bytes in input.")),
        }
    }

    fn array<const N: usize>(&mut self) -> mlua::Result<[u8; N]> {
        Ok(self.take(N)?.try_into().unwrap_or([0; N]))
    }

    fn length<const N: usize>(&mut self) -> mlua::Result<usize> {
        Ok(self.array::<N>()?.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)))
    }

    fn value(&mut self, depth: usize) -> mlua::Result<Value> {
        if depth > DEEPEST_INPUT {
            let text = "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
            return Err(raise(self.lua, text));
        }
        let [first] = self.array()?;
        Ok(match first {
            0x00..=0x7f => Value::Integer(i64::from(first)),
            0xe0..=0xff => Value::Integer(i64::from(first.cast_signed())),
            0xa0..=0xbf => self.text(usize::from(first & 0x1f))?,
            0x90..=0x9f => self.table(usize::from(first & 0xf), depth)?,
            0x80..=0x8f => self.map(usize::from(first & 0xf), depth)?,
            0xcc => Value::Integer(i64::from(u8::from_be_bytes(self.array()?))),
            0xcd => Value::Integer(i64::from(u16::from_be_bytes(self.array()?))),
            0xce => Value::Integer(i64::from(u32::from_be_bytes(self.array()?))),
            0xcf | 0xd3 => Value::Integer(i64::from_be_bytes(self.array()?)),
            0xd0 => Value::Integer(i64::from(i8::from_be_bytes(self.array()?))),
            0xd1 => Value::Integer(i64::from(i16::from_be_bytes(self.array()?))),
            0xd2 => Value::Integer(i64::from(i32::from_be_bytes(self.array()?))),
            0xc0 => Value::Nil,
            0xc2 => Value::Boolean(false),
            0xc3 => Value::Boolean(true),
            0xca => Value::Number(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => Value::Number(f64::from_be_bytes(self.array()?)),
            0xd9 => self.sized_text::<1>()?,
            0xda => self.sized_text::<2>()?,
            0xdb => self.sized_text::<4>()?,
            0xdc => self.sized_table::<2>(depth)?,
            0xdd => self.sized_table::<4>(depth)?,
            0xde => self.sized_map::<2>(depth)?,
            0xdf => self.sized_map::<4>(depth)?,
            _ => return Err(raise(self.lua, "Bad data format in input.")),
        })
    }

    fn sized_text<const N: usize>(&mut self) -> mlua::Result<Value> {
        let length = self.length::<N>()?;
        self.text(length)
    }

    fn sized_table<const N: usize>(&mut self, depth: usize) -> mlua::Result<Value> {
        let length = self.length::<N>()?;
        self.table(length, depth)
    }

    fn sized_map<const N: usize>(&mut self, depth: usize) -> mlua::Result<Value> {
        let length = self.length::<N>()?;
        self.map(length, depth)
    }

    fn text(&mut self, length: usize) -> mlua::Result<Value> {
        Ok(Value::String(self.lua.create_string(self.take(length)?)?))
    }

    fn table(&mut self, length: usize, depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        for index in 1..=length {
            let value = self.value(depth + 1)?;
            table.raw_set(index, value)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, length: usize, depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        for _ in 0..length {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            if key.is_nil() {
                return Err(plain("table index is nil"));
            }
            table.raw_set(key, value)?;
        }
        Ok(Value::Table(table))
    }
}
