//! What is live, for people and for programs: one document, and its text.

use std::collections::BTreeSet;

use console::measure_text_width;
use serde::Serialize;
use shardform::observed::{Live, LiveNodeGroup, LiveReplicationGroup};
use shardform::resource::{Address, Names, Ownership};
use shardform::spec::Spec;

use super::plan::Heading;
use super::{count, padded, printable};
use crate::terminal::Paint;

/// The status of what isn't there.
const ABSENT: &str = "not there";
/// Columns of the longest address.
const ADDRESS: usize = 25;
/// Columns of a shard's id, which has four digits, and of the blanks around it.
const SHARD: usize = 8;

/// The document of `status --json`.
#[derive(Serialize)]
pub struct StatusDocument {
    stack: String,
    region: String,
    account: Option<String>,
    /// Whether the cluster is there and nothing of it moves any more.
    settled: bool,
    endpoint: Option<String>,
    resources: Vec<Row>,
    node_groups: Vec<NodeGroup>,
    /// Changes that wait for the maintenance window.
    pending: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    address: Address,
    name: String,
    id: Option<String>,
    status: String,
    ownership: Option<Ownership>,
    details: Vec<String>,
}

#[derive(Serialize)]
struct NodeGroup {
    id: String,
    status: String,
    slots: Option<String>,
    members: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    id: String,
    zone: String,
    status: Option<String>,
    endpoint: Option<String>,
}

impl StatusDocument {
    /// From what is live, in the order of the addresses. What the plan file asks for and isn't there is a row too.
    pub fn new(heading: &Heading, spec: &Spec, live: &Live) -> Self {
        let names = Names::new(&spec.name);
        let group = live.replication_group.as_ref();
        let mut resources = Vec::new();
        for address in Address::ALL {
            let rows = rows(address, &names, live);
            if rows.is_empty() && is_expected(address, spec) {
                resources.push(absent(address, &names));
            }
            resources.extend(rows);
        }
        StatusDocument {
            stack: heading.stack.to_owned(),
            region: heading.region.to_owned(),
            account: heading.account.map(str::to_owned),
            settled: group.is_some_and(LiveReplicationGroup::is_settled),
            endpoint: group.and_then(|group| group.endpoint.as_ref()).map(ToString::to_string),
            resources,
            node_groups: group.map(node_groups).unwrap_or_default(),
            pending: group.map(|group| group.pending.clone()).unwrap_or_default(),
        }
    }

    /// For people.
    pub fn text(&self, paint: Paint) -> String {
        let heading = Heading { stack: &self.stack, region: &self.region, account: self.account.as_deref() };
        let mut lines = vec![heading.text(paint), String::new()];
        let widest = |text: fn(&Row) -> &str| self.resources.iter().map(|row| text(row).chars().count()).max();
        let id_width = widest(Row::shown_id).unwrap_or_default();
        let status_width = widest(|row| &row.status).unwrap_or_default();
        lines.extend(self.resources.iter().flat_map(|row| row.lines(id_width, status_width, paint)));
        if !self.node_groups.is_empty() {
            lines.push(String::new());
            lines.extend(node_group_lines(&self.node_groups, paint));
        }
        let mut tail: Vec<String> = self.endpoint.iter().map(|at| format!("  endpoint  {at}")).collect();
        let pending = self.pending.iter().map(|change| format!("  pending   {} (until the window)", printable(change)));
        tail.extend(pending);
        if !tail.is_empty() {
            lines.push(String::new());
            lines.append(&mut tail);
        }
        lines.join("\n")
    }
}

impl Row {
    fn shown_id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.name)
    }

    /// One line, or where that is too long for the terminal, the details below it.
    fn lines(&self, id_width: usize, status_width: usize, paint: Paint) -> Vec<String> {
        let status = colored_status(&padded(&printable(&self.status), status_width), paint);
        let owner = match self.ownership {
            Some(Ownership::Foreign) => Some(paint.red("not this stack's")),
            Some(Ownership::Unknown) => Some(paint.yellow("owner can't be read now")),
            Some(Ownership::Ours) | None => None,
        };
        let details = self.details.iter().map(|detail| printable(detail));
        let more: Vec<String> = owner.into_iter().chain(details).collect();
        let address = paint.bold(&padded(self.address.as_str(), ADDRESS));
        let id = padded(&printable(self.shown_id()), id_width);
        let head = format!("  {address}  {id}  {status}");
        let line = format!("{head}  {}", more.join(", "));
        if measure_text_width(line.trim_end()) <= paint.width {
            return vec![line.trim_end().to_owned()];
        }
        let below = filled(&more, ", ", 2 + ADDRESS + 2, paint.width);
        std::iter::once(head.trim_end().to_owned()).chain(below).collect()
    }
}

/// The items in as few lines as have room for them, from the column `indent` on; separators stay at a line's end.
fn filled(items: &[String], separator: &str, indent: usize, width: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let is_last = at + 1 == items.len();
        let item = if is_last { item.clone() } else { format!("{item}{}", separator.trim_end()) };
        let blank = " ".repeat(separator.len() - separator.trim_end().len());
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + blank.len() + measure_text_width(&item) <= width => {
                line.push_str(&blank);
                line.push_str(&item);
            }
            _ => lines.push(format!("{margin}{item}")),
        }
    }
    lines
}

/// The color only repeats what the word says.
fn colored_status(padded: &str, paint: Paint) -> String {
    match padded.trim_end() {
        "available" | "running" | "there" => paint.green(padded),
        ABSENT => paint.dim(padded),
        status if status.contains("failed") || status.starts_with("incompatible") => paint.red(padded),
        _ => paint.yellow(padded),
    }
}

/// Whether the plan file asks for the resource.
fn is_expected(address: Address, spec: &Spec) -> bool {
    use shardform::spec::KeyPairSpec;
    match address {
        Address::KeyPair => {
            let client = spec.client.as_ref();
            client.is_some_and(|client| !matches!(client.key_pair, Some(KeyPairSpec::Existing(_))))
        }
        Address::ClientGroup | Address::Instance => spec.client.is_some(),
        Address::ParameterGroup => !spec.cluster.parameters.is_empty(),
        Address::ClusterGroup | Address::SubnetGroup | Address::ReplicationGroup => true,
    }
}

fn absent(address: Address, names: &Names) -> Row {
    let name = match address {
        Address::KeyPair => names.key_pair(),
        Address::ClientGroup => names.client_group(),
        Address::Instance => names.instance(),
        Address::ClusterGroup => names.cluster_group(),
        Address::SubnetGroup => names.subnet_group(""),
        Address::ParameterGroup | Address::ReplicationGroup => names.replication_group(),
    };
    Row { address, name, id: None, status: ABSENT.to_owned(), ownership: None, details: Vec::new() }
}

fn rows(address: Address, names: &Names, live: &Live) -> Vec<Row> {
    let there = |name: String, id: Option<String>, ownership: Ownership, details: Vec<String>| Row {
        address,
        name,
        id,
        status: "there".to_owned(),
        ownership: Some(ownership),
        details,
    };
    let group_rows = |group: &shardform::observed::LiveSecurityGroup, name: String| {
        let rules = count(group.ingress.len(), "rule");
        there(name, Some(group.id.clone()), group.ownership, vec![rules])
    };
    match address {
        Address::KeyPair => {
            let key = live.key_pair.iter();
            key.map(|key| there(names.key_pair(), Some(key.id.clone()), key.ownership, Vec::new())).collect()
        }
        Address::ClientGroup => live.client_group.iter().map(|group| group_rows(group, names.client_group())).collect(),
        Address::ClusterGroup => {
            live.cluster_group.iter().map(|group| group_rows(group, names.cluster_group())).collect()
        }
        Address::Instance => {
            let hosts = live.instances.iter().map(|host| Row {
                address,
                name: names.instance(),
                id: Some(host.id.clone()),
                status: host.state.clone(),
                ownership: Some(Ownership::Ours),
                details: std::iter::once(host.instance_type.clone()).chain(host.public_address.clone()).collect(),
            });
            hosts.collect()
        }
        Address::SubnetGroup => {
            let groups = live.subnet_group.iter().chain(&live.spare_subnet_groups).map(|group| {
                let subnets = count(group.subnet_ids.len(), "subnet");
                there(group.name.clone(), None, group.ownership, vec![subnets])
            });
            groups.collect()
        }
        Address::ParameterGroup => {
            let groups = live.parameter_groups.iter();
            groups.map(|group| there(group.name.clone(), None, group.ownership, vec![group.family.clone()])).collect()
        }
        Address::ReplicationGroup => {
            let groups = live.replication_group.iter().map(|group| Row {
                address,
                name: names.replication_group(),
                id: None,
                status: group.status.clone(),
                ownership: Some(group.ownership),
                details: cluster_details(group),
            });
            groups.collect()
        }
    }
}

/// `redis 7.1.0, cache.t2.micro, 3 shards, 9 nodes`
fn cluster_details(group: &LiveReplicationGroup) -> Vec<String> {
    let versions: BTreeSet<&str> = group.members.iter().filter_map(|member| member.engine_version.as_deref()).collect();
    let versions: Vec<&str> = versions.into_iter().collect();
    let engine = group.engine.as_deref().map(|engine| format!("{engine} {}", versions.join("/")));
    let engine = engine.map(|text| text.trim_end().to_owned());
    let mut details: Vec<String> = engine.into_iter().chain(group.node_type.clone()).collect();
    details.push(count(group.node_groups.len(), "shard"));
    details.push(count(group.member_ids.len(), "node"));
    details
}

fn node_groups(group: &LiveReplicationGroup) -> Vec<NodeGroup> {
    let one = |shard: &LiveNodeGroup| {
        let members = shard.zones.iter().map(|(id, zone)| {
            let told = group.members.iter().find(|member| member.id == *id);
            Member {
                id: id.clone(),
                zone: zone.clone(),
                status: told.map(|member| member.status.clone()),
                endpoint: told.and_then(|member| member.endpoint.as_ref()).map(ToString::to_string),
            }
        });
        NodeGroup {
            id: shard.id.clone(),
            status: shard.status.clone(),
            slots: shard.slots.clone(),
            members: members.collect(),
        }
    };
    group.node_groups.iter().map(one).collect()
}

/// A line a shard, with its members below each other where a line would be too long for them.
fn node_group_lines(groups: &[NodeGroup], paint: Paint) -> Vec<String> {
    let status_width = groups.iter().map(|group| group.status.len()).max().unwrap_or_default();
    let slots_width = groups.iter().map(|group| group.shown_slots().len()).max().unwrap_or_default();
    let members = groups.iter().flat_map(|group| &group.members).map(|member| member_text(member).chars().count());
    let head_width = SHARD + status_width + 2 + slots_width + 2;
    let is_narrow = head_width + members.max().unwrap_or_default() > paint.width;
    let mut lines = Vec::new();
    for group in groups {
        let status = colored_status(&padded(&printable(&group.status), status_width), paint);
        let head = format!("  {}  {status}", group.id);
        if is_narrow {
            lines.extend(group.narrow_lines(&head, paint.width));
            continue;
        }
        let head = format!("{head}  {}  ", padded(&printable(&group.shown_slots()), slots_width));
        let members: Vec<String> = group.members.iter().map(member_text).collect();
        let width: usize = members.iter().map(|member| member.chars().count() + 3).sum();
        let below = format!("\n{}", " ".repeat(head_width));
        let separator = if head_width + width <= paint.width { "   " } else { &below };
        lines.push(format!("{head}{}", members.join(separator)).trim_end().to_owned());
    }
    lines
}

impl NodeGroup {
    fn shown_slots(&self) -> String {
        self.slots.clone().unwrap_or_else(|| "-".to_owned())
    }

    /// Members below their shard; its slots too where they have no room, for one that was scaled has many ranges.
    fn narrow_lines(&self, head: &str, width: usize) -> Vec<String> {
        let whole = format!("{head}  {}", printable(&self.shown_slots()));
        let mut lines = vec![whole];
        if measure_text_width(&lines[0]) > width {
            let slots: Vec<String> = self.shown_slots().split(',').map(printable).collect();
            lines = vec![head.trim_end().to_owned()];
            lines.extend(filled(&slots, ",", SHARD, width));
        }
        lines.extend(self.members.iter().map(|member| format!("{}{}", " ".repeat(SHARD), member_text(member))));
        lines
    }
}

/// `day19-0001-001 us-east-1a`, with its status where that is worth a word.
fn member_text(member: &Member) -> String {
    let status = member.status.as_deref().filter(|status| *status != "available");
    let status = status.map(|status| format!(" ({status})")).unwrap_or_default();
    let text = format!("{} {}{status}", member.id, member.zone);
    printable(text.trim_end())
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
