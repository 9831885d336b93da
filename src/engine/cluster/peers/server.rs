//! A redis-server that a test starts, asks and ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running redis-server in cluster mode; killed when dropped.
pub(super) struct Server {
    process: Child,
    pub(super) port: u16,
    folder: PathBuf,
}

/// Whether there is one to test with. Where `SHARDFORM_REQUIRE_ENGINE` is set there has to be.
#[expect(clippy::disallowed_methods, reason = "a test's own edge")]
pub(super) fn is_installed() -> bool {
    let there = Command::new("redis-server").arg("-v").stdout(Stdio::null()).status().is_ok();
    assert!(there || std::env::var_os("SHARDFORM_REQUIRE_ENGINE").is_none(), "no redis-server in the PATH");
    there
}

/// Ports that nobody listens on.
pub(super) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

impl Server {
    /// Starts one with a node timeout of a second; `nodes_conf` is what it finds, if anything.
    pub(super) fn start(nodes_conf: Option<&str>) -> Self {
        let [port, bus_port] = free_ports();
        let folder = std::env::temp_dir().join(format!("shardform-bus-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        if let Some(text) = nodes_conf {
            std::fs::write(folder.join("nodes.conf"), text).unwrap();
        }
        let arguments = format!(
            "--port {port} --cluster-port {bus_port} --bind 127.0.0.1 --cluster-enabled yes --cluster-node-timeout 1000 \
             --save --appendonly no --repl-diskless-sync-delay 0 --repl-ping-replica-period 1"
        );
        let process = Command::new("redis-server")
            .args(arguments.split_ascii_whitespace().flat_map(|word| match word {
                "--save" => vec!["--save", ""],
                word => vec![word],
            }))
            .current_dir(&folder)
            .stdout(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self { process, port, folder };
        server.wait();
        server
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "redis-server did not start");
            std::thread::yield_now();
        }
    }

    /// Runs one command; the reply's bytes, of which a bulk string is taken out.
    pub(super) fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).unwrap();
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply);
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let reply = reply.strip_suffix("+OK\r\n").unwrap_or(&reply);
        match reply.strip_prefix('$').and_then(|bulk| bulk.split_once("\r\n")) {
            Some((_, text)) => text.trim_end().to_owned(),
            None => reply.trim_end().to_owned(),
        }
    }

    pub(super) fn ok(&self, command: &str) {
        assert_eq!(self.ask(command), "+OK", "{command}");
    }

    /// Its own name.
    pub(super) fn id(&self) -> String {
        self.ask("CLUSTER MYID")
    }

    /// Its line about a node, or nothing.
    pub(super) fn line(&self, id: &str) -> String {
        let nodes = self.ask("CLUSTER NODES");
        nodes.lines().find(|line| line.starts_with(id)).unwrap_or_default().to_owned()
    }

    /// Its nodes.conf.
    pub(super) fn conf(&self) -> String {
        std::fs::read_to_string(self.folder.join("nodes.conf")).unwrap()
    }

    /// The port of its bus.
    pub(super) fn bus_port(&self) -> u16 {
        let line = self.line(&self.id());
        let (_, rest) = line.split_once('@').unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    /// As `kill -9` does.
    pub(super) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
