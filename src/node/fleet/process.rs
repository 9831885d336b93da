//! One cache node's process: starts it, notices its end, ends it.
//!
//! Knows folders, configuration files and process ids; must not know what a cluster is. A process is signalled only by
//! a task that knows it to be ours: as our child that was not waited for yet, or as one whose working directory is the
//! node's folder.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, watch};

use super::address::Place;
use super::engine::Engine;

/// How often a process that is not our child is looked for.
const ADOPTED_POLL: Duration = Duration::from_millis(200);
/// The node's configuration file in its folder.
pub const CONFIGURATION: &str = "redis.conf";
/// The engine's log in the node's folder.
pub const ENGINE_LOG: &str = "engine.log";
/// What the engine writes to its outputs.
pub const ENGINE_OUTPUT: &str = "engine.out";
/// Holds the process id while the node runs.
const PID_FILE: &str = "pid";
/// The data of a node that was ended in order, until it is started again.
const KEPT_DATA: &str = "kept.rdb";
/// The engine's own file about its cluster.
pub const NODES: &str = "nodes.conf";
/// Where the engine writes and looks for its data.
pub const DATA: &str = "dump.rdb";

/// A node's folder and all that decides how its process starts.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its working directory, which no other process has.
    pub folder: PathBuf,
    /// Where it listens.
    pub place: Place,
    /// Milliseconds of `cluster-node-timeout` at the start.
    pub node_timeout_ms: u64,
}

/// A node's process, running or ended.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    orders: mpsc::UnboundedSender<Signal>,
    ended: watch::Receiver<bool>,
}

impl Process {
    /// Starts the node; `end_seen` is notified when the process ends.
    pub fn start(site: &Site, engine: &Engine, end_seen: Arc<Notify>) -> io::Result<Process> {
        std::fs::create_dir_all(&site.folder)?;
        std::fs::write(site.folder.join(CONFIGURATION), configuration(site))?;
        prepare_data(&site.folder)?;
        // Only this start's lines are wanted when it has to be said why a node did not come up.
        remove_if_there(&site.folder.join(ENGINE_LOG))?;
        let output = std::fs::File::create(site.folder.join(ENGINE_OUTPUT))?;
        let child = Command::new(&engine.program)
            .args(&engine.leading_arguments)
            .arg(CONFIGURATION)
            .current_dir(&site.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // A Ctrl-C in the terminal is for the server, which ends its nodes in order.
            .process_group(0)
            .spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the process ended at once"))?;
        note_pid(&site.folder, pid)?;
        Ok(Process::watched(pid, end_seen, |orders| watch_child(child, pid, orders)))
    }

    /// Takes on a node that an earlier server started and that [`is_ours`] is true for.
    pub fn adopt(pid: u32, folder: &Path, end_seen: Arc<Notify>) -> Process {
        let folder = folder.to_owned();
        Process::watched(pid, end_seen, move |orders| watch_adopted(pid, folder, orders))
    }

    fn watched<F, W>(pid: u32, end_seen: Arc<Notify>, watcher: F) -> Process
    where
        F: FnOnce(mpsc::UnboundedReceiver<Signal>) -> W,
        W: Future<Output = ()> + Send + 'static,
    {
        let (orders, orders_received) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(false);
        let watching = watcher(orders_received);
        tokio::spawn(async move {
            watching.await;
            end.send_replace(true);
            end_seen.notify_one();
        });
        Process { pid, orders, ended }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Waits until it has ended, at most `longest`; true if it has.
    pub async fn wait(&self, longest: Duration) -> bool {
        let mut ended = self.ended.clone();
        let ended = ended.wait_for(|ended| *ended);
        tokio::time::timeout(longest, ended).await.is_ok()
    }

    /// Ends it without asking, for one that hangs. True if it is gone after `grace`.
    pub async fn kill(&self, grace: Duration) -> bool {
        let _ = self.orders.send(Signal::KILL);
        self.wait(grace).await
    }

    /// Ends it: asks, and after `grace` insists. True if it is gone.
    pub async fn end(&self, grace: Duration) -> bool {
        for signal in [Signal::TERM, Signal::KILL] {
            let _ = self.orders.send(signal);
            if self.wait(grace).await {
                return true;
            }
        }
        false
    }
}

async fn watch_child(mut child: Child, pid: u32, mut orders: mpsc::UnboundedReceiver<Signal>) {
    loop {
        tokio::select! {
            _ = child.wait() => return,
            Some(signal) = orders.recv() => send(pid, signal),
        }
    }
}

async fn watch_adopted(pid: u32, folder: PathBuf, mut orders: mpsc::UnboundedReceiver<Signal>) {
    while is_ours(pid, &folder) {
        tokio::select! {
            () = tokio::time::sleep(ADOPTED_POLL) => {}
            Some(signal) = orders.recv() => if is_ours(pid, &folder) { send(pid, signal) },
        }
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether the process `pid` lives and is the one that runs in the node's folder. Where the system doesn't tell a
/// process's folder (macOS), living has to do; callers there have asked the node itself for its process id first.
pub fn is_ours(pid: u32, folder: &Path) -> bool {
    let Some(raw) = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw) else {
        return false;
    };
    if !Path::new("/proc/self/cwd").exists() {
        return test_kill_process(raw).is_ok();
    }
    // A zombie has no folder any more, and so counts as gone, which it is.
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|found| found == folder)
}

/// Whether the system tells in which folder a process runs, so that a pid file alone proves enough to end one.
pub fn can_tell_folders() -> bool {
    Path::new("/proc/self/cwd").exists()
}

/// The process id that was noted when the node in this folder was started.
pub fn noted_pid(folder: &Path) -> Option<u32> {
    std::fs::read_to_string(folder.join(PID_FILE)).ok()?.trim().parse().ok()
}

/// Notes the process id of what runs in this folder.
pub fn note_pid(folder: &Path, pid: u32) -> io::Result<()> {
    std::fs::write(folder.join(PID_FILE), pid.to_string())
}

/// The last lines of what the engine wrote, for a message to people.
pub fn last_lines(folder: &Path, count: usize) -> String {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
    let mut text = String::from_utf8_lossy(&read(ENGINE_OUTPUT)).into_owned();
    text.push_str(&String::from_utf8_lossy(&read(ENGINE_LOG)));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Forgets data of earlier runs, so that the next ending writes the only data there is.
pub fn forget_data(folder: &Path) -> io::Result<()> {
    remove_if_there(&folder.join(DATA))
}

/// Takes what a running node has saved to `file`.
pub fn take_data(folder: &Path, file: &Path) -> io::Result<()> {
    let data = folder.join(DATA);
    // Across file systems nothing can be renamed.
    std::fs::rename(&data, file).or_else(|error| match error.kind() {
        io::ErrorKind::CrossesDevices => std::fs::copy(&data, file).map(drop),
        _ => Err(error),
    })
}

/// After a node was ended in order: keeps what it wrote for its next start. False if it wrote nothing.
pub fn keep_data(folder: &Path) -> bool {
    let _ = remove_if_there(&folder.join(PID_FILE));
    std::fs::rename(folder.join(DATA), folder.join(KEPT_DATA)).is_ok()
}

/// Gives the newest kept data of a shard's nodes, which are all ended, to those that kept none: whichever is the
/// primary when they are back has it then. True if there was such a node. A node that has never been in the cluster is
/// left alone: it would take the slots of what it finds for its own.
pub fn share_kept_data(folders: &[PathBuf]) -> io::Result<bool> {
    let kept_at = |folder: &PathBuf| folder.join(KEPT_DATA).metadata().and_then(|meta| meta.modified()).ok();
    let Some((_, newest)) = folders.iter().filter_map(|folder| Some((kept_at(folder)?, folder))).max() else {
        return Ok(false);
    };
    let mut shared = false;
    for folder in folders.iter().filter(|folder| kept_at(folder).is_none() && folder.join(NODES).exists()) {
        let new = folder.join("kept.rdb.new");
        std::fs::copy(newest.join(KEPT_DATA), &new)?;
        std::fs::rename(new, folder.join(KEPT_DATA))?;
        shared = true;
    }
    Ok(shared)
}

/// Data is loaded only after an ending in order. What a node that was killed finds in its folder is from long ago
/// (a replica's first copy, say), and old data that comes back is worse than none.
fn prepare_data(folder: &Path) -> io::Result<()> {
    match std::fs::rename(folder.join(KEPT_DATA), folder.join(DATA)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => forget_data(folder),
        other => other,
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Only directives that every engine since Redis 5 has: an unknown one keeps it from starting. The rest is set later.
fn configuration(site: &Site) -> String {
    let (ip, port) = (site.place.address.ip(), site.place.address.port());
    let mut text = format!(
        "bind {ip}\nport {port}\nprotected-mode no\ndaemonize no\nlogfile {ENGINE_LOG}\ndbfilename {DATA}\n\
         save \"\"\nappendonly no\ncluster-enabled yes\ncluster-config-file {NODES}\n\
         cluster-node-timeout {timeout}\ncluster-announce-ip {ip}\nreplica-announce-ip {ip}\n\
         cluster-require-full-coverage no\ncluster-migration-barrier 1000\n\
         repl-ping-replica-period 1\nrepl-diskless-sync yes\nrepl-diskless-sync-delay 0\n",
        timeout = site.node_timeout_ms,
    );
    // The engine's own choice is 10000 above, and Redis before 7 can't be told another.
    if port.checked_add(10_000) != Some(site.place.bus_port) {
        text += &format!("cluster-port {}\n", site.place.bus_port);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::fleet::address::bus_port_of;
    use crate::node::test_folder::TestFolder;

    fn site(folder: &TestFolder, port: u16) -> Site {
        let address = std::net::SocketAddr::from(([127, 65, 0, 9], port));
        let place = Place { address, bus_port: bus_port_of(port) };
        Site { folder: folder.path().to_owned(), place, node_timeout_ms: 500 }
    }

    #[test]
    fn the_bus_port_is_named_only_where_it_is_unusual() {
        let folder = TestFolder::new("conf");
        assert!(!configuration(&site(&folder, 6379)).contains("cluster-port"));
        assert!(configuration(&site(&folder, 60000)).contains("cluster-port 50000\n"));
        assert!(configuration(&site(&folder, 6379)).starts_with("bind 127.65.0.9\nport 6379\n"));
    }

    #[test]
    fn only_data_of_an_ending_in_order_is_loaded() {
        let folder = TestFolder::new("data");
        std::fs::write(folder.path().join(DATA), "old").unwrap();
        prepare_data(folder.path()).unwrap();
        assert!(!folder.path().join(DATA).exists());
        std::fs::write(folder.path().join(DATA), "new").unwrap();
        assert!(keep_data(folder.path()));
        prepare_data(folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(DATA)).unwrap(), "new");
    }

    #[test]
    fn kept_data_is_shared_with_those_that_were_in_the_cluster() {
        let folder = TestFolder::new("share");
        let nodes: Vec<PathBuf> = ["lost", "kept", "new"].iter().map(|name| folder.path().join(name)).collect();
        nodes.iter().for_each(|node| std::fs::create_dir(node).unwrap());
        nodes[..2].iter().for_each(|node| std::fs::write(node.join(NODES), "").unwrap());
        assert!(!share_kept_data(&nodes).unwrap());
        std::fs::write(nodes[1].join(KEPT_DATA), "data").unwrap();
        assert!(share_kept_data(&nodes).unwrap());
        assert_eq!(std::fs::read_to_string(nodes[0].join(KEPT_DATA)).unwrap(), "data");
        assert!(!nodes[2].join(KEPT_DATA).exists());
        assert!(!share_kept_data(&nodes).unwrap());
    }

    #[test]
    fn another_process_is_not_ours() {
        let folder = TestFolder::new("ours");
        if can_tell_folders() {
            assert!(!is_ours(std::process::id(), folder.path()));
            let here = std::env::current_dir().unwrap().canonicalize().unwrap();
            assert!(is_ours(std::process::id(), &here));
        }
        assert!(!is_ours(0, folder.path()) && !is_ours(1, folder.path()) && !is_ours(u32::MAX, folder.path()));
    }

    #[tokio::test]
    async fn the_end_of_a_process_is_seen_and_its_words_are_kept() {
        let folder = TestFolder::new("end");
        let engine =
            Engine { program: "/bin/sh".into(), leading_arguments: vec!["-c".into(), "echo no; exit 1".into()] };
        let seen = Arc::new(Notify::new());
        let process = Process::start(&site(&folder, 17999), &engine, seen.clone()).unwrap();
        tokio::time::timeout(Duration::from_secs(10), seen.notified()).await.unwrap();
        assert!(process.has_ended());
        assert_eq!(last_lines(folder.path(), 5), "no");
        assert_eq!(noted_pid(folder.path()), Some(process.pid()));
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_request_is_killed() {
        let folder = TestFolder::new("kill");
        let script = "trap '' TERM; while :; do read x < /dev/zero; done";
        let engine = Engine { program: "/bin/sh".into(), leading_arguments: vec!["-c".into(), script.into()] };
        let process = Process::start(&site(&folder, 17998), &engine, Arc::default()).unwrap();
        assert!(process.end(Duration::from_millis(300)).await);
    }
}
