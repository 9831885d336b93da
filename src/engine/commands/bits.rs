//! Bits of strings: SETBIT, GETBIT, BITCOUNT, BITPOS and BITOP.
//!
//! Bit 0 is the highest of the first byte. Long strings are looked at eight bytes at a time.

use super::arguments::{integer, is};
use super::bitfield;
use super::command::{Categories, Command, Execute, Flags};
use super::error::{Error, Outcome};
use super::strings::raw;
use crate::engine::data::numbers::parse_integer;
use crate::engine::keyspace::events::Classes;
use crate::engine::keyspace::value::Value;
use crate::engine::state::Engine;
use crate::engine::state::client::Role;

const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);

const fn row(name: &'static str, arity: i16, execute: Execute) -> Command {
    Command::new(name, arity, execute).categories(Categories::BITMAP)
}

/// The commands of this file and of `bitfield`.
pub const COMMANDS: &[Command] = &[
    row("setbit", 4, set_bit).flags(WRITE).key("RW access update").about("bitmap", "2.2.0", "Sets or clears a bit."),
    row("getbit", 3, get_bit).flags(Flags::READONLY.and(Flags::FAST)).key("RO access").about(
        "bitmap",
        "2.2.0",
        "Answers a bit.",
    ),
    row("bitcount", -2, count).flags(Flags::READONLY).key("RO access").about(
        "bitmap",
        "2.6.0",
        "Counts the bits that are set.",
    ),
    row("bitpos", -3, position).flags(Flags::READONLY).key("RO access").about(
        "bitmap",
        "2.8.7",
        "Finds the first bit that is set, or is clear.",
    ),
    row("bitop", -4, combine).flags(WRITE).range(2, -1, 1, "OW update").about(
        "bitmap",
        "2.6.0",
        "Combines strings bit by bit.",
    ),
    row("bitfield", -2, bitfield::bitfield).flags(WRITE).key("RW update access variable_flags").about(
        "bitmap",
        "3.2.0",
        "Reads and changes integers of any width within a string.",
    ),
    row("bitfield_ro", -2, bitfield::bitfield_ro).flags(Flags::READONLY.and(Flags::FAST)).key("RO access").about(
        "bitmap",
        "6.0.0",
        "Reads integers of any width within a string.",
    ),
];

const OFFSET: Error = Error::fixed("ERR bit offset is not an integer or out of range");

/// The number of a bit. As `#number` it counts integers of so many bits, where `width` is one.
///
/// # Errors
/// It is none, or behind the longest string there may be.
pub(super) fn offset(engine: &Engine, argument: &[u8], width: Option<u32>) -> Result<u64, Error> {
    let (text, factor) = match (argument, width) {
        ([b'#', text @ ..], Some(width)) => (text, i64::from(width)),
        _ => (argument, 1),
    };
    let offset = parse_integer(text).and_then(|offset| offset.checked_mul(factor)).ok_or(OFFSET)?;
    let limit = i64::try_from(engine.config.clients.proto_max_bulk_len).unwrap_or(i64::MAX);
    if offset >> 3 >= limit && engine.client.role != Role::Primary {
        return Err(OFFSET);
    }
    u64::try_from(offset).map_err(|_| OFFSET)
}

/// The most bytes that a string gets in advance when it grows.
const SPARE: usize = 1 << 20;

/// A key's string, to be changed, and long enough to have this bit; and whether it had to grow.
///
/// # Errors
/// Another type; or there is not so much memory.
pub(super) fn string_with<'a>(engine: &'a mut Engine, key: &[u8], bit: u64) -> Result<(&'a mut Vec<u8>, bool), Error> {
    let wanted = usize::try_from(bit >> 3).unwrap_or(usize::MAX).saturating_add(1);
    let is_new = !engine.keyspace.exists(key);
    if is_new {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(wanted).map_err(|_| Error::TOO_LONG)?;
        engine.keyspace.set(key, Value::Raw(Box::new(bytes)), false);
    }
    let bytes = raw(engine, key)?;
    let grows = bytes.len() < wanted;
    if grows {
        let spare = if is_new { 0 } else { wanted.min(SPARE) };
        if bytes.capacity() < wanted {
            bytes.try_reserve_exact(wanted - bytes.len() + spare).map_err(|_| Error::TOO_LONG)?;
        }
        bytes.resize(wanted, 0);
    }
    Ok((bytes, grows))
}

fn set_bit(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[1];
    let offset = offset(engine, arguments[2], None)?;
    let on = match parse_integer(arguments[3]) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(Error::fixed("ERR bit is not an integer or out of range")),
    };
    let (bytes, grew) = string_with(engine, key, offset)?;
    let mask = 0x80 >> (offset & 7);
    let mut was_on = false;
    if let Some(byte) = usize::try_from(offset >> 3).ok().and_then(|place| bytes.get_mut(place)) {
        was_on = *byte & mask != 0;
        *byte = if on { *byte | mask } else { *byte & !mask };
    }
    if grew || was_on != on {
        engine.keyspace.changed(Classes::STRING, "setbit", key);
    }
    engine.reply.flag(was_on);
    Ok(())
}

fn get_bit(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let offset = offset(engine, arguments[2], None)?;
    let place = usize::try_from(offset >> 3).unwrap_or(usize::MAX);
    let Some(value) = engine.keyspace.read(arguments[1]) else {
        engine.reply.flag(false);
        return Ok(());
    };
    let byte = value.as_bytes().ok_or(Error::WRONG_TYPE)?.get(place).copied().unwrap_or(0);
    engine.reply.flag(byte & (0x80 >> (offset & 7)) != 0);
    Ok(())
}

/// Bits from `first` to `last` with it, among those of a string; none if `first` is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: usize,
    last: usize,
}

impl Span {
    /// From two places that may count from the end, in bytes or bits, of a string of so many bytes.
    fn new(start: i64, end: i64, in_bits: bool, length: usize) -> Option<Span> {
        let unit = if in_bits { 1 } else { 8 };
        let total = i64::try_from(length).ok()?.checked_mul(8)? / unit;
        let from_end = |place: i64| if place < 0 { place.saturating_add(total).max(0) } else { place };
        let (start, end) = (from_end(start), from_end(end).min(total - 1));
        if start > end {
            return None;
        }
        let first = usize::try_from(start * unit).ok()?;
        let last = usize::try_from(end * unit + unit - 1).ok()?;
        Some(Span { first, last })
    }

    /// The bytes that it touches, and which bits of the first and of the last belong to it.
    fn bytes<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], u8, u8) {
        let touched = bytes.get(self.first / 8..=self.last / 8).unwrap_or_default();
        (touched, 0xff >> (self.first % 8), 0xff << (7 - self.last % 8))
    }
}

/// `BYTE` or `BIT`: whether it is the latter.
fn unit(argument: &[u8]) -> Result<bool, Error> {
    if is(argument, "bit") {
        return Ok(true);
    }
    if is(argument, "byte") { Ok(false) } else { Err(Error::SYNTAX) }
}

fn count(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let Some(value) = engine.keyspace.read(arguments[1]) else {
        engine.reply.count(0);
        return Ok(());
    };
    let bytes = value.as_bytes().ok_or(Error::WRONG_TYPE)?;
    let span = match &arguments[2..] {
        [] => Span::new(0, -1, false, bytes.len()),
        [start, end, rest @ ..] if rest.len() <= 1 => {
            let (start, end) = (integer(start)?, integer(end)?);
            // Such a range is empty, and what comes behind it is not looked at.
            if start < 0 && end < 0 && start > end {
                None
            } else {
                let in_bits = rest.first().map_or(Ok(false), |word| unit(word))?;
                Span::new(start, end, in_bits, bytes.len())
            }
        }
        _ => return Err(Error::SYNTAX),
    };
    engine.reply.count(span.map_or(0, |span| ones_within(&bytes, span)));
    Ok(())
}

fn ones_within(bytes: &[u8], span: Span) -> usize {
    match span.bytes(bytes) {
        ([], _, _) => 0,
        ([only], first, last) => (only & first & last).count_ones() as usize,
        ([head, middle @ .., tail], first, last) => {
            ((head & first).count_ones() + (tail & last).count_ones()) as usize + ones(middle)
        }
    }
}

/// How many bits are set.
fn ones(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: usize = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones() as usize).sum();
    in_words + rest.iter().map(|byte| byte.count_ones() as usize).sum::<usize>()
}

fn position(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let bit = match integer(arguments[2])? {
        0 => false,
        1 => true,
        _ => return Err(Error::fixed("ERR The bit argument must be 1 or 0.")),
    };
    let Some(value) = engine.keyspace.read(arguments[1]) else {
        // Nothing is a string of zeros without an end.
        engine.reply.integer(if bit { -1 } else { 0 });
        return Ok(());
    };
    let bytes = value.as_bytes().ok_or(Error::WRONG_TYPE)?;
    let (span, has_end) = match &arguments[3..] {
        [] => (Span::new(0, -1, false, bytes.len()), false),
        [start] => (Span::new(integer(start)?, -1, false, bytes.len()), false),
        [start, end, rest @ ..] if rest.len() <= 1 => {
            let start = integer(start)?;
            let in_bits = rest.first().map_or(Ok(false), |word| unit(word))?;
            (Span::new(start, integer(end)?, in_bits, bytes.len()), true)
        }
        _ => return Err(Error::SYNTAX),
    };
    let found = match span.map(|span| first_within(&bytes, span, bit)) {
        Some(Some(place)) => i64::try_from(place).unwrap_or(-1),
        // Behind a string whose end was not given come zeros.
        Some(None) if !bit && !has_end => i64::try_from(bytes.len() * 8).unwrap_or(-1),
        _ => -1,
    };
    engine.reply.integer(found);
    Ok(())
}

/// The first bit within the span that is set, or is clear.
fn first_within(bytes: &[u8], span: Span, bit: bool) -> Option<usize> {
    let (touched, first, last) = span.bytes(bytes);
    // Seen so that it is always a set bit that is looked for.
    let flip = if bit { 0 } else { 0xff };
    let at = |place: usize, byte: u8| {
        let zeros = byte.leading_zeros() as usize;
        (zeros < 8).then_some((span.first / 8 + place) * 8 + zeros)
    };
    match touched {
        [] => None,
        [only] => at(0, (only ^ flip) & first & last),
        [head, middle @ .., tail] => at(0, (head ^ flip) & first)
            .or_else(|| {
                let place = first_other(middle, flip)?;
                at(place + 1, middle.get(place)? ^ flip)
            })
            .or_else(|| at(touched.len() - 1, (tail ^ flip) & last)),
    }
}

/// The place of the first byte that is another one.
fn first_other(bytes: &[u8], than: u8) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    let word = [than; 8];
    let skipped = words.iter().position(|other| *other != word);
    let from = skipped.map_or(bytes.len() - rest.len(), |number| number * 8);
    bytes.get(from..)?.iter().position(|byte| *byte != than).map(|place| from + place)
}

fn combine(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let operation = match arguments[1].to_ascii_lowercase().as_slice() {
        b"and" => Operation::And,
        b"or" => Operation::Or,
        b"xor" => Operation::Xor,
        b"not" => Operation::Not,
        _ => return Err(Error::SYNTAX),
    };
    let (target, sources) = (arguments[2], &arguments[3..]);
    if operation == Operation::Not && sources.len() != 1 {
        return Err(Error::fixed("ERR BITOP NOT must be called with a single source key."));
    }
    let mut result: Option<Vec<u8>> = None;
    for key in sources {
        let source = match engine.keyspace.read(key) {
            None => Default::default(),
            Some(value) => value.as_bytes().ok_or(Error::WRONG_TYPE)?,
        };
        match &mut result {
            None => result = Some(source.into_owned()),
            Some(result) => operation.fold(result, &source),
        }
    }
    let mut result = result.unwrap_or_default();
    if operation == Operation::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let length = result.len();
    if length > 0 {
        engine.keyspace.set(target, Value::Raw(Box::new(result)), false);
        engine.keyspace.changed(Classes::STRING, "set", target);
    } else if engine.keyspace.delete(target) {
        engine.keyspace.changed(Classes::GENERIC, "del", target);
    }
    engine.reply.count(length);
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    /// Takes another string into the result; the shorter one ends in zeros.
    fn fold(self, result: &mut Vec<u8>, source: &[u8]) {
        if result.len() < source.len() {
            result.resize(source.len(), 0);
        }
        let pairs = result.iter_mut().zip(source);
        match self {
            Operation::And => {
                pairs.for_each(|(byte, other)| *byte &= other);
                if let Some(rest) = result.get_mut(source.len()..) {
                    rest.fill(0);
                }
            }
            Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
            Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
            Operation::Not => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::commands::testing::Desk;

    #[test]
    fn words_find_and_count_what_single_bits_do() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..2000 {
            let length = random.usize(1..40);
            let odds = random.u32(1..40);
            let fill = if random.bool() { 0 } else { 0xff };
            let bytes: Vec<u8> =
                (0..length).map(|_| if random.u32(0..odds) == 0 { random.u8(..) } else { fill }).collect();
            let in_bits = random.bool();
            let place = |random: &mut fastrand::Rng| random.i64(-400..400) / if in_bits { 1 } else { 8 };
            let (start, end) = (place(&mut random), place(&mut random));
            let Some(span) = Span::new(start, end, in_bits, length) else { continue };
            assert!(span.first <= span.last && span.last < length * 8);
            let is_on = |place: &usize| bytes[place / 8] & (0x80 >> (place % 8)) != 0;
            let places = span.first..=span.last;
            assert_eq!(ones_within(&bytes, span), places.clone().filter(is_on).count());
            assert_eq!(first_within(&bytes, span, true), places.clone().find(is_on));
            assert_eq!(first_within(&bytes, span, false), places.clone().find(|place| !is_on(place)));
        }
    }

    #[test]
    fn a_bit_beyond_the_end_makes_room() {
        let mut desk = Desk::new();
        desk.expect("setbit a 15 1", ":0");
        desk.expect("strlen a", ":2");
        desk.expect("setbit a 15 0", ":1");
        desk.expect("getbit a 15", ":0");
        desk.expect("getbit a 1000", ":0");
        desk.expect("set n 1", "+OK");
        desk.expect("setbit n 6 1", ":0");
        desk.expect("get n", "$1 3");
        let range = "-ERR bit offset is not an integer or out of range";
        desk.expect("setbit a -1 1", range);
        desk.expect("setbit a 4294967296 1", range);
        desk.expect("setbit a 1 2", "-ERR bit is not an integer or out of range");
        desk.expect("rpush l 1", ":1");
        assert!(desk.ask("setbit l 1 1").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn ranges_are_in_bytes_or_bits() {
        let mut desk = Desk::new();
        desk.expect("set a foobar", "+OK");
        desk.expect("bitcount a", ":26");
        desk.expect("bitcount a 1 1", ":6");
        desk.expect("bitcount a 5 30 BIT", ":17");
        desk.expect("bitcount a 1", "-ERR syntax error");
        desk.expect("bitcount nothing 1", ":0");
        desk.expect("bitpos a 1 2 4", ":17");
        desk.expect("bitpos a 0 7 15 bit", ":7");
        desk.expect("bitpos a 1 10", ":-1");
        desk.expect("bitpos nothing 0", ":0");
        desk.expect("bitpos a 2", "-ERR The bit argument must be 1 or 0.");
    }

    #[test]
    fn shorter_strings_end_in_zeros() {
        let mut desk = Desk::new();
        desk.expect("mset a abcd b ab", "+OK");
        desk.expect("bitop xor c a b", ":4");
        desk.expect("bitcount c 0 1", ":0");
        desk.expect("getrange c 2 3", "$2 cd");
        desk.expect("bitop and c a b nothing", ":4");
        desk.expect("bitcount c", ":0");
        desk.expect("bitop or c nothing", ":0");
        desk.expect("exists c", ":0");
        desk.expect("bitop not c a b", "-ERR BITOP NOT must be called with a single source key.");
        desk.expect("bitop nand c a b", "-ERR syntax error");
    }
}
