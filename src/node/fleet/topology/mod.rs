//! What to do next so that a cluster becomes what is wanted: a function from the wanted shards and from what every
//! node says to a list of actions, until nothing is left to do.
//!
//! Pure: no connections, no processes, no clock. It remembers nothing either: killed at any moment and asked again, it
//! goes on from what the nodes say. The stages follow one another in [`next`]; a later one can rely on the earlier ones.

mod agreement;
mod moves;
mod view;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

pub use view::{NodeId, OpenSlot, Seen, View};

use super::slot_set::{SLOT_COUNT, SlotSet};
use crate::node::wanted::{SlotRange, WantedShard};

/// A cache node that the fleet runs, wanted or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id in the cluster.
    pub node_id: NodeId,
    /// Where it answers clients.
    pub address: SocketAddr,
    /// TCP port of its cluster bus, at the same IP address.
    pub bus_port: u16,
    /// What it said last; `None` if it doesn't answer.
    pub said: Option<Said>,
}

/// What one node says about the cluster and itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its view of all nodes.
    pub view: View,
    /// Whether it takes the cluster as a whole for working (`cluster_state:ok`).
    pub cluster_ok: bool,
    /// For a replica: whether it is in step with its primary (`master_link_status:up`).
    pub in_step: bool,
    /// Bytes of the replication stream that it has, as an order among a shard's replicas.
    pub offset: u64,
}

/// All members by member cluster id, such as `day19-0001-002`.
pub type Members = BTreeMap<String, Member>;

/// One thing to do. Nodes are named by member cluster id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make `at` forget the node with this id, which is no member any more.
    Forget { at: String, id: NodeId },
    /// Let a primary serve slots that nobody serves; a node that is alone takes the epoch first.
    Claim { at: String, epoch: Option<u64>, slots: Vec<SlotRange> },
    /// Let `at` greet whoever answers at `address`.
    Meet { at: String, address: SocketAddr, bus_port: u16 },
    /// Make `at` a replica of `of`.
    Replicate { at: String, of: NodeId },
    /// Let the replica `at` take over from its primary, in agreement with it.
    Failover { at: String },
    /// Take back a slot's half-done move that leads nowhere.
    Settle { at: String, slot: u16 },
    /// Move slots with their keys.
    MoveSlots { from: String, to: String, slots: Vec<SlotRange> },
    /// End the process of a member that serves nothing any more, and remove its files.
    Remove { member: String },
}

/// What follows from what the nodes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Do these, in this order (those of one kind may be done side by side), then ask again.
    Do(Vec<Action>),
    /// Nothing to do but to wait until the nodes agree; in words for people.
    Wait(String),
    /// All is as it is wanted, in every node's view.
    Reached,
}

/// What to do next so that `members` become the cluster that is wanted.
pub fn next(wanted: &[WantedShard], members: &Members) -> Next {
    let situation = Situation::new(wanted, members);
    if let Some(reason) = situation.silent_member() {
        return Next::Wait(reason);
    }
    // Who is to be forgotten hinders nobody: a refusal (such as of a replica, for its own primary) must not hold up
    // what will make it possible.
    let mut actions = situation.forgets();
    let stages: [fn(&Situation) -> Stage; 6] = [
        |situation| situation.claims_to_make(),
        |situation| situation.meetings(),
        |situation| situation.replicas_to_attach(),
        moves::failovers,
        moves::moves,
        moves::removals,
    ];
    for stage in stages {
        match stage(&situation) {
            Stage::Done => {}
            Stage::Do(found) => {
                actions.extend(found);
                return Next::Do(actions);
            }
            Stage::Wait(reason) if actions.is_empty() => return Next::Wait(reason),
            Stage::Wait(_) => return Next::Do(actions),
        }
    }
    if !actions.is_empty() {
        return Next::Do(actions);
    }
    match agreement::disagreement(&situation) {
        Some(reason) => Next::Wait(reason),
        None => Next::Reached,
    }
}

/// What one stage found.
pub(super) enum Stage {
    /// Nothing is left of it.
    Done,
    /// These, and no later stage yet.
    Do(Vec<Action>),
    /// Nothing now, and no later stage yet.
    Wait(String),
}

impl Stage {
    fn of(actions: Vec<Action>) -> Stage {
        if actions.is_empty() { Stage::Done } else { Stage::Do(actions) }
    }
}

/// The wanted shards and the members, with what follows from both at once.
struct Situation<'a> {
    wanted: &'a [WantedShard],
    members: &'a Members,
    /// Member cluster ids that are wanted.
    staying: BTreeSet<&'a str>,
    /// By slot: the member that serves it, by its own word.
    owners: Vec<Option<&'a str>>,
    /// The same by member; without those that serve nothing.
    owned: BTreeMap<&'a str, SlotSet>,
    /// By shard, in the wanted order: the member that is its primary, or is to become it.
    primaries: Vec<Option<&'a str>>,
}

impl<'a> Situation<'a> {
    fn new(wanted: &'a [WantedShard], members: &'a Members) -> Self {
        let staying = wanted.iter().flat_map(|shard| &shard.nodes).map(|node| node.id.as_str()).collect();
        let owners = owners(members);
        let mut owned: BTreeMap<&str, SlotSet> = BTreeMap::new();
        let mut slot = 0;
        for run in owners.chunk_by(|a, b| a == b) {
            let end = slot + run.len() as u16;
            if let Some(owner) = run[0] {
                (slot..end).for_each(|slot| owned.entry(owner).or_default().insert(slot));
            }
            slot = end;
        }
        let mut situation = Situation { wanted, members, staying, owners, owned, primaries: Vec::new() };
        situation.primaries = wanted.iter().map(|shard| situation.primary_of(shard)).collect();
        situation
    }

    fn said(&self, member: &str) -> Option<&'a Said> {
        self.members.get(member)?.said.as_ref()
    }

    fn own_line(&self, member: &str) -> Option<&'a Seen> {
        self.said(member)?.view.myself()
    }

    /// The members that answer, each with what it says.
    fn speakers(&self) -> impl Iterator<Item = (&'a str, &'a Member, &'a Said)> + use<'a> {
        let members = self.members.iter();
        members.filter_map(|(name, member)| Some((name.as_str(), member, member.said.as_ref()?)))
    }

    fn name_of(&self, id: &str) -> Option<&'a str> {
        self.members.iter().find(|(_, member)| member.node_id == id).map(|(name, _)| name.as_str())
    }

    fn owns_any(&self, member: &str) -> bool {
        self.owned.contains_key(member)
    }

    fn silent_member(&self) -> Option<String> {
        let silent_wanted = self.staying.iter().find(|member| self.said(member).is_none());
        let silent_leaving = || {
            let mut leaving = self.members.iter().filter(|(name, _)| !self.staying.contains(name.as_str()));
            // A leaving node that is gone already, and that nobody takes for a primary with slots, needs no words.
            leaving.find(|(_, member)| member.said.is_none() && self.is_needed(member)).map(|(name, _)| name.as_str())
        };
        let silent = silent_wanted.copied().or_else(silent_leaving)?;
        Some(format!("node {silent} does not answer yet"))
    }

    fn is_needed(&self, member: &Member) -> bool {
        self.speakers().any(|(_, _, said)| said.view.get(&member.node_id).is_some_and(|seen| !seen.slots.is_empty()))
    }

    fn forgets(&self) -> Vec<Action> {
        let known: BTreeSet<&str> = self.members.values().map(|member| member.node_id.as_str()).collect();
        let mut forgets = Vec::new();
        for (at, _, said) in self.speakers() {
            let own_primary = said.view.myself().and_then(|me| me.replica_of.as_deref());
            // A node in handshake has a made-up id, and goes away by itself.
            let strangers = said.view.nodes.iter().filter(|seen| !seen.handshake && !seen.myself);
            for stranger in strangers.filter(|seen| !known.contains(seen.id.as_str())) {
                if own_primary != Some(stranger.id.as_str()) {
                    forgets.push(Action::Forget { at: at.to_owned(), id: stranger.id.clone() });
                }
            }
        }
        forgets
    }

    fn claims_to_make(&self) -> Stage {
        let mut claims = Vec::new();
        for (shard, primary) in self.wanted.iter().zip(&self.primaries) {
            let mut free = SlotSet::default();
            let wanted = SlotSet::from_ranges(&shard.slots);
            wanted.iter().filter(|slot| self.owners[usize::from(*slot)].is_none()).for_each(|slot| free.insert(slot));
            let Some(primary) = primary.filter(|_| !free.is_empty()) else {
                continue;
            };
            let epoch = self.first_epoch(primary, claims.len() as u64);
            claims.push(Action::Claim { at: primary.to_owned(), epoch, slots: free.ranges() });
        }
        Stage::of(claims)
    }

    /// Primaries with an epoch each from the start need no votes to settle whose is whose. Only a node that knows no
    /// other can be given one.
    fn first_epoch(&self, member: &str, earlier_claims: u64) -> Option<u64> {
        let view = &self.said(member)?.view;
        let highest = self.speakers().filter_map(|(_, _, said)| said.view.myself()).map(|me| me.epoch).max();
        let fresh = view.nodes.len() == 1 && view.myself().is_some_and(|me| me.epoch == 0);
        fresh.then(|| highest.unwrap_or(0) + 1 + earlier_claims)
    }

    /// One node greets all the others, and gossip does the rest: a full mesh of greetings is slower.
    fn meetings(&self) -> Stage {
        let knows = |member: &&str| self.said(member).map_or(0, |said| said.view.nodes.len());
        let Some(hub) = self.primaries.iter().flatten().copied().rev().max_by_key(knows) else {
            return Stage::Done;
        };
        let Some(hub_view) = self.said(hub).map(|said| &said.view) else {
            return Stage::Done;
        };
        let mut meetings = Vec::new();
        let mut greeting = None;
        for (name, member, said) in self.speakers().filter(|(name, ..)| self.staying.contains(name) && *name != hub) {
            let hub_member = &self.members[hub];
            if hub_view.get(&member.node_id).is_none() {
                greeting = Some(name);
                if !hub_view.greets(member.address) {
                    meetings.push(meet(hub, member));
                }
            } else if said.view.get(&hub_member.node_id).is_none() {
                greeting = Some(name);
                if !said.view.greets(hub_member.address) {
                    meetings.push(meet(name, hub_member));
                }
            }
        }
        match greeting {
            Some(name) if meetings.is_empty() => Stage::Wait(format!("node {name} is being greeted")),
            _ => Stage::of(meetings),
        }
    }

    fn replicas_to_attach(&self) -> Stage {
        let (mut attach, mut unknown) = (Vec::new(), None);
        for (shard, primary) in self.wanted.iter().zip(&self.primaries) {
            let Some(primary) = *primary else { continue };
            let primary_id = &self.members[primary].node_id;
            for node in shard.nodes.iter().filter(|node| node.id != primary) {
                let Some(said) = self.said(&node.id) else { continue };
                let follows = said.view.myself().and_then(|me| me.replica_of.as_ref());
                if follows == Some(primary_id) || self.owns_any(&node.id) {
                    continue;
                }
                // Only a primary can be followed; one that has just lost its role shows the new one in a moment.
                match said.view.get(primary_id) {
                    Some(seen) if seen.primary => {
                        attach.push(Action::Replicate { at: node.id.clone(), of: primary_id.clone() })
                    }
                    _ => unknown = Some(node.id.as_str()),
                }
            }
        }
        match unknown {
            Some(name) if attach.is_empty() => Stage::Wait(format!("node {name} does not know its primary yet")),
            _ => Stage::of(attach),
        }
    }

    /// A shard's primary: who serves most of its slots, among the wanted ones; then a leaving node that wanted ones
    /// still follow; then (a shard without slots yet) whom others follow; then the first.
    fn primary_of(&self, shard: &'a WantedShard) -> Option<&'a str> {
        let names = || shard.nodes.iter().map(|node| node.id.as_str());
        let wanted = SlotSet::from_ranges(&shard.slots);
        // A shard that is new must not take a leaving or a foreign node for its own; hence only its own nodes count.
        let serving = names().filter_map(|name| Some((name, self.owned.get(name)?))).rev();
        let serving = serving.max_by_key(|(_, owned)| (owned.shared(&wanted), owned.len())).map(|(name, _)| name);
        let followed = || names().find_map(|name| self.own_line(name)?.replica_of.as_deref());
        let followed = || followed().and_then(|id| self.name_of(id));
        let leaving = || followed().filter(|name| !self.staying.contains(name) && self.owns_any(name));
        let inner = || followed().filter(|name| shard.nodes.iter().any(|node| node.id == *name));
        let is_primary = |name: &&str| self.own_line(name).is_some_and(|me| me.primary);
        serving.or_else(leaving).or_else(inner).or_else(|| names().find(is_primary)).or_else(|| names().next())
    }
}

fn meet(at: &str, whom: &Member) -> Action {
    Action::Meet { at: at.to_owned(), address: whom.address, bus_port: whom.bus_port }
}

/// Who serves which slot. Each node is asked about itself only, as others may be behind; where two claim the same slot
/// the higher epoch wins, as it will among the nodes. A slot that only a silent node serves, in the view of others,
/// has that owner.
fn owners(members: &Members) -> Vec<Option<&str>> {
    let mut owners: Vec<Option<(&str, u64)>> = vec![None; usize::from(SLOT_COUNT)];
    let mut claim = |name, seen: &Seen| {
        for slot in seen.slots.iter().flat_map(|range| range.first..=range.last) {
            let Some(owner) = owners.get_mut(usize::from(slot)) else {
                continue;
            };
            if owner.is_none_or(|(_, epoch)| epoch < seen.epoch) {
                *owner = Some((name, seen.epoch));
            }
        }
    };
    let said = |name| members.get(name).and_then(|member: &Member| member.said.as_ref());
    for name in members.keys() {
        let Some(me) = said(name).and_then(|said: &Said| said.view.myself()) else {
            continue;
        };
        claim(name.as_str(), me);
    }
    for (name, silent) in members.iter().filter(|(_, member)| member.said.is_none()) {
        let seen = members.values().filter_map(|member| member.said.as_ref()?.view.get(&silent.node_id));
        seen.for_each(|seen| claim(name.as_str(), seen));
    }
    owners.into_iter().map(|owner| owner.map(|(name, _)| name)).collect()
}
