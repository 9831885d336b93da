//! Replication groups on the wire.

use super::super::Call;
use super::super::query::{Parameters, tags};
use super::super::xml::Xml;
use super::{page, write_endpoint, write_log_deliveries};
use crate::node::control::Region;
use crate::node::control::checks::LogDeliveryInput;
use crate::node::control::create::{CreateReplicationGroup, NodeGroupInput};
use crate::node::control::engine_versions::engine_name;
use crate::node::control::error::ApiError;
use crate::node::control::modify::ModifyReplicationGroup;
use crate::node::control::replication_group::{NodeGroup, ReplicationGroup, Status};
use crate::node::control::scaling::{ModifyReplicas, ModifyShards, NewShard, ShardReplicas};
use crate::node::control::slots;
use crate::node::control::time::iso8601;

/// Parameters of a creation that ask for what this cloud does not have.
const NOT_AT_CREATION: &[&str] = &[
    "GlobalReplicationGroupId",
    "PrimaryClusterId",
    "PreferredCacheClusterAZs",
    "CacheSecurityGroupNames",
    "SnapshotArns",
    "ServerlessCacheSnapshotName",
];

/// Parameters of a modification that have no meaning in cluster mode.
const NOT_AT_MODIFICATION: &[&str] =
    &["PrimaryClusterId", "SnapshottingClusterId", "NodeGroupId", "CacheSecurityGroupNames"];

pub(super) fn create(call: &mut Call<'_>) -> Result<(), ApiError> {
    let input = create_input(call.parameters)?;
    let group = call.region.create_replication_group(&mut call.context, &input)?;
    answer(call, &group);
    Ok(())
}

fn create_input(parameters: &Parameters) -> Result<CreateReplicationGroup, ApiError> {
    let node_group = |element: &Parameters| {
        Ok(NodeGroupInput {
            id: element.string("NodeGroupId"),
            slots: element.string("Slots"),
            replicas: element.integer("ReplicaCount")?,
            primary_zone: element.string("PrimaryAvailabilityZone"),
            replica_zones: element.strings("ReplicaAvailabilityZones"),
        })
    };
    let node_groups: Result<Vec<_>, ApiError> =
        parameters.list("NodeGroupConfiguration").into_iter().map(node_group).collect();
    Ok(CreateReplicationGroup {
        id: parameters.required("ReplicationGroupId")?.to_owned(),
        description: parameters.required("ReplicationGroupDescription")?.to_owned(),
        engine: parameters.string("Engine"),
        engine_version: parameters.string("EngineVersion"),
        node_type: parameters.string("CacheNodeType"),
        node_group_count: parameters.integer("NumNodeGroups")?,
        replicas: parameters.integer("ReplicasPerNodeGroup")?,
        node_groups: node_groups?,
        cache_cluster_count: parameters.integer("NumCacheClusters")?,
        automatic_failover: parameters.boolean("AutomaticFailoverEnabled")?,
        multi_az: parameters.boolean("MultiAZEnabled")?,
        parameter_group: parameters.string("CacheParameterGroupName"),
        subnet_group: parameters.string("CacheSubnetGroupName"),
        security_groups: parameters.strings("SecurityGroupIds"),
        port: parameters.integer("Port")?,
        maintenance_window: parameters.string("PreferredMaintenanceWindow"),
        snapshot_window: parameters.string("SnapshotWindow"),
        snapshot_retention: parameters.integer("SnapshotRetentionLimit")?,
        topic_arn: parameters.string("NotificationTopicArn"),
        auto_minor_version_upgrade: parameters.boolean("AutoMinorVersionUpgrade")?,
        at_rest_encryption: parameters.boolean("AtRestEncryptionEnabled")?,
        kms_key: parameters.string("KmsKeyId"),
        data_tiering: parameters.boolean("DataTieringEnabled")?,
        network_type: parameters.string("NetworkType"),
        ip_discovery: parameters.string("IpDiscovery"),
        cluster_mode: parameters.string("ClusterMode"),
        log_delivery: log_delivery(parameters)?,
        tags: tags(&parameters.list("Tags")),
        transit_encryption: parameters.boolean("TransitEncryptionEnabled")?,
        transit_encryption_mode: parameters.string("TransitEncryptionMode"),
        auth_token: parameters.has("AuthToken"),
        user_groups: parameters.strings("UserGroupIds"),
        snapshot: parameters.string("SnapshotName"),
        unsupported: given(parameters, NOT_AT_CREATION),
    })
}

/// Which of the names are given, and not as an empty text or list.
fn given(parameters: &Parameters, names: &[&'static str]) -> Vec<&'static str> {
    let is_given = |name: &&&'static str| {
        parameters.text(name).is_some_and(|text| !text.is_empty()) || !parameters.list(name).is_empty()
    };
    names.iter().filter(is_given).copied().collect()
}

fn log_delivery(parameters: &Parameters) -> Result<Vec<LogDeliveryInput>, ApiError> {
    let delivery = |element: &Parameters| {
        let details = element.structure("DestinationDetails");
        let log_group = details.structure("CloudWatchLogsDetails").string("LogGroup");
        Ok(LogDeliveryInput {
            log_type: element.required("LogType")?.to_owned(),
            is_enabled: element.boolean("Enabled")?.unwrap_or(true),
            destination_type: element.string("DestinationType"),
            destination: log_group.or_else(|| details.structure("KinesisFirehoseDetails").string("DeliveryStream")),
            format: element.string("LogFormat"),
        })
    };
    parameters.list("LogDeliveryConfigurations").into_iter().map(delivery).collect()
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), ApiError> {
    let groups = call.region.describe_replication_groups(call.parameters.text("ReplicationGroupId"))?;
    let groups: Vec<ReplicationGroup> = groups.into_iter().cloned().collect();
    let shown = page(call, &groups, |group| group.id.clone())?;
    let region = &*call.region;
    call.xml.list("ReplicationGroups", "ReplicationGroup", shown, |xml, group| write(xml, region, group));
    Ok(())
}

pub(super) fn modify(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let input = ModifyReplicationGroup {
        id: parameters.required("ReplicationGroupId")?.to_owned(),
        apply_immediately: parameters.boolean("ApplyImmediately")?.unwrap_or(false),
        description: parameters.string("ReplicationGroupDescription"),
        automatic_failover: parameters.boolean("AutomaticFailoverEnabled")?,
        multi_az: parameters.boolean("MultiAZEnabled")?,
        security_groups: parameters.strings("SecurityGroupIds"),
        maintenance_window: parameters.string("PreferredMaintenanceWindow"),
        snapshot_window: parameters.string("SnapshotWindow"),
        snapshot_retention: parameters.integer("SnapshotRetentionLimit")?,
        topic_arn: parameters.string("NotificationTopicArn"),
        topic_status: parameters.string("NotificationTopicStatus"),
        parameter_group: parameters.string("CacheParameterGroupName"),
        engine: parameters.string("Engine"),
        engine_version: parameters.string("EngineVersion"),
        node_type: parameters.string("CacheNodeType"),
        auto_minor_version_upgrade: parameters.boolean("AutoMinorVersionUpgrade")?,
        ip_discovery: parameters.string("IpDiscovery"),
        log_delivery: log_delivery(parameters)?,
        transit_encryption: parameters.boolean("TransitEncryptionEnabled")?,
        transit_encryption_mode: parameters.string("TransitEncryptionMode"),
        cluster_mode: parameters.string("ClusterMode"),
        auth_token: parameters.has("AuthToken"),
        user_groups: ["UserGroupIdsToAdd", "UserGroupIdsToRemove"].iter().any(|name| !parameters.list(name).is_empty())
            || parameters.boolean("RemoveUserGroups")? == Some(true),
        unsupported: given(parameters, NOT_AT_MODIFICATION),
    };
    let group = call.region.modify_replication_group(&mut call.context, &input)?;
    answer(call, &group);
    Ok(())
}

pub(super) fn modify_shards(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let new_shard = |element: &Parameters| NewShard {
        id: element.string("NodeGroupId"),
        zones: element.strings("PreferredAvailabilityZones"),
    };
    let input = ModifyShards {
        id: parameters.required("ReplicationGroupId")?.to_owned(),
        count: parameters.integer("NodeGroupCount")?.ok_or_else(|| ApiError::missing("NodeGroupCount"))?,
        apply_immediately: parameters.boolean("ApplyImmediately")?.unwrap_or(false),
        resharding: parameters.list("ReshardingConfiguration").into_iter().map(new_shard).collect(),
        to_remove: parameters.strings("NodeGroupsToRemove"),
        to_retain: parameters.strings("NodeGroupsToRetain"),
    };
    let group = call.region.modify_shards(&mut call.context, &input)?;
    answer(call, &group);
    Ok(())
}

fn replicas_input(parameters: &Parameters) -> Result<ModifyReplicas, ApiError> {
    let shard = |element: &Parameters| {
        let count = element.integer("NewReplicaCount")?;
        Ok(ShardReplicas {
            id: element.required("NodeGroupId")?.to_owned(),
            count: count.ok_or_else(|| ApiError::missing("NewReplicaCount"))?,
            zones: element.strings("PreferredAvailabilityZones"),
        })
    };
    let shards: Result<Vec<_>, ApiError> = parameters.list("ReplicaConfiguration").into_iter().map(shard).collect();
    Ok(ModifyReplicas {
        id: parameters.required("ReplicationGroupId")?.to_owned(),
        count: parameters.integer("NewReplicaCount")?,
        apply_immediately: parameters.boolean("ApplyImmediately")?.unwrap_or(false),
        shards: shards?,
        to_remove: parameters.strings("ReplicasToRemove"),
    })
}

pub(super) fn increase_replicas(call: &mut Call<'_>) -> Result<(), ApiError> {
    let input = replicas_input(call.parameters)?;
    let group = call.region.increase_replicas(&mut call.context, &input)?;
    answer(call, &group);
    Ok(())
}

pub(super) fn decrease_replicas(call: &mut Call<'_>) -> Result<(), ApiError> {
    let input = replicas_input(call.parameters)?;
    let group = call.region.decrease_replicas(&mut call.context, &input)?;
    answer(call, &group);
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<(), ApiError> {
    let id = call.parameters.required("ReplicationGroupId")?;
    let retains_primary = call.parameters.boolean("RetainPrimaryCluster")?.unwrap_or(false);
    let snapshot = call.parameters.text("FinalSnapshotIdentifier");
    let group = call.region.delete_replication_group(&mut call.context, id, retains_primary, snapshot)?;
    answer(call, &group);
    Ok(())
}

pub(super) fn test_failover(call: &mut Call<'_>) -> Result<(), ApiError> {
    let id = call.parameters.required("ReplicationGroupId")?;
    let node_group_id = call.parameters.required("NodeGroupId")?;
    let group = call.region.test_failover(&mut call.context, id, node_group_id)?;
    answer(call, &group);
    Ok(())
}

pub(super) fn allowed_node_types(call: &mut Call<'_>) -> Result<(), ApiError> {
    let (group_id, cluster_id) = (call.parameters.text("ReplicationGroupId"), call.parameters.text("CacheClusterId"));
    let (up, down) = call.region.allowed_node_types(group_id, cluster_id)?;
    call.xml.texts("ScaleUpModifications", "member", up);
    call.xml.texts("ScaleDownModifications", "member", down);
    Ok(())
}

fn answer(call: &mut Call<'_>, group: &ReplicationGroup) {
    let region = &*call.region;
    call.xml.group("ReplicationGroup", |xml| write(xml, region, group));
}

fn write(xml: &mut Xml, region: &Region, group: &ReplicationGroup) {
    let settings = &group.settings;
    xml.leaf("ReplicationGroupId", &group.id);
    xml.leaf("Description", &settings.description);
    xml.leaf("Status", group.status.as_str());
    xml.group("PendingModifiedValues", |xml| {
        if group.is_resharding && group.status == Status::Modifying {
            xml.group("Resharding", |xml| xml.group("SlotMigration", |xml| xml.leaf("ProgressPercentage", "0.0")));
        }
    });
    xml.texts("MemberClusters", "ClusterId", group.members().map(|member| &member.id));
    xml.list("NodeGroups", "NodeGroup", &group.node_groups, write_node_group);
    xml.leaf("AutomaticFailover", "enabled");
    xml.leaf("MultiAZ", if settings.multi_az { "enabled" } else { "disabled" });
    write_endpoint(xml, "ConfigurationEndpoint", group.endpoint.as_ref());
    xml.leaf("SnapshotRetentionLimit", settings.snapshot_retention);
    xml.leaf("SnapshotWindow", &settings.snapshot_window);
    xml.leaf("ClusterEnabled", true);
    xml.leaf("CacheNodeType", &settings.node_type);
    xml.leaf("AuthTokenEnabled", false);
    xml.leaf("TransitEncryptionEnabled", false);
    xml.leaf("AtRestEncryptionEnabled", group.at_rest_encryption);
    xml.optional("KmsKeyId", group.kms_key.as_ref());
    xml.leaf("ARN", region.cache_arn("replicationgroup", &group.id));
    write_log_deliveries(xml, &settings.log_delivery);
    xml.leaf("ReplicationGroupCreateTime", iso8601(group.created_ms));
    xml.leaf("DataTiering", if group.data_tiering { "enabled" } else { "disabled" });
    xml.leaf("AutoMinorVersionUpgrade", settings.auto_minor_version_upgrade);
    xml.leaf("NetworkType", &group.network_type);
    xml.leaf("IpDiscovery", &settings.ip_discovery);
    xml.leaf("ClusterMode", "enabled");
    xml.leaf("Engine", engine_name(group.engine));
}

fn write_node_group(xml: &mut Xml, node_group: &NodeGroup) {
    xml.leaf("NodeGroupId", &node_group.id);
    xml.leaf("Status", node_group.status.as_str());
    if !node_group.slots.is_empty() {
        xml.leaf("Slots", slots::text(&node_group.slots));
    }
    // In cluster mode ElastiCache gives neither the role nor a read endpoint of a member.
    xml.list("NodeGroupMembers", "NodeGroupMember", &node_group.members, |xml, member| {
        xml.leaf("CacheClusterId", &member.id);
        xml.leaf("CacheNodeId", "0001");
        xml.leaf("PreferredAvailabilityZone", &member.zone);
    });
}
