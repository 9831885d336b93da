//! One call, one request. Where an answer may have been lost, or a second run is at the same work, what is there
//! already and carries the stack's tag is adopted; what is gone already is as good as deleted.

mod ec2;
mod elasticache;
mod ingress;
mod replication_group;

use std::time::Duration;

use tokio::time::sleep;

use super::AwsCloud;
use super::error::own;
use crate::call::{Call, GroupRef, TagTarget};
use crate::cloud::{Accepted, CloudError, ErrorKind, Ids};
use crate::resource::{Address, STACK_TAG};

/// How often something that was made a moment ago is looked for before it counts as not there: EC2's answers may lag
/// behind each other.
const LOOKS: u32 = 5;
const FIRST_LOOK: Duration = Duration::from_millis(250);

pub(super) async fn start(cloud: &AwsCloud, call: &Call, ids: &Ids) -> Result<Accepted, CloudError> {
    let id = match call {
        Call::ImportKeyPair(key) => Some(Box::pin(ec2::import_key_pair(cloud, key)).await?),
        Call::CreateSecurityGroup(_, group) => Some(Box::pin(ec2::create_security_group(cloud, group)).await?),
        Call::RunInstance(instance) => Some(Box::pin(ec2::run_instance(cloud, instance, ids)).await?),
        other => {
            without_id(cloud, other, ids).await?;
            None
        }
    };
    Ok(Accepted { id })
}

async fn without_id(cloud: &AwsCloud, call: &Call, ids: &Ids) -> Result<(), CloudError> {
    match call {
        Call::DeleteKeyPair { id, public_key } => {
            Box::pin(ec2::delete_key_pair(cloud, id, public_key.as_deref())).await
        }
        Call::AuthorizeIngress(group, rules) => Box::pin(ingress::authorize(cloud, group, rules, ids)).await,
        Call::RevokeIngress(group, rules) => Box::pin(ingress::revoke(cloud, group, rules)).await,
        Call::DeleteSecurityGroup(id) => Box::pin(ec2::delete_security_group(cloud, id)).await,
        Call::RequireImdsV2(id) => Box::pin(ec2::require_imds_v2(cloud, id)).await,
        Call::TerminateInstances(instances) => Box::pin(ec2::terminate(cloud, instances)).await,
        Call::AddTags(TagTarget::Ec2(id), tags) => Box::pin(ec2::add_tags(cloud, id, tags)).await,
        Call::AddTags(TagTarget::ElastiCache(arn), tags) => Box::pin(elasticache::add_tags(cloud, arn, tags)).await,
        Call::RemoveTags(TagTarget::Ec2(id), keys) => Box::pin(ec2::remove_tags(cloud, id, keys)).await,
        Call::RemoveTags(TagTarget::ElastiCache(arn), keys) => {
            Box::pin(elasticache::remove_tags(cloud, arn, keys)).await
        }
        Call::CreateSubnetGroup(group) => Box::pin(elasticache::create_subnet_group(cloud, group)).await,
        Call::ModifySubnetGroup(name, subnets) => {
            Box::pin(elasticache::modify_subnet_group(cloud, name, subnets)).await
        }
        Call::DeleteSubnetGroup(name) => Box::pin(elasticache::delete_subnet_group(cloud, name)).await,
        Call::CreateParameterGroup(group) => Box::pin(elasticache::create_parameter_group(cloud, group)).await,
        Call::ModifyParameterGroup(name, parameters) => {
            Box::pin(elasticache::set_parameters(cloud, name, parameters)).await
        }
        Call::ResetParameters(name, parameters) => {
            Box::pin(elasticache::reset_parameters(cloud, name, parameters)).await
        }
        Call::DeleteParameterGroup(name) => Box::pin(elasticache::delete_parameter_group(cloud, name)).await,
        Call::CreateReplicationGroup(group) => {
            Box::pin(replication_group::create_replication_group(cloud, group, ids)).await
        }
        Call::ModifyReplicationGroup(modify) => {
            Box::pin(replication_group::modify_replication_group(cloud, modify, ids)).await
        }
        Call::IncreaseReplicaCount(id, counts) => {
            Box::pin(replication_group::increase_replicas(cloud, id, counts)).await
        }
        Call::DecreaseReplicaCount(id, counts) => {
            Box::pin(replication_group::decrease_replicas(cloud, id, counts)).await
        }
        Call::AddShards(id, shards) => Box::pin(replication_group::add_shards(cloud, id, shards)).await,
        Call::RemoveShards(id, count, gone) => {
            Box::pin(replication_group::remove_shards(cloud, id, *count, gone)).await
        }
        Call::DeleteReplicationGroup { id, verify_owner, final_snapshot: None } => {
            Box::pin(replication_group::delete_replication_group(cloud, id, *verify_owner)).await
        }
        Call::DeleteReplicationGroup { id, verify_owner, final_snapshot: Some(snapshot) } => {
            Box::pin(replication_group::delete_keeping(cloud, id, *verify_owner, snapshot)).await
        }
        Call::Await | Call::ImportKeyPair(_) | Call::CreateSecurityGroup(..) | Call::RunInstance(_) => Ok(()),
    }
}

/// The id of a group that is known, or that an earlier step has made.
fn resolve(operation: &str, group: &GroupRef, ids: &Ids) -> Result<String, CloudError> {
    match group {
        GroupRef::Known(id) => Ok(id.clone()),
        GroupRef::Of(address) => ids.get(address).cloned().ok_or_else(|| unresolved(operation, *address)),
    }
}

fn unresolved(operation: &str, address: Address) -> CloudError {
    CloudError {
        hint: Some("run again: what is there by then is taken from the cloud".to_owned()),
        ..own(
            ErrorKind::Rejected,
            operation,
            format!("the id of {address} is not known: the step that makes it was not done"),
        )
    }
}

/// Whether an answer says that something isn't there that was made a moment ago.
fn lags_behind(error: &CloudError) -> bool {
    matches!(
        error.code.as_str(),
        "InvalidGroup.NotFound" | "InvalidSecurityGroupID.NotFound" | "InvalidKeyPair.NotFound"
    )
}

/// The pause before the next look at something that was made a moment ago.
async fn before_look(look: u32) {
    sleep(FIRST_LOOK * 2_u32.pow(look)).await;
}

/// Something of the stack's name is there and isn't the stack's.
fn not_ours(operation: &str, what: &str, name: &str) -> CloudError {
    CloudError {
        hint: Some("choose another `name` for the stack, or remove what has this name".to_owned()),
        ..own(
            ErrorKind::Rejected,
            operation,
            format!("the {what} `{name}` exists and is not this stack's: it has no tag {STACK_TAG} of its name"),
        )
    }
}

/// `Ok` where there is nothing left to be deleted.
fn gone_is_fine(result: Result<(), CloudError>) -> Result<(), CloudError> {
    match result {
        Err(error) if crate::aws::observe::elasticache::is_not_found(&error) => Ok(()),
        other => other,
    }
}
