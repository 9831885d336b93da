//! The primary's side: who replicates from this node, how far each has come, and what each is told.

use std::fmt;

use super::backlog::Backlog;
use super::history::{ReplicationId, random_mark};
use super::payload::Framing;
use super::{Effect, Replication, SECOND};
use crate::engine::data::numbers::parse_integer;
use crate::engine::keyspace::watch::ClientId;

/// The longest address that a replica may announce.
const LONGEST_ADDRESS: usize = 256;

/// What a client says of itself before it asks for the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Introduction {
    /// The port that it listens on; 0 if it has not said.
    pub port: i64,
    /// The address that it has; empty: the one that is seen.
    pub address: String,
    /// It takes a snapshot whose end is marked.
    marks: bool,
    /// It understands that the primary's id changes.
    psync2: bool,
    /// It wants a snapshot, and nothing after it.
    snapshot_only: bool,
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for the next snapshot to begin.
    Waiting {
        /// Since when.
        since: i64,
    },
    /// It is sent a snapshot.
    Receiving {
        /// When something of it was last sent.
        progress_at: i64,
        /// Whether its end is marked: the replica then says when the stream may follow.
        marked: bool,
    },
    /// It has the data.
    Online {
        /// Whether it is sent the stream, or is still to say that it has read the mark.
        streaming: bool,
    },
    /// It wanted a snapshot only, and has it.
    Served,
}

/// A replica of this node.
#[derive(Debug, Clone)]
pub struct Replica {
    /// The client that it is.
    pub id: ClientId,
    /// What it said of itself.
    pub introduction: Introduction,
    /// How far it is.
    pub stage: Stage,
    /// The offset up to which it has acknowledged.
    pub acknowledged: i64,
    /// When it last did.
    pub acknowledged_at: i64,
    /// It asked with SYNC and acknowledges nothing.
    silent: bool,
    /// It has acknowledged the snapshot, which this node need not know to have left yet.
    has_loaded: bool,
    /// The offset up to which it was served.
    served: i64,
    /// Since when it is above the soft limit.
    soft_since: Option<i64>,
}

impl Replica {
    /// The offset after which it still needs the stream.
    pub(super) fn needs_after(&self) -> Option<i64> {
        let follows = matches!(self.stage, Stage::Receiving { .. } | Stage::Online { .. });
        (follows && !self.introduction.snapshot_only).then_some(self.served)
    }

    /// Whether it waits for nothing but bytes after this offset.
    pub(super) fn is_served_up_to(&self, offset: i64) -> bool {
        self.stage == Stage::Online { streaming: true } && self.served == offset
    }

    /// Whether it has the data.
    #[must_use]
    pub fn is_online(&self) -> bool {
        matches!(self.stage, Stage::Online { .. })
    }

    /// Milliseconds since it was last heard of.
    #[must_use]
    pub fn lag_ms(&self, now: i64) -> i64 {
        now - self.acknowledged_at
    }
}

/// What REPLCONF answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `+OK`.
    Done,
    /// Nothing at all.
    Nothing,
    /// An error, with its code.
    Refused(String),
}

/// Who asks for the stream, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync<'a> {
    /// The client.
    pub client: ClientId,
    /// The address that it is seen at, for the log.
    pub address: &'a str,
    /// The id and the offset that it wants to go on from (PSYNC); `None`: SYNC.
    pub from: Option<(&'a [u8], i64)>,
    /// PSYNC … FAILOVER: become the primary first.
    pub failover: bool,
    /// Whether there are replies for it that are not sent yet.
    pub has_pending_output: bool,
}

impl Replication {
    /// The replicas, in the order of their coming.
    #[must_use]
    pub fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// Whether a client is a replica.
    #[must_use]
    pub fn has_replica(&self, client: ClientId) -> bool {
        self.replica(client).is_some()
    }

    fn replica(&self, client: ClientId) -> Option<&Replica> {
        self.replicas.iter().find(|replica| replica.id == client)
    }

    fn replica_mut(&mut self, client: ClientId) -> Option<&mut Replica> {
        self.replicas.iter_mut().find(|replica| replica.id == client)
    }

    /// REPLCONF of a client, with what follows its name.
    pub fn replconf(&mut self, client: ClientId, options: &[&[u8]], now: i64) -> Answer {
        let (pairs, rest) = options.as_chunks::<2>();
        if !rest.is_empty() {
            return Answer::Refused("ERR syntax error".into());
        }
        for [name, value] in pairs {
            let answer = match name.to_ascii_lowercase().as_slice() {
                b"ack" => {
                    self.acknowledge(client, value, now);
                    Answer::Nothing
                }
                b"getack" => {
                    self.want_acknowledgement();
                    Answer::Nothing
                }
                // Valkey's word of its version, which changes nothing.
                b"version" => Answer::Done,
                lower => introduce(self.introduction(client), lower, value).unwrap_or_else(|| {
                    Answer::Refused(format!("ERR Unrecognized REPLCONF option: {}", String::from_utf8_lossy(name)))
                }),
            };
            if answer != Answer::Done {
                return answer;
            }
        }
        Answer::Done
    }

    fn introduction(&mut self, client: ClientId) -> &mut Introduction {
        if let Some(place) = self.replicas.iter().position(|replica| replica.id == client) {
            return &mut self.replicas[place].introduction;
        }
        let known = self.introductions.iter().position(|(known, _)| *known == client);
        let place = known.unwrap_or_else(|| {
            self.introductions.push((client, Introduction::default()));
            self.introductions.len() - 1
        });
        &mut self.introductions[place].1
    }

    /// PSYNC or SYNC of a client. From here on it is a replica, unless this is an error, which is to be its reply.
    ///
    /// # Errors
    /// The request is refused for now or for good, in the words of the reply, with the error's code.
    pub fn sync(&mut self, request: Sync<'_>, now: i64) -> Result<(), String> {
        if self.has_replica(request.client) {
            return Ok(());
        }
        if request.failover {
            self.fail_over(request, now)?;
        }
        if self.link.as_ref().is_some_and(|link| !link.is_up()) {
            return Err("NOMASTERLINK Can't SYNC while not connected with my master".into());
        }
        if request.has_pending_output {
            return Err("ERR SYNC and PSYNC are invalid with pending output".into());
        }
        self.log(format!("Replica {} asks for synchronization", request.address));
        let known = self.introductions.iter().position(|(known, _)| *known == request.client);
        let introduction = known.map(|place| self.introductions.swap_remove(place).1).unwrap_or_default();
        self.replicas.push(Replica {
            id: request.client,
            introduction,
            stage: Stage::Waiting { since: now },
            acknowledged: 0,
            acknowledged_at: now,
            silent: request.from.is_none(),
            has_loaded: false,
            served: 0,
            soft_since: None,
        });
        match request.from {
            Some((id, offset)) if self.can_continue(id, offset) => self.go_on(request.client, offset, now),
            from => self.begin_full(from, now),
        }
        Ok(())
    }

    fn fail_over(&mut self, request: Sync<'_>, now: i64) -> Result<(), String> {
        if self.link.is_none() {
            return Err("ERR PSYNC FAILOVER can't be sent to a master.".into());
        }
        let (id, _) = request.from.unwrap_or_default();
        if !self.history.id.is(id) {
            return Err("ERR PSYNC FAILOVER replid must match my replid.".into());
        }
        self.promote(now);
        self.log(format!("MASTER MODE enabled (failover request from '{}')", request.address));
        Ok(())
    }

    fn can_continue(&self, id: &[u8], offset: i64) -> bool {
        self.history.covers(id, offset) && self.backlog.as_ref().is_some_and(|backlog| backlog.reaches(offset))
    }

    fn go_on(&mut self, client: ClientId, offset: i64, now: i64) {
        self.counters.partial += 1;
        let id = self.history.id;
        let Some(replica) = self.replica_mut(client) else { return };
        replica.stage = Stage::Online { streaming: true };
        replica.served = offset - 1;
        replica.acknowledged_at = now;
        let answer = if replica.introduction.psync2 { format!("+CONTINUE {id}\r\n") } else { "+CONTINUE\r\n".into() };
        self.effects.push(Effect::Send(client, answer.into_bytes()));
        self.effects.push(Effect::Wake(client));
        let count = self.history.offset + 1 - offset;
        self.log(format!(
            "Partial resynchronization request accepted. Sending {count} bytes of backlog starting from offset {offset}."
        ));
    }

    fn begin_full(&mut self, from: Option<(&[u8], i64)>, now: i64) {
        // `?` asks for a snapshot on purpose.
        if from.is_some_and(|(id, _)| id.first() != Some(&b'?')) {
            self.counters.partial_refused += 1;
        }
        self.counters.full += 1;
        if self.backlog.is_none() {
            // What happened without a backlog was not counted: an id from before must not be believed.
            if self.link.is_none() {
                let id = ReplicationId::random(&mut self.random);
                self.history.begin(id, self.history.offset);
            }
            self.backlog = Some(Backlog::new(self.history.offset));
        }
        self.start_snapshot(now);
    }

    /// Lets a snapshot begin for those who wait, if it is time.
    pub(super) fn start_snapshot(&mut self, now: i64) {
        let waits = |replica: &&Replica| matches!(replica.stage, Stage::Waiting { .. });
        let busy = self.replicas.iter().any(|replica| matches!(replica.stage, Stage::Receiving { .. }));
        let waiting: Vec<&Replica> = self.replicas.iter().filter(waits).collect();
        if busy || waiting.is_empty() || !self.has_waited_enough(&waiting, now) {
            return;
        }
        let marked = self.settings.diskless && waiting.iter().all(|replica| replica.introduction.marks);
        let ids: Vec<ClientId> = waiting.iter().map(|replica| replica.id).collect();
        let framing = if marked { Framing::Mark(random_mark(&mut self.random)) } else { Framing::Length };
        self.selected = None;
        ids.iter().for_each(|id| self.announce_snapshot(*id, framing, now));
        self.effects.push(Effect::Snapshot(ids, framing));
    }

    /// A snapshot to files or to old replicas begins at once; one without length waits for others who may come.
    fn has_waited_enough(&self, waiting: &[&Replica], now: i64) -> bool {
        let set = &self.settings;
        let can_wait = set.diskless && waiting.iter().any(|replica| replica.introduction.marks);
        let enough = set.enough_replicas > 0 && waiting.len() >= set.enough_replicas;
        let since = |replica: &&Replica| match replica.stage {
            Stage::Waiting { since } => since,
            _ => now,
        };
        !can_wait || enough || waiting.iter().any(|replica| now - since(replica) >= set.delay_ms)
    }

    fn announce_snapshot(&mut self, client: ClientId, framing: Framing, now: i64) {
        let (id, offset) = (self.history.id, self.history.offset);
        let Some(replica) = self.replica_mut(client) else { return };
        replica.stage = Stage::Receiving { progress_at: now, marked: framing != Framing::Length };
        replica.served = offset;
        let mut text = if replica.silent { Vec::new() } else { format!("+FULLRESYNC {id} {offset}\r\n").into_bytes() };
        if let Framing::Mark(mark) = framing {
            text.extend_from_slice(b"$EOF:");
            text.extend_from_slice(&mark);
            text.extend_from_slice(b"\r\n");
        }
        if !text.is_empty() {
            self.effects.push(Effect::Send(client, text));
        }
    }

    /// Something of a snapshot was sent to a replica.
    pub fn snapshot_progresses(&mut self, client: ClientId, now: i64) {
        if let Some(Replica { stage: Stage::Receiving { progress_at, .. }, .. }) = self.replica_mut(client) {
            *progress_at = now;
        }
    }

    /// All of the snapshot was sent to a replica, with the mark if there is one.
    pub fn snapshot_sent(&mut self, client: ClientId, now: i64) {
        let Some(replica) = self.replica_mut(client) else { return };
        let Stage::Receiving { marked, .. } = replica.stage else { return };
        if replica.introduction.snapshot_only {
            replica.stage = Stage::Served;
            return;
        }
        // Some look for the mark at the end of what they read: nothing may follow it before they say that they have it.
        let streaming = !marked || replica.silent || replica.has_loaded;
        replica.stage = Stage::Online { streaming };
        replica.acknowledged_at = now;
        let name = replica.name();
        if streaming {
            self.effects.push(Effect::Wake(client));
        }
        self.log(format!("Synchronization with replica {name} succeeded"));
        self.start_snapshot(now);
    }

    /// Taking the snapshot has failed: those who were to get it have to ask again.
    pub fn snapshot_failed(&mut self, now: i64) {
        self.disconnect_where(now, |replica| matches!(replica.stage, Stage::Receiving { .. }));
    }

    /// Moves at most `most` bytes of the stream that a replica has not been given to the end of `sink`; says how many.
    pub fn take(&mut self, client: ClientId, most: usize, sink: &mut Vec<u8>) -> usize {
        let Some(backlog) = &self.backlog else { return 0 };
        let Some(replica) = self.replicas.iter_mut().find(|replica| replica.id == client) else { return 0 };
        if replica.stage != (Stage::Online { streaming: true }) {
            return 0;
        }
        let count = backlog.copy_after(replica.served, most, sink);
        replica.served += count as i64;
        count
    }

    /// A client's connection has ended, whether it is a replica or not.
    pub fn gone(&mut self, client: ClientId, now: i64) {
        self.introductions.retain(|(known, _)| *known != client);
        let before = self.replicas.len();
        self.replicas.retain(|replica| replica.id != client);
        if before > 0 && self.replicas.is_empty() {
            self.without_replicas_since = now;
        }
        if before > self.replicas.len() {
            self.trim_backlog();
            self.start_snapshot(now);
        }
    }

    fn trim_backlog(&mut self) {
        let needed = self.replicas.iter().filter_map(Replica::needs_after).min();
        if let Some(backlog) = &mut self.backlog {
            backlog.trim(self.settings.backlog_size, needed);
        }
    }

    fn acknowledge(&mut self, client: ClientId, offset: &[u8], now: i64) {
        let Some(replica) = self.replica_mut(client) else { return };
        let Some(offset) = parse_integer(offset) else { return };
        let more = offset > replica.acknowledged;
        replica.acknowledged = replica.acknowledged.max(offset);
        replica.acknowledged_at = now;
        replica.has_loaded = true;
        if replica.stage == (Stage::Online { streaming: false }) {
            replica.stage = Stage::Online { streaming: true };
            self.effects.push(Effect::Wake(client));
        }
        if more {
            self.effects.push(Effect::Acknowledged);
        }
    }

    /// Any byte that a replica sends shows that it lives, a lone newline too.
    pub fn heard(&mut self, client: ClientId, now: i64) {
        if let Some(replica) = self.replica_mut(client) {
            replica.acknowledged_at = now;
        }
    }

    /// How many replicas have acknowledged the stream up to this offset.
    #[must_use]
    pub fn acknowledged_by(&self, offset: i64) -> usize {
        self.replicas.iter().filter(|replica| replica.is_online() && replica.acknowledged >= offset).count()
    }

    /// Asks all replicas how far they are.
    pub fn request_acknowledgements(&mut self) {
        self.feed(None, &[b"REPLCONF".as_slice(), b"GETACK", b"*"]);
    }

    /// How many replicas have the data and were heard of lately, for `min-replicas-to-write`.
    #[must_use]
    pub fn good_replicas(&self, now: i64) -> usize {
        // Redis counts whole seconds.
        let lag = |replica: &Replica| replica.lag_ms(now) / SECOND * SECOND;
        self.replicas.iter().filter(|replica| replica.is_online() && lag(replica) <= self.settings.most_lag_ms).count()
    }

    pub(super) fn ping_replicas(&mut self) {
        // Those who wait for a snapshot would take silence for a lost link.
        for replica in self.replicas.iter().filter(|replica| matches!(replica.stage, Stage::Waiting { .. })) {
            self.effects.push(Effect::Send(replica.id, b"\n".to_vec()));
        }
        let due = (self.seconds * SECOND).checked_rem(self.settings.ping_period_ms) == Some(0);
        if due && !self.replicas.is_empty() && !self.hold_pings {
            self.feed(None, &[b"PING"]);
        }
    }

    pub(super) fn drop_silent_replicas(&mut self, now: i64) {
        let timeout = self.settings.timeout_ms;
        self.disconnect_where(now, |replica| match replica.stage {
            Stage::Online { .. } => !replica.silent && replica.lag_ms(now) > timeout,
            Stage::Receiving { progress_at, .. } => now - progress_at > timeout,
            Stage::Waiting { .. } | Stage::Served => false,
        });
    }

    /// Lets replicas go that are too far behind to ever catch up.
    pub(super) fn check_limits(&mut self, now: i64) {
        let offset = self.history.offset;
        let (hard, soft, soft_ms) = (self.settings.hard_limit, self.settings.soft_limit, self.settings.soft_limit_ms);
        let mut beyond = Vec::new();
        // What the backlog keeps anyway is not held against a replica.
        let kept = self.settings.backlog_size as u64;
        for replica in &mut self.replicas {
            let behind = replica.needs_after().map_or(0, |served| u64::try_from(offset - served).unwrap_or(0));
            let above = |limit: u64| limit > 0 && behind > limit.max(kept);
            replica.soft_since = above(soft).then(|| replica.soft_since.unwrap_or(now));
            if above(hard) || replica.soft_since.is_some_and(|since| now - since >= soft_ms) {
                beyond.push(replica.id);
            }
        }
        if !beyond.is_empty() {
            self.disconnect_where(now, |replica| beyond.contains(&replica.id));
        }
    }

    pub(super) fn disconnect_replicas(&mut self, now: i64) {
        self.disconnect_where(now, |_| true);
    }

    fn disconnect_where(&mut self, now: i64, condition: impl Fn(&Replica) -> bool) {
        let ended: Vec<Replica> = self.replicas.iter().filter(|replica| condition(replica)).cloned().collect();
        for replica in ended {
            self.log(format!("Connection with replica {} lost.", replica.name()));
            self.effects.push(Effect::Disconnect(replica.id));
            self.gone(replica.id, now);
        }
    }

    /// A primary that has had no replicas for long needs no backlog. What happens from here on is not counted, so that
    /// nobody may believe in the id any more.
    pub(super) fn drop_backlog(&mut self, now: i64) {
        let Some(ttl) = self.settings.backlog_ttl_ms else { return };
        let idle = self.replicas.is_empty() && now - self.without_replicas_since > ttl;
        if idle && self.link.is_none() && self.backlog.take().is_some() {
            let id = ReplicationId::random(&mut self.random);
            self.history.begin(id, self.history.offset);
            let seconds = ttl / SECOND;
            self.log(format!("Replication backlog freed after {seconds} seconds without connected replicas."));
        }
    }
}

impl Replica {
    fn name(&self) -> impl fmt::Display + use<> {
        let (address, port) = (self.introduction.address.clone(), self.introduction.port);
        if address.is_empty() { format!("client id #{}", self.id) } else { format!("{address}:{port}") }
    }
}

/// Notes one option; `None` if there is none of this name.
fn introduce(introduction: &mut Introduction, name: &[u8], value: &[u8]) -> Option<Answer> {
    match name {
        b"listening-port" => match parse_integer(value) {
            Some(port) => introduction.port = port,
            None => return Some(Answer::Refused("ERR value is not an integer or out of range".into())),
        },
        b"ip-address" if value.len() >= LONGEST_ADDRESS => {
            let length = value.len();
            return Some(Answer::Refused(format!(
                "ERR REPLCONF ip-address provided by replica instance is too long: {length} bytes"
            )));
        }
        b"ip-address" => introduction.address = String::from_utf8_lossy(value).into_owned(),
        b"capa" if value.eq_ignore_ascii_case(b"eof") => introduction.marks = true,
        b"capa" if value.eq_ignore_ascii_case(b"psync2") => introduction.psync2 = true,
        b"capa" => {}
        b"rdb-only" => match value {
            b"0" | b"1" => introduction.snapshot_only = value == b"1",
            _ => return Some(Answer::Refused("ERR value is out of range, must be between 0 and 1".into())),
        },
        _ => return None,
    }
    Some(Answer::Done)
}
