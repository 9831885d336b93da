//! Values that the tests of this module share.

use std::collections::BTreeMap;

use crate::cloud::{CloudError, CloudEvent, ErrorKind};
use crate::observed::{Endpoint, LiveMember, LiveNodeGroup, LiveReplicationGroup};
use crate::resource::Ownership;

/// A settled group whose members carry ElastiCache's names, each in a zone of its own.
pub(crate) fn group(shards: usize, replicas: usize) -> LiveReplicationGroup {
    let ids = |shard: usize| (1..=replicas + 1).map(move |node| format!("day19-{shard:04}-{node:03}"));
    let zone = |id: &str| format!("us-east-1{}", if id.ends_with('1') { 'a' } else { 'b' });
    let node_groups = (1..=shards).map(|shard| LiveNodeGroup {
        id: format!("{shard:04}"),
        status: "available".to_owned(),
        slots: None,
        zones: ids(shard).map(|id| (id.clone(), zone(&id))).collect::<BTreeMap<_, _>>(),
    });
    let member_ids: Vec<String> = (1..=shards).flat_map(ids).collect();
    LiveReplicationGroup {
        ownership: Ownership::Ours,
        status: "available".to_owned(),
        engine: Some("redis".to_owned()),
        cluster_enabled: Some(true),
        multi_az: Some(true),
        node_groups: node_groups.collect(),
        members: member_ids.iter().map(|id| LiveMember { id: id.clone(), ..LiveMember::default() }).collect(),
        member_ids,
        ..LiveReplicationGroup::default()
    }
}

/// The same with nodes on loopback: member `n` answers at port `ports[n]`.
pub(crate) fn group_at(shards: usize, replicas: usize, ports: &[u16]) -> LiveReplicationGroup {
    let mut group = group(shards, replicas);
    let at = |port: &u16| Endpoint { address: "127.0.0.1".to_owned(), port: *port };
    for (member, port) in group.members.iter_mut().zip(ports) {
        member.endpoint = Some(at(port));
    }
    group.endpoint = ports.first().map(at);
    group
}

/// An event of a replication group or, where the source is a member's, of a cache cluster.
pub(crate) fn event(at_ms: u64, source: &str, message: &str) -> CloudEvent {
    let source_type = if source.contains("-0") { "cache-cluster" } else { "replication-group" };
    CloudEvent { at_ms, source_type: source_type.to_owned(), source: source.to_owned(), message: message.to_owned() }
}

/// A refusal of TestFailover.
pub(crate) fn cloud_error(kind: ErrorKind, code: &str, message: &str) -> CloudError {
    CloudError {
        kind,
        operation: "elasticache:TestFailover".to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        hint: None,
    }
}
