//! Reads what ElastiCache holds of a stack: replication group with its members, subnet group, parameter groups.
//!
//! A replication group tells neither its engine version nor its security, subnet and parameter groups: its member
//! clusters do, and only an unfiltered read lists them all.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticache::types as api;
use tokio::task::JoinSet;

use crate::aws::error::{failed, own};
use crate::aws::{AwsCloud, text};
use crate::cloud::{CloudError, ErrorKind};
use crate::diff::log_text;
use crate::lifetime::read_suffix;
use crate::observed::{Endpoint, LiveMember, LiveNodeGroup, LiveParameterGroup, LiveReplicationGroup, LiveSubnetGroup};
use crate::resource::{Names, Ownership, Tags};
use crate::spec::{LogDelivery, LogDestination, LogFormat, LogType};

/// ElastiCache's longest page.
pub(in crate::aws) const MOST_RECORDS: i32 = 100;

/// The replication group, its tags, and what its members tell.
pub(super) async fn replication_group(cloud: &AwsCloud, id: &str) -> Result<Option<LiveReplicationGroup>, CloudError> {
    let (found, first_page) = tokio::try_join!(describe_group(cloud, id), clusters(cloud, None))?;
    let Some(group) = found else { return Ok(None) };
    let (tags, members) = tokio::join!(tags(cloud, group.arn()), members(cloud, &group, first_page));
    Ok(Some(live_group(&group, &members?, tags.ok(), &cloud.options.stack)))
}

/// One replication group; `None`: there is none.
pub(in crate::aws) async fn describe_group(
    cloud: &AwsCloud,
    id: &str,
) -> Result<Option<api::ReplicationGroup>, CloudError> {
    let request = cloud.elasticache.describe_replication_groups().replication_group_id(id);
    match request.send().await.map_err(failed("elasticache:DescribeReplicationGroups")) {
        Ok(answer) => Ok(answer.replication_groups.unwrap_or_default().into_iter().next()),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the code says that there is no such thing: some keep AWS's `Fault`, some drop it.
pub(in crate::aws) fn is_not_found(error: &CloudError) -> bool {
    error.code.trim_end_matches("Fault").ends_with("NotFound")
}

/// Tags by ARN. They can't be read in every state, as while a group is being made.
pub(in crate::aws) async fn tags(cloud: &AwsCloud, arn: Option<&str>) -> Result<Tags, CloudError> {
    const OPERATION: &str = "elasticache:ListTagsForResource";
    let arn = arn.ok_or_else(|| own(ErrorKind::Unsupported, OPERATION, "no ARN is told"))?;
    let request = cloud.elasticache.list_tags_for_resource().resource_name(arn);
    let answer = request.send().await.map_err(failed(OPERATION))?;
    let list = answer.tag_list.unwrap_or_default();
    let pair = |tag: api::Tag| Some((tag.key?, tag.value.unwrap_or_default()));
    Ok(list.into_iter().filter_map(pair).collect())
}

/// Whether a group's members are in one of these subnet groups, or of these security groups.
pub(in crate::aws) async fn lives_in(
    cloud: &AwsCloud,
    group: &api::ReplicationGroup,
    subnet_groups: &BTreeSet<String>,
    security_groups: &BTreeSet<String>,
) -> Result<bool, CloudError> {
    let members = members(cloud, group, clusters(cloud, None).await?).await?;
    Ok(members.iter().filter_map(member).any(|member| {
        let in_subnets = member.subnet_group.as_ref().is_some_and(|name| subnet_groups.contains(name));
        in_subnets || !member.group_ids.is_disjoint(security_groups)
    }))
}

/// A page of all cache clusters, and where the next begins.
struct Page {
    clusters: Vec<api::CacheCluster>,
    marker: Option<String>,
}

async fn clusters(cloud: &AwsCloud, marker: Option<String>) -> Result<Page, CloudError> {
    let request = cloud
        .elasticache
        .describe_cache_clusters()
        .show_cache_node_info(true)
        .max_records(MOST_RECORDS)
        .set_marker(marker);
    match request.send().await.map_err(failed("elasticache:DescribeCacheClusters")) {
        Ok(answer) => Ok(Page {
            clusters: answer.cache_clusters.unwrap_or_default(),
            marker: answer.marker.filter(|marker| !marker.is_empty()),
        }),
        Err(error) if error.kind == ErrorKind::Unsupported => Ok(Page { clusters: Vec::new(), marker: None }),
        Err(error) => Err(error),
    }
}

/// The group's members: those on the first page, and what is missing by its id, side by side, since page after page
/// would take a round trip each.
async fn members(
    cloud: &AwsCloud,
    group: &api::ReplicationGroup,
    first: Page,
) -> Result<Vec<api::CacheCluster>, CloudError> {
    let mut missing: BTreeSet<&str> = group.member_clusters().iter().map(String::as_str).collect();
    let mut members: Vec<api::CacheCluster> = first.clusters;
    members.retain(|cluster| cluster.cache_cluster_id().is_some_and(|id| missing.remove(id)));
    if first.marker.is_none() {
        return Ok(members);
    }
    let mut reads = JoinSet::new();
    for id in missing {
        let request = cloud.elasticache.describe_cache_clusters().cache_cluster_id(id).show_cache_node_info(true);
        reads.spawn(async move { request.send().await.map_err(failed("elasticache:DescribeCacheClusters")) });
    }
    // A read neither panics nor is it ever aborted.
    while let Some(Ok(read)) = reads.join_next().await {
        match read {
            Ok(answer) => members.extend(answer.cache_clusters.unwrap_or_default()),
            // One that has gone in the meantime.
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error),
        }
    }
    members.sort_by(|one, other| one.cache_cluster_id().cmp(&other.cache_cluster_id()));
    Ok(members)
}

/// The group's members, from as many pages as it takes to find them all: where one looks again and again, the fewest
/// calls count.
async fn members_by_pages(
    cloud: &AwsCloud,
    group: &api::ReplicationGroup,
) -> Result<Vec<api::CacheCluster>, CloudError> {
    let ids: BTreeSet<&str> = group.member_clusters().iter().map(String::as_str).collect();
    let mut members: Vec<api::CacheCluster> = Vec::new();
    let mut page = clusters(cloud, None).await?;
    loop {
        let ours = |cluster: &api::CacheCluster| cluster.cache_cluster_id().is_some_and(|id| ids.contains(id));
        members.extend(page.clusters.into_iter().filter(ours));
        match page.marker {
            Some(marker) if members.len() < ids.len() => page = clusters(cloud, Some(marker)).await?,
            _ => return Ok(members),
        }
    }
}

/// How many of a group's members are `available`; `None` where they aren't told.
pub(in crate::aws) async fn available_members(cloud: &AwsCloud, group: &api::ReplicationGroup) -> Option<usize> {
    let members = members_by_pages(cloud, group).await.ok()?;
    let available = |member: &&api::CacheCluster| member.cache_cluster_status() == Some("available");
    (!members.is_empty()).then(|| members.iter().filter(available).count())
}

/// A replication group as a value.
pub(in crate::aws) fn live_group(
    group: &api::ReplicationGroup,
    members: &[api::CacheCluster],
    tags: Option<Tags>,
    stack: &str,
) -> LiveReplicationGroup {
    let mut node_groups: Vec<LiveNodeGroup> = group.node_groups().iter().map(node_group).collect();
    node_groups.sort_by(|a, b| a.id.cmp(&b.id));
    let logs = group.log_delivery_configurations().iter().filter(|log| is_delivered(log));
    LiveReplicationGroup {
        ownership: Ownership::of(tags.as_ref(), stack),
        arn: text(group.arn()),
        status: group.status().unwrap_or_default().to_owned(),
        description: text(group.description()),
        engine: text(group.engine()).or_else(|| members.iter().find_map(|member| text(member.engine()))),
        node_type: text(group.cache_node_type()),
        cluster_enabled: group.cluster_enabled(),
        multi_az: group.multi_az().map(|state| *state == api::MultiAzStatus::Enabled),
        endpoint: group.configuration_endpoint().and_then(endpoint),
        node_groups,
        member_ids: group.member_clusters().to_vec(),
        members: members.iter().filter_map(member).collect(),
        snapshot_retention_days: group.snapshot_retention_limit().and_then(|days| u32::try_from(days).ok()),
        snapshot_window: text(group.snapshot_window()),
        auth_token_enabled: group.auth_token_enabled(),
        transit_encryption: transit_encryption(group),
        at_rest_encryption: group.at_rest_encryption_enabled(),
        kms_key_id: text(group.kms_key_id()),
        user_group_ids: group.user_group_ids.as_ref().map(|ids| ids.iter().cloned().collect()),
        log_delivery: group.log_delivery_configurations.as_ref().map(|_| logs.filter_map(log_delivery).collect()),
        data_tiering: group.data_tiering().map(|state| *state == api::DataTieringStatus::Enabled),
        auto_minor_version_upgrade: group.auto_minor_version_upgrade(),
        network_type: group.network_type().and_then(|kind| text(Some(kind.as_str()))),
        ip_discovery: group.ip_discovery().and_then(|kind| text(Some(kind.as_str()))),
        pending: pending(group, members),
        tags,
    }
}

pub(in crate::aws) fn endpoint(endpoint: &api::Endpoint) -> Option<Endpoint> {
    Some(Endpoint { address: text(endpoint.address())?, port: u16::try_from(endpoint.port()?).ok()? })
}

fn node_group(group: &api::NodeGroup) -> LiveNodeGroup {
    let zone = |member: &api::NodeGroupMember| {
        let zone = member.preferred_availability_zone().unwrap_or_default();
        Some((member.cache_cluster_id()?.to_owned(), zone.to_owned()))
    };
    LiveNodeGroup {
        id: group.node_group_id().unwrap_or_default().to_owned(),
        status: group.status().unwrap_or_default().to_owned(),
        slots: text(group.slots()),
        zones: group.node_group_members().iter().filter_map(zone).collect(),
    }
}

fn member(cluster: &api::CacheCluster) -> Option<LiveMember> {
    let groups = cluster.security_groups().iter().filter_map(|group| text(group.security_group_id()));
    let parameters = cluster.cache_parameter_group();
    let topic = cluster.notification_configuration().filter(|topic| topic.topic_status() != Some("inactive"));
    let node = cluster.cache_nodes().first();
    Some(LiveMember {
        id: cluster.cache_cluster_id()?.to_owned(),
        status: cluster.cache_cluster_status().unwrap_or_default().to_owned(),
        engine_version: text(cluster.engine_version()),
        group_ids: groups.collect(),
        subnet_group: text(cluster.cache_subnet_group_name()),
        parameter_group: text(parameters.and_then(|group| group.cache_parameter_group_name())),
        parameter_status: text(parameters.and_then(|group| group.parameter_apply_status())),
        maintenance_window: text(cluster.preferred_maintenance_window()),
        notification_topic_arn: text(topic.and_then(|topic| topic.topic_arn())),
        endpoint: node.and_then(|node| node.endpoint()).and_then(endpoint),
    })
}

/// Encryption in transit in the plan file's words. Enabled without a mode is what it was before there were modes:
/// TLS only.
fn transit_encryption(group: &api::ReplicationGroup) -> Option<String> {
    let word = match (group.transit_encryption_enabled()?, group.transit_encryption_mode()) {
        (false, _) => "off",
        (true, Some(api::TransitEncryptionMode::Preferred)) => "preferred",
        (true, _) => "required",
    };
    Some(word.to_owned())
}

/// What stops, or has failed to begin, isn't delivered as the plan file asks for.
fn is_delivered(log: &api::LogDeliveryConfiguration) -> bool {
    use api::LogDeliveryConfigurationStatus::{Disabling, Error};
    !matches!(log.status(), Some(Disabling | Error))
}

/// A log's delivery in the form in which it is compared; `None` where it is of a kind that no plan file can ask for.
fn log_delivery(log: &api::LogDeliveryConfiguration) -> Option<String> {
    let log_type = match log.log_type()? {
        api::LogType::SlowLog => LogType::Slow,
        api::LogType::EngineLog => LogType::Engine,
        _ => return None,
    };
    let details = log.destination_details()?;
    let (destination_type, destination) = match log.destination_type()? {
        api::DestinationType::CloudWatchLogs => {
            (LogDestination::CloudWatchLogs, details.cloud_watch_logs_details()?.log_group())
        }
        api::DestinationType::KinesisFirehose => {
            (LogDestination::KinesisFirehose, details.kinesis_firehose_details()?.delivery_stream())
        }
        _ => return None,
    };
    let format = match log.log_format()? {
        api::LogFormat::Text => LogFormat::Text,
        _ => LogFormat::Json,
    };
    Some(log_text(&LogDelivery { log_type, destination_type, destination: destination?.to_owned(), format }))
}

/// What waits for the maintenance window or is under way, as `field = value`; each once, though every member tells it.
fn pending(group: &api::ReplicationGroup, members: &[api::CacheCluster]) -> Vec<String> {
    let mut texts = BTreeSet::new();
    let mut tell = |field: &str, value: Option<String>| {
        texts.extend(value.map(|value| format!("{field} = {value}")));
    };
    if let Some(waiting) = group.pending_modified_values() {
        let enabled = waiting.automatic_failover_status().map(|state| state.as_str());
        tell("automatic_failover", text(enabled));
        tell("primary_cluster_id", text(waiting.primary_cluster_id()));
        let resharding = waiting.resharding().and_then(|resharding| resharding.slot_migration());
        let percent = resharding.and_then(|migration| migration.progress_percentage());
        let percent = percent.map(|percent| format!("{percent} % of the slots moved"));
        tell("resharding", percent);
        let token = waiting.auth_token_status().map(|state| state.as_str());
        tell("auth_token", text(token));
        tell("transit_encryption", waiting.transit_encryption_enabled().map(|on| on.to_string()));
        let mode = waiting.transit_encryption_mode().map(|mode| mode.as_str());
        tell("transit_encryption_mode", text(mode));
        tell("cluster_mode", text(waiting.cluster_mode().map(|mode| mode.as_str())));
        if let Some(groups) = waiting.user_groups() {
            let changes = groups.user_group_ids_to_add().iter().map(|id| format!("+{id}"));
            let gone = groups.user_group_ids_to_remove().iter().map(|id| format!("-{id}"));
            let all: Vec<String> = changes.chain(gone).collect();
            tell("user_group_ids", text(Some(&all.join(" "))));
        }
        for log in waiting.log_delivery_configurations() {
            tell("log_delivery", log.log_type().map(|kind| kind.as_str().to_owned()));
        }
    }
    for waiting in members.iter().filter_map(api::CacheCluster::pending_modified_values) {
        tell("engine_version", text(waiting.engine_version()));
        tell("node_type", text(waiting.cache_node_type()));
    }
    texts.into_iter().collect()
}

/// The subnet groups whose names are the stack's, with whatever they say behind it, and their tags. Names that say
/// anything else are of no interest, and nobody's tags are read for them.
pub(in crate::aws) async fn subnet_groups(cloud: &AwsCloud, names: &Names) -> Result<Vec<LiveSubnetGroup>, CloudError> {
    let request = cloud.elasticache.describe_cache_subnet_groups().max_records(MOST_RECORDS);
    let groups: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let groups = groups.map_err(failed("elasticache:DescribeCacheSubnetGroups"))?;
    let is_named = |name: &str| names.subnet_group_suffix(name).and_then(read_suffix).is_some();
    let mut found: Vec<LiveSubnetGroup> =
        groups.iter().filter(|group| group.cache_subnet_group_name().is_some_and(is_named)).map(live_subnets).collect();
    let arns: Vec<Option<String>> = found.iter().map(|group| group.arn.clone()).collect();
    for (group, tags) in found.iter_mut().zip(all_tags(cloud, arns).await) {
        group.ownership = Ownership::of(tags.as_ref(), &names.stack);
        group.tags = tags;
    }
    Ok(found)
}

fn live_subnets(group: &api::CacheSubnetGroup) -> LiveSubnetGroup {
    LiveSubnetGroup {
        ownership: Ownership::Unknown,
        name: group.cache_subnet_group_name().unwrap_or_default().to_owned(),
        arn: text(group.arn()),
        vpc_id: group.vpc_id().unwrap_or_default().to_owned(),
        subnet_ids: group.subnets().iter().filter_map(|subnet| text(subnet.subnet_identifier())).collect(),
        tags: None,
    }
}

/// Which of the groups of its name a stack lives in, and which of its own are left over. A stranger's counts only where
/// its name is the plain one: any other is in nobody's way.
pub(super) fn choose_subnet_group(
    mut groups: Vec<LiveSubnetGroup>,
    names: &Names,
    cluster: Option<&LiveReplicationGroup>,
) -> (Option<LiveSubnetGroup>, Vec<LiveSubnetGroup>) {
    let members = cluster.into_iter().flat_map(|cluster| &cluster.members);
    let used: BTreeSet<&str> = members.filter_map(|member| member.subnet_group.as_deref()).collect();
    let plain = names.subnet_group("");
    groups.retain(|group| group.ownership != Ownership::Foreign || group.name == plain);
    let rank = |group: &LiveSubnetGroup| match group.ownership {
        Ownership::Ours => (0, !used.contains(group.name.as_str()), group.name.clone()),
        Ownership::Unknown => (1, !used.contains(group.name.as_str()), group.name.clone()),
        Ownership::Foreign => (2, true, group.name.clone()),
    };
    groups.sort_by_key(rank);
    let mut groups = groups.into_iter();
    let chosen = groups.next();
    (chosen, groups.filter(|group| group.ownership != Ownership::Foreign).collect())
}

/// The tags of several resources by their ARNs, side by side and in this order; `None`: they can't be read.
pub(in crate::aws) async fn all_tags(cloud: &AwsCloud, arns: Vec<Option<String>>) -> Vec<Option<Tags>> {
    let mut read: Vec<Option<Tags>> = arns.iter().map(|_| None).collect();
    let mut reads = JoinSet::new();
    for (index, arn) in arns.into_iter().enumerate() {
        let Some(arn) = arn else { continue };
        let request = cloud.elasticache.list_tags_for_resource().resource_name(arn);
        reads.spawn(async move { (index, request.send().await.ok()) });
    }
    // A read neither panics nor is it ever aborted.
    while let Some(done) = reads.join_next().await {
        let Ok((index, Some(answer))) = done else { continue };
        let pairs = answer.tag_list.unwrap_or_default().into_iter();
        read[index] = Some(pairs.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect());
    }
    read
}

pub(in crate::aws) async fn describe_subnet_group(
    cloud: &AwsCloud,
    name: &str,
) -> Result<Option<api::CacheSubnetGroup>, CloudError> {
    let request = cloud.elasticache.describe_cache_subnet_groups().cache_subnet_group_name(name);
    match request.send().await.map_err(failed("elasticache:DescribeCacheSubnetGroups")) {
        Ok(answer) => Ok(answer.cache_subnet_groups.unwrap_or_default().into_iter().next()),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The parameter groups that carry the stack's name and their family's. What is at most a check of something that
/// most stacks don't have is no reason to fail where the cloud lacks the call.
pub(super) async fn parameter_groups(cloud: &AwsCloud, names: &Names) -> Result<Vec<LiveParameterGroup>, CloudError> {
    let request = cloud.elasticache.describe_cache_parameter_groups();
    let groups: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let groups = match groups.map_err(failed("elasticache:DescribeCacheParameterGroups")) {
        Ok(groups) => groups,
        Err(error) if error.kind == ErrorKind::Unsupported => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found: Vec<LiveParameterGroup> = groups.iter().filter_map(|group| live_parameters(group, names)).collect();
    let arns: Vec<Option<String>> = found.iter().map(|group| group.arn.clone()).collect();
    for (group, tags) in found.iter_mut().zip(all_tags(cloud, arns).await) {
        group.ownership = Ownership::of(tags.as_ref(), &names.stack);
        group.tags = tags;
    }
    Ok(found)
}

fn live_parameters(group: &api::CacheParameterGroup, names: &Names) -> Option<LiveParameterGroup> {
    let name = group.cache_parameter_group_name()?;
    let family = group.cache_parameter_group_family()?;
    (name == names.parameter_group(family)).then(|| LiveParameterGroup {
        ownership: Ownership::Unknown,
        name: name.to_owned(),
        arn: text(group.arn()),
        family: family.to_owned(),
        parameters: None,
        tags: None,
    })
}

/// The parameters that a user has set in a group.
pub(super) async fn user_parameters(
    cloud: &AwsCloud,
    group: Option<&str>,
) -> Result<Option<BTreeMap<String, String>>, CloudError> {
    let Some(group) = group else { return Ok(None) };
    let request = cloud.elasticache.describe_cache_parameters().cache_parameter_group_name(group).source("user");
    let pages: Result<Vec<_>, _> = request.into_paginator().send().collect().await;
    let pages = match pages.map_err(failed("elasticache:DescribeCacheParameters")) {
        Ok(pages) => pages,
        Err(error) if is_not_found(&error) || error.kind == ErrorKind::Unsupported => return Ok(None),
        Err(error) => return Err(error),
    };
    let parameters = pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
    let pair = |parameter: api::Parameter| Some((parameter.parameter_name?, parameter.parameter_value?));
    Ok(Some(parameters.filter_map(pair).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::answers::{cloud, refusal, result};

    #[tokio::test]
    async fn members_that_are_not_on_the_first_page_are_asked_for_by_their_ids() {
        let page = |id: &str, marker: &str| {
            let cluster = format!("<CacheCluster><CacheClusterId>{id}</CacheClusterId></CacheCluster>");
            result(
                "DescribeCacheClusters",
                &format!("<CacheClusters>{cluster}</CacheClusters><Marker>{marker}</Marker>"),
            )
        };
        let (cloud, asked) = cloud(move |form| match (form["Action"].as_str(), form.get("CacheClusterId")) {
            ("DescribeReplicationGroups", _) => {
                let ids = ["day19-0001-001", "day19-0001-002", "day19-0002-001", "day19-0002-002"];
                let ids = ids.map(|id| format!("<ClusterId>{id}</ClusterId>")).concat();
                let group = format!("<ReplicationGroup><MemberClusters>{ids}</MemberClusters></ReplicationGroup>");
                result("DescribeReplicationGroups", &format!("<ReplicationGroups>{group}</ReplicationGroups>"))
            }
            ("DescribeCacheClusters", None) => page("day19-0001-002", "more"),
            ("DescribeCacheClusters", Some(id)) if id == "day19-0002-001" => refusal("CacheClusterNotFound", "gone"),
            ("DescribeCacheClusters", Some(id)) => page(id, ""),
            (action, _) => result(action, ""),
        });
        let group = replication_group(&cloud, "day19").await.unwrap().unwrap();
        let ids: Vec<&str> = group.members.iter().map(|member| member.id.as_str()).collect();
        assert_eq!(ids, ["day19-0001-001", "day19-0001-002", "day19-0002-002"]);
        assert_eq!(asked.of("DescribeCacheClusters").len(), 4);
    }

    #[test]
    fn of_several_subnet_groups_the_one_in_use_counts_and_strangers_count_by_the_plain_name_alone() {
        let names = Names::new("day19");
        let group = |name: &str, ownership: Ownership| LiveSubnetGroup {
            ownership,
            name: format!("day19-cluster{name}"),
            arn: None,
            vpc_id: String::new(),
            subnet_ids: BTreeSet::new(),
            tags: None,
        };
        let member = api::CacheCluster::builder()
            .cache_cluster_id("day19-0001-001")
            .cache_subnet_group_name("day19-cluster-by-bob")
            .build();
        let cluster = live_group(&api::ReplicationGroup::builder().build(), &[member], None, "day19");
        let chosen = |groups: Vec<LiveSubnetGroup>, cluster: Option<&LiveReplicationGroup>| {
            let (chosen, spare) = choose_subnet_group(groups, &names, cluster);
            let names = chosen.into_iter().chain(spare).map(|group| group.name.replace("day19-cluster", ""));
            names.collect::<Vec<_>>()
        };
        let own = || vec![group("-by-ann", Ownership::Ours), group("-by-bob", Ownership::Ours)];
        assert_eq!(chosen(own(), None), ["-by-ann", "-by-bob"]);
        assert_eq!(chosen(own(), Some(&cluster)), ["-by-bob", "-by-ann"]);
        assert_eq!(chosen(vec![group("-by-eve", Ownership::Foreign)], None), Vec::<String>::new());
        assert_eq!(chosen(vec![group("", Ownership::Foreign)], None), [""]);
        assert_eq!(chosen(vec![group("", Ownership::Foreign), group("-by-ann", Ownership::Ours)], None), ["-by-ann"]);
    }

    #[test]
    fn a_log_that_fails_to_be_delivered_does_not_count() {
        let log = |status: api::LogDeliveryConfigurationStatus| {
            let group = api::CloudWatchLogsDestinationDetails::builder().log_group("logs").build();
            api::LogDeliveryConfiguration::builder()
                .log_type(api::LogType::SlowLog)
                .destination_type(api::DestinationType::CloudWatchLogs)
                .destination_details(api::DestinationDetails::builder().cloud_watch_logs_details(group).build())
                .log_format(api::LogFormat::Json)
                .status(status)
                .build()
        };
        let live = |status: api::LogDeliveryConfigurationStatus| {
            let group = api::ReplicationGroup::builder().log_delivery_configurations(log(status)).build();
            live_group(&group, &[], None, "day19").log_delivery.map(|logs| logs.len())
        };
        assert_eq!(live(api::LogDeliveryConfigurationStatus::Active), Some(1));
        assert_eq!(live(api::LogDeliveryConfigurationStatus::Modifying), Some(1));
        assert_eq!(live(api::LogDeliveryConfigurationStatus::Error), Some(0));
        assert_eq!(live(api::LogDeliveryConfigurationStatus::Disabling), Some(0));
    }
}
