//! The library `struct`: packing values to bytes and back by a format, as C lays out structures.

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::Arguments;
use super::errors::{bad_argument, raise, up_to_zero};
use super::number::to_integer;

/// The largest integer that a format can ask for, in bytes.
const LARGEST_INTEGER: usize = 32;
/// The alignment that `!` alone stands for, in bytes.
const LARGEST_ALIGNMENT: usize = 8;

/// The table `struct`.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("pack", pack_function(lua)?)?;
    table.raw_set("unpack", lua.create_function(|lua, values| unpack(lua, &Arguments::new(lua, values)))?)?;
    table.raw_set("size", lua.create_function(|lua, values| size(lua, &Arguments::new(lua, values)))?)?;
    Ok(table)
}

fn pack_function(lua: &Lua) -> mlua::Result<mlua::Function> {
    lua.create_function(|lua, mut values: MultiValue| {
        // What is missing counts as nil, and errors say so.
        values.push_back(Value::Nil);
        pack(lua, &Arguments::new(lua, values))
    })
}

/// One option of a format, with what alignment asks for in front of it.
struct Item {
    option: u8,
    /// Bytes; 0 where the value says.
    size: usize,
    padding: usize,
}

/// Reads a format option by option; it knows the byte order and the alignment in force.
struct Format<'a> {
    lua: &'a Lua,
    text: Vec<u8>,
    position: usize,
    big_endian: bool,
    alignment: usize,
}

impl<'a> Format<'a> {
    fn new(lua: &'a Lua, text: &[u8]) -> Self {
        Self {
            lua,
            text: up_to_zero(text).to_vec(),
            position: 0,
            big_endian: cfg!(target_endian = "big"),
            alignment: 1,
        }
    }

    /// The next option; `offset` is how many bytes lie before it.
    fn next(&mut self, offset: usize) -> mlua::Result<Option<Item>> {
        let Some(&option) = self.text.get(self.position) else { return Ok(None) };
        self.position += 1;
        let size = self.size_of(option)?;
        Ok(Some(Item { option, size, padding: self.padding(offset, option, size) }))
    }

    fn size_of(&mut self, option: u8) -> mlua::Result<usize> {
        Ok(match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'f' => 4,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > LARGEST_INTEGER {
                    let text = format!("integral size {size} is larger than limit of {LARGEST_INTEGER}");
                    return Err(raise(self.lua, text));
                }
                size
            }
            _ => 0,
        })
    }

    /// The number that follows in the format.
    fn number(&mut self, default: usize) -> mlua::Result<usize> {
        let mut number = None;
        while let Some(digit) = self.text.get(self.position).filter(|byte| byte.is_ascii_digit()) {
            let next = number.unwrap_or(0_i32).checked_mul(10).and_then(|ten| ten.checked_add(i32::from(digit - b'0')));
            number = Some(next.ok_or_else(|| raise(self.lua, "integral size overflow"))?);
            self.position += 1;
        }
        Ok(number.map_or(default, |number| usize::try_from(number).unwrap_or(0)))
    }

    fn padding(&self, offset: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let mask = size.min(self.alignment) - 1;
        (mask + 1).wrapping_sub(offset & mask) & mask
    }

    /// An option that only sets how the next ones are read.
    fn control(&mut self, option: u8) -> mlua::Result<()> {
        match option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let alignment = self.number(LARGEST_ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    return Err(raise(self.lua, format!("alignment {alignment} is not a power of 2")));
                }
                self.alignment = alignment;
            }
            other => {
                let reason = format!("invalid format option '{}'", char::from(other));
                return Err(bad_argument(self.lua, 1, &reason));
            }
        }
        Ok(())
    }

    /// `bytes`, which are little-endian, in the order in force.
    fn ordered(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }
}

fn pack(lua: &Lua, arguments: &Arguments<'_>) -> mlua::Result<mlua::LuaString> {
    let mut format = Format::new(lua, &arguments.text(1)?.as_bytes());
    let mut packed = Vec::new();
    let mut index = 2;
    while let Some(Item { option, mut size, padding }) = format.next(packed.len())? {
        packed.resize(packed.len() + padding, 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let bytes = integer_bytes(arguments.number(index)?, size);
                packed.extend(format.ordered(bytes));
            }
            b'x' => packed.push(0),
            #[expect(clippy::cast_possible_truncation, reason = "the format asks for single precision")]
            b'f' => packed.extend(format.ordered((arguments.number(index)? as f32).to_le_bytes().to_vec())),
            b'd' => packed.extend(format.ordered(arguments.number(index)?.to_le_bytes().to_vec())),
            b'c' | b's' => {
                let text = arguments.text(index)?;
                let text = text.as_bytes();
                if size == 0 {
                    size = text.len();
                }
                let head = text.get(..size).ok_or_else(|| bad_argument(lua, index + 1, "string too short"))?;
                packed.extend_from_slice(head);
                if option == b's' {
                    packed.push(0);
                }
            }
            other => format.control(other)?,
        }
        index += usize::from(takes_value(option));
    }
    lua.create_string(packed)
}

fn takes_value(option: u8) -> bool {
    matches!(option, b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' | b'f' | b'd' | b'c' | b's')
}

/// The low `size` bytes of `number`, the lowest first.
fn integer_bytes(number: f64, size: usize) -> Vec<u8> {
    let value = if number < 0.0 {
        to_integer(number).cast_unsigned()
    } else {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut as C does")]
        let value = number as u64;
        value
    };
    let mut bytes = value.to_le_bytes().to_vec();
    bytes.resize(size, 0);
    bytes
}

/// The integer in `bytes`, the lowest first, as a Lua number.
#[expect(clippy::cast_precision_loss, reason = "Lua has doubles alone")]
fn integer_value(bytes: &[u8], signed: bool) -> f64 {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(8) {
        value |= u64::from(*byte) << (index * 8);
    }
    if !signed {
        return value as f64;
    }
    let spare = 64_u32.saturating_sub(u32::try_from(bytes.len() * 8).unwrap_or(64)).min(63);
    ((value << spare).cast_signed() >> spare) as f64
}

fn unpack(lua: &Lua, arguments: &Arguments<'_>) -> mlua::Result<MultiValue> {
    let mut format = Format::new(lua, &arguments.text(1)?.as_bytes());
    let data = arguments.text(2)?;
    let data = data.as_bytes();
    let start = arguments.integer_or(3, 1)?;
    if start == 0 {
        return Err(bad_argument(lua, 3, "offset must be 1 or greater"));
    }
    let mut position = usize::try_from(start).map_or(usize::MAX, |start| start.saturating_sub(1));
    let short = || bad_argument(lua, 2, "data string too short");
    let mut values = MultiValue::new();
    while let Some(Item { option, mut size, padding }) = format.next(position)? {
        position = position.saturating_add(padding);
        let bytes = data.get(position..position.saturating_add(size)).ok_or_else(short)?;
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = integer_value(&format.ordered(bytes.to_vec()), option.is_ascii_lowercase());
                values.push_back(Value::Number(number));
            }
            b'x' => {}
            b'f' => values.push_back(Value::Number(f64::from(f32::from_le_bytes(array(&format, bytes))))),
            b'd' => values.push_back(Value::Number(f64::from_le_bytes(array(&format, bytes)))),
            b'c' => {
                if size == 0 {
                    size = previous_size(lua, &mut values)?;
                }
                let text = data.get(position..position.saturating_add(size)).ok_or_else(short)?;
                values.push_back(Value::String(lua.create_string(text)?));
            }
            b's' => {
                let rest = data.get(position..).unwrap_or_default();
                let end = memchr::memchr(0, rest).ok_or_else(|| raise(lua, "unfinished string in data"))?;
                values.push_back(Value::String(lua.create_string(rest.get(..end).unwrap_or_default())?));
                size = end + 1;
            }
            other => format.control(other)?,
        }
        position = position.saturating_add(size);
    }
    values.push_back(Value::Integer(i64::try_from(position).unwrap_or(i64::MAX).saturating_add(1)));
    Ok(values)
}

/// `bytes` as an array, the lowest first.
fn array<const N: usize>(format: &Format<'_>, bytes: &[u8]) -> [u8; N] {
    format.ordered(bytes.to_vec()).try_into().unwrap_or([0; N])
}

/// The size that the value before a `c0` gives; that value is taken away.
fn previous_size(lua: &Lua, values: &mut MultiValue) -> mlua::Result<usize> {
    let last = values.back().and_then(|value| super::arguments::as_number(lua, value));
    let Some(number) = last else { return Err(raise(lua, "format 'c0' needs a previous size")) };
    values.pop_back();
    Ok(usize::try_from(to_integer(number)).unwrap_or(usize::MAX))
}

fn size(lua: &Lua, arguments: &Arguments<'_>) -> mlua::Result<i64> {
    let mut format = Format::new(lua, &arguments.text(1)?.as_bytes());
    let mut position = 0_usize;
    while let Some(Item { option, size, padding }) = format.next(position)? {
        if option == b's' {
            return Err(bad_argument(lua, 1, "option 's' has no fixed size"));
        }
        if option == b'c' && size == 0 {
            return Err(bad_argument(lua, 1, "option 'c0' has no fixed size"));
        }
        if !option.is_ascii_alphanumeric() {
            format.control(option)?;
        }
        position = position.saturating_add(padding).saturating_add(size);
    }
    Ok(i64::try_from(position).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_their_sign() {
        assert_eq!(integer_value(&integer_bytes(-2.0, 2), true), -2.0);
        assert_eq!(integer_value(&integer_bytes(-2.0, 2), false), 65534.0);
        assert_eq!(integer_value(&integer_bytes(-2.0, 8), true), -2.0);
        assert_eq!(integer_bytes(258.0, 4), [2, 1, 0, 0]);
        assert_eq!(integer_bytes(1.0, 10).len(), 10);
        assert_eq!(integer_value(&[], true), 0.0);
    }
}
