//! Replies and errors of subcommands on a node by itself.

use super::super::effects::{NoKeys, PrimaryLink};
use super::super::settings::Settings;
use super::*;

#[test]
fn integers_are_strict() {
    assert_eq!(integer(b"0"), Some(0));
    assert_eq!(integer(b"-12"), Some(-12));
    for text in [&b""[..], b"-", b"-0", b"01", b"+1", b" 1", b"1 ", b"9223372036854775808", b"\xff"] {
        assert_eq!(integer(text), None, "{text:?}");
    }
}

struct Node {
    cluster: Cluster,
    rng: fastrand::Rng,
}

impl Node {
    fn new() -> Self {
        let mut rng = fastrand::Rng::with_seed(1);
        Self { cluster: Cluster::fresh(Settings::default(), 1, &mut rng), rng }
    }

    fn run(&mut self, command: &str) -> (Value, Vec<Effect>) {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let mut world = World {
            now: 1000,
            rng: &mut self.rng,
            replication_offset: 0,
            primary_link: PrimaryLink::Down { since: 0 },
            keys: &NoKeys,
        };
        self.cluster.command(&args, &mut world)
    }

    fn ok(&mut self, command: &str) {
        assert_eq!(self.run(command).0, Value::ok(), "{command}");
    }

    fn error(&mut self, command: &str) -> String {
        match self.run(command).0 {
            Value::Error(error) => error,
            other => panic!("{command}: {other:?}"),
        }
    }
}

#[test]
fn slots_are_added_and_removed_all_or_none() {
    let mut node = Node::new();
    node.ok("ADDSLOTS 1 2 3");
    assert_eq!(node.error("addslots 4 3"), "ERR Slot 3 is already busy");
    assert_eq!(node.error("addslots 5 5"), "ERR Slot 5 specified multiple times");
    assert_eq!(node.error("delslots 9"), "ERR Slot 9 is already unassigned");
    assert_eq!(node.error("addslots x"), "ERR Invalid or out of range slot");
    assert_eq!(node.error("addslots 16384"), "ERR Invalid or out of range slot");
    assert_eq!(node.error("addslotsrange 10 9"), "ERR start slot number 10 is greater than end slot number 9");
    assert_eq!(
        node.error("addslotsrange 10 11 12"),
        "ERR wrong number of arguments for 'cluster|addslotsrange' command"
    );
    node.ok("addslotsrange 4 16383 0 0");
    assert_eq!(node.cluster.myself().slots.ranges(), [(0, 16383)]);
    assert!(node.cluster.is_ok());
    node.ok("delslotsrange 100 199");
    assert!(!node.cluster.is_ok());
    let (_, effects) = node.run("flushslots");
    assert!(matches!(&effects[0], Effect::SaveConfig { sync: false, text } if text.contains(" connected\n")));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::DropShardChannels(slots) if slots.len() == 16284)));
}

#[test]
fn info_and_slots_of_one_node() {
    let mut node = Node::new();
    node.ok("addslotsrange 0 5460");
    let (Value::Text(info), _) = node.run("info") else { panic!("text") };
    assert_eq!(
        info,
        "cluster_state:fail\r\ncluster_slots_assigned:5461\r\ncluster_slots_ok:5461\r\ncluster_slots_pfail:0\r\n\
         cluster_slots_fail:0\r\ncluster_known_nodes:1\r\ncluster_size:1\r\ncluster_current_epoch:0\r\n\
         cluster_my_epoch:0\r\ncluster_stats_messages_sent:0\r\ncluster_stats_messages_received:0\r\n\
         total_cluster_links_buffer_limit_exceeded:0\r\n"
    );
    let id = Value::text(node.cluster.myself().id.as_str());
    let contact = Value::Array(vec![Value::text(""), Value::Integer(6379), id, Value::Map(vec![])]);
    let run = Value::Array(vec![Value::Integer(0), Value::Integer(5460), contact]);
    assert_eq!(node.run("slots").0, Value::Array(vec![run]));
}

#[test]
fn epochs_are_set_once_and_bumped() {
    let mut node = Node::new();
    assert_eq!(node.error("set-config-epoch -1"), "ERR Invalid config epoch specified: -1");
    node.ok("set-config-epoch 3");
    assert_eq!(node.error("set-config-epoch 4"), "ERR Node config epoch is already non-zero");
    assert_eq!(node.run("bumpepoch").0, Value::Simple("STILL 3".to_owned()));
    node.cluster.current_epoch = 9;
    let (value, effects) = node.run("bumpepoch");
    assert_eq!(value, Value::Simple("BUMPED 10".to_owned()));
    assert!(matches!(effects[0], Effect::SaveConfig { sync: true, .. }));
}

#[test]
fn meeting_checks_the_address() {
    let mut node = Node::new();
    assert_eq!(node.error("meet 10.0.0.1 x"), "ERR Invalid TCP base port specified: x");
    assert_eq!(node.error("meet 10.0.0.1 1 y"), "ERR Invalid TCP bus port specified: y");
    assert_eq!(node.error("meet host 7000"), "ERR Invalid node address specified: host:7000");
    assert_eq!(node.error("meet 10.0.0.1 60000"), "ERR Invalid node address specified: 10.0.0.1:60000");
    let (value, effects) = node.run("meet 10.0.0.1 7000");
    assert_eq!(value, Value::ok());
    assert_eq!(
        effects[0],
        Effect::Connect { link: super::super::effects::LinkId(1), host: "10.0.0.1".to_owned(), port: 17000 }
    );
    assert_eq!(node.run("meet 10.0.0.1 7000").1, []);
    assert_eq!(node.cluster.known_nodes(), 2);
}

#[test]
fn what_cannot_be_done_is_refused_in_known_words() {
    let mut node = Node::new();
    let (id, other) = (node.cluster.myself().id, "x".repeat(40));
    let own = |command: &str| format!("{command} {id}");
    assert_eq!(node.error(&own("forget")), "ERR I tried hard but I can't forget myself...");
    assert_eq!(node.error(&own("replicate")), "ERR Can't replicate myself");
    assert_eq!(node.error(&format!("replicas {other}")), format!("ERR Unknown node {other}"));
    assert_eq!(node.error("failover"), "ERR You should send CLUSTER FAILOVER to a replica");
    assert_eq!(node.error("failover now"), "ERR syntax error");
    assert_eq!(node.error("reset maybe"), "ERR syntax error");
    assert_eq!(node.error("setslot 1 migrating x"), "ERR I'm not the owner of hash slot 1");
    assert_eq!(node.error(&format!("setslot 1 importing {other}")), format!("ERR I don't know about node {other}"));
    assert_eq!(
        node.error("setslot 1 what"),
        "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"
    );
    assert_eq!(node.error("getkeysinslot 1 -1"), "ERR Invalid slot or number of keys");
    assert_eq!(node.error("countkeysinslot x"), "ERR value is not an integer or out of range");
    assert_eq!(
        node.error("nonsense"),
        "ERR unknown subcommand or wrong number of arguments for 'nonsense'. Try CLUSTER HELP."
    );
}

#[test]
fn a_hard_reset_makes_another_node() {
    let mut node = Node::new();
    let id = node.cluster.myself().id;
    node.ok("set-config-epoch 3");
    node.ok("addslots 1");
    node.run("meet 10.0.0.1 7000");
    let (value, effects) = node.run("reset hard");
    assert_eq!(value, Value::ok());
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Close { .. })));
    assert_ne!(node.cluster.myself().id, id);
    assert_eq!((node.cluster.known_nodes(), node.cluster.current_epoch), (1, 0));
    assert!(node.cluster.myself().slots.is_empty());
}
