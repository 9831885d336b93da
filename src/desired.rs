//! From the plan file and its surroundings to what should be live: all defaults are decided here.
//!
//! Pure. Imports `spec`, `resource`, and the values that the answer is made of. What can't be (no subnet, one zone
//! with Multi-AZ, a version that nobody offers) is said here, before the first call.

mod restore;

use std::collections::BTreeSet;

use crate::call::{GroupRef, Instance, KeyPair, KeySource, ParameterGroup, ReplicationGroup, Rule, SecurityGroup};
use crate::call::{Shard, Source, SubnetGroup};
use crate::engine_version::{as_written, default_parameter_group, default_version, family, satisfies};
use crate::lifetime::{Expiry, Length, read_suffix, suffix};
use crate::observed::{Live, Observed, Query, Subnet, Surroundings, SurroundingsQuery};
use crate::resource::{
    Address, Architecture, EXPIRES_TAG, Names, OWNER_TAG, Ownership, STACK_TAG, Tags, USER_DATA_TAG,
};
use crate::spec::{AllowSource, ClientSpec, ClusterSpec, Engine, KeyPairSpec, RedisClientInstall, Spec, SshSource};

/// The instance type of a client host whose plan file names none.
pub const DEFAULT_INSTANCE_TYPE: &str = "t2.micro";
/// The node type of a cluster whose plan file names none.
pub const DEFAULT_NODE_TYPE: &str = "cache.t2.micro";
/// Shards where the plan file says nothing.
pub const DEFAULT_SHARDS: u32 = 3;
/// Replicas of each shard where the plan file says nothing.
pub const DEFAULT_REPLICAS: u32 = 2;
/// Port where the plan file says nothing.
pub const DEFAULT_PORT: u16 = 6379;
/// Size of the client host's disk in GiB where the plan file says nothing: what the Amazon Linux image needs.
pub const DEFAULT_DISK_GIB: u32 = 8;
/// The fewest zones that nodes are spread over where the network has as many.
const SPREAD_ZONES: usize = 3;

/// All that should be live.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Names of the resources.
    pub names: Names,
    /// Tags of every resource, the stack's own among them.
    pub tags: Tags,
    /// Key pair; `None`: the plan file names an existing one, or there is no client host.
    pub key_pair: Option<KeyPair>,
    /// Client host's security group.
    pub client_group: Option<SecurityGroup>,
    /// Client host.
    pub instance: Option<Instance>,
    /// Whether the plan file names the client host's image: the newest one moves on by itself.
    pub image_is_pinned: bool,
    /// Whether the plan file names the client host's subnet.
    pub subnet_is_pinned: bool,
    /// Cluster's security group.
    pub cluster_group: SecurityGroup,
    /// Subnet group.
    pub subnet_group: SubnetGroup,
    /// Parameter group; `None`: AWS's own, or one that the plan file names.
    pub parameter_group: Option<ParameterGroup>,
    /// Replication group.
    pub replication_group: ReplicationGroup,
    /// What the plan file says of the cluster, for the fields that are managed only when they are written.
    pub written: ClusterSpec,
}

/// What the plan file refers to and the edge has read for it, and what the command line says beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Content of `client.key_pair.public_key_file`, OpenSSH format.
    pub public_key: Option<String>,
    /// How long the stack is to live from now on, before the plan file's word; renews it in any case.
    pub expires_in: Option<Length>,
    /// The clock when the run began, in seconds since 1970 (UTC): one moment for all of it, so that what is looked at
    /// again is compared with what was shown.
    pub now_s: u64,
}

/// Why the plan file can't be what is live here, before any call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Impossible {
    /// The part of the plan file, such as `network.subnets`.
    pub path: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// The question to the cloud that this plan file needs answered.
pub fn query(spec: &Spec) -> Query {
    let engine = spec.cluster.engine.unwrap_or(Engine::Redis);
    let names = Names::new(&spec.name);
    let client = spec.client.as_ref();
    let group_names = spec.cluster.allow_from.iter().filter_map(|source| match source {
        AllowSource::GroupName(name) => Some(name.clone()),
        AllowSource::GroupId(_) | AllowSource::Cidr(_) => None,
    });
    let parameter_group = (!spec.cluster.parameters.is_empty())
        .then(|| names.parameter_group(&family(engine, engine_version(&spec.cluster, engine))));
    let surroundings = SurroundingsQuery {
        network: spec.network.clone(),
        image: client
            .filter(|client| client.ami.is_none())
            .map(|client| Architecture::of_instance_type(instance_type(client))),
        ec2_instance_connect: client.is_some_and(|client| ssh_sources(client).contains(&SshSource::Ec2InstanceConnect)),
        group_names: group_names.collect(),
        key_name: client.and_then(|client| match &client.key_pair {
            Some(KeyPairSpec::Existing(name)) => Some(name.clone()),
            Some(KeyPairSpec::Generate { .. } | KeyPairSpec::PublicKeyFile(_)) | None => None,
        }),
        engine,
        engine_version: engine_version(&spec.cluster, engine).to_owned(),
        parameter_group,
    };
    Query { names, surroundings: Some(surroundings), snapshot: restore::name(&spec.cluster) }
}

/// What should be live, or every reason why it can't be.
///
/// # Errors
/// All that the surroundings lack, each with the part of the plan file that asks for it.
pub fn desired(spec: &Spec, inputs: &Inputs, observed: &Observed) -> Result<Desired, Vec<Impossible>> {
    let spec = &with_live_version(spec, &observed.live);
    let around = &observed.surroundings;
    let mut problems = Vec::new();
    let names = Names::new(&spec.name);
    let expiry = expiry(spec, inputs, &observed.live);
    let owner = owner(spec, &names, observed);
    let tags = stack_tags(spec, expiry, owner.as_deref());
    let subnet_group_name = subnet_group_name(&names, expiry, owner.as_deref(), &observed.live);
    let vpc_id = vpc_of(&around.subnets, spec, &mut problems);
    check_versions(spec, around, &mut problems);
    restore::check(spec, observed, &mut problems);

    let client = spec.client.as_ref();
    let key_pair = client.and_then(|client| key_pair(client, &names, &tags, inputs, around, &mut problems));
    let client_group = client.map(|client| SecurityGroup {
        name: names.client_group(),
        description: format!("Client host of the shardform stack {}", spec.name),
        vpc_id: vpc_id.clone(),
        ingress: ssh_rules(client, around, &mut problems),
        tags: with_name(&tags, names.client_group()),
    });
    let instance = client.and_then(|client| instance(client, &names, &tags, around, &mut problems));
    let replication_group = ReplicationGroup {
        subnet_group: subnet_group_name.clone(),
        ..replication_group(spec, &names, &tags, around, &mut problems)
    };
    let parameter_group = (!spec.cluster.parameters.is_empty()).then(|| {
        let family = family_of(&spec.cluster);
        // Without this the group could not be attached to a cluster in cluster mode.
        let mut parameters = spec.cluster.parameters.clone();
        parameters.insert("cluster-enabled".to_owned(), "yes".to_owned());
        ParameterGroup {
            name: names.parameter_group(&family),
            description: names.parameter_group_description(),
            family,
            parameters,
            tags: tags.clone(),
        }
    });
    let cluster_group = SecurityGroup {
        name: names.cluster_group(),
        description: format!("Cache nodes of the shardform stack {}", spec.name),
        ingress: cluster_rules(spec, &vpc_id, around, &mut problems),
        vpc_id,
        tags: with_name(&tags, names.cluster_group()),
    };
    let subnet_group = SubnetGroup {
        name: subnet_group_name,
        description: names.subnet_group_description(),
        subnet_ids: around.subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        tags: tags.clone(),
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Desired {
        names,
        key_pair,
        client_group,
        instance,
        image_is_pinned: client.is_some_and(|client| client.ami.is_some()),
        subnet_is_pinned: client.is_some_and(|client| client.subnet.is_some()),
        cluster_group,
        subnet_group,
        parameter_group,
        replication_group,
        written: spec.cluster.clone(),
        tags,
    })
}

/// A version that the plan file leaves out is the live one's where there is one: newer defaults are for new clusters.
fn with_live_version(spec: &Spec, live: &Live) -> Spec {
    let mut spec = spec.clone();
    let engine = spec.cluster.engine.unwrap_or(Engine::Redis);
    let group = live.replication_group.as_ref().filter(|group| group.engine.as_deref() == Some(engine.as_str()));
    if spec.cluster.engine_version.is_none()
        && let Some(version) =
            group.and_then(|group| group.members.iter().find_map(|member| member.engine_version.as_ref()))
    {
        spec.cluster.engine_version = Some(as_written(version));
    }
    spec
}

fn impossible(path: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Impossible {
    Impossible { path, message: message.into(), hint: hint.into() }
}

fn stack_tags(spec: &Spec, expiry: Option<Expiry>, owner: Option<&str>) -> Tags {
    let mut tags = spec.tags.clone();
    tags.insert(STACK_TAG.to_owned(), spec.name.clone());
    tags.extend(expiry.map(|expiry| (EXPIRES_TAG.to_owned(), expiry.to_string())));
    tags.extend(owner.map(|owner| (OWNER_TAG.to_owned(), owner.to_owned())));
    tags
}

/// When the stack expires. The live moment is kept while it lies ahead and came from the same length, so that a second
/// look changes nothing; what the command line says renews it.
fn expiry(spec: &Spec, inputs: &Inputs, live: &Live) -> Option<Expiry> {
    if let Some(length) = inputs.expires_in {
        return Some(Expiry::from_now(length, inputs.now_s));
    }
    let length = spec.expires_in?;
    let told = live.own_tags().filter_map(|tags| Expiry::parse(tags.get(EXPIRES_TAG)?));
    // Where a run was killed between two resources, the later moment is the newer one.
    let latest = told.max_by_key(|expiry| expiry.at_s);
    let kept = latest.filter(|expiry| expiry.at_s > inputs.now_s && expiry.length == length);
    Some(kept.unwrap_or_else(|| Expiry::from_now(length, inputs.now_s)))
}

/// Whose the stack is: as the plan file says, else as it is, else, when it is made, whoever makes it.
fn owner(spec: &Spec, names: &Names, observed: &Observed) -> Option<String> {
    let live = &observed.live;
    let in_tags = || live.own_tags().find_map(|tags| tags.get(OWNER_TAG).cloned());
    let in_the_name = || {
        let own = live.subnet_group.as_ref().filter(|group| group.ownership == Ownership::Ours)?;
        read_suffix(names.subnet_group_suffix(&own.name)?)?.owner
    };
    let is_new = || live.own_tags().next().is_none();
    let caller = || observed.surroundings.caller.clone().filter(|_| is_new());
    spec.owner.clone().or_else(in_tags).or_else(in_the_name).or_else(caller)
}

/// A live group keeps its name, whatever that says: nodes can't move to another. A stranger's is nobody's.
fn subnet_group_name(names: &Names, expiry: Option<Expiry>, owner: Option<&str>, live: &Live) -> String {
    match live.subnet_group.as_ref().filter(|group| group.ownership != Ownership::Foreign) {
        Some(group) => group.name.clone(),
        None => names.subnet_group(&suffix(expiry.map(|expiry| expiry.at_s), owner)),
    }
}

/// EC2 resources also get the `Name` tag that the console shows, unless the plan file sets one.
fn with_name(tags: &Tags, name: String) -> Tags {
    let mut tags = tags.clone();
    tags.entry("Name".to_owned()).or_insert(name);
    tags
}

fn engine_version(cluster: &ClusterSpec, engine: Engine) -> &str {
    cluster.engine_version.as_deref().unwrap_or(default_version(engine))
}

fn family_of(cluster: &ClusterSpec) -> String {
    let engine = cluster.engine.unwrap_or(Engine::Redis);
    family(engine, engine_version(cluster, engine))
}

fn instance_type(client: &ClientSpec) -> &str {
    client.instance_type.as_deref().unwrap_or(DEFAULT_INSTANCE_TYPE)
}

/// Nothing is open to the world unless the file says so: the default is AWS's own service.
fn ssh_sources(client: &ClientSpec) -> Vec<SshSource> {
    client.ssh_from.clone().unwrap_or_else(|| vec![SshSource::Ec2InstanceConnect])
}

/// The one VPC that all subnets are in; empty, with a problem, where there is none.
fn vpc_of(subnets: &[Subnet], spec: &Spec, problems: &mut Vec<Impossible>) -> String {
    let vpcs: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.vpc_id.as_str()).collect();
    let mut vpcs = vpcs.into_iter();
    match (vpcs.next(), vpcs.next()) {
        (Some(vpc), None) => {
            if subnets.len() > 20 {
                problems.push(impossible(
                    "network.subnets",
                    format!("{} subnets match; a cache subnet group takes 20", subnets.len()),
                    "name the ones to use in `network.subnets`",
                ));
            }
            vpc.to_owned()
        }
        (Some(one), Some(other)) => {
            problems.push(impossible(
                "network.subnets",
                format!("the subnets are in more than one VPC ({one}, {other})"),
                "name the VPC with `network.vpc`, or subnets of one VPC",
            ));
            String::new()
        }
        (None, _) => {
            let network = &spec.network;
            let hint = match (&network.vpc, &network.subnets) {
                (None, None) => "this region has no default VPC: name one with `network.vpc` or `network.subnets`",
                _ => "check the ids or tags under `network`, and the region",
            };
            problems.push(impossible("network", "no subnet was found", hint));
            String::new()
        }
    }
}

fn check_versions(spec: &Spec, around: &Surroundings, problems: &mut Vec<Impossible>) {
    let engine = spec.cluster.engine.unwrap_or(Engine::Redis);
    let asked = engine_version(&spec.cluster, engine);
    let Some(versions) = around.engine_versions.as_ref().filter(|versions| !versions.is_empty()) else {
        return;
    };
    let matching: Vec<_> = versions.iter().filter(|offer| satisfies(&offer.version, asked)).collect();
    let family = family_of(&spec.cluster);
    if matching.is_empty() {
        let offers: BTreeSet<&str> = versions.iter().map(|offer| offer.version.as_str()).collect();
        let offers: Vec<&str> = offers.into_iter().collect();
        problems.push(impossible(
            "cluster.engine_version",
            format!("{} {asked} is not offered in this region", engine.as_str()),
            format!("on offer: {}", offers.join(", ")),
        ));
    } else if !matching.iter().any(|offer| offer.family == family) {
        problems.push(impossible(
            "cluster.engine_version",
            format!(
                "{} {asked} wants the parameter group family {}, not {family}",
                engine.as_str(),
                matching[0].family
            ),
            "write the engine version as major.minor",
        ));
    }
}

fn key_pair(
    client: &ClientSpec,
    names: &Names,
    tags: &Tags,
    inputs: &Inputs,
    around: &Surroundings,
    problems: &mut Vec<Impossible>,
) -> Option<KeyPair> {
    let source = match &client.key_pair {
        None | Some(KeyPairSpec::Generate { .. }) => KeySource::Generate,
        Some(KeyPairSpec::PublicKeyFile(_)) => KeySource::PublicKey(inputs.public_key.clone().unwrap_or_default()),
        Some(KeyPairSpec::Existing(name)) => {
            if around.key_exists == Some(false) {
                problems.push(impossible(
                    "client.key_pair.name",
                    format!("there is no key pair `{name}` in this region"),
                    "import it first, or leave `key_pair` out to have one made",
                ));
            }
            return None;
        }
    };
    Some(KeyPair { name: names.key_pair(), source, tags: with_name(tags, names.key_pair()) })
}

fn ssh_rules(client: &ClientSpec, around: &Surroundings, problems: &mut Vec<Impossible>) -> BTreeSet<Rule> {
    let mut rules = BTreeSet::new();
    for source in ssh_sources(client) {
        let source = match source {
            SshSource::Cidr(cidr) => Source::Cidr(cidr),
            SshSource::Ec2InstanceConnect => {
                let Some(id) = &around.ec2_instance_connect else {
                    problems.push(impossible(
                        "client.ssh_from",
                        "this region has no managed prefix list of EC2 Instance Connect",
                        "name the CIDR blocks that may ssh to the client host in `client.ssh_from`",
                    ));
                    continue;
                };
                Source::PrefixList(id.clone())
            }
        };
        rules.insert(Rule { port: 22, source });
    }
    rules
}

fn cluster_rules(spec: &Spec, vpc_id: &str, around: &Surroundings, problems: &mut Vec<Impossible>) -> BTreeSet<Rule> {
    let port = spec.cluster.port.unwrap_or(DEFAULT_PORT);
    let mut rules = BTreeSet::new();
    if spec.client.is_some() {
        rules.insert(Rule { port, source: Source::Group(GroupRef::Of(Address::ClientGroup)) });
    }
    for allowed in &spec.cluster.allow_from {
        let source = match allowed {
            AllowSource::Cidr(cidr) => Source::Cidr(cidr.clone()),
            AllowSource::GroupId(id) => Source::Group(GroupRef::Known(id.clone())),
            AllowSource::GroupName(name) => {
                let found = around.named_groups.iter().find(|group| group.name == *name && group.vpc_id == vpc_id);
                let Some(group) = found else {
                    problems.push(impossible(
                        "cluster.allow_from",
                        format!("there is no security group `{name}` in {vpc_id}"),
                        "check the name and the VPC, or give the group's id",
                    ));
                    continue;
                };
                Source::Group(GroupRef::Known(group.id.clone()))
            }
        };
        rules.insert(Rule { port, source });
    }
    rules
}

/// The word of the plan file. Only it is compared, and not the script: a better script is no reason to replace a host.
fn redis_client(client: &ClientSpec) -> &'static str {
    match client.redis_client.unwrap_or(RedisClientInstall::Package) {
        RedisClientInstall::Package => "package",
        RedisClientInstall::Source => "source",
    }
}

fn user_data(client: &ClientSpec) -> &'static str {
    match client.redis_client.unwrap_or(RedisClientInstall::Package) {
        RedisClientInstall::Package => include_str!("../templates/user-data-package.sh"),
        RedisClientInstall::Source => include_str!("../templates/user-data-source.sh"),
    }
}

fn instance(
    client: &ClientSpec,
    names: &Names,
    tags: &Tags,
    around: &Surroundings,
    problems: &mut Vec<Impossible>,
) -> Option<Instance> {
    let Some(image_id) = client.ami.clone().or_else(|| around.image_id.clone()) else {
        problems.push(impossible(
            "client.ami",
            format!("the newest Amazon Linux image for {} could not be found", instance_type(client)),
            "name an image with `client.ami`",
        ));
        return None;
    };
    let subnet_id = match &client.subnet {
        Some(subnet) if around.subnets.iter().any(|known| known.id == *subnet) => subnet.clone(),
        Some(subnet) => {
            problems.push(impossible(
                "client.subnet",
                format!("{subnet} is not one of the stack's subnets"),
                "name one of the subnets under `network`, in the same VPC as the cluster",
            ));
            return None;
        }
        // No subnet at all has been told of already.
        None => around.subnets.first()?.id.clone(),
    };
    let user_data = user_data(client).to_owned();
    let mut tags = with_name(tags, names.instance());
    tags.insert(USER_DATA_TAG.to_owned(), redis_client(client).to_owned());
    Some(Instance {
        image_id,
        instance_type: instance_type(client).to_owned(),
        key_name: match &client.key_pair {
            Some(KeyPairSpec::Existing(name)) => name.clone(),
            _ => names.key_pair(),
        },
        subnet_id,
        group: GroupRef::Of(Address::ClientGroup),
        public_ip: client.public_ip,
        disk_gib: client.disk_gib.unwrap_or(DEFAULT_DISK_GIB),
        user_data,
        tags,
    })
}

fn replication_group(
    spec: &Spec,
    names: &Names,
    tags: &Tags,
    around: &Surroundings,
    problems: &mut Vec<Impossible>,
) -> ReplicationGroup {
    let cluster = &spec.cluster;
    let engine = cluster.engine.unwrap_or(Engine::Redis);
    let family = family_of(cluster);
    let shards = shards(cluster, &around.subnets);
    let multi_az = cluster.multi_az.unwrap_or_else(|| shards.iter().all(|shard| !shard.replica_zones.is_empty()));
    let zones = zones(&around.subnets);
    if multi_az && zones.len() == 1 {
        problems.push(impossible(
            "cluster.multi_az",
            format!("Multi-AZ needs subnets in two zones or more; all of these are in {}", zones[0]),
            "add a subnet of another zone under `network.subnets`, or set `multi_az: false`",
        ));
    }
    check_zones(&shards, &zones, problems);
    let own_parameter_group = !cluster.parameters.is_empty();
    let parameter_group = match &cluster.parameter_group {
        _ if own_parameter_group => names.parameter_group(&family),
        Some(name) => name.clone(),
        None => default_parameter_group(&family),
    };
    let mut groups = vec![GroupRef::Of(Address::ClusterGroup)];
    groups.extend(cluster.security_group_ids.iter().cloned().map(GroupRef::Known));
    ReplicationGroup {
        id: names.replication_group(),
        description: cluster.description.clone().unwrap_or_else(|| names.replication_group_description()),
        engine: engine.as_str().to_owned(),
        engine_version: engine_version(cluster, engine).to_owned(),
        node_type: cluster.node_type.clone().unwrap_or_else(|| DEFAULT_NODE_TYPE.to_owned()),
        port: cluster.port.unwrap_or(DEFAULT_PORT),
        shards,
        multi_az,
        parameter_group,
        own_parameter_group,
        subnet_group: names.subnet_group(""),
        groups,
        snapshot_retention_days: cluster.snapshot_retention_days.unwrap_or(0),
        snapshot_window: cluster.snapshot_window.clone(),
        maintenance_window: cluster.maintenance_window.clone(),
        transit_encryption: cluster.transit_encryption.map(|mode| mode.as_str()),
        at_rest_encryption: cluster.at_rest_encryption,
        kms_key_id: cluster.kms_key_id.clone(),
        auth_token: cluster.auth_token_env.is_some(),
        user_group_ids: cluster.user_group_ids.clone(),
        notification_topic_arn: cluster.notification_topic_arn.clone(),
        auto_minor_version_upgrade: cluster.auto_minor_version_upgrade,
        log_delivery: cluster.log_delivery.clone(),
        data_tiering: cluster.data_tiering,
        network_type: cluster.network_type.map(|network| network.as_str()),
        ip_discovery: cluster.ip_discovery.map(|discovery| discovery.as_str()),
        snapshot_name: restore::name(cluster),
        snapshot_arns: cluster.snapshot_arns.clone(),
        serverless_snapshot: cluster.serverless_snapshot.clone(),
        global_replication_group_id: cluster.global_replication_group_id.clone(),
        tags: tags.clone(),
    }
}

/// The zones of the subnets, in order.
pub fn zones(subnets: &[Subnet]) -> Vec<String> {
    let zones: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.zone.as_str()).collect();
    zones.into_iter().map(str::to_owned).collect()
}

/// The zone of node `node` (0 is the primary) of shard `shard` (from 0): nodes of a shard follow each other through
/// the zones, and each shard starts one further, so that primaries are spread as well. No more zones are used than a
/// shard has nodes (but three where there are three): each further zone is a further chance to meet one without
/// capacity. `None` where there are no zones.
pub fn spread(zones: &[String], nodes_of_shard: usize, shard: usize, node: usize) -> Option<String> {
    let used = zones.len().min(nodes_of_shard.max(SPREAD_ZONES));
    (used > 0).then(|| zones[(shard + node) % used].clone())
}

fn shards(cluster: &ClusterSpec, subnets: &[Subnet]) -> Vec<Shard> {
    let zones = zones(subnets);
    let by_hand = &cluster.node_groups;
    let count = cluster
        .shards
        .map_or(if by_hand.is_empty() { DEFAULT_SHARDS as usize } else { by_hand.len() }, |count| count as usize);
    let replicas = cluster.replicas_per_shard.unwrap_or(DEFAULT_REPLICAS);
    (0..count)
        .map(|index| {
            let group = by_hand.get(index).cloned().unwrap_or_default();
            let replicas =
                group.replicas.or(group.replica_zones.as_ref().map(|zones| zones.len() as u32)).unwrap_or(replicas)
                    as usize;
            let zone = |node| spread(&zones, replicas + 1, index, node).unwrap_or_default();
            let primary_zone = group.primary_zone.clone().unwrap_or_else(|| zone(0));
            let replica_zones = group.replica_zones.clone().unwrap_or_else(|| {
                // Where only the primary's zone is given, the replicas take the others first.
                let others = (0..).map(zone).filter(|zone| *zone != primary_zone || zones.len() < 2);
                others.take(replicas).collect()
            });
            Shard {
                id: group.id.unwrap_or_else(|| format!("{:04}", index + 1)),
                slots: group.slots,
                primary_zone,
                replica_zones,
                primary_outpost_arn: group.primary_outpost_arn,
                replica_outpost_arns: group.replica_outpost_arns,
            }
        })
        .collect()
}

fn check_zones(shards: &[Shard], zones: &[String], problems: &mut Vec<Impossible>) {
    let used: BTreeSet<&String> =
        shards.iter().flat_map(|shard| std::iter::once(&shard.primary_zone).chain(&shard.replica_zones)).collect();
    let missing: Vec<&str> = used.into_iter().filter(|zone| !zones.contains(zone)).map(String::as_str).collect();
    if !missing.is_empty() && !zones.is_empty() {
        problems.push(impossible(
            "cluster.node_groups",
            format!("no subnet is in {}", missing.join(", ")),
            format!("the stack's subnets are in {}", zones.join(", ")),
        ));
    }
}
