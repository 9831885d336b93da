//! Links of the bus: each pair of nodes has two, one opened from either side.

use bytes::Bytes;

use super::effects::{Effect, Level, LinkId, World};
use super::flags::Flags;
use super::message::Kind;
use super::node::{MYSELF, NodeIndex};
use super::state::Cluster;

/// How long to wait before a node is connected to again, in milliseconds.
const RECONNECT_MS: u64 = 100;

/// One connection.
#[derive(Clone, Debug)]
pub struct Link {
    /// Whose it is, once known.
    pub node: Option<NodeIndex>,
    /// Whether the other side opened it.
    pub inbound: bool,
    /// Whether it is connected.
    pub open: bool,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: u64,
    /// When something last came in on it, in milliseconds since the epoch.
    pub(super) heard_at: u64,
    /// The other side's address.
    pub(super) peer_ip: String,
    /// This side's address.
    pub(super) local_ip: String,
    /// Bytes that wait to be sent, as the edge last told.
    pub waiting_bytes: usize,
}

impl Cluster {
    /// Another node opened a link; the addresses are those of its two ends. Messages that come in are handed in by
    /// the number that is returned.
    pub fn link_accepted(&mut self, peer_ip: &str, local_ip: &str, now: u64) -> LinkId {
        let link = Link {
            node: None,
            inbound: true,
            open: true,
            created_at: now,
            heard_at: now,
            peer_ip: peer_ip.to_owned(),
            local_ip: local_ip.to_owned(),
            waiting_bytes: 0,
        };
        self.add_link(link)
    }

    fn add_link(&mut self, link: Link) -> LinkId {
        let id = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(id, link);
        id
    }

    /// A link that [`Effect::Connect`] asked for is there.
    pub fn link_opened(&mut self, link: LinkId, peer_ip: &str, local_ip: &str, world: &mut World<'_>) -> Vec<Effect> {
        if let Some(opened) = self.links.get_mut(&link) {
            opened.open = true;
            peer_ip.clone_into(&mut opened.peer_ip);
            local_ip.clone_into(&mut opened.local_ip);
            if let Some(node) = opened.node {
                self.greet(link, node, world);
            }
        }
        self.finish(world)
    }

    /// The first message on a new link. How long an answer has been awaited goes on to count.
    fn greet(&mut self, link: LinkId, node: NodeIndex, world: &mut World<'_>) {
        let waiting_since = self.nodes[node].ping_sent;
        let kind = if self.nodes[node].flags.any(Flags::MEET) { Kind::Meet } else { Kind::Ping };
        self.send_ping(link, kind, world);
        if waiting_since != 0 {
            self.nodes[node].ping_sent = waiting_since;
        }
        self.nodes[node].flags.clear(Flags::MEET);
    }

    /// A link was closed by the other side, or could not be opened.
    pub fn link_closed(&mut self, link: LinkId, world: &mut World<'_>) -> Vec<Effect> {
        let node = self.drop_link(link);
        if let Some(node) = node.filter(|node| self.nodes[*node].link.is_none()) {
            self.connect_if_due(node, world.now);
        }
        self.finish(world)
    }

    /// How many bytes wait to be sent on a link, for CLUSTER LINKS.
    pub fn note_waiting_bytes(&mut self, link: LinkId, bytes: usize) {
        if let Some(link) = self.links.get_mut(&link) {
            link.waiting_bytes = bytes;
        }
    }

    /// Forgets a link; whose it was, if it was the one opened from here.
    fn drop_link(&mut self, link: LinkId) -> Option<NodeIndex> {
        let node = self.links.remove(&link)?.node?;
        let known = &mut self.nodes[node];
        if known.inbound == Some(link) {
            known.inbound = None;
        }
        if known.link != Some(link) {
            return None;
        }
        known.link = None;
        Some(node)
    }

    pub(super) fn close_link(&mut self, link: LinkId) {
        if self.links.contains_key(&link) {
            self.drop_link(link);
            self.effects.push(Effect::Close { link });
        }
    }

    /// Opens a link to a node that has none. From now on an answer is awaited, so that a node that never answers is
    /// found out.
    pub(super) fn connect_if_due(&mut self, index: NodeIndex, now: u64) {
        let node = &mut self.nodes[index];
        let unreachable = node.flags.any(Flags::MYSELF | Flags::NO_ADDRESS) || node.ip.is_empty();
        if unreachable || node.link.is_some() || now < node.connect_tried_at + RECONNECT_MS {
            return;
        }
        node.connect_tried_at = now;
        if node.ping_sent == 0 {
            node.ping_sent = now;
        }
        let (host, port) = (node.ip.clone(), node.bus_port);
        let link = self.add_link(Link {
            node: Some(index),
            inbound: false,
            open: false,
            created_at: now,
            heard_at: now,
            peer_ip: String::new(),
            local_ip: String::new(),
            waiting_bytes: 0,
        });
        self.nodes[index].link = Some(link);
        self.effects.push(Effect::Connect { link, host, port });
    }

    /// When the next attempt to connect to a node is due.
    pub(super) fn connect_due_at(&self, index: NodeIndex) -> u64 {
        self.nodes[index].connect_tried_at + RECONNECT_MS
    }

    /// Says that an inbound link is this node's. An older one of the same node is closed: it is most likely dead.
    pub(super) fn bind_inbound(&mut self, link: LinkId, node: NodeIndex) {
        if let Some(old) = self.nodes[node].inbound.filter(|old| *old != link) {
            self.log(Level::Debug, format!("Replacing inbound link from node {}", self.nodes[node].id));
            self.close_link(old);
        }
        self.nodes[node].inbound = Some(link);
        if let Some(bound) = self.links.get_mut(&link) {
            bound.node = Some(node);
        }
    }

    /// The link opened from here to a node, if it is connected.
    pub(super) fn open_link(&self, node: NodeIndex) -> Option<LinkId> {
        self.nodes[node].link.filter(|link| self.links.get(link).is_some_and(|link| link.open))
    }

    /// Whether there is a working link to a node; to itself always.
    pub fn is_connected(&self, node: NodeIndex) -> bool {
        node == MYSELF || self.open_link(node).is_some()
    }

    pub(super) fn send(&mut self, link: LinkId, kind: Kind, bytes: Bytes) {
        if self.links.get(&link).is_some_and(|link| link.open) {
            self.statistics.sent[kind as usize] += 1;
            self.effects.push(Effect::Send { link, bytes });
        }
    }

    /// The nodes that messages for everybody go to, with their links.
    pub(super) fn audience(&self) -> Vec<(NodeIndex, LinkId)> {
        let mut audience = Vec::new();
        for (index, node) in self.nodes.iter() {
            if let Some(link) = self.open_link(index)
                && !node.flags.any(Flags::MYSELF | Flags::HANDSHAKE)
            {
                audience.push((index, link));
            }
        }
        audience
    }

    pub(super) fn send_to_all(&mut self, kind: Kind, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        for (_, link) in self.audience() {
            self.send(link, kind, bytes.clone());
        }
    }
}
