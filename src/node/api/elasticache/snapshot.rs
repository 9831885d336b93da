//! Snapshots on the wire.

use super::super::Call;
use super::super::query::tags;
use super::super::xml::Xml;
use super::page_of;
use crate::node::control::Region;
use crate::node::control::engine_versions::engine_name;
use crate::node::control::error::ApiError;
use crate::node::control::replication_group::NodeGroup;
use crate::node::control::slots;
use crate::node::control::snapshot::{CreateSnapshot, DescribeSnapshots, Snapshot};
use crate::node::control::time::iso8601;

/// Most snapshots of one answer, and as many as come unless fewer are asked for.
const LARGEST_PAGE: i64 = 50;

pub(super) fn create(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let input = CreateSnapshot {
        name: parameters.required("SnapshotName")?.to_owned(),
        group: parameters.string("ReplicationGroupId"),
        cluster: parameters.string("CacheClusterId"),
        tags: tags(&parameters.list("Tags")),
    };
    let snapshot = call.region.create_snapshot(&mut call.context, &input)?;
    let region = &*call.region;
    call.xml.group("Snapshot", |xml| write(xml, region, &snapshot, "creating", true));
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let input = DescribeSnapshots {
        name: parameters.string("SnapshotName"),
        group: parameters.string("ReplicationGroupId"),
        cluster: parameters.string("CacheClusterId"),
        source: parameters.string("SnapshotSource"),
    };
    let with_shards = parameters.boolean("ShowNodeGroupConfig")?.unwrap_or(false);
    let snapshots: Vec<Snapshot> = call.region.describe_snapshots(&input)?.into_iter().cloned().collect();
    let shown = page_of(call, &snapshots, |snapshot| snapshot.name.clone(), LARGEST_PAGE)?;
    let region = &*call.region;
    call.xml.list("Snapshots", "Snapshot", shown, |xml, snapshot| {
        write(xml, region, snapshot, region.snapshot_status(snapshot), with_shards);
    });
    Ok(())
}

pub(super) fn copy(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    if parameters.text("TargetBucket").is_some_and(|bucket| !bucket.is_empty()) {
        return Err(ApiError::combination("This local cloud has no buckets: leave TargetBucket out."));
    }
    let (source, target) = (parameters.required("SourceSnapshotName")?, parameters.required("TargetSnapshotName")?);
    let tags = tags(&parameters.list("Tags"));
    let snapshot = call.region.copy_snapshot(&mut call.context, source, target, &tags)?;
    let region = &*call.region;
    call.xml.group("Snapshot", |xml| write(xml, region, &snapshot, "creating", true));
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<(), ApiError> {
    let snapshot = call.region.delete_snapshot(call.parameters.required("SnapshotName")?)?;
    let region = &*call.region;
    call.xml.group("Snapshot", |xml| write(xml, region, &snapshot, "deleting", true));
    Ok(())
}

fn write(xml: &mut Xml, region: &Region, snapshot: &Snapshot, status: &str, with_shards: bool) {
    let (source, settings) = (&snapshot.source, &snapshot.source.settings);
    xml.leaf("SnapshotName", &snapshot.name);
    xml.leaf("ReplicationGroupId", &source.id);
    xml.leaf("ReplicationGroupDescription", &settings.description);
    xml.leaf("SnapshotStatus", status);
    xml.leaf("SnapshotSource", "manual");
    xml.leaf("CacheNodeType", &settings.node_type);
    xml.leaf("Engine", engine_name(source.engine));
    xml.leaf("EngineVersion", &source.engine_version);
    xml.leaf("PreferredMaintenanceWindow", &settings.maintenance_window);
    xml.optional("TopicArn", settings.topic_arn.as_ref());
    xml.leaf("Port", source.port);
    xml.leaf("CacheParameterGroupName", &source.parameter_group);
    xml.leaf("CacheSubnetGroupName", &source.subnet_group);
    xml.leaf("VpcId", &snapshot.vpc_id);
    xml.leaf("AutoMinorVersionUpgrade", settings.auto_minor_version_upgrade);
    xml.leaf("SnapshotRetentionLimit", settings.snapshot_retention);
    xml.leaf("SnapshotWindow", &settings.snapshot_window);
    xml.leaf("NumNodeGroups", source.node_groups.len());
    xml.leaf("AutomaticFailover", "enabled");
    xml.list("NodeSnapshots", "NodeSnapshot", &source.node_groups, |xml, node_group| {
        write_node(xml, snapshot, node_group, with_shards);
    });
    xml.optional("KmsKeyId", source.kms_key.as_ref());
    xml.leaf("ARN", region.cache_arn("snapshot", &snapshot.name));
    xml.leaf("DataTiering", if source.data_tiering { "enabled" } else { "disabled" });
}

fn write_node(xml: &mut Xml, snapshot: &Snapshot, node_group: &NodeGroup, with_shards: bool) {
    let primary = node_group.members.iter().find(|member| member.is_primary).or(node_group.members.first());
    xml.leaf("NodeGroupId", &node_group.id);
    if let Some(primary) = primary {
        xml.leaf("CacheClusterId", &primary.id);
        xml.leaf("CacheNodeCreateTime", iso8601(primary.created_ms));
    }
    xml.leaf("CacheNodeId", "0001");
    if with_shards {
        xml.group("NodeGroupConfiguration", |xml| write_shard(xml, node_group, primary.map(|primary| &primary.id)));
    }
    let sizes = snapshot.sizes.as_ref();
    if let Some(bytes) = sizes.and_then(|sizes| sizes.get(&node_group.id)) {
        xml.leaf("CacheSize", format!("{} MB", bytes.div_ceil(1024 * 1024)));
    }
    if snapshot.is_whole() {
        xml.leaf("SnapshotCreateTime", iso8601(snapshot.created_ms));
    }
}

fn write_shard(xml: &mut Xml, node_group: &NodeGroup, primary: Option<&String>) {
    let (primaries, replicas): (Vec<_>, Vec<_>) =
        node_group.members.iter().partition(|member| Some(&member.id) == primary);
    xml.leaf("NodeGroupId", &node_group.id);
    xml.leaf("Slots", slots::text(&node_group.slots));
    xml.leaf("ReplicaCount", replicas.len());
    xml.optional("PrimaryAvailabilityZone", primaries.first().map(|member| &member.zone));
    xml.texts("ReplicaAvailabilityZones", "AvailabilityZone", replicas.iter().map(|member| &member.zone));
}
