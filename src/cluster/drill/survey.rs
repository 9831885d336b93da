//! Finds out which cache nodes make up each shard, how they are reached, and who is primary.

use std::collections::BTreeMap;

use redis::RedisError;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::admission::Refusal;
use super::client::Directory;
use super::look::look;
use super::report::{Node, SeenRole};
use super::roles::Look;
use crate::cluster::reach::Reach;
use crate::cluster::slots::Slots;
use crate::cluster::topology::{NodeHealth, NodeView, Role, View};
use crate::observed::{Endpoint, LiveMember, LiveNodeGroup, LiveReplicationGroup};

/// The cluster's nodes, by shards.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Engine and version as the nodes say it, such as `redis 7.0.15`.
    pub engine: String,
    /// Shards in the order of their ids.
    pub shards: Vec<ShardNodes>,
    pub(super) directory: Directory,
}

/// One shard's nodes.
#[derive(Clone, Debug)]
pub struct ShardNodes {
    /// Node group id.
    pub id: String,
    pub(super) nodes: Vec<Known>,
    /// The primary's place among the nodes.
    pub(super) primary: usize,
    pub(super) slots: Slots,
}

/// A node and how it is reached.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) node: Node,
    pub(super) at: Endpoint,
}

impl ShardNodes {
    /// The primary.
    pub fn primary(&self) -> &Node {
        &self.nodes[self.primary].node
    }

    /// Everybody else.
    pub fn replicas(&self) -> impl Iterator<Item = &Node> {
        let others = self.nodes.iter().enumerate().filter(|(place, _)| *place != self.primary);
        others.map(|(_, known)| &known.node)
    }
}

impl Survey {
    /// The shard with this id.
    pub fn shard(&self, id: &str) -> Option<&ShardNodes> {
        self.shards.iter().find(|shard| shard.id == id)
    }
}

/// Asks the cluster who is who. `id` is the replication group's; of `shards` every node is asked for its ROLE.
///
/// # Errors
/// Nobody answers, or one of the shards isn't one primary with all its replicas linked.
pub async fn survey(
    reach: &Reach,
    id: &str,
    group: &LiveReplicationGroup,
    shards: &[String],
) -> Result<Survey, Refusal> {
    let (engine, text) = first_answer(reach, id, group).await?;
    let view = View::parse(&text);
    let members = members_by_node(reach, group, &view).await;
    let directory = directory(&text, &view, &members);
    let shard_of = |shard| shard_nodes(shard, group, &view, &members, &directory);
    let mut found: Vec<ShardNodes> = group.node_groups.iter().filter_map(shard_of).collect();
    for id in shards {
        let Some(shard) = found.iter_mut().find(|shard| shard.id == *id) else {
            let reason = "its nodes are not among those of CLUSTER NODES".to_owned();
            return Err(Refusal::NotWhole { shard: id.clone(), reason });
        };
        shard.primary = primary_by_role(reach, shard).await?;
    }
    Ok(Survey { engine, shards: found, directory })
}

/// What the first node says that answers: the configuration endpoint, or a member.
async fn first_answer(reach: &Reach, id: &str, group: &LiveReplicationGroup) -> Result<(String, String), Refusal> {
    let members = group.members.iter().filter_map(|member| member.endpoint.as_ref());
    let mut first = None;
    for endpoint in group.endpoint.iter().chain(members) {
        match cluster_nodes(reach, endpoint).await {
            Ok(answer) => return Ok(answer),
            Err(reason) => first = first.or(Some(reason)),
        }
    }
    let reason = first.unwrap_or_else(|| "AWS tells no endpoint of it".to_owned());
    Err(Refusal::Unreachable { group: id.to_owned(), reason })
}

async fn cluster_nodes(reach: &Reach, endpoint: &Endpoint) -> Result<(String, String), String> {
    let told = |error: RedisError| format!("{endpoint}: {error}");
    let mut connection = reach.connect(endpoint).await.map_err(|error| error.to_string())?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await.map_err(told)?;
    let nodes = redis::cmd("CLUSTER").arg("NODES").query_async(&mut connection).await.map_err(told)?;
    Ok((engine(&info), nodes))
}

fn engine(info: &str) -> String {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    match (field("valkey_version"), field("redis_version")) {
        (Some(version), _) => format!("valkey {version}"),
        (None, Some(version)) => format!("redis {version}"),
        (None, None) => String::new(),
    }
}

/// Members by the node ids of the cluster: by their endpoints, or, where the cluster knows its nodes by other addresses,
/// by asking them for their ids.
async fn members_by_node<'a>(
    reach: &Reach,
    group: &'a LiveReplicationGroup,
    view: &View,
) -> BTreeMap<String, &'a LiveMember> {
    let mut found = BTreeMap::new();
    let mut asked = JoinSet::new();
    for (place, member) in group.members.iter().enumerate() {
        let Some(endpoint) = &member.endpoint else { continue };
        if let Some(node) = view.at(endpoint) {
            found.insert(node.id.clone(), member);
            continue;
        }
        let (reach, endpoint) = (reach.clone(), endpoint.clone());
        asked.spawn(async move {
            let mut connection = reach.connect(&endpoint).await.ok()?;
            let id: String = redis::cmd("CLUSTER").arg("MYID").query_async(&mut connection).await.ok()?;
            Some((id, place))
        });
    }
    while let Some(answer) = asked.join_next().await {
        if let Ok(Some((id, place))) = answer {
            found.insert(id, &group.members[place]);
        }
    }
    found
}

fn directory(text: &str, view: &View, members: &BTreeMap<String, &LiveMember>) -> Directory {
    let mut directory = Directory::default();
    for node in &view.nodes {
        let member = members.get(&node.id).and_then(|member| member.endpoint.clone());
        let Some(at) = member.or_else(|| node.endpoint.clone()) else { continue };
        if let Some(endpoint) = &node.endpoint {
            directory.by_address.insert(endpoint.to_string(), at.clone());
        }
        directory.by_id.insert(node.id.clone(), at);
    }
    // A node that announces a host name is also spoken of by its address.
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let (id, address) = (fields.next(), fields.next().and_then(|field| field.split('@').next()));
        if let (Some(at), Some(address)) = (id.and_then(|id| directory.by_id.get(id)), address) {
            directory.by_address.entry(address.to_owned()).or_insert_with(|| at.clone());
        }
    }
    directory
}

fn shard_nodes(
    shard: &LiveNodeGroup,
    group: &LiveReplicationGroup,
    view: &View,
    members: &BTreeMap<String, &LiveMember>,
    directory: &Directory,
) -> Option<ShardNodes> {
    let known = |member: &str, at: &Endpoint| {
        let zone = shard.zones.get(member).cloned().unwrap_or_default();
        Known { node: Node { member: member.to_owned(), endpoint: at.to_string(), zone }, at: at.clone() }
    };
    let primary = primary_of(shard, view, members)?;
    let mut nodes = Vec::new();
    for node in std::iter::once(primary).chain(view.replicas_of(&primary.id)) {
        let member = members.get(&node.id).map(|member| member.id.as_str());
        // What is left of a node that was replaced has no member.
        if member.is_some() || node.health != NodeHealth::Failed {
            nodes.extend(directory.by_id.get(&node.id).map(|at| known(member.unwrap_or_default(), at)));
        }
    }
    // A member that is dead is nobody's replica.
    for member in group.members.iter().filter(|member| shard.zones.contains_key(&member.id)) {
        let is_new = |at: &&Endpoint| !nodes.iter().any(|node| node.node.member == member.id || node.at == **at);
        let at = member.endpoint.as_ref().filter(is_new);
        nodes.extend(at.map(|at| known(&member.id, at)));
    }
    nodes.sort_by(|a, b| (&a.node.member, &a.node.endpoint).cmp(&(&b.node.member, &b.node.endpoint)));
    let primary_at = directory.by_id.get(&primary.id)?;
    let place = nodes.iter().position(|known| known.at == *primary_at)?;
    Some(ShardNodes { id: shard.id.clone(), nodes, primary: place, slots: primary.slots.clone() })
}

/// The primary of a node group: of the shard that one of its members belongs to, else of its first slot.
fn primary_of<'a>(
    shard: &LiveNodeGroup,
    view: &'a View,
    members: &BTreeMap<String, &LiveMember>,
) -> Option<&'a NodeView> {
    let is_mine = |node: &&NodeView| members.get(&node.id).is_some_and(|member| shard.zones.contains_key(&member.id));
    let by_member = view.nodes.iter().filter(is_mine).find_map(|node| match &node.role {
        Role::Primary => (!node.slots.is_empty()).then_some(node),
        Role::Replica { of } => view.get(of),
    });
    by_member.or_else(|| {
        let first = shard.slots.as_deref()?.split(['-', ',']).next()?.trim().parse().ok()?;
        view.owner(first)
    })
}

/// Asks every node of a shard for its role; the primary's place.
async fn primary_by_role(reach: &Reach, shard: &ShardNodes) -> Result<usize, Refusal> {
    let began = Instant::now();
    let mut asked = JoinSet::new();
    for (place, known) in shard.nodes.iter().enumerate() {
        let (reach, at) = (reach.clone(), known.at.clone());
        asked.spawn(async move { (place, look(&reach, &at, &mut None, began).await) });
    }
    let looks: BTreeMap<usize, Look> = asked.join_all().await.into_iter().collect();
    let not_whole = |reason: String| Refusal::NotWhole { shard: shard.id.clone(), reason };
    let primaries = looks.iter().filter(|(_, look)| look.role == SeenRole::Primary);
    let primary = primaries.max_by_key(|(_, look)| look.epoch).map(|(place, _)| *place);
    let Some(primary) = primary else {
        return Err(not_whole("none of its nodes is primary".to_owned()));
    };
    let unwell = looks.iter().find(|(place, look)| **place != primary && look.role != SeenRole::Replica);
    if let Some((place, look)) = unwell {
        return Err(not_whole(format!("{} is {}", shard.nodes[*place].node.name(), look.role.text())));
    }
    if shard.nodes.len() < 2 {
        return Err(Refusal::NoReplica { shard: shard.id.clone() });
    }
    Ok(primary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::drill::tests::samples::{group, group_at};

    const NODES: &str = "\
        aaa 10.0.0.1:6379@1122,one.cache myself,master - 0 0 1 connected 0-8191\n\
        bbb 10.0.0.2:6379@1122,two.cache slave aaa 0 0 1 connected\n\
        ccc 10.0.0.3:6379@1122 master - 0 0 2 connected 8192-16383\n\
        ddd 10.0.0.4:6379@1122 slave ccc 0 0 2 connected\n";

    #[test]
    fn engines_name_themselves() {
        assert_eq!(engine("# Server\r\nredis_version:7.0.15\r\n"), "redis 7.0.15");
        assert_eq!(engine("redis_version:7.2.4\r\nvalkey_version:8.0.1\r\n"), "valkey 8.0.1");
        assert_eq!(engine(""), "");
    }

    #[test]
    fn nodes_are_known_by_name_and_by_address() {
        let view = View::parse(NODES);
        let directory = directory(NODES, &view, &BTreeMap::new());
        let at = |address: &str| directory.by_address.get(address).map(ToString::to_string);
        assert_eq!(at("one.cache:6379").as_deref(), Some("one.cache:6379"));
        assert_eq!(at("10.0.0.1:6379").as_deref(), Some("one.cache:6379"));
        assert_eq!(at("10.0.0.4:6379").as_deref(), Some("10.0.0.4:6379"));
    }

    #[test]
    fn a_shard_is_found_by_a_member_or_by_its_slots() {
        let view = View::parse(NODES);
        let mut live = group(2, 1);
        live.node_groups[1].slots = Some("8192-16383".to_owned());
        let members = BTreeMap::from([("bbb".to_owned(), &live.members[1])]);
        let directory = directory(NODES, &view, &members);
        let shard = |place: usize| shard_nodes(&live.node_groups[place], &live, &view, &members, &directory).unwrap();
        let first = shard(0);
        assert_eq!(first.primary().endpoint, "one.cache:6379");
        assert_eq!(
            first.replicas().map(|node| (node.member.as_str(), node.zone.as_str())).collect::<Vec<_>>(),
            [("day19-0001-002", "us-east-1b")]
        );
        assert_eq!(shard(1).primary().endpoint, "10.0.0.3:6379");
        assert_eq!(shard(1).slots.len(), 8192);
    }

    #[tokio::test]
    async fn nobody_answers() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let live = group_at(1, 1, &[port, port]);
        let refusal = survey(&Reach::default(), "day19", &live, &["0001".to_owned()]).await.unwrap_err();
        let told = refusal.to_string();
        assert!(told.starts_with(&format!("no node of `day19` answers: 127.0.0.1:{port}: ")), "{told}");
    }
}
