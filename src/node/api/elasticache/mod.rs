//! ElastiCache, API version 2015-02-02: the table of operations, and what all of them share.

mod cache_cluster;
mod parameter_group;
mod replication_group;
mod snapshot;
mod subnet_group;
mod various;

use super::query::Parameters;
use super::xml::Xml;
use super::{Call, Operation, place_after, reads, writes};
use crate::node::control::error::ApiError;
use crate::node::control::replication_group::{Endpoint, LogDelivery};
use crate::node::control::validate::Tags;

/// Operations of the service.
pub(crate) const OPERATIONS: &[Operation] = &[
    writes("CreateReplicationGroup", replication_group::create),
    reads("DescribeReplicationGroups", replication_group::describe),
    writes("ModifyReplicationGroup", replication_group::modify),
    writes("ModifyReplicationGroupShardConfiguration", replication_group::modify_shards),
    writes("IncreaseReplicaCount", replication_group::increase_replicas),
    writes("DecreaseReplicaCount", replication_group::decrease_replicas),
    writes("DeleteReplicationGroup", replication_group::delete),
    writes("TestFailover", replication_group::test_failover),
    reads("ListAllowedNodeTypeModifications", replication_group::allowed_node_types),
    writes("CreateSnapshot", snapshot::create),
    writes("CopySnapshot", snapshot::copy),
    reads("DescribeSnapshots", snapshot::describe),
    writes("DeleteSnapshot", snapshot::delete),
    reads("DescribeCacheClusters", cache_cluster::describe),
    writes("CreateCacheSubnetGroup", subnet_group::create),
    writes("ModifyCacheSubnetGroup", subnet_group::modify),
    writes("DeleteCacheSubnetGroup", subnet_group::delete),
    reads("DescribeCacheSubnetGroups", subnet_group::describe),
    writes("CreateCacheParameterGroup", parameter_group::create),
    writes("ModifyCacheParameterGroup", parameter_group::modify),
    writes("ResetCacheParameterGroup", parameter_group::reset),
    writes("DeleteCacheParameterGroup", parameter_group::delete),
    reads("DescribeCacheParameterGroups", parameter_group::describe),
    reads("DescribeCacheParameters", parameter_group::describe_parameters),
    writes("AddTagsToResource", various::add_tags),
    writes("RemoveTagsFromResource", various::remove_tags),
    reads("ListTagsForResource", various::list_tags),
    reads("DescribeEvents", various::describe_events),
    reads("DescribeCacheEngineVersions", various::describe_engine_versions),
];

/// The part of `items` that the caller's `Marker` and `MaxRecords` select; writes the next marker.
fn page<'a, Item>(
    call: &mut Call<'_>,
    items: &'a [Item],
    id: impl Fn(&Item) -> String,
) -> Result<&'a [Item], ApiError> {
    page_of(call, items, id, 100)
}

/// The same for a list of which a page has at most `largest` items.
fn page_of<'a, Item>(
    call: &mut Call<'_>,
    items: &'a [Item],
    id: impl Fn(&Item) -> String,
    largest: i64,
) -> Result<&'a [Item], ApiError> {
    let most = call.parameters.integer("MaxRecords")?.unwrap_or(largest);
    if !(20..=largest).contains(&most) {
        return Err(ApiError::value(format!("MaxRecords must be between 20 and {largest}.")));
    }
    let start = match call.parameters.text("Marker").filter(|marker| !marker.is_empty()) {
        None => 0,
        Some(marker) => place_after(items, marker, &id),
    };
    let end = items.len().min(start + usize::try_from(most).unwrap_or(20));
    if let Some(last) = items.get(start..end).and_then(<[Item]>::last).filter(|_| end < items.len()) {
        call.xml.leaf("Marker", id(last));
    }
    Ok(items.get(start..end).unwrap_or_default())
}

fn write_endpoint(xml: &mut Xml, name: &str, endpoint: Option<&Endpoint>) {
    if let Some(endpoint) = endpoint {
        xml.group(name, |xml| {
            xml.leaf("Address", &endpoint.address);
            xml.leaf("Port", endpoint.port);
        });
    }
}

fn write_tags(xml: &mut Xml, tags: &Tags) {
    xml.list("TagList", "Tag", tags, |xml, (key, value)| {
        xml.leaf("Key", key);
        xml.leaf("Value", value);
    });
}

fn write_log_deliveries(xml: &mut Xml, deliveries: &[LogDelivery]) {
    xml.list("LogDeliveryConfigurations", "LogDeliveryConfiguration", deliveries, |xml, delivery| {
        xml.leaf("LogType", &delivery.log_type);
        xml.leaf("DestinationType", &delivery.destination_type);
        xml.group("DestinationDetails", |xml| match delivery.destination_type.as_str() {
            "kinesis-firehose" => {
                xml.group("KinesisFirehoseDetails", |xml| xml.leaf("DeliveryStream", &delivery.destination));
            }
            _ => xml.group("CloudWatchLogsDetails", |xml| xml.leaf("LogGroup", &delivery.destination)),
        });
        xml.leaf("LogFormat", &delivery.format);
        xml.leaf("Status", "active");
    });
}

/// Pairs of `ParameterName` and `ParameterValue`.
fn name_values(parameters: &Parameters) -> Vec<(String, String)> {
    let pair = |element: &Parameters| {
        (element.string("ParameterName").unwrap_or_default(), element.string("ParameterValue").unwrap_or_default())
    };
    parameters.list("ParameterNameValues").into_iter().map(pair).collect()
}
