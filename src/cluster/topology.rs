//! What CLUSTER NODES says, as values. Pure.

use std::collections::BTreeSet;

use crate::observed::Endpoint;

/// Hash slots of a Redis cluster.
pub const SLOTS: usize = 16384;

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
    pub slots: BTreeSet<u16>,
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
        self.nodes.iter().find(|node| node.slots.contains(&slot))
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
        self.serving().flat_map(|node| &node.slots).collect::<BTreeSet<_>>().len()
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
            slots: slots.iter().flat_map(|range| slots_in(range)).collect(),
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

/// Slots of `7` or `0-5461`; of a slot on its way (`[7->-id]`) none, because it is counted where it is served.
fn slots_in(range: &str) -> std::ops::RangeInclusive<u16> {
    let mut ends = range.splitn(2, '-').map(str::parse::<u16>);
    #[expect(clippy::reversed_empty_ranges, reason = "an empty range is meant")]
    let none = 1..=0;
    let is_slot = |slot: u16| usize::from(slot) < SLOTS;
    match (ends.next(), ends.next()) {
        (Some(Ok(slot)), None) if is_slot(slot) => slot..=slot,
        (Some(Ok(first)), Some(Ok(last))) if is_slot(last) => first..=last,
        _ => none,
    }
}

/// The slot of a key: CRC16 (XMODEM) of its hash tag, or of all of it where it has none, as Redis Cluster has it.
pub fn slot_of_key(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let bytes = tag.filter(|tag| !tag.is_empty()).unwrap_or(key).bytes();
    let shift = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    bytes.fold(0_u16, |crc, byte| (0..8).fold(crc ^ (u16::from(byte) << 8), shift)) % SLOTS as u16
}

/// Slots of a text such as `0-5461,7000`, as AWS tells them. What is no slot is passed over.
pub fn slots_of(text: &str) -> BTreeSet<u16> {
    text.split([',', ' ']).flat_map(slots_in).collect()
}

/// Slots as people read them: `0-5461, 7000`.
pub fn ranges(slots: &BTreeSet<u16>) -> String {
    let mut texts = Vec::new();
    let mut rest = slots.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) = rest.next_if(|next| *next == last + 1) {
            last = next;
        }
        texts.push(if first == last { first.to_string() } else { format!("{first}-{last}") });
    }
    texts.join(", ")
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
        assert_eq!(ranges(&view.nodes[0].slots), "0-99, 200");
    }

    #[test]
    fn keys_have_the_slots_that_the_engine_gives_them() {
        // What CLUSTER KEYSLOT answers.
        let keys = ["123456789", "foo", "somekey", "foo{hash_tag}", "foo{}{bar}"];
        assert_eq!(keys.map(slot_of_key), [12739, 12182, 11058, 2515, 8363]);
    }

    #[test]
    fn slots_are_read_as_aws_tells_them() {
        assert_eq!(ranges(&slots_of("0-3,7,9-10")), "0-3, 7, 9-10");
        assert_eq!(slots_of("none"), BTreeSet::new());
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
