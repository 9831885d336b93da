//! Replication groups: what they are, how they are found and how one is ended.
//!
//! Only cluster mode runs here; everything else is refused in words that say so.

use serde::{Deserialize, Serialize};

use super::engine_versions::EngineVersion;
use super::error::ApiError;
use super::events::SourceType;
use super::failover::Failovers;
use super::interface::Interface;
use super::network::SubnetFact;
use super::subnet_group::SubnetGroup;
use super::validate::Tags;
use super::{Context, Region, Timing};
use crate::node::wanted::{EngineKind, SlotRange};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReplicationGroup {
    pub id: String,
    pub status: Status,
    pub engine: EngineKind,
    /// As a node says it, such as `7.1.0`.
    pub engine_version: String,
    pub port: u16,
    pub node_groups: Vec<NodeGroup>,
    pub parameter_group: String,
    pub subnet_group: String,
    pub security_groups: Vec<String>,
    pub settings: Settings,
    pub at_rest_encryption: bool,
    pub kms_key: Option<String>,
    pub data_tiering: bool,
    pub network_type: String,
    #[serde(default)]
    pub tags: Tags,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// The generation at which it was created; no other group has or had it.
    pub created_generation: u64,
    /// What the fleet is asked for, and what it last reached.
    pub generation: u64,
    pub reached: u64,
    /// When the clock settles the present status; none while the fleet does.
    pub due_ms: Option<u64>,
    /// While it is deleted: from when on a report without it means that it is gone.
    pub gone_from_ms: Option<u64>,
    /// What is under way, in words for the closing event.
    pub under_way: Option<String>,
    /// Whether slots are moving.
    #[serde(default)]
    pub is_resharding: bool,
    pub endpoint: Option<Endpoint>,
    /// Changes that wait for the maintenance window, because the caller did not want them at once.
    #[serde(default)]
    pub pending: Pending,
    /// Failovers and recoveries of its nodes.
    #[serde(default)]
    pub failovers: Failovers,
    /// The snapshot whose data it starts with.
    #[serde(default)]
    pub data: Option<Data>,
    /// A failure that the fleet had already reported before the present change, and until when it is disregarded.
    pub old_failure: Option<(String, u64)>,
}

/// The snapshot that a group starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Data {
    /// Its name.
    pub snapshot: String,
    /// Which of those that have had this name.
    pub generation: u64,
}

/// What `ModifyReplicationGroup` changes without touching a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub description: String,
    pub node_type: String,
    pub multi_az: bool,
    pub snapshot_retention: u32,
    pub snapshot_window: String,
    pub maintenance_window: String,
    pub topic_arn: Option<String>,
    pub topic_active: bool,
    pub auto_minor_version_upgrade: bool,
    pub ip_discovery: String,
    #[serde(default)]
    pub log_delivery: Vec<LogDelivery>,
}

/// What waits for the maintenance window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pending {
    pub engine_version: Option<String>,
    pub node_type: Option<String>,
    /// Parameter group of the pending version's family, if the caller named one.
    pub parameter_group: Option<String>,
}

/// Where one kind of log goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogDelivery {
    /// `slow-log` or `engine-log`.
    pub log_type: String,
    /// `cloudwatch-logs` or `kinesis-firehose`.
    pub destination_type: String,
    /// Log group or delivery stream.
    pub destination: String,
    /// `text` or `json`.
    pub format: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub address: String,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NodeGroup {
    pub id: String,
    pub status: Status,
    pub slots: Vec<SlotRange>,
    /// Slots that it will have when the present change is through.
    pub next_slots: Option<Vec<SlotRange>>,
    pub members: Vec<Member>,
}

/// One cache node: a cache cluster of a single node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub id: String,
    pub status: Status,
    pub zone: String,
    /// Whether it was its shard's primary when the fleet last said so.
    pub is_primary: bool,
    pub interface: Interface,
    pub endpoint: Option<Endpoint>,
    pub tags: Tags,
    /// Milliseconds since 1970.
    pub created_ms: u64,
}

/// Statuses of groups, node groups and members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    Creating,
    Available,
    Modifying,
    Snapshotting,
    Deleting,
    CreateFailed,
}

impl Status {
    /// Name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Available => "available",
            Self::Modifying => "modifying",
            Self::Snapshotting => "snapshotting",
            Self::Deleting => "deleting",
            Self::CreateFailed => "create-failed",
        }
    }
}

impl NodeGroup {
    /// Members that stay.
    pub fn kept_members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.status != Status::Deleting)
    }

    /// Slots that it is to serve.
    pub fn wanted_slots(&self) -> &Vec<SlotRange> {
        self.next_slots.as_ref().unwrap_or(&self.slots)
    }
}

impl ReplicationGroup {
    /// All members, also those that go.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.node_groups.iter().flat_map(|node_group| &node_group.members)
    }

    /// All members, for changing them.
    pub fn members_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.node_groups.iter_mut().flat_map(|node_group| &mut node_group.members)
    }

    /// Node groups that stay.
    pub fn kept_node_groups(&self) -> impl Iterator<Item = &NodeGroup> {
        self.node_groups.iter().filter(|node_group| node_group.status != Status::Deleting)
    }

    /// Whether the fleet is to run it.
    pub fn is_wanted(&self) -> bool {
        !matches!(self.status, Status::Deleting | Status::CreateFailed)
    }

    /// Lets it go.
    pub fn begin_deletion(&mut self, now_ms: u64, timing: Timing) {
        self.status = Status::Deleting;
        self.due_ms = timing.without_nodes.then_some(now_ms + timing.delete_ms);
        for node_group in &mut self.node_groups {
            node_group.status = Status::Deleting;
            node_group.members.iter_mut().for_each(|member| member.status = Status::Deleting);
        }
    }

    /// Zones that its staying members are in, each once.
    pub fn zones(&self) -> Vec<&str> {
        let kept = self.kept_node_groups().flat_map(NodeGroup::kept_members);
        let mut zones: Vec<&str> = kept.map(|member| member.zone.as_str()).collect();
        zones.sort_unstable();
        zones.dedup();
        zones
    }

    /// Its offered version.
    pub fn version(&self) -> Result<EngineVersion, ApiError> {
        let rows = super::engine_versions::ENGINE_VERSIONS;
        let found = rows.iter().find(|row| row.engine == self.engine && row.full == self.engine_version);
        let gone = || ApiError::value(format!("Cannot find version {}", self.engine_version));
        found.copied().ok_or_else(gone)
    }
}

impl Region {
    /// A group by its id.
    pub fn group(&self, id: &str) -> Result<&ReplicationGroup, ApiError> {
        self.groups.get(&id.to_ascii_lowercase()).ok_or_else(|| not_found(id))
    }

    /// All groups by id, or the one that is asked for.
    pub fn describe_replication_groups(&self, id: Option<&str>) -> Result<Vec<&ReplicationGroup>, ApiError> {
        match id {
            Some(id) => Ok(vec![self.group(id)?]),
            None => Ok(self.groups.values().collect()),
        }
    }

    /// Ends a group that is settled.
    pub fn delete_replication_group(
        &mut self,
        context: &mut Context<'_>,
        id: &str,
        retains_primary: bool,
        final_snapshot: Option<&str>,
    ) -> Result<ReplicationGroup, ApiError> {
        let group = self.group(id)?;
        if !matches!(group.status, Status::Available | Status::CreateFailed) {
            return Err(wrong_state(group));
        }
        if retains_primary {
            return Err(ApiError::combination("RetainPrimaryCluster is not allowed for a group with cluster mode on."));
        }
        let id = group.id.clone();
        if let Some(name) = final_snapshot.filter(|name| !name.is_empty()) {
            // It is deleted once that is whole.
            self.take_snapshot(context, &id, name, &[], true)?;
            return Ok(self.group(&id)?.clone());
        }
        let Some(group) = self.groups.get_mut(&id) else {
            return Err(not_found(&id));
        };
        group.begin_deletion(context.now_ms, context.timing);
        Ok(group.clone())
    }

    /// Security groups that exist and are of the VPC; the VPC's default group when none is named.
    pub(super) fn checked_security_groups(
        &self,
        context: &Context<'_>,
        ids: &[String],
        vpc_id: &str,
    ) -> Result<Vec<String>, ApiError> {
        let known = self.surroundings(context).security_groups;
        for id in ids {
            let Some(group) = known.iter().find(|group| group.id == *id) else {
                return Err(ApiError::value(format!("Some security group Ids not found: [{id}]")));
            };
            if group.vpc_id != vpc_id {
                return Err(ApiError::combination(format!(
                    "The security group {id} is in VPC {}, the cache subnet group in {vpc_id}.",
                    group.vpc_id
                )));
            }
        }
        let mut ids = ids.to_vec();
        if ids.is_empty() {
            let default = known.iter().find(|group| group.is_default && group.vpc_id == vpc_id);
            ids.extend(default.map(|group| group.id.clone()));
        }
        ids.dedup();
        Ok(ids)
    }

    /// A member in the status `creating`.
    pub(super) fn new_member(
        &mut self,
        context: &mut Context<'_>,
        id: String,
        zone: &str,
        subnet_group: &SubnetGroup,
        tags: &Tags,
    ) -> Member {
        let subnet = subnet_group.subnets.iter().find(|subnet| subnet.zone == zone);
        let subnet_id = subnet.map(|subnet: &SubnetFact| subnet.id.clone()).unwrap_or_default();
        Member {
            interface: self.new_interface(context, &subnet_id, &subnet_group.vpc_id, zone),
            id,
            status: Status::Creating,
            zone: zone.to_owned(),
            is_primary: false,
            endpoint: None,
            tags: tags.clone(),
            created_ms: context.now_ms,
        }
    }

    /// Records an event of a group.
    pub(super) fn record_group(&mut self, now_ms: u64, id: &str, message: impl Into<String>) {
        self.record(now_ms, SourceType::ReplicationGroup, id, message);
    }
}

/// A group that does not exist.
pub(crate) fn not_found(id: &str) -> ApiError {
    ApiError::new("ReplicationGroupNotFoundFault", format!("ReplicationGroup {id} not found.")).with_status(404)
}

/// A group that is busy or failed.
pub(super) fn wrong_state(group: &ReplicationGroup) -> ApiError {
    ApiError::new(
        "InvalidReplicationGroupState",
        format!(
            "Replication group {} has status {} which is not valid for this operation.",
            group.id,
            group.status.as_str()
        ),
    )
}
