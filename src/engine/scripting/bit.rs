//! The library `bit`: operations on 32-bit integers.

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::{Arguments, as_number};

/// Adding this to a double leaves the low 32 bits of its integer part as the low bits of the sum.
const BITS_OF_DOUBLE: f64 = 6_755_399_441_055_744.0;

/// The table `bit`.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    add_unary(lua, &table, "tobit", |bits| bits)?;
    add_unary(lua, &table, "bnot", |bits| !bits)?;
    add_unary(lua, &table, "bswap", u32::swap_bytes)?;
    add_fold(lua, &table, "band", |left, right| left & right)?;
    add_fold(lua, &table, "bor", |left, right| left | right)?;
    add_fold(lua, &table, "bxor", |left, right| left ^ right)?;
    add_shift(lua, &table, "lshift", |bits, count| bits << count)?;
    add_shift(lua, &table, "rshift", |bits, count| bits >> count)?;
    add_shift(lua, &table, "arshift", |bits, count| (bits.cast_signed() >> count).cast_unsigned())?;
    add_shift(lua, &table, "rol", u32::rotate_left)?;
    add_shift(lua, &table, "ror", u32::rotate_right)?;
    let hexadecimal = lua.create_function(|lua, values: MultiValue| {
        let arguments = Arguments::new(lua, values);
        let digits = if arguments.len() < 2 { 8 } else { bits(lua, &arguments, 2)?.cast_signed() };
        lua.create_string(to_hexadecimal(bits(lua, &arguments, 1)?, digits))
    })?;
    table.raw_set("tohex", hexadecimal)?;
    Ok(table)
}

fn add_unary(lua: &Lua, table: &Table, name: &str, operation: fn(u32) -> u32) -> mlua::Result<()> {
    let function = lua.create_function(move |lua, values: MultiValue| {
        let arguments = Arguments::new(lua, values);
        Ok(operation(bits(lua, &arguments, 1)?).cast_signed())
    })?;
    table.raw_set(name, function)
}

fn add_fold(lua: &Lua, table: &Table, name: &str, operation: fn(u32, u32) -> u32) -> mlua::Result<()> {
    let function = lua.create_function(move |lua, values: MultiValue| {
        let arguments = Arguments::new(lua, values);
        let mut result = bits(lua, &arguments, 1)?;
        for index in 2..=arguments.len() {
            result = operation(result, bits(lua, &arguments, index)?);
        }
        Ok(result.cast_signed())
    })?;
    table.raw_set(name, function)
}

fn add_shift(lua: &Lua, table: &Table, name: &str, operation: fn(u32, u32) -> u32) -> mlua::Result<()> {
    let function = lua.create_function(move |lua, values: MultiValue| {
        let arguments = Arguments::new(lua, values);
        let (value, count) = (bits(lua, &arguments, 1)?, bits(lua, &arguments, 2)? & 31);
        Ok(operation(value, count).cast_signed())
    })?;
    table.raw_set(name, function)
}

/// Argument `index` as 32 bits.
fn bits(lua: &Lua, arguments: &Arguments<'_>, index: usize) -> mlua::Result<u32> {
    let number = as_number(lua, arguments.get(index).unwrap_or(&Value::Nil));
    match number {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
        Some(number) => Ok((number + BITS_OF_DOUBLE).to_bits() as u32),
        None => Err(arguments.unexpected(index, "number")),
    }
}

/// The last `|digits|` (at most 8) hexadecimal digits; a negative count asks for capitals.
fn to_hexadecimal(bits: u32, digits: i32) -> String {
    let count = usize::try_from(digits.unsigned_abs().min(8)).unwrap_or(8);
    let text = if digits < 0 { format!("{bits:08X}") } else { format!("{bits:08x}") };
    text.get(8 - count..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::to_hexadecimal;

    #[test]
    fn hexadecimal_takes_any_count() {
        assert_eq!(to_hexadecimal(65535, i32::MIN), "0000FFFF");
        assert_eq!(to_hexadecimal(0xabcdef, 4), "cdef");
        assert_eq!(to_hexadecimal(0xabcdef, -4), "CDEF");
        assert_eq!(to_hexadecimal(1, 0), "");
    }
}
