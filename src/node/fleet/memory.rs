//! What is remembered of a cluster from one run of the server to the next: addresses, node ids and
//! what happened.
//!
//! A value and its file; must not know what is wanted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::address::Place;
use super::chronicle::Chronicle;
use super::failover::ShardFailovers;
use crate::node::store::{self, StoreError};

/// The file in the cluster's folder.
const FILE: &str = "cluster.json";

/// What is remembered of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Which of the clusters that have had this key it is of; 0 while that is unknown.
    #[serde(default)]
    pub created: u64,
    /// Whether all its nodes have once agreed.
    pub formed: bool,
    /// The snapshot that it was filled with; 0: none.
    #[serde(default)]
    pub filled: u64,
    /// The engine's own values of the settings that were changed, for when they are not asked for any more.
    #[serde(default)]
    pub own_values: BTreeMap<String, String>,
    /// Its configuration endpoint.
    pub endpoint: Option<SocketAddr>,
    /// Its nodes by member cluster id.
    pub nodes: BTreeMap<String, NodeMemory>,
    /// What has happened to them.
    #[serde(default)]
    pub chronicle: Chronicle,
    /// The failovers that were asked for, by shard.
    #[serde(default)]
    pub failovers: BTreeMap<String, ShardFailovers>,
}

/// What is remembered of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeMemory {
    /// Where it answers clients.
    pub address: SocketAddr,
    /// TCP port of its cluster bus.
    pub bus_port: u16,
    /// Its id in the cluster, once it has told it.
    pub node_id: Option<String>,
}

impl NodeMemory {
    /// Its address and bus port.
    pub fn place(&self) -> Place {
        Place { address: self.address, bus_port: self.bus_port }
    }
}

impl Memory {
    /// What the cluster's folder remembers; nothing if there is no such folder yet.
    pub fn load(folder: &Path) -> Result<Memory, StoreError> {
        Ok(store::load(&folder.join(FILE))?.unwrap_or_default())
    }

    /// Writes it down.
    pub fn save(&self, folder: &Path) -> Result<(), StoreError> {
        store::save(&folder.join(FILE), self)
    }
}
