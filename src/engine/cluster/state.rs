//! All that a node believes of its cluster, and the small changes that everything else is made of.

use std::collections::BTreeMap;

use super::effects::{Effect, Level, LinkId, World};
use super::election::Election;
use super::flags::Flags;
use super::health::Health;
use super::links::Link;
use super::manual_failover::ManualFailover;
use super::message::Kind;
use super::node::{MYSELF, Node, NodeIndex, Nodes};
use super::node_id::NodeId;
use super::settings::Settings;
use super::slots::{SLOTS, SlotSet};

/// A slot that no node serves.
const NOBODY: NodeIndex = NodeIndex(u16::MAX);

/// One node's view of its cluster. Every step takes `now` and chance from its [`World`], and returns what is to be
/// done; nothing is done by the state itself.
#[derive(Debug)]
pub struct Cluster {
    /// What can be set; may be changed at any time, and is looked at when a step needs it.
    pub settings: Settings,
    pub(super) nodes: Nodes,
    /// Who serves each slot.
    pub(super) owners: Box<[NodeIndex]>,
    /// Slots that their owner doesn't claim any more, though nobody else does: not to be told to others as its own.
    pub(super) unclaimed: SlotSet,
    pub(super) migrating: BTreeMap<u16, NodeIndex>,
    pub(super) importing: BTreeMap<u16, NodeIndex>,
    pub(super) current_epoch: u64,
    pub(super) last_vote_epoch: u64,
    /// Which nodes not to take in again, and until when.
    pub(super) forgotten: BTreeMap<NodeId, u64>,
    pub(super) links: BTreeMap<LinkId, Link>,
    pub(super) next_link: u64,
    pub(super) health: Health,
    pub(super) election: Election,
    pub(super) manual: ManualFailover,
    pub(super) statistics: Statistics,
    pub(super) todo: Todo,
    pub(super) effects: Vec<Effect>,
    pub(super) pace: Pace,
}

/// Messages by kind, and what else CLUSTER INFO counts.
#[derive(Debug, Default)]
pub struct Statistics {
    pub(super) sent: [u64; Kind::ALL.len()],
    pub(super) received: [u64; Kind::ALL.len()],
    /// Links closed because too much waited to be sent on them.
    pub links_over_limit: u64,
}

/// What a step has left to do at its end, once for all that happened in it.
#[derive(Debug, Default)]
pub(super) struct Todo {
    pub(super) save: bool,
    pub(super) sync: bool,
    pub(super) update_health: bool,
    pub(super) failover: bool,
    /// Something that all others should hear of now instead of in the next round.
    pub(super) announce: bool,
    pub(super) dropped_channels: SlotSet,
}

/// When what was last done.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pub(super) announced_at: u64,
    pub(super) random_ping_at: u64,
    pub(super) swept_at: u64,
    /// The replication offset at the end of the last step.
    pub(super) offset_known: u64,
}

impl Cluster {
    /// A node that never was in a cluster.
    pub fn fresh(settings: Settings, now: u64, rng: &mut fastrand::Rng) -> Self {
        let mut myself = Node::new(NodeId::random(rng), Flags::MYSELF | Flags::PRIMARY, now);
        myself.shard_id = Some(myself.id.derived());
        let mut cluster = Self::with_myself(settings, myself);
        cluster.apply_settings();
        cluster
    }

    pub(super) fn with_myself(settings: Settings, myself: Node) -> Self {
        Self {
            settings,
            nodes: Nodes::new(myself),
            owners: vec![NOBODY; usize::from(SLOTS)].into_boxed_slice(),
            unclaimed: SlotSet::default(),
            migrating: BTreeMap::new(),
            importing: BTreeMap::new(),
            current_epoch: 0,
            last_vote_epoch: 0,
            forgotten: BTreeMap::new(),
            links: BTreeMap::new(),
            next_link: 1,
            health: Health::default(),
            election: Election::default(),
            manual: ManualFailover::default(),
            statistics: Statistics::default(),
            todo: Todo::default(),
            effects: Vec::new(),
            pace: Pace::default(),
        }
    }

    /// This node.
    pub fn myself(&self) -> &Node {
        &self.nodes[MYSELF]
    }

    pub(super) fn myself_mut(&mut self) -> &mut Node {
        &mut self.nodes[MYSELF]
    }

    /// A node by its place.
    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index]
    }

    /// The node of that name.
    pub fn find(&self, id: &NodeId) -> Option<NodeIndex> {
        self.nodes.find(id)
    }

    /// All nodes, in the order of their names.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeIndex, &Node)> {
        self.nodes.iter()
    }

    /// How many nodes are known, this one included.
    pub fn known_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Who serves `slot`.
    pub fn owner(&self, slot: u16) -> Option<NodeIndex> {
        let owner = self.owners.get(usize::from(slot)).copied();
        owner.filter(|owner| *owner != NOBODY)
    }

    /// Whether this node serves `slot` itself.
    pub fn owns(&self, slot: u16) -> bool {
        self.owners.get(usize::from(slot)) == Some(&MYSELF)
    }

    /// Whether this node is a replica.
    pub fn is_replica(&self) -> bool {
        self.myself().is_replica()
    }

    /// This node's primary, where it is a replica and knows it.
    pub fn my_primary(&self) -> Option<&Node> {
        self.myself().replica_of.map(|primary| &self.nodes[primary])
    }

    /// Whether the cluster serves, in this node's view.
    pub fn is_ok(&self) -> bool {
        self.health.ok
    }

    /// Counters for INFO, for the edge to add to.
    pub fn statistics_mut(&mut self) -> &mut Statistics {
        &mut self.statistics
    }

    /// The primary of that node, or itself where it is one.
    pub(super) fn primary_of(&self, node: NodeIndex) -> Option<NodeIndex> {
        if self.nodes[node].is_primary() { Some(node) } else { self.nodes[node].replica_of }
    }

    /// How many votes make a majority.
    pub(super) fn majority(&self) -> usize {
        self.voters() / 2 + 1
    }

    /// How many nodes have a say.
    pub(super) fn voters(&self) -> usize {
        self.nodes.iter().filter(|(_, node)| node.votes()).count()
    }

    pub(super) fn save(&mut self) {
        self.todo.save = true;
    }

    pub(super) fn save_and_sync(&mut self) {
        self.todo.save = true;
        self.todo.sync = true;
    }

    pub(super) fn save_and_update(&mut self) {
        self.todo.save = true;
        self.todo.update_health = true;
    }

    pub(super) fn log(&mut self, level: Level, line: String) {
        self.effects.push(Effect::Log(level, line));
    }

    /// Gives an unserved slot to a node; false if somebody serves it.
    pub(super) fn add_slot(&mut self, slot: u16, node: NodeIndex) -> bool {
        if slot >= SLOTS || self.owner(slot).is_some() {
            return false;
        }
        self.owners[usize::from(slot)] = node;
        if self.nodes[node].slots.is_empty() && self.some_primary_has_replicas() {
            self.nodes[node].flags.set(Flags::MIGRATE_TO);
        }
        self.nodes[node].slots.insert(slot);
        true
    }

    /// Takes a slot from whoever serves it; false if nobody does.
    pub(super) fn remove_slot(&mut self, slot: u16) -> bool {
        let Some(owner) = self.owner(slot) else {
            return false;
        };
        if self.primary_of(MYSELF) == Some(owner) {
            self.todo.dropped_channels.insert(slot);
        }
        self.nodes[owner].slots.remove(slot);
        self.owners[usize::from(slot)] = NOBODY;
        true
    }

    pub(super) fn remove_all_slots_of(&mut self, node: NodeIndex) {
        for slot in self.nodes[node].slots.clone().iter() {
            self.remove_slot(slot);
        }
    }

    fn some_primary_has_replicas(&self) -> bool {
        let mut primaries = self.nodes.iter().filter(|(_, node)| !node.is_replica());
        primaries.any(|(_, node)| !node.replicas.is_empty())
    }

    pub(super) fn close_open_slots(&mut self) {
        self.migrating.clear();
        self.importing.clear();
    }

    pub(super) fn attach_replica(&mut self, primary: NodeIndex, replica: NodeIndex) {
        let node = &mut self.nodes[primary];
        if !node.replicas.contains(&replica) {
            node.replicas.push(replica);
            node.flags.set(Flags::MIGRATE_TO);
        }
    }

    pub(super) fn detach_replica(&mut self, primary: NodeIndex, replica: NodeIndex) {
        let node = &mut self.nodes[primary];
        let before = node.replicas.len();
        node.replicas.retain(|known| *known != replica);
        if node.replicas.is_empty() && before > 0 {
            node.flags.clear(Flags::MIGRATE_TO);
        }
    }

    /// What was thought a replica is a primary.
    pub(super) fn make_primary(&mut self, node: NodeIndex) {
        if self.nodes[node].is_primary() {
            return;
        }
        if let Some(primary) = self.nodes[node].replica_of.take() {
            self.detach_replica(primary, node);
            if node != MYSELF {
                self.nodes[node].flags.set(Flags::MIGRATE_TO);
            }
        }
        let flags = &mut self.nodes[node].flags;
        flags.clear(Flags::REPLICA);
        flags.set(Flags::PRIMARY);
        self.save_and_update();
    }

    /// Removes every trace of a node but its name among those to be kept out.
    pub(super) fn delete_node(&mut self, gone: NodeIndex) {
        if gone == MYSELF {
            return;
        }
        self.remove_all_slots_of(gone);
        self.migrating.retain(|_, node| *node != gone);
        self.importing.retain(|_, node| *node != gone);
        for index in self.nodes.indices() {
            let node = &mut self.nodes[index];
            node.fail_reports.retain(|(reporter, _)| *reporter != gone);
            if node.replica_of == Some(gone) {
                node.replica_of = None;
            }
        }
        if let Some(primary) = self.nodes[gone].replica_of {
            self.detach_replica(primary, gone);
        }
        self.manual.forget(gone);
        self.election.votes.retain(|voter| *voter != gone);
        for link in [self.nodes[gone].link, self.nodes[gone].inbound].into_iter().flatten() {
            self.close_link(link);
        }
        self.nodes.remove(gone);
    }

    /// Takes over what can be set of this node itself.
    pub(super) fn apply_settings(&mut self) {
        let settings = &self.settings;
        let (port, bus_port) = (settings.port, settings.bus_port);
        let (hostname, human_name) = (settings.announce_hostname.clone(), settings.announce_human_name.clone());
        let (ip, no_failover) = (settings.announce_ip.clone(), settings.replica_no_failover);
        let myself = &mut self.nodes[MYSELF];
        let ip = ip.unwrap_or_else(|| myself.ip.clone());
        let mut flags = myself.flags;
        flags.clear(Flags::NO_FAILOVER);
        if no_failover {
            flags.set(Flags::NO_FAILOVER);
        }
        let same = myself.is_at(&ip, port, bus_port) && myself.hostname == hostname && myself.flags == flags;
        (myself.ip, myself.port, myself.bus_port) = (ip, port, bus_port);
        (myself.hostname, myself.human_name, myself.flags) = (hostname, human_name, flags);
        if !same {
            self.save_and_update();
            self.todo.announce = true;
        }
    }

    /// Ends a step: what was left to do is done, and all effects are handed out, nodes.conf first.
    pub(super) fn finish(&mut self, world: &mut World<'_>) -> Vec<Effect> {
        if self.pace.offset_known == 0 && world.replication_offset != 0 && self.is_replica() {
            // From now on CLUSTER SLOTS lists this replica, everywhere.
            self.todo.announce = true;
        }
        self.pace.offset_known = world.replication_offset;
        if std::mem::take(&mut self.todo.failover) && self.is_replica() {
            self.step_manual_failover(world);
            self.step_failover(world);
        }
        if std::mem::take(&mut self.todo.update_health) {
            self.update_health(world.now);
        }
        self.announce_if_due(world);
        if !self.todo.dropped_channels.is_empty() {
            let slots = std::mem::take(&mut self.todo.dropped_channels);
            self.effects.push(Effect::DropShardChannels(slots));
        }
        let mut effects = std::mem::take(&mut self.effects);
        if std::mem::take(&mut self.todo.save) {
            let sync = std::mem::take(&mut self.todo.sync);
            effects.insert(0, Effect::SaveConfig { text: self.nodes_conf(), sync });
        }
        effects
    }
}
