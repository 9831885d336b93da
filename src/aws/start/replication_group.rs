//! Calls that make, change, scale and delete the replication group.

use std::collections::BTreeSet;

use aws_sdk_elasticache::types as api;

use super::elasticache::{adopt, already_exists, tag_list, unchanged_is_fine};
use super::{gone_is_fine, not_ours, resolve};
use crate::aws::error::{failed, own};
use crate::aws::observe::ec2::security_groups;
use crate::aws::observe::elasticache::{describe_group, is_not_found, lives_in, subnet_groups, tags};
use crate::aws::observe::snapshots;
use crate::aws::{AwsCloud, ec2_tags};
use crate::call::{
    GroupRef, LogDeliveryChange, ModifyReplicationGroup, ReplicaCount, ReplicationGroup, Shard, ShardZones,
};
use crate::cloud::{CloudError, ErrorKind, Ids};
use crate::resource::{Names, Ownership};
use crate::spec::{LogDelivery, LogDestination, LogFormat, LogType};

/// Hash slots of a cluster.
const SLOTS: usize = 16384;

fn count(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn days(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn group_ids(operation: &str, groups: &[GroupRef], ids: &Ids) -> Result<Vec<String>, CloudError> {
    groups.iter().map(|group| resolve(operation, group, ids)).collect()
}

/// Zones to send: none where one of them isn't known.
fn known_zones(zones: &[String]) -> Option<Vec<String>> {
    (!zones.is_empty() && zones.iter().all(|zone| !zone.is_empty())).then(|| zones.to_vec())
}

fn not_empty(values: &[String]) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.to_vec())
}

/// The shards with the slots that ElastiCache would give them, where it wants to be told (it does of clusters that are
/// seeded from files) and the plan file doesn't say.
fn shards_with_slots(group: &ReplicationGroup) -> Vec<Shard> {
    let mut shards = group.shards.clone();
    if group.snapshot_arns.is_empty() || shards.iter().any(|shard| shard.slots.is_some()) {
        return shards;
    }
    let (size, rest) = (SLOTS / shards.len().max(1), SLOTS % shards.len().max(1));
    let mut first = 0;
    for (index, shard) in shards.iter_mut().enumerate() {
        let end = first + size + usize::from(index < rest);
        shard.slots = Some(format!("{first}-{}", end.saturating_sub(1)));
        first = end;
    }
    shards
}

fn replicas(shard: &Shard) -> usize {
    shard.replica_zones.len().max(shard.replica_outpost_arns.len())
}

fn node_group(shard: &Shard) -> api::NodeGroupConfiguration {
    api::NodeGroupConfiguration::builder()
        .node_group_id(&shard.id)
        .set_slots(shard.slots.clone())
        .replica_count(count(replicas(shard)))
        .set_primary_availability_zone(Some(shard.primary_zone.clone()).filter(|zone| !zone.is_empty()))
        .set_replica_availability_zones(known_zones(&shard.replica_zones))
        .set_primary_outpost_arn(shard.primary_outpost_arn.clone())
        .set_replica_outpost_arns(not_empty(&shard.replica_outpost_arns))
        .build()
}

fn log_request(log: &LogDelivery) -> api::LogDeliveryConfigurationRequest {
    let details = api::DestinationDetails::builder();
    let (destination_type, details) = match log.destination_type {
        LogDestination::CloudWatchLogs => {
            let group = api::CloudWatchLogsDestinationDetails::builder().log_group(&log.destination);
            (api::DestinationType::CloudWatchLogs, details.cloud_watch_logs_details(group.build()))
        }
        LogDestination::KinesisFirehose => {
            let stream = api::KinesisFirehoseDestinationDetails::builder().delivery_stream(&log.destination);
            (api::DestinationType::KinesisFirehose, details.kinesis_firehose_details(stream.build()))
        }
    };
    api::LogDeliveryConfigurationRequest::builder()
        .log_type(match log.log_type {
            LogType::Slow => api::LogType::SlowLog,
            LogType::Engine => api::LogType::EngineLog,
        })
        .destination_type(destination_type)
        .destination_details(details.build())
        .log_format(match log.format {
            LogFormat::Json => api::LogFormat::Json,
            LogFormat::Text => api::LogFormat::Text,
        })
        .enabled(true)
        .build()
}

/// Whether TLS is on, and the mode to send with it.
fn transit(word: &str) -> (bool, Option<api::TransitEncryptionMode>) {
    match word {
        "off" => (false, None),
        "preferred" => (true, Some(api::TransitEncryptionMode::Preferred)),
        _ => (true, Some(api::TransitEncryptionMode::Required)),
    }
}

pub(super) async fn create_replication_group(
    cloud: &AwsCloud,
    group: &ReplicationGroup,
    ids: &Ids,
) -> Result<(), CloudError> {
    const OPERATION: &str = "elasticache:CreateReplicationGroup";
    let groups = group_ids(OPERATION, &group.groups, ids)?;
    let token = if group.auth_token {
        let token = cloud.options.auth_token.as_ref().ok_or_else(|| CloudError {
            hint: Some("set the environment variable that `cluster.auth_token_env` names".to_owned()),
            ..own(ErrorKind::Configuration, OPERATION, "the AUTH token is not known")
        })?;
        Some(token.expose().to_owned())
    } else {
        None
    };
    let request = create_request(cloud, group).set_security_group_ids(Some(groups)).set_auth_token(token);
    match request.send().await.map(drop).map_err(failed(OPERATION)) {
        Err(error) if already_exists(&error) => {
            let Some(found) = describe_group(cloud, &group.id).await? else {
                return Err(error);
            };
            adopt(cloud, OPERATION, "replication group", &group.id, found.arn()).await?;
            if found.status() == Some("deleting") {
                return Err(CloudError {
                    kind: ErrorKind::Busy,
                    message: format!("{} It is being deleted.", error.message),
                    ..error
                });
            }
            Ok(())
        }
        other => other,
    }
}

/// NumNodeGroups goes with NodeGroupConfiguration, and ReplicasPerNodeGroup does not: AWS refuses it beside the
/// ReplicaCount of each shard, and an emulator makes a single shard without the number.
fn create_request(
    cloud: &AwsCloud,
    group: &ReplicationGroup,
) -> aws_sdk_elasticache::operation::create_replication_group::builders::CreateReplicationGroupFluentBuilder {
    let mut request = cloud
        .elasticache
        .create_replication_group()
        .replication_group_id(&group.id)
        .replication_group_description(&group.description)
        .port(i32::from(group.port))
        .automatic_failover_enabled(true)
        .multi_az_enabled(group.multi_az)
        .cache_subnet_group_name(&group.subnet_group)
        .snapshot_retention_limit(days(group.snapshot_retention_days))
        .set_snapshot_window(group.snapshot_window.clone())
        .set_preferred_maintenance_window(group.maintenance_window.clone())
        .set_at_rest_encryption_enabled(group.at_rest_encryption)
        .set_kms_key_id(group.kms_key_id.clone())
        .set_user_group_ids(not_empty(&group.user_group_ids))
        .set_notification_topic_arn(group.notification_topic_arn.clone())
        .set_auto_minor_version_upgrade(group.auto_minor_version_upgrade)
        .set_data_tiering_enabled(group.data_tiering)
        .set_network_type(group.network_type.map(api::NetworkType::from))
        .set_ip_discovery(group.ip_discovery.map(api::IpDiscovery::from))
        .set_snapshot_name(group.snapshot_name.clone())
        .set_snapshot_arns(not_empty(&group.snapshot_arns))
        .set_serverless_cache_snapshot_name(group.serverless_snapshot.clone())
        .set_global_replication_group_id(group.global_replication_group_id.clone())
        .set_tags(Some(tag_list(&group.tags)));
    if group.global_replication_group_id.is_some() {
        // A secondary of a global datastore has all else from its primary.
        let replicas = group.shards.iter().map(replicas).max().unwrap_or_default();
        request = request.replicas_per_node_group(count(replicas));
    } else {
        request = request
            .num_node_groups(count(group.shards.len()))
            .set_node_group_configuration(Some(shards_with_slots(group).iter().map(node_group).collect()))
            .cluster_mode(api::ClusterMode::Enabled)
            .engine(&group.engine)
            .engine_version(&group.engine_version)
            .cache_node_type(&group.node_type)
            .cache_parameter_group_name(&group.parameter_group);
    }
    if let Some(word) = group.transit_encryption {
        let (enabled, mode) = transit(word);
        // TLS only is what TLS without a mode means, also to engines that know no modes.
        let mode = mode.filter(|mode| *mode == api::TransitEncryptionMode::Preferred);
        request = request.transit_encryption_enabled(enabled).set_transit_encryption_mode(mode);
    }
    for log in &group.log_delivery {
        request = request.log_delivery_configurations(log_request(log));
    }
    request
}

pub(super) async fn modify_replication_group(
    cloud: &AwsCloud,
    modify: &ModifyReplicationGroup,
    ids: &Ids,
) -> Result<(), CloudError> {
    const OPERATION: &str = "elasticache:ModifyReplicationGroup";
    let groups = modify.groups.as_ref().map(|groups| group_ids(OPERATION, groups, ids));
    let transit = modify.transit_encryption.map(transit);
    let mut request = cloud
        .elasticache
        .modify_replication_group()
        .replication_group_id(&modify.id)
        .apply_immediately(true)
        .set_replication_group_description(modify.description.clone())
        .set_multi_az_enabled(modify.multi_az)
        .set_cache_parameter_group_name(modify.parameter_group.clone())
        .set_security_group_ids(groups.transpose()?)
        .set_snapshot_retention_limit(modify.snapshot_retention_days.map(days))
        .set_snapshot_window(modify.snapshot_window.clone())
        .set_preferred_maintenance_window(modify.maintenance_window.clone())
        .set_notification_topic_arn(modify.notification_topic_arn.clone())
        .set_notification_topic_status(modify.notification_topic_arn.as_ref().map(|_| "active".to_owned()))
        .set_auto_minor_version_upgrade(modify.auto_minor_version_upgrade)
        .set_engine(modify.engine.clone())
        .set_engine_version(modify.engine_version.clone())
        .set_cache_node_type(modify.node_type.clone())
        .set_transit_encryption_enabled(transit.as_ref().map(|(enabled, _)| *enabled))
        .set_transit_encryption_mode(transit.and_then(|(_, mode)| mode))
        .set_ip_discovery(modify.ip_discovery.map(api::IpDiscovery::from))
        .set_user_group_ids_to_add(not_empty(&modify.user_groups_to_add))
        .set_user_group_ids_to_remove(not_empty(&modify.user_groups_to_remove));
    for change in &modify.log_delivery {
        request = request.log_delivery_configurations(match change {
            LogDeliveryChange::Set(log) => log_request(log),
            LogDeliveryChange::Stop(log_type) => api::LogDeliveryConfigurationRequest::builder()
                .log_type(api::LogType::from(log_type.as_str()))
                .enabled(false)
                .build(),
        });
    }
    unchanged_is_fine(request.send().await.map(drop).map_err(failed(OPERATION)))
}

fn replica_counts(counts: &[ReplicaCount]) -> Vec<api::ConfigureShard> {
    let shard = |one: &ReplicaCount| {
        api::ConfigureShard::builder()
            .node_group_id(&one.node_group_id)
            .new_replica_count(days(one.replicas))
            .set_preferred_availability_zones(known_zones(&one.zones))
            .build()
    };
    counts.iter().map(shard).collect()
}

pub(super) async fn increase_replicas(cloud: &AwsCloud, id: &str, counts: &[ReplicaCount]) -> Result<(), CloudError> {
    let request = cloud
        .elasticache
        .increase_replica_count()
        .replication_group_id(id)
        .apply_immediately(true)
        .set_replica_configuration(Some(replica_counts(counts)));
    let answer = request.send().await;
    unchanged_is_fine(answer.map(drop).map_err(failed("elasticache:IncreaseReplicaCount")))
}

pub(super) async fn decrease_replicas(cloud: &AwsCloud, id: &str, counts: &[ReplicaCount]) -> Result<(), CloudError> {
    let request = cloud
        .elasticache
        .decrease_replica_count()
        .replication_group_id(id)
        .apply_immediately(true)
        .set_replica_configuration(Some(replica_counts(counts)));
    let answer = request.send().await;
    unchanged_is_fine(answer.map(drop).map_err(failed("elasticache:DecreaseReplicaCount")))
}

/// Whether the group has so many shards already, and none of those that are to go: the call was made before, and its
/// answer lost.
async fn has_shards(cloud: &AwsCloud, id: &str, shards: usize, gone: &[String]) -> Result<bool, CloudError> {
    let Some(found) = describe_group(cloud, id).await? else {
        return Ok(false);
    };
    let stays = |group: &api::NodeGroup| !gone.iter().any(|gone| group.node_group_id() == Some(gone.as_str()));
    Ok(found.node_groups().len() == shards && found.node_groups().iter().all(stays))
}

pub(super) async fn add_shards(cloud: &AwsCloud, id: &str, shards: &[ShardZones]) -> Result<(), CloudError> {
    if has_shards(cloud, id, shards.len(), &[]).await? {
        return Ok(());
    }
    // All or none: a list that leaves a shard out is refused.
    let zones: Option<Vec<api::ReshardingConfiguration>> = shards
        .iter()
        .map(|shard| {
            let zones = known_zones(&shard.zones)?;
            let one = api::ReshardingConfiguration::builder().node_group_id(&shard.node_group_id);
            Some(one.set_preferred_availability_zones(Some(zones)).build())
        })
        .collect();
    let request = cloud
        .elasticache
        .modify_replication_group_shard_configuration()
        .replication_group_id(id)
        .apply_immediately(true)
        .node_group_count(count(shards.len()))
        .set_resharding_configuration(zones);
    let answer = request.send().await;
    answer.map(drop).map_err(failed(RESHARD))
}

const RESHARD: &str = "elasticache:ModifyReplicationGroupShardConfiguration";

pub(super) async fn remove_shards(cloud: &AwsCloud, id: &str, shards: u32, gone: &[String]) -> Result<(), CloudError> {
    if has_shards(cloud, id, usize::try_from(shards).unwrap_or(usize::MAX), gone).await? {
        return Ok(());
    }
    let request = cloud
        .elasticache
        .modify_replication_group_shard_configuration()
        .replication_group_id(id)
        .apply_immediately(true)
        .node_group_count(days(shards))
        .set_node_groups_to_remove(Some(gone.to_vec()));
    let answer = request.send().await;
    answer.map(drop).map_err(failed(RESHARD))
}

pub(super) async fn delete_replication_group(cloud: &AwsCloud, id: &str, verify_owner: bool) -> Result<(), CloudError> {
    const OPERATION: &str = "elasticache:DeleteReplicationGroup";
    if verify_owner {
        let Some(found) = describe_group(cloud, id).await? else {
            return Ok(());
        };
        if found.status() == Some("deleting") {
            return Ok(());
        }
        verify(cloud, OPERATION, id, &found).await?;
    }
    let request = cloud.elasticache.delete_replication_group().replication_group_id(id);
    gone_is_fine(request.send().await.map(drop).map_err(failed(OPERATION)))
}

/// Deletes a group after a final snapshot. Where an answer was lost, or an earlier run has begun it, the group is on its
/// way with that very snapshot, and nothing is sent.
pub(super) async fn delete_keeping(
    cloud: &AwsCloud,
    id: &str,
    verify_owner: bool,
    snapshot: &str,
) -> Result<(), CloudError> {
    const OPERATION: &str = "elasticache:DeleteReplicationGroup";
    let Some(found) = describe_group(cloud, id).await? else {
        return Ok(());
    };
    if is_ending(cloud, id, &found, snapshot).await? {
        return Ok(());
    }
    if verify_owner {
        verify(cloud, OPERATION, id, &found).await?;
    }
    let request = cloud.elasticache.delete_replication_group().replication_group_id(id);
    let answer = request.final_snapshot_identifier(snapshot).send().await.map(drop).map_err(failed(OPERATION));
    match answer {
        // It may be the one that an answer that was lost had begun.
        Err(error) if error.code.trim_end_matches("Fault") == "SnapshotAlreadyExists" => {
            let found = describe_group(cloud, id).await?;
            let is_ours = match &found {
                Some(found) => is_ending(cloud, id, found, snapshot).await?,
                None => false,
            };
            if is_ours { Ok(()) } else { Err(error) }
        }
        // ElastiCache asks for both, and doesn't say which one is lacking.
        Err(error) if error.code.starts_with("AccessDenied") => Err(CloudError {
            hint: Some(format!("these credentials need the permissions {OPERATION} and elasticache:CreateSnapshot")),
            ..error
        }),
        answer => gone_is_fine(answer),
    }
}

/// Whether a group is being deleted already, or the snapshot of it is being taken after which it is.
async fn is_ending(
    cloud: &AwsCloud,
    id: &str,
    found: &api::ReplicationGroup,
    snapshot: &str,
) -> Result<bool, CloudError> {
    match found.status() {
        Some("deleting") => Ok(true),
        Some("snapshotting") => {
            let named = snapshots::named(cloud, snapshot).await?;
            Ok(named.is_some_and(|named| named.is_of(id) && named.status == "creating"))
        }
        _ => Ok(false),
    }
}

/// `Ok`: the group is the stack's, by its tags or, where its state lets nobody read them, by where it lives.
async fn verify(cloud: &AwsCloud, operation: &str, id: &str, found: &api::ReplicationGroup) -> Result<(), CloudError> {
    let stack = &cloud.options.stack;
    let error = match tags(cloud, found.arn()).await {
        Ok(tags) if Ownership::of(Some(&tags), stack) == Ownership::Ours => return Ok(()),
        Ok(_) => return Err(not_ours(operation, "replication group", id)),
        Err(error) => error,
    };
    let in_wrong_state = error.code.trim_end_matches("Fault") == "InvalidReplicationGroupState";
    let status = found.status().unwrap_or_default();
    if in_wrong_state && matches!(status, "creating" | "modifying" | "snapshotting") {
        let message = format!("`{id}` is {status}, and its tags can't be read: it may not be this stack's");
        return Err(CloudError { message, operation: operation.to_owned(), ..error });
    }
    // Who may not read tags, or can't reach what tells them, is told so.
    if !(in_wrong_state || is_not_found(&error) || error.kind == ErrorKind::Unsupported) {
        return Err(error);
    }
    if lives_in_own(cloud, found).await? {
        return Ok(());
    }
    Err(CloudError {
        hint: Some(format!(
            "if it is this stack's, delete it with `aws elasticache delete-replication-group --replication-group-id \
             {id}`, and run again"
        )),
        ..own(
            ErrorKind::Rejected,
            operation,
            format!("`{id}` is {status}, its tags can't be read, and nothing else says that it is this stack's"),
        )
    })
}

/// Whether a group's members use the stack's own subnet group, or its own security group.
async fn lives_in_own(cloud: &AwsCloud, found: &api::ReplicationGroup) -> Result<bool, CloudError> {
    let stack = &cloud.options.stack;
    let names = Names::new(stack);
    let groups_of = BTreeSet::from([names.cluster_group()]);
    let (subnets, groups) = tokio::try_join!(subnet_groups(cloud, &names), security_groups(cloud, &groups_of))?;
    let own_subnets = subnets.into_iter().filter(|subnets| subnets.ownership == Ownership::Ours);
    let own_subnets = own_subnets.map(|subnets| subnets.name).collect();
    let own_groups =
        groups.iter().filter(|group| Ownership::of(Some(&ec2_tags(group.tags())), stack) == Ownership::Ours);
    let own_groups = own_groups.filter_map(|group| group.group_id().map(str::to_owned)).collect();
    lives_in(cloud, found, &own_subnets, &own_groups).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::answers::{Form, cloud, refusal, response, result};
    use crate::resource::Tags;

    /// A cloud with the group `day19` of this status, whose tags are refused with this code and which has one member
    /// in the subnet group `day19-cluster` with these tags.
    fn with_group(
        status: &'static str,
        refused_with: &'static str,
        subnet_tags: &'static str,
    ) -> impl Fn(&Form) -> String + Send + Sync + 'static {
        move |form| match form["Action"].as_str() {
            "DescribeReplicationGroups" => {
                let group = format!(
                    "<ReplicationGroup><Status>{status}</Status><ARN>arn:group</ARN><MemberClusters>\
                     <ClusterId>day19-0001-001</ClusterId></MemberClusters></ReplicationGroup>"
                );
                result("DescribeReplicationGroups", &format!("<ReplicationGroups>{group}</ReplicationGroups>"))
            }
            "ListTagsForResource" if form["ResourceName"] == "arn:group" => refusal(refused_with, "no tags"),
            "ListTagsForResource" => result("ListTagsForResource", &format!("<TagList>{subnet_tags}</TagList>")),
            "DescribeCacheClusters" => result(
                "DescribeCacheClusters",
                "<CacheClusters><CacheCluster><CacheClusterId>day19-0001-001</CacheClusterId>\
                 <CacheSubnetGroupName>day19-cluster</CacheSubnetGroupName></CacheCluster></CacheClusters>",
            ),
            "DescribeCacheSubnetGroups" => result(
                "DescribeCacheSubnetGroups",
                "<CacheSubnetGroups><CacheSubnetGroup><CacheSubnetGroupName>day19-cluster</CacheSubnetGroupName>\
                 <ARN>arn:subnets</ARN></CacheSubnetGroup></CacheSubnetGroups>",
            ),
            "DescribeSecurityGroups" => response("DescribeSecurityGroups", ""),
            action => result(action, ""),
        }
    }

    const OWN: &str = "<Tag><Key>shardform:stack</Key><Value>day19</Value></Tag>";

    #[tokio::test]
    async fn a_group_that_could_not_be_made_is_known_by_where_it_lives() {
        let (failed, asked) = cloud(with_group("create-failed", "InvalidReplicationGroupState", OWN));
        assert_eq!(delete_replication_group(&failed, "day19", true).await, Ok(()));
        assert_eq!(asked.of("DeleteReplicationGroup").len(), 1);
        let (elsewhere, asked) = cloud(with_group("create-failed", "InvalidReplicationGroupState", ""));
        let error = delete_replication_group(&elsewhere, "day19", true).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Rejected);
        assert!(error.hint.is_some());
        assert_eq!(asked.of("DeleteReplicationGroup").len(), 0);
    }

    /// A cloud with the group `day19` of this status and the snapshot `keep` of this status and of `of`, if of any; its
    /// deletion is refused with a code, if with any.
    fn with_snapshot(
        status: &'static str,
        snapshot: Option<(&'static str, &'static str)>,
        refused_with: Option<&'static str>,
    ) -> impl Fn(&Form) -> String + Send + Sync + 'static {
        move |form| match (form["Action"].as_str(), snapshot, refused_with) {
            ("DescribeReplicationGroups", ..) => {
                let group = format!("<ReplicationGroup><Status>{status}</Status></ReplicationGroup>");
                result("DescribeReplicationGroups", &format!("<ReplicationGroups>{group}</ReplicationGroups>"))
            }
            ("DescribeSnapshots", None, _) => refusal("SnapshotNotFoundFault", "none"),
            ("DescribeSnapshots", Some((of, status)), _) => {
                let one = format!(
                    "<Snapshot><SnapshotName>keep</SnapshotName><ReplicationGroupId>{of}</ReplicationGroupId>\
                     <SnapshotStatus>{status}</SnapshotStatus></Snapshot>"
                );
                result("DescribeSnapshots", &format!("<Snapshots>{one}</Snapshots>"))
            }
            (_, _, Some(code)) => refusal(code, "no"),
            (action, ..) => result(action, ""),
        }
    }

    #[tokio::test]
    async fn a_final_snapshot_that_has_begun_is_not_begun_again() {
        for (status, snapshot, calls) in [
            ("available", None, 1),
            ("deleting", None, 0),
            ("snapshotting", Some(("DAY19", "creating")), 0),
            ("snapshotting", Some(("other", "creating")), 1),
            ("snapshotting", None, 1),
        ] {
            let (cloud, asked) = cloud(with_snapshot(status, snapshot, None));
            assert_eq!(delete_keeping(&cloud, "day19", false, "keep").await, Ok(()), "{status}");
            let sent = asked.of("DeleteReplicationGroup");
            assert_eq!(sent.len(), calls, "{status} {snapshot:?}");
            assert!(sent.iter().all(|form| form["FinalSnapshotIdentifier"] == "keep"));
        }
    }

    #[tokio::test]
    async fn a_refused_final_snapshot_is_told_unless_it_was_begun_by_the_same_call() {
        let refused = |code| with_snapshot("available", Some(("day19", "available")), Some(code));
        let (taken, _) = cloud(refused("SnapshotAlreadyExistsFault"));
        let error = delete_keeping(&taken, "day19", false, "keep").await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Rejected, "SnapshotAlreadyExistsFault"));
        let (busy, _) = cloud(refused("InvalidReplicationGroupState"));
        assert_eq!(delete_keeping(&busy, "day19", false, "keep").await.unwrap_err().kind, ErrorKind::Busy);
        let (denied, _) = cloud(with_snapshot("available", None, Some("AccessDenied")));
        let hint = delete_keeping(&denied, "day19", false, "keep").await.unwrap_err().hint.unwrap_or_default();
        assert!(hint.ends_with("and elasticache:CreateSnapshot"), "{hint}");
    }

    #[tokio::test]
    async fn only_a_group_on_its_way_is_waited_for() {
        for status in ["creating", "modifying", "snapshotting"] {
            let (cloud, _) = cloud(with_group(status, "InvalidReplicationGroupState", OWN));
            let error = delete_replication_group(&cloud, "day19", true).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Busy, "{status}");
        }
        for code in ["AccessDenied", "UnauthorizedOperation"] {
            let (cloud, asked) = cloud(with_group("creating", code, OWN));
            let error = delete_replication_group(&cloud, "day19", true).await.unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Rejected, "no tags"));
            let hint = error.hint.unwrap_or_default();
            assert!(hint.contains("elasticache:ListTagsForResource"), "{hint}");
            assert_eq!(asked.of("DeleteReplicationGroup").len(), 0);
        }
    }

    #[test]
    fn zones_are_sent_only_where_all_are_known() {
        let zones = |zones: &[&str]| known_zones(&zones.iter().map(|zone| (*zone).to_owned()).collect::<Vec<_>>());
        assert_eq!(zones(&["a", "b"]).map(|zones| zones.len()), Some(2));
        assert_eq!(zones(&["a", ""]), None);
        assert_eq!(zones(&[]), None);
    }

    fn shard(id: &str) -> Shard {
        Shard {
            id: id.to_owned(),
            slots: None,
            primary_zone: "us-east-1a".to_owned(),
            replica_zones: vec!["us-east-1b".to_owned(), "us-east-1c".to_owned()],
            primary_outpost_arn: None,
            replica_outpost_arns: Vec::new(),
        }
    }

    fn wanted() -> ReplicationGroup {
        ReplicationGroup {
            id: "day19".to_owned(),
            description: "a cluster".to_owned(),
            engine: "redis".to_owned(),
            engine_version: "7.1".to_owned(),
            node_type: "cache.t3.micro".to_owned(),
            port: 6379,
            shards: vec![shard("0001"), shard("0002"), shard("0003")],
            multi_az: true,
            parameter_group: "default.redis7.cluster.on".to_owned(),
            own_parameter_group: false,
            subnet_group: "day19-cluster".to_owned(),
            groups: vec![GroupRef::Known("sg-1".to_owned())],
            snapshot_retention_days: 0,
            snapshot_window: None,
            maintenance_window: None,
            transit_encryption: None,
            at_rest_encryption: None,
            kms_key_id: None,
            auth_token: false,
            user_group_ids: Vec::new(),
            notification_topic_arn: None,
            auto_minor_version_upgrade: None,
            log_delivery: Vec::new(),
            data_tiering: None,
            network_type: None,
            ip_discovery: None,
            snapshot_name: None,
            snapshot_arns: Vec::new(),
            serverless_snapshot: None,
            global_replication_group_id: None,
            tags: Tags::new(),
        }
    }

    async fn sent(group: &ReplicationGroup) -> Form {
        let (cloud, asked) = cloud(|form| result(&form["Action"], ""));
        create_replication_group(&cloud, group, &Ids::new()).await.unwrap();
        asked.of("CreateReplicationGroup").remove(0)
    }

    #[tokio::test]
    async fn a_cluster_that_is_seeded_from_files_says_which_slots_its_shards_serve() {
        let slots = |form: &Form| -> Vec<String> {
            form.iter().filter(|(key, _)| key.ends_with(".Slots")).map(|(_, slots)| slots.clone()).collect()
        };
        assert!(slots(&sent(&wanted()).await).is_empty());
        let arns = vec!["arn:aws:s3:::bucket/dump.rdb".to_owned()];
        let mut seeded = ReplicationGroup { snapshot_arns: arns, ..wanted() };
        assert_eq!(slots(&sent(&seeded).await), ["0-5461", "5462-10922", "10923-16383"]);
        seeded.shards.truncate(1);
        assert_eq!(slots(&sent(&seeded).await), ["0-16383"]);
        seeded.shards[0].slots = Some("0-99".to_owned());
        assert_eq!(slots(&sent(&seeded).await), ["0-99"]);
    }

    #[tokio::test]
    async fn a_secondary_of_a_global_datastore_takes_its_shape_from_the_primary() {
        let own = |form: &Form| -> Vec<String> {
            let prefixes = ["NumNodeGroups", "NodeGroupConfiguration", "ClusterMode", "Engine", "CacheNodeType"];
            let is_own = |key: &&String| prefixes.iter().any(|prefix| key.starts_with(prefix));
            form.keys().filter(is_own).cloned().collect()
        };
        let form = sent(&wanted()).await;
        assert!(!own(&form).is_empty() && !form.contains_key("ReplicasPerNodeGroup"), "{form:?}");
        let form =
            sent(&ReplicationGroup { global_replication_group_id: Some("ldgnf-day".to_owned()), ..wanted() }).await;
        assert_eq!(own(&form), Vec::<String>::new());
        assert_eq!(form["ReplicasPerNodeGroup"], "2");
        assert!(!form.contains_key("CacheParameterGroupName"));
    }

    #[tokio::test]
    async fn shards_that_have_come_or_gone_already_are_no_call() {
        async fn calls(live: &'static [&'static str], wanted: u32, gone: Option<&str>) -> usize {
            let (cloud, asked) = cloud(move |form| {
                let shards = live.iter().map(|id| format!("<NodeGroup><NodeGroupId>{id}</NodeGroupId></NodeGroup>"));
                let shards: String = shards.collect();
                let group = format!("<ReplicationGroup><NodeGroups>{shards}</NodeGroups></ReplicationGroup>");
                result(&form["Action"], &format!("<ReplicationGroups>{group}</ReplicationGroups>"))
            });
            match gone {
                Some(gone) => remove_shards(&cloud, "day19", wanted, &[gone.to_owned()]).await.unwrap(),
                None => {
                    let shard = ShardZones { node_group_id: "0001".to_owned(), zones: Vec::new() };
                    add_shards(&cloud, "day19", &vec![shard; wanted as usize]).await.unwrap();
                }
            }
            asked.of("ModifyReplicationGroupShardConfiguration").len()
        }
        assert_eq!(calls(&["0001", "0002"], 3, None).await, 1);
        assert_eq!(calls(&["0001", "0002", "0003"], 3, None).await, 0);
        assert_eq!(calls(&["0001", "0002", "0003"], 2, Some("0003")).await, 1);
        assert_eq!(calls(&["0001", "0002"], 2, Some("0003")).await, 0);
        assert_eq!(calls(&["0001", "0003"], 2, Some("0003")).await, 1);
    }
}
