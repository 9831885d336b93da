//! Reads what a whole region holds of stacks, and which regions there are.
//!
//! The number of calls grows by pages alone: EC2's listings bring tags, and nobody's tags are read one by one here
//! unless they are asked for.

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{Instance, KeyPairInfo, SecurityGroup};
use aws_sdk_elasticache::types as api;

use super::error::failed;
use super::observe::ec2::LIVE_STATES;
use super::observe::elasticache::{MOST_RECORDS, all_tags, endpoint};
use super::{AwsCloud, ec2_tags, filter, text};
use crate::cloud::{CloudError, ErrorKind};
use crate::resource::STACK_TAG;
use crate::stacks::{
    Inventory, ListedEc2, ListedGroup, ListedHost, ListedMember, ListedParameterGroup, ListedSubnetGroup,
};

/// EC2's longest page.
const MOST_RESULTS: i32 = 1000;
/// How many resources' tags are asked for at a time.
const READS_AT_A_TIME: usize = 16;

impl AwsCloud {
    /// All that this region lists which may be of a stack: seven paged reads, side by side.
    ///
    /// # Errors
    /// One of the reads is refused or can't be made.
    pub async fn inventory(&self) -> Result<Inventory, CloudError> {
        let ec2 = async {
            tokio::try_join!(Box::pin(security_groups(self)), Box::pin(hosts(self)), Box::pin(key_pairs(self)),)
        };
        let elasticache = async {
            tokio::try_join!(
                Box::pin(replication_groups(self)),
                Box::pin(members(self)),
                Box::pin(subnet_groups(self)),
                Box::pin(parameter_groups(self)),
            )
        };
        let (ec2, elasticache) = tokio::try_join!(ec2, elasticache)?;
        let (security_groups, hosts, key_pairs) = ec2;
        let (replication_groups, members, subnet_groups, parameter_groups) = elasticache;
        Ok(Inventory {
            region: self.region.clone(),
            replication_groups,
            members,
            subnet_groups,
            parameter_groups,
            security_groups,
            key_pairs,
            hosts,
            ..Inventory::default()
        })
    }

    /// Reads the tags of these ARNs into an inventory, one call each. Those that can't be read are noted as such.
    pub async fn read_tags(&self, inventory: &mut Inventory, arns: &[String]) {
        for some in arns.chunks(READS_AT_A_TIME) {
            let read = all_tags(self, some.iter().cloned().map(Some).collect()).await;
            inventory.cache_tags.extend(some.iter().cloned().zip(read));
        }
    }

    /// The regions that the account can use.
    ///
    /// # Errors
    /// The read is refused or can't be made.
    pub async fn regions(&self) -> Result<Vec<String>, CloudError> {
        // Without `AllRegions` those that the account would have to be signed up for first are left out.
        let answer = Box::pin(self.ec2.describe_regions().send()).await.map_err(failed("ec2:DescribeRegions"))?;
        let mut names: Vec<String> =
            answer.regions.unwrap_or_default().into_iter().filter_map(|region| region.region_name).collect();
        names.sort();
        Ok(names)
    }
}

async fn security_groups(cloud: &AwsCloud) -> Result<Vec<ListedEc2>, CloudError> {
    let request =
        cloud.ec2.describe_security_groups().filters(filter("tag-key", [STACK_TAG])).max_results(MOST_RESULTS);
    let groups: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let groups = groups.map_err(failed("ec2:DescribeSecurityGroups"))?;
    let listed = |group: &SecurityGroup| {
        Some(ListedEc2 {
            id: group.group_id()?.to_owned(),
            name: group.group_name().unwrap_or_default().to_owned(),
            created_ms: None,
            tags: ec2_tags(group.tags()),
        })
    };
    Ok(groups.iter().filter_map(listed).collect())
}

async fn hosts(cloud: &AwsCloud) -> Result<Vec<ListedHost>, CloudError> {
    let request = cloud
        .ec2
        .describe_instances()
        .filters(filter("tag-key", [STACK_TAG]))
        .filters(filter("instance-state-name", LIVE_STATES.iter().map(|state| state.as_str())))
        .max_results(MOST_RESULTS);
    let reservations: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let reservations = reservations.map_err(failed("ec2:DescribeInstances"))?;
    let listed = |host: &Instance| {
        let on_interfaces = host.network_interfaces().iter().flat_map(|interface| interface.groups());
        let groups = host.security_groups().iter().chain(on_interfaces);
        Some(ListedHost {
            id: host.instance_id()?.to_owned(),
            created_ms: host.launch_time().and_then(millis),
            security_groups: groups.filter_map(|group| text(group.group_id())).collect(),
            tags: ec2_tags(host.tags()),
        })
    };
    Ok(reservations.iter().flat_map(|one| one.instances()).filter_map(listed).collect())
}

/// EC2 tells key pairs in one page.
async fn key_pairs(cloud: &AwsCloud) -> Result<Vec<ListedEc2>, CloudError> {
    let request = cloud.ec2.describe_key_pairs().filters(filter("tag-key", [STACK_TAG]));
    let answer = request.send().await.map_err(failed("ec2:DescribeKeyPairs"))?;
    let listed = |key: &KeyPairInfo| {
        Some(ListedEc2 {
            id: key.key_pair_id()?.to_owned(),
            name: key.key_name().unwrap_or_default().to_owned(),
            created_ms: key.create_time().and_then(millis),
            tags: ec2_tags(key.tags()),
        })
    };
    Ok(answer.key_pairs().iter().filter_map(listed).collect())
}

async fn replication_groups(cloud: &AwsCloud) -> Result<Vec<ListedGroup>, CloudError> {
    let request = cloud.elasticache.describe_replication_groups().max_records(MOST_RECORDS);
    let groups: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let groups = groups.map_err(failed("elasticache:DescribeReplicationGroups"))?;
    let listed = |group: &api::ReplicationGroup| {
        Some(ListedGroup {
            id: group.replication_group_id()?.to_owned(),
            arn: text(group.arn()),
            status: group.status().unwrap_or_default().to_owned(),
            description: group.description().unwrap_or_default().to_owned(),
            created_ms: group.replication_group_create_time().and_then(millis),
            member_ids: group.member_clusters().to_vec(),
            endpoint: group.configuration_endpoint().and_then(endpoint),
        })
    };
    Ok(groups.iter().filter_map(listed).collect())
}

async fn members(cloud: &AwsCloud) -> Result<Vec<ListedMember>, CloudError> {
    let request = cloud.elasticache.describe_cache_clusters().max_records(MOST_RECORDS);
    let clusters: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let clusters = match clusters.map_err(failed("elasticache:DescribeCacheClusters")) {
        Ok(clusters) => clusters,
        Err(error) if error.kind == ErrorKind::Unsupported => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let listed = |cluster: &api::CacheCluster| {
        Some(ListedMember {
            id: cluster.cache_cluster_id()?.to_owned(),
            group: text(cluster.replication_group_id()),
            status: cluster.cache_cluster_status().unwrap_or_default().to_owned(),
            created_ms: cluster.cache_cluster_create_time().and_then(millis),
            subnet_group: text(cluster.cache_subnet_group_name()),
            security_groups: cluster
                .security_groups()
                .iter()
                .filter_map(|group| text(group.security_group_id()))
                .collect(),
        })
    };
    Ok(clusters.iter().filter_map(listed).collect())
}

async fn subnet_groups(cloud: &AwsCloud) -> Result<Vec<ListedSubnetGroup>, CloudError> {
    let request = cloud.elasticache.describe_cache_subnet_groups().max_records(MOST_RECORDS);
    let groups: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let groups = groups.map_err(failed("elasticache:DescribeCacheSubnetGroups"))?;
    let listed = |group: &api::CacheSubnetGroup| {
        Some(ListedSubnetGroup {
            name: group.cache_subnet_group_name()?.to_owned(),
            arn: text(group.arn()),
            description: group.cache_subnet_group_description().unwrap_or_default().to_owned(),
        })
    };
    Ok(groups.iter().filter_map(listed).collect())
}

async fn parameter_groups(cloud: &AwsCloud) -> Result<Vec<ListedParameterGroup>, CloudError> {
    let request = cloud.elasticache.describe_cache_parameter_groups().max_records(MOST_RECORDS);
    let groups: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let groups = match groups.map_err(failed("elasticache:DescribeCacheParameterGroups")) {
        Ok(groups) => groups,
        Err(error) if error.kind == ErrorKind::Unsupported => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let listed = |group: &api::CacheParameterGroup| {
        Some(ListedParameterGroup {
            name: group.cache_parameter_group_name()?.to_owned(),
            arn: text(group.arn()),
            description: group.description().unwrap_or_default().to_owned(),
            family: group.cache_parameter_group_family().unwrap_or_default().to_owned(),
        })
    };
    Ok(groups.iter().filter_map(listed).collect())
}

fn millis(time: &DateTime) -> Option<u64> {
    time.to_millis().ok().and_then(|time| u64::try_from(time).ok())
}
