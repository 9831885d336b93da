//! The fleet with real nodes. Each test has its own folder and port, and is passed over where no engine is installed,
//! unless SHARDFORM_REQUIRE_ENGINE is set.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::process::{is_ours, noted_pid};
use super::resp::Link;
use super::topology::View;
use super::*;
use crate::node::test_folder::TestFolder;
use crate::node::wanted::{EngineKind, NodeReport, SlotRange, WantedCluster, WantedNode, WantedShard};

const DEADLINE: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "a test's own edge")]
fn search_path() -> Option<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match engine::find(&EngineChoice::Auto, EngineKind::Redis, &path) {
        Ok(_) => Some(path),
        Err(error) if std::env::var_os("SHARDFORM_REQUIRE_ENGINE").is_some() => panic!("{error}"),
        Err(error) => {
            println!("passed over: {error}");
            None
        }
    }
}

struct Cloud {
    folder: TestFolder,
    search_path: OsString,
    wanted: watch::Sender<Wanted>,
    report: watch::Receiver<FleetReport>,
    one_address: bool,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

fn key() -> ClusterKey {
    ClusterKey {
        region: "us-east-1".to_owned(),
        replication_group_id: "test".to_owned(),
    }
}

impl Cloud {
    fn new(name: &str) -> Option<Cloud> {
        Some(Cloud::with(TestFolder::new(name), search_path()?))
    }

    fn with(folder: TestFolder, search_path: OsString) -> Cloud {
        let (wanted, report) = (
            watch::channel(Wanted::default()).0,
            watch::channel(FleetReport::default()).1,
        );
        let mut cloud = Cloud {
            folder,
            search_path,
            wanted,
            report,
            one_address: false,
            running: None,
        };
        cloud.serve();
        cloud
    }

    fn serve(&mut self) {
        let (wanted, wanted_received) = watch::channel(Wanted::default());
        let (report, report_received) = watch::channel(FleetReport::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let options = FleetOptions {
            state_dir: self.folder.path().to_owned(),
            engine: EngineChoice::Auto,
            search_path: self.search_path.clone(),
            node_timeout: NODE_TIMEOUT,
            one_address: self.one_address,
            log: Log::open(&self.folder.path().join("log")).unwrap(),
        };
        let fleet = run(options, wanted_received, report, async move {
            let _ = stopped.await;
        });
        (self.wanted, self.report) = (wanted, report_received);
        self.running = Some((stop, tokio::spawn(fleet)));
    }

    fn want(&self, cluster: Option<WantedCluster>) {
        let clusters = cluster.into_iter().map(|cluster| (key(), cluster)).collect();
        self.wanted.send_replace(Wanted { clusters });
    }

    async fn stop(&mut self) {
        let (stop, task) = self.running.take().unwrap();
        let _ = stop.send(());
        tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
    }

    /// As if the server were killed: nothing of it runs any more, but its nodes do.
    fn kill_server(&mut self) {
        let (_, task) = self.running.take().unwrap();
        task.abort();
    }

    async fn until(&mut self, what: &str, holds: impl Fn(Option<&ClusterReport>) -> bool) -> ClusterReport {
        let key = key();
        let mut reports = self.report.clone();
        let found = reports.wait_for(|report| holds(report.clusters.get(&key)));
        match tokio::time::timeout(DEADLINE, found).await {
            Ok(report) => report.unwrap().clusters.get(&key).cloned().unwrap_or_default(),
            Err(_) => {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("{what} did not come about\n{:#?}\n{log}", self.report.borrow().clusters)
            }
        }
    }

    async fn reached(&mut self, generation: u64) -> ClusterReport {
        self.until("the generation", |report| {
            report.is_some_and(|report| report.reached == generation)
        })
        .await
    }

    async fn form(&mut self, wanted: &WantedCluster) -> ClusterReport {
        self.want(Some(wanted.clone()));
        self.reached(wanted.generation).await
    }

    fn node_folder(&self, node: &str) -> PathBuf {
        self.folder.path().join("clusters/us-east-1/test").join(node)
    }

    fn pid(&self, node: &str) -> u32 {
        noted_pid(&self.node_folder(node)).unwrap()
    }

    fn processes(&self) -> Vec<u32> {
        let clusters = self.folder.path().join(CLUSTERS);
        let mut pids = Vec::new();
        for region in folders_in(&clusters) {
            for cluster in folders_in(&clusters.join(&region)) {
                let cluster = clusters.join(&region).join(cluster);
                let nodes = folders_in(&cluster).into_iter().map(|node| cluster.join(node));
                pids.extend(nodes.filter_map(|node| noted_pid(&node).filter(|pid| is_ours(*pid, &node))));
            }
        }
        pids
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.processes().into_iter().for_each(kill);
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// Slots are dealt in the order of the shards, as evenly as they go.
fn wanted(generation: u64, port: u16, shards: u16, replicas: usize) -> WantedCluster {
    let shard = |n: u16| WantedShard {
        id: format!("{:04}", n + 1),
        slots: vec![SlotRange {
            first: (16384 * u32::from(n) / u32::from(shards)) as u16,
            last: (16384 * (u32::from(n) + 1) / u32::from(shards) - 1) as u16,
        }],
        nodes: (0..=replicas)
            .map(|m| WantedNode {
                id: format!("test-{:04}-{:03}", n + 1, m + 1),
                zone: ["us-east-1a", "us-east-1b", "us-east-1c"][m % 3].to_owned(),
            })
            .collect(),
    };
    let parameters = BTreeMap::from([
        ("maxmemory-policy".to_owned(), "volatile-lru".to_owned()),
        ("reserved-memory-percent".to_owned(), "25".to_owned()),
        ("unheard-of".to_owned(), "1".to_owned()),
    ]);
    WantedCluster {
        generation,
        engine: EngineKind::Redis,
        port,
        parameters,
        shards: (0..shards).map(shard).collect(),
    }
}

/// A client that finds its way by itself, as far as tests need it: it asks one node after the other, and follows.
struct Client(Vec<Link>);

impl Client {
    fn of(report: &ClusterReport) -> Client {
        Client(report.nodes.values().map(|node| Link::new(node.address)).collect())
    }

    async fn ask(&self, words: &[&str]) -> Option<String> {
        let deadline = Instant::now() + DEADLINE;
        let mut at = self.0[0].clone();
        loop {
            let error = match at.ask::<Option<String>>(words).await {
                Ok(answer) => return answer,
                Err(error) => error,
            };
            assert!(Instant::now() < deadline, "{words:?}: {error}");
            let moved = error
                .redirect_node()
                .map(|(address, _)| Link::new(address.parse().unwrap()));
            let asking = error.code() == Some("ASK");
            match moved {
                Some(link) if asking => {
                    let mut pipeline = redis::pipe();
                    let mut command = redis::Cmd::new();
                    words.iter().for_each(|word| {
                        command.arg(*word);
                    });
                    pipeline.cmd("ASKING").add_command(command);
                    let answers = link.ask_all(&mut pipeline).await.unwrap();
                    if let Some(Ok(value)) = answers.into_iter().nth(1) {
                        return redis::from_redis_value(value).unwrap();
                    }
                }
                Some(link) => at = link,
                None => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    at = self.0[(deadline - Instant::now()).subsec_millis() as usize % self.0.len()].clone();
                }
            }
        }
    }

    async fn write(&self, count: usize) {
        for n in 0..count {
            self.ask(&["SET", &format!("key:{n}"), &format!("value:{n}")]).await;
        }
    }

    async fn check(&self, count: usize) {
        for n in 0..count {
            assert_eq!(
                self.ask(&["GET", &format!("key:{n}")]).await,
                Some(format!("value:{n}")),
                "key:{n}"
            );
        }
    }
}

fn primaries(report: &ClusterReport) -> BTreeSet<&str> {
    report
        .nodes
        .iter()
        .filter(|(_, node)| node.primary)
        .map(|(name, _)| name.as_str())
        .collect()
}

fn all_ready(report: &ClusterReport) -> bool {
    report.nodes.values().all(|node| node.ready)
}

async fn view(node: &NodeReport) -> View {
    Link::new(node.address).said().await.unwrap().said.view
}

#[tokio::test]
async fn nine_nodes_form_a_cluster() {
    let Some(mut cloud) = Cloud::new("form") else { return };
    let begun = Instant::now();
    let report = cloud.form(&wanted(1, 17100, 3, 2)).await;
    println!("9 nodes formed in {:?}", begun.elapsed());
    assert_eq!(report.failure, None);
    assert_eq!(
        primaries(&report),
        BTreeSet::from(["test-0001-001", "test-0002-001", "test-0003-001"])
    );
    for node in report.nodes.values() {
        assert!(node.ready);
        let view = view(node).await;
        let slots: usize = view
            .nodes
            .iter()
            .flat_map(|seen| &seen.slots)
            .map(|r| usize::from(r.last - r.first) + 1)
            .sum();
        assert_eq!((view.nodes.len(), slots), (9, 16384));
        let replicas = view.nodes.iter().filter(|seen| seen.replica_of.is_some()).count();
        assert_eq!(replicas, 6);
    }
    let first = Link::new(report.nodes["test-0001-001"].address);
    let policy = first
        .ask::<Vec<String>>(&["CONFIG", "GET", "maxmemory-policy"])
        .await
        .unwrap();
    assert_eq!(policy[1], "volatile-lru");
    let timeout = first
        .ask::<Vec<String>>(&["CONFIG", "GET", "cluster-node-timeout"])
        .await
        .unwrap();
    assert_eq!(timeout[1], "2000");
    let endpoint = Link::new(report.endpoint.unwrap());
    assert!(
        endpoint
            .ask::<String>(&["CLUSTER", "INFO"])
            .await
            .unwrap()
            .contains("cluster_state:ok")
    );
    cloud.stop().await;
    assert_eq!(cloud.processes(), [] as [u32; 0]);
}

#[tokio::test]
async fn on_one_address_every_node_has_its_port() {
    let Some(mut cloud) = Cloud::new("one-address") else {
        return;
    };
    cloud.stop().await;
    cloud.one_address = true;
    cloud.serve();
    let report = cloud.form(&wanted(1, 17210, 3, 1)).await;
    let ports: BTreeSet<u16> = report.nodes.values().map(|node| node.address.port()).collect();
    assert_eq!(ports.len(), 6);
    assert!(
        report
            .nodes
            .values()
            .all(|node| node.address.ip() == std::net::IpAddr::from([127, 0, 0, 1]))
    );
    Client::of(&report).write(20).await;
    let endpoint = Link::new(report.endpoint.unwrap());
    assert!(
        endpoint
            .ask::<String>(&["CLUSTER", "INFO"])
            .await
            .unwrap()
            .contains("cluster_state:ok")
    );
    cloud.stop().await;
}

#[tokio::test]
async fn two_local_clouds_share_a_machine_and_a_port() {
    let (Some(mut one), Some(mut two)) = (Cloud::new("side-a"), Cloud::new("side-b")) else {
        return;
    };
    one.want(Some(wanted(1, 17220, 2, 1)));
    two.want(Some(wanted(1, 17220, 2, 1)));
    let (first, second) = (one.reached(1).await, two.reached(1).await);
    let addresses = first
        .nodes
        .values()
        .chain(second.nodes.values())
        .map(|node| node.address);
    assert_eq!(addresses.collect::<BTreeSet<_>>().len(), 8);
    assert_ne!(first.endpoint, second.endpoint);
    Client::of(&first).ask(&["SET", "whose", "first"]).await;
    assert_eq!(Client::of(&second).ask(&["GET", "whose"]).await, None);
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn replicas_come_and_go() {
    let Some(mut cloud) = Cloud::new("replicas") else {
        return;
    };
    let client = Client::of(&cloud.form(&wanted(1, 17110, 2, 0)).await);
    client.write(200).await;
    let report = cloud.form(&wanted(2, 17110, 2, 2)).await;
    assert_eq!(
        (report.nodes.len(), primaries(&report).len(), all_ready(&report)),
        (6, 2, true)
    );
    // The primary of the first shard is the one to go: a replica that stays takes over first.
    let mut fewer = wanted(3, 17110, 2, 2);
    fewer.shards[0].nodes.remove(0);
    fewer.shards[1].nodes.truncate(1);
    let report = cloud.form(&fewer).await;
    assert_eq!(report.nodes.len(), 3);
    assert!(primaries(&report).contains("test-0002-001"));
    assert!(!cloud.node_folder("test-0001-001").exists());
    assert_eq!(cloud.processes().len(), 3);
    for node in report.nodes.values() {
        assert_eq!(view(node).await.nodes.len(), 3);
    }
    Client::of(&report).check(200).await;
    cloud.stop().await;
}

#[tokio::test]
async fn shards_come_and_go_with_their_keys_while_clients_write() {
    let Some(mut cloud) = Cloud::new("shards") else { return };
    let client = Client::of(&cloud.form(&wanted(1, 17120, 2, 1)).await);
    client.write(3000).await;
    cloud.want(Some(wanted(2, 17120, 3, 1)));
    let begun = Instant::now();
    let mut written = 0;
    while cloud.report.borrow().clusters[&key()].reached != 2 {
        assert!(begun.elapsed() < DEADLINE, "{:?}", cloud.report.borrow());
        client.ask(&["SET", &format!("meanwhile:{written}"), "x"]).await;
        assert_eq!(
            client.ask(&["GET", &format!("meanwhile:{written}")]).await.as_deref(),
            Some("x")
        );
        written += 1;
    }
    println!(
        "a shard more in {:?}, with {written} keys written meanwhile",
        begun.elapsed()
    );
    let report = cloud.reached(2).await;
    assert_eq!((report.nodes.len(), primaries(&report).len()), (6, 3));
    client.check(3000).await;
    let begun = Instant::now();
    let report = cloud.form(&wanted(3, 17120, 2, 1)).await;
    println!("a shard less in {:?}", begun.elapsed());
    assert_eq!((report.nodes.len(), cloud.processes().len()), (4, 4));
    let client = Client::of(&report);
    client.check(3000).await;
    for n in 0..written {
        assert_eq!(
            client.ask(&["GET", &format!("meanwhile:{n}")]).await.as_deref(),
            Some("x")
        );
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_killed_primary_comes_back_as_a_replica_and_nothing_is_lost() {
    let Some(mut cloud) = Cloud::new("killed") else { return };
    let before = cloud.form(&wanted(1, 17130, 3, 1)).await;
    Client::of(&before).write(300).await;
    let (victim, heir) = ("test-0001-001", "test-0001-002");
    let pid = cloud.pid(victim);
    let begun = Instant::now();
    kill(pid);
    let ready = |report: Option<&ClusterReport>, name: &str| report.is_some_and(|report| report.nodes[name].ready);
    cloud.until("the loss", |report| !ready(report, victim)).await;
    cloud
        .until("the failover", |report| {
            report.is_some_and(|report| report.nodes[heir].primary)
        })
        .await;
    println!("failover after {:?}", begun.elapsed());
    let after = cloud.until("the return", |report| report.is_some_and(all_ready)).await;
    println!("all ready after {:?}", begun.elapsed());
    assert!(!after.nodes[victim].primary);
    assert_eq!(after.nodes[victim].address, before.nodes[victim].address);
    assert_ne!(cloud.pid(victim), pid);
    Client::of(&after).check(300).await;
    // A replica is back at once.
    kill(cloud.pid(victim));
    cloud.until("the second loss", |report| !ready(report, victim)).await;
    cloud
        .until("the second return", |report| report.is_some_and(all_ready))
        .await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_killed_primary_of_the_only_shard_is_succeeded_too() {
    let Some(mut cloud) = Cloud::new("single") else { return };
    let before = cloud.form(&wanted(1, 17140, 1, 1)).await;
    Client::of(&before).write(50).await;
    kill(cloud.pid("test-0001-001"));
    cloud
        .until("the takeover", |report| {
            report.is_some_and(|report| report.nodes["test-0001-002"].primary)
        })
        .await;
    let after = cloud
        .until("the return", |report| {
            report.is_some_and(|r| all_ready(r) && primaries(r).len() == 1)
        })
        .await;
    Client::of(&after).check(50).await;
    cloud.stop().await;
}

#[tokio::test]
async fn nodes_outlive_a_killed_server_and_are_adopted() {
    let Some(mut cloud) = Cloud::new("adopt") else { return };
    let cluster = wanted(1, 17150, 3, 1);
    let before = cloud.form(&cluster).await;
    Client::of(&before).write(100).await;
    let pids: BTreeSet<u32> = cloud.processes().into_iter().collect();
    cloud.kill_server();
    cloud.serve();
    let begun = Instant::now();
    let after = cloud.form(&cluster).await;
    println!("adopted in {:?}", begun.elapsed());
    assert_eq!(cloud.processes().into_iter().collect::<BTreeSet<u32>>(), pids);
    assert_eq!(primaries(&after), primaries(&before));
    assert_eq!(after.endpoint, before.endpoint);
    Client::of(&after).check(100).await;
    // An adopted node that dies is noticed as well.
    kill(cloud.pid("test-0002-002"));
    cloud
        .until("the loss", |report| {
            report.is_some_and(|report| !report.nodes["test-0002-002"].ready)
        })
        .await;
    cloud.until("the return", |report| report.is_some_and(all_ready)).await;
    cloud.stop().await;
    assert_eq!(cloud.processes(), [] as [u32; 0]);
}

#[tokio::test]
async fn a_primary_that_died_while_no_server_ran_does_not_empty_its_replica() {
    let Some(mut cloud) = Cloud::new("absent") else { return };
    let cluster = wanted(1, 17155, 2, 1);
    let before = cloud.form(&cluster).await;
    Client::of(&before).write(100).await;
    let (victim, pid) = (cloud.node_folder("test-0001-001"), cloud.pid("test-0001-001"));
    cloud.kill_server();
    kill(pid);
    let deadline = Instant::now() + DEADLINE;
    while is_ours(pid, &victim) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cloud.serve();
    let after = cloud.form(&cluster).await;
    assert_eq!(primaries(&after), BTreeSet::from(["test-0001-002", "test-0002-001"]));
    Client::of(&after).check(100).await;
    cloud.stop().await;
}

#[tokio::test]
async fn an_orderly_stop_keeps_keys_ids_and_addresses() {
    let Some(mut cloud) = Cloud::new("stop") else { return };
    let cluster = wanted(1, 17160, 3, 1);
    let before = cloud.form(&cluster).await;
    Client::of(&before).write(300).await;
    let ids = |view: View| {
        view.nodes
            .into_iter()
            .map(|seen| (seen.id, seen.address))
            .collect::<BTreeSet<_>>()
    };
    let ids_before = ids(view(&before.nodes["test-0001-001"]).await);
    let begun = Instant::now();
    cloud.stop().await;
    println!("stopped in {:?}", begun.elapsed());
    assert_eq!(cloud.processes(), [] as [u32; 0]);
    cloud.serve();
    let begun = Instant::now();
    let after = cloud.form(&cluster).await;
    println!("back in {:?}", begun.elapsed());
    let addresses = |report: &ClusterReport| -> BTreeMap<String, SocketAddr> {
        report
            .nodes
            .iter()
            .map(|(name, node)| (name.clone(), node.address))
            .collect()
    };
    assert_eq!(addresses(&after), addresses(&before));
    assert_eq!(ids(view(&after.nodes["test-0001-001"]).await), ids_before);
    Client::of(&after).check(300).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_whose_address_was_taken_meanwhile_moves_and_keeps_its_keys() {
    let Some(mut cloud) = Cloud::new("taken") else { return };
    let cluster = wanted(1, 17230, 3, 1);
    let before = cloud.form(&cluster).await;
    Client::of(&before).write(50).await;
    cloud.stop().await;
    let taken = before.nodes["test-0002-001"].address;
    let _other = std::net::TcpListener::bind(taken).unwrap();
    cloud.serve();
    let after = cloud.form(&cluster).await;
    assert_ne!(after.nodes["test-0002-001"].address, taken);
    let after = cloud.until("all nodes", |report| report.is_some_and(all_ready)).await;
    Client::of(&after).check(50).await;
    cloud.stop().await;
}

#[tokio::test]
async fn deletion_leaves_no_process_and_no_folder() {
    let Some(mut cloud) = Cloud::new("delete") else { return };
    cloud.form(&wanted(1, 17170, 3, 1)).await;
    let nodes: Vec<(u32, PathBuf)> = wanted(1, 0, 3, 1)
        .shards
        .iter()
        .flat_map(|s| &s.nodes)
        .map(|n| (cloud.pid(&n.id), cloud.node_folder(&n.id)))
        .collect();
    let begun = Instant::now();
    cloud.want(None);
    cloud.until("the end", |report| report.is_none()).await;
    println!("deleted in {:?}", begun.elapsed());
    assert!(
        nodes
            .iter()
            .all(|(pid, folder)| !is_ours(*pid, folder) && !folder.exists())
    );
    assert!(!cloud.folder.path().join("clusters/us-east-1").exists());
    cloud.stop().await;
}

#[tokio::test]
async fn what_was_left_over_is_cleared_away() {
    let Some(mut cloud) = Cloud::new("left-over") else {
        return;
    };
    cloud.form(&wanted(1, 17180, 1, 0)).await;
    cloud.kill_server();
    cloud.serve();
    cloud.want(None);
    let folder = cloud.folder.path().join("clusters/us-east-1");
    let deadline = Instant::now() + DEADLINE;
    while folder.exists() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(cloud.processes(), [] as [u32; 0]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_missing_engine_is_told() {
    let folder = TestFolder::new("no-engine");
    let search_path = folder.path().as_os_str().to_owned();
    let mut cloud = Cloud::with(folder, search_path);
    cloud.want(Some(wanted(1, 17190, 1, 0)));
    let report = cloud
        .until("the failure", |report| {
            report.is_some_and(|report| report.failure.is_some())
        })
        .await;
    assert!(
        report
            .failure
            .unwrap()
            .starts_with("no redis-server and no valkey-server in PATH: install one")
    );
    cloud.stop().await;
}

#[tokio::test]
async fn an_engine_that_does_not_start_is_told_with_its_last_words() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TestFolder::new("bad-engine");
    let program = folder.path().join("redis-server");
    std::fs::write(&program, "#!/bin/sh\necho 'out of order'\nexit 3\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let search_path = folder.path().as_os_str().to_owned();
    let mut cloud = Cloud::with(folder, search_path);
    cloud.want(Some(wanted(1, 17195, 1, 0)));
    let report = cloud
        .until("the failure", |report| {
            report.is_some_and(|report| report.failure.is_some())
        })
        .await;
    assert_eq!(
        report.failure.unwrap(),
        "node test-0001-001 does not start; the last that it wrote:\nout of order"
    );
    cloud.stop().await;
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_refused() {
    let folder = TestFolder::new("names");
    let mut cloud = Cloud::with(folder, OsString::new());
    let evil = ClusterKey {
        region: "../..".to_owned(),
        ..key()
    };
    cloud.wanted.send_replace(Wanted {
        clusters: BTreeMap::from([(evil.clone(), wanted(1, 17197, 1, 0))]),
    });
    let refused = cloud.report.wait_for(|report| report.clusters.contains_key(&evil));
    let report = tokio::time::timeout(DEADLINE, refused).await.unwrap().unwrap().clone();
    assert!(report.clusters[&evil].failure.is_some());
    cloud.stop().await;
}
