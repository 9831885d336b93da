//! The replica's side: finding the primary, agreeing on where to begin, and following its stream.

use std::collections::VecDeque;

use super::backlog::Backlog;
use super::history::ReplicationId;
use super::payload::{Payload, Piece};
use super::stream::Stream;
use super::{Effect, Replication};
use crate::engine::state::propagation::write_command;

/// The longest line that a primary answers in a handshake.
const LONGEST_LINE: usize = 64 << 10;

/// The link to the primary.
#[derive(Debug)]
pub struct Link {
    /// The primary's address, as it was given.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How far the link is.
    pub(super) state: State,
    /// Whether the data is that of the history at its offset, so that the primary may go on from there.
    pub(super) resumable: bool,
    stream: Stream,
    /// When the primary was last heard of, or the connection begun.
    pub(super) last_heard: i64,
    /// Since when the link is down; 0 if it never was up.
    pub(super) down_since: i64,
    acknowledgement_wanted: bool,
}

/// How far a link is.
#[derive(Debug)]
pub(super) enum State {
    /// The next attempt is due within a second.
    Waiting,
    Connecting,
    Handshake(Handshake),
    Transfer(Start, Payload, Option<u64>),
    /// The snapshot has come and is being put in its place.
    Loading(Start),
    Up,
}

/// Where in which history a snapshot stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    id: ReplicationId,
    offset: i64,
}

/// Replies that are awaited, and the start of the next one.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    awaited: VecDeque<Awaited>,
    line: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Ping,
    Auth,
    Port,
    Address,
    Capabilities,
    Psync,
}

/// What a reply of the handshake leads to.
enum Reply {
    /// The next one is awaited.
    Next,
    /// All that was asked was answered.
    AskPsync,
    Full(Start),
    Continue(Option<ReplicationId>),
    /// It will not do for now; why, for the log.
    Fails(String),
}

impl Link {
    fn new(host: String, port: u16, resumable: bool, now: i64) -> Self {
        Self {
            host,
            port,
            state: State::Waiting,
            resumable,
            stream: Stream::default(),
            last_heard: now,
            down_since: 0,
            acknowledgement_wanted: false,
        }
    }

    /// Whether the data follows the primary's.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// Bytes of the stream that were received and not applied yet.
    #[must_use]
    pub fn unapplied(&self) -> usize {
        self.stream.unsettled()
    }
}

impl Replication {
    /// The link to the primary, where this node is a replica.
    #[must_use]
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Becomes a replica of this primary, or of this one instead of another. Replicas of this node stay: they are let go
    /// only if the data turns out to be another.
    pub fn replicate_of(&mut self, host: &str, port: u16, now: i64) {
        let before = self.link.take();
        if before.is_some() {
            self.effects.push(Effect::Close);
        }
        // A former primary's data is a past of its successor's, most likely.
        let resumable = before.as_ref().is_none_or(|link| link.resumable);
        let down_since = before.map_or(0, |link| if link.is_up() { now } else { link.down_since });
        self.link = Some(Link { down_since, ..Link::new(host.to_owned(), port, resumable, now) });
        self.connect(now);
    }

    fn connect(&mut self, now: i64) {
        let Some(link) = &mut self.link else { return };
        link.state = State::Connecting;
        link.last_heard = now;
        let (host, port) = (link.host.clone(), link.port);
        self.log(format!("Connecting to MASTER {host}:{port}"));
        self.effects.push(Effect::Connect(host, port));
    }

    /// The connection that was asked for is there.
    pub fn connected(&mut self, now: i64) {
        let Some(link) = &mut self.link else { return };
        if !matches!(link.state, State::Connecting) {
            return;
        }
        link.state = State::Handshake(Handshake { awaited: [Awaited::Ping].into(), line: Vec::new() });
        link.last_heard = now;
        self.say(&[b"PING"]);
    }

    /// The connection has ended, or could not be made. A load that has begun is to be dropped.
    pub fn link_lost(&mut self, now: i64) {
        let Some(link) = &mut self.link else { return };
        let at_once = matches!(link.state, State::Up | State::Transfer(..) | State::Loading(_));
        link.go_down(now);
        if at_once {
            self.log("Connection with master lost.".into());
            self.connect(now);
        }
    }

    /// Gives the link up for a reason; the next attempt follows within a second.
    pub fn give_up(&mut self, why: &str, now: i64) {
        let Some(link) = &mut self.link else { return };
        link.go_down(now);
        self.log(why.to_owned());
        self.effects.push(Effect::Close);
    }

    /// Bytes from the primary.
    pub fn received(&mut self, bytes: &[u8], now: i64) {
        let mut input = bytes;
        if let Some(link) = &mut self.link {
            link.last_heard = now;
        }
        while !input.is_empty() {
            match self.link.as_mut().map(|link| &mut link.state) {
                Some(State::Handshake(handshake)) => {
                    if let Some((awaited, line)) = handshake.read(&mut input) {
                        self.answered(awaited, &line, now);
                    }
                }
                Some(State::Transfer(..)) => self.receive_snapshot(&mut input, now),
                Some(State::Loading(_) | State::Up) => {
                    self.receive_stream(input);
                    return;
                }
                // Nothing is expected from a connection that was given up.
                Some(State::Waiting | State::Connecting) | None => return,
            }
        }
        // A snapshot whose last byte was just read has ended.
        if matches!(self.link.as_ref().map(|link| &link.state), Some(State::Transfer(..))) {
            self.receive_snapshot(&mut input, now);
        }
    }

    fn answered(&mut self, awaited: Awaited, line: &[u8], now: i64) {
        match judge(awaited, line, self.link.as_ref()) {
            Reply::Next => {
                if awaited == Awaited::Ping {
                    self.introduce_myself();
                }
            }
            Reply::AskPsync => self.ask_psync(),
            Reply::Fails(why) => self.give_up(&why, now),
            Reply::Full(start) => {
                let Start { id, offset } = start;
                self.log(format!("Full resync from master: {id}:{offset}"));
                if let Some(link) = &mut self.link {
                    link.state = State::Transfer(start, Payload::default(), None);
                }
            }
            Reply::Continue(id) => self.resume(id, now),
        }
    }

    fn introduce_myself(&mut self) {
        let settings = self.settings.clone();
        let mut awaited = VecDeque::new();
        if !settings.password.is_empty() {
            match settings.user.as_slice() {
                b"" => self.say(&[b"AUTH", &settings.password]),
                user => self.say(&[b"AUTH", user, &settings.password]),
            }
            awaited.push_back(Awaited::Auth);
        }
        let port = settings.announced_port.to_string();
        self.say(&[b"REPLCONF", b"listening-port", port.as_bytes()]);
        awaited.push_back(Awaited::Port);
        if !settings.announced_address.is_empty() {
            self.say(&[b"REPLCONF", b"ip-address", settings.announced_address.as_bytes()]);
            awaited.push_back(Awaited::Address);
        }
        self.say(&[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]);
        awaited.push_back(Awaited::Capabilities);
        if let Some(Link { state: State::Handshake(handshake), .. }) = &mut self.link {
            handshake.awaited = awaited;
        }
    }

    fn ask_psync(&mut self) {
        let resumable = self.link.as_ref().is_some_and(|link| link.resumable);
        let (id, offset) = (*self.history.id.as_bytes(), (self.history.offset + 1).to_string());
        if resumable {
            self.log(format!("Trying a partial resynchronization (request {}:{offset}).", self.history.id));
            self.say(&[b"PSYNC", &id, offset.as_bytes()]);
        } else {
            self.log("Partial resynchronization not possible (no cached master)".into());
            self.say(&[b"PSYNC", b"?", b"-1"]);
        }
        if let Some(Link { state: State::Handshake(handshake), .. }) = &mut self.link {
            handshake.awaited.push_back(Awaited::Psync);
        }
    }

    /// The primary goes on from where we are, under this id.
    fn resume(&mut self, id: Option<ReplicationId>, now: i64) {
        let Some(link) = &mut self.link else { return };
        link.state = State::Up;
        link.down_since = 0;
        self.log("Successful partial resynchronization with master.".into());
        if let Some(id) = id.filter(|id| *id != self.history.id) {
            self.log(format!("Master replication ID changed to {id}"));
            self.history.branch(id);
            // They come back at once to learn it.
            self.disconnect_replicas(now);
        }
        self.backlog.get_or_insert_with(|| Backlog::new(self.history.offset));
        self.effects.push(Effect::LinkUp { after_snapshot: false });
    }

    fn receive_snapshot(&mut self, input: &mut &[u8], now: i64) {
        let Some(Link { state, .. }) = &mut self.link else { return };
        let State::Transfer(start, payload, size) = state else { return };
        match payload.read(input) {
            Piece::Begins(length) => {
                *size = length;
                self.effects.push(Effect::LoadBegins(length));
            }
            Piece::Bytes(bytes) => self.effects.push(Effect::Load(bytes)),
            Piece::Ends => {
                *state = State::Loading(*start);
                self.effects.push(Effect::LoadEnds);
            }
            Piece::Nothing => {}
            Piece::Refused(why) => {
                self.give_up(&format!("MASTER aborted replication with an error: {why}"), now);
            }
        }
    }

    fn receive_stream(&mut self, bytes: &[u8]) {
        let Some(link) = &mut self.link else { return };
        link.stream.push(bytes);
        if link.is_up() {
            self.effects.push(Effect::Apply);
        }
    }

    /// The data as it was is gone, and what comes in its place is not whole yet: nobody can go on from it. Only for hosts
    /// that do not load a snapshot beside the present data.
    pub fn data_discarded(&mut self, now: i64) {
        if let Some(link) = &mut self.link {
            link.resumable = false;
        }
        self.disconnect_replicas(now);
        self.backlog = None;
    }

    /// The snapshot is in its place.
    pub fn loaded(&mut self, now: i64) {
        let Some(link) = &mut self.link else { return };
        let State::Loading(Start { id, offset }) = link.state else { return };
        link.state = State::Up;
        link.resumable = true;
        link.down_since = 0;
        link.last_heard = now;
        let more = !link.stream.is_empty();
        self.disconnect_replicas(now);
        self.history.begin(id, offset);
        self.backlog = Some(Backlog::new(offset));
        self.log("MASTER <-> REPLICA sync: Finished with success".into());
        self.effects.push(Effect::LinkUp { after_snapshot: true });
        // The primary sends the stream only once it has heard this, if it marked the snapshot's end.
        self.acknowledge_now();
        if more {
            self.effects.push(Effect::Apply);
        }
    }

    /// What the primary has sent and is to be applied; to be put back at once.
    #[must_use]
    pub fn take_stream(&mut self) -> Stream {
        self.link.as_mut().map(|link| std::mem::take(&mut link.stream)).unwrap_or_default()
    }

    /// Puts the stream back: what it gave out was applied, counts, and goes on to the replicas of this node as it came.
    pub fn put_stream(&mut self, mut stream: Stream) {
        if self.link.is_none() {
            return;
        }
        stream.settle(|bytes| {
            if !bytes.is_empty() {
                self.append(bytes);
            }
        });
        let Some(link) = &mut self.link else { return };
        link.stream = stream;
        if std::mem::take(&mut link.acknowledgement_wanted) {
            self.acknowledge_now();
        }
    }

    /// The primary wants to know how far we are: told once what came with its question was applied.
    pub(super) fn want_acknowledgement(&mut self) {
        if let Some(link) = &mut self.link {
            link.acknowledgement_wanted = true;
        }
    }

    fn acknowledge_now(&mut self) {
        let offset = self.history.offset.to_string();
        self.say(&[b"REPLCONF", b"ACK", offset.as_bytes()]);
    }

    fn say(&mut self, command: &[&[u8]]) {
        let mut bytes = Vec::new();
        write_command(&mut bytes, command);
        self.effects.push(Effect::Write(bytes));
    }

    /// Gives up a link on which nothing has come for too long.
    pub(super) fn check_link(&mut self, now: i64) {
        let Some(link) = &mut self.link else { return };
        if now - link.last_heard <= self.settings.timeout_ms {
            return;
        }
        let why = match link.state {
            // Not waiting for the primary.
            State::Waiting | State::Loading(_) => return,
            State::Connecting | State::Handshake(_) => "Timeout connecting to the MASTER...",
            State::Transfer(..) => "Timeout receiving bulk data from MASTER...",
            State::Up => "MASTER timeout: no data nor PING received...",
        };
        self.give_up(why, now);
        self.connect(now);
    }

    pub(super) fn link_every_second(&mut self, now: i64) {
        match self.link.as_ref().map(|link| &link.state) {
            Some(State::Waiting) => self.connect(now),
            Some(State::Up) => self.acknowledge_now(),
            // Loading may take long: the primary must not think that we are gone.
            Some(State::Loading(_)) => self.effects.push(Effect::Write(b"\n".to_vec())),
            Some(State::Connecting | State::Handshake(_) | State::Transfer(..)) | None => {}
        }
    }
}

impl Link {
    fn go_down(&mut self, now: i64) {
        if self.is_up() {
            self.down_since = now;
        }
        self.state = State::Waiting;
        // Half a command or transaction comes again.
        self.stream = Stream::default();
        self.acknowledgement_wanted = false;
    }
}

impl Handshake {
    /// The next line that is not empty, and what it answers.
    fn read(&mut self, input: &mut &[u8]) -> Option<(Awaited, Vec<u8>)> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if byte != b'\n' && self.line.len() < LONGEST_LINE {
                self.line.push(byte);
                continue;
            }
            let mut line = std::mem::take(&mut self.line);
            line.truncate(line.strip_suffix(b"\r").unwrap_or(&line).len());
            if !line.is_empty() {
                return Some((self.awaited.pop_front()?, line));
            }
        }
        None
    }
}

fn judge(awaited: Awaited, line: &[u8], link: Option<&Link>) -> Reply {
    let text = || line.escape_ascii().to_string();
    let last = link.is_some_and(|link| match &link.state {
        State::Handshake(handshake) => handshake.awaited.is_empty(),
        _ => false,
    });
    match awaited {
        Awaited::Ping if !is_alive(line) => Reply::Fails(format!("Error reply to PING from master: '{}'", text())),
        Awaited::Auth if line.starts_with(b"-") => Reply::Fails(format!("Unable to AUTH to MASTER: {}", text())),
        Awaited::Psync => judge_psync(line),
        Awaited::Ping => Reply::Next,
        // Old primaries know none of these, and do without.
        Awaited::Auth | Awaited::Port | Awaited::Address | Awaited::Capabilities if last => Reply::AskPsync,
        Awaited::Auth | Awaited::Port | Awaited::Address | Awaited::Capabilities => Reply::Next,
    }
}

/// Whether a primary that answers PING like this serves; it may want a password first.
fn is_alive(line: &[u8]) -> bool {
    [b"+".as_slice(), b"-NOAUTH", b"-NOPERM", b"-ERR operation not permitted"]
        .iter()
        .any(|start| line.starts_with(start))
}

fn judge_psync(line: &[u8]) -> Reply {
    let text = || line.escape_ascii().to_string();
    let mut words = line.split(|byte| *byte == b' ');
    match words.next() {
        Some(b"+FULLRESYNC") => {
            let id = words.next().and_then(ReplicationId::parse);
            let offset = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
            match (id, offset) {
                (Some(id), Some(offset)) => Reply::Full(Start { id, offset }),
                _ => Reply::Fails("Master replied with wrong +FULLRESYNC syntax.".into()),
            }
        }
        Some(b"+CONTINUE") => Reply::Continue(words.next().and_then(ReplicationId::parse)),
        Some(b"-NOMASTERLINK" | b"-LOADING") => {
            Reply::Fails(format!("Master is currently unable to PSYNC but should be in the future: {}", text()))
        }
        _ if line.starts_with(b"-ERR") => {
            Reply::Fails(format!("Master does not support PSYNC or is in error state (reply: {})", text()))
        }
        _ => Reply::Fails(format!("Unexpected reply to PSYNC from master: {}", text())),
    }
}
