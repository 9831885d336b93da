//! How a full synchronisation frames its snapshot: a line, the snapshot, and an end that is either counted or marked.
//!
//! `$<length>` and so many bytes; or `$EOF:<40 bytes>`, the snapshot, and the same 40 bytes again. Before the line, lone
//! newlines keep the connection alive.

use memchr::memmem;

use super::history::ReplicationId;

/// The longest line that is taken for one.
const LONGEST_LINE: usize = 1024;
/// Bytes of the mark.
pub(super) const MARK: usize = ReplicationId::LENGTH;

/// How the end of a snapshot is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By its length.
    Length,
    /// By these bytes.
    Mark([u8; MARK]),
}

/// What a piece of input led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The snapshot begins; how long it is, if that is known.
    Begins(Option<u64>),
    /// Bytes of the snapshot.
    Bytes(Vec<u8>),
    /// The snapshot is complete.
    Ends,
    /// Nothing before more input comes.
    Nothing,
    /// The primary does not do it, in its own words.
    Refused(String),
}

/// Reads a payload from pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Payload {
    state: State,
    /// Bytes of the snapshot so far.
    pub read: u64,
}

#[derive(Debug)]
enum State {
    /// The line so far.
    Line(Vec<u8>),
    /// Bytes to come.
    Counted(u64),
    /// The mark, and how many of its bytes the latest input ended with.
    Marked([u8; MARK], usize),
    End,
}

impl Default for State {
    fn default() -> Self {
        Self::Line(Vec::new())
    }
}

impl Payload {
    /// Reads one piece off the front of the input, which is moved on past it.
    pub fn read(&mut self, input: &mut &[u8]) -> Piece {
        let bytes = match &mut self.state {
            State::Line(_) => return self.read_line(input),
            State::Counted(0) | State::End => {
                self.state = State::End;
                return Piece::Ends;
            }
            State::Counted(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= most as u64;
                split(input, most).to_vec()
            }
            State::Marked(..) => self.read_marked(input),
        };
        self.read += bytes.len() as u64;
        match (bytes.is_empty(), &self.state) {
            (true, State::End) => Piece::Ends,
            (true, _) => Piece::Nothing,
            _ => Piece::Bytes(bytes),
        }
    }

    fn read_line(&mut self, input: &mut &[u8]) -> Piece {
        let State::Line(line) = &mut self.state else { return Piece::Nothing };
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if byte != b'\n' {
                line.push(byte);
                if line.len() > LONGEST_LINE {
                    return Piece::Refused("a line without end".into());
                }
                continue;
            }
            let text = std::mem::take(line);
            let text = text.strip_suffix(b"\r").unwrap_or(&text);
            if !text.is_empty() {
                return self.begin(text);
            }
        }
        Piece::Nothing
    }

    fn begin(&mut self, line: &[u8]) -> Piece {
        let refused = || Piece::Refused(line.escape_ascii().to_string());
        let Some(rest) = line.strip_prefix(b"$") else { return refused() };
        if let Some(mark) = rest.strip_prefix(b"EOF:").and_then(|mark| mark.first_chunk()) {
            self.state = State::Marked(*mark, 0);
            return Piece::Begins(None);
        }
        let Some(length) = std::str::from_utf8(rest).ok().and_then(|text| text.parse().ok()) else { return refused() };
        self.state = State::Counted(length);
        Piece::Begins(Some(length))
    }

    /// What is surely of the snapshot. What may be the start of the mark is held back until that is known.
    fn read_marked(&mut self, input: &mut &[u8]) -> Vec<u8> {
        let State::Marked(mark, held) = &mut self.state else { return Vec::new() };
        let mut bytes = Vec::with_capacity(*held + input.len());
        bytes.extend_from_slice(&mark[..*held]);
        bytes.extend_from_slice(input);
        match memmem::find(&bytes, mark) {
            Some(place) => {
                let after = bytes.len() - place - MARK;
                split(input, input.len() - after);
                bytes.truncate(place);
                self.state = State::End;
            }
            None => {
                split(input, input.len());
                *held = (1..MARK).rev().find(|length| bytes.ends_with(&mark[..*length])).unwrap_or(0);
                bytes.truncate(bytes.len() - *held);
            }
        }
        bytes
    }
}

fn split<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (piece, rest) = input.split_at_checked(length).unwrap_or((*input, &[]));
    *input = rest;
    piece
}

#[cfg(test)]
mod tests {
    use super::{MARK, Payload, Piece};

    const TEXT: &[u8; MARK] = b"0123456789abcdef0123456789abcdef01234567";

    /// The told length, the snapshot, and what follows it.
    type Parts = (Option<u64>, Vec<u8>, Vec<u8>);

    fn read(wire: &[u8], size: usize) -> Result<Parts, String> {
        let (mut payload, mut length, mut snapshot, mut rest) = (Payload::default(), None, Vec::new(), Vec::new());
        let mut ended = false;
        for mut input in wire.chunks(size) {
            while !ended {
                match payload.read(&mut input) {
                    Piece::Begins(told) => length = told,
                    Piece::Bytes(bytes) => snapshot.extend(bytes),
                    Piece::Ends => ended = true,
                    Piece::Nothing => break,
                    Piece::Refused(why) => return Err(why),
                }
            }
            rest.extend(input);
        }
        assert!(ended);
        assert_eq!(payload.read, snapshot.len() as u64);
        Ok((length, snapshot, rest))
    }

    #[test]
    fn both_framings_however_they_are_cut() {
        let mut snapshot = b"REDIS0010 \n0123456789".to_vec();
        snapshot.extend(&TEXT[..30]);
        snapshot.extend(&TEXT[..39]);
        let marked = [b"\n\n$EOF:", &TEXT[..], b"\r\n", &snapshot, TEXT, b"*1\r\n"].concat();
        let counted = [b"\n$90\r\n", &snapshot[..], b"*1\r\n"].concat();
        assert_eq!(snapshot.len(), 90);
        for size in 1..200 {
            assert_eq!(read(&marked, size), Ok((None, snapshot.clone(), b"*1\r\n".to_vec())), "{size}");
            assert_eq!(read(&counted, size), Ok((Some(90), snapshot.clone(), b"*1\r\n".to_vec())), "{size}");
        }
        assert_eq!(read(b"$0\r\n", 1), Ok((Some(0), vec![], vec![])));
    }

    #[test]
    fn anything_else_is_refused_in_its_own_words() {
        assert_eq!(read(b"-ERR no\r\n", 3), Err("-ERR no".into()));
        assert_eq!(read(b"$x\r\n", 3), Err("$x".into()));
        assert_eq!(read(b"$EOF:short\r\n", 3), Err("$EOF:short".into()));
        assert_eq!(read(&[b'x'; 2000], 3), Err("a line without end".into()));
    }
}
