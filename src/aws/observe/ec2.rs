//! Reads what EC2 holds of a stack: key pair, security groups, client hosts.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{HttpTokensState, Instance, InstanceMetadataEndpointState, IpPermission, KeyPairInfo};
use aws_sdk_ec2::types::{InstanceStateName, SecurityGroup};

use crate::aws::error::failed;
use crate::aws::{AwsCloud, ec2_tags, filter, text};
use crate::cloud::CloudError;
use crate::keys::without_comment;
use crate::observed::{LiveInstance, LiveKeyPair, LiveRule, LiveSecurityGroup, LiveSource, NamedGroup};
use crate::resource::{Ownership, STACK_TAG, USER_DATA_TAG};

/// States of a client host that is there, or can be again.
pub(in crate::aws) const LIVE_STATES: [InstanceStateName; 4] =
    [InstanceStateName::Pending, InstanceStateName::Running, InstanceStateName::Stopping, InstanceStateName::Stopped];

/// All groups of these names, of whatever VPC.
pub(in crate::aws) async fn security_groups(
    cloud: &AwsCloud,
    names: &BTreeSet<String>,
) -> Result<Vec<SecurityGroup>, CloudError> {
    let request = cloud.ec2.describe_security_groups().filters(filter("group-name", names));
    let groups: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let mut groups = groups.map_err(failed("ec2:DescribeSecurityGroups"))?;
    // A filter takes `*` and `?` for wildcards.
    groups.retain(|group| group.group_name().is_some_and(|name| names.contains(name)));
    Ok(groups)
}

/// One group by its id; `None`: there is none.
pub(in crate::aws) async fn security_group(cloud: &AwsCloud, id: &str) -> Result<Option<SecurityGroup>, CloudError> {
    let request = cloud.ec2.describe_security_groups().filters(filter("group-id", [id]));
    let answer = request.send().await.map_err(failed("ec2:DescribeSecurityGroups"))?;
    Ok(answer.security_groups.unwrap_or_default().into_iter().next())
}

/// The stack's group of a name. A group of that name that isn't the stack's counts only in the VPC in question
/// (`vpcs`; empty: any), since elsewhere it is in nobody's way.
pub(super) fn own_group(
    groups: &[SecurityGroup],
    name: &str,
    stack: &str,
    vpcs: &BTreeSet<&str>,
) -> Option<LiveSecurityGroup> {
    let in_vpc = |group: &LiveSecurityGroup| vpcs.is_empty() || vpcs.contains(group.vpc_id.as_str());
    let mut named: Vec<LiveSecurityGroup> = groups
        .iter()
        .filter(|group| group.group_name() == Some(name))
        .filter_map(|group| live_group(group, stack))
        .filter(|group| group.ownership == Ownership::Ours || in_vpc(group))
        .collect();
    named.sort_by_key(|group| (group.ownership != Ownership::Ours, !in_vpc(group), group.id.clone()));
    named.into_iter().next()
}

fn live_group(group: &SecurityGroup, stack: &str) -> Option<LiveSecurityGroup> {
    let tags = ec2_tags(group.tags());
    Some(LiveSecurityGroup {
        ownership: Ownership::of(Some(&tags), stack),
        id: group.group_id()?.to_owned(),
        vpc_id: group.vpc_id().unwrap_or_default().to_owned(),
        ingress: ingress(group),
        tags,
    })
}

/// What a group lets in, one source a rule.
pub(in crate::aws) fn ingress(group: &SecurityGroup) -> BTreeSet<LiveRule> {
    group.ip_permissions().iter().flat_map(rules).collect()
}

fn rules(permission: &IpPermission) -> Vec<LiveRule> {
    let ranges = permission.ip_ranges().iter().filter_map(|range| range.cidr_ip());
    let ranges_v6 = permission.ipv6_ranges().iter().filter_map(|range| range.cidr_ipv6());
    let lists = permission.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id());
    let groups = permission.user_id_group_pairs().iter().filter_map(|pair| pair.group_id());
    ranges
        .chain(ranges_v6)
        .map(|cidr| LiveSource::Cidr(cidr.to_owned()))
        .chain(lists.map(|id| LiveSource::PrefixList(id.to_owned())))
        .chain(groups.map(|id| LiveSource::Group(id.to_owned())))
        .map(|source| live_rule(permission, source))
        .collect()
}

/// A rule of a permission that has this source.
pub(in crate::aws) fn live_rule(permission: &IpPermission, source: LiveSource) -> LiveRule {
    LiveRule {
        protocol: permission.ip_protocol().unwrap_or("-1").to_owned(),
        from_port: permission.from_port(),
        to_port: permission.to_port(),
        source,
    }
}

pub(super) fn named_groups(groups: &[SecurityGroup], names: &BTreeSet<String>) -> Vec<NamedGroup> {
    let named = groups.iter().filter_map(|group| {
        Some(NamedGroup {
            id: group.group_id()?.to_owned(),
            name: group.group_name()?.to_owned(),
            vpc_id: group.vpc_id().unwrap_or_default().to_owned(),
        })
    });
    named.filter(|group| names.contains(&group.name)).collect()
}

/// The key pairs of these names.
pub(in crate::aws) async fn key_pairs(
    cloud: &AwsCloud,
    own: &str,
    other: Option<&str>,
) -> Result<Vec<KeyPairInfo>, CloudError> {
    let names: Vec<&str> = std::iter::once(own).chain(other).collect();
    let request =
        cloud.ec2.describe_key_pairs().include_public_key(true).filters(filter("key-name", names.iter().copied()));
    let answer = request.send().await.map_err(failed("ec2:DescribeKeyPairs"))?;
    let mut keys = answer.key_pairs.unwrap_or_default();
    keys.retain(|key| key.key_name().is_some_and(|name| names.contains(&name)));
    Ok(keys)
}

pub(in crate::aws) fn own_key_pair(keys: &[KeyPairInfo], name: &str, stack: &str) -> Option<LiveKeyPair> {
    let key = keys.iter().find(|key| key.key_name() == Some(name))?;
    let tags = ec2_tags(key.tags());
    Some(LiveKeyPair {
        ownership: Ownership::of(Some(&tags), stack),
        id: key.key_pair_id()?.to_owned(),
        public_key: text(key.public_key()).map(|key| without_comment(&key)),
        tags,
    })
}

/// The hosts with the stack's tag that are not gone, oldest first.
pub(in crate::aws) async fn instances(cloud: &AwsCloud) -> Result<Vec<LiveInstance>, CloudError> {
    let request = cloud
        .ec2
        .describe_instances()
        .filters(filter(format!("tag:{STACK_TAG}"), [cloud.options.stack.as_str()]))
        .filters(filter("instance-state-name", LIVE_STATES.iter().map(InstanceStateName::as_str)));
    let reservations: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let reservations = reservations.map_err(failed("ec2:DescribeInstances"))?;
    let mut found: Vec<&Instance> = reservations.iter().flat_map(|one| one.instances()).collect();
    found.sort_by_key(|instance| {
        let time = instance.launch_time().map(|time| (time.secs(), time.subsec_nanos()));
        (time, instance.instance_id().map(str::to_owned))
    });
    Ok(found.into_iter().filter_map(live_instance).collect())
}

/// Whether a host with the stack's tag is its client host. One tag alone is no proof (people tag what they want to find
/// again): a client host has that of its user data too, or is in the stack's own security group.
pub(in crate::aws) fn is_client_host(instance: &LiveInstance, client_group: Option<&str>) -> bool {
    instance.tags.contains_key(USER_DATA_TAG) || client_group.is_some_and(|group| instance.group_ids.contains(group))
}

fn live_instance(instance: &Instance) -> Option<LiveInstance> {
    let on_interfaces = instance.network_interfaces().iter().flat_map(|interface| interface.groups());
    // Some answers name the groups only on the network interfaces.
    let groups = instance.security_groups().iter().chain(on_interfaces);
    let state = instance.state().and_then(|state| state.name());
    Some(LiveInstance {
        id: instance.instance_id()?.to_owned(),
        state: state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        instance_type: instance.instance_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        image_id: instance.image_id().unwrap_or_default().to_owned(),
        key_name: text(instance.key_name()),
        subnet_id: text(instance.subnet_id()),
        group_ids: groups.filter_map(|group| text(group.group_id())).collect(),
        imds_v2_only: imds_v2_only(instance),
        public_address: text(instance.public_dns_name()).or_else(|| text(instance.public_ip_address())),
        tags: ec2_tags(instance.tags()),
    })
}

fn imds_v2_only(instance: &Instance) -> Option<bool> {
    let options = instance.metadata_options()?;
    if options.http_endpoint() == Some(&InstanceMetadataEndpointState::Disabled) {
        return Some(true);
    }
    options.http_tokens().map(|tokens| *tokens == HttpTokensState::Required)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{IpRange, Ipv6Range, PrefixListId, Tag, UserIdGroupPair};

    use super::*;

    fn group(id: &str, vpc: &str, stack: Option<&str>) -> SecurityGroup {
        let tag = stack.map(|stack| Tag::builder().key(STACK_TAG).value(stack).build());
        SecurityGroup::builder()
            .group_id(id)
            .group_name("day19-cluster")
            .vpc_id(vpc)
            .set_tags(tag.map(|tag| vec![tag]))
            .build()
    }

    #[test]
    fn the_stacks_tag_alone_makes_no_client_host() {
        let host = |tags: &[&str], group: &str| {
            let tags = tags.iter().map(|key| Tag::builder().key(*key).value("day19").build());
            let group = aws_sdk_ec2::types::GroupIdentifier::builder().group_id(group).build();
            let host = Instance::builder().instance_id("i-1").set_tags(Some(tags.collect())).security_groups(group);
            live_instance(&host.build()).unwrap()
        };
        assert!(is_client_host(&host(&[STACK_TAG, USER_DATA_TAG], "sg-9"), None));
        assert!(is_client_host(&host(&[STACK_TAG], "sg-1"), Some("sg-1")));
        assert!(!is_client_host(&host(&[STACK_TAG], "sg-9"), Some("sg-1")));
        assert!(!is_client_host(&host(&[STACK_TAG], "sg-9"), None));
    }

    fn chosen(groups: &[SecurityGroup], vpcs: &[&str]) -> Option<(String, Ownership)> {
        let vpcs = vpcs.iter().copied().collect();
        own_group(groups, "day19-cluster", "day19", &vpcs).map(|group| (group.id, group.ownership))
    }

    #[test]
    fn the_tagged_group_is_preferred_and_foreign_ones_count_only_in_the_same_vpc() {
        let groups = [group("sg-1", "vpc-a", None), group("sg-2", "vpc-b", Some("day19"))];
        assert_eq!(chosen(&groups, &["vpc-a"]), Some(("sg-2".to_owned(), Ownership::Ours)));
        assert_eq!(chosen(&groups[..1], &["vpc-a"]), Some(("sg-1".to_owned(), Ownership::Foreign)));
        assert_eq!(chosen(&groups[..1], &["vpc-b"]), None);
        assert_eq!(chosen(&groups[..1], &[]), Some(("sg-1".to_owned(), Ownership::Foreign)));
    }

    #[test]
    fn a_permission_is_one_rule_for_each_source() {
        let permission = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(22)
            .to_port(22)
            .ip_ranges(IpRange::builder().cidr_ip("192.0.2.0/24").build())
            .ipv6_ranges(Ipv6Range::builder().cidr_ipv6("2001:db8::/32").build())
            .prefix_list_ids(PrefixListId::builder().prefix_list_id("pl-1").build())
            .user_id_group_pairs(UserIdGroupPair::builder().group_id("sg-9").user_id("1").build())
            .build();
        let sources: Vec<LiveSource> = rules(&permission).into_iter().map(|rule| rule.source).collect();
        assert_eq!(
            sources,
            [
                LiveSource::Cidr("192.0.2.0/24".to_owned()),
                LiveSource::Cidr("2001:db8::/32".to_owned()),
                LiveSource::PrefixList("pl-1".to_owned()),
                LiveSource::Group("sg-9".to_owned()),
            ]
        );
    }
}
