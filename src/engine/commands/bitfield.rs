//! BITFIELD: integers of 1 to 64 bits anywhere within a string.

use super::arguments::{integer, is};
use super::bits::{offset, string_with};
use super::error::{Error, Outcome};
use crate::engine::data::numbers::parse_integer;
use crate::engine::keyspace::events::Classes;
use crate::engine::state::Engine;

/// How an integer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    signed: bool,
    /// 1 to 64; 63 at most where it is unsigned.
    bits: u32,
}

impl Kind {
    fn parse(argument: &[u8]) -> Result<Self, Error> {
        let error = Error::fixed(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        );
        let (signed, digits) = match argument {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return Err(error),
        };
        let most = if signed { 64 } else { 63 };
        let bits = parse_integer(digits).and_then(|bits| u32::try_from(bits).ok());
        let bits = bits.filter(|bits| (1..=most).contains(bits)).ok_or(error)?;
        Ok(Kind { signed, bits })
    }

    /// The bits of an integer, and ones in their places.
    fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// What these bits stand for.
    fn of_bits(self, bits: u64) -> i64 {
        let shift = 64 - self.bits;
        let high = (bits << shift).cast_signed();
        if self.signed { high >> shift } else { (high.cast_unsigned() >> shift).cast_signed() }
    }

    /// `value` and `by` together, and whether the sum was too large or too small, as `overflow` wants it then.
    fn add(self, value: i64, by: i64, overflow: Overflow) -> (i64, bool) {
        let sum = self.of_bits(value.wrapping_add(by).cast_unsigned() & self.mask());
        let over = if self.signed { self.exceeds_signed(value, by) } else { self.exceeds_unsigned(value, by) };
        match (over, overflow) {
            (None, _) => (sum, false),
            (Some(limit), Overflow::Saturate) => (limit, true),
            (Some(_), _) => (sum, true),
        }
    }

    /// The limit that a sum is beyond. A value of more bits is itself beyond one: which, Redis tells from how far it is
    /// from the limits, in 64 bits that wrap around.
    fn exceeds_signed(self, value: i64, by: i64) -> Option<i64> {
        let most = (self.mask() >> 1).cast_signed();
        let least = -most - 1;
        let (up, down) = (most.wrapping_sub(value), least.wrapping_sub(value));
        let narrow = self.bits < 64;
        if value > most || (narrow && by > up) || (value >= 0 && by > 0 && by > up) {
            return Some(most);
        }
        (value < least || (narrow && by < down) || (value < 0 && by < 0 && by < down)).then_some(least)
    }

    fn exceeds_unsigned(self, value: i64, by: i64) -> Option<i64> {
        let most = self.mask().cast_signed();
        let above = value.cast_unsigned() > self.mask();
        if above || (by > 0 && by > most.wrapping_sub(value)) {
            return Some(most);
        }
        (by < 0 && by < value.wrapping_neg()).then_some(0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64),
    Increment(i64),
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    kind: Kind,
    /// The first of its bits.
    offset: u64,
    action: Action,
    overflow: Overflow,
}

impl Operation {
    fn last_bit(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.kind.bits) - 1)
    }

    /// Its integer in these bytes, which end in zeros.
    fn read(&self, bytes: &[u8]) -> i64 {
        let shift = self.shift();
        let wide = u128::from_be_bytes(window(bytes, self.offset >> 3)) >> shift;
        // The mask leaves 64 bits.
        self.kind.of_bits((wide & u128::from(self.kind.mask())) as u64)
    }

    fn write(&self, bytes: &mut [u8], value: i64) {
        let (shift, mask) = (self.shift(), u128::from(self.kind.mask()));
        let wide = u128::from_be_bytes(window(bytes, self.offset >> 3)) & !(mask << shift);
        let changed = wide | ((u128::from(value.cast_unsigned()) & mask) << shift);
        let first = usize::try_from(self.offset >> 3).unwrap_or(usize::MAX);
        let places = bytes.get_mut(first..).unwrap_or_default();
        places.iter_mut().zip(changed.to_be_bytes()).for_each(|(place, byte)| *place = byte);
    }

    /// How far its last bit is from the end of a window of 128 bits.
    fn shift(&self) -> u32 {
        // Below 8.
        128 - (self.offset & 7) as u32 - self.kind.bits
    }

    /// Carries it out; answers the reply, and whether the integer is another one now.
    fn apply(&self, bytes: &mut [u8]) -> (Option<i64>, bool) {
        let before = self.read(bytes);
        let (after, over) = match self.action {
            Action::Get => return (Some(before), false),
            Action::Set(value) => self.kind.add(value, 0, self.overflow),
            Action::Increment(by) => self.kind.add(before, by, self.overflow),
        };
        if over && self.overflow == Overflow::Fail {
            return (None, false);
        }
        self.write(bytes, after);
        let told = if matches!(self.action, Action::Set(_)) { before } else { after };
        (Some(told), before != after)
    }
}

/// 16 bytes from a place on; zeros where there are none.
fn window(bytes: &[u8], from: u64) -> [u8; 16] {
    let mut window = [0; 16];
    let there = usize::try_from(from).ok().and_then(|from| bytes.get(from..)).unwrap_or_default();
    window.iter_mut().zip(there).for_each(|(place, byte)| *place = *byte);
    window
}

/// BITFIELD.
pub(super) fn bitfield(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let operations = parse(engine, &arguments[2..])?;
    if operations.iter().all(|operation| operation.action == Action::Get) {
        return get_all(engine, arguments[1], &operations);
    }
    change(engine, arguments[1], &operations)
}

/// BITFIELD_RO.
pub(super) fn bitfield_ro(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let operations = parse(engine, &arguments[2..])?;
    if operations.iter().any(|operation| operation.action != Action::Get) {
        return Err(Error::fixed("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    get_all(engine, arguments[1], &operations)
}

fn parse(engine: &Engine, mut words: &[&[u8]]) -> Result<Vec<Operation>, Error> {
    let (mut operations, mut overflow) = (Vec::new(), Overflow::Wrap);
    loop {
        words = match words {
            [] => return Ok(operations),
            [word, name, rest @ ..] if is(word, "overflow") => {
                overflow = parse_overflow(name)?;
                rest
            }
            [word, kind, place, rest @ ..] if is(word, "get") => {
                operations.push(operation(engine, kind, place, Action::Get, overflow)?);
                rest
            }
            [word, kind, place, value, rest @ ..] if is(word, "set") || is(word, "incrby") => {
                let mut operation = operation(engine, kind, place, Action::Get, overflow)?;
                let value = integer(value)?;
                operation.action = if is(word, "set") { Action::Set(value) } else { Action::Increment(value) };
                operations.push(operation);
                rest
            }
            _ => return Err(Error::SYNTAX),
        };
    }
}

fn parse_overflow(name: &[u8]) -> Result<Overflow, Error> {
    match name.to_ascii_lowercase().as_slice() {
        b"wrap" => Ok(Overflow::Wrap),
        b"sat" => Ok(Overflow::Saturate),
        b"fail" => Ok(Overflow::Fail),
        _ => Err(Error::fixed("ERR Invalid OVERFLOW type specified")),
    }
}

fn operation(
    engine: &Engine,
    kind: &[u8],
    place: &[u8],
    action: Action,
    overflow: Overflow,
) -> Result<Operation, Error> {
    let kind = Kind::parse(kind)?;
    Ok(Operation { kind, offset: offset(engine, place, Some(kind.bits))?, action, overflow })
}

fn get_all(engine: &mut Engine, key: &[u8], operations: &[Operation]) -> Outcome {
    let bytes = match engine.keyspace.read(key) {
        None => Default::default(),
        Some(value) => value.as_bytes().ok_or(Error::WRONG_TYPE)?,
    };
    engine.reply.array(operations.len());
    for operation in operations {
        engine.reply.integer(operation.read(&bytes));
    }
    Ok(())
}

fn change(engine: &mut Engine, key: &[u8], operations: &[Operation]) -> Outcome {
    let writes = operations.iter().filter(|operation| operation.action != Action::Get);
    let furthest = writes.map(Operation::last_bit).max().unwrap_or(0);
    let (bytes, grew) = string_with(engine, key, furthest)?;
    let mut changes = 0;
    let mut told = Vec::with_capacity(operations.len());
    for operation in operations {
        let (reply, changed) = operation.apply(bytes);
        let wrote = reply.is_some() && operation.action != Action::Get;
        changes += u64::from(changed || (wrote && grew));
        told.push(reply);
    }
    if changes > 0 {
        engine.keyspace.changed(Classes::STRING, "setbit", key);
        engine.keyspace.dirty += changes - 1;
    }
    engine.reply.array(told.len());
    for reply in told {
        match reply {
            Some(value) => engine.reply.integer(value),
            None => engine.reply.null(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::commands::testing::Desk;

    #[test]
    fn integers_are_read_and_written_bit_by_bit_alike() {
        let mut random = fastrand::Rng::with_seed(9);
        let mut bytes = vec![0_u8; 40];
        for _ in 0..5000 {
            let signed = random.bool();
            let kind = Kind { signed, bits: random.u32(1..=if signed { 64 } else { 63 }) };
            let offset = random.u64(0..200);
            let operation = Operation { kind, offset, action: Action::Get, overflow: Overflow::Wrap };
            let before = bytes.clone();
            let value = random.i64(..);
            operation.write(&mut bytes, value);
            let wanted = kind.of_bits(value.cast_unsigned() & kind.mask());
            assert_eq!(operation.read(&bytes), wanted);
            let bit = |bytes: &[u8], place: u64| bytes[(place / 8) as usize] & (0x80 >> (place % 8)) != 0;
            let outside = (0..320).filter(|place| *place < offset || *place > operation.last_bit());
            assert!(outside.into_iter().all(|place| bit(&bytes, place) == bit(&before, place)));
            assert_eq!(bit(&bytes, operation.last_bit()), value & 1 == 1);
        }
    }

    #[test]
    fn sums_wrap_stay_or_fail() {
        let byte = Kind { signed: true, bits: 8 };
        assert_eq!(byte.add(127, 1, Overflow::Wrap), (-128, true));
        assert_eq!(byte.add(127, 1, Overflow::Saturate), (127, true));
        assert_eq!(byte.add(-128, -1, Overflow::Saturate), (-128, true));
        assert_eq!(byte.add(-128, 255, Overflow::Fail), (127, false));
        let long = Kind { signed: true, bits: 64 };
        assert_eq!(long.add(i64::MAX, 1, Overflow::Saturate), (i64::MAX, true));
        assert_eq!(long.add(i64::MIN, -1, Overflow::Wrap), (i64::MAX, true));
        assert_eq!(long.add(i64::MIN, i64::MAX, Overflow::Fail), (-1, false));
        let unsigned = Kind { signed: false, bits: 8 };
        assert_eq!(unsigned.add(255, 1, Overflow::Wrap), (0, true));
        assert_eq!(unsigned.add(5, -6, Overflow::Saturate), (0, true));
        assert_eq!(unsigned.add(-1, 0, Overflow::Saturate), (255, true));
    }

    #[test]
    fn operations_are_done_in_order() {
        let mut desk = Desk::new();
        desk.expect("bitfield a set u8 #1 255 get u8 8 incrby i5 100 1", "*3 :0 :255 :1");
        desk.expect("strlen a", ":14");
        desk.expect("bitfield a overflow fail incrby u2 102 3 incrby u2 102 3", "*2 :3 $-1");
        desk.expect("bitfield_ro a get u8 8 get i8 8 get u63 1000", "*3 :255 :-1 :0");
        desk.expect("bitfield_ro a set u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand");
        desk.expect("bitfield nothing get u8 0", "*1 :0");
        desk.expect("bitfield nothing", "*0");
        desk.expect("exists nothing", ":0");
        desk.expect("bitfield a get u8", "-ERR syntax error");
        desk.expect("bitfield a overflow x", "-ERR Invalid OVERFLOW type specified");
        desk.expect("bitfield a get u8 #9223372036854775807", "-ERR bit offset is not an integer or out of range");
        assert!(desk.ask("bitfield a get u64 0").starts_with("-ERR Invalid bitfield type."));
    }
}
