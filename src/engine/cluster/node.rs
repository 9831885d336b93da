//! What is known of one node, and the table of all nodes. Values only: decisions are elsewhere.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use super::effects::LinkId;
use super::flags::Flags;
use super::node_id::NodeId;
use super::slots::SlotSet;

/// The place of a node in the table; this node itself is always [`MYSELF`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeIndex(pub(super) u16);

/// This node's own place.
pub const MYSELF: NodeIndex = NodeIndex(0);

/// What is known of one node. Times are milliseconds since the epoch, 0 for never.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name; made up while in handshake.
    pub id: NodeId,
    /// When it got into the table.
    pub created_at: u64,
    /// Role and condition.
    pub flags: Flags,
    /// The configuration epoch that it was last heard to claim.
    pub config_epoch: u64,
    /// The slots that it serves.
    pub slots: SlotSet,
    /// Its primary; `None` also where a replica's primary is not known here.
    pub replica_of: Option<NodeIndex>,
    /// The name of the primary that it last claimed, whether that one is known here or not.
    pub claims_primary: Option<NodeId>,
    /// Its replicas, in the order in which they were learned.
    pub replicas: Vec<NodeIndex>,
    /// Since when an answer is awaited; 0 where none is.
    pub ping_sent: u64,
    /// When it last answered.
    pub pong_received: u64,
    /// When anything at all last came from it.
    pub data_received: u64,
    /// When it was declared failed.
    pub failed_at: u64,
    /// When this node last voted for one of its replicas.
    pub voted_at: u64,
    /// Since when it has slots and no working replica though it had some.
    pub orphaned_since: u64,
    /// Its replication offset, as it last said.
    pub replication_offset: u64,
    /// Its address; empty where unknown.
    pub ip: String,
    /// The host name that it announces; empty where it does not.
    pub hostname: String,
    /// The name for people that it announces; empty where it does not.
    pub human_name: String,
    /// Its port for clients.
    pub port: u16,
    /// Its port for clients without TLS, where `port` is with TLS; otherwise 0.
    pub plain_port: u16,
    /// Its port of the bus.
    pub bus_port: u16,
    /// Its shard's name, where it tells one.
    pub shard_id: Option<NodeId>,
    /// Whether it says that it takes extensions.
    pub takes_extensions: bool,
    /// The link that was opened from here.
    pub link: Option<LinkId>,
    /// The link that it opened.
    pub inbound: Option<LinkId>,
    /// Who said that it fails, and when.
    pub fail_reports: Vec<(NodeIndex, u64)>,
    /// When a connection to it was last tried.
    pub connect_tried_at: u64,
}

impl Node {
    /// A node of which nothing but this is known.
    pub fn new(id: NodeId, flags: Flags, now: u64) -> Self {
        Self {
            id,
            created_at: now,
            flags,
            config_epoch: 0,
            slots: SlotSet::default(),
            replica_of: None,
            claims_primary: None,
            replicas: Vec::new(),
            ping_sent: 0,
            pong_received: 0,
            data_received: 0,
            failed_at: 0,
            voted_at: 0,
            orphaned_since: 0,
            replication_offset: 0,
            ip: String::new(),
            hostname: String::new(),
            human_name: String::new(),
            port: 0,
            plain_port: 0,
            bus_port: 0,
            shard_id: None,
            takes_extensions: false,
            link: None,
            inbound: None,
            fail_reports: Vec::new(),
            connect_tried_at: 0,
        }
    }

    /// Whether it is a primary.
    pub fn is_primary(&self) -> bool {
        self.flags.any(Flags::PRIMARY)
    }

    /// Whether it is a replica.
    pub fn is_replica(&self) -> bool {
        self.flags.any(Flags::REPLICA)
    }

    /// Whether it is agreed to have failed.
    pub fn has_failed(&self) -> bool {
        self.flags.any(Flags::FAILED)
    }

    /// Whether it is unreachable from here, or agreed to have failed.
    pub fn is_suspect(&self) -> bool {
        self.flags.any(Flags::FAILED | Flags::MAYBE_FAILED)
    }

    /// Whether its name is still to be learned.
    pub fn in_handshake(&self) -> bool {
        self.flags.any(Flags::HANDSHAKE)
    }

    /// Whether it has a say in elections: a primary with slots.
    pub fn votes(&self) -> bool {
        self.is_primary() && !self.slots.is_empty()
    }

    /// Whether this address is where it is known to be.
    pub fn is_at(&self, ip: &str, port: u16, bus_port: u16) -> bool {
        self.ip.eq_ignore_ascii_case(ip) && self.port == port && self.bus_port == bus_port
    }
}

/// All nodes known here. An index stays valid until that node is removed; whoever removes one sees to it that no
/// reference to it is left.
#[derive(Debug)]
pub(super) struct Nodes {
    entries: Vec<Node>,
    by_id: BTreeMap<NodeId, NodeIndex>,
    free: Vec<NodeIndex>,
}

impl Nodes {
    /// A table with nothing but this node.
    pub(super) fn new(myself: Node) -> Self {
        let by_id = BTreeMap::from([(myself.id, MYSELF)]);
        Self { entries: vec![myself], by_id, free: Vec::new() }
    }

    /// How many nodes there are, this one included.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The node of that name.
    pub(super) fn find(&self, id: &NodeId) -> Option<NodeIndex> {
        self.by_id.get(id).copied()
    }

    /// Adds a node; if one of that name is there, that one stays and is returned. `None` if there are 65,000.
    pub(super) fn add(&mut self, node: Node) -> Option<NodeIndex> {
        if let Some(index) = self.find(&node.id) {
            return Some(index);
        }
        let id = node.id;
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[usize::from(index.0)] = node;
                index
            }
            None if self.entries.len() < 65_000 => {
                self.entries.push(node);
                NodeIndex((self.entries.len() - 1) as u16)
            }
            None => return None,
        };
        self.by_id.insert(id, index);
        Some(index)
    }

    /// Removes a node; never this one.
    pub(super) fn remove(&mut self, index: NodeIndex) {
        let id = self[index].id;
        if index != MYSELF && self.by_id.remove(&id).is_some() {
            self.free.push(index);
        }
    }

    /// Gives a node another name; false if another node has it.
    pub(super) fn rename(&mut self, index: NodeIndex, id: NodeId) -> bool {
        if self.by_id.contains_key(&id) {
            return false;
        }
        let old = self[index].id;
        self.by_id.remove(&old);
        self.by_id.insert(id, index);
        self[index].id = id;
        true
    }

    /// The places of all nodes, this one first.
    pub(super) fn indices(&self) -> Vec<NodeIndex> {
        let mut indices: Vec<NodeIndex> = self.by_id.values().copied().collect();
        indices.sort_unstable();
        indices
    }

    /// All nodes, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeIndex, &Node)> {
        self.by_id.values().map(|index| (*index, &self[*index]))
    }
}

impl Index<NodeIndex> for Nodes {
    type Output = Node;
    fn index(&self, index: NodeIndex) -> &Node {
        &self.entries[usize::from(index.0)]
    }
}

impl IndexMut<NodeIndex> for Nodes {
    fn index_mut(&mut self, index: NodeIndex) -> &mut Node {
        &mut self.entries[usize::from(index.0)]
    }
}
