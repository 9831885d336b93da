//! Reads what a stack finds and never owns: subnets, the newest image, managed prefix lists, engine versions.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;

use crate::aws::error::failed;
use crate::aws::{AwsCloud, filter};
use crate::cloud::{CloudError, ErrorKind};
use crate::observed::{EngineVersion, Subnet, Surroundings, SurroundingsQuery};
use crate::resource::Architecture;
use crate::spec::{Engine, NetworkSpec, SubnetSelector, VpcSelector};

pub(super) async fn surroundings(
    cloud: &AwsCloud,
    query: Option<&SurroundingsQuery>,
) -> Result<Surroundings, CloudError> {
    let Some(query) = query else {
        return Ok(Surroundings::default());
    };
    let identity = async { Ok(cloud.identity().await.clone()) };
    let (identity, subnets, image_id, ec2_instance_connect, engine_versions) = tokio::try_join!(
        identity,
        Box::pin(subnets(cloud, &query.network)),
        Box::pin(image(cloud, query.image)),
        Box::pin(prefix_list(cloud, query.ec2_instance_connect)),
        Box::pin(engine_versions(cloud, query.engine)),
    )?;
    Ok(Surroundings {
        account: identity.account,
        caller: identity.caller,
        subnets,
        image_id,
        ec2_instance_connect,
        engine_versions,
        ..Surroundings::default()
    })
}

async fn subnets(cloud: &AwsCloud, network: &NetworkSpec) -> Result<Vec<Subnet>, CloudError> {
    let mut filters: Vec<Filter> = Vec::new();
    match &network.vpc {
        Some(VpcSelector::Id(id)) => filters.push(filter("vpc-id", [id])),
        Some(VpcSelector::Tags(tags)) => {
            let vpcs = vpcs(cloud, tags).await?;
            if vpcs.is_empty() {
                return Ok(Vec::new());
            }
            filters.push(filter("vpc-id", vpcs));
        }
        None => {}
    }
    let mut request = cloud.ec2.describe_subnets();
    match &network.subnets {
        // Asked for by id, and not by a filter, so that an id that isn't there is told of.
        Some(SubnetSelector::Ids(ids)) => request = request.set_subnet_ids(Some(ids.clone())),
        Some(SubnetSelector::Tags(tags)) => filters.extend(tag_filters(tags)),
        None if network.vpc.is_none() => filters.push(filter("default-for-az", ["true"])),
        None => {}
    }
    if !filters.is_empty() {
        request = request.set_filters(Some(filters));
    }
    let pages: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let mut subnets: Vec<Subnet> = pages
        .map_err(failed("ec2:DescribeSubnets"))?
        .iter()
        .filter_map(|subnet| {
            Some(Subnet {
                zone: subnet.availability_zone()?.to_owned(),
                id: subnet.subnet_id()?.to_owned(),
                vpc_id: subnet.vpc_id()?.to_owned(),
            })
        })
        .collect();
    subnets.sort();
    Ok(subnets)
}

fn tag_filters(tags: &BTreeMap<String, String>) -> Vec<Filter> {
    tags.iter().map(|(key, value)| filter(format!("tag:{key}"), [value])).collect()
}

async fn vpcs(cloud: &AwsCloud, tags: &BTreeMap<String, String>) -> Result<Vec<String>, CloudError> {
    let request = cloud.ec2.describe_vpcs().set_filters(Some(tag_filters(tags)));
    let vpcs: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let vpcs = vpcs.map_err(failed("ec2:DescribeVpcs"))?;
    Ok(vpcs.into_iter().filter_map(|vpc| vpc.vpc_id).collect())
}

/// The newest image. Where there is no such parameter, there is none: what can be done about it is said in the words
/// of the plan file.
async fn image(cloud: &AwsCloud, architecture: Option<Architecture>) -> Result<Option<String>, CloudError> {
    let Some(architecture) = architecture else {
        return Ok(None);
    };
    let answer = cloud.ssm.get_parameter().name(architecture.image_parameter()).send().await;
    match answer.map_err(failed("ssm:GetParameter")) {
        Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value).filter(|id| !id.is_empty())),
        Err(error) if error.code == "ParameterNotFound" || error.kind == ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

async fn prefix_list(cloud: &AwsCloud, wanted: bool) -> Result<Option<String>, CloudError> {
    if !wanted {
        return Ok(None);
    }
    let name = format!("com.amazonaws.{}.ec2-instance-connect", cloud.region);
    let request = cloud.ec2.describe_managed_prefix_lists().filters(filter("prefix-list-name", [name.as_str()]));
    let answer = match request.send().await.map_err(failed("ec2:DescribeManagedPrefixLists")) {
        Ok(answer) => answer,
        Err(error) if error.kind == ErrorKind::Unsupported => return Ok(None),
        Err(error) => return Err(error),
    };
    let lists = answer.prefix_lists.unwrap_or_default();
    let found = lists.into_iter().find(|list| list.prefix_list_name() == Some(name.as_str()));
    Ok(found.and_then(|list| list.prefix_list_id))
}

/// Only a check that saves a failed apply: where the cloud can't or won't tell, there is none.
async fn engine_versions(cloud: &AwsCloud, engine: Engine) -> Result<Option<Vec<EngineVersion>>, CloudError> {
    let request = cloud.elasticache.describe_cache_engine_versions().engine(engine.as_str());
    let versions: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let Ok(versions) = versions else { return Ok(None) };
    let offer = |version: aws_sdk_elasticache::types::CacheEngineVersion| {
        Some(EngineVersion {
            version: version.engine_version?,
            family: version.cache_parameter_group_family.unwrap_or_default(),
        })
    };
    Ok(Some(versions.into_iter().filter_map(offer).collect()))
}
