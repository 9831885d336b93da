//! What was gathered, with what is planned. Pure.

use std::ops::Deref;

use super::{Expected, ExpectedShard, Facts};
use crate::cluster::look::Seen;
use crate::cluster::placed::Placed;
use crate::cluster::probe::Probe;
use crate::observed::{Live, LiveNodeGroup, LiveReplicationGroup};

/// All that the checks look at.
pub(super) struct Situation<'a> {
    pub(super) live: &'a Live,
    pub(super) expected: &'a Expected,
    pub(super) seen: Result<&'a Seen, &'a str>,
    pub(super) probes: &'a [Probe],
    placed: Placed<'a>,
}

impl<'a> Deref for Situation<'a> {
    type Target = Placed<'a>;

    fn deref(&self) -> &Placed<'a> {
        &self.placed
    }
}

impl<'a> Situation<'a> {
    pub(super) fn new(facts: &Facts<'a>) -> Self {
        let Facts { live, expected, seen, probes } = *facts;
        let placed = Placed::new(live.replication_group.as_ref(), seen.ok());
        Situation { live, expected, seen, probes, placed }
    }

    /// The live group.
    pub(super) fn group(&self) -> Option<&'a LiveReplicationGroup> {
        self.live.replication_group.as_ref()
    }

    /// What is planned of a live shard: by its id, else by its place among the shards, because AWS chooses ids too.
    pub(super) fn expected_of(&self, shard: &LiveNodeGroup) -> Option<&'a ExpectedShard> {
        let planned = &self.expected.shards;
        let same_id = planned.iter().find(|other| other.id == shard.id);
        same_id.or_else(|| planned.get(self.shards.iter().position(|other| other.id == shard.id)?))
    }
}
