//! What an account lists in one region: the answer to a few paged reads, as values.
//!
//! EC2's listings bring tags; ElastiCache's don't, so that what it holds is told by names, descriptions, and by what it
//! is attached to. Tags that were read for one resource after all are kept by its ARN.

use std::collections::{BTreeMap, BTreeSet};

use crate::observed::Endpoint;
use crate::resource::Tags;

/// All that one region lists which may be of a stack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// Region.
    pub region: String,
    /// Replication groups.
    pub replication_groups: Vec<ListedGroup>,
    /// Cache clusters that are members of replication groups.
    pub members: Vec<ListedMember>,
    /// Cache subnet groups.
    pub subnet_groups: Vec<ListedSubnetGroup>,
    /// Cache parameter groups.
    pub parameter_groups: Vec<ListedParameterGroup>,
    /// Security groups with a stack's tag.
    pub security_groups: Vec<ListedEc2>,
    /// Key pairs with a stack's tag.
    pub key_pairs: Vec<ListedEc2>,
    /// Hosts with a stack's tag that are there, or can be again.
    pub hosts: Vec<ListedHost>,
    /// Tags of ElastiCache's resources by ARN, of those that were asked for; `None`: they can't be read.
    pub cache_tags: BTreeMap<String, Option<Tags>>,
}

/// A replication group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedGroup {
    /// Id.
    pub id: String,
    /// ARN, where it is told.
    pub arn: Option<String>,
    /// `creating`, `available`, `modifying`, `deleting`, `create-failed`, `snapshotting`.
    pub status: String,
    /// Description.
    pub description: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: Option<u64>,
    /// Ids of its member clusters.
    pub member_ids: Vec<String>,
    /// Configuration endpoint.
    pub endpoint: Option<Endpoint>,
}

/// A member cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedMember {
    /// Id.
    pub id: String,
    /// Its replication group's id, where it is told.
    pub group: Option<String>,
    /// Status.
    pub status: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: Option<u64>,
    /// Its subnet group's name.
    pub subnet_group: Option<String>,
    /// Its security groups, `sg-…`.
    pub security_groups: BTreeSet<String>,
}

/// A cache subnet group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedSubnetGroup {
    /// Name.
    pub name: String,
    /// ARN, where it is told.
    pub arn: Option<String>,
    /// Description.
    pub description: String,
}

/// A cache parameter group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedParameterGroup {
    /// Name.
    pub name: String,
    /// ARN, where it is told.
    pub arn: Option<String>,
    /// Description.
    pub description: String,
    /// Family, such as `redis7`.
    pub family: String,
}

/// A security group or a key pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedEc2 {
    /// `sg-…`, `key-…`
    pub id: String,
    /// Name.
    pub name: String,
    /// When it was made, in milliseconds since 1970; EC2 doesn't tell it of security groups.
    pub created_ms: Option<u64>,
    /// Its tags.
    pub tags: Tags,
}

/// A host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedHost {
    /// `i-…`
    pub id: String,
    /// When it was launched, in milliseconds since 1970.
    pub created_ms: Option<u64>,
    /// Its security groups, `sg-…`.
    pub security_groups: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}
