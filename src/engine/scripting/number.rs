//! Numbers as Lua and the C library treat them: conversion to integers, `%g`, and reading one from the front of a text.
//!
//! Pure. Lua 5.1 has one kind of number, a double; every integer here came from one or becomes one.

/// A Lua number as a 64-bit integer: cut towards zero, and the smallest integer where it doesn't fit (as x86-64 does).
pub(super) fn to_integer(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) {
        #[expect(clippy::cast_possible_truncation, reason = "in range, and cutting the fraction is the rule")]
        let integer = number as i64;
        integer
    } else {
        i64::MIN
    }
}

/// A Lua number as a C `int`: the low 32 bits of [`to_integer`].
#[expect(clippy::cast_possible_truncation, reason = "C keeps the low bits")]
pub(super) fn to_int(number: f64) -> i32 {
    to_integer(number) as i32
}

/// Appends `number` as C's `%.<precision>g` words it; `precision` is at least 1.
pub(super) fn append_general(text: &mut Vec<u8>, number: f64, precision: usize) {
    if append_special(text, number) {
        return;
    }
    let scientific = format!("{number:.*e}", precision - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let fits = usize::try_from(exponent).map_or(exponent >= -4, |exponent| exponent < precision);
    if fits {
        let decimals = usize::try_from(i32::try_from(precision).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or(0);
        let fixed = format!("{number:.decimals$}");
        text.extend_from_slice(without_trailing_zeros(&fixed).as_bytes());
    } else {
        text.extend_from_slice(without_trailing_zeros(mantissa).as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        text.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    }
}

/// Appends infinities and NaN as the C library words them, the sign of a NaN too. False where `number` is neither.
fn append_special(text: &mut Vec<u8>, number: f64) -> bool {
    let word = match (number.is_nan(), number.is_infinite()) {
        (true, _) => "nan",
        (_, true) => "inf",
        _ => return false,
    };
    if number.is_sign_negative() {
        text.push(b'-');
    }
    text.extend_from_slice(word.as_bytes());
    true
}

fn without_trailing_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Reads the number that `text` starts with, as C's `strtod` without leading white space: its value and its length.
/// None where no number starts there.
pub(super) fn read_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let sign_length = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let negative = text.first() == Some(&b'-');
    let rest = text.get(sign_length..)?;
    let (value, length) = read_word(rest).or_else(|| read_hexadecimal(rest)).or_else(|| read_decimal(rest))?;
    Some((if negative { -value } else { value }, sign_length + length))
}

fn read_word(text: &[u8]) -> Option<(f64, usize)> {
    let words = [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)];
    words.into_iter().find_map(|(word, value)| {
        let head = text.get(..word.len())?;
        head.eq_ignore_ascii_case(word.as_bytes()).then_some((value, word.len()))
    })
}

fn read_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let whole = count_while(text, u8::is_ascii_digit);
    let mut end = whole;
    let mut digits = whole;
    if text.get(end) == Some(&b'.') {
        let fraction = count_while(text.get(end + 1..)?, u8::is_ascii_digit);
        digits += fraction;
        end += 1 + fraction;
    }
    if digits == 0 {
        return None;
    }
    end += exponent_length(text.get(end..)?, b'e');
    let value = std::str::from_utf8(text.get(..end)?).ok()?.parse().ok()?;
    Some((value, end))
}

fn read_hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    if text.first() != Some(&b'0') || !text.get(1)?.eq_ignore_ascii_case(&b'x') {
        return None;
    }
    let (mut value, mut digits, mut fraction, mut position) = (0.0_f64, 0, 0_i32, 2);
    let mut in_fraction = false;
    while let Some(&byte) = text.get(position) {
        if byte == b'.' && !in_fraction {
            in_fraction = true;
        } else if let Some(digit) = char::from(byte).to_digit(16) {
            value = value * 16.0 + f64::from(digit);
            digits += 1;
            fraction += i32::from(in_fraction) * 4;
        } else {
            break;
        }
        position += 1;
    }
    if digits == 0 {
        return None;
    }
    let tail = text.get(position..)?;
    let length = exponent_length(tail, b'p');
    let exponent: i32 =
        tail.get(1..length).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0);
    Some((value * 2.0_f64.powi(exponent.saturating_sub(fraction)), position + length))
}

/// The length of an exponent (`e+10`) at the front of `text`; 0 where there is none.
fn exponent_length(text: &[u8], letter: u8) -> usize {
    if !text.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&letter)) {
        return 0;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    let digits = count_while(text.get(1 + sign..).unwrap_or_default(), u8::is_ascii_digit);
    if digits == 0 { 0 } else { 1 + sign + digits }
}

fn count_while(text: &[u8], holds: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| holds(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn general(number: f64, precision: usize) -> String {
        let mut text = Vec::new();
        append_general(&mut text, number, precision);
        String::from_utf8(text).expect("ASCII")
    }

    #[test]
    fn words_numbers_as_c_does() {
        assert_eq!(general(0.1, 17), "0.10000000000000001");
        assert_eq!(general(0.1, 14), "0.1");
        assert_eq!(general(3.5, 17), "3.5");
        assert_eq!(general(9007199254740991.0, 17), "9007199254740991");
        assert_eq!(general(1e17, 17), "1e+17");
        assert_eq!(general(1e16, 17), "10000000000000000");
        assert_eq!(general(1e15, 14), "1e+15");
        assert_eq!(general(0.0001, 14), "0.0001");
        assert_eq!(general(0.00001, 14), "1e-05");
        assert_eq!(general(-0.0, 17), "-0");
        assert_eq!(general(100.0, 2), "1e+02");
        assert_eq!(general(9.99, 2), "10");
        assert_eq!(general(f64::NEG_INFINITY, 17), "-inf");
        assert_eq!(general(1.5e300, 14), "1.5e+300");
    }

    #[test]
    fn cuts_as_the_processor_does() {
        assert_eq!(to_integer(100.5), 100);
        assert_eq!(to_integer(-100.9), -100);
        assert_eq!(to_integer(1e300), i64::MIN);
        assert_eq!(to_integer(f64::NAN), i64::MIN);
        assert_eq!(to_int(4_294_967_297.0), 1);
    }

    #[test]
    fn reads_the_number_in_front() {
        assert_eq!(read_prefix(b"0.3e-3,"), Some((0.0003, 6)));
        assert_eq!(read_prefix(b"-5e3]"), Some((-5000.0, 4)));
        assert_eq!(read_prefix(b"1e"), Some((1.0, 1)));
        assert_eq!(read_prefix(b"0x1F "), Some((31.0, 4)));
        assert_eq!(read_prefix(b"0x"), Some((0.0, 1)));
        assert_eq!(read_prefix(b"-infinity"), Some((f64::NEG_INFINITY, 9)));
        assert_eq!(read_prefix(b"."), None);
        assert_eq!(read_prefix(b"-"), None);
        assert_eq!(read_prefix(b"x"), None);
    }
}
