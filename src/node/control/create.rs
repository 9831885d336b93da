//! How a replication group is made: the caller's wishes checked, and shards, zones and nodes laid out.

use super::checks::{
    LogDeliveryInput, MOST_NODES_BY_QUOTA, check_family, check_multi_az, check_node_count, check_zone, ip_discovery,
    log_deliveries, network_type, replicas, topic,
};
use super::engine_versions::{EngineVersion, engine_named, newest, version_named};
use super::error::ApiError;
use super::failover::Failovers;
use super::replication_group::{Member, NodeGroup, Pending, ReplicationGroup, Settings, Status};
use super::subnet_group::SubnetGroup;
use super::validate::{self, Tags};
use super::{Context, Region, node_types, slots, stable_number};
use crate::node::wanted::SlotRange;

const DEFAULT_PORT: u16 = 6379;

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
    /// Name of the snapshot whose data it starts with.
    pub snapshot: Option<String>,
    /// Names of given parameters that ask for what this cloud does not do, such as `SnapshotArns`.
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

/// What of a caller's wish is decided before nodes are laid out.
struct Shard {
    id: String,
    slots: Vec<SlotRange>,
    zones: Vec<String>,
}

impl Region {
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
        let (input, data) = &self.with_snapshot(input)?;
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
        let generation = context.source.generation();
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
            created_generation: generation,
            generation,
            reached: 0,
            due_ms: timing.without_nodes.then_some(context.now_ms + timing.create_ms),
            gone_from_ms: None,
            under_way: None,
            is_resharding: false,
            endpoint: None,
            pending: Pending::default(),
            failovers: Failovers::default(),
            data: data.clone(),
            old_failure: None,
            id,
        };
        check_multi_az(&group)?;
        self.groups.insert(group.id.clone(), group.clone());
        Ok(group)
    }

    /// The parameter group that a new cluster gets; it has to switch cluster mode on.
    fn cluster_parameter_group(
        &self,
        input: &CreateReplicationGroup,
        version: &EngineVersion,
    ) -> Result<String, ApiError> {
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

fn create_settings(id: &str, input: &CreateReplicationGroup) -> Result<Settings, ApiError> {
    let description = validate::description("ReplicationGroupDescription", &input.description)?;
    let Some(node_type) = &input.node_type else {
        return Err(ApiError::missing("CacheNodeType"));
    };
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

fn node_group_id(id: Option<&str>, index: usize) -> Result<String, ApiError> {
    let Some(id) = id else {
        return Ok(format!("{:04}", index + 1));
    };
    match (1..=4).contains(&id.len()) && id.chars().all(|digit| digit.is_ascii_digit()) {
        true => Ok(format!("{id:0>4}")),
        false => Err(ApiError::value(format!("Invalid node group id: {id}"))),
    }
}

fn shard_zones(
    wish: &NodeGroupInput,
    replicas: usize,
    index: usize,
    zones: &[String],
) -> Result<Vec<String>, ApiError> {
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
