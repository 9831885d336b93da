//! What a node tells: about itself in the header, about others in gossip; and what it takes from others' gossip.

use bytes::Bytes;

use super::effects::{Level, LinkId, World};
use super::flags::Flags;
use super::message::{Body, Extensions, Gossip, Header, Kind, encode};
use super::node::{MYSELF, Node, NodeIndex};
use super::state::Cluster;

/// How many entries of gossip a message has at least, where there are as many nodes to tell of. All of a small
/// cluster fits into one message, so that a new node is known to all at once.
const GOSSIP_ENTRIES: usize = 10;

/// How long a node counts as new, and goes first in gossip, in milliseconds.
const NEW_FOR_MS: u64 = 5000;

/// How far gossip may be ahead of this node's clock, in milliseconds.
const CLOCK_TOLERANCE_MS: u64 = 500;

impl Cluster {
    /// A message of any kind without a body of its own making.
    pub(super) fn message(&self, kind: Kind, body: &Body<'_>, world: &World<'_>) -> Vec<u8> {
        encode(&self.header(kind, world), body)
    }

    fn header(&self, kind: Kind, world: &World<'_>) -> Header<'_> {
        let myself = self.myself();
        let speaker = self.my_primary().filter(|_| myself.is_replica()).unwrap_or(myself);
        Header {
            kind,
            port: myself.port,
            plain_port: myself.plain_port,
            bus_port: myself.bus_port,
            current_epoch: self.current_epoch,
            config_epoch: speaker.config_epoch,
            offset: world.replication_offset,
            sender: myself.id,
            slots: speaker.slots.bitmap(),
            replica_of: self.my_primary().map(|primary| primary.id),
            ip: self.settings.announce_ip.clone().unwrap_or_default(),
            flags: myself.flags,
            down: !self.is_ok(),
            paused: myself.is_primary() && self.manual.is_running(),
            force_vote: kind == Kind::VoteRequest && self.manual.is_running(),
            takes_extensions: matches!(kind, Kind::Ping | Kind::Pong | Kind::Meet),
        }
    }

    /// Sends PING, PONG or MEET.
    pub(super) fn send_ping(&mut self, link: LinkId, kind: Kind, world: &mut World<'_>) {
        let Some(to) = self.links.get(&link) else {
            return;
        };
        let (node, inbound) = (to.node, to.inbound);
        if let (Some(node), false, Kind::Ping | Kind::Meet) = (node, inbound, kind) {
            self.nodes[node].ping_sent = world.now;
        }
        let gossip = self.choose_gossip(node, world);
        let body = Body::Ping { gossip, extensions: self.extensions_for(node, world.now) };
        let bytes = self.message(kind, &body, world);
        self.send(link, kind, Bytes::from(bytes));
    }

    /// Whom to tell of: new nodes first, then some at random, and all that are unreachable from here.
    fn choose_gossip(&self, to: Option<NodeIndex>, world: &mut World<'_>) -> Vec<Gossip> {
        let tellable = |(index, node): &(NodeIndex, &Node)| {
            *index != MYSELF
                && Some(*index) != to
                && !node.flags.any(Flags::HANDSHAKE | Flags::NO_ADDRESS | Flags::MAYBE_FAILED)
                && (node.link.is_some() || !node.slots.is_empty())
        };
        let mut candidates: Vec<&Node> = self.nodes.iter().filter(tellable).map(|(_, node)| node).collect();
        let wanted = (self.nodes.len() / 10).max(GOSSIP_ENTRIES);
        if candidates.len() > wanted {
            world.rng.shuffle(&mut candidates);
            candidates.sort_by_key(|node| world.now.saturating_sub(node.created_at) > NEW_FOR_MS);
            candidates.truncate(wanted);
        }
        let unreachable = self.nodes.iter().filter(|(index, node)| {
            node.flags.any(Flags::MAYBE_FAILED)
                && !node.flags.any(Flags::HANDSHAKE | Flags::NO_ADDRESS)
                && Some(*index) != to
        });
        candidates.extend(unreachable.map(|(_, node)| node));
        candidates.into_iter().map(gossip_about).collect()
    }

    /// The host name goes to all, as redis-server 7.0 does it; what is newer goes to those who say they take it.
    fn extensions_for(&self, to: Option<NodeIndex>, now: u64) -> Extensions {
        let myself = self.myself();
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let mut extensions = Extensions { hostname: text(&myself.hostname), ..Extensions::default() };
        if to.is_some_and(|to| self.nodes[to].takes_extensions) {
            extensions.human_name = text(&myself.human_name);
            extensions.shard_id = self.shard_of(MYSELF);
            let left = self.forgotten.iter().filter(|(_, until)| **until > now);
            extensions.forgotten = left.map(|(id, until)| (*id, (until - now).div_ceil(1000))).collect();
        }
        extensions
    }

    /// Tells everybody by an unasked PONG what is new of this node, and of nodes that it has just learned of.
    pub(super) fn announce_if_due(&mut self, world: &mut World<'_>) {
        if !self.todo.announce || world.now < self.announce_due_at() {
            return;
        }
        self.todo.announce = false;
        self.pace.announced_at = world.now;
        for (_, link) in self.audience() {
            self.send_ping(link, Kind::Pong, world);
        }
    }

    /// Telling everybody costs as many messages as there are nodes: in a large cluster news are gathered for longer.
    pub(super) fn announce_due_at(&self) -> u64 {
        let gap = self.nodes.len() as u64;
        self.pace.announced_at + if gap <= 16 { 5 } else { gap * 2 }
    }

    /// Tells the other nodes of this shard how far this node's data goes.
    pub(super) fn announce_to_shard(&mut self, world: &mut World<'_>) {
        let shard = self.primary_of(MYSELF);
        for (index, link) in self.audience() {
            if self.nodes[index].is_replica() && self.nodes[index].replica_of == shard && shard.is_some() {
                self.send_ping(link, Kind::Pong, world);
            }
        }
    }

    /// Takes in what a known node tells of others.
    pub(super) fn take_gossip(&mut self, sender: NodeIndex, gossip: &[Gossip], world: &mut World<'_>) {
        for entry in gossip {
            match self.nodes.find(&entry.id) {
                Some(MYSELF) => {}
                Some(node) => self.take_gossip_of_known(sender, node, entry, world),
                None => self.take_gossip_of_new(entry, world.now),
            }
        }
    }

    fn take_gossip_of_known(&mut self, sender: NodeIndex, node: NodeIndex, entry: &Gossip, world: &mut World<'_>) {
        let suspect = entry.flags.any(Flags::FAILED | Flags::MAYBE_FAILED);
        if self.nodes[sender].votes() {
            if suspect {
                self.add_fail_report(node, sender, world.now);
                self.declare_failed_if_agreed(node, world);
            } else {
                self.remove_fail_report(node, sender);
            }
        }
        if suspect {
            return;
        }
        let known = &mut self.nodes[node];
        let heard_at = u64::from(entry.pong_received) * 1000;
        if known.ping_sent == 0
            && known.fail_reports.is_empty()
            && heard_at <= world.now + CLOCK_TOLERANCE_MS
            && heard_at > known.pong_received
        {
            known.pong_received = heard_at;
        }
        // A node that is unreachable here but not there may have moved.
        let moved = !known.is_at(&entry.ip, entry.port, entry.bus_port) && !entry.ip.is_empty();
        if known.is_suspect() && moved && !entry.flags.any(Flags::NO_ADDRESS) {
            self.move_node(node, entry.ip.clone(), (entry.port, entry.plain_port, entry.bus_port));
        }
    }

    /// A node that a known node knows belongs to the cluster, unless it is being forgotten.
    fn take_gossip_of_new(&mut self, entry: &Gossip, now: u64) {
        let kept_out = self.forgotten.get(&entry.id).is_some_and(|until| *until > now);
        if kept_out || entry.flags.any(Flags::NO_ADDRESS | Flags::HANDSHAKE) || entry.ip.is_empty() {
            return;
        }
        let flags = entry.flags.only(Flags::PRIMARY | Flags::REPLICA | Flags::FAILED | Flags::NO_FAILOVER);
        let mut node = Node::new(entry.id, flags, now);
        node.failed_at = if node.has_failed() { now } else { 0 };
        node.ip.clone_from(&entry.ip);
        (node.port, node.plain_port, node.bus_port) = (entry.port, entry.plain_port, entry.bus_port);
        if let Some(index) = self.nodes.add(node) {
            self.note_replicas_of(index);
            self.connect_if_due(index, now);
            self.todo.announce = true;
            self.save();
        }
    }

    /// A node has another address: the old link is of no use.
    pub(super) fn move_node(&mut self, index: NodeIndex, ip: String, ports: (u16, u16, u16)) {
        if let Some(link) = self.nodes[index].link {
            self.close_link(link);
        }
        let node = &mut self.nodes[index];
        node.ip = ip;
        (node.port, node.plain_port, node.bus_port) = ports;
        node.flags.clear(Flags::NO_ADDRESS);
        node.connect_tried_at = 0;
        let line = format!("Address updated for node {}, now {}:{}", node.id, node.ip, node.port);
        self.log(Level::Warning, line);
        if self.myself().is_replica() && self.myself().replica_of == Some(index) {
            self.follow(index);
        }
        self.save_and_update();
    }
}

fn gossip_about(node: &Node) -> Gossip {
    Gossip {
        id: node.id,
        ping_sent: (node.ping_sent / 1000) as u32,
        pong_received: (node.pong_received / 1000) as u32,
        ip: node.ip.clone(),
        port: node.port,
        plain_port: node.plain_port,
        bus_port: node.bus_port,
        flags: node.flags,
    }
}
