//! What has happened to a cluster's nodes: failovers and recoveries, numbered, each noted once.
//!
//! Pure: a value that grows by what the nodes say and by what is done to them. It is remembered across runs of the
//! server, so that whoever tells people of it can go on after the last number that it has told of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::failover::{established, is_back};
use super::topology::Members;
use crate::node::wanted::{Happened, Happening, WantedShard};

/// Happenings that are kept; who tells people of them is never further behind.
const KEPT: usize = 200;

/// What has happened to a cluster's nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chronicle {
    /// The number of the last happening.
    last: u64,
    happenings: Vec<Happening>,
    /// By shard: the primary that was seen last.
    primaries: BTreeMap<String, String>,
    /// Nodes that were lost and are not back yet.
    recovering: BTreeSet<String>,
}

impl Chronicle {
    /// The latest happenings, in order.
    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// Notes who is a primary that was none, and who is back.
    pub fn observe(&mut self, shards: &[WantedShard], members: &Members) {
        self.primaries.retain(|id, _| shards.iter().any(|shard| shard.id == *id));
        self.recovering.retain(|id| shards.iter().flat_map(|shard| &shard.nodes).any(|node| node.id == *id));
        for shard in shards {
            let Some(primary) = established(shard, members) else { continue };
            let before = self.primaries.insert(shard.id.clone(), primary.to_owned());
            // A primary that went with a change that was asked for has not failed.
            let stays = |before: &String| shard.nodes.iter().any(|node| node.id == *before);
            if let Some(from) = before.filter(|before| before != primary && stays(before)) {
                self.note(Happened::FailedOver { from, to: primary.to_owned() });
            }
        }
        for shard in shards {
            let back = |id: &String| shard.nodes.iter().any(|node| node.id == *id) && is_back(shard, id, members);
            for node in self.recovering.iter().filter(|id| back(id)).cloned().collect::<Vec<_>>() {
                self.recovering.remove(&node);
                self.note(Happened::RecoveryEnded { node });
            }
        }
    }

    /// A node that was lost is being started again; noted once until it is back.
    pub fn begins_recovery(&mut self, node: &str) {
        if self.recovering.insert(node.to_owned()) {
            self.note(Happened::RecoveryBegan { node: node.to_owned() });
        }
    }

    fn note(&mut self, what: Happened) {
        self.last += 1;
        self.happenings.push(Happening { number: self.last, what });
        let surplus = self.happenings.len().saturating_sub(KEPT);
        self.happenings.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::super::failover::tests::{members, shard};
    use super::*;

    fn told(chronicle: &Chronicle) -> Vec<String> {
        let words = |happening: &Happening| match &happening.what {
            Happened::FailedOver { from, to } => format!("{} {from} to {to}", happening.number),
            Happened::RecoveryBegan { node } => format!("{} {node} begins", happening.number),
            Happened::RecoveryEnded { node } => format!("{} {node} ends", happening.number),
        };
        chronicle.happenings().iter().map(words).collect()
    }

    #[test]
    fn an_incident_is_noted_once_and_in_order() {
        let mut chronicle = Chronicle::default();
        let mut see = |words: &[&str]| chronicle.observe(&[shard()], &members(words));
        see(&["a a", "b a 1", "c a 1"]);
        see(&["a", "b a", "c a"]);
        see(&["a", "b b", "c b 1"]);
        see(&["a", "b b", "c b 1"]);
        chronicle.begins_recovery("a");
        chronicle.begins_recovery("a");
        for words in [["a b", "b b", "c b 1"], ["a b 1", "b b", "c b 1"], ["a b 1", "b b", "c b 1"]] {
            chronicle.observe(&[shard()], &members(&words));
        }
        assert_eq!(told(&chronicle), ["1 a to b", "2 a begins", "3 a ends"]);
    }

    #[test]
    fn two_that_claim_the_same_are_no_failover() {
        let mut chronicle = Chronicle::default();
        for words in [["a", "b b", "c b 1"], ["a a", "b b", "c b 1"], ["a b 1", "b b", "c b 1"]] {
            chronicle.observe(&[shard()], &members(&words));
        }
        assert!(told(&chronicle).is_empty());
    }

    #[test]
    fn a_primary_that_goes_with_a_change_has_not_failed() {
        let mut chronicle = Chronicle::default();
        chronicle.observe(&[shard()], &members(&["a a", "b a 1", "c a 1"]));
        let mut fewer = shard();
        fewer.nodes.remove(0);
        chronicle.begins_recovery("a");
        chronicle.observe(&[fewer], &members(&["b b", "c b 1"]));
        assert_eq!(told(&chronicle), ["1 a begins"]);
    }

    #[test]
    fn the_oldest_are_forgotten_and_numbers_go_on() {
        let mut chronicle = Chronicle::default();
        for _ in 0..KEPT {
            chronicle.begins_recovery("a");
            chronicle.observe(&[shard()], &members(&["a b 1", "b b", "c b 1"]));
        }
        let numbers = [chronicle.happenings.first(), chronicle.happenings.last()].map(|one| one.unwrap().number);
        assert_eq!((numbers, chronicle.happenings.len()), ([KEPT as u64 + 1, 2 * KEPT as u64], KEPT));
    }
}
