//! Nodes with a virtual clock, wires between them, and a little model of keys: a log of writes that replicas copy.
//! Everything follows from one seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::super::message::Frames;
use super::super::node::MYSELF;
use super::super::{Access, Cluster, Effect, LinkId, NoKeys, PrimaryLink, Route, Settings, Value, World};
use super::super::{NodeId, key_slot};

/// When the virtual clock starts, in milliseconds since the epoch.
pub(super) const START: u64 = 1_700_000_000_000;

/// How often a replica asks its primary for what is new.
const REPLICATION_MS: u64 = 5;

/// How the network behaves.
#[derive(Clone, Copy)]
pub(super) struct Weather {
    /// Least and most time that a message takes, in milliseconds.
    pub(super) delay_ms: (u64, u64),
    /// Of how many messages one is lost, and all that follow on the same wire; 0 for none.
    pub(super) one_lost_of: u64,
    /// How long writing to disk takes at most.
    pub(super) sync_ms: u64,
}

/// Everything on one machine.
pub(super) struct Machine {
    pub(super) cluster: Cluster,
    rng: fastrand::Rng,
    pub(super) alive: bool,
    incarnation: u32,
    /// nodes.conf as last written, and as last forced to disk.
    written: String,
    synced: String,
    wires: BTreeMap<LinkId, (usize, End)>,
    /// The writes applied here.
    pub(super) log: Vec<u64>,
    /// Whether the log is worth anything to others.
    in_sync: bool,
    primary: Option<u16>,
    last_heard: u64,
    replication_arrives_at: u64,
    paused_until: u64,
    /// Effects are done one after the other: until when the disk keeps this machine from sending.
    busy_until: u64,
    tick_at: u64,
    /// How many steps it took.
    pub(super) steps: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Caller,
    Called,
}

struct Wire {
    ends: [(usize, Option<LinkId>, u32); 2],
    broken: bool,
    /// When the last message in either direction arrives: the next one does not overtake it.
    arrives_at: [u64; 2],
    frames: [Frames; 2],
}

enum Event {
    Tick(usize),
    Connected(usize),
    Refused(usize),
    Message(usize, End, bytes::Bytes),
    Closed(usize, End),
    AskPrimary(usize),
    Replicated(usize, usize, Option<Vec<u64>>),
}

struct Due(u64, u64, Event);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// A write that some node acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledged {
    pub(super) id: u64,
    pub(super) slot: u16,
    pub(super) at: u64,
}

/// The whole simulation.
pub(super) struct Simulation {
    pub(super) now: u64,
    pub(super) rng: fastrand::Rng,
    pub(super) machines: Vec<Machine>,
    pub(super) weather: Weather,
    /// Machines in different groups can't reach each other.
    pub(super) groups: Vec<u8>,
    pub(super) settings: Settings,
    /// Whether to print the nodes' log, to see why a seed fails.
    pub(super) verbose: bool,
    queue: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    wires: Vec<Wire>,
    pub(super) acknowledged: Vec<Acknowledged>,
    /// Who acknowledged a write to a slot under which configuration epoch.
    servers: BTreeMap<(u16, u64), NodeId>,
    next_write: u64,
}

impl Simulation {
    pub(super) fn new(seed: u64, count: usize, settings: Settings, weather: Weather) -> Self {
        let mut simulation = Self {
            now: START,
            rng: fastrand::Rng::with_seed(seed),
            machines: Vec::new(),
            weather,
            groups: vec![0; count],
            settings,
            verbose: false,
            queue: BinaryHeap::new(),
            sequence: 0,
            wires: Vec::new(),
            acknowledged: Vec::new(),
            servers: BTreeMap::new(),
            next_write: 1,
        };
        for index in 0..count {
            let mut rng = fastrand::Rng::with_seed(simulation.rng.u64(..));
            let cluster = Cluster::fresh(simulation.settings_of(index), START, &mut rng);
            simulation.machines.push(Machine {
                cluster,
                rng,
                alive: true,
                incarnation: 0,
                written: String::new(),
                synced: String::new(),
                wires: BTreeMap::new(),
                log: Vec::new(),
                in_sync: true,
                primary: None,
                last_heard: 0,
                replication_arrives_at: 0,
                paused_until: 0,
                busy_until: 0,
                tick_at: 0,
                steps: 0,
            });
            simulation.boot(index);
        }
        simulation
    }

    fn settings_of(&self, index: usize) -> Settings {
        let index = index as u16;
        Settings { port: 7000 + index, bus_port: 17_000 + index, ..self.settings.clone() }
    }

    fn boot(&mut self, index: usize) {
        let machine = &mut self.machines[index];
        machine.incarnation += 1;
        machine.written = machine.cluster.nodes_conf();
        machine.synced = machine.written.clone();
        machine.tick_at = self.now;
        self.at(self.now, Event::Tick(index));
        self.at(self.now, Event::AskPrimary(index));
    }

    fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse(Due(time.max(self.now), self.sequence, event)));
    }

    fn delay(&mut self) -> u64 {
        self.rng.u64(self.weather.delay_ms.0..=self.weather.delay_ms.1)
    }

    /// Goes on until the clock shows `until`.
    pub(super) fn run_until(&mut self, until: u64) {
        while let Some(Reverse(due)) = self.queue.peek() {
            if due.0 > until {
                break;
            }
            let Some(Reverse(Due(time, _, event))) = self.queue.pop() else {
                break;
            };
            self.now = time;
            self.happen(event);
        }
        self.now = until;
    }

    pub(super) fn run_for(&mut self, milliseconds: u64) {
        self.run_until(self.now + milliseconds);
    }

    /// Goes on, looking every millisecond, until that is so; how long it took. `None` if it took too long.
    pub(super) fn run_while(&mut self, most_ms: u64, mut not_yet: impl FnMut(&mut Self) -> bool) -> Option<u64> {
        let start = self.now;
        while not_yet(self) {
            if self.now >= start + most_ms {
                return None;
            }
            self.run_for(1);
        }
        Some(self.now - start)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(index) => {
                if self.machines[index].alive && self.machines[index].tick_at <= self.now {
                    self.step(index, |cluster, world| cluster.tick(world));
                }
            }
            Event::Connected(wire) => self.connected(wire),
            Event::Refused(wire) => self.close(wire, End::Caller),
            Event::Message(wire, to, bytes) => self.deliver(wire, to, &bytes),
            Event::Closed(wire, end) => self.close(wire, end),
            Event::AskPrimary(index) => self.ask_primary(index),
            Event::Replicated(from, to, log) => self.replicated(from, to, log),
        }
    }

    /// One step of one node, and what it asks for.
    pub(super) fn step<T: Outcome>(
        &mut self,
        index: usize,
        run: impl FnOnce(&mut Cluster, &mut World<'_>) -> T,
    ) -> T::Rest {
        let now = self.now;
        let machine = &mut self.machines[index];
        machine.steps += 1;
        let replication_offset = machine.offset();
        let primary_link = match machine.last_heard {
            0 => PrimaryLink::Down { since: 0 },
            last_heard if now - last_heard < 100 => PrimaryLink::Up { last_heard },
            since => PrimaryLink::Down { since },
        };
        let mut world = World { now, rng: &mut machine.rng, replication_offset, primary_link, keys: &NoKeys };
        let (effects, rest) = run(&mut machine.cluster, &mut world).split();
        self.carry_out(index, effects);
        let next = self.machines[index].cluster.next_tick(now);
        if self.machines[index].tick_at <= now || next < self.machines[index].tick_at {
            self.machines[index].tick_at = next;
            self.at(next, Event::Tick(index));
        }
        rest
    }

    fn carry_out(&mut self, index: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Connect { link, port, .. } => self.connect(index, link, port),
                Effect::Close { link } => self.hang_up(index, link),
                Effect::Send { link, bytes } => self.send(index, link, bytes),
                Effect::SaveConfig { text, sync } => self.save(index, text, sync),
                Effect::ReplicateOf { port, .. } => {
                    self.machines[index].primary = Some(port);
                    self.machines[index].in_sync = false;
                }
                Effect::StopReplicating => {
                    self.machines[index].primary = None;
                    self.machines[index].in_sync = true;
                }
                Effect::PauseWrites { until } => self.machines[index].paused_until = until,
                Effect::Unpause => self.machines[index].paused_until = 0,
                Effect::FlushAll => self.machines[index].log.clear(),
                Effect::Publish { .. } | Effect::DeleteKeysInSlot(_) | Effect::DropShardChannels(_) => {}
                Effect::Log(level, line) => {
                    if self.verbose {
                        eprintln!("{:>6} {index} {level:?} {line}", self.now - START);
                    }
                }
            }
        }
    }

    fn save(&mut self, index: usize, text: String, sync: bool) {
        let took = self.rng.u64(0..=self.weather.sync_ms);
        let machine = &mut self.machines[index];
        machine.written = text;
        if sync {
            machine.synced.clone_from(&machine.written);
            machine.busy_until = machine.busy_until.max(self.now) + took;
        }
    }

    fn machine_at(&self, bus_port: u16) -> Option<usize> {
        let index = usize::from(bus_port.checked_sub(17_000)?);
        (index < self.machines.len()).then_some(index)
    }

    fn reachable(&self, one: usize, other: usize) -> bool {
        self.groups[one] == self.groups[other]
    }

    fn connect(&mut self, caller: usize, link: LinkId, port: u16) {
        let called = self.machine_at(port).unwrap_or(caller);
        let (wire, incarnation) = (self.wires.len(), self.machines[caller].incarnation);
        self.wires.push(Wire {
            ends: [(caller, Some(link), incarnation), (called, None, 0)],
            broken: false,
            arrives_at: [0; 2],
            frames: Default::default(),
        });
        self.machines[caller].wires.insert(link, (wire, End::Caller));
        let delay = self.delay() + self.delay();
        if self.reachable(caller, called) {
            let event = if self.machines[called].alive { Event::Connected(wire) } else { Event::Refused(wire) };
            self.at(self.now + delay, event);
        }
    }

    fn connected(&mut self, wire: usize) {
        let [(caller, Some(link), incarnation), (called, ..)] = self.wires[wire].ends else {
            return;
        };
        if !self.machines[called].alive || !self.reachable(caller, called) {
            return self.close(wire, End::Caller);
        }
        if !self.is_end(wire, 0) || self.machines[caller].incarnation != incarnation {
            return;
        }
        let (ip_caller, ip_called) = (format!("10.0.0.{caller}"), format!("10.0.0.{called}"));
        let machine = &mut self.machines[called];
        let inbound = machine.cluster.link_accepted(&ip_caller, &ip_called, self.now);
        machine.wires.insert(inbound, (wire, End::Called));
        self.wires[wire].ends[1] = (called, Some(inbound), machine.incarnation);
        self.step(caller, |cluster, world| cluster.link_opened(link, &ip_called, &ip_caller, world));
    }

    /// Whether that end of a wire still is where it was plugged in.
    fn is_end(&self, wire: usize, end: usize) -> bool {
        let (machine, link, incarnation) = self.wires[wire].ends[end];
        let machine = &self.machines[machine];
        machine.alive
            && machine.incarnation == incarnation
            && link.is_some_and(|link| machine.wires.get(&link).is_some_and(|(known, _)| *known == wire))
    }

    fn send(&mut self, index: usize, link: LinkId, bytes: bytes::Bytes) {
        let Some((wire, end)) = self.machines[index].wires.get(&link).copied() else {
            return;
        };
        let other = self.wires[wire].ends[1 - end as usize].0;
        let lost = self.weather.one_lost_of > 0 && self.rng.u64(..self.weather.one_lost_of) == 0;
        if lost || !self.reachable(index, other) {
            self.break_wire(wire);
        }
        if self.wires[wire].broken {
            return;
        }
        let leaves_at = self.now.max(self.machines[index].busy_until);
        let delay = self.delay();
        let arrives_at = &mut self.wires[wire].arrives_at[end as usize];
        *arrives_at = (*arrives_at).max(leaves_at + delay);
        let (time, to) = (*arrives_at, if end == End::Caller { End::Called } else { End::Caller });
        self.at(time, Event::Message(wire, to, bytes));
    }

    /// Nothing comes through any more. Sometimes one side hears of it, much later; mostly nobody does.
    fn break_wire(&mut self, wire: usize) {
        if !std::mem::replace(&mut self.wires[wire].broken, true) && self.rng.bool() {
            let (end, later) = (if self.rng.bool() { End::Caller } else { End::Called }, self.rng.u64(..500));
            self.at(self.now + later, Event::Closed(wire, end));
        }
    }

    fn deliver(&mut self, wire: usize, to: End, bytes: &[u8]) {
        let (machine, link, _) = self.wires[wire].ends[to as usize];
        let Some(link) = link.filter(|_| self.is_end(wire, to as usize) && !self.wires[wire].broken) else {
            return;
        };
        let mut frames = std::mem::take(&mut self.wires[wire].frames[to as usize]);
        frames.feed(bytes);
        while let Ok(Some(frame)) = frames.next_frame() {
            self.step(machine, |cluster, world| cluster.receive(link, frame, world));
        }
        self.wires[wire].frames[to as usize] = frames;
    }

    /// One side closes: the other one hears of it.
    fn hang_up(&mut self, index: usize, link: LinkId) {
        if let Some((wire, end)) = self.machines[index].wires.remove(&link) {
            let other = if end == End::Caller { End::Called } else { End::Caller };
            self.tell_closed(wire, other);
        }
    }

    fn tell_closed(&mut self, wire: usize, end: End) {
        let machines = [self.wires[wire].ends[0].0, self.wires[wire].ends[1].0];
        if !self.wires[wire].broken && self.reachable(machines[0], machines[1]) {
            let arrives_at = self.wires[wire].arrives_at[1 - end as usize];
            let time = arrives_at.max(self.now + self.delay());
            self.at(time, Event::Closed(wire, end));
        }
    }

    fn close(&mut self, wire: usize, end: End) {
        let (machine, link, _) = self.wires[wire].ends[end as usize];
        if let Some(link) = link.filter(|_| self.is_end(wire, end as usize)) {
            self.machines[machine].wires.remove(&link);
            self.step(machine, |cluster, world| cluster.link_closed(link, world));
        }
    }

    fn ask_primary(&mut self, index: usize) {
        if !self.machines[index].alive {
            return;
        }
        self.at(self.now + REPLICATION_MS, Event::AskPrimary(index));
        let primary = self.machines[index].primary.and_then(|port| self.machine_at(port + 10_000));
        if let Some(primary) = primary.filter(|primary| *primary != index && self.machines[*primary].alive)
            && self.reachable(index, primary)
        {
            let (theirs, own) = (&self.machines[primary].log, &self.machines[index]);
            let news = !own.in_sync || own.log.last() != theirs.last() || own.log.len() != theirs.len();
            let log = news.then(|| theirs.clone());
            let time = (self.now + self.delay()).max(self.machines[index].replication_arrives_at);
            self.machines[index].replication_arrives_at = time;
            self.at(time, Event::Replicated(primary, index, log));
        }
    }

    fn replicated(&mut self, from: usize, to: usize, log: Option<Vec<u64>>) {
        let machine = &mut self.machines[to];
        let still = machine.primary.and_then(|port| usize::from(port).checked_sub(7000)) == Some(from);
        if !machine.alive || !still || !self.reachable(from, to) {
            return;
        }
        let machine = &mut self.machines[to];
        machine.last_heard = self.now;
        let Some(log) = log else {
            return;
        };
        machine.log = log;
        machine.in_sync = true;
        self.step(to, |cluster, world| cluster.replication_advanced(world));
    }

    /// Runs a CLUSTER command on a node.
    pub(super) fn command(&mut self, index: usize, command: &str) -> Value {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        self.step(index, |cluster, world| cluster.command(&args, world))
    }

    /// A process ends without a word; its machine tells those who were connected. What was not forced to disk may
    /// be lost.
    pub(super) fn kill(&mut self, index: usize) {
        self.machines[index].alive = false;
        for (wire, end) in std::mem::take(&mut self.machines[index].wires).into_values() {
            let other = if end == End::Caller { End::Called } else { End::Caller };
            self.tell_closed(wire, other);
        }
        if self.rng.bool() {
            self.machines[index].written = self.machines[index].synced.clone();
        }
    }

    /// Starts a killed process anew from its nodes.conf.
    pub(super) fn restart(&mut self, index: usize) {
        let settings = self.settings_of(index);
        let machine = &mut self.machines[index];
        let cluster = Cluster::load(settings, &machine.written, self.now).expect("a file that it wrote");
        machine.primary = cluster.replication_target().map(|(_, port)| port);
        machine.in_sync = machine.primary.is_none();
        (machine.cluster, machine.alive) = (cluster, true);
        (machine.last_heard, machine.paused_until, machine.busy_until) = (0, 0, 0);
        self.boot(index);
    }

    /// Tries one write to the slot of `key` on each node: who takes itself for its owner acknowledges it. Panics
    /// where two do so under one configuration epoch.
    pub(super) fn write(&mut self, key: &[u8]) -> usize {
        let mut served = 0;
        for index in 0..self.machines.len() {
            served += usize::from(self.write_on(index, key));
        }
        served
    }

    fn write_on(&mut self, index: usize, key: &[u8]) -> bool {
        let (now, id) = (self.now, self.next_write);
        let machine = &mut self.machines[index];
        let access = Access { write: true, ..Access::default() };
        let route = machine.cluster.route([key], access, |_| true);
        if !machine.alive || machine.paused_until > now || !matches!(route, Route::Serve(_)) {
            return false;
        }
        self.next_write += 1;
        machine.log.push(id);
        let (slot, myself) = (key_slot(key), machine.cluster.node(MYSELF));
        let (name, epoch) = (myself.id, myself.config_epoch);
        self.acknowledged.push(Acknowledged { id, slot, at: now });
        let server = *self.servers.entry((slot, epoch)).or_insert(name);
        assert_eq!(server, name, "two nodes acknowledged writes to slot {slot} under epoch {epoch}");
        true
    }
}

impl Machine {
    /// A replica that never was in sync has no offset.
    pub(super) fn offset(&self) -> u64 {
        if self.in_sync { self.log.len() as u64 + 1 } else { 0 }
    }
}

/// What a step returns besides effects.
pub(super) trait Outcome {
    type Rest;
    fn split(self) -> (Vec<Effect>, Self::Rest);
}

impl Outcome for Vec<Effect> {
    type Rest = ();
    fn split(self) -> (Vec<Effect>, ()) {
        (self, ())
    }
}

impl Outcome for (Value, Vec<Effect>) {
    type Rest = Value;
    fn split(self) -> (Vec<Effect>, Value) {
        (self.1, self.0)
    }
}
