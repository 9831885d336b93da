//! Calls of ElastiCache beside the replication group's own: subnet group, parameter groups, tags.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticache::types as api;

use super::{gone_is_fine, not_ours};
use crate::aws::AwsCloud;
use crate::aws::error::failed;
use crate::aws::observe::elasticache::{describe_subnet_group, tags};
use crate::call::{ParameterGroup, SubnetGroup};
use crate::cloud::CloudError;
use crate::resource::{Ownership, Tags};

pub(super) fn tag_list(tags: &Tags) -> Vec<api::Tag> {
    tags.iter().map(|(key, value)| api::Tag::builder().key(key).value(value).build()).collect()
}

/// Whether the code says that there is one of that name.
pub(super) fn already_exists(error: &CloudError) -> bool {
    error.code.trim_end_matches("Fault").ends_with("AlreadyExists")
}

/// What is there already is taken for ours, unless its tags say otherwise. Tags that can't be read (as while it is
/// being made) are no reason to stop: a moment ago there was none of that name.
pub(super) async fn adopt(
    cloud: &AwsCloud,
    operation: &str,
    what: &str,
    name: &str,
    arn: Option<&str>,
) -> Result<(), CloudError> {
    let tags = tags(cloud, arn).await.ok();
    match Ownership::of(tags.as_ref(), &cloud.options.stack) {
        Ownership::Ours | Ownership::Unknown => Ok(()),
        Ownership::Foreign => Err(not_ours(operation, what, name)),
    }
}

/// "Nothing to change" is what was wanted.
pub(super) fn unchanged_is_fine(result: Result<(), CloudError>) -> Result<(), CloudError> {
    match result {
        Err(error) if error.message.contains("No modifications were requested") => Ok(()),
        Err(error) if error.code.trim_end_matches("Fault") == "NoOperation" => Ok(()),
        other => other,
    }
}

pub(super) async fn add_tags(cloud: &AwsCloud, arn: &str, tags: &Tags) -> Result<(), CloudError> {
    let request = cloud.elasticache.add_tags_to_resource().resource_name(arn).set_tags(Some(tag_list(tags)));
    let answer = request.send().await;
    answer.map(drop).map_err(failed("elasticache:AddTagsToResource"))
}

pub(super) async fn remove_tags(cloud: &AwsCloud, arn: &str, keys: &BTreeSet<String>) -> Result<(), CloudError> {
    let keys = keys.iter().cloned().collect();
    let request = cloud.elasticache.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(keys));
    gone_is_fine(request.send().await.map(drop).map_err(failed("elasticache:RemoveTagsFromResource")))
}

pub(super) async fn create_subnet_group(cloud: &AwsCloud, group: &SubnetGroup) -> Result<(), CloudError> {
    const OPERATION: &str = "elasticache:CreateCacheSubnetGroup";
    let request = cloud
        .elasticache
        .create_cache_subnet_group()
        .cache_subnet_group_name(&group.name)
        .cache_subnet_group_description(&group.description)
        .set_subnet_ids(Some(group.subnet_ids.iter().cloned().collect()))
        .set_tags(Some(tag_list(&group.tags)));
    match request.send().await.map(drop).map_err(failed(OPERATION)) {
        Err(error) if already_exists(&error) => {
            let found = describe_subnet_group(cloud, &group.name).await?;
            let arn = found.as_ref().and_then(|found| found.arn());
            adopt(cloud, OPERATION, "cache subnet group", &group.name, arn).await
        }
        other => other,
    }
}

pub(super) async fn modify_subnet_group(
    cloud: &AwsCloud,
    name: &str,
    subnets: &BTreeSet<String>,
) -> Result<(), CloudError> {
    let request = cloud
        .elasticache
        .modify_cache_subnet_group()
        .cache_subnet_group_name(name)
        .set_subnet_ids(Some(subnets.iter().cloned().collect()));
    let answer = request.send().await;
    unchanged_is_fine(answer.map(drop).map_err(failed("elasticache:ModifyCacheSubnetGroup")))
}

pub(super) async fn delete_subnet_group(cloud: &AwsCloud, name: &str) -> Result<(), CloudError> {
    let request = cloud.elasticache.delete_cache_subnet_group().cache_subnet_group_name(name);
    let answer = request.send().await;
    gone_is_fine(answer.map(drop).map_err(failed("elasticache:DeleteCacheSubnetGroup")))
}

pub(super) async fn create_parameter_group(cloud: &AwsCloud, group: &ParameterGroup) -> Result<(), CloudError> {
    const OPERATION: &str = "elasticache:CreateCacheParameterGroup";
    let request = cloud
        .elasticache
        .create_cache_parameter_group()
        .cache_parameter_group_name(&group.name)
        .cache_parameter_group_family(&group.family)
        .description(&group.description)
        .set_tags(Some(tag_list(&group.tags)));
    match request.send().await.map(drop).map_err(failed(OPERATION)) {
        Err(error) if already_exists(&error) => {
            let request = cloud.elasticache.describe_cache_parameter_groups();
            let answer = request.cache_parameter_group_name(&group.name).send().await;
            let answer = answer.map_err(failed("elasticache:DescribeCacheParameterGroups"))?;
            let found = answer.cache_parameter_groups().first();
            let arn = found.and_then(|found| found.arn());
            adopt(cloud, OPERATION, "cache parameter group", &group.name, arn).await
        }
        other => other,
    }
}

pub(super) async fn set_parameters(
    cloud: &AwsCloud,
    name: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<(), CloudError> {
    let values = parameters
        .iter()
        .map(|(name, value)| api::ParameterNameValue::builder().parameter_name(name).parameter_value(value).build());
    let request = cloud
        .elasticache
        .modify_cache_parameter_group()
        .cache_parameter_group_name(name)
        .set_parameter_name_values(Some(values.collect()));
    let answer = request.send().await;
    answer.map(drop).map_err(failed("elasticache:ModifyCacheParameterGroup"))
}

pub(super) async fn reset_parameters(
    cloud: &AwsCloud,
    name: &str,
    parameters: &BTreeSet<String>,
) -> Result<(), CloudError> {
    let names = parameters.iter().map(|name| api::ParameterNameValue::builder().parameter_name(name).build());
    let request = cloud
        .elasticache
        .reset_cache_parameter_group()
        .cache_parameter_group_name(name)
        .reset_all_parameters(false)
        .set_parameter_name_values(Some(names.collect()));
    let answer = request.send().await;
    answer.map(drop).map_err(failed("elasticache:ResetCacheParameterGroup"))
}

pub(super) async fn delete_parameter_group(cloud: &AwsCloud, name: &str) -> Result<(), CloudError> {
    let request = cloud.elasticache.delete_cache_parameter_group().cache_parameter_group_name(name);
    let answer = request.send().await;
    gone_is_fine(answer.map(drop).map_err(failed("elasticache:DeleteCacheParameterGroup")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::error::own;
    use crate::cloud::ErrorKind;

    #[test]
    fn nothing_to_change_is_no_error() {
        let error = CloudError {
            code: "InvalidParameterCombination".to_owned(),
            ..own(ErrorKind::Rejected, "elasticache:ModifyReplicationGroup", "No modifications were requested")
        };
        assert_eq!(unchanged_is_fine(Err(error)), Ok(()));
        let error = own(ErrorKind::Rejected, "elasticache:ModifyReplicationGroup", "no");
        assert!(unchanged_is_fine(Err(error)).is_err());
    }
}
