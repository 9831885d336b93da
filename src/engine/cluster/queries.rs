//! What the CLUSTER command tells: INFO, SLOTS, SHARDS, LINKS.

use std::fmt::Write;

use super::effects::World;
use super::links::Link;
use super::message::Kind;
use super::node::{MYSELF, Node, NodeIndex};
use super::settings::Endpoint;
use super::state::Cluster;

/// A reply, to be written in the client's version of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `+OK`, or another short word.
    Simple(String),
    /// An error, without the leading `-`.
    Error(String),
    /// A number.
    Integer(i64),
    /// A string.
    Bulk(Vec<u8>),
    /// Text for people: a verbatim string of type `txt` in RESP3.
    Text(String),
    /// Nothing.
    Null,
    /// A list.
    Array(Vec<Value>),
    /// Pairs: a map in RESP3, a flat list in RESP2.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// `+OK`.
    pub fn ok() -> Self {
        Self::Simple("OK".to_owned())
    }

    /// A string from text.
    pub fn text(text: &str) -> Self {
        Self::Bulk(text.as_bytes().to_vec())
    }

    fn number(number: u64) -> Self {
        Self::Integer(number as i64)
    }
}

impl Cluster {
    /// What CLUSTER INFO answers.
    pub fn info_text(&self) -> String {
        let (mut assigned, mut fine, mut maybe_failed, mut failed) = (0, 0, 0, 0);
        for (_, node) in self.nodes.iter() {
            let slots = node.slots.len();
            assigned += slots;
            let count = match (node.has_failed(), node.is_suspect()) {
                (true, _) => &mut failed,
                (false, true) => &mut maybe_failed,
                (false, false) => &mut fine,
            };
            *count += slots;
        }
        let state = if self.is_ok() { "ok" } else { "fail" };
        let own = self.my_primary().filter(|_| self.is_replica()).unwrap_or(self.myself());
        let mut text = format!(
            "cluster_state:{state}\r\ncluster_slots_assigned:{assigned}\r\ncluster_slots_ok:{fine}\r\n\
             cluster_slots_pfail:{maybe_failed}\r\ncluster_slots_fail:{failed}\r\n\
             cluster_known_nodes:{}\r\ncluster_size:{}\r\ncluster_current_epoch:{}\r\ncluster_my_epoch:{}\r\n",
            self.nodes.len(),
            self.voters(),
            self.current_epoch,
            own.config_epoch,
        );
        write_counts(&mut text, "sent", &self.statistics.sent);
        write_counts(&mut text, "received", &self.statistics.received);
        let _ = write!(text, "total_cluster_links_buffer_limit_exceeded:{}\r\n", self.statistics.links_over_limit);
        text
    }

    /// Who serves what: runs of neighbouring slots with one owner.
    pub fn slot_runs(&self) -> Vec<(u16, u16, NodeIndex)> {
        let (mut runs, mut start) = (Vec::new(), 0);
        for run in self.owners.chunk_by(|one, next| one == next) {
            let end = start + run.len() as u16;
            if let Some(owner) = self.owner(start) {
                runs.push((start, end - 1, owner));
            }
            start = end;
        }
        runs
    }

    /// What CLUSTER SLOTS answers.
    pub fn slots_value(&self, world: &World<'_>) -> Value {
        let runs = self.slot_runs();
        Value::Array(
            runs.into_iter().map(|(start, end, owner)| self.slot_run_value(start, end, owner, world)).collect(),
        )
    }

    fn slot_run_value(&self, start: u16, end: u16, owner: NodeIndex, world: &World<'_>) -> Value {
        let node = &self.nodes[owner];
        let mut value = vec![Value::Integer(start.into()), Value::Integer(end.into()), self.contact_value(node)];
        for replica in &node.replicas {
            if self.replica_is_available(*replica, world) {
                value.push(self.contact_value(&self.nodes[*replica]));
            }
        }
        Value::Array(value)
    }

    /// A replica that has nothing yet is not worth telling clients about.
    fn replica_is_available(&self, replica: NodeIndex, world: &World<'_>) -> bool {
        !self.nodes[replica].has_failed() && self.offset_of(replica, world) != 0
    }

    fn offset_of(&self, node: NodeIndex, world: &World<'_>) -> u64 {
        if node == MYSELF { world.replication_offset } else { self.nodes[node].replication_offset }
    }

    fn contact_value(&self, node: &Node) -> Value {
        let endpoint = match self.settings.preferred_endpoint {
            Endpoint::Unknown => Value::Null,
            _ => Value::text(self.endpoint(node)),
        };
        let mut more = Vec::new();
        if self.settings.preferred_endpoint != Endpoint::Ip {
            more.push((Value::text("ip"), Value::text(&node.ip)));
        }
        if self.settings.preferred_endpoint != Endpoint::Hostname && !node.hostname.is_empty() {
            more.push((Value::text("hostname"), Value::text(&node.hostname)));
        }
        let id = Value::text(node.id.as_str());
        Value::Array(vec![endpoint, Value::Integer(node.port.into()), id, Value::Map(more)])
    }

    /// What CLUSTER SHARDS answers.
    pub fn shards_value(&self, world: &World<'_>) -> Value {
        let primaries = self.nodes.iter().filter(|(_, node)| node.is_primary());
        Value::Array(primaries.map(|(index, node)| self.shard_value(index, node, world)).collect())
    }

    fn shard_value(&self, index: NodeIndex, node: &Node, world: &World<'_>) -> Value {
        let ends = node.slots.ranges().into_iter().flat_map(|(start, end)| [start, end]);
        let slots = ends.map(|slot| Value::Integer(slot.into())).collect();
        let members = [index].into_iter().chain(node.replicas.iter().copied());
        let nodes = members.map(|member| self.shard_member_value(member, world)).collect();
        Value::Map(vec![(Value::text("slots"), Value::Array(slots)), (Value::text("nodes"), Value::Array(nodes))])
    }

    fn shard_member_value(&self, index: NodeIndex, world: &World<'_>) -> Value {
        let node = &self.nodes[index];
        let offset = self.offset_of(index, world);
        let health = match (node.has_failed(), node.is_replica() && offset == 0) {
            (true, _) => "fail",
            (false, true) => "loading",
            (false, false) => "online",
        };
        let mut fields = vec![("id", Value::text(node.id.as_str()))];
        if node.port != 0 {
            fields.push(("port", Value::Integer(node.port.into())));
        }
        fields.push(("ip", Value::text(&node.ip)));
        fields.push(("endpoint", Value::text(self.endpoint(node))));
        if !node.hostname.is_empty() {
            fields.push(("hostname", Value::text(&node.hostname)));
        }
        fields.push(("role", Value::text(if node.is_replica() { "replica" } else { "master" })));
        fields.push(("replication-offset", Value::number(offset)));
        fields.push(("health", Value::text(health)));
        Value::Map(fields.into_iter().map(|(name, value)| (Value::text(name), value)).collect())
    }

    /// What CLUSTER LINKS answers.
    pub fn links_value(&self) -> Value {
        let mut links = Vec::new();
        for (_, node) in self.nodes.iter() {
            for link in [node.link, node.inbound].into_iter().flatten() {
                links.extend(self.links.get(&link).map(|link| link_value(link, node)));
            }
        }
        Value::Array(links)
    }

    /// The line of each replica of a primary, as CLUSTER REPLICAS answers.
    pub fn replicas_value(&self, primary: NodeIndex) -> Value {
        let lines = self.nodes[primary].replicas.iter().map(|replica| {
            let mut line = String::new();
            self.describe(*replica, &mut line);
            Value::Bulk(line.into_bytes())
        });
        Value::Array(lines.collect())
    }
}

fn link_value(link: &Link, node: &Node) -> Value {
    let waiting = Value::number(link.waiting_bytes as u64);
    let events = if link.waiting_bytes > 0 { "rw" } else { "r" };
    Value::Map(vec![
        (Value::text("direction"), Value::text(if link.inbound { "from" } else { "to" })),
        (Value::text("node"), Value::text(node.id.as_str())),
        (Value::text("create-time"), Value::number(link.created_at)),
        (Value::text("events"), Value::text(if link.open { events } else { "" })),
        (Value::text("send-buffer-allocated"), waiting.clone()),
        (Value::text("send-buffer-used"), waiting),
    ])
}

fn write_counts(text: &mut String, direction: &str, counts: &[u64]) {
    for (kind, count) in Kind::ALL.iter().zip(counts).filter(|(_, count)| **count > 0) {
        let _ = write!(text, "cluster_stats_messages_{}_{direction}:{count}\r\n", kind.word());
    }
    let _ = write!(text, "cluster_stats_messages_{direction}:{}\r\n", counts.iter().sum::<u64>());
}
