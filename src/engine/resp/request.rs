//! Requests: arrays of bulk strings, and inline commands as a person types them.
//!
//! The parser keeps only positions; the bytes stay in the reader's buffer until a request is whole, so that a request
//! that comes in many pieces is looked at once. Must not know commands.

use std::ops::Range;

/// How long a line may be: an inline request, or the header of a multibulk one. Redis: `PROTO_INLINE_MAX_SIZE`.
const LONGEST_LINE: usize = 64 * 1024;
/// How many arguments a client may send before it has authenticated.
const MOST_ARGUMENTS_UNAUTHENTICATED: i64 = 10;
/// How long an argument may be before the client has authenticated.
const LONGEST_UNAUTHENTICATED: i64 = 16 * 1024;

/// Bounds of what a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `proto-max-bulk-len`, bytes.
    pub longest_bulk: i64,
    /// Whether the client may send large requests: only those that have authenticated may.
    pub authenticated: bool,
}

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// More bytes are needed.
    Incomplete,
    /// A whole request of this many bytes, whose arguments are at [`RequestParser::ranges`]; none for an empty line.
    Whole(usize),
    /// A whole inline request of this many bytes; its arguments had to be unquoted.
    Inline(usize, Vec<Vec<u8>>),
}

/// The client doesn't speak the protocol; the connection ends after this error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A line without end.
    #[error("too big inline request")]
    LongInline,
    /// An inline request with quotes that don't match.
    #[error("unbalanced quotes in request")]
    Quotes,
    /// A line without end where the number of arguments was expected.
    #[error("too big mbulk count string")]
    LongCount,
    /// A line without end where the length of an argument was expected.
    #[error("too big bulk count string")]
    LongLength,
    /// The number of arguments is none, or too large.
    #[error("invalid multibulk length")]
    Count,
    /// Too many arguments before authentication.
    #[error("unauthenticated multibulk length")]
    UnauthenticatedCount,
    /// Something else than the length of an argument.
    #[error("expected '$', got '{}'", char::from(*.0))]
    Dollar(u8),
    /// The length of an argument is none, or too large.
    #[error("invalid bulk length")]
    Length,
    /// Too long an argument before authentication.
    #[error("unauthenticated bulk length")]
    UnauthenticatedLength,
}

/// Splits what a client sends into requests.
#[derive(Debug, Default)]
pub struct RequestParser {
    ranges: Vec<Range<usize>>,
    /// How far the current request has been read.
    position: usize,
    /// Arguments of the current request that are still to come; negative before its header was read.
    missing: i64,
    started: bool,
}

impl RequestParser {
    /// Where the arguments of the last whole request are, from its first byte.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// How many arguments are still to come of the request that has begun.
    pub fn missing(&self) -> i64 {
        if self.started { self.missing } else { 0 }
    }

    /// Reads on in `bytes`, which begin with the first byte of the current request.
    ///
    /// # Errors
    /// The bytes are no request.
    #[inline]
    pub fn parse(&mut self, bytes: &[u8], limits: Limits) -> Result<Request, ProtocolError> {
        if !self.started {
            match bytes.first() {
                None => return Ok(Request::Incomplete),
                Some(b'*') => {}
                Some(_) => return inline(bytes, &mut self.ranges),
            }
            if !self.header(bytes, limits)? {
                return Ok(Request::Incomplete);
            }
        }
        while self.missing > 0 {
            if !self.argument(bytes, limits)? {
                return Ok(Request::Incomplete);
            }
        }
        self.started = false;
        Ok(Request::Whole(self.position))
    }

    fn header(&mut self, bytes: &[u8], limits: Limits) -> Result<bool, ProtocolError> {
        let Some((line, next)) = line(bytes, 1) else {
            return too_long(bytes.len(), ProtocolError::LongCount);
        };
        let count = integer(line).filter(|count| *count <= i64::from(i32::MAX)).ok_or(ProtocolError::Count)?;
        if count > MOST_ARGUMENTS_UNAUTHENTICATED && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedCount);
        }
        self.ranges.clear();
        self.started = true;
        self.missing = count;
        self.position = next;
        Ok(true)
    }

    #[inline]
    fn argument(&mut self, bytes: &[u8], limits: Limits) -> Result<bool, ProtocolError> {
        let Some(&first) = bytes.get(self.position) else { return Ok(false) };
        if first != b'$' {
            return match line(bytes, self.position) {
                None if bytes.len() - self.position <= LONGEST_LINE => Ok(false),
                _ => Err(ProtocolError::Dollar(first)),
            };
        }
        let Some((line, start)) = line(bytes, self.position + 1) else {
            return too_long(bytes.len() - self.position, ProtocolError::LongLength);
        };
        let length = integer(line).filter(|length| (0..=limits.longest_bulk).contains(length));
        let length = length.ok_or(ProtocolError::Length)?;
        if length > LONGEST_UNAUTHENTICATED && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedLength);
        }
        // It is not negative and not above `longest_bulk`, which fits.
        let end = start + usize::try_from(length).unwrap_or(0);
        if bytes.len() < end + 2 {
            return Ok(false);
        }
        self.ranges.push(start..end);
        self.position = end + 2;
        self.missing -= 1;
        Ok(true)
    }
}

fn too_long(length: usize, error: ProtocolError) -> Result<bool, ProtocolError> {
    if length > LONGEST_LINE { Err(error) } else { Ok(false) }
}

/// The line at `from` without its end, and where the next one begins.
#[inline]
fn line(bytes: &[u8], from: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(from..)?;
    // Lengths are short: a plain loop is faster than a search made for long texts.
    let end = rest.iter().take(24).position(|byte| *byte == b'\r').or_else(|| memchr::memchr(b'\r', rest))?;
    // The line feed must have come, too.
    (rest.len() > end + 1).then(|| (&rest[..end], from + end + 2))
}

/// An integer as Redis's `string2ll` takes it: no spaces, no plus, no leading zeros.
#[inline]
fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 18 => {}
        _ => return None,
    }
    let mut value: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

fn inline(bytes: &[u8], ranges: &mut Vec<Range<usize>>) -> Result<Request, ProtocolError> {
    ranges.clear();
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        return if bytes.len() > LONGEST_LINE { Err(ProtocolError::LongInline) } else { Ok(Request::Incomplete) };
    };
    let text = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    let words = split(text).ok_or(ProtocolError::Quotes)?;
    if words.is_empty() { Ok(Request::Whole(end + 1)) } else { Ok(Request::Inline(end + 1, words)) }
}

/// Splits a line into words, with quotes and escapes as redis-cli and redis.conf have them; `None` where the quotes
/// don't match.
pub(super) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let [first, tail @ ..] = rest
            && (first.is_ascii_whitespace() || *first == 0x0b)
        {
            rest = tail;
        }
        if rest.is_empty() {
            return Some(words);
        }
        let (word, tail) = word(rest)?;
        words.push(word);
        rest = tail;
    }
}

fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] | [0, ..] => return Some((word, &[])),
            [b' ' | b'\n' | b'\r' | b'\t', ..] => return Some((word, rest)),
            [quote @ (b'"' | b'\''), tail @ ..] => {
                rest = if *quote == b'"' { double_quoted(tail, &mut word)? } else { single_quoted(tail, &mut word)? };
                if !rest.first().is_none_or(|byte| byte.is_ascii_whitespace()) {
                    return None;
                }
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { longest_bulk: 512 * 1024 * 1024, authenticated: true };

    fn words(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut parser = RequestParser::default();
        match parser.parse(bytes, LIMITS).unwrap() {
            Request::Whole(_) => parser.ranges().iter().map(|range| bytes[range.clone()].to_vec()).collect(),
            Request::Inline(_, words) => words,
            Request::Incomplete => panic!("incomplete"),
        }
    }

    fn error(bytes: &[u8]) -> String {
        RequestParser::default().parse(bytes, LIMITS).unwrap_err().to_string()
    }

    #[test]
    fn a_request_may_come_byte_by_byte() {
        let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n";
        let mut parser = RequestParser::default();
        for end in 0..bytes.len() {
            assert_eq!(parser.parse(&bytes[..end], LIMITS), Ok(Request::Incomplete), "{end}");
        }
        assert_eq!(parser.parse(bytes, LIMITS), Ok(Request::Whole(bytes.len())));
        assert_eq!(words(bytes), [b"SET".to_vec(), b"a".to_vec(), Vec::new()]);
    }

    #[test]
    fn no_arguments_are_a_request_that_asks_nothing() {
        for bytes in [&b"*0\r\n"[..], b"*-1\r\n", b"\r\n", b"   \n"] {
            assert_eq!(words(bytes), Vec::<Vec<u8>>::new());
        }
    }

    #[test]
    fn inline_requests_are_split_and_unquoted() {
        assert_eq!(words(b"PING\n"), [b"PING".to_vec()]);
        assert_eq!(words(b" SET  a \"b \\x41\\n\" 'it\\'s'\r\n"), [&b"SET"[..], b"a", b"b A\n", b"it's"]);
        assert_eq!(error(b"SET \"a\r\n"), "unbalanced quotes in request");
        assert_eq!(error(b"SET 'a'b\r\n"), "unbalanced quotes in request");
    }

    #[test]
    fn what_is_no_request_is_named() {
        assert_eq!(error(b"*x\r\n"), "invalid multibulk length");
        assert_eq!(error(b"*20000000000\r\n"), "invalid multibulk length");
        assert_eq!(error(b"*1\r\nblah\r\n"), "expected '$', got 'b'");
        assert_eq!(error(b"*1\r\n$-10\r\n"), "invalid bulk length");
        assert_eq!(error(b"*1\r\n$2000000000\r\n"), "invalid bulk length");
        assert_eq!(error(&[b'a'; LONGEST_LINE + 1]), "too big inline request");
        let long = [&b"*"[..], &[b'1'; LONGEST_LINE]].concat();
        assert_eq!(error(&long), "too big mbulk count string");
    }

    #[test]
    fn strangers_may_not_send_much() {
        let limits = Limits { authenticated: false, ..LIMITS };
        let said = |bytes: &[u8]| RequestParser::default().parse(bytes, limits).unwrap_err().to_string();
        assert_eq!(said(b"*11\r\n"), "unauthenticated multibulk length");
        assert_eq!(said(b"*1\r\n$16385\r\n"), "unauthenticated bulk length");
    }
}
