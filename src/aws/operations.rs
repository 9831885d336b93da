//! What looking after a live cluster asks of AWS: its events, and a failover.

use aws_sdk_elasticache::primitives::DateTime;
use aws_sdk_elasticache::types::{Event, SourceType};

use super::AwsCloud;
use super::error::failed;
use super::status::is_node;
use crate::cloud::{CloudError, CloudEvent, Operations};

/// AWS keeps events for 14 days, and refuses to be asked for older ones.
const KEPT_MS: u64 = 14 * 24 * 3_600_000 - 60_000;

impl Operations for AwsCloud {
    async fn events(&self, group: &str, members: &[String], since_ms: u64) -> Result<Vec<CloudEvent>, CloudError> {
        Box::pin(events(self, group, members, since_ms)).await
    }

    async fn test_failover(&self, group: &str, node_group: &str) -> Result<(), CloudError> {
        let request = self.elasticache.test_failover().replication_group_id(group).node_group_id(node_group);
        Box::pin(request.send()).await.map_err(failed("elasticache:TestFailover"))?;
        Ok(())
    }
}

async fn events(
    cloud: &AwsCloud,
    group: &str,
    members: &[String],
    since_ms: u64,
) -> Result<Vec<CloudEvent>, CloudError> {
    let since_ms = since_ms.max(super::now_ms().saturating_sub(KEPT_MS));
    let read = |kind: SourceType, source: Option<String>| async move {
        let since = DateTime::from_millis(i64::try_from(since_ms).unwrap_or(i64::MAX));
        let request = cloud.elasticache.describe_events().source_type(kind).set_source_identifier(source);
        let mut pages = request.start_time(since).into_paginator().items().send();
        let mut events = Vec::new();
        while let Some(event) = pages.next().await {
            events.extend(cloud_event(&event.map_err(failed("elasticache:DescribeEvents"))?));
        }
        Ok::<_, CloudError>(events)
    };
    // Cache clusters can't be asked for by prefix.
    let (mut told, mut of_nodes) = tokio::try_join!(
        read(SourceType::ReplicationGroup, Some(group.to_owned())),
        read(SourceType::CacheCluster, None),
    )?;
    of_nodes.retain(|event| is_node(&event.source, group, members));
    told.append(&mut of_nodes);
    in_order(&mut told);
    Ok(told)
}

/// By time. Of the same moment what happened to nodes comes first, because what happens to a group is made of it; the
/// rest stays in the order in which it was told.
fn in_order(events: &mut [CloudEvent]) {
    events.sort_by_key(|event| (event.at_ms, event.source_type == SourceType::ReplicationGroup.as_str()));
}

fn cloud_event(event: &Event) -> Option<CloudEvent> {
    Some(CloudEvent {
        at_ms: u64::try_from(event.date()?.to_millis().ok()?).ok()?,
        source_type: event.source_type()?.as_str().to_owned(),
        source: event.source_identifier()?.to_owned(),
        message: event.message()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_same_moment_nodes_come_before_their_group() {
        let event = |at_ms: u64, source_type: &str, message: &str| CloudEvent {
            at_ms,
            source_type: source_type.to_owned(),
            source: "day19".to_owned(),
            message: message.to_owned(),
        };
        let mut events = [
            event(2, "replication-group", "the group's failover"),
            event(1, "replication-group", "the call"),
            event(2, "cache-cluster", "the node's failover"),
            event(2, "cache-cluster", "its recovery"),
        ];
        in_order(&mut events);
        let messages: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
        assert_eq!(messages, ["the call", "the node's failover", "its recovery", "the group's failover"]);
    }
}
