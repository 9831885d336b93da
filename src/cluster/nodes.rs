//! The nodes of a cluster for people: by shard and zone, with role, slots, memory, keys and lag. Pure.

use serde::Serialize;

use super::look::Seen;
use super::placed::{Node, Placed};
use super::slots::Slots;
use super::topology::{NodeHealth, Role};
use crate::observed::{LiveNodeGroup, LiveReplicationGroup};

/// A shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShardRow {
    /// Node group id; `None`: nodes that are in none, or in none that can be told.
    pub id: Option<String>,
    /// Its status, as the cloud tells it.
    pub status: Option<String>,
    /// How many slots its primaries serve.
    pub slot_count: usize,
    /// Which, such as `0-5461`.
    pub slots: String,
    /// Its nodes, by zone.
    pub nodes: Vec<NodeRow>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeRow {
    /// Member cluster id, where the cloud says which member answers there.
    pub member: Option<String>,
    /// Zone, where the cloud tells it.
    pub zone: Option<String>,
    /// `host:port`, where it is told.
    pub endpoint: Option<String>,
    /// Id in the cluster: 40 hexadecimal digits.
    pub node_id: Option<String>,
    /// `primary`, `replica`; `None`: nobody tells.
    pub role: Option<&'static str>,
    /// How it is: see [`State`].
    pub state: State,
    /// Why it doesn't answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes of memory in use.
    pub used_memory: Option<u64>,
    /// Bytes that it may use; `None`: not told, or no limit.
    pub max_memory: Option<u64>,
    /// Keys that it holds.
    pub keys: Option<u64>,
    /// Connected clients.
    pub clients: Option<u64>,
    /// Of a replica: bytes behind its primary.
    pub lag_bytes: Option<u64>,
    /// Of a replica: seconds since it last heard of its primary.
    pub last_io_seconds: Option<u64>,
}

/// How a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It answers, and a replica has its link.
    Ok,
    /// A replica whose link to its primary is down.
    LinkDown,
    /// A replica whose data is being copied from its primary.
    Syncing,
    /// It answers, and the others hold it for failed.
    Failed,
    /// It does not answer.
    #[default]
    NoAnswer,
    /// It answers, and refuses.
    Refuses,
    /// The cloud tells of it, and not where it is.
    NoEndpoint,
}

impl State {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::LinkDown => "link down",
            State::Syncing => "syncing",
            State::Failed => "failed",
            State::NoAnswer => "no answer",
            State::Refuses => "refuses",
            State::NoEndpoint => "no endpoint",
        }
    }
}

/// The rows: shards in the order of their ids, nodes in the order of their zones and ids. Members that the cloud tells
/// and that could not be asked are there too.
pub fn rows(group: &LiveReplicationGroup, seen: &Seen) -> Vec<ShardRow> {
    let placed = Placed::new(Some(group), Some(seen));
    let mut rows: Vec<ShardRow> = group.node_groups.iter().map(|shard| shard_row(&placed, shard)).collect();
    let mut others: Vec<NodeRow> =
        placed.nodes.iter().filter(|node| node.shard.is_none()).map(|node| node_row(&placed, node)).collect();
    if !others.is_empty() {
        others.sort_by_key(|node| node.endpoint.clone());
        rows.push(ShardRow { nodes: others, ..ShardRow::default() });
    }
    rows
}

fn shard_row(placed: &Placed, shard: &LiveNodeGroup) -> ShardRow {
    let mut nodes: Vec<NodeRow> = placed.nodes_of(shard).map(|node| node_row(placed, node)).collect();
    // Where members are known by their endpoints, those without one could not be asked.
    let by_member = nodes.iter().all(|node| node.member.is_some());
    for (member, zone) in shard.zones.iter().filter(|_| by_member) {
        if !nodes.iter().any(|node| node.member.as_ref() == Some(member)) {
            let zone = Some(zone.clone()).filter(|zone| !zone.is_empty());
            nodes.push(NodeRow { member: Some(member.clone()), zone, state: State::NoEndpoint, ..NodeRow::default() });
        }
    }
    nodes.sort_by_key(|node| (node.zone.clone(), node.member.clone(), node.endpoint.clone()));
    let serving = placed.nodes_of(shard).filter_map(|node| node.view).filter(|view| view.role == Role::Primary);
    let slots = Slots::union(serving.map(|view| &view.slots));
    ShardRow {
        id: Some(shard.id.clone()),
        status: Some(shard.status.clone()),
        slot_count: slots.len(),
        slots: slots.to_string(),
        nodes,
    }
}

fn node_row(placed: &Placed, node: &Node) -> NodeRow {
    let member = node.seen.member.clone();
    let zone = member.as_ref().and_then(|member| node.shard?.zones.get(member)).filter(|zone| !zone.is_empty());
    let role = node.view.map(|view| if view.role == Role::Primary { "primary" } else { "replica" });
    let mut row = NodeRow {
        zone: zone.cloned(),
        member,
        endpoint: Some(node.seen.endpoint.to_string()),
        node_id: node.view.map(|view| view.id.clone()),
        role,
        state: state(placed, node),
        reason: node.seen.answer.as_ref().err().map(|silence| silence.reason.clone()),
        ..NodeRow::default()
    };
    if let Some(answer) = node.answer() {
        let info = &answer.info;
        row.used_memory = info.number("used_memory");
        row.max_memory = info.number("maxmemory").filter(|limit| *limit > 0);
        row.keys = Some(info.keys());
        row.clients = info.number("connected_clients");
        row.lag_bytes = placed.lag_bytes(node);
        row.last_io_seconds = info.number("master_last_io_seconds_ago");
    }
    row
}

fn state(placed: &Placed, node: &Node) -> State {
    let answer = match &node.seen.answer {
        Ok(answer) => answer,
        Err(silence) if silence.refused => return State::Refuses,
        Err(_) => return State::NoAnswer,
    };
    let id = node.view.map(|view| view.id.as_str());
    let agreed = id.and_then(|id| placed.view?.get(id));
    if agreed.is_some_and(|seen| seen.health == NodeHealth::Failed) {
        return State::Failed;
    }
    match (node.follows(), answer.info.is_linked()) {
        (Some(_), Some(true)) | (None, _) => State::Ok,
        _ if answer.info.text("master_sync_in_progress") == Some("1") => State::Syncing,
        _ => State::LinkDown,
    }
}
