//! What a client sends becomes commands.

use super::client::Role;
use super::{Engine, Task};
use crate::engine::resp::{Limits, Request, RequestParser};

/// How much an empty client's parsing of one read may hold on the stack.
const FEW: usize = 12;

/// What became of what a client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// All whole requests were answered; the first so many bytes are done with.
    Done(usize),
    /// The client waits; the bytes from here on are for later.
    Waits(usize),
    /// The connection ends, once its output is sent.
    Ends,
}

impl Engine {
    /// Answers the requests in `bytes` of the client at `place`, as far as they are whole. The parser is that client's.
    pub fn feed(&mut self, place: usize, parser: &mut RequestParser, bytes: &[u8]) -> Fed {
        let Some(client) = self.clients.take(place) else { return Fed::Ends };
        self.client = client;
        self.begin_replies();
        let fed = self.feed_current(parser, bytes);
        self.client.missing_arguments = parser.missing();
        self.client.unread = match fed {
            Fed::Done(done) | Fed::Waits(done) => bytes.len() - done,
            Fed::Ends => 0,
        };
        self.end_replies();
        self.clients.put_back(std::mem::take(&mut self.client));
        fed
    }

    /// Asks one command of the client at `place`.
    pub fn ask(&mut self, place: usize, arguments: &[&[u8]]) {
        let Some(client) = self.clients.take(place) else { return };
        self.client = client;
        self.begin_replies();
        self.process(arguments);
        self.end_replies();
        self.clients.put_back(std::mem::take(&mut self.client));
    }

    /// Does something as the client at `place`.
    pub fn as_client<T>(&mut self, place: usize, work: impl FnOnce(&mut Engine) -> T) -> Option<T> {
        let client = self.clients.take(place)?;
        let before = std::mem::replace(&mut self.client, client);
        let reply = std::mem::take(&mut self.reply);
        self.begin_replies();
        let done = work(self);
        self.end_replies();
        self.reply = reply;
        self.clients.put_back(std::mem::replace(&mut self.client, before));
        self.tasks.push(Task::Wake(place));
        Some(done)
    }

    fn begin_replies(&mut self) {
        let output = std::mem::take(&mut self.client.output);
        self.reply = crate::engine::resp::Reply::behind(output, self.client.resp3);
    }

    fn end_replies(&mut self) {
        self.client.output = std::mem::take(&mut self.reply).into_bytes();
        self.check_own_output();
    }

    fn feed_current(&mut self, parser: &mut RequestParser, bytes: &[u8]) -> Fed {
        let mut done = 0;
        loop {
            if self.client.closing || self.client.killed {
                return Fed::Ends;
            }
            if self.client.blocked.is_some() {
                return Fed::Waits(done);
            }
            let rest = &bytes[done..];
            let limits = Limits {
                longest_bulk: i64::try_from(self.config.clients.proto_max_bulk_len).unwrap_or(i64::MAX),
                authenticated: self.client.authenticated,
            };
            match parser.parse(rest, limits) {
                Ok(Request::Incomplete) => return Fed::Done(done),
                Ok(Request::Whole(length)) => {
                    self.ask_ranges(parser.ranges(), rest);
                    done += length;
                }
                Ok(Request::Inline(length, words)) => {
                    let arguments: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                    self.process(&arguments);
                    done += length;
                }
                Err(error) => {
                    self.reply.error(&format!("ERR Protocol error: {error}"));
                    self.client.closing = true;
                    return Fed::Ends;
                }
            }
        }
    }

    #[inline]
    fn ask_ranges(&mut self, ranges: &[std::ops::Range<usize>], bytes: &[u8]) {
        match ranges.len() {
            // A replica that is busy loading sends lone newlines.
            0 if self.client.role == Role::Replica => {
                self.replication.core.heard(self.client.id, self.keyspace.now);
            }
            0 => {}
            count if count <= FEW => {
                let mut few: [&[u8]; FEW] = [&[]; FEW];
                for (argument, range) in few.iter_mut().zip(ranges) {
                    *argument = &bytes[range.clone()];
                }
                self.process(&few[..count]);
            }
            _ => {
                let arguments: Vec<&[u8]> = ranges.iter().map(|range| &bytes[range.clone()]).collect();
                self.process(&arguments);
            }
        }
    }
}
