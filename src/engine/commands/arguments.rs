//! Reads arguments: numbers, times and options, with Redis's words where they are not in order.

use super::error::Error;
use crate::engine::data::numbers;

/// An integer of 64 bits.
///
/// # Errors
/// It is none.
#[inline]
pub fn integer(argument: &[u8]) -> Result<i64, Error> {
    numbers::parse_integer(argument).ok_or(Error::NOT_INTEGER)
}

/// An integer within bounds.
///
/// # Errors
/// It is none, or outside; in the words given for that.
pub fn integer_within(argument: &[u8], least: i64, most: i64, outside: Error) -> Result<i64, Error> {
    let value = integer(argument)?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(outside) }
}

/// An integer of 32 bits, as numbers of databases are read.
///
/// # Errors
/// It is none, or outside.
pub fn small_integer(argument: &[u8]) -> Result<i32, Error> {
    i32::try_from(integer(argument)?).map_err(|_| {
        Error::worded(format!("ERR value is out of range, value must between {} and {}", i32::MIN, i32::MAX))
    })
}

/// A count that can be negated.
///
/// # Errors
/// It is no integer, or the least of all.
pub fn negatable(argument: &[u8]) -> Result<i64, Error> {
    let count = integer(argument)?;
    if count == i64::MIN {
        let (least, most) = (-i64::MAX, i64::MAX);
        return Err(Error::worded(format!("ERR value is out of range, value must between {least} and {most}")));
    }
    Ok(count)
}

/// A floating-point number; infinity is one.
///
/// # Errors
/// It is none.
pub fn float(argument: &[u8]) -> Result<f64, Error> {
    numbers::parse_float(argument).ok_or(Error::NOT_FLOAT)
}

/// Whether an argument is this word, in any case.
#[inline]
pub fn is(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// How a time of expiry is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeForm {
    /// In seconds, or else in milliseconds.
    pub seconds: bool,
    /// Since the epoch, or else from now.
    pub absolute: bool,
}

/// A time of expiry as milliseconds since the epoch. `command` is named where it can't be one.
///
/// # Errors
/// It is no integer, or too far away. What is not positive is in the past, which is for the caller to judge.
pub fn expiry(argument: &[u8], form: TimeForm, now: i64, command: &str) -> Result<i64, Error> {
    let invalid = || Error::worded(format!("ERR invalid expire time in '{command}' command"));
    let value = integer(argument)?;
    let scaled = if form.seconds { value.checked_mul(1000) } else { Some(value) };
    let at = scaled.and_then(|millis| if form.absolute { Some(millis) } else { millis.checked_add(now) });
    at.ok_or_else(invalid)
}

/// A timeout of a blocking command in seconds, as a deadline in milliseconds since the epoch; `None`: never.
///
/// # Errors
/// It is no number, negative, or too far away.
pub fn deadline(argument: &[u8], now: i64) -> Result<Option<i64>, Error> {
    let seconds = numbers::parse_float(argument).ok_or(Error::fixed("ERR timeout is not a float or out of range"))?;
    let millis = (seconds * 1000.0).ceil();
    if millis < 0.0 {
        return Err(Error::fixed("ERR timeout is negative"));
    }
    if millis == 0.0 {
        return Ok(None);
    }
    // 2^62 milliseconds are far away, and leave room for `now`.
    if millis > 4.6e18 {
        return Err(Error::fixed("ERR timeout is out of range"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds just checked")]
    Ok(Some(now.saturating_add(millis as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_deadline_or_never() {
        assert_eq!(deadline(b"0", 5), Ok(None));
        assert_eq!(deadline(b"0.5", 5), Ok(Some(505)));
        assert_eq!(deadline(b"0.0001", 5), Ok(Some(6)));
        assert_eq!(deadline(b"-1", 5), Err(Error::fixed("ERR timeout is negative")));
        assert_eq!(deadline(b"x", 5), Err(Error::fixed("ERR timeout is not a float or out of range")));
        assert_eq!(deadline(b"1e300", 5), Err(Error::fixed("ERR timeout is out of range")));
    }

    #[test]
    fn times_of_expiry_may_not_overflow() {
        let form = TimeForm { seconds: true, absolute: false };
        assert_eq!(expiry(b"10", form, 1, "set"), Ok(10_001));
        let error = Error::fixed("ERR invalid expire time in 'set' command");
        assert_eq!(expiry(b"9223372036854775807", form, 1, "set"), Err(error));
        assert_eq!(expiry(b"x", form, 1, "set"), Err(Error::NOT_INTEGER));
    }
}
