//! The fleet with real nodes. Each test has its own folder and port, and is passed over where no engine is installed,
//! unless SHARDFORM_REQUIRE_ENGINE is set.

mod changing;
mod failing_over;
mod snapshots;
mod surviving;

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
use crate::node::wanted::{EngineKind, NodeReport, SlotRange, WantedNode, WantedShard};

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
    ClusterKey { region: "us-east-1".to_owned(), replication_group_id: "test".to_owned() }
}

impl Cloud {
    fn new(name: &str) -> Option<Cloud> {
        Some(Cloud::with(TestFolder::new(name), search_path()?))
    }

    fn with(folder: TestFolder, search_path: OsString) -> Cloud {
        let (wanted, report) = (watch::channel(Wanted::default()).0, watch::channel(FleetReport::default()).1);
        let mut cloud = Cloud { folder, search_path, wanted, report, one_address: false, running: None };
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
        self.wanted.send_replace(Wanted { clusters, ..Wanted::default() });
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
        self.until("the generation", |report| report.is_some_and(|report| report.reached == generation)).await
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
        failover: None,
    };
    let parameters = BTreeMap::from([
        ("maxmemory-policy".to_owned(), "volatile-lru".to_owned()),
        ("reserved-memory-percent".to_owned(), "25".to_owned()),
        ("unheard-of".to_owned(), "1".to_owned()),
    ]);
    let shards = (0..shards).map(shard).collect();
    WantedCluster { generation, created: 1, engine: EngineKind::Redis, port, parameters, shards, data: None }
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
            let moved = error.redirect_node().map(|(address, _)| Link::new(address.parse().unwrap()));
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
            assert_eq!(self.ask(&["GET", &format!("key:{n}")]).await, Some(format!("value:{n}")), "key:{n}");
        }
    }
}

fn primaries(report: &ClusterReport) -> BTreeSet<&str> {
    report.nodes.iter().filter(|(_, node)| node.primary).map(|(name, _)| name.as_str()).collect()
}

fn all_ready(report: &ClusterReport) -> bool {
    report.nodes.values().all(|node| node.ready)
}

async fn view(node: &NodeReport) -> View {
    Link::new(node.address).said().await.unwrap().said.view
}
