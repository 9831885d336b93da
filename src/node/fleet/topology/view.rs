//! What one node says about its cluster: the answer to `CLUSTER NODES`, parsed.
//!
//! Pure. Knows the text form that Redis 5 and later and Valkey share; must not know what is wanted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::node::wanted::SlotRange;

/// A node's own name in the cluster: 40 hexadecimal digits, chosen by the node itself.
pub type NodeId = String;

/// One node's view of its whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// All nodes that it knows, itself among them.
    pub nodes: Vec<Seen>,
}

/// One node as another one (or itself) sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The node's id. While it is in [`Seen::handshake`] this is a made-up one that nobody else knows.
    pub id: NodeId,
    /// Where it answers clients; `None` while that is unknown.
    pub address: Option<SocketAddr>,
    /// Whether this line is the asked node's own.
    pub myself: bool,
    /// Whether it is a primary (as against a replica, or not known yet).
    pub primary: bool,
    /// Whether the asked node suspects it (`fail?`) or all agree that it is down (`fail`).
    pub failing: bool,
    /// Whether the two have not finished to greet each other.
    pub handshake: bool,
    /// Whose replica it is.
    pub replica_of: Option<NodeId>,
    /// Its configuration epoch; 0 for a node that was never given one.
    pub epoch: u64,
    /// Whether the cluster bus link to it is up (always so for the node itself).
    pub linked: bool,
    /// Slots that it serves, ascending.
    pub slots: Vec<SlotRange>,
    /// Slots on their way to or from it; nodes tell this of themselves only.
    pub open: Vec<OpenSlot>,
}

/// A slot that is being moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSlot {
    /// Which slot, 0 to 16383.
    pub slot: u16,
    /// True if it goes to `peer`, false if it comes from there.
    pub leaving: bool,
    /// The other node.
    pub peer: NodeId,
}

/// A line of `CLUSTER NODES` that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this line of CLUSTER NODES can't be read: `{0}`")]
pub struct UnreadableLine(pub String);

impl View {
    /// Reads the text of `CLUSTER NODES`.
    pub fn parse(text: &str) -> Result<View, UnreadableLine> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let nodes = lines.map(|line| parse_line(line).ok_or_else(|| UnreadableLine(line.to_owned())));
        Ok(View { nodes: nodes.collect::<Result<_, _>>()? })
    }

    /// The asked node's line about itself.
    pub fn myself(&self) -> Option<&Seen> {
        self.nodes.iter().find(|seen| seen.myself)
    }

    /// The line about the node with this id, if it has been greeted.
    pub fn get(&self, id: &str) -> Option<&Seen> {
        self.nodes.iter().find(|seen| seen.id == id && !seen.handshake)
    }

    /// Whether a greeting of whoever answers at `address` is under way.
    pub fn greets(&self, address: SocketAddr) -> bool {
        self.nodes.iter().any(|seen| seen.handshake && seen.address == Some(address))
    }
}

fn parse_line(line: &str) -> Option<Seen> {
    let mut words = line.split_whitespace();
    let id = words.next()?.to_owned();
    let address = parse_address(words.next()?);
    let flags: Vec<&str> = words.next()?.split(',').collect();
    let replica_of = words.next().filter(|primary| *primary != "-").map(str::to_owned);
    let epoch = words.nth(2)?.parse().ok()?;
    let link = words.next()?;
    let (slots, open) = parse_slots(words)?;
    let flag = |name: &str| flags.contains(&name);
    Some(Seen {
        id,
        address,
        myself: flag("myself"),
        primary: flag("master") || flag("primary"),
        failing: flag("fail") || flag("fail?"),
        handshake: flag("handshake"),
        replica_of,
        epoch,
        linked: link == "connected",
        slots,
        open,
    })
}

/// `127.0.0.1:6379@16379,host,shard-id=…`; a node that is not bound to one address shows no address of its own.
fn parse_address(word: &str) -> Option<SocketAddr> {
    let client = word.split(['@', ',']).next()?;
    let (host, port) = client.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let ip = if host.is_empty() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host.parse().ok()? };
    Some(SocketAddr::new(ip, port))
}

fn parse_slots<'a>(words: impl Iterator<Item = &'a str>) -> Option<(Vec<SlotRange>, Vec<OpenSlot>)> {
    let (mut slots, mut open) = (Vec::new(), Vec::new());
    for word in words {
        match word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(moving) => open.push(parse_open(moving)?),
            None => slots.push(parse_range(word)?),
        }
    }
    Some((slots, open))
}

fn parse_open(word: &str) -> Option<OpenSlot> {
    let (leaving, arrow) = if word.contains("->-") { (true, "->-") } else { (false, "-<-") };
    let (slot, peer) = word.split_once(arrow)?;
    Some(OpenSlot { slot: slot.parse().ok()?, leaving, peer: peer.to_owned() })
}

fn parse_range(word: &str) -> Option<SlotRange> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(SlotRange { first: first.parse().ok()?, last: last.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIS_7: &str = "\
07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:30004@31004,,shard-id=69bc slave e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 0 1426238317239 4 connected
67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 127.0.0.1:30002@31002,host master - 0 1426238316232 2 connected 5461-10922
6ec23923021cf3ffec47632106199cb7f496ce01 127.0.0.1:30005@31005 slave,fail? 67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 0 1426238316232 5 disconnected
e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5459 5460 [93->-67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1] [77-<-07c37dfeb235213a872192d90877d0cd55635b91]
";

    #[test]
    fn reads_every_field() {
        let view = View::parse(REDIS_7).unwrap();
        assert_eq!(view.nodes.len(), 4);
        let me = view.myself().unwrap();
        assert_eq!(me.id, "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca");
        assert!(me.primary && me.linked && !me.failing);
        assert_eq!(me.epoch, 1);
        assert_eq!(me.slots, [SlotRange { first: 0, last: 5459 }, SlotRange { first: 5460, last: 5460 }]);
        assert_eq!((me.open[0].slot, me.open[0].leaving), (93, true));
        assert_eq!((me.open[1].slot, me.open[1].leaving), (77, false));
        assert_eq!(me.open[1].peer, "07c37dfeb235213a872192d90877d0cd55635b91");
    }

    #[test]
    fn reads_a_replica_and_its_primary() {
        let view = View::parse(REDIS_7).unwrap();
        let replica = view.get("07c37dfeb235213a872192d90877d0cd55635b91").unwrap();
        assert!(!replica.primary);
        assert_eq!(replica.replica_of.as_deref(), Some("e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca"));
        assert_eq!(replica.address, "127.0.0.1:30004".parse().ok());
    }

    #[test]
    fn a_suspected_node_is_failing_and_not_linked() {
        let view = View::parse(REDIS_7).unwrap();
        let seen = view.get("6ec23923021cf3ffec47632106199cb7f496ce01").unwrap();
        assert!(seen.failing && !seen.linked);
    }

    #[test]
    fn a_node_in_handshake_is_greeted_but_not_known() {
        let view = View::parse("ab 127.65.0.2:6379@16379 handshake - 1 0 0 connected\n").unwrap();
        assert!(view.get("ab").is_none());
        assert!(view.greets("127.65.0.2:6379".parse().unwrap()));
        assert!(!view.greets("127.65.0.3:6379".parse().unwrap()));
    }

    #[test]
    fn a_fresh_node_has_no_address_of_its_own_yet() {
        let view = View::parse("ab :6379@16379 myself,master - 0 0 0 connected\n").unwrap();
        assert_eq!(view.myself().unwrap().address, "127.0.0.1:6379".parse().ok());
        let view = View::parse("ab :0@0 master,noaddr - 0 0 0 disconnected\n").unwrap();
        assert_eq!(view.nodes[0].address, None);
    }

    #[test]
    fn an_unreadable_line_is_named() {
        let error = View::parse("one two\n").unwrap_err();
        assert_eq!(error.to_string(), "this line of CLUSTER NODES can't be read: `one two`");
        assert!(View::parse("ab 127.0.0.1:1@2 master - 0 0 1 connected 5-x\n").is_err());
    }

    #[test]
    fn empty_text_is_an_empty_view() {
        assert_eq!(View::parse("\n").unwrap(), View::default());
    }
}
