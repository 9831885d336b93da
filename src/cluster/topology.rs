//! What CLUSTER NODES says, as values. Pure.

use super::slots::{Slots, range};
use crate::observed::Endpoint;

/// What one node sees of the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Nodes in the order in which they were told.
    pub nodes: Vec<NodeView>,
}

/// What one node sees of another, or of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// Its id in the cluster: 40 hexadecimal digits.
    pub id: String,
    /// Where it answers clients: its host name where it announces one, else its address. `None`: not known.
    pub endpoint: Option<Endpoint>,
    /// Whether this is who speaks.
    pub myself: bool,
    /// Its role.
    pub role: Role,
    /// How sure who speaks is that it is dead.
    pub health: NodeHealth,
    /// Configuration epoch.
    pub epoch: u64,
    /// Whether the link of the cluster bus to it is up (always so for `myself`).
    pub linked: bool,
    /// Slots that it serves.
    pub slots: Slots,
    /// Slots on their way to or from it.
    pub moving_slots: usize,
}

/// A node's role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves slots, or could.
    Primary,
    /// Follows the primary with this id.
    Replica {
        /// The primary's node id.
        of: String,
    },
}

/// How sure a node is that another one is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeHealth {
    /// It answers.
    Fine,
    /// It doesn't answer who speaks (`fail?`).
    Suspected,
    /// A majority has said so (`fail`).
    Failed,
    /// It is not known well enough yet (`handshake`, `noaddr`).
    Unknown,
}

impl View {
    /// Reads CLUSTER NODES: `id address flags primary ping pong epoch link slot…` a line. Lines that are no nodes are
    /// passed over.
    pub fn parse(text: &str) -> View {
        View { nodes: text.lines().filter_map(NodeView::parse).collect() }
    }

    /// The node with this id.
    pub fn get(&self, id: &str) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Who speaks.
    pub fn myself(&self) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.myself)
    }

    /// Who answers at this endpoint.
    pub fn at(&self, endpoint: &Endpoint) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.endpoint.as_ref() == Some(endpoint))
    }

    /// Who serves this slot.
    pub fn owner(&self, slot: u16) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.slots.contains(slot))
    }

    /// The replicas of the primary with this id.
    pub fn replicas_of<'a>(&'a self, primary: &'a str) -> impl Iterator<Item = &'a NodeView> {
        self.nodes.iter().filter(move |node| matches!(&node.role, Role::Replica { of } if of == primary))
    }

    /// The primaries that serve slots, apart from those that a majority holds for dead.
    pub fn serving(&self) -> impl Iterator<Item = &NodeView> {
        let alive = |node: &&NodeView| matches!(node.health, NodeHealth::Fine | NodeHealth::Suspected);
        self.nodes.iter().filter(alive).filter(|node| node.role == Role::Primary && !node.slots.is_empty())
    }

    /// How many slots are served.
    pub fn served_slots(&self) -> usize {
        Slots::union(self.serving().map(|node| &node.slots)).len()
    }
}

impl NodeView {
    fn parse(line: &str) -> Option<NodeView> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [id, address, flags, primary, _, _, epoch, link, slots @ ..] = fields.as_slice() else {
            return None;
        };
        let flags: Vec<&str> = flags.split(',').collect();
        let has = |flag: &str| flags.contains(&flag);
        let myself = has("myself");
        let health = match () {
            () if has("fail") => NodeHealth::Failed,
            () if has("fail?") => NodeHealth::Suspected,
            () if has("noaddr") || has("handshake") => NodeHealth::Unknown,
            () => NodeHealth::Fine,
        };
        Some(NodeView {
            id: (*id).to_owned(),
            endpoint: endpoint(address),
            myself,
            role: if has("slave") { Role::Replica { of: (*primary).to_owned() } } else { Role::Primary },
            health,
            epoch: epoch.parse().ok()?,
            linked: myself || *link == "connected",
            slots: slots.iter().filter_map(|slots| range(slots)).collect(),
            moving_slots: slots.iter().filter(|range| range.starts_with('[')).count(),
        })
    }
}

/// `10.0.0.1:6379@16379,host.name,key=value`: the host name wins, because TLS certificates are for names.
fn endpoint(field: &str) -> Option<Endpoint> {
    let mut parts = field.split(',');
    let address = parts.next()?.split('@').next()?;
    let (host, port) = address.rsplit_once(':')?;
    let name = parts.next().filter(|name| !name.is_empty() && !name.contains('='));
    let host = name.unwrap_or(host.trim_start_matches('[').trim_end_matches(']'));
    if host.is_empty() {
        return None;
    }
    Some(Endpoint { address: host.to_owned(), port: port.parse().ok().filter(|port| *port != 0)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_on_their_way_are_counted_once() {
        let line = "aaa 10.0.0.1:6379@16379 master - 0 0 1 connected 0-99 200 [300->-bbb] [301-<-ccc]\n";
        let view = View::parse(line);
        assert_eq!((view.serving().count(), view.served_slots()), (1, 101));
        assert_eq!(view.nodes[0].moving_slots, 2);
        assert_eq!(view.nodes[0].slots.to_string(), "0-99, 200");
    }

    #[test]
    fn lines_that_are_no_nodes_are_passed_over() {
        assert_eq!(View::parse("\n\nnonsense\n"), View::default());
        assert_eq!(View::parse("a b:0@1 master - 0 0 1 connected 70000 5-3 99999-100000").nodes[0].slots.len(), 0);
    }

    #[test]
    fn a_host_name_is_how_a_node_is_reached() {
        let at = |field: &str| endpoint(field).map(|endpoint| endpoint.to_string());
        assert_eq!(at("10.0.0.1:6379@16379"), Some("10.0.0.1:6379".to_owned()));
        assert_eq!(at("10.0.0.1:6379@16379,day19-0001-001.cache"), Some("day19-0001-001.cache:6379".to_owned()));
        assert_eq!(at("10.0.0.1:6379@16379,,shard-id=abc"), Some("10.0.0.1:6379".to_owned()));
        assert_eq!(at("2001:db8::1:6379@16379"), Some("2001:db8::1:6379".to_owned()));
        assert_eq!(at(":0@0"), None);
    }

    #[test]
    fn roles_and_doubts_are_told() {
        let view = View::parse(
            "aaa 10.0.0.1:6379@16379 myself,master - 0 0 3 connected 0-16383\n\
             bbb 10.0.0.2:6379@16379 slave,fail? aaa 0 0 3 connected\n\
             ccc 10.0.0.3:6379@16379 slave,fail aaa 0 0 3 disconnected\n\
             ddd :0@0 master,noaddr - 0 0 0 disconnected\n",
        );
        let health: Vec<NodeHealth> = view.nodes.iter().map(|node| node.health).collect();
        let all = [NodeHealth::Fine, NodeHealth::Suspected, NodeHealth::Failed, NodeHealth::Unknown];
        assert_eq!(health, all);
        assert_eq!(view.myself().map(|node| node.id.as_str()), Some("aaa"));
        assert_eq!(view.owner(16383).map(|node| node.epoch), Some(3));
        assert_eq!(view.replicas_of("aaa").count(), 2);
    }
}
