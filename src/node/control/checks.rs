//! What a replication group may be, at its creation and at every change: counts, zones, families, deliveries.

use super::engine_versions::{EngineVersion, engine_name};
use super::error::ApiError;
use super::replication_group::{LogDelivery, ReplicationGroup};

/// Nodes that a cluster of an old engine may have.
const MOST_NODES: usize = 90;
/// Nodes that a cluster may have from engine 5.0.6 on.
pub(super) const MOST_NODES_BY_QUOTA: usize = 500;
const MOST_REPLICAS: i64 = 5;

/// One log's delivery as the caller wants it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogDeliveryInput {
    pub log_type: String,
    pub is_enabled: bool,
    pub destination_type: Option<String>,
    pub destination: Option<String>,
    pub format: Option<String>,
}

/// Refuses a parameter group of another family than the version's.
pub(super) fn check_family(family: &str, version: &EngineVersion) -> Result<(), ApiError> {
    if family == version.family {
        return Ok(());
    }
    Err(ApiError::combination(format!(
        "Expected a parameter group of family {} but found one of family {family} (engine {}, version {})",
        version.family,
        engine_name(version.engine),
        version.version
    )))
}

/// A notification topic's ARN.
pub(super) fn topic(arn: &str) -> Result<String, ApiError> {
    match arn.starts_with("arn:") && arn.contains(":sns:") {
        true => Ok(arn.to_owned()),
        false => Err(ApiError::value(format!("Invalid SNS topic ARN: {arn}"))),
    }
}

/// `ipv4` or `ipv6`.
pub(super) fn ip_discovery(value: Option<&str>) -> Result<String, ApiError> {
    match value.unwrap_or("ipv4") {
        value @ ("ipv4" | "ipv6") => Ok(value.to_owned()),
        other => Err(ApiError::value(format!("Invalid IpDiscovery: {other}"))),
    }
}

/// `ipv4`, `ipv6` or `dual_stack`.
pub(super) fn network_type(value: Option<&str>) -> Result<String, ApiError> {
    match value.unwrap_or("ipv4") {
        value @ ("ipv4" | "ipv6" | "dual_stack") => Ok(value.to_owned()),
        other => Err(ApiError::value(format!("Invalid NetworkType: {other}"))),
    }
}

/// The deliveries that are on after `changes`.
pub(super) fn log_deliveries(old: &[LogDelivery], changes: &[LogDeliveryInput]) -> Result<Vec<LogDelivery>, ApiError> {
    let mut all = old.to_vec();
    for change in changes {
        if !["slow-log", "engine-log"].contains(&change.log_type.as_str()) {
            return Err(ApiError::value(format!("Invalid LogType: {}", change.log_type)));
        }
        all.retain(|delivery| delivery.log_type != change.log_type);
        if !change.is_enabled {
            continue;
        }
        let (Some(destination_type), Some(destination)) = (&change.destination_type, &change.destination) else {
            return Err(ApiError::combination("A log delivery needs DestinationType and DestinationDetails."));
        };
        let format = change.format.clone().unwrap_or_else(|| "json".to_owned());
        let is_known = ["cloudwatch-logs", "kinesis-firehose"].contains(&destination_type.as_str());
        if !is_known || !["text", "json"].contains(&format.as_str()) {
            return Err(ApiError::value("Invalid DestinationType or LogFormat of a log delivery."));
        }
        all.push(LogDelivery {
            log_type: change.log_type.clone(),
            destination_type: destination_type.clone(),
            destination: destination.clone(),
            format,
        });
    }
    all.sort_by(|one, other| one.log_type.cmp(&other.log_type));
    Ok(all)
}

/// A replica count of 0 to 5; one when none is given.
pub(super) fn replicas(count: Option<i64>) -> Result<usize, ApiError> {
    let count = count.unwrap_or(1);
    match usize::try_from(count) {
        Ok(replicas) if count <= MOST_REPLICAS => Ok(replicas),
        _ => {
            Err(ApiError::value(format!("The number of replicas per node group must be within 0 and {MOST_REPLICAS}.")))
        }
    }
}

/// Refuses a zone in which the subnet group has no subnet.
pub(super) fn check_zone(zone: &str, zones: &[String]) -> Result<String, ApiError> {
    match zones.iter().any(|known| known == zone) {
        true => Ok(zone.to_owned()),
        false => Err(ApiError::value(format!(
            "{zone} is not a valid availability zone: the cache subnet group has subnets in {}.",
            zones.join(", ")
        ))),
    }
}

/// Refuses more nodes than a cluster may have.
pub(super) fn check_node_count(count: usize, version: &EngineVersion) -> Result<(), ApiError> {
    let most = if version.numbers() >= vec![5, 0, 6] { MOST_NODES_BY_QUOTA } else { MOST_NODES };
    if count <= most {
        return Ok(());
    }
    let message = format!("{count} nodes are more than the {most} that a cluster may have.");
    Err(ApiError::new("NodeQuotaForClusterExceeded", message))
}

/// Refuses Multi-AZ where it could not work.
pub(super) fn check_multi_az(group: &ReplicationGroup) -> Result<(), ApiError> {
    if !group.settings.multi_az {
        return Ok(());
    }
    if group.kept_node_groups().any(|node_group| node_group.kept_members().count() < 2) {
        return Err(ApiError::combination("Multi-AZ needs at least one replica in every node group."));
    }
    if group.zones().len() < 2 {
        return Err(ApiError::combination("Multi-AZ needs nodes in at least two availability zones."));
    }
    Ok(())
}
