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
    let text = std::str::from_utf8(argument).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Error::fixed("ERR invalid cursor"))
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
        assert_eq!(cursor(b"a"), Err(Error::fixed("ERR invalid cursor")));
    }
}
