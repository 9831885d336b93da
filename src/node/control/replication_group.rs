//! Replication groups: what they are, how one is made and how it is ended.
//!
//! Only cluster mode runs here; everything else is refused in words that say so.

use serde::{Deserialize, Serialize};

use super::engine_versions::{EngineVersion, engine_name, engine_named, newest, version_named};
use super::error::ApiError;
use super::events::SourceType;
use super::interface::Interface;
use super::network::SubnetFact;
use super::subnet_group::SubnetGroup;
use super::validate::{self, Tags};
use super::{Context, Region, node_types, slots, stable_number};
use crate::node::wanted::{EngineKind, SlotRange};

/// Shards and nodes that ElastiCache allows without a raised quota.
pub(super) const MOST_NODES: usize = 90;
const MOST_NODES_BY_QUOTA: usize = 500;
const MOST_REPLICAS: i64 = 5;
const DEFAULT_PORT: u16 = 6379;

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
    pub tags: Tags,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// What the fleet is asked for, and what it last reached.
    pub generation: u64,
    pub reached: u64,
    /// When the clock settles the present status; none while the fleet does.
    pub due_ms: Option<u64>,
    /// What is under way, in words for the closing event.
    pub under_way: Option<String>,
    /// Whether slots are moving.
    pub is_resharding: bool,
    pub endpoint: Option<Endpoint>,
    /// Changes that wait for the maintenance window, because the caller did not want them at once.
    pub pending: Pending,
    /// A failure that the fleet had already reported before the present change, and until when it is disregarded.
    pub old_failure: Option<(String, u64)>,
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
    pub log_delivery: Vec<LogDelivery>,
}

/// What waits for the maintenance window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub engine_version: Option<String>,
    pub node_type: Option<String>,
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

/// Input of [`Region::create_replication_group`]; names as in the API.
#[derive(Clone, Debug, Default)]
pub(crate) struct CreateReplicationGroup {
    pub id: String,
    pub description: String,
    pub engine: Option<String>,
    pub engine_version: Option<String>,
    pub node_type: Option<String>,
    pub node_group_count: Option<i64>,
    pub replicas: Option<i64>,
    pub node_groups: Vec<NodeGroupInput>,
    pub cache_cluster_count: Option<i64>,
    pub automatic_failover: Option<bool>,
    pub multi_az: Option<bool>,
    pub parameter_group: Option<String>,
    pub subnet_group: Option<String>,
    pub security_groups: Vec<String>,
    pub port: Option<i64>,
    pub maintenance_window: Option<String>,
    pub snapshot_window: Option<String>,
    pub snapshot_retention: Option<i64>,
    pub topic_arn: Option<String>,
    pub auto_minor_version_upgrade: Option<bool>,
    pub at_rest_encryption: Option<bool>,
    pub kms_key: Option<String>,
    pub data_tiering: Option<bool>,
    pub network_type: Option<String>,
    pub ip_discovery: Option<String>,
    pub cluster_mode: Option<String>,
    pub log_delivery: Vec<LogDeliveryInput>,
    pub tags: Vec<(String, String)>,
    pub transit_encryption: Option<bool>,
    pub transit_encryption_mode: Option<String>,
    pub auth_token: bool,
    pub user_groups: Vec<String>,
    /// Names of given parameters that ask for what this cloud does not do, such as `SnapshotName`.
    pub unsupported: Vec<&'static str>,
}

/// One node group as the caller wants it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeGroupInput {
    pub id: Option<String>,
    pub slots: Option<String>,
    pub replicas: Option<i64>,
    pub primary_zone: Option<String>,
    pub replica_zones: Vec<String>,
}

/// One log's delivery as the caller wants it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogDeliveryInput {
    pub log_type: String,
    pub is_enabled: bool,
    pub destination_type: Option<String>,
    pub destination: Option<String>,
    pub format: Option<String>,
}

/// What of a caller's wish is decided before nodes are laid out.
struct Shard {
    id: String,
    slots: Vec<SlotRange>,
    zones: Vec<String>,
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

    /// Makes a group in the status `creating`.
    pub fn create_replication_group(
        &mut self,
        context: &mut Context<'_>,
        input: &CreateReplicationGroup,
    ) -> Result<ReplicationGroup, ApiError> {
        let id = validate::replication_group_id(&input.id)?;
        if self.groups.contains_key(&id) {
            return Err(ApiError::new(
                "ReplicationGroupAlreadyExists",
                format!("Replication group with specified name already exists: {id}"),
            ));
        }
        refuse_unsupported(input)?;
        let version = requested_version(input)?;
        let parameter_group = self.cluster_parameter_group(input, &version)?;
        let settings = create_settings(&id, input)?;
        let data_tiering = data_tiering(input, &settings.node_type)?;
        let subnet_group = match &input.subnet_group {
            Some(name) => self.subnet_group(name)?.clone(),
            None => self.default_subnet_group(context)?,
        };
        let security_groups = self.checked_security_groups(context, &input.security_groups, &subnet_group.vpc_id)?;
        let shards = shards(input, &subnet_group)?;
        check_node_count(shards.iter().map(|shard| shard.zones.len()).sum(), &version)?;
        let tags = validate::add_tags(&Tags::new(), &input.tags)?;
        let node_groups = self.lay_out(context, &id, &subnet_group, shards, &tags);
        let timing = context.timing;
        let group = ReplicationGroup {
            status: Status::Creating,
            engine: version.engine,
            engine_version: version.full.to_owned(),
            port: port(input.port)?,
            node_groups,
            parameter_group,
            subnet_group: subnet_group.name,
            security_groups,
            settings,
            at_rest_encryption: input.at_rest_encryption.unwrap_or(false),
            kms_key: input.kms_key.clone(),
            data_tiering,
            network_type: network_type(input.network_type.as_deref())?,
            tags,
            created_ms: context.now_ms,
            generation: context.source.generation(),
            reached: 0,
            due_ms: timing.without_nodes.then_some(context.now_ms + timing.create_ms),
            under_way: None,
            is_resharding: false,
            endpoint: None,
            pending: Pending::default(),
            old_failure: None,
            id,
        };
        check_multi_az(&group)?;
        self.groups.insert(group.id.clone(), group.clone());
        Ok(group)
    }

    /// Ends a group that is settled.
    pub fn delete_replication_group(
        &mut self,
        context: &Context<'_>,
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
        if final_snapshot.is_some() {
            let message = "This local cloud keeps no snapshots: delete without FinalSnapshotIdentifier.";
            return Err(ApiError::new("SnapshotFeatureNotSupportedFault", message));
        }
        let id = group.id.clone();
        let Some(group) = self.groups.get_mut(&id) else { return Err(not_found(&id)) };
        group.status = Status::Deleting;
        let timing = context.timing;
        group.due_ms = timing.without_nodes.then_some(context.now_ms + timing.delete_ms);
        for node_group in &mut group.node_groups {
            node_group.status = Status::Deleting;
            node_group.members.iter_mut().for_each(|member| member.status = Status::Deleting);
        }
        Ok(group.clone())
    }

    /// The parameter group that a new cluster gets; it has to switch cluster mode on.
    fn cluster_parameter_group(&self, input: &CreateReplicationGroup, version: &EngineVersion) -> Result<String, ApiError> {
        let is_asked = match input.cluster_mode.as_deref() {
            None => false,
            Some("enabled") => true,
            Some("disabled" | "compatible") => return Err(mode_off()),
            Some(other) => return Err(ApiError::value(format!("Invalid ClusterMode: {other}"))),
        };
        let Some(name) = &input.parameter_group else {
            // Several node groups can only mean cluster mode.
            let is_implied = input.node_group_count.is_some_and(|count| count > 1) || input.node_groups.len() > 1;
            return match is_asked || is_implied {
                true => Ok(format!("default.{}.cluster.on", version.family)),
                false => Err(mode_off()),
            };
        };
        let group = self.parameter_group(name)?;
        check_family(&group.family, version)?;
        match (group.is_cluster_enabled(), is_asked) {
            (true, _) => Ok(group.name),
            (false, true) => Err(ApiError::combination(format!(
                "Cluster mode enabled requires a parameter group with cluster-enabled yes; {} has it off.",
                group.name
            ))),
            (false, false) => Err(mode_off()),
        }
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

    fn lay_out(
        &mut self,
        context: &mut Context<'_>,
        id: &str,
        subnet_group: &SubnetGroup,
        shards: Vec<Shard>,
        tags: &Tags,
    ) -> Vec<NodeGroup> {
        let mut node_groups = Vec::with_capacity(shards.len());
        for shard in shards {
            let mut members = Vec::with_capacity(shard.zones.len());
            for (index, zone) in shard.zones.iter().enumerate() {
                let member_id = format!("{id}-{}-{:03}", shard.id, index + 1);
                let member = self.new_member(context, member_id, zone, subnet_group, tags);
                members.push(Member { is_primary: index == 0, ..member });
            }
            let (slots, status) = (shard.slots, Status::Creating);
            node_groups.push(NodeGroup { id: shard.id, status, slots, next_slots: None, members });
        }
        node_groups
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
        format!("Replication group {} has status {} which is not valid for this operation.", group.id, group.status.as_str()),
    )
}

fn mode_off() -> ApiError {
    ApiError::combination(
        "This local cloud runs replication groups with cluster mode on: name a parameter group with cluster-enabled \
         yes, such as default.redis7.cluster.on, or set ClusterMode to enabled.",
    )
}

fn refuse_unsupported(input: &CreateReplicationGroup) -> Result<(), ApiError> {
    if input.transit_encryption == Some(true) || input.transit_encryption_mode.is_some() {
        return Err(ApiError::combination(
            "The nodes of this local cloud don't do TLS yet: leave TransitEncryptionEnabled out, or set it to false.",
        ));
    }
    if input.auth_token || !input.user_groups.is_empty() {
        return Err(ApiError::combination(
            "Auth tokens and user groups need in-transit encryption, and the nodes of this local cloud don't do TLS yet.",
        ));
    }
    if let Some(name) = input.unsupported.first() {
        return Err(ApiError::combination(format!("This local cloud does not take {name}.")));
    }
    if input.cache_cluster_count.is_some() && (input.node_group_count.is_some() || !input.node_groups.is_empty()) {
        return Err(ApiError::combination("Only one of NumCacheClusters and NumNodeGroups may be given."));
    }
    if input.automatic_failover == Some(false) {
        let message = "Redis with cluster mode enabled cannot be created with auto failover turned off.";
        return Err(ApiError::combination(message));
    }
    Ok(())
}

fn requested_version(input: &CreateReplicationGroup) -> Result<EngineVersion, ApiError> {
    let engine = engine_named(input.engine.as_deref().unwrap_or("redis"))?;
    match &input.engine_version {
        Some(version) => version_named(engine, version),
        None => newest(engine),
    }
}

/// Refuses a parameter group of another family than the version's.
pub(super) fn check_family(family: &str, version: &EngineVersion) -> Result<(), ApiError> {
    if family == version.family {
        return Ok(());
    }
    Err(ApiError::combination(format!(
        "Expected a parameter group of family {} but found one of family {family} (engine {}, version {})",
        version.family,
        engine_name(version.engine),
        version.version
    )))
}

fn create_settings(id: &str, input: &CreateReplicationGroup) -> Result<Settings, ApiError> {
    let description = validate::description("ReplicationGroupDescription", &input.description)?;
    let Some(node_type) = &input.node_type else { return Err(ApiError::missing("CacheNodeType")) };
    node_types::check(node_type)?;
    let maintenance_window = input.maintenance_window.as_deref().map(validate::maintenance_window).transpose()?;
    let snapshot_window = input.snapshot_window.as_deref().map(validate::snapshot_window).transpose()?;
    Ok(Settings {
        description,
        node_type: node_type.clone(),
        multi_az: input.multi_az.unwrap_or(false),
        snapshot_retention: input.snapshot_retention.map_or(Ok(0), validate::retention)?,
        snapshot_window: snapshot_window.unwrap_or_else(|| default_snapshot_window(id)),
        maintenance_window: maintenance_window.unwrap_or_else(|| default_maintenance_window(id)),
        topic_active: input.topic_arn.is_some(),
        topic_arn: input.topic_arn.as_deref().map(topic).transpose()?,
        auto_minor_version_upgrade: input.auto_minor_version_upgrade.unwrap_or(true),
        ip_discovery: ip_discovery(input.ip_discovery.as_deref())?,
        log_delivery: log_deliveries(&[], &input.log_delivery)?,
    })
}

/// A notification topic's ARN.
pub(super) fn topic(arn: &str) -> Result<String, ApiError> {
    match arn.starts_with("arn:") && arn.contains(":sns:") {
        true => Ok(arn.to_owned()),
        false => Err(ApiError::value(format!("Invalid SNS topic ARN: {arn}"))),
    }
}

/// `ipv4` or `ipv6`.
pub(super) fn ip_discovery(value: Option<&str>) -> Result<String, ApiError> {
    match value.unwrap_or("ipv4") {
        value @ ("ipv4" | "ipv6") => Ok(value.to_owned()),
        other => Err(ApiError::value(format!("Invalid IpDiscovery: {other}"))),
    }
}

fn network_type(value: Option<&str>) -> Result<String, ApiError> {
    match value.unwrap_or("ipv4") {
        value @ ("ipv4" | "ipv6" | "dual_stack") => Ok(value.to_owned()),
        other => Err(ApiError::value(format!("Invalid NetworkType: {other}"))),
    }
}

/// The deliveries that are on after `changes`.
pub(super) fn log_deliveries(old: &[LogDelivery], changes: &[LogDeliveryInput]) -> Result<Vec<LogDelivery>, ApiError> {
    let mut all = old.to_vec();
    for change in changes {
        if !["slow-log", "engine-log"].contains(&change.log_type.as_str()) {
            return Err(ApiError::value(format!("Invalid LogType: {}", change.log_type)));
        }
        all.retain(|delivery| delivery.log_type != change.log_type);
        if !change.is_enabled {
            continue;
        }
        let (Some(destination_type), Some(destination)) = (&change.destination_type, &change.destination) else {
            return Err(ApiError::combination("A log delivery needs DestinationType and DestinationDetails."));
        };
        let format = change.format.clone().unwrap_or_else(|| "json".to_owned());
        let is_known = ["cloudwatch-logs", "kinesis-firehose"].contains(&destination_type.as_str());
        if !is_known || !["text", "json"].contains(&format.as_str()) {
            return Err(ApiError::value("Invalid DestinationType or LogFormat of a log delivery."));
        }
        all.push(LogDelivery {
            log_type: change.log_type.clone(),
            destination_type: destination_type.clone(),
            destination: destination.clone(),
            format,
        });
    }
    all.sort_by(|one, other| one.log_type.cmp(&other.log_type));
    Ok(all)
}

fn data_tiering(input: &CreateReplicationGroup, node_type: &str) -> Result<bool, ApiError> {
    let is_on = input.data_tiering.unwrap_or(false);
    if is_on != node_types::has_data_tiering(node_type) {
        return Err(ApiError::combination(match is_on {
            true => format!("Data tiering is not supported with the node type {node_type}: r6gd only."),
            false => format!("The node type {node_type} needs DataTieringEnabled."),
        }));
    }
    Ok(is_on)
}

fn port(port: Option<i64>) -> Result<u16, ApiError> {
    match port.map(u16::try_from) {
        None => Ok(DEFAULT_PORT),
        Some(Ok(port)) if port >= 1024 => Ok(port),
        Some(_) => Err(ApiError::value("The port must be from 1024 to 65535.")),
    }
}

// Windows that nobody chose differ from group to group, as they do on AWS, and are the same each time.
fn default_maintenance_window(id: &str) -> String {
    let number = stable_number(id);
    let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let day = days.get(usize::try_from(number % 7).unwrap_or(0)).unwrap_or(&"sun");
    let (hour, minute) = (3 + number / 7 % 10, if number.is_multiple_of(2) { "00" } else { "30" });
    format!("{day}:{hour:02}:{minute}-{day}:{:02}:{minute}", hour + 1)
}

fn default_snapshot_window(id: &str) -> String {
    let hour = 13 + stable_number(id) % 9;
    format!("{hour:02}:30-{:02}:30", hour + 1)
}

/// Lays out shards: ids, slots and zones, from the caller's own configuration or evenly.
fn shards(input: &CreateReplicationGroup, subnet_group: &SubnetGroup) -> Result<Vec<Shard>, ApiError> {
    let default_count = input.node_groups.len().max(1);
    let count = usize::try_from(input.node_group_count.unwrap_or(default_count as i64)).unwrap_or(0);
    if count == 0 || count > MOST_NODES_BY_QUOTA {
        return Err(ApiError::value(format!("NumNodeGroups must be from 1 to {MOST_NODES_BY_QUOTA}.")));
    }
    if !input.node_groups.is_empty() && input.node_groups.len() != count {
        let message = "The number of NodeGroupConfiguration entries must be NumNodeGroups.";
        return Err(ApiError::combination(message));
    }
    let zones = subnet_group.zones();
    let no_wish = NodeGroupInput::default();
    let mut shards = Vec::with_capacity(count);
    for (index, even) in slots::even_split(count).into_iter().enumerate() {
        let wish = input.node_groups.get(index).unwrap_or(&no_wish);
        let replicas = replicas(wish.replicas.or(input.replicas))?;
        shards.push(Shard {
            id: node_group_id(wish.id.as_deref(), index)?,
            slots: wish.slots.as_deref().map_or(Ok(even), slots::parse)?,
            zones: shard_zones(wish, replicas, index, &zones)?,
        });
    }
    let mut ids: Vec<&str> = shards.iter().map(|shard| shard.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let all_slots: Vec<_> = shards.iter().map(|shard| shard.slots.clone()).collect();
    if ids.len() != count || !slots::are_complete(&all_slots) {
        return Err(ApiError::value("Node group ids must differ, and their slots must be 0-16383, each exactly once."));
    }
    Ok(shards)
}

/// A replica count of 0 to 5; one when none is given.
pub(super) fn replicas(count: Option<i64>) -> Result<usize, ApiError> {
    let count = count.unwrap_or(1);
    match usize::try_from(count) {
        Ok(replicas) if count <= MOST_REPLICAS => Ok(replicas),
        _ => Err(ApiError::value(format!("The number of replicas per node group must be within 0 and {MOST_REPLICAS}."))),
    }
}

fn node_group_id(id: Option<&str>, index: usize) -> Result<String, ApiError> {
    let Some(id) = id else { return Ok(format!("{:04}", index + 1)) };
    match (1..=4).contains(&id.len()) && id.chars().all(|digit| digit.is_ascii_digit()) {
        true => Ok(format!("{id:0>4}")),
        false => Err(ApiError::value(format!("Invalid node group id: {id}"))),
    }
}

fn shard_zones(wish: &NodeGroupInput, replicas: usize, index: usize, zones: &[String]) -> Result<Vec<String>, ApiError> {
    if !wish.replica_zones.is_empty() && wish.replica_zones.len() != replicas {
        let message = "The number of ReplicaAvailabilityZones must be the number of replicas.";
        return Err(ApiError::combination(message));
    }
    let chosen = |member: usize| match member {
        0 => wish.primary_zone.clone(),
        _ => wish.replica_zones.get(member - 1).cloned(),
    };
    (0..=replicas)
        .map(|member| match chosen(member) {
            Some(zone) => check_zone(&zone, zones),
            None => Ok(zones.get((index + member) % zones.len().max(1)).cloned().unwrap_or_default()),
        })
        .collect()
}

/// Refuses a zone in which the subnet group has no subnet.
pub(super) fn check_zone(zone: &str, zones: &[String]) -> Result<String, ApiError> {
    match zones.iter().any(|known| known == zone) {
        true => Ok(zone.to_owned()),
        false => Err(ApiError::value(format!(
            "{zone} is not a valid availability zone: the cache subnet group has subnets in {}.",
            zones.join(", ")
        ))),
    }
}

/// Refuses more nodes than a cluster may have.
pub(super) fn check_node_count(count: usize, version: &EngineVersion) -> Result<(), ApiError> {
    let most = if version.numbers() >= vec![5, 0, 6] { MOST_NODES_BY_QUOTA } else { MOST_NODES };
    if count <= most {
        return Ok(());
    }
    let message = format!("{count} nodes are more than the {most} that a cluster may have.");
    Err(ApiError::new("NodeQuotaForClusterExceeded", message))
}

/// Refuses Multi-AZ where it could not work.
pub(super) fn check_multi_az(group: &ReplicationGroup) -> Result<(), ApiError> {
    if !group.settings.multi_az {
        return Ok(());
    }
    if group.kept_node_groups().any(|node_group| node_group.kept_members().count() < 2) {
        return Err(ApiError::combination("Multi-AZ needs at least one replica in every node group."));
    }
    if group.zones().len() < 2 {
        return Err(ApiError::combination("Multi-AZ needs nodes in at least two availability zones."));
    }
    Ok(())
}
