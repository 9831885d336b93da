//! The text of nodes.conf: what a node knows of its cluster across restarts, in redis-server's words. CLUSTER NODES
//! answers with the same lines.

use std::fmt::Write;

use super::flags::Flags;
use super::node::{MYSELF, Node, NodeIndex};
use super::node_id::NodeId;
use super::settings::Settings;
use super::slots::SLOTS;
use super::state::Cluster;

/// How far the bus port is from the port, in files of long ago that don't say it.
const BUS_PORT_OFFSET: u16 = 10_000;

/// Why a nodes.conf can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfError {
    /// A line makes no sense.
    #[error("line {line} of the cluster config file is not valid: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// No line is flagged `myself`.
    #[error("the cluster config file does not say which node this is")]
    NoMyself,
}

impl Cluster {
    /// The node that wrote this nodes.conf.
    pub fn load(settings: Settings, text: &str, now: u64) -> Result<Self, ConfError> {
        let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line));
        let split: Vec<(usize, Vec<&str>)> = lines
            .map(|(number, line)| (number, line.split_ascii_whitespace().collect()))
            .filter(|(_, words): &(usize, Vec<&str>)| !words.is_empty())
            .collect();
        let (variables, nodes): (Vec<_>, Vec<_>) =
            split.into_iter().partition(|(_, words)| words[0].eq_ignore_ascii_case("vars"));
        let mut entries = Vec::with_capacity(nodes.len());
        for (line, words) in &nodes {
            entries.push(Entry::parse(words, now).map_err(|reason| ConfError::Line { line: *line, reason })?);
        }
        let own = entries.iter().position(|entry| entry.node.flags.any(Flags::MYSELF));
        let own = own.ok_or(ConfError::NoMyself)?;
        let mut cluster = Self::with_myself(settings, entries[own].node.clone());
        for (line, words) in &variables {
            let read = cluster.read_variables(words);
            read.map_err(|reason| ConfError::Line { line: *line, reason })?;
        }
        for entry in &entries {
            cluster.nodes.add(entry.node.clone());
        }
        for (entry, (line, _)) in entries.iter().zip(&nodes) {
            let applied = cluster.apply(entry, now);
            applied.map_err(|reason| ConfError::Line { line: *line, reason })?;
        }
        cluster.complete_load();
        Ok(cluster)
    }

    fn complete_load(&mut self) {
        self.current_epoch = self.highest_epoch();
        self.health.restarted = self.nodes.len() > 1;
        if self.myself().shard_id.is_none() {
            self.myself_mut().shard_id = Some(self.myself().id.derived());
        }
        if self.is_replica() {
            self.myself_mut().config_epoch = 0;
        }
        self.apply_settings();
        self.todo.announce = false;
    }

    fn read_variables(&mut self, words: &[&str]) -> Result<(), &'static str> {
        if words.len().is_multiple_of(2) {
            return Err("a variable without a value");
        }
        for pair in words[1..].chunks_exact(2) {
            let number = || pair[1].parse().map_err(|_| "an epoch that is no number");
            match pair[0].to_ascii_lowercase().as_str() {
                "currentepoch" => self.current_epoch = number()?,
                "lastvoteepoch" => self.last_vote_epoch = number()?,
                "myshardid" => self.myself_mut().shard_id = NodeId::parse(pair[1].as_bytes()),
                // Something of a newer version.
                _ => {}
            }
        }
        Ok(())
    }

    /// Sets what refers to other nodes.
    fn apply(&mut self, entry: &Entry, now: u64) -> Result<(), &'static str> {
        let index = self.nodes.find(&entry.node.id).ok_or("a node that can't be")?;
        if let Some(primary) = entry.replica_of {
            let primary = self.find_or_add(primary, now)?;
            self.nodes[index].replica_of = Some(primary);
            self.attach_replica(primary, index);
        }
        for (start, end) in &entry.slots {
            for slot in *start..=*end {
                self.add_slot(slot, index);
            }
        }
        for (slot, id) in &entry.migrating {
            let node = self.find_or_add(*id, now)?;
            self.migrating.insert(*slot, node);
        }
        for (slot, id) in &entry.importing {
            let node = self.find_or_add(*id, now)?;
            self.importing.insert(*slot, node);
        }
        Ok(())
    }

    fn find_or_add(&mut self, id: NodeId, now: u64) -> Result<NodeIndex, &'static str> {
        self.nodes.add(Node::new(id, Flags::default(), now)).ok_or("too many nodes")
    }

    /// The text to keep.
    pub fn nodes_conf(&self) -> String {
        let mut text = String::new();
        for (index, node) in self.nodes.iter() {
            if !node.in_handshake() {
                self.describe(index, &mut text);
                text.push('\n');
            }
        }
        let _ = write!(text, "vars currentEpoch {} lastVoteEpoch {}", self.current_epoch, self.last_vote_epoch);
        // Only where it does not follow from the name: redis-server 7.0 skips this variable, but says so.
        let shard = self.myself().shard_id.filter(|shard| *shard != self.myself().id.derived());
        if let Some(shard) = shard {
            let _ = write!(text, " myShardId {shard}");
        }
        text.push('\n');
        text
    }

    /// What CLUSTER NODES answers.
    pub fn nodes_text(&self) -> String {
        let mut text = String::new();
        for (index, _) in self.nodes.iter() {
            self.describe(index, &mut text);
            text.push('\n');
        }
        text
    }

    /// One node's line, without the end of line.
    pub(super) fn describe(&self, index: NodeIndex, text: &mut String) {
        let node = &self.nodes[index];
        let _ = write!(text, "{} {}:{}@{}", node.id, node.ip, node.port, node.bus_port);
        if !node.hostname.is_empty() {
            let _ = write!(text, ",{}", node.hostname);
        }
        let primary = node.replica_of.map(|primary| &self.nodes[primary]);
        let epoch = primary.filter(|_| node.is_replica()).unwrap_or(node).config_epoch;
        let connected = if self.is_connected(index) { "connected" } else { "disconnected" };
        let _ = write!(text, " {} {}", node.flags.words(), primary.map_or("-", |primary| primary.id.as_str()));
        let _ = write!(text, " {} {} {epoch} {connected}", node.ping_sent, node.pong_received);
        for (start, end) in node.slots.ranges() {
            let _ = if start == end { write!(text, " {start}") } else { write!(text, " {start}-{end}") };
        }
        if index == MYSELF {
            self.describe_open_slots(text);
        }
    }

    fn describe_open_slots(&self, text: &mut String) {
        let moving = |slot: &u16| self.migrating.contains_key(slot) || self.importing.contains_key(slot);
        if self.migrating.is_empty() && self.importing.is_empty() {
            return;
        }
        for slot in (0..SLOTS).filter(moving) {
            let _ = match (self.migrating.get(&slot), self.importing.get(&slot)) {
                (Some(to), _) => write!(text, " [{slot}->-{}]", self.nodes[*to].id),
                (None, Some(from)) => write!(text, " [{slot}-<-{}]", self.nodes[*from].id),
                (None, None) => Ok(()),
            };
        }
    }
}

/// One line of the file; names of others are not looked up yet.
struct Entry {
    node: Node,
    replica_of: Option<NodeId>,
    slots: Vec<(u16, u16)>,
    migrating: Vec<(u16, NodeId)>,
    importing: Vec<(u16, NodeId)>,
}

impl Entry {
    fn parse(words: &[&str], now: u64) -> Result<Self, &'static str> {
        let [id, address, flags, primary, _ping, pong, epoch, _link, slots @ ..] = words else {
            return Err("a node takes eight words at least");
        };
        let id = NodeId::parse(id.as_bytes()).ok_or("a name that is none")?;
        let flags = Flags::parse(flags).ok_or("an unknown flag")?;
        let mut node = Node::new(id, flags, now);
        read_address(address, &mut node)?;
        node.config_epoch = epoch.parse().map_err(|_| "an epoch that is no number")?;
        node.failed_at = if node.has_failed() { now } else { 0 };
        node.pong_received = if *pong == "0" { 0 } else { now };
        let replica_of = match *primary {
            "-" => None,
            name => Some(NodeId::parse(name.as_bytes()).ok_or("a primary's name that is none")?),
        };
        if node.is_replica() && replica_of.is_some() {
            node.config_epoch = 0;
        }
        let mut entry = Self { node, replica_of, slots: Vec::new(), migrating: Vec::new(), importing: Vec::new() };
        for word in slots {
            entry.read_slots(word)?;
        }
        Ok(entry)
    }

    /// `5`, `5-9`, `[5->-name]` or `[5-<-name]`.
    fn read_slots(&mut self, word: &str) -> Result<(), &'static str> {
        if let Some(open) = word.strip_prefix('[') {
            let (slot, rest) = open.split_once('-').ok_or("an open slot without a direction")?;
            let slot = parse_slot(slot)?;
            let id = |name: &str| NodeId::parse(name.as_bytes()).ok_or("an open slot without a name");
            if let Some(name) = rest.strip_prefix(">-").and_then(|name| name.strip_suffix(']')) {
                self.migrating.push((slot, id(name)?));
            } else if let Some(name) = rest.strip_prefix("<-").and_then(|name| name.strip_suffix(']')) {
                self.importing.push((slot, id(name)?));
            } else {
                return Err("an open slot without a direction");
            }
            return Ok(());
        }
        let (start, end) = word.split_once('-').unwrap_or((word, word));
        self.slots.push((parse_slot(start)?, parse_slot(end)?));
        Ok(())
    }
}

fn parse_slot(text: &str) -> Result<u16, &'static str> {
    let slot = text.parse().ok().filter(|slot| *slot < SLOTS);
    slot.ok_or("a slot that is none")
}

/// `ip:port@busport,hostname,shard-id=...`, of which all but `ip:port` may be missing.
fn read_address(text: &str, node: &mut Node) -> Result<(), &'static str> {
    let mut parts = text.split(',');
    let address = parts.next().unwrap_or_default();
    parts.next().unwrap_or_default().clone_into(&mut node.hostname);
    let shard_id = parts.find_map(|part| part.strip_prefix("shard-id="));
    node.shard_id = shard_id.and_then(|id| NodeId::parse(id.as_bytes()));
    let (ip, ports) = address.rsplit_once(':').ok_or("an address without a port")?;
    let number = |text: &str| text.parse::<u16>().map_err(|_| "a port that is no number");
    ip.clone_into(&mut node.ip);
    (node.port, node.bus_port) = match ports.split_once('@') {
        Some((port, bus_port)) => (number(port)?, number(bus_port)?),
        None => (number(ports)?, number(ports)?.wrapping_add(BUS_PORT_OFFSET)),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Cluster, ConfError> {
        Cluster::load(Settings::default(), text, 1_000_000)
    }

    fn three() -> String {
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
        format!(
            "{a} 127.0.0.1:6379@16379 myself,master - 0 1700000000000 3 connected 0-99 200 [5->-{b}] [300-<-{b}]\n\
             {b} 127.0.0.1:7001@17001,b.example master,fail - 0 0 7 disconnected 100-199 300\n\
             {c} 127.0.0.1:7002@17002 slave {a} 0 1 3 connected\n\
             vars currentEpoch 5 lastVoteEpoch 4\n"
        )
    }

    #[test]
    fn what_is_read_is_written_again() {
        let cluster = load(&three()).unwrap();
        assert_eq!((cluster.current_epoch, cluster.last_vote_epoch), (7, 4));
        assert_eq!(cluster.myself().slots.ranges(), [(0, 99), (200, 200)]);
        let expected = three()
            .replace("currentEpoch 5", "currentEpoch 7")
            .replace("1700000000000", "1000000")
            .replace(" 0 1 3 connected", " 0 1000000 3 disconnected");
        assert_eq!(cluster.nodes_conf(), expected);
        assert_eq!(load(&cluster.nodes_conf()).unwrap().nodes_conf(), expected);
    }

    #[test]
    fn blank_lines_old_addresses_and_newer_words_are_taken() {
        let shard = "d".repeat(40);
        let text = format!(
            "\n{} 10.0.0.1:6379,host,shard-id={shard} myself,master - 0 0 0 connected\nvars future 1\n\n\n",
            "a".repeat(40)
        );
        let cluster = load(&text).unwrap();
        assert_eq!(cluster.shard_of(MYSELF).map(|id| id.to_string()), Some(shard));
        assert_eq!(cluster.nodes[MYSELF].ip, "10.0.0.1");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line() {
        assert_eq!(load("").unwrap_err(), ConfError::NoMyself);
        let changes = [
            ("0-99", "0-16384"),
            ("myself,master", "myself,what"),
            ("currentEpoch 5", "currentEpoch"),
            ("[5->-", "[5-=-"),
            (":6379@", "@"),
        ];
        for (from, to) in changes {
            let text = three().replace(from, to);
            assert!(matches!(load(&text).unwrap_err(), ConfError::Line { .. }), "{to}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let mut rng = fastrand::Rng::with_seed(3);
        let text = three().into_bytes();
        for _ in 0..3000 {
            let mut changed = text.clone();
            for _ in 0..rng.usize(1..8) {
                let place = rng.usize(..changed.len());
                changed[place] = *rng.choice(b" \n-[]<>:@,09azmv".iter()).unwrap();
            }
            let _ = load(&String::from_utf8_lossy(&changed));
        }
    }
}
