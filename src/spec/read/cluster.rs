//! The plan file's `cluster`: each field by itself.
//!
//! Knows the YAML forms of these fields and gives their strict types. Decides no defaults; what holds between fields
//! is `rules`.

use std::collections::BTreeMap;

use super::decode::{Field, Refusal, Section};
use super::problems::Problems;
use super::tree::{Form, Kind};
use super::{fields, sections, values, windows};
use crate::spec::{
    AllowSource, ClusterSpec, Engine, IpDiscovery, LogDelivery, LogDestination, LogFormat, LogType, NetworkType,
    NodeGroupSpec, TransitEncryption,
};

/// The most nodes that a cluster can have, with AWS's quota raised.
pub(super) const MOST_NODES: u32 = 500;

/// Decodes `cluster`.
pub(super) fn cluster(field: &Field<'_>, problems: &mut Problems) -> Option<ClusterSpec> {
    let section = field.section(&fields::CLUSTER, problems)?;
    let mut cluster = ClusterSpec::default();
    shape(&section, &mut cluster, problems);
    operations(&section, &mut cluster, problems);
    access(&section, &mut cluster, problems);
    seeds(&section, &mut cluster, problems);
    Some(cluster)
}

/// Engine, size and layout.
fn shape(section: &Section<'_>, cluster: &mut ClusterSpec, problems: &mut Problems) {
    let engines = [Engine::Redis, Engine::Valkey].map(|engine| (engine.as_str(), engine));
    let networks = [NetworkType::Ipv4, NetworkType::Ipv6, NetworkType::DualStack].map(|kind| (kind.as_str(), kind));
    let discoveries = [IpDiscovery::Ipv4, IpDiscovery::Ipv6].map(|kind| (kind.as_str(), kind));
    cluster.engine = section.field("engine").and_then(|field| field.word(problems, &engines));
    // Whether it is a version of this engine is a rule about both fields.
    cluster.engine_version = text(section, "engine_version", problems, values::not_empty);
    cluster.node_type = text(section, "node_type", problems, values::node_type);
    cluster.shards = whole(section, "shards", problems, 1, MOST_NODES);
    cluster.replicas_per_shard = whole(section, "replicas_per_shard", problems, 0, 5);
    cluster.multi_az = boolean(section, "multi_az", problems);
    cluster.port = whole(section, "port", problems, 1, 65535).and_then(|port| u16::try_from(port).ok());
    cluster.data_tiering = boolean(section, "data_tiering", problems);
    cluster.network_type = section.field("network_type").and_then(|field| field.word(problems, &networks));
    cluster.ip_discovery = section.field("ip_discovery").and_then(|field| field.word(problems, &discoveries));
    if let Some(field) = section.field("node_groups") {
        let items = field.items(problems, "a list with an item for each shard").unwrap_or_default();
        cluster.node_groups = items.iter().map(|item| node_group(item, problems)).collect();
    }
}

/// What is done with a running cluster.
fn operations(section: &Section<'_>, cluster: &mut ClusterSpec, problems: &mut Problems) {
    cluster.snapshot_retention_days = whole(section, "snapshot_retention_days", problems, 0, 35);
    cluster.snapshot_window = text(section, "snapshot_window", problems, windows::daily);
    cluster.maintenance_window = text(section, "maintenance_window", problems, windows::weekly);
    cluster.description = text(section, "description", problems, values::description);
    cluster.parameters = section.field("parameters").map(|field| parameters(&field, problems)).unwrap_or_default();
    cluster.parameter_group = text(section, "parameter_group", problems, values::not_empty);
    cluster.notification_topic_arn = text(section, "notification_topic_arn", problems, values::topic_arn);
    cluster.auto_minor_version_upgrade = boolean(section, "auto_minor_version_upgrade", problems);
    if let Some(field) = section.field("log_delivery") {
        let items = field.items(problems, "a list with at most one item for each log type").unwrap_or_default();
        cluster.log_delivery = items.iter().filter_map(|item| log_delivery(item, problems)).collect();
    }
}

/// Who reaches it, and how it is kept from others.
fn access(section: &Section<'_>, cluster: &mut ClusterSpec, problems: &mut Problems) {
    if let Some(field) = section.field("allow_from") {
        cluster.allow_from = allow_from(&field, problems);
    }
    let groups = "a list of ids `[sg-…, sg-…]`";
    cluster.security_group_ids = texts(section, "security_group_ids", problems, groups, values::security_group_id);
    cluster.transit_encryption =
        section.field("transit_encryption").and_then(|field| transit_encryption(&field, problems));
    cluster.at_rest_encryption = boolean(section, "at_rest_encryption", problems);
    cluster.kms_key_id = text(section, "kms_key_id", problems, values::not_empty);
    cluster.auth_token_env = section.field("auth_token_env").and_then(|field| auth_token_env(&field, problems));
    cluster.user_group_ids = texts(section, "user_group_ids", problems, "a list of user group ids", values::not_empty);
}

/// The data that a new cluster starts with.
fn seeds(section: &Section<'_>, cluster: &mut ClusterSpec, problems: &mut Problems) {
    let arns = "a list of S3 ARNs `[arn:aws:s3:::bucket/file.rdb]`";
    cluster.restore_from = text(section, "restore_from", problems, values::not_empty);
    cluster.snapshot_arns = texts(section, "snapshot_arns", problems, arns, values::snapshot_arn);
    cluster.serverless_snapshot = text(section, "serverless_snapshot", problems, values::not_empty);
    cluster.global_replication_group_id = text(section, "global_replication_group_id", problems, values::not_empty);
}

fn text(
    section: &Section<'_>,
    name: &str,
    problems: &mut Problems,
    check: impl Fn(&str) -> Result<String, Refusal>,
) -> Option<String> {
    section.field(name).and_then(|field| field.text(problems, check))
}

fn texts(
    section: &Section<'_>,
    name: &str,
    problems: &mut Problems,
    allowed: &str,
    check: impl Fn(&str) -> Result<String, Refusal>,
) -> Vec<String> {
    let field = section.field(name);
    field.and_then(|field| field.texts(problems, allowed, check)).unwrap_or_default()
}

fn whole(section: &Section<'_>, name: &str, problems: &mut Problems, least: u32, most: u32) -> Option<u32> {
    section.field(name).and_then(|field| field.whole(problems, least, most))
}

fn boolean(section: &Section<'_>, name: &str, problems: &mut Problems) -> Option<bool> {
    section.field(name).and_then(|field| field.boolean(problems))
}

fn transit_encryption(field: &Field<'_>, problems: &mut Problems) -> Option<TransitEncryption> {
    use TransitEncryption::{Off, Preferred, Required};
    // Older YAML reads `off` as a boolean, so people who know that write one.
    match &field.node.kind {
        Kind::Scalar { form: Form::Bool(value), .. } => Some(if *value { Required } else { Off }),
        _ => field.word(problems, &[Off, Preferred, Required].map(|mode| (mode.as_str(), mode))),
    }
}

/// The one field whose wrong value may be a secret: it is never quoted.
fn auth_token_env(field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    const HINT: &str = "put the token into an environment variable and write its name, such as `REDIS_AUTH_TOKEN`";
    let name = field.scalar().filter(|text| super::interpolate::is_variable_name(text));
    if name.is_none() && !matches!(field.node.kind, Kind::Broken) {
        problems.doubt(&field.dotted);
        let message = "`auth_token_env` must be the name of an environment variable, and not the token";
        // At the key, because the value may stand on a line of its own.
        problems.at_key(field.node, message, Some(HINT));
    }
    name.map(str::to_owned)
}

fn parameters(field: &Field<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for (key, name, value) in field.pairs(problems, "a mapping of engine parameters, each as `name: value`") {
        let refusal = match name.as_str() {
            "" => Some(("a parameter without a name", "engine parameters as `name: value`")),
            "cluster-enabled" => {
                Some(("`cluster-enabled` can't be set here", "the stack sets it: a cluster of shards can't be without"))
            }
            _ => None,
        };
        if let Some((message, hint)) = refusal {
            problems.at_key(key, message, Some(hint));
        } else if let Some(text) = sections::scalar_text(&value, problems, "text, a number, `true` or `false`") {
            parameters.insert(name, text);
        }
    }
    parameters
}

fn allow_from(field: &Field<'_>, problems: &mut Problems) -> Vec<AllowSource> {
    const ALLOWED: &str = "a list of `sg-…`, `{group: name}` and networks such as `10.0.0.0/16`";
    let mut sources = Vec::new();
    for item in field.items(problems, ALLOWED).unwrap_or_default() {
        let source = match &item.node.kind {
            Kind::Map(_) => group_name(&item, problems).map(AllowSource::GroupName),
            _ => allow_source(&item, problems),
        };
        if let Some(source) = source {
            item.push_once(problems, &mut sources, source);
        }
    }
    sources
}

fn allow_source(item: &Field<'_>, problems: &mut Problems) -> Option<AllowSource> {
    let text = item.text(problems, |text| {
        if text.starts_with("sg-") {
            values::security_group_id(text)
        } else {
            values::network_or(text, "`sg-…`, `{group: name}` or a network such as `10.0.0.0/16`")
        }
    })?;
    let is_group = text.starts_with("sg-");
    Some(if is_group { AllowSource::GroupId(text) } else { AllowSource::Cidr(text) })
}

fn group_name(item: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let section = item.section(&fields::ALLOW_FROM, problems)?;
    let group = section.required("group", "write `{group: name}`: a security group of the same VPC", problems)?;
    group.text(problems, values::not_empty)
}

fn log_delivery(item: &Field<'_>, problems: &mut Problems) -> Option<LogDelivery> {
    if matches!(item.node.kind, Kind::Null) {
        item.mismatch(problems, "a mapping of `log_type`, `destination_type`, `destination` and `format`");
        return None;
    }
    let types = [LogType::Slow, LogType::Engine].map(|kind| (kind.as_str(), kind));
    let destinations =
        [LogDestination::CloudWatchLogs, LogDestination::KinesisFirehose].map(|kind| (kind.as_str(), kind));
    let formats = [LogFormat::Json, LogFormat::Text].map(|kind| (kind.as_str(), kind));
    let section = item.section(&fields::LOG_DELIVERY, problems)?;
    let log_type = section
        .required("log_type", "`slow-log` or `engine-log`", problems)
        .and_then(|field| field.word(problems, &types));
    let destination_type = section
        .required("destination_type", "`cloudwatch-logs` or `kinesis-firehose`", problems)
        .and_then(|field| field.word(problems, &destinations));
    let destination = section
        .required("destination", "the log group's or the delivery stream's name", problems)
        .and_then(|field| field.text(problems, values::not_empty));
    let format = match section.field("format") {
        Some(field) => field.word(problems, &formats),
        // The one default that is decided here: the strict type has no room for an absent format.
        None => Some(LogFormat::Json),
    };
    Some(LogDelivery {
        log_type: log_type?,
        destination_type: destination_type?,
        destination: destination?,
        format: format?,
    })
}

/// A node group that can't be read still counts as one.
fn node_group(item: &Field<'_>, problems: &mut Problems) -> NodeGroupSpec {
    let Some(section) = item.section(&fields::NODE_GROUP, problems) else {
        return NodeGroupSpec::default();
    };
    let zones = section.field("replica_zones").and_then(|field| {
        // Two replicas may share a zone, so nothing is wrong with a zone that stands there twice.
        let items = field.items(problems, "a list with a zone for each replica")?;
        let zones = items.iter().filter_map(|item| item.text(problems, values::zone));
        Some(zones.collect())
    });
    let outposts = section.field("replica_outpost_arns").and_then(|field| {
        let items = field.items(problems, "a list with an Outpost ARN for each replica")?;
        let arns = items.iter().filter_map(|item| item.text(problems, values::outpost_arn));
        Some(arns.collect())
    });
    NodeGroupSpec {
        id: text(&section, "id", problems, values::node_group_id),
        slots: text(&section, "slots", problems, values::not_empty),
        primary_zone: text(&section, "primary_zone", problems, values::zone),
        replica_zones: zones,
        replicas: whole(&section, "replicas", problems, 0, 5),
        primary_outpost_arn: text(&section, "primary_outpost_arn", problems, values::outpost_arn),
        replica_outpost_arns: outposts.unwrap_or_default(),
    }
}
