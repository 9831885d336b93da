//! The AWS calls that a stack can need, as values with all their arguments: a closed sum.
//!
//! `diff` chooses calls, `steps` orders them, `execute` walks them, and only `aws` turns one into a request. An id
//! that is not known before an earlier call has answered is a [`GroupRef::Of`]. No secret is ever in here: an AUTH
//! token is a flag, and the cloud edge holds the token itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::resource::{Address, Tags};
use crate::spec::LogDelivery;

/// A security group: known, or the one that an earlier step makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupRef {
    /// `sg-…`
    Known(String),
    /// The group at this address, made by an earlier step.
    Of(Address),
}

impl GroupRef {
    /// The address, while the id isn't known.
    fn address(&self) -> Option<Address> {
        match self {
            GroupRef::Known(_) => None,
            GroupRef::Of(address) => Some(*address),
        }
    }

    fn resolve(&mut self, known: &impl Fn(Address) -> Option<String>) {
        if let Some(id) = self.address().and_then(known) {
            *self = GroupRef::Known(id);
        }
    }
}

/// An ingress rule on TCP with one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Port, first and last.
    pub port: u16,
    /// Who is let in.
    pub source: Source,
}

/// Who a rule lets in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A CIDR block, IPv4 or IPv6.
    Cidr(String),
    /// A managed prefix list, `pl-…`.
    PrefixList(String),
    /// A security group.
    Group(GroupRef),
}

/// Where a key pair's public half comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Generated: the cloud edge writes the private key to a file, once, and keeps it to itself.
    Generate,
    /// This OpenSSH public key.
    PublicKey(String),
}

/// Key pair to import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// Its name.
    pub name: String,
    /// Its public key.
    pub source: KeySource,
    /// Its tags.
    pub tags: Tags,
}

/// Security group to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// `vpc-…`
    pub vpc_id: String,
    /// What it lets in (in calls of their own).
    pub ingress: BTreeSet<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// Client host to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Image.
    pub image_id: String,
    /// Instance type.
    pub instance_type: String,
    /// Name of its key pair.
    pub key_name: String,
    /// Subnet.
    pub subnet_id: String,
    /// Its one security group.
    pub group: GroupRef,
    /// Whether it gets a public address; `None`: as the subnet says.
    pub public_ip: Option<bool>,
    /// Size of the encrypted root disk in GiB.
    pub disk_gib: u32,
    /// User data, as text.
    pub user_data: String,
    /// Its tags.
    pub tags: Tags,
}

/// Cache subnet group to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetGroup {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its subnets.
    pub subnet_ids: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Cache parameter group to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterGroup {
    /// Its name.
    pub name: String,
    /// Its family.
    pub family: String,
    /// Its description.
    pub description: String,
    /// Its parameters (in calls of their own).
    pub parameters: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
}

/// One shard of a replication group to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Four digits.
    pub id: String,
    /// Slots `first-last`; `None`: even.
    pub slots: Option<String>,
    /// Zone of the first primary.
    pub primary_zone: String,
    /// Zones of the replicas, one each.
    pub replica_zones: Vec<String>,
    /// Outpost ARN of the primary.
    pub primary_outpost_arn: Option<String>,
    /// Outpost ARNs of the replicas.
    pub replica_outpost_arns: Vec<String>,
}

/// Replication group to make. `None`: the field is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationGroup {
    /// Id.
    pub id: String,
    /// Description.
    pub description: String,
    /// `redis` or `valkey`.
    pub engine: String,
    /// Version as written.
    pub engine_version: String,
    /// Node type.
    pub node_type: String,
    /// Port.
    pub port: u16,
    /// Shards, with every node's zone.
    pub shards: Vec<Shard>,
    /// Multi-AZ.
    pub multi_az: bool,
    /// Parameter group's name.
    pub parameter_group: String,
    /// Whether the parameter group is the stack's own, made by an earlier step.
    pub own_parameter_group: bool,
    /// Subnet group's name.
    pub subnet_group: String,
    /// Security groups.
    pub groups: Vec<GroupRef>,
    /// Days that backups are kept.
    pub snapshot_retention_days: u32,
    /// Backup window.
    pub snapshot_window: Option<String>,
    /// Maintenance window.
    pub maintenance_window: Option<String>,
    /// Encryption in transit: `off`, `preferred`, `required`.
    pub transit_encryption: Option<&'static str>,
    /// Encryption at rest.
    pub at_rest_encryption: Option<bool>,
    /// KMS key.
    pub kms_key_id: Option<String>,
    /// Whether the AUTH token that the cloud edge holds is sent.
    pub auth_token: bool,
    /// User groups.
    pub user_group_ids: Vec<String>,
    /// SNS topic.
    pub notification_topic_arn: Option<String>,
    /// Minor upgrades by themselves.
    pub auto_minor_version_upgrade: Option<bool>,
    /// Log delivery.
    pub log_delivery: Vec<LogDelivery>,
    /// Data tiering.
    pub data_tiering: Option<bool>,
    /// IP versions.
    pub network_type: Option<&'static str>,
    /// IP version that nodes tell.
    pub ip_discovery: Option<&'static str>,
    /// Snapshot to start from.
    pub snapshot_name: Option<String>,
    /// RDB files to start from.
    pub snapshot_arns: Vec<String>,
    /// Serverless snapshot to start from.
    pub serverless_snapshot: Option<String>,
    /// Global datastore to join.
    pub global_replication_group_id: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// Arguments of ModifyReplicationGroup. `None`: the field is not sent. Always applied immediately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModifyReplicationGroup {
    /// Id.
    pub id: String,
    /// Description.
    pub description: Option<String>,
    /// Multi-AZ.
    pub multi_az: Option<bool>,
    /// Parameter group's name.
    pub parameter_group: Option<String>,
    /// All security groups from now on.
    pub groups: Option<Vec<GroupRef>>,
    /// Days that backups are kept.
    pub snapshot_retention_days: Option<u32>,
    /// Backup window.
    pub snapshot_window: Option<String>,
    /// Maintenance window.
    pub maintenance_window: Option<String>,
    /// SNS topic.
    pub notification_topic_arn: Option<String>,
    /// Minor upgrades by themselves.
    pub auto_minor_version_upgrade: Option<bool>,
    /// `redis` or `valkey`.
    pub engine: Option<String>,
    /// Version.
    pub engine_version: Option<String>,
    /// Node type.
    pub node_type: Option<String>,
    /// Encryption in transit: `off`, `preferred`, `required`.
    pub transit_encryption: Option<&'static str>,
    /// IP version that nodes tell.
    pub ip_discovery: Option<&'static str>,
    /// User groups that are new.
    pub user_groups_to_add: Vec<String>,
    /// User groups to take away.
    pub user_groups_to_remove: Vec<String>,
    /// Log delivery: what to deliver, and the log types to stop.
    pub log_delivery: Vec<LogDeliveryChange>,
}

/// One log type's delivery from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDeliveryChange {
    /// Deliver so.
    Set(LogDelivery),
    /// Stop delivering this log type (the API's word).
    Stop(String),
}

/// A node group's replicas from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaCount {
    /// Four digits.
    pub node_group_id: String,
    /// Replicas from now on, 0 to 5.
    pub replicas: u32,
    /// Zones of all its nodes, the primary's first; empty when replicas go.
    pub zones: Vec<String>,
}

/// A node group's zones, for scaling out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardZones {
    /// Four digits.
    pub node_group_id: String,
    /// Zones of all its nodes, the primary's first.
    pub zones: Vec<String>,
}

/// What tags are put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagTarget {
    /// An EC2 resource by id.
    Ec2(String),
    /// An ElastiCache resource by ARN.
    ElastiCache(String),
}

/// One AWS call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// ec2:ImportKeyPair
    ImportKeyPair(KeyPair),
    /// ec2:DeleteKeyPair, by id
    DeleteKeyPair {
        /// `key-…`
        id: String,
        /// Its public key, where it is known: the generated private key's file goes with it if it is this one's.
        public_key: Option<String>,
    },
    /// ec2:CreateSecurityGroup
    CreateSecurityGroup(Address, SecurityGroup),
    /// ec2:AuthorizeSecurityGroupIngress
    AuthorizeIngress(GroupRef, BTreeSet<Rule>),
    /// ec2:RevokeSecurityGroupIngress
    RevokeIngress(String, BTreeSet<crate::observed::LiveRule>),
    /// ec2:DeleteSecurityGroup, by id
    DeleteSecurityGroup(String),
    /// ec2:RunInstances
    RunInstance(Box<Instance>),
    /// ec2:ModifyInstanceMetadataOptions, to require IMDSv2
    RequireImdsV2(String),
    /// ec2:TerminateInstances
    TerminateInstances(Vec<String>),
    /// ec2:CreateTags or elasticache:AddTagsToResource
    AddTags(TagTarget, Tags),
    /// ec2:DeleteTags or elasticache:RemoveTagsFromResource, by key
    RemoveTags(TagTarget, BTreeSet<String>),
    /// elasticache:CreateCacheSubnetGroup
    CreateSubnetGroup(SubnetGroup),
    /// elasticache:ModifyCacheSubnetGroup
    ModifySubnetGroup(String, BTreeSet<String>),
    /// elasticache:DeleteCacheSubnetGroup
    DeleteSubnetGroup(String),
    /// elasticache:CreateCacheParameterGroup
    CreateParameterGroup(ParameterGroup),
    /// elasticache:ModifyCacheParameterGroup, at most 20 parameters
    ModifyParameterGroup(String, BTreeMap<String, String>),
    /// elasticache:ResetCacheParameterGroup for these parameters
    ResetParameters(String, BTreeSet<String>),
    /// elasticache:DeleteCacheParameterGroup
    DeleteParameterGroup(String),
    /// elasticache:CreateReplicationGroup
    CreateReplicationGroup(Box<ReplicationGroup>),
    /// elasticache:ModifyReplicationGroup
    ModifyReplicationGroup(Box<ModifyReplicationGroup>),
    /// elasticache:IncreaseReplicaCount
    IncreaseReplicaCount(String, Vec<ReplicaCount>),
    /// elasticache:DecreaseReplicaCount
    DecreaseReplicaCount(String, Vec<ReplicaCount>),
    /// elasticache:ModifyReplicationGroupShardConfiguration, out
    AddShards(String, Vec<ShardZones>),
    /// elasticache:ModifyReplicationGroupShardConfiguration, in: the count from now on, and who goes
    RemoveShards(String, u32, Vec<String>),
    /// elasticache:DeleteReplicationGroup
    DeleteReplicationGroup {
        /// Its id.
        id: String,
        /// Whether its tags could not be read before: they are read first, and it is left where it isn't the stack's.
        verify_owner: bool,
        /// The snapshot that its data is kept in; `None`: its data goes with it.
        final_snapshot: Option<String>,
    },
    /// No call: only wait
    Await,
}

impl Call {
    /// The operation's name as AWS has it, `service:Operation`; empty for [`Call::Await`].
    pub fn operation(&self) -> &'static str {
        match self {
            Call::ImportKeyPair(_) => "ec2:ImportKeyPair",
            Call::DeleteKeyPair { .. } => "ec2:DeleteKeyPair",
            Call::CreateSecurityGroup(..) => "ec2:CreateSecurityGroup",
            Call::AuthorizeIngress(..) => "ec2:AuthorizeSecurityGroupIngress",
            Call::RevokeIngress(..) => "ec2:RevokeSecurityGroupIngress",
            Call::DeleteSecurityGroup(_) => "ec2:DeleteSecurityGroup",
            Call::RunInstance(_) => "ec2:RunInstances",
            Call::RequireImdsV2(_) => "ec2:ModifyInstanceMetadataOptions",
            Call::TerminateInstances(_) => "ec2:TerminateInstances",
            Call::AddTags(TagTarget::Ec2(_), _) => "ec2:CreateTags",
            Call::AddTags(TagTarget::ElastiCache(_), _) => "elasticache:AddTagsToResource",
            Call::RemoveTags(TagTarget::Ec2(_), _) => "ec2:DeleteTags",
            Call::RemoveTags(TagTarget::ElastiCache(_), _) => "elasticache:RemoveTagsFromResource",
            Call::CreateSubnetGroup(_) => "elasticache:CreateCacheSubnetGroup",
            Call::ModifySubnetGroup(..) => "elasticache:ModifyCacheSubnetGroup",
            Call::DeleteSubnetGroup(_) => "elasticache:DeleteCacheSubnetGroup",
            Call::CreateParameterGroup(_) => "elasticache:CreateCacheParameterGroup",
            Call::ModifyParameterGroup(..) => "elasticache:ModifyCacheParameterGroup",
            Call::ResetParameters(..) => "elasticache:ResetCacheParameterGroup",
            Call::DeleteParameterGroup(_) => "elasticache:DeleteCacheParameterGroup",
            Call::CreateReplicationGroup(_) => "elasticache:CreateReplicationGroup",
            Call::ModifyReplicationGroup(_) => "elasticache:ModifyReplicationGroup",
            Call::IncreaseReplicaCount(..) => "elasticache:IncreaseReplicaCount",
            Call::DecreaseReplicaCount(..) => "elasticache:DecreaseReplicaCount",
            Call::AddShards(..) | Call::RemoveShards(..) => "elasticache:ModifyReplicationGroupShardConfiguration",
            Call::DeleteReplicationGroup { .. } => "elasticache:DeleteReplicationGroup",
            Call::Await => "",
        }
    }

    /// The groups that earlier steps make and that this call's arguments name.
    pub fn group_refs(&self) -> Vec<Address> {
        let refs: Vec<&GroupRef> = match self {
            Call::AuthorizeIngress(group, rules) => {
                let sources = rules.iter().filter_map(|rule| match &rule.source {
                    Source::Group(group) => Some(group),
                    Source::Cidr(_) | Source::PrefixList(_) => None,
                });
                std::iter::once(group).chain(sources).collect()
            }
            Call::RunInstance(instance) => vec![&instance.group],
            Call::CreateReplicationGroup(group) => group.groups.iter().collect(),
            Call::ModifyReplicationGroup(modify) => modify.groups.iter().flatten().collect(),
            _ => Vec::new(),
        };
        refs.into_iter().filter_map(|group| group.address()).collect()
    }

    /// Puts the ids of groups that are known in the place of their addresses.
    pub fn resolve_groups(&mut self, known: impl Fn(Address) -> Option<String>) {
        match self {
            Call::AuthorizeIngress(group, rules) => {
                group.resolve(&known);
                // Rules are kept sorted, so they are taken out and put back.
                let resolved = std::mem::take(rules).into_iter().map(|mut rule| {
                    if let Source::Group(group) = &mut rule.source {
                        group.resolve(&known);
                    }
                    rule
                });
                *rules = resolved.collect();
            }
            Call::RunInstance(instance) => instance.group.resolve(&known),
            Call::CreateReplicationGroup(group) => group.groups.iter_mut().for_each(|group| group.resolve(&known)),
            Call::ModifyReplicationGroup(modify) => {
                modify.groups.iter_mut().flatten().for_each(|group| group.resolve(&known));
            }
            _ => {}
        }
    }
}

/// What a step waits for after its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "until", rename_all = "snake_case")]
pub enum Wait {
    /// The client host is `running`.
    InstanceRunning,
    /// These client hosts are `terminated`.
    InstancesTerminated {
        /// `i-…`
        ids: Vec<String>,
    },
    /// The replication group, all its node groups and all its members are `available`.
    ReplicationGroupSettled {
        /// Its id.
        id: String,
    },
    /// The replication group is gone.
    ReplicationGroupGone {
        /// Its id.
        id: String,
    },
    /// The replication group is gone, after its final snapshot: were that to fail, it would stay.
    ReplicationGroupKept {
        /// Its id.
        id: String,
        /// The snapshot's name.
        snapshot: String,
    },
}
