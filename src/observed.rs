//! What there is to be read of the cloud: the question ([`Query`]) and the answer ([`Observed`]), as values.
//!
//! Two parts that must not be mixed: [`Surroundings`] is what the stack finds (subnets, images, engine versions) and
//! never owns; [`Live`] is what carries the stack's names. `None` in a live field means that the cloud did not tell
//! it, which is never a difference.

use std::collections::{BTreeMap, BTreeSet};

use crate::resource::{Architecture, Names, Ownership, Tags};
use crate::spec::{Engine, NetworkSpec};

/// What one observation reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Names of the stack's resources.
    pub names: Names,
    /// What is wanted of the surroundings; `None` where only the stack itself is of interest (status, destroy).
    pub surroundings: Option<SurroundingsQuery>,
    /// A snapshot that is to be known, in lower case: the one to start from, or the one to make.
    pub snapshot: Option<String>,
}

/// What is wanted of the surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurroundingsQuery {
    /// Which subnets.
    pub network: NetworkSpec,
    /// A newest image for this architecture; `None`: the plan file names one, or there is no client host.
    pub image: Option<Architecture>,
    /// Whether the managed prefix list of EC2 Instance Connect is needed.
    pub ec2_instance_connect: bool,
    /// Names of security groups that the plan file refers to.
    pub group_names: BTreeSet<String>,
    /// Name of a key pair that the plan file refers to.
    pub key_name: Option<String>,
    /// Engine whose versions are checked.
    pub engine: Engine,
    /// Version as written, for the check; `None`: any.
    pub engine_version: String,
    /// The parameter group whose parameters are compared.
    pub parameter_group: Option<String>,
}

/// All that one observation has read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What the stack finds.
    pub surroundings: Surroundings,
    /// What carries the stack's names.
    pub live: Live,
}

/// What the stack finds and never owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// AWS account id, where the cloud tells it.
    pub account: Option<String>,
    /// The name of whoever signs the calls, where the cloud tells one.
    pub caller: Option<String>,
    /// The subnets that the plan file asks for, in the order of their zones and ids.
    pub subnets: Vec<Subnet>,
    /// Newest image, where one was asked for.
    pub image_id: Option<String>,
    /// Id of the managed prefix list of EC2 Instance Connect, `pl-…`.
    pub ec2_instance_connect: Option<String>,
    /// The security groups asked for by name.
    pub named_groups: Vec<NamedGroup>,
    /// Whether the key pair asked for by name exists; `None`: none was asked for.
    pub key_exists: Option<bool>,
    /// Engine versions on offer; `None` where the cloud can't say.
    pub engine_versions: Option<Vec<EngineVersion>>,
    /// The snapshot asked for; `None`: none was asked for, or the cloud can't say.
    pub snapshots: Option<Snapshots>,
}

/// What is known of the snapshot asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshots {
    /// It; `None`: there is none of this name.
    pub named: Option<Snapshot>,
    /// Where there is none: the stack's snapshots that are `available`, by name.
    pub available: Vec<String>,
}

/// A snapshot of a replication group. `None`: the cloud does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, in lower case.
    pub name: String,
    /// `creating`, `available`, `restoring`, `copying` or `deleting`.
    pub status: String,
    /// The replication group that it is of.
    pub group: Option<String>,
    /// `redis` or `valkey`.
    pub engine: Option<String>,
    /// Full engine version.
    pub engine_version: Option<String>,
    /// Whether it is of nodes with data tiering.
    pub data_tiering: Option<bool>,
}

impl Snapshot {
    /// Whether it is of this replication group (ids are no matter of upper and lower case).
    pub fn is_of(&self, group: &str) -> bool {
        self.group.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(group))
    }
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    /// Availability zone, such as `us-east-1a`.
    pub zone: String,
    /// `subnet-…`
    pub id: String,
    /// `vpc-…`
    pub vpc_id: String,
}

/// A security group that the plan file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedGroup {
    /// `sg-…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// `vpc-…`
    pub vpc_id: String,
}

/// An engine version that the cloud offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineVersion {
    /// Full version, such as `7.1.0` or `7.1`.
    pub version: String,
    /// Parameter group family, such as `redis7`.
    pub family: String,
}

/// What carries the stack's names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Key pair.
    pub key_pair: Option<LiveKeyPair>,
    /// Security group of the client host.
    pub client_group: Option<LiveSecurityGroup>,
    /// Client hosts that are not gone, oldest first. More than one is a mistake to be told of.
    pub instances: Vec<LiveInstance>,
    /// Security group of the cluster.
    pub cluster_group: Option<LiveSecurityGroup>,
    /// Subnet group: the one that the cluster's nodes are in, where there are several.
    pub subnet_group: Option<LiveSubnetGroup>,
    /// Further subnet groups of the stack's own, as two runs at the same time leave them. Nothing is in them.
    pub spare_subnet_groups: Vec<LiveSubnetGroup>,
    /// Parameter groups whose names begin with the stack's and that carry its tag.
    pub parameter_groups: Vec<LiveParameterGroup>,
    /// Replication group.
    pub replication_group: Option<LiveReplicationGroup>,
}

/// A live key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveKeyPair {
    /// Whose it is.
    pub ownership: Ownership,
    /// `key-…`
    pub id: String,
    /// Public key in OpenSSH's format, without its comment, where the cloud tells it.
    pub public_key: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A live security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSecurityGroup {
    /// Whose it is.
    pub ownership: Ownership,
    /// `sg-…`
    pub id: String,
    /// `vpc-…`
    pub vpc_id: String,
    /// What it lets in.
    pub ingress: BTreeSet<LiveRule>,
    /// Its tags.
    pub tags: Tags,
}

/// One ingress rule, with one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LiveRule {
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub protocol: String,
    /// First port, or -1 / absent for all.
    pub from_port: Option<i32>,
    /// Last port.
    pub to_port: Option<i32>,
    /// Who is let in.
    pub source: LiveSource,
}

/// Who a live rule lets in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LiveSource {
    /// A CIDR block.
    Cidr(String),
    /// A managed prefix list, `pl-…`.
    PrefixList(String),
    /// A security group, `sg-…`.
    Group(String),
}

impl std::fmt::Display for LiveRule {
    /// `tcp 6379 from 10.0.0.0/8`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ports = match (self.from_port, self.to_port) {
            (Some(from), Some(to)) if from == to => from.to_string(),
            (Some(from), Some(to)) => format!("{from}-{to}"),
            _ => "all".to_owned(),
        };
        let (LiveSource::Cidr(source) | LiveSource::PrefixList(source) | LiveSource::Group(source)) = &self.source;
        let protocol = if self.protocol == "-1" { "all" } else { &self.protocol };
        write!(f, "{protocol} {ports} from {source}")
    }
}

/// A live client host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveInstance {
    /// `i-…`
    pub id: String,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping`, `stopped`.
    pub state: String,
    /// Instance type.
    pub instance_type: String,
    /// Image, `ami-…`.
    pub image_id: String,
    /// Key pair's name.
    pub key_name: Option<String>,
    /// `subnet-…`
    pub subnet_id: Option<String>,
    /// Its security groups, `sg-…`.
    pub group_ids: BTreeSet<String>,
    /// Whether only IMDSv2 is answered, where the cloud tells it.
    pub imds_v2_only: Option<bool>,
    /// Public DNS name or address.
    pub public_address: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A live cache subnet group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSubnetGroup {
    /// Whose it is.
    pub ownership: Ownership,
    /// Name.
    pub name: String,
    /// ARN, where the cloud tells it.
    pub arn: Option<String>,
    /// `vpc-…`
    pub vpc_id: String,
    /// Its subnets, `subnet-…`.
    pub subnet_ids: BTreeSet<String>,
    /// Its tags, where they can be read.
    pub tags: Option<Tags>,
}

/// A live cache parameter group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveParameterGroup {
    /// Whose it is.
    pub ownership: Ownership,
    /// Name.
    pub name: String,
    /// ARN, where the cloud tells it.
    pub arn: Option<String>,
    /// Family, such as `redis7`.
    pub family: String,
    /// Parameters that differ from the family's defaults; `None` where they were not read.
    pub parameters: Option<BTreeMap<String, String>>,
    /// Its tags, where they can be read.
    pub tags: Option<Tags>,
}

/// A live replication group, with what only its member clusters tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveReplicationGroup {
    /// Whose it is.
    pub ownership: Ownership,
    /// ARN, where the cloud tells it.
    pub arn: Option<String>,
    /// `creating`, `available`, `modifying`, `deleting`, `create-failed`, `snapshotting`.
    pub status: String,
    /// Description.
    pub description: Option<String>,
    /// Engine, `redis` or `valkey`.
    pub engine: Option<String>,
    /// Node type.
    pub node_type: Option<String>,
    /// Whether cluster mode is on.
    pub cluster_enabled: Option<bool>,
    /// Whether Multi-AZ is on.
    pub multi_az: Option<bool>,
    /// Configuration endpoint.
    pub endpoint: Option<Endpoint>,
    /// Node groups in the order of their ids.
    pub node_groups: Vec<LiveNodeGroup>,
    /// Ids of all member clusters.
    pub member_ids: Vec<String>,
    /// What DescribeCacheClusters tells of the members; may be empty.
    pub members: Vec<LiveMember>,
    /// Days that automatic backups are kept.
    pub snapshot_retention_days: Option<u32>,
    /// Daily backup window.
    pub snapshot_window: Option<String>,
    /// Whether there is an AUTH token.
    pub auth_token_enabled: Option<bool>,
    /// Encryption in transit: `off`, `preferred` or `required`.
    pub transit_encryption: Option<String>,
    /// Encryption at rest.
    pub at_rest_encryption: Option<bool>,
    /// KMS key.
    pub kms_key_id: Option<String>,
    /// User groups.
    pub user_group_ids: Option<BTreeSet<String>>,
    /// Log delivery as `log-type destination-type destination format`.
    pub log_delivery: Option<BTreeSet<String>>,
    /// Data tiering.
    pub data_tiering: Option<bool>,
    /// Whether minor upgrades come by themselves.
    pub auto_minor_version_upgrade: Option<bool>,
    /// `ipv4`, `ipv6` or `dual_stack`.
    pub network_type: Option<String>,
    /// `ipv4` or `ipv6`.
    pub ip_discovery: Option<String>,
    /// Changes that wait for the maintenance window, as `field = value`.
    pub pending: Vec<String>,
    /// Its tags, where they can be read.
    pub tags: Option<Tags>,
}

/// An address and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}

/// A live node group (shard).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveNodeGroup {
    /// Four digits.
    pub id: String,
    /// `creating`, `available`, `modifying`, `deleting`.
    pub status: String,
    /// Hash slots, `0-5461`.
    pub slots: Option<String>,
    /// Zones of its members by member cluster id; the zone is empty where the cloud doesn't tell it.
    pub zones: BTreeMap<String, String>,
}

/// What DescribeCacheClusters tells of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveMember {
    /// Member cluster id.
    pub id: String,
    /// Its status.
    pub status: String,
    /// Full engine version.
    pub engine_version: Option<String>,
    /// Its security groups.
    pub group_ids: BTreeSet<String>,
    /// Its subnet group.
    pub subnet_group: Option<String>,
    /// Its parameter group.
    pub parameter_group: Option<String>,
    /// `in-sync`, `applying` or `pending-reboot`.
    pub parameter_status: Option<String>,
    /// Weekly maintenance window.
    pub maintenance_window: Option<String>,
    /// SNS topic.
    pub notification_topic_arn: Option<String>,
    /// Where the node answers.
    pub endpoint: Option<Endpoint>,
}

impl Live {
    /// The tags of everything that is the stack's own and whose tags are known.
    pub fn own_tags(&self) -> impl Iterator<Item = &Tags> {
        let is_ours = |ownership: Ownership| ownership == Ownership::Ours;
        let keys = self.key_pair.iter().filter(move |key| is_ours(key.ownership)).map(|key| &key.tags);
        let groups = self.client_group.iter().chain(&self.cluster_group);
        let groups = groups.filter(move |group| is_ours(group.ownership)).map(|group| &group.tags);
        let hosts = self.instances.iter().map(|host| &host.tags);
        let subnets = self.subnet_group.iter().chain(&self.spare_subnet_groups);
        let subnets = subnets.filter(move |group| is_ours(group.ownership)).filter_map(|group| group.tags.as_ref());
        let parameters = self.parameter_groups.iter().filter(move |group| is_ours(group.ownership));
        let parameters = parameters.filter_map(|group| group.tags.as_ref());
        let cluster = self.replication_group.iter().filter(move |group| is_ours(group.ownership));
        let cluster = cluster.filter_map(|group| group.tags.as_ref());
        keys.chain(groups).chain(hosts).chain(subnets).chain(parameters).chain(cluster)
    }
}

impl LiveReplicationGroup {
    /// Whether nothing moves any more: the group and every node group are `available`, and there are as many
    /// member clusters as the node groups have members.
    pub fn is_settled(&self) -> bool {
        let members: usize = self.node_groups.iter().map(|group| group.zones.len()).sum();
        self.status == "available"
            && self.node_groups.iter().all(|group| group.status == "available")
            && members == self.member_ids.len()
    }
}
