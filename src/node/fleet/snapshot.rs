//! Takes snapshots, keeps their files, and removes those that are not wanted any more.
//!
//! A snapshot is a folder with one file of data for each shard, and a note that is written last: without that note it
//! is not whole, and is taken anew. Knows where clusters have their folders, and what their reports say of their
//! nodes; must not know how a cluster is kept running.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::resp::{Link, field};
use super::{folders_in, path_part, process};
use crate::node::log::Log;
use crate::node::store;
use crate::node::wanted::{FleetReport, SnapshotKey, SnapshotReport, Wanted, WantedData, WantedSnapshot};

/// Name of the folder below the state folder that has a folder a region, and in it one a snapshot.
pub const SNAPSHOTS: &str = "snapshots";
/// The note of a snapshot that is whole.
const NOTE: &str = "snapshot.json";

/// How long a snapshot is tried for: a shard may have no primary for a while.
const TRIED_FOR: Duration = Duration::from_secs(60);
/// Between two tries.
const TRY_PAUSE: Duration = Duration::from_millis(250);
/// Between two looks at a primary that is saving.
const SAVING_PAUSE: Duration = Duration::from_millis(20);

/// What the note of a snapshot says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Which of those that have had this name.
    pub created: u64,
    /// Bytes of each shard's file, by the shard's id.
    pub sizes: BTreeMap<String, u64>,
}

impl Note {
    /// The note of the snapshot in this folder, if it is whole.
    pub fn load(folder: &Path) -> Option<Note> {
        store::load(&folder.join(NOTE)).ok().flatten()
    }
}

/// The file of a shard's data in a snapshot's folder.
pub fn file_of(folder: &Path, shard: &str) -> PathBuf {
    folder.join(format!("{shard}.rdb"))
}

/// Keeps all snapshots as they are wanted.
#[derive(Debug)]
pub struct Keeper {
    folder: PathBuf,
    depot: Depot,
    /// What is being done, or was done last, for each snapshot; `None`: its removal.
    tasks: BTreeMap<SnapshotKey, (Option<WantedSnapshot>, JoinHandle<()>)>,
}

/// Where clusters are, and where it is told what became of a snapshot.
#[derive(Clone, Debug)]
struct Depot {
    clusters: PathBuf,
    report: watch::Sender<FleetReport>,
    log: Log,
}

impl Keeper {
    /// Of the snapshots in `folder`, taken of clusters whose folders are in `clusters`.
    pub fn new(folder: PathBuf, clusters: PathBuf, report: watch::Sender<FleetReport>, log: Log) -> Keeper {
        Keeper { folder, depot: Depot { clusters, report, log }, tasks: BTreeMap::new() }
    }

    /// Begins what is wanted, and ends and removes what isn't.
    pub fn order(&mut self, wanted: &Wanted) {
        let keys: BTreeSet<SnapshotKey> = self.known().into_iter().chain(wanted.snapshots.keys().cloned()).collect();
        for key in keys {
            let goal = wanted.snapshots.get(&key);
            match self.tasks.get(&key) {
                Some((Some(doing), _)) if goal.is_some_and(|goal| goal.created == doing.created) => {}
                Some((None, task)) if goal.is_none() && !task.is_finished() => {}
                _ => self.begin(&key, goal),
            }
        }
        self.tasks.retain(|_, (goal, task)| goal.is_some() || !task.is_finished());
    }

    /// Snapshots that have a task, or files here.
    fn known(&self) -> BTreeSet<SnapshotKey> {
        let mut keys: BTreeSet<SnapshotKey> = self.tasks.keys().cloned().collect();
        for region in folders_in(&self.folder) {
            let names = folders_in(&self.folder.join(&region)).into_iter();
            keys.extend(names.map(|name| SnapshotKey { region: region.clone(), name }));
        }
        keys
    }

    fn begin(&mut self, key: &SnapshotKey, goal: Option<&WantedSnapshot>) {
        let (Some(region), Some(name)) = (path_part(&key.region), path_part(&key.name)) else {
            return;
        };
        let folder = self.folder.join(region).join(name);
        let before = self.tasks.remove(key).map(|(_, task)| task);
        let (depot, key, goal) = (self.depot.clone(), key.clone(), goal.cloned());
        let doing = goal.clone();
        let of = key.clone();
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                before.abort();
                let _ = before.await;
            }
            match goal {
                Some(goal) => depot.have(&of, &goal, &folder).await,
                None => depot.remove(&of, &folder),
            }
        });
        self.tasks.insert(key, (doing, task));
    }

    /// Ends what is being done; it is begun anew at the next start.
    pub async fn stand_down(&mut self) {
        for (_, task) in std::mem::take(&mut self.tasks).into_values() {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.tasks.values().for_each(|(_, task)| task.abort());
    }
}

impl Depot {
    fn remove(&self, key: &SnapshotKey, folder: &Path) {
        match std::fs::remove_dir_all(folder) {
            Ok(()) => {
                self.log.line(format!("snapshot {} is removed", key.name));
                // Only the last of a region takes its folder along.
                let _ = folder.parent().map(std::fs::remove_dir);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // It is found again at the next order.
            Err(error) => self.log.line(format!("can't remove {}: {error}", folder.display())),
        }
        self.report.send_if_modified(|report| report.snapshots.remove(key).is_some());
    }

    /// Takes a snapshot, unless it is there already.
    async fn have(&self, key: &SnapshotKey, wanted: &WantedSnapshot, folder: &Path) {
        let outcome = match Note::load(folder).filter(|note| note.created == wanted.created) {
            Some(note) => Ok(note.sizes),
            None if wanted.is_taken => Err("its files are not there any more".to_owned()),
            None => self.take(key, wanted, folder).await,
        };
        if let Err(reason) = &outcome {
            self.log.line(format!("snapshot {} can't be taken: {reason}", key.name));
        }
        let report = SnapshotReport { created: wanted.created, outcome };
        self.report.send_modify(|reports| {
            reports.snapshots.insert(key.clone(), report);
        });
    }

    async fn take(
        &self,
        key: &SnapshotKey,
        wanted: &WantedSnapshot,
        folder: &Path,
    ) -> Result<BTreeMap<String, u64>, String> {
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        // Of an earlier one, or of one that was cut short.
        if let Err(error) = std::fs::remove_dir_all(folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(failed(error));
        }
        // The region's folder may be gone in between, with another snapshot.
        std::fs::create_dir_all(folder).or_else(|_| std::fs::create_dir_all(folder)).map_err(failed)?;
        let began = Instant::now();
        let sizes = match &wanted.copy_of {
            Some(of) => copy(of, folder)?,
            None => self.save_shards(wanted, folder, began + TRIED_FOR).await?,
        };
        let note = Note { created: wanted.created, sizes };
        let (path, saved) = (folder.join(NOTE), note.clone());
        let writing = tokio::task::spawn_blocking(move || store::save(&path, &saved)).await;
        writing.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let (bytes, ms) = (note.sizes.values().sum::<u64>(), began.elapsed().as_millis());
        self.log.line(format!("snapshot {} is whole: {bytes} bytes in {ms} ms", key.name));
        Ok(note.sizes)
    }

    /// All shards side by side; answers with the size of each one's file.
    async fn save_shards(
        &self,
        wanted: &WantedSnapshot,
        folder: &Path,
        until: Instant,
    ) -> Result<BTreeMap<String, u64>, String> {
        let mut saving = JoinSet::new();
        for (shard, members) in wanted.shards.clone() {
            let (depot, wanted, file) = (self.clone(), wanted.clone(), file_of(folder, &shard));
            saving.spawn(async move {
                let size = depot.save_shard(&wanted, &shard, &members, &file, until).await;
                size.map(|size| (shard, size))
            });
        }
        let mut sizes = BTreeMap::new();
        while let Some(saved) = saving.join_next().await {
            let (shard, size) = saved.map_err(|error| error.to_string()).flatten()?;
            sizes.insert(shard, size);
        }
        Ok(sizes)
    }

    /// One shard's data, from whichever node is its primary.
    async fn save_shard(
        &self,
        wanted: &WantedSnapshot,
        shard: &str,
        members: &[String],
        file: &Path,
        until: Instant,
    ) -> Result<u64, String> {
        loop {
            let primary = {
                let report = self.report.borrow();
                let cluster = report.clusters.get(&wanted.cluster);
                let nodes = cluster.into_iter().flat_map(|cluster| &cluster.nodes);
                let mut ready = nodes.filter(|(name, node)| members.contains(name) && node.primary && node.ready);
                ready.next().map(|(name, node)| (name.clone(), node.address))
            };
            let reason = match primary {
                None => format!("shard {shard} has no primary that is ready"),
                Some((name, address)) => {
                    let key = &wanted.cluster;
                    let node = self.clusters.join(&key.region).join(&key.replication_group_id).join(&name);
                    match save(&Link::new(address), &node, file).await {
                        Ok(size) => return Ok(size),
                        Err(reason) => format!("{name}: {reason}"),
                    }
                }
            };
            if Instant::now() >= until {
                return Err(reason);
            }
            tokio::time::sleep(TRY_PAUSE).await;
        }
    }
}

/// Links to the files of another snapshot of the region: they are never written again, and go with the last link.
fn copy(of: &WantedData, folder: &Path) -> Result<BTreeMap<String, u64>, String> {
    let source = folder.with_file_name(&of.snapshot);
    let note = Note::load(&source).filter(|note| note.created == of.created);
    let note = note.ok_or_else(|| format!("the files of {} are not there", of.snapshot))?;
    for shard in note.sizes.keys() {
        let (from, to) = (file_of(&source, shard), file_of(folder, shard));
        let copied = std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(drop));
        copied.map_err(|error| format!("{}: {error}", from.display()))?;
    }
    Ok(note.sizes)
}

/// Has a node save its data, and takes the file; answers with its size in bytes.
///
/// The node's folder is touched between two awaits only, so that whoever ends this task is sure that nothing of it
/// goes on there.
async fn save(link: &Link, node: &Path, file: &Path) -> Result<u64, String> {
    let words = |error: redis::RedisError| error.to_string();
    process::forget_data(node).map_err(|error| error.to_string())?;
    link.ask::<String>(&["BGSAVE"]).await.map_err(words)?;
    loop {
        tokio::time::sleep(SAVING_PAUSE).await;
        let info: String = link.ask(&["INFO", "persistence"]).await.map_err(words)?;
        if field(&info, "rdb_bgsave_in_progress") == Some("1") {
            continue;
        }
        if field(&info, "rdb_last_bgsave_status") != Some("ok") {
            return Err(format!("it can't save: {}", process::last_lines(node, 2)));
        }
        break;
    }
    process::take_data(node, file).map_err(|error| format!("its data can't be taken: {error}"))?;
    let path = file.to_owned();
    let synced = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(path)?;
        file.sync_all()?;
        Ok::<u64, io::Error>(file.metadata()?.len())
    });
    synced.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::test_folder::TestFolder;
    use crate::node::wanted::ClusterKey;

    fn key(name: &str) -> SnapshotKey {
        SnapshotKey { region: "us-east-1".to_owned(), name: name.to_owned() }
    }

    fn wanted(created: u64) -> WantedSnapshot {
        let cluster = ClusterKey { region: "us-east-1".to_owned(), replication_group_id: "test".to_owned() };
        WantedSnapshot { created, is_taken: false, copy_of: None, cluster, shards: BTreeMap::new() }
    }

    #[tokio::test]
    async fn what_is_not_wanted_any_more_is_removed_and_the_rest_is_found_again() {
        let folder = TestFolder::new("snapshots");
        let all = folder.path().join(SNAPSHOTS);
        for (name, created) in [("kept", 1), ("gone", 2), ("other", 3)] {
            let note = Note { created, sizes: BTreeMap::from([("0001".to_owned(), created)]) };
            store::save(&all.join("us-east-1").join(name).join(NOTE), &note).unwrap();
        }
        let log = Log::open(&folder.path().join("log")).unwrap();
        let report = watch::Sender::new(FleetReport::default());
        let mut reports = report.subscribe();
        let mut keeper = Keeper::new(all.clone(), folder.path().join("clusters"), report, log);
        let snapshots = BTreeMap::from([(key("kept"), wanted(1)), (key("other"), wanted(9))]);
        let now = Wanted { snapshots, ..Wanted::default() };
        keeper.order(&now);
        let both = reports.wait_for(|report| report.snapshots.len() == 2);
        let both = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap().unwrap().snapshots.clone();
        assert_eq!(both[&key("kept")].outcome, Ok(BTreeMap::from([("0001".to_owned(), 1)])));
        // Another of the same name is not what is there: it was taken anew, of no shards here.
        assert_eq!(both[&key("other")].outcome, Ok(BTreeMap::new()));
        let deadline = Instant::now() + Duration::from_secs(20);
        while all.join("us-east-1/gone").exists() {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        keeper.order(&Wanted::default());
        let none = reports.wait_for(|report| report.snapshots.is_empty());
        tokio::time::timeout(Duration::from_secs(20), none).await.unwrap().unwrap();
        assert!(!all.join("us-east-1/kept").exists() && !all.join("us-east-1/other").exists());
        keeper.stand_down().await;
    }
}
