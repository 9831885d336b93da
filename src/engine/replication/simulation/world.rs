//! The nodes' hosts and the network between them.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::keyspace::watch::ClientId;
use crate::engine::replication::payload::Framing;
use crate::engine::replication::replicas::{Answer, Sync};
use crate::engine::replication::{Effect, PROTOCOL_LIMITS, Replication, Settings};
use crate::engine::resp::{Request, RequestParser};

/// Milliseconds between two looks at the network.
const STEP: i64 = 10;

/// Settings that let a test wait little.
pub fn settings() -> Settings {
    Settings {
        timeout_ms: 5_000,
        ping_period_ms: 1_000,
        backlog_size: 4096,
        backlog_ttl_ms: Some(60_000),
        diskless: true,
        delay_ms: 0,
        enough_replicas: 0,
        most_lag_ms: 2_000,
        announced_port: 7000,
        announced_address: String::new(),
        user: Vec::new(),
        password: Vec::new(),
        hard_limit: 0,
        soft_limit: 0,
        soft_limit_ms: 0,
    }
}

/// A connection from a replica to its primary.
struct Wire {
    from: usize,
    to: usize,
    up: VecDeque<(i64, Vec<u8>)>,
    down: VecDeque<(i64, Vec<u8>)>,
    open_above: bool,
    open_below: bool,
    /// Nothing comes through any more, and nobody is told.
    silent: bool,
    parser: RequestParser,
    unparsed: Vec<u8>,
}

/// A node and what it holds.
pub struct Node {
    pub replication: Replication,
    pub data: Vec<String>,
    /// The wire to its primary.
    wire: Option<ClientId>,
    /// The database that the primary's commands are for.
    database: String,
    loading: Vec<u8>,
    pub log: Vec<String>,
    /// Whether a snapshot is loaded over the present data rather than beside it.
    pub loads_in_place: bool,
}

/// All nodes, all wires, and the time.
pub struct World {
    pub now: i64,
    pub nodes: Vec<Node>,
    pub random: fastrand::Rng,
    wires: BTreeMap<ClientId, Wire>,
    last_wire: ClientId,
    /// Nodes that nobody can connect to.
    pub unreachable: Vec<usize>,
    /// The most that a message takes, milliseconds.
    pub delay: i64,
}

impl World {
    pub fn new(nodes: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let node = |random: &mut fastrand::Rng| Node {
            replication: Replication::new(settings(), fastrand::Rng::with_seed(random.u64(..)), 0),
            data: Vec::new(),
            wire: None,
            database: "0".into(),
            loading: Vec::new(),
            log: Vec::new(),
            loads_in_place: false,
        };
        let nodes = (0..nodes).map(|_| node(&mut random)).collect();
        Self { now: 0, nodes, random, wires: BTreeMap::new(), last_wire: 0, unreachable: Vec::new(), delay: 20 }
    }

    /// A client writes.
    pub fn write(&mut self, node: usize, database: usize, value: &str) {
        self.nodes[node].data.push(format!("{database}:{value}"));
        self.nodes[node].replication.feed(Some(database), &["SET", value]);
        self.settle(node);
    }

    /// An administrator's word.
    pub fn admin(&mut self, node: usize, word: impl FnOnce(&mut Replication, i64)) {
        word(&mut self.nodes[node].replication, self.now);
        self.settle(node);
    }

    pub fn replicate(&mut self, node: usize, of: usize) {
        self.admin(node, |replication, now| replication.replicate_of(&of.to_string(), 1, now));
    }

    /// Lets time pass.
    pub fn run(&mut self, milliseconds: i64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now += STEP;
            self.deliver();
            if self.now % 100 == 0 {
                (0..self.nodes.len()).for_each(|node| self.admin(node, Replication::tick));
            }
        }
    }

    /// Ends wires to or from a node, both ends being told, or silently.
    pub fn cut(&mut self, node: usize, silently: bool) {
        let ids: Vec<ClientId> = self.wires.keys().copied().collect();
        for id in ids {
            let Some(wire) = self.wires.get_mut(&id) else { continue };
            if wire.from != node && wire.to != node {
                continue;
            }
            wire.silent = true;
            if !silently {
                self.end_above(id);
                self.end_below(id);
            }
        }
    }

    fn end_above(&mut self, id: ClientId) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if std::mem::take(&mut wire.open_above) {
            let to = wire.to;
            self.admin(to, |replication, now| replication.gone(id, now));
        }
    }

    fn end_below(&mut self, id: ClientId) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let from = wire.from;
        if std::mem::take(&mut wire.open_below) && self.nodes[from].wire == Some(id) {
            self.nodes[from].wire = None;
            self.nodes[from].loading.clear();
            self.admin(from, Replication::link_lost);
        }
    }

    fn deliver(&mut self) {
        let ids: Vec<ClientId> = self.wires.keys().copied().collect();
        for id in ids {
            while let Some(bytes) = self.arrived(id, true) {
                self.heard_from_replica(id, &bytes);
            }
            while let Some(bytes) = self.arrived(id, false) {
                let Some(wire) = self.wires.get(&id).filter(|wire| wire.open_below) else { break };
                let from = wire.from;
                self.admin(from, |replication, now| replication.received(&bytes, now));
            }
            // An end that was closed is noticed at the other one, unless the wire has fallen silent.
            let Some(wire) = self.wires.get(&id) else { continue };
            let empty = wire.up.is_empty() && wire.down.is_empty();
            match (wire.open_above, wire.open_below) {
                (false, false) => drop(self.wires.remove(&id)),
                (false, true) if empty && !wire.silent => self.end_below(id),
                (true, false) if empty && !wire.silent => self.end_above(id),
                _ => {}
            }
        }
    }

    fn arrived(&mut self, id: ClientId, up: bool) -> Option<Vec<u8>> {
        let now = self.now;
        let wire = self.wires.get_mut(&id)?;
        let queue = if up { &mut wire.up } else { &mut wire.down };
        queue.front().filter(|(at, _)| *at <= now)?;
        queue.pop_front().map(|(_, bytes)| bytes)
    }

    fn send(&mut self, id: ClientId, up: bool, bytes: &[u8]) {
        let (now, delay) = (self.now, self.random.i64(0..=self.delay));
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.silent) else { return };
        let queue = if up { &mut wire.up } else { &mut wire.down };
        let mut at = queue.back().map_or(now, |(at, _)| *at).max(now + delay);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.random.usize(1..=rest.len().min(700)));
            queue.push_back((at, piece.to_vec()));
            at += i64::from(self.random.bool());
            rest = after;
        }
    }

    /// A primary's host reads what a replica says.
    fn heard_from_replica(&mut self, id: ClientId, bytes: &[u8]) {
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.open_above) else { return };
        let to = wire.to;
        wire.unparsed.extend(bytes);
        loop {
            let Some(wire) = self.wires.get_mut(&id) else { return };
            match wire.parser.parse(&wire.unparsed, PROTOCOL_LIMITS).unwrap() {
                Request::Incomplete => return,
                Request::Whole(length) if wire.unparsed[0] == b'*' => {
                    let words: Vec<Vec<u8>> =
                        wire.parser.ranges().iter().map(|range| wire.unparsed[range.clone()].to_vec()).collect();
                    wire.unparsed.drain(..length);
                    self.answer(to, id, &words);
                }
                Request::Whole(length) | Request::Inline(length, _) => {
                    wire.unparsed.drain(..length);
                }
            }
        }
    }

    fn answer(&mut self, node: usize, id: ClientId, words: &[Vec<u8>]) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let replication = &mut self.nodes[node].replication;
        let now = self.now;
        let reply = match words[0] {
            b"PING" => "+PONG".into(),
            b"AUTH" => "+OK".into(),
            b"REPLCONF" => match replication.replconf(id, &words[1..], now) {
                Answer::Done => "+OK".into(),
                Answer::Nothing => String::new(),
                Answer::Refused(why) => format!("-{why}"),
            },
            b"PSYNC" => {
                let from = Some((words[1], std::str::from_utf8(words[2]).unwrap().parse().unwrap()));
                let request = Sync { client: id, address: "?", from, failover: false, has_pending_output: false };
                replication.sync(request, now).err().map(|why| format!("-{why}")).unwrap_or_default()
            }
            other => panic!("{}", other.escape_ascii()),
        };
        if !reply.is_empty() {
            self.send(id, false, format!("{reply}\r\n").as_bytes());
        }
        self.settle(node);
    }

    /// The host carries out what its node wants.
    fn settle(&mut self, node: usize) {
        loop {
            let effects = self.nodes[node].replication.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.carry_out(node, effect);
            }
        }
    }

    fn carry_out(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Send(id, bytes) => self.send(id, false, &bytes),
            Effect::Wake(id) => {
                let mut bytes = Vec::new();
                while self.nodes[node].replication.take(id, 500, &mut bytes) > 0 {}
                self.send(id, false, &bytes);
            }
            Effect::Disconnect(id) => {
                if let Some(wire) = self.wires.get_mut(&id) {
                    wire.open_above = false;
                }
            }
            Effect::Snapshot(ids, framing) => self.snapshot(node, &ids, framing),
            Effect::Connect(host, _) => self.connect(node, host.parse().unwrap()),
            Effect::Write(bytes) => {
                let Some(id) = self.nodes[node].wire else { return };
                self.send(id, true, &bytes);
            }
            Effect::Close => {
                self.nodes[node].loading.clear();
                if let Some(wire) = self.nodes[node].wire.take().and_then(|id| self.wires.get_mut(&id)) {
                    wire.open_below = false;
                }
            }
            Effect::LoadBegins(_) => {
                if self.nodes[node].loads_in_place {
                    self.nodes[node].data.clear();
                    self.nodes[node].replication.data_discarded(self.now);
                }
            }
            Effect::Load(bytes) => self.nodes[node].loading.extend(bytes),
            Effect::LoadEnds => self.load(node),
            Effect::LinkUp { .. } | Effect::Acknowledged => {}
            Effect::Apply => self.apply(node),
            Effect::Log(line) => self.nodes[node].log.push(line),
        }
    }

    fn connect(&mut self, node: usize, to: usize) {
        if self.unreachable.contains(&to) || self.unreachable.contains(&node) {
            self.admin(node, Replication::link_lost);
            return;
        }
        self.last_wire += 1;
        let (up, down) = (VecDeque::new(), VecDeque::new());
        let (parser, unparsed) = (RequestParser::default(), Vec::new());
        let wire =
            Wire { from: node, to, up, down, open_above: true, open_below: true, silent: false, parser, unparsed };
        self.wires.insert(self.last_wire, wire);
        self.nodes[node].wire = Some(self.last_wire);
        self.admin(node, Replication::connected);
    }

    fn snapshot(&mut self, node: usize, ids: &[ClientId], framing: Framing) {
        let database = self.nodes[node].replication.stream_database();
        let of = if self.nodes[node].replication.is_replica() {
            self.nodes[node].database.clone()
        } else {
            database.to_string()
        };
        let text = format!("{of}\n{}", self.nodes[node].data.join("\n"));
        for id in ids {
            match framing {
                Framing::Length => self.send(*id, false, format!("${}\r\n{text}", text.len()).as_bytes()),
                Framing::Mark(mark) => self.send(*id, false, &[text.as_bytes(), &mark].concat()),
            }
            self.nodes[node].replication.snapshot_sent(*id, self.now);
        }
    }

    fn load(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        let text = String::from_utf8(std::mem::take(&mut node.loading)).unwrap();
        let (database, data) = text.split_once('\n').unwrap();
        node.database = database.to_owned();
        node.data = data.lines().map(str::to_owned).collect();
        node.replication.loaded(self.now);
    }

    fn apply(&mut self, node: usize) {
        let now = self.now;
        let node = &mut self.nodes[node];
        let mut stream = node.replication.take_stream();
        while let Some(words) = stream.next().unwrap() {
            match words[0] {
                b"SELECT" => node.database = String::from_utf8(words[1].to_vec()).unwrap(),
                b"SET" => node.data.push(format!("{}:{}", node.database, std::str::from_utf8(words[1]).unwrap())),
                b"REPLCONF" => assert_eq!(node.replication.replconf(0, &words[1..], now), Answer::Nothing),
                b"PING" => {}
                other => panic!("{}", other.escape_ascii()),
            }
        }
        node.replication.put_stream(stream);
    }
}
