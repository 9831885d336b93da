//! Numbers in text, as strict in reading and worded as Redis does both.
//!
//! Integers and doubles; [`long_double`] has the wider floats of INCRBYFLOAT and HINCRBYFLOAT.

pub mod long_double;

/// The most bytes an `i64` takes in text.
pub const INTEGER_TEXT_LENGTH: usize = 20;

/// Reads an integer in its one canonical form: digits with no leading zero, a `-` before them if it is negative, nothing else.
///
/// So a text that is an integer can be had back from the integer, byte for byte: the compact encodings rely on it.
#[inline]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (digits, negative) = match text {
        [b'0'] => return Some(0),
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    if !matches!(digits.first()?, b'1'..=b'9') || digits.len() > INTEGER_TEXT_LENGTH - 1 {
        return None;
    }
    let mut value: u64 = 0;
    // 19 digits never overflow 64 unsigned bits.
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// How many bytes the text of an integer has.
#[inline]
pub fn integer_text_length(value: i64) -> usize {
    value.unsigned_abs().checked_ilog10().map_or(1, |digits| digits as usize + 1) + usize::from(value < 0)
}

/// Appends the text of an integer.
#[inline]
pub fn append_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Reads a double as C's `strtod` does, but the whole text and no space: decimal or hexadecimal, `inf` and `infinity` in any
/// case with a sign; not NaN, nor what is too large or so small that it would become 0.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let (unsigned, negative) = split_sign(text);
    if let [b'0', b'x' | b'X', hexadecimal @ ..] = unsigned {
        let value = parse_hexadecimal(hexadecimal)?;
        return Some(if negative { -value } else { value });
    }
    let first = unsigned.first()?.to_ascii_lowercase();
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let finite = first.is_ascii_digit() || first == b'.';
    let out_of_range = match value {
        0.0 => has_significant_digit(unsigned),
        _ => finite && value.is_infinite(),
    };
    (!value.is_nan() && !out_of_range).then_some(value)
}

fn split_sign(text: &[u8]) -> (&[u8], bool) {
    match text {
        [b'-', rest @ ..] => (rest, true),
        [b'+', rest @ ..] => (rest, false),
        _ => (text, false),
    }
}

/// Whether a digit before the exponent is not 0.
fn has_significant_digit(unsigned: &[u8]) -> bool {
    unsigned.iter().take_while(|byte| !byte.eq_ignore_ascii_case(&b'e')).any(|byte| matches!(byte, b'1'..=b'9'))
}

/// The value of what follows `0x`, by way of the wider float, which is exact for anything a person writes.
fn parse_hexadecimal(digits: &[u8]) -> Option<f64> {
    let value = long_double::parse_hexadecimal(digits)?.to_f64();
    value.is_finite().then_some(value)
}

/// Appends a double as replies word it (C's `%.17g`, `inf`, `-inf`).
pub fn append_float(out: &mut Vec<u8>, value: f64) {
    if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value == value.trunc() && value.abs() < 1e17 && (value != 0.0 || value.is_sign_positive()) {
        append_integer(out, value as i64);
    } else {
        append_general(out, value);
    }
}

/// [`append_float`] as a string of its own.
pub fn format_float(value: f64) -> String {
    let mut out = Vec::with_capacity(24);
    append_float(&mut out, value);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends a score as it is kept in text: like [`append_float`], but whole numbers up to 2^62 are never in powers of ten.
pub fn append_score(out: &mut Vec<u8>, value: f64) {
    const LARGEST_WHOLE: f64 = (i64::MAX / 2) as f64;
    if value == value.trunc() && value.abs() <= LARGEST_WHOLE && value != 0.0 {
        append_integer(out, value as i64);
    } else {
        append_float(out, value);
    }
}

/// Appends a finite double as `%.17g` does: 17 significant digits without trailing zeroes, in powers of ten if the exponent is
/// less than -4 or more than 16.
fn append_general(out: &mut Vec<u8>, value: f64) {
    let text = format!("{value:.16e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    match exponent {
        ..-4 | 17.. => append_scientific(out, &digits, exponent),
        ..0 => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
            out.extend_from_slice(&digits);
        }
        _ => append_fixed(out, &digits, exponent as usize + 1),
    }
}

fn append_scientific(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    append_fixed(out, digits, 1);
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
}

/// Digits with the point after `whole` of them.
fn append_fixed(out: &mut Vec<u8>, digits: &[u8], whole: usize) {
    let (before, after) = digits.split_at(whole.min(digits.len()));
    out.extend_from_slice(before);
    out.extend(std::iter::repeat_n(b'0', whole - before.len()));
    if !after.is_empty() {
        out.push(b'.');
        out.extend_from_slice(after);
    }
}

/// Reads an amount of memory: digits, then nothing, `b`, `k` (1000), `kb` (1024), `m`, `mb`, `g` or `gb` in any case.
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1000 * 1000,
        b"mb" => 1 << 20,
        b"g" => 1000 * 1000 * 1000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    std::str::from_utf8(number).ok()?.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_in_canonical_form_only() {
        for value in [0, 1, -1, 9, 10, 127, -4096, 1 << 40, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1] {
            let text = value.to_string();
            assert_eq!(parse_integer(text.as_bytes()), Some(value));
            assert_eq!(integer_text_length(value), text.len());
            let mut out = Vec::new();
            append_integer(&mut out, value);
            assert_eq!(out, text.as_bytes());
        }
        let no_integers = ["", "-", "+1", "01", "-0", "00", " 1", "1 ", "1.0", "1a", "9223372036854775808"];
        let too_long =
            ["-9223372036854775809", "18446744073709551615", "18446744073709551616", "99999999999999999999999"];
        for text in no_integers.iter().chain(&too_long) {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn reads_floats_as_strtod_does() {
        let floats = [
            ("1", 1.0),
            ("+1.5", 1.5),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-2", 0.01),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0e99999", 0.0),
            ("4e-320", 4e-320),
            ("0x10", 16.0),
            ("-0x1.8p1", -3.0),
        ];
        for (text, value) in floats {
            assert_eq!(parse_float(text.as_bytes()), Some(value), "{text}");
        }
        let no_floats =
            ["", " 1", "1 ", "nan", "-nan", "1e400", "-1e400", "1e-400", "1.2.3", "e5", "0x", "1\0", "abc", ".", "+"];
        for text in no_floats {
            assert_eq!(parse_float(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn words_floats_as_seventeen_significant_digits() {
        let floats = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (0.1, "0.10000000000000001"),
            (1.5, "1.5"),
            (3.2, "3.2000000000000002"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1e-300, "1e-300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::MAX, "1.7976931348623157e+308"),
            (1234.5678, "1234.5678"),
        ];
        for (value, text) in floats {
            assert_eq!(format_float(value), text);
        }
    }

    #[test]
    fn words_scores_that_are_whole_without_powers_of_ten() {
        let score = |value| {
            let mut out = Vec::new();
            append_score(&mut out, value);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(score(1e17), "100000000000000000");
        assert_eq!(score(-0.0), "-0");
        assert_eq!(score(1e19), "1e+19");
        assert_eq!(score(0.5), "0.5");
        assert_eq!(score(f64::NEG_INFINITY), "-inf");
    }

    #[test]
    fn what_is_worded_reads_as_the_same_float() {
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..100_000 {
            let value = f64::from_bits(random.u64(..));
            if !value.is_nan() {
                assert_eq!(parse_float(format_float(value).as_bytes()), Some(value));
            }
        }
    }

    #[test]
    fn reads_amounts_of_memory() {
        assert_eq!(parse_memory(b"100"), Some(100));
        assert_eq!(parse_memory(b"1Gb"), Some(1 << 30));
        assert_eq!(parse_memory(b"2k"), Some(2000));
        assert_eq!(parse_memory(b"0"), Some(0));
        for text in [&b"-1"[..], b"kb", b"", b"1x", b"1.5mb", b"99999999999999999999", b"99999999999gb"] {
            assert_eq!(parse_memory(text), None, "{}", text.escape_ascii());
        }
    }
}
