//! What a failover drill has found, as values: the one thing that the text, the JSON and the page are made of. Pure.
//!
//! Moments are milliseconds since the drill began (its `began_ms` is since 1970), durations are milliseconds too unless
//! their name says otherwise.

use std::collections::BTreeMap;

use serde::Serialize;

/// The note of a drill whose writes could not be read back: then nothing is known of lost ones.
pub const NOT_READ_BACK: &str =
    "what was written can't be read back, so whether acknowledged writes are lost is not known";

/// A whole drill: one shard after another.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DrillReport {
    /// The stack's name.
    pub stack: String,
    /// AWS region.
    pub region: String,
    /// Engine and version as the nodes say it, such as `redis 7.0.15`.
    pub engine: String,
    /// Shards of the cluster.
    pub shards: usize,
    /// Replicas of each shard.
    pub replicas_per_shard: usize,
    /// When it began, in milliseconds since 1970 (UTC).
    pub began_ms: u64,
    /// How long all of it took.
    pub took_ms: u64,
    /// What each shard's failover showed, in the order in which they were made.
    pub drills: Vec<ShardDrill>,
}

/// One shard's failover.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ShardDrill {
    /// Node group id, four digits.
    pub shard: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who was primary.
    pub primary_before: Node,
    /// Who is now; `None`: nobody was seen.
    pub primary_after: Option<Node>,
    /// From which moment on it was watched, before anything was done.
    pub watched_from_ms: u64,
    /// When TestFailover was answered.
    pub called_ms: u64,
    /// When another node was first seen as the primary.
    pub promoted_ms: Option<u64>,
    /// When the old primary was back as a linked replica and the counts were whole again.
    pub restored_ms: Option<u64>,
    /// When watching ended.
    pub ended_ms: u64,
    /// Writes to this shard.
    pub writes: Traffic,
    /// Reads from this shard.
    pub reads: Traffic,
    /// Another shard, that should have felt nothing; `None` where there is only one.
    pub bystander: Option<Bystander>,
    /// Writes that were acknowledged and are gone.
    pub lost: Vec<LostWrite>,
    /// Roles of this shard's nodes, from the first look on, each time one changed.
    pub roles: Vec<RoleChange>,
    /// What AWS told, in the order of its time.
    pub events: Vec<DrillEvent>,
    /// What else there is to know, in words for people.
    pub notes: Vec<String>,
}

/// How one shard's failover ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Another node is primary, and the shard is at full strength.
    Restored,
    /// Another node is primary, and the shard is not at full strength yet.
    NotRestored,
    /// Nobody else became primary.
    #[default]
    NotFailedOver,
    /// It was left: interrupted, or out of time.
    Left,
}

/// A cache node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Member cluster id, such as `day19-0001-001`; empty where it is not known.
    pub member: String,
    /// `host:port`.
    pub endpoint: String,
    /// Availability zone; empty where it is not known.
    pub zone: String,
}

/// Another shard, watched at the same time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Bystander {
    /// Node group id, four digits.
    pub shard: String,
    /// Writes to it.
    pub writes: Traffic,
    /// Reads from it.
    pub reads: Traffic,
}

/// What one stream of requests met.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Requests that were answered as they should be.
    pub succeeded: u64,
    /// Requests that were not.
    pub failed: u64,
    /// Median time of an answer in microseconds; `None`: there was none.
    pub median_us: Option<u64>,
    /// 99th percentile in microseconds.
    pub p99_us: Option<u64>,
    /// When nothing succeeded: from the end of the last request that did (or the begin of the first) to the end of the
    /// next that did, where a request failed between them.
    pub outages: Vec<Outage>,
    /// What a client saw instead of an answer, and how often: `MOVED`, `CLUSTERDOWN`, `connection refused`, `no answer`.
    pub errors: BTreeMap<String, u64>,
    /// Width of a bucket below.
    pub bucket_ms: u64,
    /// Requests over time, buckets without any left out.
    pub buckets: Vec<Bucket>,
}

/// A time in which nothing succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// When it began.
    pub from_ms: u64,
    /// When it ended; for one that had not ended, when watching did.
    pub to_ms: u64,
}

/// Requests that ended within one bucket of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Its begin.
    pub at_ms: u64,
    /// How many succeeded.
    pub succeeded: u32,
    /// How many failed.
    pub failed: u32,
    /// The slowest answer, in microseconds.
    pub slowest_us: u64,
}

/// A write that was acknowledged and is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LostWrite {
    /// Its key.
    pub key: String,
    /// Its number in the order of writing, from 1.
    pub number: u64,
    /// When it was acknowledged.
    pub acknowledged_ms: u64,
}

/// A node's role, from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleChange {
    /// From when on.
    pub at_ms: u64,
    /// Which node.
    pub node: Node,
    /// What it was then.
    pub role: SeenRole,
}

/// What a node was seen as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenRole {
    /// It takes writes.
    Primary,
    /// It follows, and its link is up.
    Replica,
    /// It is there, and follows nobody yet or has no data yet.
    Syncing,
    /// It doesn't answer.
    Down,
}

/// What AWS told of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DrillEvent {
    /// When, by AWS's clock, against this machine's clock at the begin; negative: before it began.
    pub at_ms: i64,
    /// `replication-group` or `cache-cluster`.
    pub source_type: String,
    /// Whose.
    pub source: String,
    /// The words.
    pub message: String,
}

impl Node {
    /// How people tell it from others: its member id, or where it answers.
    pub fn name(&self) -> &str {
        if self.member.is_empty() { &self.endpoint } else { &self.member }
    }
}

impl SeenRole {
    /// The role in words.
    pub fn text(self) -> &'static str {
        match self {
            SeenRole::Primary => "primary",
            SeenRole::Replica => "a linked replica",
            SeenRole::Syncing => "not in sync yet",
            SeenRole::Down => "down",
        }
    }
}

impl Outage {
    /// How long it was.
    pub fn length_ms(&self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms)
    }
}

impl Traffic {
    /// The longest time in which nothing succeeded; 0 where there was none.
    pub fn longest_outage_ms(&self) -> u64 {
        self.outages.iter().map(Outage::length_ms).max().unwrap_or(0)
    }

    /// All such times together.
    pub fn unavailable_ms(&self) -> u64 {
        self.outages.iter().map(Outage::length_ms).sum()
    }
}

impl ShardDrill {
    /// Whether what was written could be read back, so that `lost` is all that is lost.
    pub fn is_read_back(&self) -> bool {
        !self.notes.iter().any(|note| note == NOT_READ_BACK)
    }

    /// From the call until the shard was at full strength again.
    pub fn restoration_ms(&self) -> Option<u64> {
        Some(self.restored_ms?.saturating_sub(self.called_ms))
    }
}

impl DrillReport {
    /// The longest time for which writes to, or reads from, a shard that was failed over did not succeed.
    pub fn worst_outage_ms(&self) -> u64 {
        let of = |drill: &ShardDrill| drill.writes.longest_outage_ms().max(drill.reads.longest_outage_ms());
        self.drills.iter().map(of).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outage_is_of_writes_or_reads() {
        let outage = |from_ms, to_ms| Traffic { outages: vec![Outage { from_ms, to_ms }], ..Traffic::default() };
        let drill = |writes, reads| ShardDrill { writes, reads, ..ShardDrill::default() };
        let drills = vec![drill(outage(10, 30), outage(0, 5)), drill(outage(100, 110), outage(100, 140))];
        assert_eq!(DrillReport { drills, ..DrillReport::default() }.worst_outage_ms(), 40);
    }
}
