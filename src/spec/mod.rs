//! The plan file: what the user writes, as strict types.
//!
//! [`Spec`] holds exactly what the file says; what the file leaves out is `None` here, and gets its default in
//! `desired`, so that there is one place for each. `read` makes a [`Spec`] from text or says everything that is
//! wrong with it at once. Imports `lifetime` alone; reads no files and no environment (both are arguments).

mod read;

use std::collections::BTreeMap;

use crate::lifetime::Length;

#[cfg(test)]
pub(crate) use read::fields::TABLES;
pub use read::{Located, PlanFile, Problem, ReadOptions, read};

/// A plan file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Stack name: the prefix of every resource and the replication group's id. 1 to 40 letters, digits and hyphens,
    /// a letter first, no `--`, no `-` at the end; stored in lower case (ElastiCache's rule for group ids).
    pub name: String,
    /// AWS region, such as `us-east-1`. `None`: from the command line or the AWS configuration.
    pub region: Option<String>,
    /// Tags of every resource, at most 45 (AWS allows 50, and up to five are ours).
    pub tags: BTreeMap<String, String>,
    /// `expires_in: 2h`: how long the stack lives from when it is made or renewed; `cleanup` deletes it afterwards.
    /// `None`: it doesn't expire.
    pub expires_in: Option<Length>,
    /// `owner: ann`: whose it is, 1 to 64 characters that a tag may have. `None`: as it is; of a new stack, whoever
    /// makes it.
    pub owner: Option<String>,
    /// Where the resources live.
    pub network: NetworkSpec,
    /// The EC2 client host; `None`: a cluster alone.
    pub client: Option<ClientSpec>,
    /// The cluster.
    pub cluster: ClusterSpec,
}

/// `network`: VPC and subnets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSpec {
    /// `vpc: vpc-…` or `vpc: {tag: {key: value}}`; `None`: the default VPC, or the VPC of the named subnets.
    pub vpc: Option<VpcSelector>,
    /// `subnets: [subnet-…]` or `subnets: {tag: {key: value}}`; `None`: all of the VPC (of the default VPC: its
    /// default subnets).
    pub subnets: Option<SubnetSelector>,
}

/// How the plan file names a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VpcSelector {
    /// By id, `vpc-…`.
    Id(String),
    /// By tags, all of which must match exactly one VPC.
    Tags(BTreeMap<String, String>),
}

/// How the plan file names subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubnetSelector {
    /// By ids, `subnet-…`, 1 to 20.
    Ids(Vec<String>),
    /// By tags, all of which must match.
    Tags(BTreeMap<String, String>),
}

/// `client`: the EC2 host that redis-cli runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSpec {
    /// EC2 instance type, such as `t2.micro` (the default).
    pub instance_type: Option<String>,
    /// AMI id; `None`: the newest Amazon Linux 2023 at creation, by its public SSM parameter.
    pub ami: Option<String>,
    /// Who may ssh to it. `None`: EC2 Instance Connect.
    pub ssh_from: Option<Vec<SshSource>>,
    /// The key pair. `None`: generated.
    pub key_pair: Option<KeyPairSpec>,
    /// How the redis client gets onto it. `None`: `package`.
    pub redis_client: Option<RedisClientInstall>,
    /// Subnet of the host, `subnet-…`; `None`: the first of the network's subnets.
    pub subnet: Option<String>,
    /// Whether it gets a public address. `None`: as the subnet says.
    pub public_ip: Option<bool>,
    /// Size of its encrypted root disk in GiB, 8 to 16384. `None`: 8.
    pub disk_gib: Option<u32>,
}

/// Who may reach port 22 of the client host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SshSource {
    /// `ec2-instance-connect`: AWS's managed prefix list of that service.
    Ec2InstanceConnect,
    /// A CIDR block, IPv4 or IPv6.
    Cidr(String),
}

/// `client.key_pair`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPairSpec {
    /// `{generate: true}`, or `{private_key_file: path}` to say where the private key goes. It is written once,
    /// readable by the owner alone, and never sent to AWS.
    Generate {
        /// Path relative to the plan file; `None`: a file of the stack's own under the user's data directory.
        private_key_file: Option<String>,
    },
    /// `{public_key_file: path}`: import this public key (OpenSSH format), path relative to the plan file.
    PublicKeyFile(String),
    /// `{name: my-key}`: a key pair that exists and is not the stack's.
    Existing(String),
}

/// `client.redis_client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisClientInstall {
    /// The distribution's package: seconds.
    Package,
    /// gcc, make and the redis-stable tarball, as the tutorial does it: minutes.
    Source,
}

/// Cache engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Redis OSS.
    Redis,
    /// Valkey.
    Valkey,
}

impl Engine {
    /// The engine's name as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Redis => "redis",
            Engine::Valkey => "valkey",
        }
    }
}

/// `cluster`: every field of CreateReplicationGroup that a cluster-mode group can use, with AWS's meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterSpec {
    /// `redis` (default) or `valkey`.
    pub engine: Option<Engine>,
    /// `major.minor` (or the `6.x` of old); default `7.1` for redis, `8.0` for valkey.
    pub engine_version: Option<String>,
    /// Node type, `cache.…`; default `cache.t2.micro`.
    pub node_type: Option<String>,
    /// Number of shards (node groups), 1 to 500; default 3.
    pub shards: Option<u32>,
    /// Replicas of each shard, 0 to 5; default 2.
    pub replicas_per_shard: Option<u32>,
    /// Whether nodes of a shard are kept in different zones; default true where there are replicas.
    pub multi_az: Option<bool>,
    /// TCP port, 1 to 65535; default 6379.
    pub port: Option<u16>,
    /// Days that automatic backups are kept, 0 to 35; default 0: no backups.
    pub snapshot_retention_days: Option<u32>,
    /// Daily backup window `hh24:mi-hh24:mi` (UTC), 60 minutes or more.
    pub snapshot_window: Option<String>,
    /// Weekly maintenance window `ddd:hh24:mi-ddd:hh24:mi` (UTC), 60 minutes or more.
    pub maintenance_window: Option<String>,
    /// Description, 1 to 255 characters; default `shardform stack NAME`.
    pub description: Option<String>,
    /// Engine parameters by name: they get a parameter group of the stack's own.
    pub parameters: BTreeMap<String, String>,
    /// Name of a parameter group that exists and is not the stack's (excludes `parameters`).
    pub parameter_group: Option<String>,
    /// Further sources that may reach the cluster's port.
    pub allow_from: Vec<AllowSource>,
    /// Further security groups (ids `sg-…`) that the nodes get beside the stack's own.
    pub security_group_ids: Vec<String>,
    /// `transit_encryption: off | preferred | required`; default off.
    pub transit_encryption: Option<TransitEncryption>,
    /// Encryption at rest; fixed at creation.
    pub at_rest_encryption: Option<bool>,
    /// KMS key for it; fixed at creation.
    pub kms_key_id: Option<String>,
    /// Name of the environment variable that holds the AUTH token (needs transit encryption).
    pub auth_token_env: Option<String>,
    /// User groups (at most 1 today, by AWS's limit).
    pub user_group_ids: Vec<String>,
    /// SNS topic for notifications.
    pub notification_topic_arn: Option<String>,
    /// Whether minor engine upgrades come by themselves in the maintenance window.
    pub auto_minor_version_upgrade: Option<bool>,
    /// Log delivery, at most one a log type.
    pub log_delivery: Vec<LogDelivery>,
    /// Data tiering (r6gd nodes need it, others refuse it); fixed at creation.
    pub data_tiering: Option<bool>,
    /// `ipv4`, `ipv6` or `dual_stack`; fixed at creation.
    pub network_type: Option<NetworkType>,
    /// `ipv4` or `ipv6`.
    pub ip_discovery: Option<IpDiscovery>,
    /// Zones and slots a shard; empty: spread over the subnets' zones, slots even.
    pub node_groups: Vec<NodeGroupSpec>,
    /// Name of a snapshot whose data the new cluster starts with.
    pub restore_from: Option<String>,
    /// S3 ARNs of RDB files whose data the new cluster starts with.
    pub snapshot_arns: Vec<String>,
    /// Name of a serverless cache's snapshot whose data the new cluster starts with.
    pub serverless_snapshot: Option<String>,
    /// Global datastore that the new cluster joins as a secondary.
    pub global_replication_group_id: Option<String>,
}

/// Who may reach the cluster's port, beside the client host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AllowSource {
    /// A security group by id, `sg-…`.
    GroupId(String),
    /// A security group of the same VPC by name.
    GroupName(String),
    /// A CIDR block, IPv4 or IPv6.
    Cidr(String),
}

/// Encryption in transit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitEncryption {
    /// Plain text only.
    Off,
    /// TLS and plain text.
    Preferred,
    /// TLS only.
    Required,
}

impl TransitEncryption {
    /// The word in the plan file.
    pub fn as_str(self) -> &'static str {
        match self {
            TransitEncryption::Off => "off",
            TransitEncryption::Preferred => "preferred",
            TransitEncryption::Required => "required",
        }
    }
}

/// IP versions of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkType {
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
    /// Both.
    DualStack,
}

impl NetworkType {
    /// The word as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            NetworkType::Ipv4 => "ipv4",
            NetworkType::Ipv6 => "ipv6",
            NetworkType::DualStack => "dual_stack",
        }
    }
}

/// Which IP version the nodes tell of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpDiscovery {
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
}

impl IpDiscovery {
    /// The word as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            IpDiscovery::Ipv4 => "ipv4",
            IpDiscovery::Ipv6 => "ipv6",
        }
    }
}

/// One entry of `cluster.log_delivery`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogDelivery {
    /// `slow-log` or `engine-log`.
    pub log_type: LogType,
    /// `cloudwatch-logs` or `kinesis-firehose`.
    pub destination_type: LogDestination,
    /// Log group or delivery stream.
    pub destination: String,
    /// `json` (default) or `text`.
    pub format: LogFormat,
}

/// Which log is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogType {
    /// `slow-log`
    Slow,
    /// `engine-log`
    Engine,
}

/// Where a log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogDestination {
    /// `cloudwatch-logs`
    CloudWatchLogs,
    /// `kinesis-firehose`
    KinesisFirehose,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogFormat {
    /// `json`
    Json,
    /// `text`
    Text,
}

impl LogType {
    /// The word as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            LogType::Slow => "slow-log",
            LogType::Engine => "engine-log",
        }
    }
}

impl LogDestination {
    /// The word as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            LogDestination::CloudWatchLogs => "cloudwatch-logs",
            LogDestination::KinesisFirehose => "kinesis-firehose",
        }
    }
}

impl LogFormat {
    /// The word as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            LogFormat::Json => "json",
            LogFormat::Text => "text",
        }
    }
}

/// One entry of `cluster.node_groups`: a shard whose zones, slots or replicas are chosen by hand. Where the list is
/// given it has one entry a shard, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeGroupSpec {
    /// Four digits; default: its place in the list, `0001` first.
    pub id: Option<String>,
    /// `first-last`, several joined by commas; given for all shards or for none, together all 16384.
    pub slots: Option<String>,
    /// Zone of the first primary.
    pub primary_zone: Option<String>,
    /// Zones of the replicas, as many as there are replicas.
    pub replica_zones: Option<Vec<String>>,
    /// Replicas of this shard, 0 to 5; default `replicas_per_shard`.
    pub replicas: Option<u32>,
    /// Outpost ARN of the primary.
    pub primary_outpost_arn: Option<String>,
    /// Outpost ARNs of the replicas.
    pub replica_outpost_arns: Vec<String>,
}
