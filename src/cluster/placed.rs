//! What a look has seen, put in its places: which node is which member of which shard, who is primary, and what most
//! nodes agree on. Pure.

use std::collections::BTreeMap;

use super::look::{NodeAnswer, NodeSeen, Seen};
use super::slots::Slots;
use super::topology::{NodeHealth, NodeView, Role, View};
use crate::observed::{LiveNodeGroup, LiveReplicationGroup};

/// The nodes in their shards.
#[derive(Clone, Debug, Default)]
pub struct Placed<'a> {
    /// The shards as the cloud tells them.
    pub shards: &'a [LiveNodeGroup],
    /// The nodes that were asked.
    pub nodes: Vec<Node<'a>>,
    /// How most nodes that answer see the cluster; `None`: nobody answers.
    pub view: Option<&'a View>,
}

/// A node that was asked.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// What was seen of it.
    pub seen: &'a NodeSeen,
    /// Its shard, where that can be told.
    pub shard: Option<&'a LiveNodeGroup>,
    /// How it is seen: by itself where it answers, else by most others.
    pub view: Option<&'a NodeView>,
}

impl<'a> Node<'a> {
    /// Its member cluster id, or its endpoint where no member is known.
    pub fn label(&self) -> String {
        self.seen.member.clone().unwrap_or_else(|| self.seen.endpoint.to_string())
    }

    /// What it answered.
    pub fn answer(&self) -> Option<&'a NodeAnswer> {
        self.seen.answer.as_ref().ok()
    }

    /// Whether it answers, and serves slots as a primary.
    pub fn is_primary(&self) -> bool {
        self.answer().is_some() && self.view.is_some_and(|view| view.role == Role::Primary && !view.slots.is_empty())
    }

    /// The node id of the primary that it follows.
    pub fn follows(&self) -> Option<&'a str> {
        match &self.view?.role {
            Role::Replica { of } => Some(of),
            Role::Primary => None,
        }
    }

    /// Whether it answers, follows a primary, and has a link to it.
    pub fn is_linked_replica(&self) -> bool {
        self.follows().is_some() && self.answer().is_some_and(|answer| answer.info.is_linked() == Some(true))
    }
}

impl<'a> Placed<'a> {
    /// Puts the nodes that were seen into the shards that the cloud tells.
    pub fn new(group: Option<&'a LiveReplicationGroup>, seen: Option<&'a Seen>) -> Self {
        let all = seen.map_or(&[][..], |seen| &seen.nodes);
        let view = agreed(all);
        let shards = group.map_or(&[][..], |group| &group.node_groups);
        let nodes = all.iter().map(|seen| {
            let own = seen.answer.as_ref().ok().and_then(|answer| answer.view.myself());
            let node_view = own.or_else(|| view?.at(&seen.endpoint));
            let shard = match &seen.member {
                Some(member) => shards.iter().find(|shard| shard.zones.contains_key(member)),
                None => node_view.and_then(|node| shard_by_slots(node, view?, shards)),
            };
            Node { seen, shard, view: node_view }
        });
        Placed { shards, nodes: nodes.collect(), view }
    }

    /// The nodes of a shard.
    pub fn nodes_of(&self, shard: &LiveNodeGroup) -> impl Iterator<Item = &Node<'a>> {
        let id = shard.id.clone();
        self.nodes.iter().filter(move |node| node.shard.is_some_and(|shard| shard.id == id))
    }

    /// The nodes that answer, with their answers.
    pub fn answering(&self) -> impl Iterator<Item = (&Node<'a>, &'a NodeAnswer)> {
        self.nodes.iter().filter_map(|node| Some((node, node.answer()?)))
    }

    /// The label of the node with this id in the cluster.
    pub fn label_of(&self, id: &str) -> String {
        let known = self.nodes.iter().find(|node| node.view.is_some_and(|view| view.id == id));
        let endpoint = || Some(self.view?.get(id)?.endpoint.as_ref()?.to_string());
        known.map(Node::label).or_else(endpoint).unwrap_or_else(|| id.to_owned())
    }

    /// Bytes of replication that a replica is behind its primary, where both tell.
    pub fn lag_bytes(&self, node: &Node) -> Option<u64> {
        let follows = node.follows()?;
        let is_primary = |other: &&Node| other.view.is_some_and(|view| view.id == follows);
        let sent = self.nodes.iter().find(is_primary)?.answer()?.info.offset()?;
        // The two were not asked at the same moment: the replica may be ahead of what its primary said.
        Some(sent.saturating_sub(node.answer()?.info.offset()?))
    }
}

/// What nodes have to agree on: who is there, in which role, with which slots. Nodes without an address are those that
/// are forgotten soon.
pub(super) fn picture(view: &View) -> BTreeMap<&str, (&Role, &Slots)> {
    let known = view.nodes.iter().filter(|node| node.health != NodeHealth::Unknown);
    known.map(|node| (node.id.as_str(), (&node.role, &node.slots))).collect()
}

/// The view that most nodes share; of several the first.
fn agreed(nodes: &[NodeSeen]) -> Option<&View> {
    let views: Vec<&View> = nodes.iter().filter_map(|node| Some(&node.answer.as_ref().ok()?.view)).collect();
    let pictures: Vec<_> = views.iter().map(|view| picture(view)).collect();
    let shared = |index: &usize| pictures.iter().filter(|other| **other == pictures[*index]).count();
    let best = (0..views.len()).rev().max_by_key(shared)?;
    Some(views[best])
}

/// The shard whose slots the node, or the primary that it follows, serves.
fn shard_by_slots<'a>(node: &NodeView, view: &View, shards: &'a [LiveNodeGroup]) -> Option<&'a LiveNodeGroup> {
    let primary = match &node.role {
        Role::Primary => node,
        Role::Replica { of } => view.get(of)?,
    };
    let slot = primary.slots.first()?;
    shards.iter().find(|shard| shard.slots.as_deref().is_some_and(|slots| Slots::parse(slots).contains(slot)))
}
