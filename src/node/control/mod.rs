//! The state machine of the local cloud: typed operations in, typed resources or a refusal out.
//!
//! Pure: no clock (`now_ms` is an argument), no randomness (ids come from a saved stream), no files, no network and
//! no tokio. It knows neither HTTP nor the engine; what should run goes out as [`Wanted`], what runs comes in as
//! [`FleetReport`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wanted::{ClusterKey, FleetReport, SnapshotKey, Wanted};

pub(crate) mod checks;
pub(crate) mod create;
pub(crate) mod engine_versions;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod failover;
pub(crate) mod image;
pub(crate) mod instance;
pub(crate) mod instance_connect;
pub(crate) mod interface;
pub(crate) mod key_pair;
pub(crate) mod modify;
pub(crate) mod network;
pub(crate) mod node_types;
pub(crate) mod parameter_group;
pub(crate) mod parameters;
pub(crate) mod replication_group;
pub(crate) mod scaling;
pub(crate) mod security_group;
pub(crate) mod settle;
pub(crate) mod slots;
pub(crate) mod snapshot;
pub(crate) mod subnet_group;
pub(crate) mod tags;
pub(crate) mod time;
pub(crate) mod validate;

#[cfg(test)]
mod tests;

/// The account that the local cloud plays.
pub const ACCOUNT_ID: &str = "000000000000";

/// Form of the saved state that this program writes and reads.
const STATE_VERSION: u64 = 1;

/// Why a saved state is not taken. An empty cloud in its place would have the fleet remove every cluster's data.
#[derive(Debug, thiserror::Error)]
pub enum SavedStateError {
    /// It does not say its version.
    #[error("it names no version, so it is not a state that this program has saved")]
    NoVersion,
    /// Another program wrote it, most likely a newer one.
    #[error("it is of version {0}, and this program reads version {STATE_VERSION}")]
    OtherVersion(u64),
    /// It is not what the version says.
    #[error(transparent)]
    Wrong(#[from] serde_json::Error),
}

/// All that the local cloud knows; saved as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Form that the state is saved in.
    version: u64,
    /// Regions by name; each is made on first use.
    pub(super) regions: BTreeMap<String, Region>,
    /// Where ids and generations come from.
    pub(crate) source: Source,
    /// When failovers were tested in the last day, in any region; milliseconds since 1970.
    #[serde(default)]
    failover_calls: Vec<u64>,
}

/// Everything in one AWS region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Region {
    pub name: String,
    pub network: network::Network,
    pub security_groups: BTreeMap<String, security_group::SecurityGroup>,
    pub key_pairs: BTreeMap<String, key_pair::KeyPair>,
    pub instances: BTreeMap<String, instance::Instance>,
    #[serde(default)]
    pub launches: BTreeMap<String, instance::Launch>,
    pub subnet_groups: BTreeMap<String, subnet_group::SubnetGroup>,
    pub parameter_groups: BTreeMap<String, parameter_group::ParameterGroup>,
    pub groups: BTreeMap<String, replication_group::ReplicationGroup>,
    #[serde(default)]
    pub snapshots: BTreeMap<String, snapshot::Snapshot>,
    #[serde(default)]
    pub events: Vec<events::Event>,
}

/// A saved stream of ids and of generations, so that the same calls make the same state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    seed: u64,
    drawn: u64,
    generation: u64,
}

impl Source {
    /// The next number of the stream (SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.drawn += 1;
        mix(self.seed.wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A new EC2 id such as `sg-0123456789abcdef0`.
    pub fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.number())
    }

    /// A generation that is above all earlier ones, also above those of a deleted group with the same id.
    pub fn generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }
}

/// An id that depends on nothing but its name, for what every region has from the start.
pub(crate) fn stable_id(prefix: &str, name: &str) -> String {
    format!("{prefix}-0{:016x}", stable_number(name))
}

/// A number that depends on nothing but the text (FNV-1a, mixed).
pub(crate) fn stable_number(text: &str) -> u64 {
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
}

fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// How long the changes take that no cluster node takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Creation of a replication group without nodes, in milliseconds.
    pub create_ms: u64,
    /// A change of settings only, or any change without nodes, in milliseconds.
    pub modify_ms: u64,
    /// Deletion without nodes, in milliseconds.
    pub delete_ms: u64,
    /// An instance's start or end, in milliseconds.
    pub instance_ms: u64,
    /// Whether no fleet is there: every status then moves by the clock.
    pub without_nodes: bool,
}

impl Default for Timing {
    fn default() -> Self {
        Self { create_ms: 1000, modify_ms: 300, delete_ms: 500, instance_ms: 1000, without_nodes: false }
    }
}

impl Timing {
    /// Whether it is time for what was to happen at `due_ms`. What is further off than anything is ever set was set
    /// before the clock was put back.
    pub(crate) fn is_due(&self, due_ms: u64, now_ms: u64) -> bool {
        let longest_ms = self.create_ms.max(self.modify_ms).max(self.delete_ms).max(self.instance_ms);
        due_ms <= now_ms || due_ms - now_ms > longest_ms
    }
}

/// What an operation gets besides its input.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    pub timing: Timing,
    pub source: &'a mut Source,
    /// The account's tests of failovers in the last day.
    pub failover_calls: &'a mut Vec<u64>,
    /// Subnets and security groups of another EC2 that was asked instead of this one's own.
    pub peer: Option<&'a network::Surroundings>,
}

impl Default for State {
    fn default() -> Self {
        Self { version: STATE_VERSION, regions: BTreeMap::new(), source: Source::default(), failover_calls: Vec::new() }
    }
}

impl State {
    /// Reads what was saved.
    ///
    /// # Errors
    /// When it is of another version, or of none, or has not all that the version has.
    pub fn from_saved(saved: serde_json::Value) -> Result<Self, SavedStateError> {
        match saved.get("version").and_then(serde_json::Value::as_u64) {
            Some(STATE_VERSION) => Ok(serde_json::from_value(saved)?),
            Some(other) => Err(SavedStateError::OtherVersion(other)),
            None => Err(SavedStateError::NoVersion),
        }
    }

    /// An empty cloud whose ids are drawn from the stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { source: Source { seed, ..Source::default() }, ..Self::default() }
    }

    /// The region of this name, made on first use, with what an operation on it needs.
    pub(crate) fn enter<'a>(
        &'a mut self,
        region: &str,
        now_ms: u64,
        timing: Timing,
        peer: Option<&'a network::Surroundings>,
    ) -> (&'a mut Region, Context<'a>) {
        let region = self.regions.entry(region.to_owned()).or_insert_with(|| Region::new(region));
        let (source, failover_calls) = (&mut self.source, &mut self.failover_calls);
        (region, Context { now_ms, timing, source, failover_calls, peer })
    }

    /// Takes up what an earlier run left under way. Once, before the first tick.
    pub fn resume(&mut self, now_ms: u64, timing: Timing) {
        for region in self.regions.values_mut() {
            region.resume_groups(now_ms, timing);
            region.resume_snapshots(now_ms, timing);
        }
    }

    /// Advances every status that is due; says whether anything changed.
    pub fn tick(&mut self, now_ms: u64, timing: Timing, report: &FleetReport) -> bool {
        let mut changed = false;
        for region in self.regions.values_mut() {
            changed |= region.settle_snapshots(now_ms, timing, report);
            changed |= region.settle_groups(now_ms, timing, report);
            changed |= region.settle_instances(now_ms, timing);
        }
        changed
    }

    /// What the fleet is to run.
    pub fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        for region in self.regions.values() {
            for group in region.groups.values().filter(|group| group.is_wanted()) {
                let key = ClusterKey { region: region.name.clone(), replication_group_id: group.id.clone() };
                wanted.clusters.insert(key, region.wanted_cluster(group));
            }
            for snapshot in region.snapshots.values() {
                let key = SnapshotKey { region: region.name.clone(), name: snapshot.name.clone() };
                wanted.snapshots.insert(key, region.wanted_snapshot(snapshot));
            }
        }
        wanted
    }

    /// Every replication group: its region, its id and its status.
    pub fn statuses(&self) -> impl Iterator<Item = (&str, &str, &'static str)> {
        self.regions.values().flat_map(|region| {
            region.groups.values().map(|group| (region.name.as_str(), group.id.as_str(), group.status.as_str()))
        })
    }

    /// When the clock alone next changes something, in milliseconds since 1970.
    pub fn next_due(&self) -> Option<u64> {
        let due = |region: &Region| {
            let groups = region.groups.values().filter_map(|group| group.due_ms.or(group.gone_from_ms)).min();
            let instances = region.instances.values().filter_map(instance::Instance::due_ms).min();
            let snapshots = region.snapshots.values().filter_map(|snapshot| snapshot.due_ms).min();
            groups.into_iter().chain(instances).chain(snapshots).min()
        };
        self.regions.values().filter_map(due).min()
    }
}

impl Region {
    /// A region as AWS hands it out: a default network, and nothing else.
    pub fn new(name: &str) -> Self {
        let network = network::Network::for_region(name);
        let default_group = security_group::SecurityGroup::default_of(network.default_vpc_id());
        Self {
            name: name.to_owned(),
            security_groups: BTreeMap::from([(default_group.id.clone(), default_group)]),
            network,
            key_pairs: BTreeMap::new(),
            instances: BTreeMap::new(),
            launches: BTreeMap::new(),
            subnet_groups: BTreeMap::new(),
            parameter_groups: BTreeMap::new(),
            groups: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// ARN of an ElastiCache resource of this region, such as of kind `replicationgroup`.
    pub fn cache_arn(&self, kind: &str, id: &str) -> String {
        format!("arn:aws:elasticache:{}:{ACCOUNT_ID}:{kind}:{id}", self.name)
    }
}
