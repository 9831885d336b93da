//! Cache clusters on the wire: every member of a replication group is one, of a single node.

use super::super::Call;
use super::super::xml::Xml;
use super::{page, write_endpoint, write_log_deliveries};
use crate::node::control::Region;
use crate::node::control::engine_versions::engine_name;
use crate::node::control::error::ApiError;
use crate::node::control::replication_group::{Member, ReplicationGroup};
use crate::node::control::time::iso8601;

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), ApiError> {
    let shows_nodes = call.parameters.boolean("ShowCacheNodeInfo")?.unwrap_or(false);
    let only_single = call.parameters.boolean("ShowCacheClustersNotInReplicationGroups")?.unwrap_or(false);
    let id = call.parameters.text("CacheClusterId").map(str::to_ascii_lowercase);
    if let Some(id) = &id {
        call.region.group_of_member(id)?;
    }
    // Here every cluster is in a replication group.
    let mut clusters = if only_single { Vec::new() } else { members(call.region, id.as_deref()) };
    clusters.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
    let shown = page(call, &clusters, |(_, member)| member.id.clone())?;
    let region = &*call.region;
    call.xml.list("CacheClusters", "CacheCluster", shown, |xml, (group, member)| {
        write(xml, region, group, member, shows_nodes);
    });
    Ok(())
}

fn members(region: &Region, id: Option<&str>) -> Vec<(ReplicationGroup, Member)> {
    let of_group = |group: &ReplicationGroup| {
        let asked = group.members().filter(|member| id.is_none_or(|id| member.id == id));
        asked.map(|member| (group.clone(), member.clone())).collect::<Vec<_>>()
    };
    region.groups.values().flat_map(of_group).collect()
}

fn write(xml: &mut Xml, region: &Region, group: &ReplicationGroup, member: &Member, shows_nodes: bool) {
    let settings = &group.settings;
    xml.leaf("CacheClusterId", &member.id);
    xml.leaf(
        "ClientDownloadLandingPage",
        format!("https://console.aws.amazon.com/elasticache/home?region={}#client-download:", region.name),
    );
    xml.leaf("CacheNodeType", &settings.node_type);
    xml.leaf("Engine", engine_name(group.engine));
    xml.leaf("EngineVersion", &group.engine_version);
    xml.leaf("CacheClusterStatus", member.status.as_str());
    xml.leaf("NumCacheNodes", 1);
    xml.leaf("PreferredAvailabilityZone", &member.zone);
    xml.leaf("CacheClusterCreateTime", iso8601(member.created_ms));
    xml.leaf("PreferredMaintenanceWindow", &settings.maintenance_window);
    xml.group("PendingModifiedValues", |xml| {
        xml.optional("EngineVersion", group.pending.engine_version.as_ref());
        xml.optional("CacheNodeType", group.pending.node_type.as_ref());
    });
    if let Some(arn) = &settings.topic_arn {
        xml.group("NotificationConfiguration", |xml| {
            xml.leaf("TopicArn", arn);
            xml.leaf("TopicStatus", if settings.topic_active { "active" } else { "inactive" });
        });
    }
    xml.group("CacheSecurityGroups", |_| {});
    xml.group("CacheParameterGroup", |xml| {
        xml.leaf("CacheParameterGroupName", &group.parameter_group);
        xml.leaf("ParameterApplyStatus", apply_status(group));
        xml.group("CacheNodeIdsToReboot", |_| {});
    });
    xml.leaf("CacheSubnetGroupName", &group.subnet_group);
    if shows_nodes {
        xml.list("CacheNodes", "CacheNode", [member], |xml, member| write_node(xml, group, member));
    }
    xml.leaf("AutoMinorVersionUpgrade", settings.auto_minor_version_upgrade);
    xml.list("SecurityGroups", "member", &group.security_groups, |xml, id| {
        xml.leaf("SecurityGroupId", id);
        xml.leaf("Status", "active");
    });
    xml.leaf("ReplicationGroupId", &group.id);
    xml.leaf("SnapshotRetentionLimit", settings.snapshot_retention);
    xml.leaf("SnapshotWindow", &settings.snapshot_window);
    xml.leaf("AuthTokenEnabled", false);
    xml.leaf("TransitEncryptionEnabled", false);
    xml.leaf("AtRestEncryptionEnabled", group.at_rest_encryption);
    xml.leaf("ARN", region.cache_arn("cluster", &member.id));
    xml.leaf("ReplicationGroupLogDeliveryEnabled", !settings.log_delivery.is_empty());
    write_log_deliveries(xml, &settings.log_delivery);
    xml.leaf("NetworkType", &group.network_type);
    xml.leaf("IpDiscovery", &settings.ip_discovery);
}

fn apply_status(group: &ReplicationGroup) -> &'static str {
    if group.reached >= group.generation { "in-sync" } else { "applying" }
}

fn write_node(xml: &mut Xml, group: &ReplicationGroup, member: &Member) {
    xml.leaf("CacheNodeId", "0001");
    xml.leaf("CacheNodeStatus", member.status.as_str());
    xml.leaf("CacheNodeCreateTime", iso8601(member.created_ms));
    write_endpoint(xml, "Endpoint", member.endpoint.as_ref());
    xml.leaf("ParameterGroupStatus", apply_status(group));
    xml.leaf("CustomerAvailabilityZone", &member.zone);
}
