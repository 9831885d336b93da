//! Reads all that a query asks for, side by side: at most two requests follow each other.

pub(super) mod ec2;
pub(super) mod elasticache;
pub(super) mod snapshots;
mod surroundings;

use std::collections::BTreeSet;

use super::AwsCloud;
use crate::cloud::CloudError;
use crate::observed::{Live, Observed, Query, SurroundingsQuery};
use crate::resource::Ownership;

pub(super) async fn observe(cloud: &AwsCloud, query: &Query) -> Result<Observed, CloudError> {
    let names = &query.names;
    let around = query.surroundings.as_ref();
    let group_names = group_names(query, around);
    let named_key = around.and_then(|around| around.key_name.as_deref());
    let parameters_of = around.and_then(|around| around.parameter_group.as_deref());
    let (own_key, group_id) = (names.key_pair(), names.replication_group());
    let ec2 = async {
        tokio::try_join!(
            Box::pin(ec2::security_groups(cloud, &group_names)),
            Box::pin(ec2::instances(cloud)),
            Box::pin(ec2::key_pairs(cloud, &own_key, named_key)),
        )
    };
    let elasticache = async {
        tokio::try_join!(
            Box::pin(elasticache::replication_group(cloud, &group_id)),
            Box::pin(elasticache::subnet_groups(cloud, names)),
            Box::pin(elasticache::parameter_groups(cloud, names)),
            Box::pin(elasticache::user_parameters(cloud, parameters_of)),
        )
    };
    let (ec2, elasticache, mut surroundings, snapshots) = tokio::try_join!(
        ec2,
        elasticache,
        Box::pin(surroundings::surroundings(cloud, around)),
        Box::pin(snapshots::snapshots(cloud, query)),
    )?;
    surroundings.snapshots = snapshots;
    let (groups, mut instances, keys) = ec2;
    let (replication_group, subnet_groups, mut parameter_groups, parameters) = elasticache;
    let (subnet_group, spare_subnet_groups) =
        elasticache::choose_subnet_group(subnet_groups, names, replication_group.as_ref());
    if let Some(around) = around {
        surroundings.named_groups = ec2::named_groups(&groups, &around.group_names);
        surroundings.key_exists =
            around.key_name.as_ref().map(|name| keys.iter().any(|key| key.key_name() == Some(name.as_str())));
    }
    if let Some(found) = parameter_groups.iter_mut().find(|group| Some(group.name.as_str()) == parameters_of) {
        found.parameters = parameters;
    }
    let stack = names.stack.as_str();
    let vpcs: BTreeSet<&str> = surroundings.subnets.iter().map(|subnet| subnet.vpc_id.as_str()).collect();
    let own_group = |name: &str| ec2::own_group(&groups, name, stack, &vpcs);
    let client_group = own_group(&names.client_group());
    let own_client_group = client_group.as_ref().filter(|group| group.ownership == Ownership::Ours);
    let own_client_group = own_client_group.map(|group| group.id.as_str());
    instances.retain(|instance| ec2::is_client_host(instance, own_client_group));
    let live = Live {
        key_pair: ec2::own_key_pair(&keys, &own_key, stack),
        client_group,
        instances,
        cluster_group: own_group(&names.cluster_group()),
        subnet_group,
        spare_subnet_groups,
        parameter_groups,
        replication_group,
    };
    Ok(Observed { surroundings, live })
}

fn group_names(query: &Query, around: Option<&SurroundingsQuery>) -> BTreeSet<String> {
    let mut names = BTreeSet::from([query.names.client_group(), query.names.cluster_group()]);
    names.extend(around.into_iter().flat_map(|around| around.group_names.iter().cloned()));
    names
}
