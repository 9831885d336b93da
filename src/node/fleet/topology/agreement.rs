//! Whether every node sees the cluster as it is wanted: the last question before a generation counts as reached.
//!
//! Pure, as the whole of this module. It only looks; what could be done about a difference is for the stages before.

use super::super::slot_set::SlotSet;
use super::{Said, Seen, Situation};
use crate::node::wanted::{SlotRange, WantedShard};

/// The first difference between what is wanted and what some node sees, in words for people.
pub(super) fn disagreement(situation: &Situation) -> Option<String> {
    let slots: Vec<_> = situation.wanted.iter().map(|shard| SlotSet::from_ranges(&shard.slots).ranges()).collect();
    for viewer in situation.staying.iter().copied() {
        let Some(said) = situation.said(viewer) else {
            return Some(format!("node {viewer} does not answer yet"));
        };
        let shards = situation.wanted.iter().zip(&situation.primaries).zip(&slots);
        for ((shard, primary), slots) in shards {
            let Some(primary) = *primary else { continue };
            if let Some(reason) = shard_differs(situation, said, shard, primary, slots) {
                return Some(format!("in the view of {viewer}, {reason}"));
            }
        }
        if !said.cluster_ok {
            return Some(format!("{viewer} does not take the cluster for working yet"));
        }
        let is_replica = said.view.myself().is_some_and(|me| !me.primary);
        if is_replica && !said.in_step {
            return Some(format!("replica {viewer} is not in step with its primary yet"));
        }
    }
    None
}

fn shard_differs(
    situation: &Situation,
    said: &Said,
    shard: &WantedShard,
    primary: &str,
    slots: &[SlotRange],
) -> Option<String> {
    let primary_id = situation.members[primary].node_id.as_str();
    for node in &shard.nodes {
        let id = situation.members.get(&node.id)?.node_id.as_str();
        let Some(seen) = said.view.get(id) else {
            return Some(format!("{} is not known yet", node.id));
        };
        if let Some(reason) = node_differs(seen, (id != primary_id).then_some(primary_id), slots) {
            return Some(format!("{} {reason}", node.id));
        }
    }
    None
}

fn node_differs(seen: &Seen, primary: Option<&str>, slots: &[SlotRange]) -> Option<&'static str> {
    match primary {
        _ if seen.failing => Some("is failing"),
        _ if !seen.linked && !seen.myself => Some("is not linked yet"),
        None if !seen.primary => Some("is not a primary yet"),
        None if seen.slots != slots => Some("does not serve its slots yet"),
        Some(_) if seen.replica_of.as_deref() != primary => Some("does not follow its primary yet"),
        _ => None,
    }
}
