//! Cuts what comes in on a link into messages.

use super::{LIGHT_HEADER_BYTES, Malformed, SIGNATURE};

/// No message is longer than this (the largest bulk string, twice, and some): more is no peer.
const MAX_BYTES: usize = 1 << 30;

/// The bytes of one link that are not a whole message yet.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// Adds what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; `None` until there is one. After an error the link is of no use any more.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, Malformed> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let Some((signature, length)) = rest
            .split_first_chunk::<4>()
            .and_then(|(signature, rest)| Some((signature, u32::from_be_bytes(*rest.first_chunk::<4>()?) as usize)))
        else {
            self.shrink();
            return Ok(None);
        };
        if signature != SIGNATURE || !(LIGHT_HEADER_BYTES..=MAX_BYTES).contains(&length) {
            return Err(Malformed("bad message length or signature"));
        }
        let (start, end) = (self.taken, self.taken + length);
        if self.buffer.len() < end {
            return Ok(None);
        }
        self.taken = end;
        Ok(self.buffer.get(start..end))
    }

    /// How many bytes are held.
    pub fn held_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Gives back the memory once all is used up: most links are idle most of the time.
    fn shrink(&mut self) {
        if self.taken == self.buffer.len() && self.buffer.capacity() > 0 {
            self.buffer = Vec::new();
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u32, filler: u8) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.resize(length as usize, filler);
        bytes
    }

    #[test]
    fn messages_come_out_whole_however_they_come_in() {
        let stream = [frame(16, 1), frame(40, 2), frame(17, 3)].concat();
        for step in [1, 7, 16, 100] {
            let (mut frames, mut lengths) = (Frames::default(), Vec::new());
            for chunk in stream.chunks(step) {
                frames.feed(chunk);
                while let Some(frame) = frames.next_frame().unwrap() {
                    lengths.push(frame.len());
                }
            }
            assert_eq!(lengths, [16, 40, 17]);
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for bytes in [&b"GET / HTTP/1.1"[..], b"RCmb\0\0\0\x0f", b"RCmb\xff\xff\xff\xff"] {
            let mut frames = Frames::default();
            frames.feed(bytes);
            assert!(frames.next_frame().is_err());
        }
    }
}
