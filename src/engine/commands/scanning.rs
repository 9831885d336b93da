//! What SCAN, SSCAN, HSCAN and ZSCAN share: the cursor and the options.

use super::arguments::{integer, is};
use super::error::Error;
use crate::engine::data::glob;

/// What a scan asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan<'a> {
    /// About how many elements one call is to look at.
    pub count: usize,
    /// What elements must match.
    pub pattern: Option<&'a [u8]>,
    /// What type keys must have; SCAN alone.
    pub type_name: Option<&'a [u8]>,
}

/// The cursor of a scan.
///
/// # Errors
/// It is no number that a scan can have answered.
pub fn cursor(argument: &[u8]) -> Result<u64, Error> {
    // Read as C's `strtoul` does: nothing is 0, and a negative number counts down from 2^64.
    let (negative, digits) = match argument {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if argument.is_empty() {
        return Ok(0);
    }
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let value: Option<u64> = text.and_then(|text| text.parse().ok());
    let value = value.ok_or(Error::fixed("ERR invalid cursor"))?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

impl<'a> Scan<'a> {
    /// Reads the options; TYPE only where keys are scanned.
    ///
    /// # Errors
    /// An option that there is not, or a count that is no positive integer.
    pub fn parse(options: &[&'a [u8]], of_keys: bool) -> Result<Self, Error> {
        let mut scan = Self { count: 10, pattern: None, type_name: None };
        for option in options.chunks(2) {
            let &[word, argument] = option else { return Err(Error::SYNTAX) };
            if is(word, "count") {
                let count = integer(argument)?;
                scan.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Error::SYNTAX)?;
            } else if is(word, "match") {
                scan.pattern = (argument != b"*").then_some(argument);
            } else if is(word, "type") && of_keys {
                scan.type_name = Some(argument);
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(scan)
    }

    /// Whether an element is one of those that are asked for.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_pairs_and_any_order() {
        let scan = Scan::parse(&[b"MATCH", b"a*", b"count", b"5"], false);
        assert_eq!(scan, Ok(Scan { count: 5, pattern: Some(b"a*"), type_name: None }));
        assert!(scan.is_ok_and(|scan| scan.matches(b"ab") && !scan.matches(b"b")));
        let all = Scan::parse(&[b"match", b"*", b"type", b"zset"], true);
        assert_eq!(all, Ok(Scan { count: 10, pattern: None, type_name: Some(b"zset") }));
        for wrong in [&[&b"count"[..], b"0"][..], &[b"count"], &[b"type", b"zset"], &[b"a", b"b"]] {
            assert_eq!(Scan::parse(wrong, false), Err(Error::SYNTAX));
        }
        assert_eq!(Scan::parse(&[b"count", b"x"], false), Err(Error::NOT_INTEGER));
        assert_eq!(cursor(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!([&b""[..], b"+5", b"-1"].map(cursor), [Ok(0), Ok(5), Ok(u64::MAX)]);
        for wrong in [&b"-"[..], b"+-5", b" 5", b"5 ", b"18446744073709551616"] {
            assert_eq!(cursor(wrong), Err(Error::fixed("ERR invalid cursor")));
        }
        assert_eq!(cursor(b"a"), Err(Error::fixed("ERR invalid cursor")));
    }
}
