//! A cluster of real `redis-server` processes, formed by hand: three shards of two nodes each, on loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use redis::Connection;
use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::slots::SLOTS;
use crate::cluster::topology::{Role, View};

/// Shards of the cluster.
pub(crate) const SHARDS: usize = 3;
const NODES: usize = SHARDS * 2;
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The cluster; its processes end with it.
pub(crate) struct Nodes {
    folder: PathBuf,
    /// The nodes' ports: primary and replica of the first shard, of the second, of the third.
    pub(crate) ports: Vec<u16>,
    bus: Vec<u16>,
    children: Vec<Child>,
}

/// Whether there is an engine to test with.
pub(crate) fn engine() -> bool {
    Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok()
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

impl Nodes {
    /// Starts and forms it.
    pub(crate) fn form() -> Self {
        let place = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("shardform-drill-{}-{place}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let ports = free_ports(NODES * 2);
        let (ports, bus) = (ports[..NODES].to_vec(), ports[NODES..].to_vec());
        let children = ports.iter().zip(&bus).map(|(port, bus)| start(&folder, *port, *bus)).collect();
        let nodes = Nodes { folder, ports, bus, children };
        nodes.join();
        nodes
    }

    fn join(&self) {
        for place in 0..NODES {
            until("it answers", || self.ask(place, &["PING"]).is_some());
            self.ask(place, &["CLUSTER", "SET-CONFIG-EPOCH", &(place + 1).to_string()]).unwrap();
        }
        for shard in 0..SHARDS {
            let (first, next) = (shard * SLOTS / SHARDS, (shard + 1) * SLOTS / SHARDS);
            self.ask(shard * 2, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(next - 1).to_string()]).unwrap();
        }
        for place in 1..NODES {
            let (port, bus) = (self.ports[place].to_string(), self.bus[place].to_string());
            self.ask(0, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).unwrap();
        }
        for place in 0..NODES {
            until("all know each other", || {
                self.view(place).is_some_and(|view| {
                    view.nodes.len() == NODES
                        && view.nodes.iter().all(|node| node.linked && node.epoch > 0)
                        && view.nodes.iter().map(|node| node.slots.len()).sum::<usize>() == SLOTS
                })
            });
        }
        for shard in 0..SHARDS {
            let primary = self.ask(shard * 2, &["CLUSTER", "MYID"]).unwrap();
            self.ask(shard * 2 + 1, &["CLUSTER", "REPLICATE", &primary]).unwrap();
        }
        self.until_whole();
    }

    /// Waits until every node sees one linked replica behind each primary.
    pub(crate) fn until_whole(&self) {
        until("every replica is linked", || {
            (0..NODES).all(|place| {
                let linked = self
                    .ask(place, &["INFO", "replication"])
                    .is_some_and(|info| info.contains("master_link_status:up") || info.contains("connected_slaves:1"));
                let ok = self.ask(place, &["CLUSTER", "INFO"]).is_some_and(|info| info.contains("cluster_state:ok"));
                let replicas = self
                    .view(place)
                    .map(|view| view.nodes.iter().filter(|node| matches!(node.role, Role::Replica { .. })).count());
                linked && ok && replicas == Some(SHARDS)
            })
        });
    }

    fn connection(&self, place: usize) -> Option<Connection> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.ports[place])).unwrap();
        let connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
        connection.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        Some(connection)
    }

    /// Asks one node; nothing where it doesn't answer with text, or answers with an error.
    pub(crate) fn ask(&self, place: usize, words: &[&str]) -> Option<String> {
        let mut connection = self.connection(place)?;
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(word);
        });
        command.query(&mut connection).ok()
    }

    fn view(&self, place: usize) -> Option<View> {
        Some(View::parse(&self.ask(place, &["CLUSTER", "NODES"])?))
    }

    /// Whether a node is the primary of its shard.
    pub(crate) fn is_primary(&self, place: usize) -> bool {
        self.ask(place, &["INFO", "replication"]).is_some_and(|info| info.contains("role:master"))
    }

    /// The primary's place and the other's, of the shard with this number from 0.
    pub(crate) fn pair(&self, shard: usize) -> (usize, usize) {
        let (one, other) = (shard * 2, shard * 2 + 1);
        if self.is_primary(one) { (one, other) } else { (other, one) }
    }

    /// The keys that a node holds, with their times to live in seconds.
    pub(crate) fn keys(&self, place: usize) -> Vec<(String, i64)> {
        let Some(mut connection) = self.connection(place) else { return Vec::new() };
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap_or_default();
        let mut held = Vec::new();
        for key in keys {
            // A replica redirects, and holds the same.
            if let Ok(seconds) = redis::cmd("TTL").arg(&key).query(&mut connection) {
                held.push((key, seconds));
            }
        }
        held
    }

    /// How many keys there are on all nodes that answer.
    pub(crate) fn key_count(&self) -> usize {
        let size = |place| {
            let mut connection = self.connection(place)?;
            redis::cmd("DBSIZE").query::<usize>(&mut connection).ok()
        };
        (0..NODES).filter_map(size).sum()
    }

    pub(crate) fn send(&self, place: usize, signal: Signal) {
        let pid = i32::try_from(self.children[place].id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Starts a node that was killed, with what it had on disk.
    pub(crate) fn restart(&mut self, place: usize) {
        self.children[place].wait().unwrap();
        self.children[place] = start(&self.folder, self.ports[place], self.bus[place]);
    }
}

fn start(folder: &Path, port: u16, bus: u16) -> Child {
    let own = folder.join(port.to_string());
    std::fs::create_dir_all(&own).unwrap();
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-node-timeout", "1500"])
        .args(["--appendonly", "no", "--save", "", "--repl-diskless-sync-delay", "0", "--daemonize", "no"])
        .args(["--port", &port.to_string(), "--cluster-port", &bus.to_string()])
        .current_dir(own)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
