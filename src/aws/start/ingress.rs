//! Ingress rules of security groups: let in only what is missing, and take away only what is there.

use std::collections::BTreeSet;

use aws_sdk_ec2::types as api;

use super::{LOOKS, before_look, gone_is_fine, lags_behind, resolve};
use crate::aws::AwsCloud;
use crate::aws::error::failed;
use crate::aws::observe::ec2::{ingress, live_rule, security_group};
use crate::call::{GroupRef, Rule, Source};
use crate::cloud::{CloudError, Ids};
use crate::observed::{LiveRule, LiveSource};

/// A rule with the ids of the groups that it names: `(port, source)`.
fn resolved(operation: &str, rule: &Rule, ids: &Ids) -> Result<(i32, LiveSource), CloudError> {
    let source = match &rule.source {
        Source::Cidr(cidr) => LiveSource::Cidr(cidr.clone()),
        Source::PrefixList(id) => LiveSource::PrefixList(id.clone()),
        Source::Group(group) => LiveSource::Group(resolve(operation, group, ids)?),
    };
    Ok((i32::from(rule.port), source))
}

fn permission(port: i32, source: &LiveSource) -> api::IpPermission {
    let permission = api::IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    match source {
        LiveSource::Cidr(cidr) if cidr.contains(':') => {
            permission.ipv6_ranges(api::Ipv6Range::builder().cidr_ipv6(cidr).build())
        }
        LiveSource::Cidr(cidr) => permission.ip_ranges(api::IpRange::builder().cidr_ip(cidr).build()),
        LiveSource::PrefixList(id) => {
            permission.prefix_list_ids(api::PrefixListId::builder().prefix_list_id(id).build())
        }
        LiveSource::Group(id) => permission.user_id_group_pairs(api::UserIdGroupPair::builder().group_id(id).build()),
    }
    .build()
}

pub(super) async fn authorize(
    cloud: &AwsCloud,
    group: &GroupRef,
    rules: &BTreeSet<Rule>,
    ids: &Ids,
) -> Result<(), CloudError> {
    const OPERATION: &str = "ec2:AuthorizeSecurityGroupIngress";
    let group = resolve(OPERATION, group, ids)?;
    let rules: Result<BTreeSet<_>, CloudError> = rules.iter().map(|rule| resolved(OPERATION, rule, ids)).collect();
    let rules = rules?;
    let mut look = 0;
    let error = loop {
        match send_authorize(cloud, &group, &rules).await {
            Err(error) if lags_behind(&error) && look < LOOKS => before_look(look).await,
            Err(error) if error.code == "InvalidPermission.Duplicate" => break error,
            other => return other,
        }
        look += 1;
    };
    // One of them is there already, and so none was added: only the others are missing.
    let Some(found) = security_group(cloud, &group).await? else {
        return Err(error);
    };
    let live = ingress(&found);
    let is_live = |(port, source): &(i32, LiveSource)| {
        live.contains(&LiveRule {
            protocol: "tcp".to_owned(),
            from_port: Some(*port),
            to_port: Some(*port),
            source: source.clone(),
        })
    };
    let missing: BTreeSet<_> = rules.into_iter().filter(|rule| !is_live(rule)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    send_authorize(cloud, &group, &missing).await
}

async fn send_authorize(cloud: &AwsCloud, group: &str, rules: &BTreeSet<(i32, LiveSource)>) -> Result<(), CloudError> {
    let permissions = rules.iter().map(|(port, source)| permission(*port, source)).collect();
    let request = cloud.ec2.authorize_security_group_ingress().group_id(group).set_ip_permissions(Some(permissions));
    let answer = request.send().await;
    answer.map(drop).map_err(failed("ec2:AuthorizeSecurityGroupIngress"))
}

/// Takes rules away in the words in which the group describes them: an emulator compares even a group's owner and
/// the description.
pub(super) async fn revoke(cloud: &AwsCloud, group: &str, rules: &BTreeSet<LiveRule>) -> Result<(), CloudError> {
    let Some(found) = security_group(cloud, group).await? else {
        return Ok(());
    };
    let permissions: Vec<api::IpPermission> =
        found.ip_permissions().iter().filter_map(|permission| part_of(permission, rules)).collect();
    if permissions.is_empty() {
        return Ok(());
    }
    let request = cloud.ec2.revoke_security_group_ingress().group_id(group).set_ip_permissions(Some(permissions));
    let result = request.send().await;
    gone_is_fine(result.map(drop).map_err(failed("ec2:RevokeSecurityGroupIngress")))
}

/// The part of a permission that these rules are about; `None`: nothing of it.
fn part_of(permission: &api::IpPermission, rules: &BTreeSet<LiveRule>) -> Option<api::IpPermission> {
    let is_meant =
        |source: Option<LiveSource>| source.is_some_and(|source| rules.contains(&live_rule(permission, source)));
    let cidr = |cidr: Option<&str>| cidr.map(|cidr| LiveSource::Cidr(cidr.to_owned()));
    let mut part = permission.clone();
    let mut kept = 0;
    if let Some(ranges) = &mut part.ip_ranges {
        ranges.retain(|range| is_meant(cidr(range.cidr_ip())));
        kept += ranges.len();
    }
    if let Some(ranges) = &mut part.ipv6_ranges {
        ranges.retain(|range| is_meant(cidr(range.cidr_ipv6())));
        kept += ranges.len();
    }
    if let Some(lists) = &mut part.prefix_list_ids {
        lists.retain(|list| is_meant(list.prefix_list_id().map(|id| LiveSource::PrefixList(id.to_owned()))));
        kept += lists.len();
    }
    if let Some(pairs) = &mut part.user_id_group_pairs {
        pairs.retain(|pair| is_meant(pair.group_id().map(|id| LiveSource::Group(id.to_owned()))));
        kept += pairs.len();
    }
    (kept > 0).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_meant_part_of_a_permission_is_taken_away_and_as_it_is_described() {
        let pair = api::UserIdGroupPair::builder().group_id("sg-9").user_id("1").description("app").build();
        let described = api::IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(6379)
            .to_port(6379)
            .ip_ranges(api::IpRange::builder().cidr_ip("192.0.2.0/24").build())
            .user_id_group_pairs(pair.clone())
            .build();
        let rule = live_rule(&described, LiveSource::Group("sg-9".to_owned()));
        let part = part_of(&described, &BTreeSet::from([rule])).unwrap();
        assert!(part.ip_ranges().is_empty());
        assert_eq!(part.user_id_group_pairs(), [pair]);
        assert_eq!(part.from_port(), Some(6379));
        let other = live_rule(&described, LiveSource::Group("sg-8".to_owned()));
        assert_eq!(part_of(&described, &BTreeSet::from([other])), None);
    }
}
