//! The seam between the control side and the fleet: which cluster nodes are wanted, and which there are.
//!
//! Values only. The control side (pure, with the clock as an argument) makes [`Wanted`] from its state; the fleet
//! reconciles processes against it and answers with a [`FleetReport`]. Neither calls the other.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Which replication group of which region: its id alone is unique only within one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterKey {
    /// AWS region, such as `us-east-1`.
    pub region: String,
    /// Replication group id, in lower case as ElastiCache stores it.
    pub replication_group_id: String,
}

/// Everything that the fleet is to keep running, and nothing else: a cluster that is not here any more is ended, and
/// its files are removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Clusters by their key.
    pub clusters: BTreeMap<ClusterKey, WantedCluster>,
    /// Snapshots by their key: those that are to be taken, and those that are to be kept. The files of any other are
    /// removed.
    pub snapshots: BTreeMap<SnapshotKey, WantedSnapshot>,
}

/// Which snapshot of which region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotKey {
    /// AWS region, such as `us-east-1`.
    pub region: String,
    /// Its name, in lower case as ElastiCache stores it.
    pub name: String,
}

/// A snapshot: one file of data for each shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSnapshot {
    /// Another value for the same key is another snapshot.
    pub created: u64,
    /// Whether it is whole already: then its files are kept, and never taken again.
    pub is_taken: bool,
    /// The snapshot of the same region that it is a copy of, if it is one.
    pub copy_of: Option<WantedData>,
    /// The cluster that it is taken of, which may be gone once it is whole.
    pub cluster: ClusterKey,
    /// Member cluster ids of each shard, by the shard's id.
    pub shards: BTreeMap<String, Vec<String>>,
}

/// The data that a new cluster is to start with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedData {
    /// Name of a snapshot of the same region.
    pub snapshot: String,
    /// Which of those that have had this name.
    pub created: u64,
}

/// One cluster as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedCluster {
    /// Grows with every change to this value, but for a failover that is not asked for any more; the fleet's report
    /// names the one that it has reached.
    pub generation: u64,
    /// The generation at which it was created: another value for the same key is another cluster, whose data the new
    /// one must not inherit.
    pub created: u64,
    /// Which engine's binary to start.
    pub engine: EngineKind,
    /// TCP port of every node (on a system with one loopback address the fleet chooses another).
    pub port: u16,
    /// Engine directives from the parameter group, such as `maxmemory-policy`; unknown ones are skipped by the fleet.
    pub parameters: BTreeMap<String, String>,
    /// Shards in the order of their ids.
    pub shards: Vec<WantedShard>,
    /// The data that it is to have before its first generation counts as reached; none once that is so.
    pub data: Option<WantedData>,
}

/// One shard (ElastiCache: node group) as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedShard {
    /// Four digits, such as `0001`.
    pub id: String,
    /// Hash slots that it serves, ascending and apart.
    pub slots: Vec<SlotRange>,
    /// Its nodes. When the shard is made the first is the primary; afterwards any of them may be.
    pub nodes: Vec<WantedNode>,
    /// The generation at which a failover was asked for: a replica is to take over, and the old primary's node to be
    /// replaced, once for each value. `None` if none is asked for.
    pub failover: Option<u64>,
}

/// One cache node as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedNode {
    /// Member cluster id, such as `day19-0001-002`.
    pub id: String,
    /// Availability zone, such as `us-east-1b`: decides the range of its loopback address.
    pub zone: String,
}

/// Hash slots from `first` to `last`, both included; 0 to 16383.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SlotRange {
    /// First slot.
    pub first: u16,
    /// Last slot.
    pub last: u16,
}

/// The engine whose binary a cluster's nodes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Redis OSS.
    Redis,
    /// Valkey.
    Valkey,
}

/// What the fleet has, as it last saw it. A cluster that is neither here nor wanted has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetReport {
    /// Clusters by their key.
    pub clusters: BTreeMap<ClusterKey, ClusterReport>,
    /// Snapshots that are whole or have failed, by their key.
    pub snapshots: BTreeMap<SnapshotKey, SnapshotReport>,
}

/// What became of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotReport {
    /// Which of those that have had this name.
    pub created: u64,
    /// The size of each shard's file in bytes, by the shard's id; or why there are no such files, in words for people.
    pub outcome: Result<BTreeMap<String, u64>, String>,
}

/// One cluster as the fleet sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterReport {
    /// The generation that is reached in full: every wanted node runs and is linked, the wanted slots are served by
    /// the wanted shards in every node's view, and nothing unwanted is left. 0 before the first.
    pub reached: u64,
    /// Where the configuration endpoint answers.
    pub endpoint: Option<SocketAddr>,
    /// Nodes by member cluster id.
    pub nodes: BTreeMap<String, NodeReport>,
    /// Why the wanted generation can't be reached, in words for people; `None` while there is hope.
    pub failure: Option<String>,
    /// What has happened to its nodes, in order: the latest, each with a number that no other has or had.
    pub happenings: Vec<Happening>,
}

/// Something that happened to a cluster's nodes. It outlives the server, so that it can be told of exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// Ascending from 1 in the life of a cluster.
    pub number: u64,
    /// What it was.
    pub what: Happened,
}

/// What may happen to a cluster's nodes; they are named by member cluster id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// A replica has become its shard's primary.
    FailedOver {
        /// The primary before.
        from: String,
        /// The primary now.
        to: String,
    },
    /// A node that was lost, or is to be replaced, is being started again.
    RecoveryBegan {
        /// Which node.
        node: String,
    },
    /// It is back, with its shard's data.
    RecoveryEnded {
        /// Which node.
        node: String,
    },
}

/// One node as the fleet sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Where the node answers.
    pub address: SocketAddr,
    /// Whether it answers and is a linked member of its shard.
    pub ready: bool,
    /// Whether it is its shard's primary now.
    pub primary: bool,
}
