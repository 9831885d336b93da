//! What a primary and a replica do next: pure step functions over one [`Replication`].
//!
//! Inputs are bytes that came, commands of replicas, administrators' words and ticks, each with `now` in milliseconds since
//! the epoch; outputs are [`Effect`]s in order, which the host carries out before the next input, and the stream, which
//! replicas take out with [`Replication::take`]. Offsets count bytes of the stream from 1, as PSYNC does.
//!
//! * [`history`] is ids and offsets, [`backlog`] the latest bytes of the stream.
//! * [`replicas`] is the primary's side, [`link`] the replica's, with [`payload`] and [`stream`] for what it reads.
//! * [`report`] is what INFO and ROLE tell.
//!
//! It must not know sockets, the keyspace, or the snapshot format.

pub mod backlog;
pub mod history;
pub mod link;
pub mod payload;
pub mod replicas;
pub mod report;
pub mod settings;
pub mod stream;

#[cfg(test)]
mod simulation;

use backlog::Backlog;
use history::{History, ReplicationId};
use link::Link;
use payload::Framing;
use replicas::{Introduction, Replica};

pub use settings::Settings;

use crate::engine::keyspace::watch::ClientId;
use crate::engine::resp::Limits;
use crate::engine::state::propagation::write_command;

/// What a primary may send: anything.
const PROTOCOL_LIMITS: Limits = Limits { longest_bulk: i64::MAX / 2, authenticated: true };
/// How often what is done once a second is done.
const SECOND: i64 = 1000;

/// What the host is to do, in this order, before it calls again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send these bytes to a replica, after what was sent to it before.
    Send(ClientId, Vec<u8>),
    /// There is something for [`Replication::take`] to take for a replica that had nothing.
    Wake(ClientId),
    /// End the connection of a replica; [`Replication::gone`] need not be called.
    Disconnect(ClientId),
    /// A replica has acknowledged more than before: who waits for that should look.
    Acknowledged,
    /// Take a snapshot of this very moment and send it to these replicas. With [`Framing::Length`], its length as
    /// `$<length>\r\n` goes before it; with a mark, the mark goes behind it. Then call
    /// [`Replication::snapshot_sent`] for each.
    Snapshot(Vec<ClientId>, Framing),
    /// Connect to the primary, then call [`Replication::connected`] or [`Replication::link_lost`]. A connection or an
    /// attempt that there was before is to end, and nothing of it to be heard any more.
    Connect(String, u16),
    /// Send these bytes to the primary.
    Write(Vec<u8>),
    /// End the connection to the primary, or the attempt; [`Replication::link_lost`] need not be called. A load that has
    /// begun is to be dropped.
    Close,
    /// A snapshot begins, so many bytes if that is known. Best loaded beside the present data.
    LoadBegins(Option<u64>),
    /// Bytes of the snapshot.
    Load(Vec<u8>),
    /// The snapshot is complete. Put it in the place of the present data, then call [`Replication::loaded`].
    LoadEnds,
    /// The link is up. After a snapshot, commands are for the database that the snapshot names (`repl-stream-db`), or 0;
    /// otherwise for the one that they were for before.
    LinkUp {
        /// Whether a snapshot was loaded for it.
        after_snapshot: bool,
    },
    /// There are commands in the stream: take it with [`Replication::take_stream`], apply what it gives, put it back.
    Apply,
    /// A line for the log.
    Log(String),
}

/// What was counted, for INFO; may be reset at any time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Full synchronisations begun.
    pub full: u64,
    /// Partial ones.
    pub partial: u64,
    /// Partial ones that were asked for and not possible.
    pub partial_refused: u64,
}

/// Both sides of replication of one node.
#[derive(Debug)]
pub struct Replication {
    /// What replication goes by; may be set at any time.
    pub settings: Settings,
    /// No pings for now: they would move the offset during a failover by hand.
    pub hold_pings: bool,
    /// What was counted.
    pub counters: Counters,
    history: History,
    backlog: Option<Backlog>,
    replicas: Vec<Replica>,
    introductions: Vec<(ClientId, Introduction)>,
    /// The database of the last command in the stream; none: the next one is told.
    selected: Option<usize>,
    /// Where this node is a replica.
    link: Option<Link>,
    without_replicas_since: i64,
    next_second: i64,
    /// Seconds since the start, by which pings are paced: a period that is set anew holds at once.
    seconds: i64,
    random: fastrand::Rng,
    scratch: Vec<u8>,
    effects: Vec<Effect>,
}

impl Replication {
    /// That of a primary without replicas.
    #[must_use]
    pub fn new(settings: Settings, mut random: fastrand::Rng, now: i64) -> Self {
        Self {
            settings,
            hold_pings: false,
            counters: Counters::default(),
            history: History::new(ReplicationId::random(&mut random)),
            backlog: None,
            replicas: Vec::new(),
            introductions: Vec::new(),
            selected: None,
            link: None,
            without_replicas_since: now,
            next_second: now,
            seconds: 0,
            random,
            scratch: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// What is to be done, in order; to be called after everything else.
    #[must_use]
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether there is anything to be done.
    #[inline]
    #[must_use]
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// The history of the data.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How far the stream has come: sent as a primary, applied as a replica.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.history.offset
    }

    /// Takes up a history from a snapshot on disk, before anything else happens: as a replica, its primary is asked to go
    /// on from there.
    pub fn restore_history(&mut self, id: ReplicationId, offset: i64) {
        self.history.begin(id, offset);
        self.backlog = None;
    }

    /// Whether this node is a replica.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.link.is_some()
    }

    /// Whether commands of clients are to be told to anybody, or kept for who may come back.
    #[inline]
    #[must_use]
    pub fn has_listeners(&self) -> bool {
        self.backlog.is_some() && self.link.is_none()
    }

    /// The database that a replica which loads a snapshot of this moment should believe in, for `repl-stream-db`.
    #[must_use]
    pub fn stream_database(&self) -> usize {
        self.selected.unwrap_or(0)
    }

    /// Adds a command to the stream, for this database; `None`: for none at all. Does nothing on a replica.
    pub fn feed<B: AsRef<[u8]>>(&mut self, database: Option<usize>, command: &[B]) {
        if !self.has_listeners() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.scratch);
        if let Some(number) = database
            && self.selected != database
        {
            write_command(&mut bytes, &[b"SELECT".as_slice(), itoa::Buffer::new().format(number).as_bytes()]);
            self.selected = database;
        }
        write_command(&mut bytes, command);
        self.append(&bytes);
        bytes.clear();
        self.scratch = bytes;
    }

    /// Adds bytes to the stream.
    fn append(&mut self, bytes: &[u8]) {
        let before = self.history.offset;
        self.history.offset += bytes.len() as i64;
        let needed = self.replicas.iter().filter_map(Replica::needs_after).min();
        let Some(backlog) = &mut self.backlog else { return };
        backlog.append(bytes, self.settings.backlog_size, needed);
        for replica in self.replicas.iter().filter(|replica| replica.is_served_up_to(before)) {
            self.effects.push(Effect::Wake(replica.id));
        }
    }

    /// Does what is due. To be called at least ten times a second.
    pub fn tick(&mut self, now: i64) {
        self.check_link(now);
        self.check_limits(now);
        self.start_snapshot(now);
        if now < self.next_second {
            return;
        }
        self.next_second = now + SECOND;
        self.link_every_second(now);
        self.ping_replicas();
        self.drop_silent_replicas(now);
        self.drop_backlog(now);
        self.seconds += 1;
    }

    /// Goes on as a primary with the data as it is; does nothing on a primary.
    pub fn promote(&mut self, now: i64) {
        if self.link.take().is_none() {
            return;
        }
        self.effects.push(Effect::Close);
        let id = ReplicationId::random(&mut self.random);
        self.history.branch(id);
        // They come back at once and learn the new id: no data is sent again.
        self.disconnect_replicas(now);
        self.selected = None;
        self.without_replicas_since = now;
        let (second, until) = (self.history.second_id, self.history.second_until);
        self.log(format!(
            "Setting secondary replication ID to {second}, valid up to offset: {until}. New replication ID is {id}"
        ));
    }

    fn log(&mut self, line: String) {
        self.effects.push(Effect::Log(line));
    }
}
