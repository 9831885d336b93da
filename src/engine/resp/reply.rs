//! Replies as bytes, in the version of the protocol that the client has chosen.
//!
//! One method a kind of reply; RESP2 has no maps, sets, doubles or nulls of their own, and gets what Redis sends
//! instead. Must not know connections.

use crate::engine::data::numbers;

/// Writes replies one behind the other.
#[derive(Clone, Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    resp3: bool,
}

impl Default for Reply {
    fn default() -> Self {
        Reply::new(false)
    }
}

impl Reply {
    /// An empty one for RESP2, or for RESP3.
    pub fn new(resp3: bool) -> Self {
        Reply { bytes: Vec::new(), resp3 }
    }

    /// Goes on behind these bytes.
    pub fn behind(bytes: Vec<u8>, resp3: bool) -> Self {
        Reply { bytes, resp3 }
    }

    /// Whether it writes RESP3.
    pub fn is_resp3(&self) -> bool {
        self.resp3
    }

    /// Writes the other version from now on.
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written, to be kept.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How much was written, bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets all behind the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    /// Replies that are written already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A status, which must have no line ends.
    pub fn status(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error: its code and its text; line ends in it become spaces.
    pub fn error(&mut self, text: &str) {
        self.bytes.push(b'-');
        let clean = text.trim_end_matches(['\r', '\n']).bytes();
        self.bytes.extend(clean.map(|byte| if byte == b'\r' || byte == b'\n' { b' ' } else { byte }));
        self.raw(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match value {
            0 => self.raw(b":0\r\n"),
            1 => self.raw(b":1\r\n"),
            _ => self.number(b':', value),
        }
    }

    /// A count.
    #[inline]
    pub fn count(&mut self, value: usize) {
        self.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// Yes or no where Redis answers 1 or 0 in both versions.
    pub fn flag(&mut self, value: bool) {
        self.integer(i64::from(value));
    }

    /// Yes or no: RESP3 has a type for it.
    pub fn boolean(&mut self, value: bool) {
        match (self.resp3, value) {
            (true, true) => self.raw(b"#t\r\n"),
            (true, false) => self.raw(b"#f\r\n"),
            (false, value) => self.flag(value),
        }
    }

    /// A byte string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.number(b'$', i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        self.bytes.reserve(bytes.len() + 2);
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A text as a byte string.
    pub fn text(&mut self, text: &str) {
        self.bulk(text.as_bytes());
    }

    /// An integer as a byte string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A text with its format, such as `txt`; RESP2 gets the text alone.
    pub fn verbatim(&mut self, format: &str, text: &str) {
        if !self.resp3 {
            return self.text(text);
        }
        self.number(b'=', i64::try_from(text.len() + 4).unwrap_or(i64::MAX));
        self.raw(format.as_bytes());
        self.raw(b":");
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// A floating-point number: RESP2 gets it as a byte string.
    pub fn double(&mut self, value: f64) {
        let text = numbers::format_float(value);
        if self.resp3 { self.line(b',', text.as_bytes()) } else { self.text(&text) }
    }

    /// Nothing: no such value.
    #[inline]
    pub fn null(&mut self) {
        if self.resp3 { self.raw(b"_\r\n") } else { self.raw(b"$-1\r\n") }
    }

    /// Nothing, where a list would be.
    pub fn null_array(&mut self) {
        if self.resp3 { self.raw(b"_\r\n") } else { self.raw(b"*-1\r\n") }
    }

    /// The value, or nothing.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// A list of so many replies, which follow.
    pub fn array(&mut self, length: usize) {
        self.number(b'*', i64::try_from(length).unwrap_or(i64::MAX));
    }

    /// A map of so many pairs, which follow; RESP2 gets a list of twice as many.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3 { self.number(b'%', i64::try_from(pairs).unwrap_or(i64::MAX)) } else { self.array(pairs * 2) }
    }

    /// A set of so many members, which follow; RESP2 gets a list.
    pub fn set(&mut self, length: usize) {
        if self.resp3 { self.number(b'~', i64::try_from(length).unwrap_or(i64::MAX)) } else { self.array(length) }
    }

    /// A message out of turn with so many parts, which follow; RESP2 gets a list.
    pub fn push(&mut self, length: usize) {
        if self.resp3 { self.number(b'>', i64::try_from(length).unwrap_or(i64::MAX)) } else { self.array(length) }
    }

    /// A list of byte strings.
    pub fn bulks<B: AsRef<[u8]>>(&mut self, items: &[B]) {
        self.array(items.len());
        for item in items {
            self.bulk(item.as_ref());
        }
    }

    /// A list whose length is known only when it ends: `fill` writes its elements and answers how many.
    pub fn array_of(&mut self, fill: impl FnOnce(&mut Reply) -> usize) {
        let start = self.bytes.len();
        let length = fill(self);
        let written = self.bytes.split_off(start);
        self.array(length);
        self.raw(&written);
    }

    /// A map whose number of pairs is known only when it ends.
    pub fn map_of(&mut self, fill: impl FnOnce(&mut Reply) -> usize) {
        let start = self.bytes.len();
        let pairs = fill(self);
        let written = self.bytes.split_off(start);
        self.map(pairs);
        self.raw(&written);
    }

    /// A set whose length is known only when it ends.
    pub fn set_of(&mut self, fill: impl FnOnce(&mut Reply) -> usize) {
        let start = self.bytes.len();
        let length = fill(self);
        let written = self.bytes.split_off(start);
        self.set(length);
        self.raw(&written);
    }

    #[inline]
    fn number(&mut self, kind: u8, value: i64) {
        let mut buffer = itoa::Buffer::new();
        self.line(kind, buffer.format(value).as_bytes());
    }

    #[inline]
    fn line(&mut self, kind: u8, text: &[u8]) {
        self.bytes.reserve(text.len() + 3);
        self.bytes.push(kind);
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(resp3: bool, write: impl FnOnce(&mut Reply)) -> String {
        let mut reply = Reply::new(resp3);
        write(&mut reply);
        String::from_utf8(reply.into_bytes()).unwrap()
    }

    #[test]
    fn what_resp2_lacks_is_worded_with_what_it_has() {
        let all = |reply: &mut Reply| {
            reply.map(1);
            reply.set(2);
            reply.push(3);
            reply.null();
            reply.null_array();
            reply.boolean(true);
            reply.verbatim("txt", "hi");
        };
        assert_eq!(written(false, all), "*2\r\n*2\r\n*3\r\n$-1\r\n*-1\r\n:1\r\n$2\r\nhi\r\n");
        assert_eq!(written(true, all), "%1\r\n~2\r\n>3\r\n_\r\n_\r\n#t\r\n=6\r\ntxt:hi\r\n");
    }

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(written(false, |reply| reply.error("ERR a\r\nb\n")), "-ERR a  b\r\n");
    }

    #[test]
    fn a_list_may_learn_its_length_last() {
        let list = |reply: &mut Reply| {
            reply.integer(7);
            reply.array_of(|reply| {
                reply.bulk(b"a");
                reply.integer(2);
                2
            });
        };
        assert_eq!(written(false, list), ":7\r\n*2\r\n$1\r\na\r\n:2\r\n");
    }
}
