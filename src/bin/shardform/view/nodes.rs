//! The nodes of a cluster, for people and for programs.

use serde::Serialize;
use shardform::cluster::look::Seen;
use shardform::cluster::nodes::{NodeRow, ShardRow, State, rows};
use shardform::observed::LiveReplicationGroup;

use super::plan::Heading;
use super::{count, padded, printable};
use crate::terminal::Paint;

/// Columns that a line should not exceed where nobody says how wide the terminal is.
const WIDTH: usize = 80;

/// The document of `nodes --json`.
#[derive(Serialize)]
pub struct NodesDocument {
    stack: String,
    region: String,
    /// The group's status, as the cloud tells it.
    status: String,
    /// Engine and version as the nodes say them.
    engine: Option<String>,
    endpoint: Option<String>,
    shards: Vec<ShardRow>,
}

impl NodesDocument {
    /// From what was seen.
    pub fn new(heading: &Heading, group: &LiveReplicationGroup, seen: &Seen) -> Self {
        let engine = seen.nodes.iter().find_map(|node| node.answer.as_ref().ok()?.info.engine());
        NodesDocument {
            stack: heading.stack.to_owned(),
            region: heading.region.to_owned(),
            status: group.status.clone(),
            engine,
            endpoint: group.endpoint.as_ref().map(ToString::to_string),
            shards: rows(group, seen),
        }
    }

    /// For people.
    pub fn text(&self, paint: Paint) -> String {
        let nodes: usize = self.shards.iter().map(|shard| shard.nodes.len()).sum();
        let shards = self.shards.iter().filter(|shard| shard.id.is_some()).count();
        let mut facts = vec![self.status.clone()];
        facts.extend(self.engine.clone());
        facts.extend([count(shards, "shard"), count(nodes, "node")]);
        let heading = format!("{} in {}: {}", self.stack, self.region, facts.join(", "));
        let table = Table::new(&self.shards, paint);
        let mut lines = vec![paint.bold(&printable(&heading))];
        for shard in &self.shards {
            lines.push(String::new());
            lines.push(shard_line(shard, paint));
            lines.extend(shard.nodes.iter().map(|node| table.line(node)));
        }
        let endpoints = table.endpoint_lines();
        if !endpoints.is_empty() {
            lines.push(String::new());
            lines.extend(endpoints);
        }
        lines.join("\n")
    }
}

/// `0001  available  5462 slots: 0-5461`
fn shard_line(shard: &ShardRow, paint: Paint) -> String {
    let id = shard.id.as_deref().unwrap_or("in no shard");
    let mut line = paint.bold(id);
    if let Some(status) = &shard.status {
        line.push_str(&format!("  {}", printable(status)));
    }
    if shard.id.is_some() {
        let ranges = if shard.slots.is_empty() { String::new() } else { format!(": {}", shard.slots) };
        line.push_str(&format!("  {}{ranges}", count(shard.slot_count, "slot")));
    }
    line
}

/// The widths of the columns, and what is shown in them.
struct Table<'a> {
    shards: &'a [ShardRow],
    member: usize,
    zone: usize,
    endpoint: usize,
    memory: usize,
    keys: usize,
    /// Whether endpoints are a column; else they are told below.
    has_endpoints: bool,
    paint: Paint,
}

impl<'a> Table<'a> {
    fn new(shards: &'a [ShardRow], paint: Paint) -> Self {
        let all = || shards.iter().flat_map(|shard| &shard.nodes);
        let widest = |text: fn(&NodeRow) -> String| all().map(|node| text(node).chars().count()).max().unwrap_or(0);
        let mut table = Table {
            shards,
            member: widest(label),
            zone: widest(zone),
            endpoint: widest(|node| node.endpoint.clone().unwrap_or_default()),
            memory: widest(memory),
            keys: widest(keys),
            has_endpoints: true,
            paint,
        };
        // Where members aren't known their endpoints stand in their place.
        let is_told = all().any(|node| node.member.is_some());
        let width = all().map(|node| table.plain(node).chars().count()).max().unwrap_or(0);
        table.has_endpoints = is_told && width <= paint.width.min(WIDTH);
        table
    }

    fn plain(&self, node: &NodeRow) -> String {
        let role = format!("{:<7}", node.role.unwrap_or("?"));
        self.joined(node, &role, &state(node))
    }

    fn joined(&self, node: &NodeRow, role: &str, state: &str) -> String {
        let mut cells = vec![role.to_owned(), padded(&label(node), self.member), padded(&zone(node), self.zone)];
        if self.has_endpoints {
            cells.push(padded(node.endpoint.as_deref().unwrap_or_default(), self.endpoint));
        }
        cells.push(format!("{:>width$}", memory(node), width = self.memory));
        cells.push(format!("{:>width$}", keys(node), width = self.keys));
        cells.push(state.to_owned());
        format!("  {}", cells.join("  ")).trim_end().to_owned()
    }

    fn line(&self, node: &NodeRow) -> String {
        let role = format!("{:<7}", node.role.unwrap_or("?"));
        let role = if node.role == Some("primary") { self.paint.bold(&role) } else { role };
        let text = state(node);
        let state = match node.state {
            State::Ok => text,
            State::Syncing => self.paint.yellow(&text),
            _ => self.paint.red(&text),
        };
        self.joined(node, &role, &state)
    }

    /// A line for each endpoint, or one for all where they differ in the member alone.
    fn endpoint_lines(&self) -> Vec<String> {
        let nodes: Vec<(&str, &str)> = self
            .shards
            .iter()
            .flat_map(|shard| &shard.nodes)
            .filter_map(|node| Some((node.member.as_deref()?, node.endpoint.as_deref()?)))
            .collect();
        if self.has_endpoints || nodes.is_empty() {
            return Vec::new();
        }
        // Of a name the part behind the member, as DNS names of nodes have it.
        let rest = |(member, endpoint): &(&str, &str)| endpoint.strip_prefix(member).map(str::to_owned);
        let first = rest(&nodes[0]);
        match first {
            Some(first) if nodes.iter().all(|node| rest(node).as_ref() == Some(&first)) => {
                vec![format!("  endpoints  NODE{}", printable(&first))]
            }
            _ => nodes.iter().map(|(member, endpoint)| format!("  {member}  {}", printable(endpoint))).collect(),
        }
    }
}

fn label(node: &NodeRow) -> String {
    let label = node.member.as_ref().or(node.endpoint.as_ref()).or(node.node_id.as_ref());
    label.map(|label| printable(label)).unwrap_or_default()
}

fn zone(node: &NodeRow) -> String {
    node.zone.as_deref().map(printable).unwrap_or_default()
}

/// `1.9M`, and `1.9M/512M` where there is a limit.
fn memory(node: &NodeRow) -> String {
    match (node.used_memory, node.max_memory) {
        (Some(used), Some(limit)) => format!("{}/{}", bytes(used), bytes(limit)),
        (Some(used), None) => bytes(used),
        (None, _) => "-".to_owned(),
    }
}

fn keys(node: &NodeRow) -> String {
    node.keys.map_or_else(|| "-".to_owned(), |keys| count(usize::try_from(keys).unwrap_or(usize::MAX), "key"))
}

/// A primary's is nothing where it is well; a replica's its lag.
fn state(node: &NodeRow) -> String {
    let lag = || match (node.lag_bytes, node.last_io_seconds) {
        (Some(0), _) => "in step".to_owned(),
        (Some(behind), _) => format!("-{}", bytes(behind)),
        (None, Some(seconds)) => format!("heard {seconds}s ago"),
        (None, None) => String::new(),
    };
    match (node.state, node.role) {
        (State::Ok, Some("replica")) => lag(),
        (State::Ok, _) => String::new(),
        (other, _) => other.as_str().to_owned(),
    }
}

/// Short: `512B`, `1.9M`, `12G`.
fn bytes(number: u64) -> String {
    let units = [(1_u64 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    let Some((size, unit)) = units.iter().find(|(size, _)| number >= *size) else {
        return format!("{number}B");
    };
    let tenths = u128::from(number) * 10 / u128::from(*size);
    if tenths < 100 && tenths % 10 != 0 {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    } else {
        format!("{}{unit}", tenths / 10)
    }
}

#[cfg(test)]
#[path = "nodes_tests.rs"]
mod tests;
