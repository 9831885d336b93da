//! What the primary sends once its replica is up to date: commands, each with its exact number of bytes.
//!
//! Offsets advance by whole commands, and by whole transactions: a replica that loses its primary within one must get all
//! of it again. Knows where commands begin and end; must not know what they do.

use super::PROTOCOL_LIMITS;
use crate::engine::resp::{ProtocolError, Request, RequestParser};

/// Bytes received and not yet applied, and where the next command is among them.
#[derive(Debug, Default)]
pub struct Stream {
    input: Vec<u8>,
    parser: RequestParser,
    /// Bytes that were given out as commands.
    given: usize,
    /// Bytes up to the end of the last command outside of a transaction.
    settled: usize,
    in_transaction: bool,
}

impl Stream {
    /// Takes bytes that follow those before.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.input.is_empty()
    }

    /// Bytes received that no offset counts yet.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.input.len()
    }

    /// The next whole command's arguments; none before more bytes come. The command before it counts as applied.
    ///
    /// # Errors
    /// The bytes are no commands; the link is to be given up.
    #[expect(clippy::should_implement_trait, reason = "what it gives borrows from it")]
    pub fn next(&mut self) -> Result<Option<Vec<&[u8]>>, ProtocolError> {
        loop {
            if !self.in_transaction {
                self.settled = self.given;
            }
            let rest = self.input.get(self.given..).unwrap_or_default();
            let length = match self.parser.parse(rest, PROTOCOL_LIMITS)? {
                Request::Incomplete => return Ok(None),
                Request::Whole(length) | Request::Inline(length, _) => length,
            };
            let start = self.given;
            self.given += length;
            // What is not an array has no meaning in a stream but to keep the link alive.
            if rest.first() == Some(&b'*') && !self.parser.ranges().is_empty() {
                return Ok(Some(self.arguments(start)));
            }
        }
    }

    fn arguments(&mut self, start: usize) -> Vec<&[u8]> {
        let rest = self.input.get(start..).unwrap_or_default();
        let arguments: Vec<&[u8]> =
            self.parser.ranges().iter().map(|range| rest.get(range.clone()).unwrap_or_default()).collect();
        let is = |name: &[u8]| arguments.first().is_some_and(|first| first.eq_ignore_ascii_case(name));
        self.in_transaction = is(b"multi") || self.in_transaction && !is(b"exec") && !is(b"discard");
        arguments
    }

    /// Hands the bytes of all that was applied to `take`, and forgets them.
    pub(super) fn settle(&mut self, take: impl FnOnce(&[u8])) {
        take(self.input.get(..self.settled).unwrap_or_default());
        self.input.drain(..self.settled);
        self.given -= self.settled;
        self.settled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    fn names(stream: &mut Stream) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(arguments) = stream.next().unwrap() {
            names.push(String::from_utf8(arguments.join(&b' ')).unwrap());
        }
        names
    }

    fn settled(stream: &mut Stream) -> Vec<u8> {
        let mut bytes = Vec::new();
        stream.settle(|settled| bytes = settled.to_vec());
        bytes
    }

    const WIRE: &[u8] = b"*1\r\n$4\r\nPING\r\n\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nl\r\n*1\r\n$4\r\nexec\r\n";

    #[test]
    fn every_byte_is_counted_once_however_it_is_cut() {
        for size in 1..=WIRE.len() {
            let (mut stream, mut all, mut bytes) = (Stream::default(), Vec::new(), Vec::new());
            for piece in WIRE.chunks(size) {
                stream.push(piece);
                all.extend(names(&mut stream));
                bytes.extend(settled(&mut stream));
            }
            assert_eq!(all, ["PING", "DEL k", "MULTI", "DEL l", "exec"]);
            assert_eq!(bytes, WIRE);
            assert!(stream.is_empty());
        }
    }

    #[test]
    fn a_transaction_counts_as_a_whole() {
        let start = WIRE.len() - b"*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nl\r\n*1\r\n$4\r\nexec\r\n".len();
        let mut stream = Stream::default();
        stream.push(&WIRE[..WIRE.len() - 1]);
        assert_eq!(names(&mut stream), ["PING", "DEL k", "MULTI", "DEL l"]);
        assert_eq!(settled(&mut stream), &WIRE[..start]);
        stream.push(&WIRE[WIRE.len() - 1..]);
        assert_eq!(names(&mut stream), ["exec"]);
        assert_eq!(settled(&mut stream), &WIRE[start..]);
    }

    #[test]
    fn what_is_no_command_is_an_error() {
        let mut stream = Stream::default();
        stream.push(b"*1\r\nPING\r\n");
        assert!(stream.next().is_err());
    }
}
