//! `verify` against real nodes, with each fault that it claims to find planted for real where that can be done.
//!
//! In a cluster that is formed by hand, so that nobody heals it, through the library; and in the local cloud, through
//! the command line, what nobody heals there either. How far a replica is behind, two primaries of one shard and a
//! member without an endpoint can't be held still for real: those are planted in values only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;
use shardform::cluster::look::look;
use shardform::cluster::placed::Placed;
use shardform::cluster::probe::probe;
use shardform::cluster::reach::Reach;
use shardform::cluster::verify::{Expected, ExpectedShard, Facts, Report, verify};
use shardform::observed::{Endpoint, Live, LiveMember, LiveNodeGroup, LiveReplicationGroup};
use shardform::resource::{Ownership, Tags};

use crate::hand_formed::HandFormed;
use crate::sandbox::{engine, until};

const SHARDS: usize = 3;

/// A hand-formed cluster, with what a cloud would tell of it.
struct Stack {
    formed: HandFormed,
    group: LiveReplicationGroup,
    expected: Expected,
}

fn member(shard: usize, node: usize) -> String {
    format!("day19-{:04}-{:03}", shard + 1, node + 1)
}

impl Stack {
    fn new() -> Self {
        let formed = HandFormed::new(SHARDS);
        let nodes = || (0..SHARDS).flat_map(|shard| [(shard, 0), (shard, 1)]);
        let shard = |shard: usize| {
            let slots = formed.slots(shard);
            LiveNodeGroup {
                id: format!("{:04}", shard + 1),
                status: "available".to_owned(),
                slots: Some(format!("{}-{}", slots.start, slots.end - 1)),
                zones: BTreeMap::from([(member(shard, 0), "a".to_owned()), (member(shard, 1), "b".to_owned())]),
            }
        };
        let told = |(shard, node): (usize, usize)| LiveMember {
            id: member(shard, node),
            status: "available".to_owned(),
            endpoint: Some(formed.endpoint(node * SHARDS + shard)),
            ..LiveMember::default()
        };
        let group = LiveReplicationGroup {
            endpoint: Some(formed.endpoint(0)),
            node_groups: (0..SHARDS).map(shard).collect(),
            member_ids: nodes().map(|(shard, node)| member(shard, node)).collect(),
            members: nodes().map(told).collect(),
            ..empty_group()
        };
        let shard = |shard: usize| ExpectedShard {
            id: format!("{:04}", shard + 1),
            replicas: 1,
            zones: vec!["a".to_owned(), "b".to_owned()],
            zones_written: false,
        };
        let expected = Expected {
            shards: (0..SHARDS).map(shard).collect(),
            engine: "redis".to_owned(),
            engine_version: "7".to_owned(),
            multi_az: true,
            parameters: BTreeMap::from([("timeout".to_owned(), "0".to_owned())]),
            ..Expected::default()
        };
        Stack { formed, group, expected }
    }

    async fn report(&self, stop: impl Future<Output = ()>) -> Option<Report> {
        let reach = Reach { patience: Duration::from_millis(400), ..Reach::default() };
        let seen = look(&reach, &self.group, &BTreeSet::from(["timeout".to_owned()])).await;
        let probes = probe(&reach, &Placed::new(Some(&self.group), Some(&seen)), "test", stop).await?;
        let live = Live { replication_group: Some(self.group.clone()), ..Live::default() };
        Some(verify(&Facts { live: &live, expected: &self.expected, seen: Ok(&seen), probes: &probes }))
    }

    /// `check severity address: seen`, a line each. What only a cloud tells isn't there, and isn't looked at.
    async fn found(&self) -> Vec<String> {
        let report = self.report(std::future::pending()).await.unwrap();
        let asked = report.checks.iter().filter(|checked| checked.check != "access");
        asked
            .flat_map(|checked| {
                let findings = checked.verdict.findings().iter();
                findings.map(move |finding| {
                    format!("{} {} {}: {}", checked.check, finding.severity, finding.address, finding.seen)
                })
            })
            .collect()
    }

    /// Waits until exactly these are found; each is how a finding begins.
    async fn finds(&self, what: &str, beginnings: &[&str]) {
        let mut last = Vec::new();
        for _ in 0..400 {
            last = self.found().await;
            let same = |(found, beginning): (&String, &&str)| found.starts_with(*beginning);
            if last.len() == beginnings.len() && last.iter().zip(beginnings).all(same) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{what}: {last:#?}");
    }

    async fn is_well(&self) {
        self.finds("it is well", &[]).await;
    }
}

fn empty_group() -> LiveReplicationGroup {
    LiveReplicationGroup {
        ownership: Ownership::Ours,
        status: "available".to_owned(),
        engine: Some("redis".to_owned()),
        cluster_enabled: Some(true),
        multi_az: Some(true),
        tags: Some(Tags::new()),
        ..LiveReplicationGroup::default()
    }
}

/// Node numbers of the cluster: primaries 0 to 2, their replicas 3 to 5.
#[tokio::test]
async fn each_fault_of_real_nodes_is_found() {
    if !engine() {
        return;
    }
    let mut stack = Stack::new();
    stack.is_well().await;

    stack.formed.signal(3, Signal::STOP);
    stack
        .finds(
            "a replica hangs",
            &[
                "ping error node.day19-0001-002: does not answer: ",
                "views error node.day19-0001-002: held for failed by 5 nodes",
                "shards error shard.0001: 0 of 1 replica linked",
            ],
        )
        .await;
    stack.formed.signal(3, Signal::CONT);
    stack.is_well().await;

    stack.formed.kill(4);
    stack
        .finds(
            "a replica is dead",
            &[
                "ping error node.day19-0002-002: does not answer: Connection refused",
                "views error node.day19-0002-002: held for failed by 5 nodes",
                "shards error shard.0002: 0 of 1 replica linked",
            ],
        )
        .await;
    stack.formed.restart(4);
    stack.is_well().await;

    stack.formed.signal(0, Signal::STOP);
    let state = "its cluster_state is fail";
    stack
        .finds(
            "a primary hangs, and takes its slots and the configuration endpoint with it",
            &[
                "ping error replication_group.cluster: does not answer: ",
                "ping error node.day19-0001-001: does not answer: ",
                "slots error replication_group.cluster: 10923 of 16384 slots are served; nobody serves 0-5460",
                &format!("slots error node.day19-0001-002: {state}"),
                &format!("slots error node.day19-0002-001: {state}"),
                &format!("slots error node.day19-0002-002: {state}"),
                &format!("slots error node.day19-0003-001: {state}"),
                &format!("slots error node.day19-0003-002: {state}"),
                "views error node.day19-0001-001: held for failed by 5 nodes",
                "shards error shard.0001: no node of it serves slots as a primary",
                "shards error shard.0001: 0 of 1 replica linked",
                "data error node.day19-0002-001: it does not take a write (SET): ",
                "data error node.day19-0003-001: it does not take a write (SET): ",
            ],
        )
        .await;
    stack.formed.signal(0, Signal::CONT);
    stack.is_well().await;
}

#[tokio::test]
async fn what_nodes_say_otherwise_is_found() {
    if !engine() {
        return;
    }
    let mut stack = Stack::new();
    stack.is_well().await;
    let formed = &stack.formed;

    formed.command(1, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let policies = "eviction warning replication_group.cluster: its nodes evict in different ways: allkeys-lru on day19-0002-001, ";
    stack.finds("one evicts in another way", &[policies]).await;
    formed.command(1, &["CONFIG", "SET", "maxmemory-policy", "noeviction"]);

    formed.command(5, &["CONFIG", "SET", "timeout", "300"]);
    let timeout = "parameters error node.day19-0003-002: timeout is 300 in the engine; planned: 0";
    stack.finds("one has another parameter", &[timeout]).await;
    formed.command(5, &["CONFIG", "SET", "timeout", "0"]);

    // The primary alone forgets a slot: others still send clients to it.
    formed.command(2, &["CLUSTER", "DELSLOTS", "16000"]);
    stack
        .finds(
            "a slot is forgotten by its owner",
            &[
                "slots error node.day19-0003-001: its cluster_state is fail",
                "slots warning shard.0003: day19-0003-001 serves the slots 10922-15999, 16001-16383; AWS says 10922-16383",
                "views error node.day19-0003-001: it sees another cluster than most nodes do; it differs in \
                 day19-0003-001",
                "data error node.day19-0003-001: it does not take a write (SET): ",
            ],
        )
        .await;
    // All forget it: nobody serves it.
    (0..6).for_each(|number| {
        let _ = formed.command(number, &["CLUSTER", "DELSLOTS", "15000"]);
    });
    let missing = "slots error replication_group.cluster: 16383 of 16384 slots are served; nobody serves 15000";
    let mut found = Vec::new();
    for _ in 0..200 {
        found = stack.found().await;
        if found.iter().any(|line| line == missing) {
            break;
        }
    }
    assert!(found.iter().any(|line| line == missing), "{found:#?}");
    formed.command(2, &["CLUSTER", "ADDSLOTS", "16000", "15000"]);
    stack.is_well().await;

    // Little more than what an empty node uses.
    let used = formed.text(0, &["INFO", "memory"]);
    let used: u64 = used.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().trim().parse().unwrap();
    formed.command(0, &["CONFIG", "SET", "maxmemory", &(used * 8 / 7).to_string()]);
    stack.finds("one is nearly full", &["memory warning node.day19-0001-001: 8"]).await;
    formed.command(0, &["CONFIG", "SET", "maxmemory", &(used / 2).to_string()]);
    stack
        .finds(
            "one is full, and evicts nothing",
            &[
                "memory error node.day19-0001-001: ",
                "data error node.day19-0001-001: it does not take a write (SET): OOM",
            ],
        )
        .await;
    formed.command(0, &["CONFIG", "SET", "maxmemory", "0"]);

    formed.command(4, &["ACL", "SETUSER", "default", "-get"]);
    let refused = "data error node.day19-0002-002: what was written to its primary can't be read from it: NOPERM";
    stack.finds("a replica may not be read", &[refused]).await;
    formed.command(4, &["ACL", "SETUSER", "default", "+@all"]);

    formed.command(0, &["ACL", "SETUSER", "default", "-psync", "-sync", "-replconf"]);
    formed.command(0, &["CLIENT", "KILL", "TYPE", "replica"]);
    stack
        .finds(
            "a replica loses its link",
            &[
                "shards error node.day19-0001-002: the link to its primary is down for ",
                "shards error shard.0001: 0 of 1 replica linked",
                "data error node.day19-0001-002: what was written to its primary can't be read from it: it has not \
                 arrived within 2 s",
            ],
        )
        .await;
    formed.command(0, &["ACL", "SETUSER", "default", "+@all"]);
    stack.is_well().await;

    let (own, other) = (formed.id(0), formed.id(1));
    formed.command(3, &["CLUSTER", "REPLICATE", &other]);
    stack
        .finds(
            "a replica follows another shard's primary",
            &[
                "shards error node.day19-0001-002: it follows day19-0002-001, which is not its shard's primary",
                "shards error shard.0001: 0 of 1 replica linked",
            ],
        )
        .await;
    formed.command(3, &["CLUSTER", "REPLICATE", &own]);
    stack.is_well().await;

    // What the cloud tells: nobody at the configuration endpoint, a node that is no member, no members at all.
    let whole = stack.group.clone();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    stack.group.endpoint = Some(Endpoint { address: "127.0.0.1".to_owned(), port: closed });
    let silent = "ping error replication_group.cluster: does not answer: Connection refused";
    stack.finds("nobody is at the configuration endpoint", &[silent]).await;
    stack.group = whole.clone();
    stack.group.members.pop();
    stack.group.member_ids.pop();
    stack.group.node_groups[2].zones.remove(&member(2, 1));
    let stranger = format!(
        "views warning node.{}: it is in the cluster, and no member of the replication group",
        stack.formed.endpoint(5)
    );
    stack.finds("a node is no member", &[&stranger, "shards error shard.0003: 0 of 1 replica linked"]).await;
    stack.group = whole;
    stack.group.members.clear();
    stack.is_well().await;
}

#[tokio::test]
async fn nothing_is_left_of_the_keys() {
    if !engine() {
        return;
    }
    let stack = Stack::new();
    stack.is_well().await;
    let keys = |stack: &Stack| (0..6).map(|number| stack.formed.keys(number)).sum::<usize>();
    until("the replicas have deleted them too", || keys(&stack) == 0);
    // Left at every point: before, in the middle of, and after the writes.
    for turns in 0..40 {
        let stop = async {
            for _ in 0..turns {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        };
        stack.report(stop).await;
        let primaries: usize = (0..3).map(|number| stack.formed.keys(number)).sum();
        assert_eq!(primaries, 0, "left after {turns} turns");
    }
}
