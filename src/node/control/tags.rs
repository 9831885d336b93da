//! Tags of every kind of resource: EC2's by resource id, ElastiCache's by ARN.

use super::error::ApiError;
use super::replication_group::Status;
use super::validate::{Tags, add_tags};
use super::{ACCOUNT_ID, Region};

/// What an ElastiCache ARN names.
enum CacheResource {
    Group(String),
    Member { group: String, id: String },
    SubnetGroup(String),
    ParameterGroup(String),
    Snapshot(String),
}

impl Region {
    /// Adds tags to EC2 resources: to all of them or to none.
    pub fn create_tags(&mut self, ids: &[String], tags: &[(String, String)]) -> Result<(), ApiError> {
        let change = |old: &Tags| add_tags(old, tags).map_err(|refusal| ec2_words(&refusal));
        for id in ids {
            change(self.ec2_tags(id)?)?;
        }
        for id in ids {
            let tags = self.ec2_tags(id)?;
            *tags = change(tags)?;
        }
        Ok(())
    }

    /// Removes tags from EC2 resources: by key, or by key and value; all when none is given.
    pub fn delete_tags(&mut self, ids: &[String], tags: &[(String, Option<String>)]) -> Result<(), ApiError> {
        for id in ids {
            let goes = |key: &str, value: &str| {
                tags.is_empty()
                    || tags.iter().any(|(other, expected)| {
                        other == key && expected.as_deref().is_none_or(|expected| expected == value)
                    })
            };
            self.ec2_tags(id)?.retain(|key, value| !goes(key, value));
        }
        Ok(())
    }

    fn ec2_tags(&mut self, id: &str) -> Result<&mut Tags, ApiError> {
        let missing = ec2_not_found(id);
        let found = match id.split('-').next().unwrap_or_default() {
            "vpc" => self.network.vpcs.iter_mut().find(|vpc| vpc.id == id).map(|vpc| &mut vpc.tags),
            "subnet" => self.network.subnets.iter_mut().find(|subnet| subnet.id == id).map(|subnet| &mut subnet.tags),
            "sg" => self.security_groups.get_mut(id).map(|group| &mut group.tags),
            "key" => self.key_pairs.values_mut().find(|pair| pair.id == id).map(|pair| &mut pair.tags),
            "i" => self.instances.get_mut(id).map(|instance| &mut instance.tags),
            "vol" => {
                self.instances.values_mut().find(|instance| instance.volume_id == id).map(|one| &mut one.volume_tags)
            }
            _ => None,
        };
        found.ok_or(missing)
    }

    /// Tags of an ElastiCache resource.
    pub fn cache_tags(&self, arn: &str) -> Result<Tags, ApiError> {
        match self.cache_resource(arn)? {
            CacheResource::Group(id) => Ok(self.taggable_group(&id)?.tags.clone()),
            CacheResource::Member { group, id } => {
                let member = self.taggable_group(&group)?.members().find(|member| member.id == id);
                Ok(member.map(|member| member.tags.clone()).unwrap_or_default())
            }
            CacheResource::SubnetGroup(name) => Ok(self.subnet_group(&name)?.tags.clone()),
            CacheResource::ParameterGroup(name) => Ok(self.parameter_group(&name)?.tags.clone()),
            CacheResource::Snapshot(name) => Ok(self.snapshot(&name)?.tags.clone()),
        }
    }

    /// Adds tags to an ElastiCache resource, and gives all that it has then.
    pub fn add_cache_tags(&mut self, arn: &str, tags: &[(String, String)]) -> Result<Tags, ApiError> {
        let all = add_tags(&self.cache_tags(arn)?, tags)?;
        self.change_cache_tags(arn, |old| {
            old.extend(tags.iter().cloned());
        })?;
        Ok(all)
    }

    /// Removes tags from an ElastiCache resource, and gives all that it has then.
    pub fn remove_cache_tags(&mut self, arn: &str, keys: &[String]) -> Result<Tags, ApiError> {
        let tags = self.cache_tags(arn)?;
        if let Some(key) = keys.iter().find(|key| !tags.contains_key(*key)) {
            let message = format!("The requested tag was not found on this resource: {key}");
            return Err(ApiError::new("TagNotFound", message).with_status(404));
        }
        self.change_cache_tags(arn, |old| old.retain(|key, _| !keys.contains(key)))?;
        self.cache_tags(arn)
    }

    fn change_cache_tags(&mut self, arn: &str, change: impl Fn(&mut Tags)) -> Result<(), ApiError> {
        match self.cache_resource(arn)? {
            CacheResource::Group(id) => {
                if let Some(group) = self.groups.get_mut(&id) {
                    change(&mut group.tags);
                    // ElastiCache carries a change of the group's tags to all of its clusters.
                    group.members_mut().for_each(|member| change(&mut member.tags));
                }
            }
            CacheResource::Member { group, id } => {
                let members = self.groups.get_mut(&group).into_iter().flat_map(|group| group.members_mut());
                members.filter(|member| member.id == id).for_each(|member| change(&mut member.tags));
            }
            CacheResource::SubnetGroup(name) => {
                self.subnet_groups.get_mut(&name).into_iter().for_each(|group| change(&mut group.tags));
            }
            CacheResource::ParameterGroup(name) => {
                self.parameter_groups.get_mut(&name).into_iter().for_each(|group| change(&mut group.tags));
            }
            CacheResource::Snapshot(name) => {
                self.snapshots.get_mut(&name).into_iter().for_each(|snapshot| change(&mut snapshot.tags));
            }
        }
        Ok(())
    }

    fn taggable_group(&self, id: &str) -> Result<&super::replication_group::ReplicationGroup, ApiError> {
        let group = self.group(id)?;
        match group.status {
            Status::Available => Ok(group),
            // ElastiCache tells and changes tags of nothing that is busy, however small the change.
            _ => Err(ApiError::new(
                "InvalidReplicationGroupState",
                format!("Replication group {id} is not in available state: {}", group.status.as_str()),
            )),
        }
    }

    fn cache_resource(&self, arn: &str) -> Result<CacheResource, ApiError> {
        let invalid = |why: &str| ApiError::new("InvalidARN", format!("The specified ARN {arn} is invalid: {why}"));
        let parts: Vec<&str> = arn.splitn(7, ':').collect();
        let ["arn", _partition, "elasticache", region, account, kind, id] = parts[..] else {
            return Err(invalid("it is not of the form arn:aws:elasticache:region:account:type:name"));
        };
        if region != self.name || account != ACCOUNT_ID {
            return Err(invalid("it is of another region or account"));
        }
        let id = id.to_ascii_lowercase();
        match kind {
            "replicationgroup" => Ok(CacheResource::Group(id)),
            "cluster" => {
                let has =
                    |group: &&super::replication_group::ReplicationGroup| group.members().any(|member| member.id == id);
                let Some(group) = self.groups.values().find(has) else {
                    return Err(cluster_not_found(&id));
                };
                Ok(CacheResource::Member { group: group.id.clone(), id })
            }
            "subnetgroup" => Ok(CacheResource::SubnetGroup(id)),
            "parametergroup" => Ok(CacheResource::ParameterGroup(id)),
            "snapshot" => Ok(CacheResource::Snapshot(id)),
            _ => Err(invalid("the resource type is not known here")),
        }
    }
}

/// A cache cluster that does not exist.
pub(crate) fn cluster_not_found(id: &str) -> ApiError {
    ApiError::new("CacheClusterNotFound", format!("CacheCluster {id} not found.")).with_status(404)
}

fn ec2_not_found(id: &str) -> ApiError {
    let (code, kind) = match id.split('-').next().unwrap_or_default() {
        "vpc" => ("InvalidVpcID.NotFound", "vpc ID"),
        "subnet" => ("InvalidSubnetID.NotFound", "subnet ID"),
        "sg" => ("InvalidGroup.NotFound", "security group"),
        "key" => ("InvalidKeyPair.NotFound", "key pair"),
        "i" => ("InvalidInstanceID.NotFound", "instance ID"),
        "vol" => ("InvalidVolume.NotFound", "volume"),
        _ => return ApiError::new("InvalidID", format!("The ID '{id}' is not valid")),
    };
    ApiError::new(code, format!("The {kind} '{id}' does not exist"))
}

/// EC2 has another code for too many tags than ElastiCache.
fn ec2_words(refusal: &ApiError) -> ApiError {
    let code = if refusal.code == "TagQuotaPerResourceExceeded" { "TagLimitExceeded" } else { refusal.code };
    ApiError::new(code, refusal.message.clone())
}
