//! Topologies without nodes: a small model of a cluster takes the actions, as real nodes would, and says what is next.

mod stages;

use std::collections::BTreeMap;

use super::*;
use crate::node::wanted::WantedNode;

/// Nodes as they would answer, for one cluster. All know each other's state at once, unless a test says otherwise.
#[derive(Clone, Default)]
struct Model {
    nodes: BTreeMap<String, ModelNode>,
}

#[derive(Clone, Default)]
struct ModelNode {
    /// Members that it knows, besides itself.
    knows: BTreeSet<String>,
    replica_of: Option<String>,
    slots: Vec<SlotRange>,
    epoch: u64,
    silent: bool,
    out_of_step: bool,
    failing: bool,
    /// Open slots in the form of CLUSTER NODES.
    open: String,
}

fn port_of(name: &str) -> u16 {
    name.bytes().fold(1000, |sum, byte| (sum * 31 + u32::from(byte)) % 60_000) as u16 + 1
}

fn address_of(name: &str) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port_of(name)))
}

fn id_of(name: &str) -> String {
    format!("id-{name}")
}

impl Model {
    /// Nodes that know nobody.
    fn fresh(names: &[&str]) -> Model {
        Model { nodes: names.iter().map(|name| ((*name).to_owned(), ModelNode::default())).collect() }
    }

    /// A cluster that is as `wanted` says, the first node of each shard its primary.
    fn formed(wanted: &[WantedShard]) -> Model {
        let mut model = Model::default();
        for (n, shard) in wanted.iter().enumerate() {
            for node in &shard.nodes {
                let is_first = node.id == shard.nodes[0].id;
                let slots = if is_first { shard.slots.clone() } else { Vec::new() };
                let replica_of = (!is_first).then(|| shard.nodes[0].id.clone());
                let node_model = ModelNode { replica_of, slots, epoch: n as u64 + 1, ..ModelNode::default() };
                model.nodes.insert(node.id.clone(), node_model);
            }
        }
        model.introduce_all();
        model
    }

    fn introduce_all(&mut self) {
        let all: BTreeSet<String> = self.nodes.keys().cloned().collect();
        for (name, node) in &mut self.nodes {
            node.knows = all.iter().filter(|other| *other != name).cloned().collect();
        }
    }

    fn with(mut self, name: &str, change: impl FnOnce(&mut ModelNode)) -> Model {
        change(self.nodes.entry(name.to_owned()).or_default());
        self
    }

    fn line(&self, name: &str, viewer: &str) -> String {
        let Some(node) = self.nodes.get(name) else {
            // Known to somebody, but no member any more.
            return format!("{} 127.0.0.1:9@10 slave,fail {} 0 0 0 disconnected\n", id_of(name), id_of("nobody"));
        };
        let myself = if name == viewer { "myself," } else { "" };
        let role = if node.replica_of.is_some() { "slave" } else { "master" };
        let failing = if node.failing && name != viewer { ",fail?" } else { "" };
        let primary = node.replica_of.as_deref().map_or("-".to_owned(), id_of);
        let slots: String = node.slots.iter().map(|range| format!(" {}-{}", range.first, range.last)).collect();
        let open = if name == viewer { node.open.as_str() } else { "" };
        let (id, port) = (id_of(name), port_of(name));
        let epoch = node.epoch;
        format!("{id} 127.0.0.1:{port}@1 {myself}{role}{failing} {primary} 0 0 {epoch} connected{slots}{open}\n")
    }

    fn members(&self) -> Members {
        let mut members = Members::new();
        for (name, node) in &self.nodes {
            let mut text = self.line(name, name);
            text.extend(node.knows.iter().map(|other| self.line(other, name)));
            let said =
                Said { view: View::parse(&text).unwrap(), cluster_ok: true, in_step: !node.out_of_step, offset: 0 };
            let said = (!node.silent).then_some(said);
            let member = Member { node_id: id_of(name), address: address_of(name), bus_port: 1, said };
            members.insert(name.clone(), member);
        }
        members
    }

    fn next(&self, wanted: &[WantedShard]) -> Next {
        next(wanted, &self.members())
    }

    /// Takes actions as real nodes would, until the topology says `Reached`; answers with all that it did.
    fn run(&mut self, wanted: &[WantedShard]) -> Vec<Action> {
        let mut done = Vec::new();
        for _ in 0..20 {
            match self.next(wanted) {
                Next::Reached => return done,
                Next::Wait(reason) => panic!("waits for {reason} after {done:?}"),
                Next::Do(actions) => {
                    assert!(!actions.is_empty());
                    actions.iter().for_each(|action| self.take(action));
                    done.extend(actions);
                }
            }
        }
        panic!("no end after {done:?}")
    }

    fn take(&mut self, action: &Action) {
        match action {
            Action::Forget { at, id } => {
                self.at(at).knows.retain(|other| id_of(other) != *id);
            }
            Action::Claim { at, epoch, slots } => {
                assert!(epoch.is_none() || self.at(at).knows.is_empty(), "only a node alone takes an epoch");
                let node = self.at(at);
                node.epoch = epoch.unwrap_or(node.epoch);
                node.slots = SlotSet::from_ranges(&[node.slots.clone(), slots.clone()].concat()).ranges();
            }
            // Gossip does the rest.
            Action::Meet { at, address, .. } => {
                let met = self.nodes.keys().find(|name| address_of(name) == *address).unwrap().clone();
                let mut group: BTreeSet<String> =
                    self.nodes[at].knows.union(&self.nodes[&met].knows).cloned().collect();
                group.extend([at.clone(), met]);
                for name in &group {
                    let others = group.iter().filter(|other| *other != name).cloned();
                    self.nodes.get_mut(name).into_iter().for_each(|node| node.knows.extend(others.clone()));
                }
            }
            Action::Replicate { at, of } => {
                assert!(self.nodes[at].slots.is_empty(), "{at} has slots");
                let primary = self.nodes[at].knows.iter().find(|name| id_of(name) == *of).expect("known").clone();
                assert!(self.nodes[&primary].replica_of.is_none(), "{primary} is a replica");
                self.at(at).replica_of = Some(primary);
            }
            Action::Failover { at } => {
                let old = self.nodes[at].replica_of.clone().expect("a replica");
                let slots = std::mem::take(&mut self.at(&old).slots);
                let epoch = self.nodes.values().map(|node| node.epoch).max().unwrap() + 1;
                for node in self.nodes.values_mut().filter(|node| node.replica_of.as_ref() == Some(&old)) {
                    node.replica_of = Some(at.clone());
                }
                self.at(&old).replica_of = Some(at.clone());
                let node = self.at(at);
                (node.replica_of, node.slots, node.epoch) = (None, slots, epoch);
            }
            Action::Settle { at, .. } => self.at(at).open.clear(),
            Action::MoveSlots { from, to, slots } => {
                assert!(self.nodes[to].replica_of.is_none());
                let moved = SlotSet::from_ranges(slots);
                let mut left = SlotSet::default();
                let old = SlotSet::from_ranges(&self.nodes[from].slots);
                assert_eq!(old.shared(&moved), moved.len(), "{from} has all that it gives");
                old.iter().filter(|slot| !moved.contains(*slot)).for_each(|slot| left.insert(slot));
                self.at(from).slots = left.ranges();
                self.at(from).open.clear();
                let node = self.at(to);
                node.slots = SlotSet::from_ranges(&[node.slots.clone(), slots.clone()].concat()).ranges();
                node.open.clear();
            }
            Action::Remove { member } => {
                assert!(self.nodes[member].slots.is_empty(), "{member} serves slots");
                self.nodes.remove(member);
            }
        }
    }

    fn at(&mut self, name: &str) -> &mut ModelNode {
        self.nodes.get_mut(name).expect("a member")
    }
}

fn range(first: u16, last: u16) -> SlotRange {
    SlotRange { first, last }
}

/// Shards `a`, `b`, …, each with nodes `a0`, `a1`, …, and with an even share of the slots.
fn wanted(shards: u16, nodes: usize) -> Vec<WantedShard> {
    let share = |n: u16| (u32::from(n) * 16384 / u32::from(shards)) as u16;
    (0..shards)
        .map(|n| {
            let letter = char::from(b'a' + n as u8);
            let node = |m| WantedNode { id: format!("{letter}{m}"), zone: "us-east-1a".to_owned() };
            let slots = vec![range(share(n), share(n + 1) - 1)];
            WantedShard { id: format!("{:04}", n + 1), slots, nodes: (0..nodes).map(node).collect(), failover: None }
        })
        .collect()
}

fn kinds(actions: &[Action]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for action in actions {
        let kind = format!("{action:?}").split(' ').next().unwrap_or_default().to_owned();
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}
