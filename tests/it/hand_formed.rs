//! A cluster of nodes of the test's own, formed by hand: nothing heals what a test plants in it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use redis::{Connection, Value};
use rustix::process::Signal;
use shardform::observed::Endpoint;

use crate::sandbox::{send, until};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Its nodes: first the primaries, then a replica of each.
pub struct HandFormed {
    folder: PathBuf,
    nodes: Vec<Node>,
}

struct Node {
    child: Child,
    arguments: Vec<String>,
    port: u16,
    bus_port: u16,
}

/// A port that was free right now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(arguments: &[String]) -> Child {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let program = if has("redis-server") { "redis-server" } else { "valkey-server" };
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Node {
    /// One that answers. A port that was free may be taken by another test meanwhile: then others are tried.
    fn new(folder: &Path) -> Node {
        loop {
            let (port, bus_port) = (free_port(), free_port());
            let arguments = format!(
                "--port {port} --cluster-port {bus_port} --bind 127.0.0.1 --cluster-enabled yes --save  --dir {} \
                 --cluster-node-timeout 800 --cluster-replica-no-failover yes --repl-diskless-sync-delay 0 \
                 --cluster-allow-replica-migration no",
                folder.display()
            );
            let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
            let mut node = Node { child: start(&arguments), arguments, port, bus_port };
            until("the node answers or has ended", || node.answers() || node.has_ended());
            if !node.has_ended() {
                return node;
            }
        }
    }

    /// Whether it answers, and no other that has its port.
    fn answers(&self) -> bool {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let own = format!("process_id:{}\r\n", self.child.id());
        let info = |mut connection| redis::cmd("INFO").arg("server").query::<String>(&mut connection);
        client.get_connection().and_then(info).is_ok_and(|info| info.contains(&own))
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl HandFormed {
    /// Shards of one primary and one replica each, with all slots, formed and linked. Nobody is failed over.
    pub fn new(shards: usize) -> Self {
        let place = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("shardform-formed-{}-{place}", std::process::id()));
        let mut formed = HandFormed { folder, nodes: Vec::new() };
        for number in 0..shards * 2 {
            let folder = formed.folder.join(number.to_string());
            fs::create_dir_all(&folder).unwrap();
            formed.nodes.push(Node::new(&folder));
        }
        formed.form(shards);
        formed
    }

    fn form(&mut self, shards: usize) {
        for number in 0..self.nodes.len() {
            let epoch = (number + 1).to_string();
            self.command(number, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        }
        for number in 1..self.nodes.len() {
            let (port, bus_port) = (self.nodes[number].port.to_string(), self.nodes[number].bus_port.to_string());
            self.command(0, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port]);
        }
        for shard in 0..shards {
            let slots: Vec<String> = self.slots(shard).map(|slot| slot.to_string()).collect();
            let command = ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str));
            self.command(shard, &command.collect::<Vec<_>>());
        }
        for shard in 0..shards {
            let primary = self.id(shard);
            let replicate = ["CLUSTER", "REPLICATE", &primary];
            until("the replica knows its primary", || self.try_command(shards + shard, &replicate).is_some());
        }
    }

    /// The slots that a shard is given.
    pub fn slots(&self, shard: usize) -> std::ops::Range<usize> {
        let shards = self.nodes.len() / 2;
        16384 * shard / shards..16384 * (shard + 1) / shards
    }

    pub fn endpoint(&self, number: usize) -> Endpoint {
        Endpoint { address: "127.0.0.1".to_owned(), port: self.nodes[number].port }
    }

    /// A node's id in the cluster.
    pub fn id(&self, number: usize) -> String {
        self.text(number, &["CLUSTER", "MYID"])
    }

    fn connection(&self, number: usize) -> Option<Connection> {
        let url = format!("redis://127.0.0.1:{}", self.nodes[number].port);
        redis::Client::open(url).unwrap().get_connection().ok()
    }

    fn try_command(&self, number: usize, words: &[&str]) -> Option<Value> {
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        command.query(&mut self.connection(number)?).ok()
    }

    /// Runs a command on a node; it has to be taken.
    pub fn command(&self, number: usize, words: &[&str]) -> Value {
        self.try_command(number, words).unwrap_or_else(|| panic!("node {number} refuses {words:.80?}"))
    }

    pub fn text(&self, number: usize, words: &[&str]) -> String {
        redis::from_redis_value(self.command(number, words)).unwrap()
    }

    /// Keys on a node.
    pub fn keys(&self, number: usize) -> usize {
        redis::from_redis_value(self.command(number, &["DBSIZE"])).unwrap()
    }

    pub fn signal(&self, number: usize, signal: Signal) {
        send(self.nodes[number].child.id(), signal);
    }

    pub fn kill(&mut self, number: usize) {
        self.nodes[number].child.kill().unwrap();
        self.nodes[number].child.wait().unwrap();
    }

    /// Starts a killed node again, as it was.
    pub fn restart(&mut self, number: usize) {
        self.nodes[number].child = start(&self.nodes[number].arguments);
    }
}

impl Drop for HandFormed {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // Also one that is stopped.
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
