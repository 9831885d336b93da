//! The engine as a primary and as a replica: carries out what replication decides.
//!
//! A snapshot from the primary is loaded beside the present data and then put in its place, so that a link that is lost
//! half-way costs nothing.

use super::blocking::Cause;
use super::client::{Client, ClientId, Role};
use super::{Engine, Task};
use crate::engine::cluster::PrimaryLink;
use crate::engine::commands::error::Error;
use crate::engine::config::choices::LogLevel;
use crate::engine::keyspace::Authority;
use crate::engine::keyspace::database::Database;
use crate::engine::rdb::{Item, Reader};
use crate::engine::replication::history::ReplicationId;
use crate::engine::replication::payload::Framing;
use crate::engine::replication::report::{Role as Report, Surroundings};
use crate::engine::replication::{Effect, Replication, Settings};

/// How much of the stream a replica's connection is handed at once, bytes.
const HANDED_OUT: usize = 64 * 1024;

/// What the edge is to do about the link to the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrimaryTask {
    /// Connect; what was there before is to end.
    Connect(String, u16),
    /// Send these bytes.
    Write(Vec<u8>),
    /// End the connection.
    Close,
}

/// Data that is coming from the primary.
#[derive(Debug)]
struct Incoming {
    reader: Reader,
    databases: Vec<Database>,
    /// The database that the commands after it are for.
    selected: usize,
}

/// Where in which history the data stood that was loaded from the disk.
#[derive(Debug)]
struct Origin {
    id: ReplicationId,
    offset: i64,
    database: usize,
    /// Changes counted by then: after any other the data stands elsewhere.
    dirty: u64,
}

/// What the engine holds for replication, besides what replication itself does.
#[derive(Debug)]
pub struct Following {
    /// The decisions.
    pub core: Replication,
    /// The place of the client that stands for the primary, while the link is up.
    primary: Option<usize>,
    /// The database that the primary's next command is for.
    database: usize,
    incoming: Option<Incoming>,
    origin: Option<Origin>,
}

impl Following {
    /// That of a node without primary and replicas.
    pub fn new(settings: Settings, random: fastrand::Rng, now: i64) -> Self {
        let core = Replication::new(settings, random, now);
        Following { core, primary: None, database: 0, incoming: None, origin: None }
    }
}

impl Engine {
    /// Lets replication take a step, and carries out what it decides.
    pub fn replication_step<T>(&mut self, step: impl FnOnce(&mut Replication, i64) -> T) -> T {
        let now = self.now();
        let done = step(&mut self.replication.core, now);
        self.settle_replication();
        done
    }

    /// Carries out what replication has decided.
    pub fn settle_replication(&mut self) {
        while self.replication.core.has_effects() {
            for effect in self.replication.core.take_effects() {
                self.carry_out_replication(effect);
            }
        }
        let counted = std::mem::take(&mut self.replication.core.counters);
        self.statistics.full_synchronisations += counted.full;
        self.statistics.partial_synchronisations += counted.partial;
        self.statistics.refused_partial_synchronisations += counted.partial_refused;
        let is_up = self.replication.core.link().is_some_and(|link| link.is_up());
        if !is_up && let Some(place) = self.replication.primary.take() {
            self.forget_primary(place);
        }
    }

    fn carry_out_replication(&mut self, effect: Effect) {
        match effect {
            Effect::Send(id, bytes) => self.push(id, &bytes),
            Effect::Wake(id) => self.wake(id),
            Effect::Disconnect(id) => {
                if let Some(client) = self.clients.get_mut(id) {
                    client.killed = true;
                } else if self.client.id == id {
                    self.client.killed = true;
                }
                self.wake(id);
            }
            Effect::Acknowledged => self.serve_waiting_for_replicas(),
            Effect::Snapshot(ids, framing) => self.send_snapshot(&ids, framing),
            Effect::Connect(host, port) => self.ask_of_primary(PrimaryTask::Connect(host, port)),
            Effect::Write(bytes) => self.ask_of_primary(PrimaryTask::Write(bytes)),
            Effect::Close => {
                self.replication.incoming = None;
                self.ask_of_primary(PrimaryTask::Close);
            }
            Effect::LoadBegins(_) => self.begin_load(),
            Effect::Load(bytes) => self.load_piece(&bytes),
            Effect::LoadEnds => self.end_load(),
            Effect::LinkUp { .. } => self.welcome_primary(),
            Effect::Apply => self.apply_stream(),
            Effect::Log(line) => self.tasks.push(Task::Log(LogLevel::Notice, line)),
        }
    }

    fn ask_of_primary(&mut self, task: PrimaryTask) {
        self.tasks.push(Task::Primary(task));
    }

    fn wake(&mut self, id: ClientId) {
        if let Some(place) = self.clients.place_of(id) {
            self.tasks.push(Task::Wake(place));
        }
    }

    /// Sends a snapshot of this moment.
    fn send_snapshot(&mut self, ids: &[ClientId], framing: Framing) {
        let bytes = self.snapshot_bytes(&self.snapshot_remarks());
        for id in ids {
            match framing {
                Framing::Length => {
                    self.push(*id, format!("${}\r\n", bytes.len()).as_bytes());
                    self.push(*id, &bytes);
                }
                Framing::Mark(mark) => {
                    self.push(*id, &bytes);
                    self.push(*id, &mark);
                }
            }
        }
    }

    /// All that a replica was sent has left: there is more for it in the stream, or the snapshot is complete.
    pub fn serve_replica(&mut self, place: usize) {
        self.look_at_clock();
        let Some((id, mut output)) =
            self.clients.at_mut(place).map(|client| (client.id, std::mem::take(&mut client.output)))
        else {
            return;
        };
        let now = self.now();
        self.replication.core.snapshot_sent(id, now);
        self.replication.core.take(id, HANDED_OUT, &mut output);
        if let Some(client) = self.clients.at_mut(place) {
            client.output = output;
        }
        self.settle_replication();
    }

    /// Something was sent to a replica.
    pub fn replica_progresses(&mut self, place: usize) {
        let now = self.now();
        if let Some(client) = self.clients.at(place)
            && client.role == Role::Replica
        {
            self.replication.core.snapshot_progresses(client.id, now);
        }
    }

    /// Ends the waiting of those whose writes enough replicas have by now.
    fn serve_waiting_for_replicas(&mut self) {
        let core = &self.replication.core;
        let has_enough = |client: &&Client| {
            client.blocked.as_ref().is_some_and(|blocked| match blocked.cause {
                Cause::Replicas { count, offset } => core.acknowledged_by(offset) >= count,
                _ => false,
            })
        };
        let ids: Vec<ClientId> = self.clients.iter().filter(has_enough).map(|client| client.id).collect();
        for id in ids {
            self.end_waiting(id, None);
        }
    }

    /// The connection to the primary is there.
    pub fn primary_connected(&mut self) {
        self.look_at_clock();
        self.replication_step(Replication::connected);
    }

    /// The connection to the primary has ended, or could not be made.
    pub fn primary_lost(&mut self) {
        self.look_at_clock();
        self.replication.incoming = None;
        self.replication_step(Replication::link_lost);
    }

    /// The primary has sent these bytes.
    pub fn primary_sent(&mut self, bytes: &[u8]) {
        self.look_at_clock();
        let is_up = |engine: &Engine| engine.replication.core.link().is_some_and(|link| link.is_up());
        let was_up = is_up(self);
        self.replication_step(|core, now| core.received(bytes, now));
        // A failover by hand waits for the offset, and others are to hear at once of a replica that has data.
        let came_up = !was_up && is_up(self);
        if self.cluster.as_ref().is_some_and(|cluster| came_up || cluster.waits_for_replication()) {
            self.cluster_step(|cluster, world| cluster.replication_advanced(world));
            self.cluster_changed();
        }
    }

    fn begin_load(&mut self) {
        let (count, by_slot) = (self.keyspace.databases().len(), self.config.cluster.enabled);
        self.replication.incoming = Some(Incoming {
            reader: Reader::new(self.config.snapshot.checksum),
            databases: (0..count).map(|number| Database::new(by_slot && number == 0)).collect(),
            selected: 0,
        });
    }

    /// Adds what these bytes of the snapshot hold to the data that is coming.
    fn load_piece(&mut self, bytes: &[u8]) {
        let Some(mut incoming) = self.replication.incoming.take() else { return };
        incoming.reader.feed(bytes);
        std::mem::swap(self.keyspace.databases_mut(), &mut incoming.databases);
        let (authority, selected) = (self.keyspace.authority, self.keyspace.selected);
        self.keyspace.authority = Authority::Obeying;
        let failed = loop {
            match incoming.reader.next() {
                Ok(Some(Item::Entry(entry))) => self.load_entry(entry, false),
                Ok(Some(Item::Auxiliary { name, value })) if name == b"repl-stream-db" => {
                    incoming.selected =
                        std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                }
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        (self.keyspace.authority, self.keyspace.selected) = (authority, selected);
        self.keyspace.events.clear();
        std::mem::swap(self.keyspace.databases_mut(), &mut incoming.databases);
        match failed {
            None => self.replication.incoming = Some(incoming),
            Some(error) => self.give_up_load(&error.to_string()),
        }
    }

    fn give_up_load(&mut self, why: &str) {
        let now = self.now();
        let line = format!("Failed trying to load the MASTER synchronization DB: {why}");
        self.replication.core.give_up(&line, now);
    }

    /// Puts the data that has come in the place of the present data.
    fn end_load(&mut self) {
        let Some(incoming) = self.replication.incoming.take() else { return };
        if let Err(error) = incoming.reader.finish() {
            return self.give_up_load(&error.to_string());
        }
        *self.keyspace.databases_mut() = incoming.databases;
        self.keyspace.dirty += 1;
        self.replication.database = incoming.selected;
        for client in self.clients.iter_mut() {
            client.disturbed |= !client.watching.is_empty();
        }
        let now = self.now();
        self.replication.core.loaded(now);
    }

    /// From here on, the primary is a client.
    fn welcome_primary(&mut self) {
        if let Some(place) = self.replication.primary.take() {
            self.forget_primary(place);
        }
        let address = self.replication.core.link().map(|link| format!("{}:{}", link.host, link.port));
        let client = Client {
            role: Role::Primary,
            authenticated: true,
            address: address.unwrap_or_default(),
            user: b"default".to_vec(),
            database: self.replication.database,
            since: self.now(),
            last_active: self.now(),
            ..Client::default()
        };
        self.replication.primary = Some(self.clients.add(Box::new(client)));
    }

    /// The primary is no client any more. What it was in the midst of comes again when the link is up again.
    fn forget_primary(&mut self, place: usize) {
        if let Some(client) = self.clients.at(place) {
            self.replication.database = client.database;
        }
        self.remove_client(place);
    }

    /// Carries out the commands that the primary has sent.
    fn apply_stream(&mut self) {
        let Some(place) = self.replication.primary else { return };
        let mut stream = self.replication.core.take_stream();
        let authority = std::mem::replace(&mut self.keyspace.authority, Authority::Obeying);
        let outcome = self.as_client(place, |engine| {
            let may_not_block = std::mem::replace(&mut engine.may_not_block, true);
            let outcome = loop {
                match stream.next() {
                    Ok(Some(arguments)) => engine.process(&arguments),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            engine.may_not_block = may_not_block;
            outcome
        });
        if self.keyspace.authority == Authority::Obeying {
            self.keyspace.authority = authority;
        }
        self.replication.core.put_stream(stream);
        if let Some(Err(error)) = outcome {
            let now = self.now();
            self.replication.core.give_up(&format!("Protocol error from master: {error}"), now);
        }
    }

    /// Remembers what a snapshot on disk says of its place in the stream: a node that starts as a replica need not be sent
    /// all data again.
    pub fn remember_origin(&mut self, remarks: &[(Vec<u8>, Vec<u8>)]) {
        let text = |name: &str| {
            let found = remarks.iter().find(|(known, _)| known == name.as_bytes());
            found.and_then(|(_, value)| std::str::from_utf8(value).ok())
        };
        let id = text("repl-id").and_then(|id| ReplicationId::parse(id.as_bytes()));
        let offset = text("repl-offset").and_then(|offset| offset.parse().ok());
        let database = text("repl-stream-db").and_then(|database| database.parse().ok()).unwrap_or(0);
        self.replication.origin = id.zip(offset).map(|(id, offset)| {
            let dirty = self.keyspace.dirty;
            Origin { id, offset, database, dirty }
        });
    }

    fn go_on_from_origin(&mut self) {
        let Some(origin) = self.replication.origin.take() else { return };
        if origin.dirty == self.keyspace.dirty && !self.replication.core.is_replica() && !self.has_listeners() {
            self.replication.core.restore_history(origin.id, origin.offset);
            self.replication.database = origin.database;
        }
    }

    /// Becomes a replica of this address.
    pub fn follow(&mut self, host: String, port: u16) {
        self.go_on_from_origin();
        self.end_all_waiting();
        self.keyspace.authority = Authority::Primary;
        self.replication.incoming = None;
        self.replication_step(|core, now| core.replicate_of(&host, port, now));
    }

    /// Nobody can wait for what will not happen here any more.
    fn end_all_waiting(&mut self) {
        let waits = |client: &&Client| client.blocked.as_ref().is_some_and(|blocked| blocked.cause != Cause::Pause);
        let ids: Vec<ClientId> = self.clients.iter().filter(waits).map(|client| client.id).collect();
        for id in ids {
            self.end_waiting(
                id,
                Some(Error::fixed(
                    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
                )),
            );
            if let Some(client) = self.clients.get_mut(id) {
                client.closing = true;
            }
        }
    }

    /// Becomes a primary, with the data that is there.
    pub fn stop_following(&mut self) {
        self.keyspace.authority = Authority::Own;
        self.replication.incoming = None;
        self.replication_step(Replication::promote);
    }

    /// What is due for replication.
    pub(super) fn tick_replication(&mut self) {
        self.replication.core.hold_pings = self.failover_pause.is_some();
        // Somebody wants the link to end: CLIENT KILL.
        let killed = |place: usize| self.clients.at(place).is_some_and(|client| client.killed);
        if self.replication.primary.is_some_and(killed) {
            self.ask_of_primary(PrimaryTask::Close);
            self.primary_lost();
        }
        self.replication_step(Replication::tick);
    }

    /// How the link to the primary is.
    pub fn link_to_primary(&self) -> PrimaryLink {
        let at = |at: i64| u64::try_from(at).unwrap_or(0);
        match self.replication.core.link().map(|link| link.heard_at()) {
            Some(Ok(heard)) => PrimaryLink::Up { last_heard: at(heard) },
            Some(Err(since)) => PrimaryLink::Down { since: at(since) },
            None => PrimaryLink::Down { since: 0 },
        }
    }

    /// What a snapshot says of this node's place in the stream of commands.
    pub fn snapshot_remarks(&self) -> Vec<(&'static str, String)> {
        let core = &self.replication.core;
        let database = match core.link() {
            None if !core.has_listeners() => return Vec::new(),
            None => core.stream_database(),
            Some(_) => {
                let client = self.replication.primary.and_then(|place| self.clients.at(place));
                client.map_or(self.replication.database, |client| client.database)
            }
        };
        let history = core.history();
        vec![
            ("repl-stream-db", database.to_string()),
            ("repl-id", history.id.to_string()),
            ("repl-offset", history.offset.to_string()),
        ]
    }

    /// What ROLE answers.
    pub fn role(&self) -> Report {
        self.replication.core.role(&|id| self.host_of(id))
    }

    /// The lines of INFO's section on replication.
    pub fn replication_lines(&self) -> Vec<(String, String)> {
        let set = &self.config.replication;
        let around = Surroundings {
            priority: set.priority,
            read_only: set.read_only,
            announced: set.announced,
            min_replicas_to_write: set.min_replicas_to_write,
            address_of: &|id| self.host_of(id),
        };
        self.replication.core.info(self.now(), &around)
    }

    /// A client's address without its port.
    fn host_of(&self, id: ClientId) -> String {
        let client = if self.client.id == id { Some(&*self.client) } else { self.clients.get(id) };
        let host = client.and_then(|client| client.address.rsplit_once(':')).map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']').to_owned()
    }
}
