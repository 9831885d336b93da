//! Each finding that a check claims to make, planted alone in a cluster that is well.

use std::time::Duration;

use super::*;
use crate::cluster::info::Info;
use crate::cluster::look::{Entry, EntryAnswer, NodeAnswer, NodeSeen, Settings, Silence};
use crate::cluster::probe::{Read, Trouble};
use crate::cluster::slots::Slots;
use crate::cluster::topology::{NodeHealth, Role, View};
use crate::observed::{
    Endpoint, LiveInstance, LiveMember, LiveNodeGroup, LiveParameterGroup, LiveReplicationGroup, LiveSecurityGroup,
    LiveSource,
};
use crate::resource::{Ownership, Tags};

/// Two shards with two replicas each, all in three zones, with Multi-AZ.
struct Planted {
    live: Live,
    expected: Expected,
    seen: Result<Seen, String>,
    probes: Vec<Probe>,
}

const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
const SLOTS: [&str; 2] = ["0-8191", "8192-16383"];

fn member(shard: usize, node: usize) -> String {
    format!("day19-{:04}-{:03}", shard + 1, node + 1)
}

fn endpoint(shard: usize, node: usize) -> Endpoint {
    Endpoint { address: format!("10.0.{shard}.{node}"), port: 6379 }
}

fn id(shard: usize, node: usize) -> String {
    format!("{shard}{node}").repeat(20)
}

fn rule(source: LiveSource) -> LiveRule {
    LiveRule { protocol: "tcp".to_owned(), from_port: Some(6379), to_port: Some(6379), source }
}

fn all_nodes() -> impl Iterator<Item = (usize, usize)> {
    (0..2).flat_map(|shard| (0..3).map(move |node| (shard, node)))
}

fn cluster_nodes(myself: (usize, usize)) -> String {
    let line = |(shard, node): (usize, usize)| {
        let me = if (shard, node) == myself { "myself," } else { "" };
        let (role, slots) = match node {
            0 => ("master -".to_owned(), SLOTS[shard]),
            _ => (format!("slave {}", id(shard, 0)), ""),
        };
        format!("{} {}@16379 {me}{role} 0 0 {} connected {slots}\n", id(shard, node), endpoint(shard, node), shard + 1)
    };
    all_nodes().map(line).collect()
}

fn answer(shard: usize, node: usize) -> NodeAnswer {
    let cluster_nodes = cluster_nodes((shard, node));
    NodeAnswer {
        ping: "PONG".to_owned(),
        ping_took: Duration::from_micros(400),
        cluster_info: Info::parse("cluster_state:ok\r\n"),
        view: View::parse(&cluster_nodes),
        cluster_nodes,
        info: Info::parse(&info_text(node)),
        settings: Settings::Told(BTreeMap::from([("timeout".to_owned(), "300".to_owned())])),
    }
}

fn live_group() -> LiveReplicationGroup {
    let shard = |shard: usize| LiveNodeGroup {
        id: format!("{:04}", shard + 1),
        status: "available".to_owned(),
        slots: Some(SLOTS[shard].to_owned()),
        zones: (0..3).map(|node| (member(shard, node), ZONES[(shard + node) % 3].to_owned())).collect(),
    };
    let told = |(shard, node): (usize, usize)| LiveMember {
        id: member(shard, node),
        status: "available".to_owned(),
        engine_version: Some("7.1.0".to_owned()),
        group_ids: BTreeSet::from(["sg-cluster".to_owned()]),
        parameter_group: Some("day19-redis7".to_owned()),
        parameter_status: Some("in-sync".to_owned()),
        endpoint: Some(endpoint(shard, node)),
        ..LiveMember::default()
    };
    LiveReplicationGroup {
        ownership: Ownership::Ours,
        status: "available".to_owned(),
        engine: Some("redis".to_owned()),
        cluster_enabled: Some(true),
        multi_az: Some(true),
        endpoint: Some(Endpoint { address: "10.0.9.9".to_owned(), port: 6379 }),
        node_groups: (0..2).map(shard).collect(),
        member_ids: all_nodes().map(|(shard, node)| member(shard, node)).collect(),
        members: all_nodes().map(told).collect(),
        ..LiveReplicationGroup::default()
    }
}

fn live() -> Live {
    let security_group = |id: &str, ingress: BTreeSet<LiveRule>| LiveSecurityGroup {
        ownership: Ownership::Ours,
        id: id.to_owned(),
        vpc_id: "vpc-1".to_owned(),
        ingress,
        tags: Tags::new(),
    };
    let client = BTreeSet::from([rule(LiveSource::Group("sg-client".to_owned()))]);
    Live {
        client_group: Some(security_group("sg-client", BTreeSet::new())),
        cluster_group: Some(security_group("sg-cluster", client)),
        instances: vec![LiveInstance {
            id: "i-1".to_owned(),
            state: "running".to_owned(),
            instance_type: "t2.micro".to_owned(),
            image_id: "ami-1".to_owned(),
            key_name: None,
            subnet_id: None,
            group_ids: BTreeSet::from(["sg-client".to_owned()]),
            imds_v2_only: None,
            public_address: None,
            tags: Tags::new(),
        }],
        parameter_groups: vec![LiveParameterGroup {
            ownership: Ownership::Ours,
            name: "day19-redis7".to_owned(),
            arn: None,
            family: "redis7".to_owned(),
            parameters: Some(BTreeMap::from([("timeout".to_owned(), "300".to_owned())])),
            tags: None,
        }],
        replication_group: Some(live_group()),
        ..Live::default()
    }
}

impl Planted {
    fn well() -> Self {
        let shard = |shard: usize| ExpectedShard {
            id: format!("{:04}", shard + 1),
            replicas: 2,
            zones: (0..3).map(|node| ZONES[(shard + node) % 3].to_owned()).collect(),
            zones_written: false,
        };
        let expected = Expected {
            shards: (0..2).map(shard).collect(),
            engine: "redis".to_owned(),
            engine_version: "7.1".to_owned(),
            multi_az: true,
            parameter_group: "day19-redis7".to_owned(),
            parameters: BTreeMap::from([
                ("timeout".to_owned(), "300".to_owned()),
                ("maxmemory-policy".to_owned(), "volatile-lru".to_owned()),
            ]),
            group_ids: BTreeSet::from(["sg-cluster".to_owned()]),
            client_rule: Some(ExpectedRule::Known(rule(LiveSource::Group("sg-client".to_owned())))),
            other_rules: BTreeSet::new(),
            differences: Vec::new(),
        };
        let entry = EntryAnswer {
            ping: "PONG".to_owned(),
            ping_took: Duration::from_micros(500),
            cluster_nodes: cluster_nodes((0, 0)),
        };
        let node = |(shard, node): (usize, usize)| NodeSeen {
            member: Some(member(shard, node)),
            endpoint: endpoint(shard, node),
            answer: Ok(answer(shard, node)),
        };
        let seen = Seen {
            entry: Some(Entry { endpoint: Endpoint { address: "10.0.9.9".to_owned(), port: 6379 }, answer: Ok(entry) }),
            nodes: all_nodes().map(node).collect(),
        };
        let probe = |shard: usize| Probe {
            shard: format!("{:04}", shard + 1),
            primary: member(shard, 0),
            trouble: None,
            reads: (1..3).map(|node| Read { replica: member(shard, node), outcome: Ok(()) }).collect(),
        };
        Planted { live: live(), expected, seen: Ok(seen), probes: (0..2).map(probe).collect() }
    }

    fn report(&self) -> Report {
        verify(&Facts {
            live: &self.live,
            expected: &self.expected,
            seen: self.seen.as_ref().map_err(String::as_str),
            probes: &self.probes,
        })
    }

    /// `check severity address: seen`, a line each.
    fn found(&self) -> Vec<String> {
        let report = self.report();
        let lines = report.checks.iter().flat_map(|checked| {
            let finding = |finding: &Finding| {
                assert!(!finding.next.is_empty());
                format!("{} {} {}: {}", checked.check, finding.severity, finding.address, finding.seen)
            };
            checked.verdict.findings().iter().map(finding).collect::<Vec<_>>()
        });
        lines.collect()
    }

    fn group(&mut self) -> &mut LiveReplicationGroup {
        self.live.replication_group.as_mut().unwrap()
    }

    fn seen(&mut self) -> &mut Seen {
        self.seen.as_mut().unwrap()
    }

    /// The answer of a node.
    fn node(&mut self, shard: usize, node: usize) -> &mut NodeAnswer {
        self.seen().nodes[shard * 3 + node].answer.as_mut().unwrap()
    }

    /// Changes what every node sees of one of them.
    fn in_every_view(&mut self, whom: (usize, usize), change: impl Fn(&mut crate::cluster::topology::NodeView)) {
        let of = id(whom.0, whom.1);
        for seen in &mut self.seen().nodes {
            let Ok(answer) = &mut seen.answer else { continue };
            answer.view.nodes.iter_mut().filter(|node| node.id == of).for_each(&change);
        }
    }

    fn info(&mut self, shard: usize, node: usize, before: &str, after: &str) {
        let text = info_text(node);
        assert!(text.contains(before), "{text}");
        self.node(shard, node).info = Info::parse(&text.replace(before, after));
    }

    fn dies(&mut self, shard: usize, node: usize) {
        self.seen().nodes[shard * 3 + node].answer = Err(silence());
    }
}

fn info_text(node: usize) -> String {
    let replication = match node {
        0 => "role:master\r\nmaster_repl_offset:5000\r\n",
        _ => {
            "role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:1\r\nmaster_sync_in_progress:0\r\n\
             slave_repl_offset:5000\r\n"
        }
    };
    format!(
        "redis_version:7.1.0\r\nused_memory:1000000\r\nmaxmemory:10000000\r\nmaxmemory_policy:volatile-lru\r\n{replication}"
    )
}

fn silence() -> Silence {
    Silence { reason: "Connection refused (os error 111)".to_owned(), refused: false }
}

/// Plants something in a cluster that is well, and holds the findings against these.
fn finds(plant: impl FnOnce(&mut Planted), expected: &[&str]) {
    let mut planted = Planted::well();
    plant(&mut planted);
    assert_eq!(planted.found(), expected);
}

#[test]
fn a_cluster_that_is_well_passes_every_check() {
    let report = Planted::well().report();
    assert_eq!(report.worst(), None);
    let seen: Vec<String> = report
        .checks
        .iter()
        .map(|checked| match &checked.verdict {
            Verdict::Passed { seen, .. } => format!("{}: {seen}", checked.check),
            other => format!("{}: {other:?}", checked.check),
        })
        .collect();
    expect_test::expect![[r#"
        status: available with 2 shards and 6 nodes
        ping: the configuration endpoint and 6 nodes answer, the slowest in 0.5ms
        slots: all 16384 are served, by 2 primaries: 8192 + 8192
        views: 6 nodes see the same cluster
        shards: 2 shards with one primary each and 4 replicas linked
        lag: 4 replicas at most 0 bytes behind, each heard from its primary within 2s
        zones: every shard is spread as planned; nodes by zone: us-east-1a 2, us-east-1b 2, us-east-1c 2
        engine: redis 7.1.0 as planned; the nodes say redis 7.1.0
        parameters: day19-redis7 on every node, 2 parameters as planned there and in the engine
        eviction: volatile-lru on every node as planned
        memory: at most 10% of a node's memory is used
        data: a key was written to and read from 2 shards, and read from 4 replicas
        access: the cluster's security group admits the client host and nobody else
        plan: all is as the plan file says"#]]
    .assert_eq(&seen.join("\n"));
}

#[test]
fn status() {
    finds(
        |it| {
            it.group().status = "modifying".to_owned();
            it.group().node_groups[1].status = "modifying".to_owned();
            it.group().members[0].status = "incompatible-network".to_owned();
        },
        &[
            "status warning replication_group.cluster: its status is modifying",
            "status warning shard.0002: its status is modifying",
            "status error node.day19-0001-001: its status is incompatible-network",
        ],
    );
    finds(
        |it| {
            it.group().status = "create-failed".to_owned();
        },
        &["status error replication_group.cluster: its status is create-failed"],
    );
    finds(
        |it| it.group().member_ids.push("day19-0001-004".to_owned()),
        &[
            "status warning replication_group.cluster: it has 7 members and its shards have 6",
            "ping warning node.day19-0001-004: the cloud does not tell where it answers",
        ],
    );
}

#[test]
fn without_a_cluster_only_that_is_told() {
    let mut planted = Planted::well();
    planted.live.replication_group = None;
    planted.seen = Ok(Seen::default());
    planted.probes.clear();
    assert_eq!(planted.found(), ["status error replication_group.cluster: it is not there"]);
    let skipped = |checked: &&Checked| matches!(checked.verdict, Verdict::Skipped { .. });
    assert_eq!(planted.report().checks.iter().filter(skipped).count(), 13);
}

#[test]
fn who_cant_be_reached() {
    // One reason for all of it, and nothing else is claimed of the nodes.
    finds(
        |it| {
            all_nodes().for_each(|(shard, node)| it.dies(shard, node));
            it.seen().entry.as_mut().unwrap().answer = Err(silence());
            it.probes.clear();
        },
        &["ping error replication_group.cluster: it can't be reached from this machine: 10.0.9.9:6379: Connection \
           refused (os error 111)"],
    );
    finds(
        |it| {
            it.seen = Err("there is no token".to_owned());
            it.probes.clear();
        },
        &["ping error replication_group.cluster: it can't be reached from this machine: there is no token"],
    );
    finds(
        |it| it.seen().entry.as_mut().unwrap().answer = Err(silence()),
        &["ping error replication_group.cluster: does not answer: Connection refused (os error 111)"],
    );
    finds(|it| it.seen().entry = None, &["ping error replication_group.cluster: it has no configuration endpoint"]);
    finds(
        |it| it.node(0, 1).ping = "HTTP/1.1".to_owned(),
        &["ping error node.day19-0001-002: PING was answered with HTTP/1.1"],
    );
    finds(
        |it| {
            let refused = Silence { reason: "WRONGPASS".to_owned(), refused: true };
            it.seen().nodes[1].answer = Err(refused);
        },
        &["ping error node.day19-0001-002: refuses: WRONGPASS", "shards error shard.0001: 1 of 2 replicas linked"],
    );
}

#[test]
fn a_dead_replica_hides_nothing_else() {
    finds(
        |it| {
            it.dies(0, 2);
            it.in_every_view((0, 2), |node| node.health = NodeHealth::Failed);
        },
        &[
            "ping error node.day19-0001-003: does not answer: Connection refused (os error 111)",
            "views error node.day19-0001-003: held for failed by 5 nodes",
            "shards error shard.0001: 1 of 2 replicas linked",
        ],
    );
}

#[test]
fn a_dead_primary_takes_its_slots_with_it() {
    finds(
        |it| {
            it.dies(0, 0);
            it.in_every_view((0, 0), |node| node.health = NodeHealth::Failed);
            it.probes.remove(0);
        },
        &[
            "ping error node.day19-0001-001: does not answer: Connection refused (os error 111)",
            "slots error replication_group.cluster: 8192 of 16384 slots are served; nobody serves 0-8191",
            "views error node.day19-0001-001: held for failed by 5 nodes",
            "shards error shard.0001: no node of it serves slots as a primary",
            "shards error shard.0001: 0 of 2 replicas linked",
        ],
    );
}

#[test]
fn slots() {
    finds(
        |it| {
            it.in_every_view((1, 0), |node| {
                node.slots = node.slots.without(&Slots::parse("9000"));
            })
        },
        &[
            "slots error replication_group.cluster: 16383 of 16384 slots are served; nobody serves 9000",
            "slots warning shard.0002: day19-0002-001 serves the slots 8192-8999, 9001-16383; AWS says 8192-16383",
        ],
    );
    finds(
        |it| it.node(1, 1).cluster_info = Info::parse("cluster_state:fail\r\n"),
        &["slots error node.day19-0002-002: its cluster_state is fail"],
    );
    finds(
        |it| it.in_every_view((1, 0), |node| node.moving_slots = 3),
        &["slots note replication_group.cluster: 3 slots on the way"],
    );
}

#[test]
fn views() {
    finds(
        |it| {
            let shard_1 = &mut it.node(1, 2).view.nodes[0].slots;
            *shard_1 = shard_1.without(&Slots::parse("0"));
        },
        &["views error node.day19-0002-003: it sees another cluster than most nodes do; it differs in day19-0001-001"],
    );
    finds(
        |it| it.node(1, 2).view.nodes[1].health = NodeHealth::Suspected,
        &["views warning node.day19-0001-002: gives no answer to 1 node"],
    );
    finds(
        |it| {
            for (shard, node) in all_nodes() {
                let mut stranger = it.node(shard, node).view.nodes[5].clone();
                (stranger.id, stranger.myself) = ("f".repeat(40), false);
                stranger.endpoint = Some(Endpoint { address: "10.0.7.7".to_owned(), port: 6379 });
                it.node(shard, node).view.nodes.push(stranger);
            }
        },
        &["views warning node.10.0.7.7:6379: it is in the cluster, and no member of the replication group"],
    );
}

#[test]
fn primaries_and_replicas() {
    finds(
        |it| it.expected.shards.push(ExpectedShard { id: "0003".to_owned(), ..ExpectedShard::default() }),
        &["shards error replication_group.cluster: it has 2 shards; planned: 3"],
    );
    finds(|it| it.expected.shards[0].replicas = 3, &["shards error shard.0001: 2 of 3 replicas linked"]);
    finds(|it| it.expected.shards[1].replicas = 1, &["shards warning shard.0002: it has 2 replicas; planned: 1"]);
    finds(
        |it| it.info(0, 1, "master_link_status:up", "master_link_status:down\r\nmaster_link_down_since_seconds:12"),
        &[
            "shards error node.day19-0001-002: the link to its primary is down for 12s",
            "shards error shard.0001: 1 of 2 replicas linked",
        ],
    );
    finds(
        |it| {
            it.info(
                0,
                1,
                "master_link_status:up\r\nmaster_last_io_seconds_ago:1\r\nmaster_sync_in_progress:0",
                "master_link_status:down\r\nmaster_sync_in_progress:1",
            );
        },
        &[
            "shards warning node.day19-0001-002: its data is being copied from its primary",
            "shards error shard.0001: 1 of 2 replicas linked",
        ],
    );
    finds(
        |it| it.in_every_view((0, 1), |node| node.role = Role::Replica { of: id(1, 0) }),
        &[
            "shards error node.day19-0001-002: it follows day19-0002-001, which is not its shard's primary",
            "shards error shard.0001: 1 of 2 replicas linked",
        ],
    );
    finds(
        |it| it.in_every_view((0, 1), |node| node.role = Role::Primary),
        &[
            "shards error node.day19-0001-002: it is a primary without slots, and holds no data",
            "shards error shard.0001: 1 of 2 replicas linked",
        ],
    );
}

#[test]
fn two_primaries_of_one_shard() {
    let mut planted = Planted::well();
    planted.in_every_view((0, 1), |node| {
        node.role = Role::Primary;
        node.slots = Slots::parse("0");
    });
    let found = planted.found();
    let expected = "shards error shard.0001: it has 2 primaries: day19-0001-001, day19-0001-002";
    assert!(found.iter().any(|line| line == expected), "{found:#?}");
}

#[test]
fn lag() {
    finds(
        |it| it.info(0, 0, "master_repl_offset:5000", "master_repl_offset:4005000"),
        &[
            "lag warning node.day19-0001-002: it is 3.8 MiB behind its primary",
            "lag warning node.day19-0001-003: it is 3.8 MiB behind its primary",
        ],
    );
    finds(
        |it| it.info(1, 2, "seconds_ago:1", "seconds_ago:40"),
        &["lag warning node.day19-0002-003: it last heard of its primary 40s ago"],
    );
}

#[test]
fn zones() {
    let shares = "2 of its nodes are in us-east-1a: day19-0001-001, day19-0001-002";
    let move_one = |it: &mut Planted| {
        it.group().node_groups[0].zones.insert(member(0, 1), ZONES[0].to_owned());
    };
    finds(move_one, &[&format!("zones error shard.0001: {shares}")]);
    finds(
        |it| {
            move_one(it);
            it.expected.multi_az = false;
        },
        &[&format!("zones warning shard.0001: {shares}")],
    );
    finds(
        |it| {
            move_one(it);
            it.expected.shards[0].zones = vec![ZONES[0].to_owned(), ZONES[0].to_owned(), ZONES[2].to_owned()];
        },
        &[&format!("zones note shard.0001: {shares}")],
    );
    let elsewhere = |it: &mut Planted| {
        it.group().node_groups[0].zones.insert(member(0, 1), "us-east-1f".to_owned());
    };
    let seen = "its nodes are in us-east-1a, us-east-1c, us-east-1f; planned: us-east-1a, us-east-1b, us-east-1c";
    finds(elsewhere, &[&format!("zones note shard.0001: {seen}")]);
    finds(
        |it| {
            elsewhere(it);
            it.expected.shards[0].zones_written = true;
        },
        &[&format!("zones warning shard.0001: {seen}")],
    );
}

#[test]
fn engine_and_version() {
    finds(
        |it| it.group().members[4].engine_version = Some("7.0.7".to_owned()),
        &["engine error node.day19-0002-002: its engine version is 7.0.7; planned: 7.1"],
    );
    finds(
        |it| it.expected.engine = "valkey".to_owned(),
        &["engine error replication_group.cluster: its engine is redis; planned: valkey"],
    );
    finds(
        |it| it.info(0, 0, "redis_version:7.1.0", "redis_version:7.0.7"),
        &["engine warning replication_group.cluster: its nodes run different engines: redis 7.0.7 on day19-0001-001, \
           redis 7.1.0 on 5 nodes"],
    );
}

#[test]
fn parameters_and_eviction() {
    finds(
        |it| {
            it.group().members[0].parameter_group = Some("default.redis7.cluster.on".to_owned());
            it.group().members[1].parameter_status = Some("pending-reboot".to_owned());
            it.group().members[2].parameter_status = Some("applying".to_owned());
        },
        &[
            "parameters error node.day19-0001-001: its parameter group is default.redis7.cluster.on; planned: \
             day19-redis7",
            "parameters warning node.day19-0001-002: some of its parameters wait for a reboot (pending-reboot)",
            "parameters warning node.day19-0001-003: its parameters are being applied",
        ],
    );
    finds(
        |it| {
            let parameters = BTreeMap::from([("timeout".to_owned(), "0".to_owned())]);
            it.live.parameter_groups[0].parameters = Some(parameters);
        },
        &["parameters error parameter_group.cluster: timeout is 0; planned: 300"],
    );
    finds(
        |it| it.node(1, 1).settings = Settings::Told(BTreeMap::from([("timeout".to_owned(), "0".to_owned())])),
        &["parameters error node.day19-0002-002: timeout is 0 in the engine; planned: 300"],
    );
    // What may not be asked is no difference.
    finds(|it| it.node(1, 1).settings = Settings::Forbidden("unknown command".to_owned()), &[]);
    finds(
        |it| it.info(0, 2, "volatile-lru", "noeviction"),
        &["eviction error node.day19-0001-003: its eviction policy is noeviction; planned: volatile-lru"],
    );
    finds(
        |it| {
            it.expected.parameters.remove("maxmemory-policy");
            it.info(0, 2, "volatile-lru", "noeviction");
        },
        &["eviction warning replication_group.cluster: its nodes evict in different ways: noeviction on \
           day19-0001-003, volatile-lru on 5 nodes"],
    );
}

#[test]
fn memory() {
    finds(
        |it| {
            it.info(0, 0, "used_memory:1000000", "used_memory:7999999");
            it.info(1, 0, "used_memory:1000000", "used_memory:8000000");
            it.info(1, 1, "used_memory:1000000", "used_memory:9500000");
        },
        &[
            "memory warning node.day19-0002-001: 80% of its memory is used: 7.6 MiB of 9.5 MiB",
            "memory error node.day19-0002-002: 95% of its memory is used: 9.0 MiB of 9.5 MiB",
        ],
    );
    finds(|it| it.info(0, 0, "maxmemory:10000000", "maxmemory:0"), &[]);
}

#[test]
fn writing_and_reading() {
    finds(
        |it| it.probes[0].trouble = Some(Trouble::Write("OOM command not allowed".to_owned())),
        &["data error node.day19-0001-001: it does not take a write (SET): OOM command not allowed"],
    );
    finds(
        |it| it.probes[0].trouble = Some(Trouble::Read("it is gone".to_owned())),
        &["data error node.day19-0001-001: what was just written can't be read (GET): it is gone"],
    );
    finds(
        |it| it.probes[1].reads[1].outcome = Err("NOPERM".to_owned()),
        &["data error node.day19-0002-003: what was written to its primary can't be read from it: NOPERM"],
    );
}

#[test]
fn who_is_admitted() {
    let ingress = |it: &mut Planted, rules: Vec<LiveRule>| {
        it.live.cluster_group.as_mut().unwrap().ingress = rules.into_iter().collect();
    };
    let client = || rule(LiveSource::Group("sg-client".to_owned()));
    finds(
        |it| ingress(it, Vec::new()),
        &["access error security_group.cluster: it does not admit the client host (tcp 6379 from sg-client)"],
    );
    finds(
        |it| ingress(it, vec![client(), rule(LiveSource::Cidr("10.1.0.0/16".to_owned()))]),
        &["access warning security_group.cluster: it admits tcp 6379 from 10.1.0.0/16, which the plan file does not"],
    );
    finds(
        |it| ingress(it, vec![client(), rule(LiveSource::Cidr("0.0.0.0/0".to_owned()))]),
        &["access error security_group.cluster: it admits tcp 6379 from 0.0.0.0/0, which the plan file does not"],
    );
    finds(
        |it| {
            it.expected.other_rules = BTreeSet::from([rule(LiveSource::Cidr("10.2.0.0/16".to_owned()))]);
        },
        &["access error security_group.cluster: it does not admit tcp 6379 from 10.2.0.0/16"],
    );
    // A wider rule admits the client host too, and is told of because it is wider.
    finds(
        |it| ingress(it, vec![LiveRule { to_port: Some(6400), ..client() }]),
        &[
            "access warning security_group.cluster: it admits tcp 6379-6400 from sg-client, which the plan file does not",
        ],
    );
    finds(|it| it.live.cluster_group = None, &["access error security_group.cluster: it is not there"]);
    finds(
        |it| it.expected.client_rule = Some(ExpectedRule::GroupMissing),
        &[
            "access error security_group.client: it is not there",
            "access warning security_group.cluster: it admits tcp 6379 from sg-client, which the plan file does not",
        ],
    );
}

#[test]
fn who_carries_the_groups() {
    finds(
        |it| {
            it.group().members[0].group_ids = BTreeSet::from(["sg-other".to_owned()]);
        },
        &[
            "access error node.day19-0001-001: it does not carry the security group sg-cluster",
            "access warning node.day19-0001-001: it also carries the security group sg-other, which the plan file does \
             not name",
        ],
    );
    finds(
        |it| it.live.instances[0].group_ids = BTreeSet::from(["sg-other".to_owned()]),
        &[
            "access error instance.client: i-1 does not carry the security group sg-client, so the cluster does not admit \
           it",
        ],
    );
    finds(|it| it.live.instances[0].state = "stopped".to_owned(), &["access warning instance.client: i-1 is stopped"]);
    finds(|it| it.live.instances.clear(), &["access warning instance.client: it is not there"]);
}

#[test]
fn what_differs_from_the_plan_file() {
    finds(
        |it| {
            let what = "changes in place: node_type".to_owned();
            it.expected.differences = vec![Difference { address: Address::ReplicationGroup, what }];
            it.group().pending = vec!["node_type = cache.t2.small".to_owned()];
        },
        &[
            "plan warning replication_group.cluster: differs from the plan file: changes in place: node_type",
            "plan warning replication_group.cluster: node_type = cache.t2.small waits for the maintenance window",
        ],
    );
}

#[test]
fn nodes_without_members_are_found_by_their_slots() {
    finds(
        |it| {
            it.seen().nodes.iter_mut().for_each(|node| node.member = None);
            it.info(0, 1, "master_link_status:up", "master_link_status:down");
        },
        &[
            "shards error node.10.0.0.1:6379: the link to its primary is down",
            "shards error shard.0001: 1 of 2 replicas linked",
        ],
    );
}
