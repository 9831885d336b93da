//! The processes of one cluster: brings them up, notices what happens to them, asks them, and ends them.
//!
//! Knows places, processes and connections, and remembers them across runs of the server. Must not know how a cluster
//! is formed; that follows from what the nodes say, in `topology`.

pub mod replacement;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Shared;
use super::engine::Engine;
use super::form::{Links, take_over};
use super::memory::{Memory, NodeMemory};
use super::parameters::with_own_values;
use super::process::{self, Process, Site};
use super::recovery::{Recovery, recovery};
use super::resp::{Answer, Link, is_silence};
use super::silence::Silence;
use super::topology::{Member, Members, Said};
use crate::node::store::StoreError;
use crate::node::wanted::WantedCluster;

/// How long a node may take to end before it is killed.
const END_GRACE: Duration = Duration::from_secs(3);
/// How long a node may take to write its data at the server's end.
const SAVE_GRACE: Duration = Duration::from_secs(8);
/// Starts in a row that may fail before people are told.
const STARTS_BEFORE_FAILURE: u32 = 3;
/// `cluster-node-timeout` in milliseconds while a cluster is made: every greeting and every view comes sooner, and
/// there is nothing yet that a false alarm could harm.
const FORMING_NODE_TIMEOUT_MS: u64 = 500;
/// The same while slots move: a MIGRATE of large keys blocks two nodes, who are not dead for it.
const MOVING_NODE_TIMEOUT_MS: u64 = 15_000;

/// One cluster's processes.
#[derive(Debug)]
pub struct Crew {
    shared: Arc<Shared>,
    folder: PathBuf,
    /// What outlives the server.
    pub memory: Memory,
    /// What of it is on disk.
    saved: Option<Memory>,
    /// Whether slots are on their way.
    pub moving: bool,
    running: BTreeMap<String, Running>,
    members: Members,
    wake: Arc<Notify>,
    /// Since when nodes are missing that never ran under this server.
    mustered: Instant,
    /// When a takeover from a member was last asked for.
    taken_over: BTreeMap<String, Instant>,
    /// Whether nodes still ran from an earlier run of the server: one that is missing was lost meanwhile.
    has_survivors: bool,
}

#[derive(Debug)]
struct Running {
    process: Process,
    link: Link,
    /// Whether this process has answered.
    answered: bool,
    /// When its end was noticed.
    dead_since: Option<Instant>,
    /// Not started again before.
    next_start: Instant,
    /// How long it has not answered.
    silence: Silence,
    /// Starts in a row that never answered.
    failed_starts: u32,
    /// Settings that it has been given.
    settings: BTreeMap<String, Vec<String>>,
}

impl Crew {
    /// The crew of the cluster whose files are in `folder`, with the nodes that still run from an earlier run of the
    /// server. `wake` is notified when a process ends.
    pub async fn muster(shared: Arc<Shared>, folder: PathBuf, wake: Arc<Notify>) -> Result<Crew, StoreError> {
        let memory = Memory::load(&folder)?;
        let mut crew = Crew { saved: Some(memory.clone()), memory, ..Crew::without_memory(shared, folder, wake) };
        for (name, node) in crew.memory.nodes.clone() {
            crew.shared.book.take(node.place());
            if let Some(pid) = crew.survivor(&name, &node).await {
                crew.shared.log.line(format!("node {name} still runs as process {pid}"));
                let process = Process::adopt(pid, &crew.node_folder(&name), crew.wake.clone());
                crew.running.insert(name, Running::new(process, &node, 0));
            }
        }
        crew.has_survivors = !crew.running.is_empty();
        // Whether a missing node may be started at once depends on what those that live hold of it.
        crew.look().await;
        Ok(crew)
    }

    /// A crew that knows nothing of its cluster, to end it all the same.
    pub fn without_memory(shared: Arc<Shared>, folder: PathBuf, wake: Arc<Notify>) -> Crew {
        Crew {
            shared,
            folder,
            memory: Memory::default(),
            saved: None,
            moving: false,
            running: BTreeMap::new(),
            members: Members::new(),
            wake,
            mustered: Instant::now(),
            taken_over: BTreeMap::new(),
            has_survivors: false,
        }
    }

    /// The process id of a node that outlived its server; what is ours but does not answer as it should is ended.
    async fn survivor(&self, name: &str, node: &NodeMemory) -> Option<u32> {
        let folder = self.node_folder(name);
        if let Ok(answer) = Link::new(node.address).said().await {
            let pid = answer.pid.or_else(|| process::noted_pid(&folder))?;
            if Some(&answer.node_id) == node.node_id.as_ref() && process::is_ours(pid, &folder) {
                return Some(pid);
            }
        }
        let pid =
            process::noted_pid(&folder).filter(|pid| process::can_tell_folders() && process::is_ours(*pid, &folder))?;
        self.shared.log.line(format!("node {name} (process {pid}) does not answer as it should: it is started anew"));
        Process::adopt(pid, &folder, self.wake.clone()).end(END_GRACE).await;
        None
    }

    fn node_folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts what is wanted and does not run, and what has died; an error is in words for people.
    pub async fn keep_running(&mut self, wanted: &WantedCluster, engine: &Engine) -> Result<(), String> {
        for node in wanted.shards.iter().flat_map(|shard| &shard.nodes) {
            if !self.memory.nodes.contains_key(&node.id) {
                let place =
                    self.shared.book.place_for_node(wanted.port, &node.zone).map_err(|error| error.to_string())?;
                let entry = NodeMemory { address: place.address, bus_port: place.bus_port, node_id: None };
                self.memory.nodes.insert(node.id.clone(), entry);
            }
        }
        self.remember().await?;
        self.share_kept_data(wanted).await?;
        for (name, node) in self.memory.nodes.clone() {
            match self.running.get(&name).map(|running| running.process.has_ended()) {
                None => self.revive(&name, &node, engine, self.mustered).await?,
                Some(true) => self.bring_back(&name, &node, wanted, engine).await?,
                Some(false) => {}
            }
        }
        let failing = |running: &Running| !running.answered && running.failed_starts >= STARTS_BEFORE_FAILURE;
        match self.running.iter().find(|(_, running)| failing(running)) {
            Some((name, _)) => Err(self.start_failure(name)),
            None => Ok(()),
        }
    }

    /// A primary that crashed just before an ending in order has kept nothing, and its replica would copy that.
    async fn share_kept_data(&self, wanted: &WantedCluster) -> Result<(), String> {
        for shard in wanted.shards.iter().filter(|shard| !shard.nodes.iter().any(|node| self.is_running(&node.id))) {
            let folders: Vec<PathBuf> = shard.nodes.iter().map(|node| self.node_folder(&node.id)).collect();
            let shared = tokio::task::spawn_blocking(move || process::share_kept_data(&folders)).await;
            let shared = shared.map_err(std::io::Error::other).flatten();
            if shared.map_err(|error| format!("the data of shard {} can't be shared: {error}", shard.id))? {
                self.shared.log.line(format!("shard {}: a node that kept no data has another's", shard.id));
            }
        }
        Ok(())
    }

    fn start_failure(&self, name: &str) -> String {
        let lines = process::last_lines(&self.node_folder(name), 4);
        format!("node {name} does not start; the last that it wrote:\n{lines}")
    }

    fn start(&mut self, name: &str, node: &NodeMemory, engine: &Engine, failed_starts: u32) -> Result<(), String> {
        let timeout = if self.memory.formed { self.shared.node_timeout_ms() } else { FORMING_NODE_TIMEOUT_MS };
        let site = Site { folder: self.node_folder(name), place: node.place(), node_timeout_ms: timeout };
        let process = Process::start(&site, engine, self.wake.clone());
        let process = process.map_err(|error| format!("{} can't be started: {error}", engine.program.display()))?;
        self.shared.log.line(format!("node {name} started at {} as process {}", node.address, process.pid()));
        self.running.insert(name.to_owned(), Running::new(process, node, failed_starts));
        Ok(())
    }

    async fn bring_back(
        &mut self,
        name: &str,
        node: &NodeMemory,
        wanted: &WantedCluster,
        engine: &Engine,
    ) -> Result<(), String> {
        let now = Instant::now();
        let folder = self.node_folder(name);
        let Some(running) = self.running.get_mut(name) else {
            return Ok(());
        };
        if running.dead_since.is_none() {
            running.dead_since = Some(running.silence.dead_since(now, self.shared.node_timeout));
            let last = process::last_lines(&folder, 1);
            self.shared
                .log
                .line(format!("node {name} (process {}) has ended; its last line: {last}", running.process.pid()));
            if !running.answered {
                running.failed_starts += 1;
                // What it was to load is for its next start, unless that is what it fails at.
                if running.failed_starts < STARTS_BEFORE_FAILURE {
                    process::keep_data(&folder);
                }
                running.next_start = now + Duration::from_millis(50 << running.failed_starts.min(6));
                return self.learn_from_failure(name, node, wanted).await;
            }
        }
        if now < running.next_start {
            return Ok(());
        }
        let dead_since = running.dead_since.unwrap_or(now);
        self.revive(name, node, engine, dead_since).await
    }

    /// Starts a node that is not running, unless a replica is to take over from it first.
    async fn revive(&mut self, name: &str, node: &NodeMemory, engine: &Engine, since: Instant) -> Result<(), String> {
        match recovery(name, &self.members, self.shared.node_timeout, since.elapsed()) {
            Recovery::Wait => {}
            Recovery::Restart => {
                if self.is_loss(name) {
                    self.memory.chronicle.begins_recovery(name);
                }
                let failed_starts = self.running.get(name).map_or(0, |running| running.failed_starts);
                self.start(name, node, engine, failed_starts)?;
            }
            Recovery::TakeOver(heir) => self.let_take_over(&heir, name).await,
        }
        Ok(())
    }

    async fn let_take_over(&mut self, heir: &str, name: &str) {
        // It shows in the next look; asked for again only after it must have shown.
        if self.taken_over.get(name).is_some_and(|at| at.elapsed() <= self.shared.node_timeout) {
            return;
        }
        self.taken_over.insert(name.to_owned(), Instant::now());
        self.shared.log.line(format!("{heir} takes over from {name}"));
        if let Some(heir) = self.running.get(heir).filter(|heir| !heir.process.has_ended()) {
            let _ = take_over(&heir.link).await;
        }
    }

    /// Some reasons for a failed start go away: another program took the address, or the node's own file is torn.
    async fn learn_from_failure(
        &mut self,
        name: &str,
        node: &NodeMemory,
        wanted: &WantedCluster,
    ) -> Result<(), String> {
        let lines = process::last_lines(&self.node_folder(name), 6);
        if lines.contains("already in use") && lines.contains("bind") || lines.contains("listening socket") {
            let nodes = wanted.shards.iter().flat_map(|shard| &shard.nodes);
            let zone = nodes.filter(|node| node.id == name).map(|node| node.zone.as_str()).next().unwrap_or_default();
            let place = self.shared.book.place_for_node(wanted.port, zone).map_err(|error| error.to_string())?;
            self.shared.book.release(node.place());
            self.shared.log.line(format!("{} is taken: node {name} moves to {}", node.address, place.address));
            if let Some(node) = self.memory.nodes.get_mut(name) {
                (node.address, node.bus_port) = (place.address, place.bus_port);
            }
            self.remember().await?;
        }
        if lines.contains("corrupted cluster config file") {
            self.shared.log.line(format!("node {name} lost its cluster file: it joins as a new node"));
            let _ = std::fs::remove_file(self.node_folder(name).join(process::NODES));
        }
        Ok(())
    }

    /// Asks every node what it says now.
    pub async fn look(&mut self) -> &Members {
        let asked = Instant::now();
        let mut asking = JoinSet::new();
        for (name, running) in self.running.iter().filter(|(_, running)| !running.process.has_ended()) {
            let (name, link, pid) = (name.clone(), running.link.clone(), running.process.pid());
            asking.spawn(async move {
                let answer = link.said().await;
                let is_silent = answer.as_ref().err().is_some_and(is_silence);
                // Another's node at this address, while ours has yet to find out, is not ours.
                (name, is_silent, answer.ok().filter(|answer| answer.pid.is_none_or(|answered| answered == pid)))
            });
        }
        let answers = asking.join_all().await;
        let mut said: BTreeMap<String, Said> = BTreeMap::new();
        for (name, is_silent, answer) in answers {
            if let Some(running) = self.running.get_mut(&name) {
                if is_silent { running.silence.goes_on(asked) } else { running.silence.broken() }
            }
            let Some(answer) = answer else { continue };
            self.note_answer(&name, &answer);
            said.insert(name, answer.said);
        }
        self.members.clear();
        for (name, node) in &self.memory.nodes {
            let Some(node_id) = node.node_id.clone() else { continue };
            let member = Member { node_id, address: node.address, bus_port: node.bus_port, said: said.remove(name) };
            self.members.insert(name.clone(), member);
        }
        &self.members
    }

    fn note_answer(&mut self, name: &str, answer: &Answer) {
        if let Some(running) = self.running.get_mut(name) {
            running.answered = true;
            running.failed_starts = 0;
        }
        if let Some(node) = self.memory.nodes.get_mut(name) {
            node.node_id = Some(answer.node_id.clone());
        }
    }

    /// What was last seen.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Connections to the nodes that run: at the address of one that has ended another may answer.
    pub fn links(&self) -> Links {
        let alive = self.running.iter().filter(|(_, running)| !running.process.has_ended());
        alive.map(|(name, running)| (name.clone(), running.link.clone())).collect()
    }

    /// Whether the node's process runs.
    pub fn is_running(&self, name: &str) -> bool {
        self.running.get(name).is_some_and(|running| !running.process.has_ended())
    }

    /// Gives every node that answers the settings that it does not have yet. What an engine does not know, it refuses,
    /// and does without.
    pub async fn set(&mut self, settings: &[(String, String)]) -> Result<(), String> {
        if !self.learn_own_values(settings).await? {
            return Ok(());
        }
        let wanted = with_own_values(settings, &self.memory.own_values);
        let mut setting = JoinSet::new();
        for (name, running) in &self.running {
            let answers = self.members.get(name).is_some_and(|member| member.said.is_some());
            if !answers || running.settings == wanted {
                continue;
            }
            let mut pipeline = redis::pipe();
            for (name, values) in wanted.iter().filter(|(name, values)| running.settings.get(*name) != Some(values)) {
                for value in values {
                    pipeline.cmd("CONFIG").arg("SET").arg(name).arg(value);
                }
            }
            let (name, link) = (name.clone(), running.link.clone());
            setting.spawn(async move { link.ask_all(&mut pipeline).await.is_ok().then_some(name) });
        }
        for name in setting.join_all().await.into_iter().flatten() {
            if let Some(running) = self.running.get_mut(&name) {
                running.settings = wanted.clone();
            }
        }
        Ok(())
    }

    /// Remembers what the engine has for settings that were never changed before; false if no node can tell now.
    async fn learn_own_values(&mut self, settings: &[(String, String)]) -> Result<bool, String> {
        let is_new = |name: &String| !self.memory.own_values.contains_key(name);
        // A node has settings only after these were asked about; a name that the engine does not know is not asked
        // about again.
        let known = |name: &String| self.running.values().any(|running| running.settings.contains_key(name));
        let names: BTreeSet<&String> = settings.iter().map(|(name, _)| name).collect();
        let names: Vec<&String> = names.into_iter().filter(|name| is_new(name) && !known(name)).collect();
        let answers = |name: &&String| self.members.get(*name).is_some_and(|member| member.said.is_some());
        let Some(link) = self.running.keys().find(answers).map(|name| self.running[name].link.clone()) else {
            return Ok(false);
        };
        if names.is_empty() {
            return Ok(true);
        }
        let mut pipeline = redis::pipe();
        for name in &names {
            pipeline.cmd("CONFIG").arg("GET").arg(name);
        }
        let Ok(values) = link.ask_all(&mut pipeline).await else {
            return Ok(false);
        };
        for (name, value) in names.into_iter().cloned().zip(values).collect::<Vec<_>>() {
            let value = value.ok().and_then(|value| redis::from_redis_value::<Vec<String>>(value).ok());
            if let Some(value) = value.and_then(|pair| pair.into_iter().nth(1)) {
                self.memory.own_values.insert(name, value);
            }
        }
        self.remember().await.map(|()| true)
    }

    /// The fleet's own settings for this moment of the cluster's life.
    pub fn own_settings(&self) -> Vec<(String, String)> {
        let calm = if self.memory.formed { self.shared.node_timeout_ms() } else { FORMING_NODE_TIMEOUT_MS };
        let timeout = if self.moving { calm.max(MOVING_NODE_TIMEOUT_MS) } else { calm };
        let own = |name: &str, value: String| (name.to_owned(), value);
        vec![
            own("cluster-node-timeout", timeout.to_string()),
            // Which node is in which shard is decided here, not by the nodes.
            own("cluster-allow-replica-migration", "no".to_owned()),
        ]
    }

    /// Writes down what has changed, if anything has.
    pub async fn remember(&mut self) -> Result<(), String> {
        if self.saved.as_ref() == Some(&self.memory) {
            return Ok(());
        }
        let (memory, folder) = (self.memory.clone(), self.folder.clone());
        let saving = tokio::task::spawn_blocking(move || memory.save(&folder).map(|()| memory));
        let saved = saving.await.map_err(|error| error.to_string())?;
        self.saved = Some(saved.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Ends nodes for good, side by side (a primary takes its time until its replicas are gone), and removes their
    /// files.
    pub async fn dismiss(&mut self, names: &[String]) -> Result<(), String> {
        let leaving = names.iter().filter_map(|name| Some((name.clone(), self.running.remove(name)?))).collect();
        let ended = end_all(leaving).await;
        self.running.extend(ended.into_iter().filter(|(_, running)| !running.process.has_ended()));
        for name in names {
            if let Some(running) = self.running.get(name) {
                return Err(format!("process {} of node {name} can't be ended", running.process.pid()));
            }
            remove_folder(&self.node_folder(name))?;
            if let Some(node) = self.memory.nodes.remove(name) {
                self.shared.book.release(node.place());
            }
            self.members.remove(name);
            self.shared.log.line(format!("node {name} is gone"));
        }
        self.remember().await
    }

    /// Ends all nodes for good, side by side, removes the cluster's files, and forgets it.
    pub async fn disband(&mut self) -> Result<(), String> {
        self.running = end_all(std::mem::take(&mut self.running)).await;
        if let Some((name, running)) = self.running.iter().find(|(_, running)| !running.process.has_ended()) {
            return Err(format!("process {} of node {name} can't be ended", running.process.pid()));
        }
        self.running.clear();
        for node in std::mem::take(&mut self.memory.nodes).into_values() {
            self.shared.book.release(node.place());
        }
        self.end_unknown().await?;
        remove_folder(&self.folder)?;
        if let Some(region) = self.folder.parent() {
            // Only the last cluster of a region takes its folder along.
            let _ = std::fs::remove_dir(region);
        }
        (self.memory, self.saved) = (Memory::default(), None);
        (self.mustered, self.moving) = (Instant::now(), false);
        self.members.clear();
        self.taken_over.clear();
        Ok(())
    }

    /// Ends processes that only the folders tell of.
    async fn end_unknown(&self) -> Result<(), String> {
        let mut ending = JoinSet::new();
        for name in super::folders_in(&self.folder).into_iter().filter(|_| process::can_tell_folders()) {
            let folder = self.node_folder(&name);
            if let Some(pid) = process::noted_pid(&folder).filter(|pid| process::is_ours(*pid, &folder)) {
                let process = Process::adopt(pid, &folder, self.wake.clone());
                ending.spawn(async move { (name, pid, process.end(END_GRACE).await) });
            }
        }
        match ending.join_all().await.into_iter().find(|(.., ended)| !ended) {
            Some((name, pid, _)) => Err(format!("process {pid} of node {name} can't be ended")),
            None => Ok(()),
        }
    }

    /// Ends all nodes with their data kept. Replicas first: a primary waits for the replicas that it has, and whatever
    /// is written until its own end is in its own file.
    pub async fn stand_down(&mut self) {
        let is_primary = |name: &String| {
            let said = self.members.get(name).and_then(|member| member.said.as_ref());
            said.and_then(|said| said.view.myself()).is_none_or(|me| me.primary)
        };
        let (primaries, replicas): (Vec<String>, Vec<String>) = self.running.keys().cloned().partition(is_primary);
        for group in [replicas, primaries] {
            let mut saving = JoinSet::new();
            for name in group {
                let Some(running) = self.running.remove(&name) else {
                    continue;
                };
                let (folder, log) = (self.node_folder(&name), self.shared.log.clone());
                let node_id = self.memory.nodes.get(&name).and_then(|node| node.node_id.clone());
                saving.spawn(async move {
                    let kept = running.save_and_end(node_id.as_deref(), &folder).await;
                    log.line(format!("node {name} is ended, its data {}", if kept { "kept" } else { "not kept" }));
                });
            }
            saving.join_all().await;
        }
    }
}

impl Running {
    fn new(process: Process, node: &NodeMemory, failed_starts: u32) -> Running {
        Running {
            process,
            link: Link::new(node.address),
            answered: false,
            dead_since: None,
            next_start: Instant::now(),
            silence: Silence::default(),
            failed_starts,
            settings: BTreeMap::new(),
        }
    }

    /// True if its data is kept. Another's node may answer at its address by now, and is not asked to end.
    async fn save_and_end(&self, node_id: Option<&str>, folder: &std::path::Path) -> bool {
        if self.process.has_ended() {
            return false;
        }
        let link = self.link.patient(SAVE_GRACE);
        let is_ours = |answer: &Answer| match answer.pid {
            Some(pid) => pid == self.process.pid(),
            None => Some(answer.node_id.as_str()) == node_id,
        };
        if link.said().await.is_ok_and(|answer| is_ours(&answer)) {
            let _ = process::forget_data(folder);
            // Answered by the end of the connection, which is no error here.
            let _ = link.ask::<()>(&["SHUTDOWN", "SAVE"]).await;
            if self.process.wait(SAVE_GRACE).await {
                return process::keep_data(folder);
            }
        }
        self.process.end(END_GRACE).await;
        // A node that was still loading has its data as it was; any other's file may be from long ago.
        !self.answered && process::keep_data(folder)
    }
}

/// Ends processes side by side; answers with all of them, ended or not.
async fn end_all(processes: BTreeMap<String, Running>) -> BTreeMap<String, Running> {
    let mut ending = JoinSet::new();
    for (name, running) in processes {
        ending.spawn(async move {
            running.process.end(END_GRACE).await;
            (name, running)
        });
    }
    ending.join_all().await.into_iter().collect()
}

fn remove_folder(folder: &std::path::Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("can't remove {}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::test_folder::TestFolder;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_stranger_at_the_address_of_an_ended_node_is_not_asked_to_end() {
        let folder = TestFolder::new("stranger");
        let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = stranger.local_addr().unwrap();
        let node = NodeMemory { address, bus_port: address.port(), node_id: Some("ours".to_owned()) };
        let engine = Engine { program: "/bin/true".into(), leading_arguments: Vec::new() };
        let site = Site { folder: folder.path().to_owned(), place: node.place(), node_timeout_ms: 500 };
        let process = Process::start(&site, &engine, Arc::default()).unwrap();
        assert!(process.wait(Duration::from_secs(10)).await);
        let mut running = Running::new(process, &node, 0);
        running.answered = true;
        assert!(!running.save_and_end(Some("ours"), folder.path()).await);
        assert!(tokio::time::timeout(Duration::from_millis(50), stranger.accept()).await.is_err());
    }
}
