//! The fleet: keeps real cache nodes running as the control side wants them.
//!
//! It meets the control side only in [`super::wanted`]: it takes `Wanted` and gives `FleetReport`. Each cluster has a
//! supervisor of its own (`cluster`), which looks at what the nodes say, asks `topology` (pure) what is next, and has
//! `form` and `crew` do it. Beside them `snapshot` keeps the files of snapshots, and `restore` fills new clusters with
//! them. Nothing is decided from memory but addresses, node ids and how far a failover that was asked for is: killed at
//! any moment and started again, the fleet goes on from what is there. Nodes that die (`recovery`), hang (`silence`) or
//! are to be failed over (`failover`) are replaced, and a `chronicle` says what happened to them.

mod address;
mod chronicle;
mod cluster;
mod crew;
mod endpoint;
pub mod engine;
mod failover;
mod form;
mod memory;
mod parameters;
mod process;
mod recovery;
mod reshard;
mod resp;
mod restore;
mod silence;
mod slot_set;
mod snapshot;
mod stuck;
mod topology;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

use self::address::AddressBook;
use self::cluster::{Order, Supervisor};
use self::engine::EngineChoice;
use self::snapshot::{Keeper, SNAPSHOTS};
use super::log::Log;
use super::wanted::{ClusterKey, ClusterReport, FleetReport, Wanted, WantedCluster};

/// Name of the folder below the state folder that has a folder a region, and in it one a cluster.
const CLUSTERS: &str = "clusters";

/// Before a cluster whose supervisor has failed gets another.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// What a fleet needs to know besides what is wanted.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// The server's folder, absolute and without links; the fleet's files are in `clusters` below.
    pub state_dir: PathBuf,
    /// Which program runs as cache nodes.
    pub engine: EngineChoice,
    /// Where programs are looked for, in the form of the PATH variable.
    pub search_path: OsString,
    /// How long a node is silent before its cluster takes it for dead; 500 ms or more. Failovers begin after it.
    pub node_timeout: Duration,
    /// Whether nodes share 127.0.0.1 and have a port each, even where the system has more loopback addresses.
    pub one_address: bool,
    /// Where the fleet tells what it does.
    pub log: Log,
}

/// Longest a node may be silent before the others take it for dead, unless told otherwise. Long enough for a machine
/// that is busy with a build, short enough to watch a failover.
pub const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// What all supervisors share.
#[derive(Debug)]
struct Shared {
    engine: EngineChoice,
    search_path: OsString,
    node_timeout: Duration,
    /// The folder of all snapshots.
    snapshots: PathBuf,
    log: Log,
    book: AddressBook,
    report: watch::Sender<FleetReport>,
}

impl Shared {
    fn node_timeout_ms(&self) -> u64 {
        u64::try_from(self.node_timeout.as_millis()).unwrap_or(u64::MAX)
    }

    fn publish(&self, key: &ClusterKey, report: Option<ClusterReport>) {
        self.report.send_if_modified(|reports| match report {
            Some(report) if reports.clusters.get(key) == Some(&report) => false,
            Some(report) => {
                reports.clusters.insert(key.clone(), report);
                true
            }
            None => reports.clusters.remove(key).is_some(),
        });
    }

    /// A newer generation is wanted: the failure of an earlier one must not be taken for its.
    fn forget_failure(&self, key: &ClusterKey) {
        self.report.send_if_modified(|reports| {
            let report = reports.clusters.get_mut(key);
            report.and_then(|report| report.failure.take()).is_some()
        });
    }
}

/// Keeps the nodes as they are wanted until `shutdown` resolves; then ends them in order, with their data kept.
///
/// Nothing is done before the first value is *sent* to `wanted`: the one that a channel is made with does not count, so
/// that clusters of an earlier run are not removed before the control side has read its state.
pub async fn run(
    options: FleetOptions,
    mut wanted: watch::Receiver<Wanted>,
    report: watch::Sender<FleetReport>,
    shutdown: impl Future<Output = ()>,
) {
    let folder = options.state_dir.join(CLUSTERS);
    let shared = Arc::new(Shared {
        engine: options.engine,
        search_path: options.search_path,
        node_timeout: options.node_timeout,
        snapshots: options.state_dir.join(SNAPSHOTS),
        log: options.log,
        book: AddressBook::new(options.one_address),
        report,
    });
    let keeper = Keeper::new(shared.snapshots.clone(), folder.clone(), shared.report.clone(), shared.log.clone());
    let mut fleet =
        Fleet { shared, keeper, folder, orders: BTreeMap::new(), tasks: JoinSet::new(), keys: HashMap::new() };
    tokio::pin!(shutdown);
    let mut started = false;
    let mut open = true;
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            changed = wanted.changed(), if open => {
                open = changed.is_ok();
                let now = wanted.borrow_and_update().clone();
                if open && !started {
                    started = true;
                    fleet.find_left_over(&now);
                }
                if open {
                    fleet.keeper.order(&now);
                    fleet.order(&now);
                }
            }
            Some(ended) = fleet.tasks.join_next_with_id() => fleet.ended(ended, &wanted.borrow()),
        }
    }
    fleet.stand_down().await;
}

struct Fleet {
    shared: Arc<Shared>,
    keeper: Keeper,
    folder: PathBuf,
    orders: BTreeMap<ClusterKey, watch::Sender<Order>>,
    tasks: JoinSet<ClusterKey>,
    /// Whose supervisor each task is.
    keys: HashMap<task::Id, ClusterKey>,
}

impl Fleet {
    fn order(&mut self, wanted: &Wanted) {
        for (key, cluster) in &wanted.clusters {
            let order = Order::Keep(cluster.clone());
            match self.orders.get(key) {
                // A supervisor that removes goes on removing; what is wanted then is looked up when it has ended.
                Some(orders) if *orders.borrow() == Order::Remove => {}
                Some(orders) => {
                    let same = |old: &WantedCluster| old.generation == cluster.generation;
                    let is_newer = !matches!(&*orders.borrow(), Order::Keep(old) if same(old));
                    orders.send_if_modified(|old| {
                        let differs = *old != order;
                        *old = order;
                        differs
                    });
                    if is_newer {
                        self.shared.forget_failure(key);
                    }
                }
                None => self.supervise(key, order, Duration::ZERO),
            }
        }
        for (_, orders) in self.orders.iter().filter(|(key, _)| !wanted.clusters.contains_key(key)) {
            orders.send_replace(Order::Remove);
        }
        // A cluster that was refused for its name has no supervisor who would report its end.
        let known = |key: &ClusterKey| wanted.clusters.contains_key(key) || self.orders.contains_key(key);
        self.shared.report.send_if_modified(|report| {
            let before = report.clusters.len();
            report.clusters.retain(|key, _| known(key));
            report.clusters.len() != before
        });
    }

    fn supervise(&mut self, key: &ClusterKey, order: Order, pause: Duration) {
        let (Some(region), Some(id)) = (path_part(&key.region), path_part(&key.replication_group_id)) else {
            let failure = "region and id may have letters, digits and hyphens only".to_owned();
            let report = ClusterReport { failure: Some(failure), ..ClusterReport::default() };
            self.shared.publish(key, (order != Order::Remove).then_some(report));
            return;
        };
        let (orders, received) = watch::channel(order);
        let folder = self.folder.join(region).join(id);
        let supervisor = Supervisor::new(self.shared.clone(), key.clone(), folder, received);
        let task = self.tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            supervisor.run().await
        });
        self.keys.insert(task.id(), key.clone());
        self.orders.insert(key.clone(), orders);
    }

    /// Clusters that have files here but are not wanted: their removal was cut short.
    fn find_left_over(&mut self, wanted: &Wanted) {
        for region in folders_in(&self.folder) {
            for id in folders_in(&self.folder.join(&region)) {
                let key = ClusterKey { region: region.clone(), replication_group_id: id };
                if !wanted.clusters.contains_key(&key) {
                    self.supervise(&key, Order::Remove, Duration::ZERO);
                }
            }
        }
    }

    fn ended(&mut self, ended: Result<(task::Id, ClusterKey), JoinError>, wanted: &Wanted) {
        let (task, failed) = match ended {
            Ok((task, _)) => (task, None),
            Err(error) => (error.id(), Some(error)),
        };
        let Some(key) = self.keys.remove(&task) else { return };
        let order = self.orders.remove(&key).map(|orders| orders.borrow().clone());
        if failed.is_none() {
            self.shared.publish(&key, None);
        }
        let pause = if failed.is_some() { FAILED_PAUSE } else { Duration::ZERO };
        if let Some(error) = &failed {
            let id = &key.replication_group_id;
            self.shared.log.line(format!("the supervisor of cluster {id} has failed, another takes over: {error}"));
        }
        match wanted.clusters.get(&key) {
            // What was to be removed is, before another with its key is made.
            _ if failed.is_some() && order == Some(Order::Remove) => self.supervise(&key, Order::Remove, pause),
            Some(cluster) => self.supervise(&key, Order::Keep(cluster.clone()), pause),
            None => {}
        }
    }

    async fn stand_down(&mut self) {
        // Nodes that end save their data where a snapshot of theirs would be looked for.
        self.keeper.stand_down().await;
        for orders in self.orders.values() {
            // A removal under way is finished all the same, and one that can't be is found again at the next start.
            orders.send_replace(Order::StandDown);
        }
        while self.tasks.join_next().await.is_some() {}
        self.shared.log.line("all nodes are ended");
    }
}

/// A name that stays below the folder it is put in: regions come from requests as they are.
fn path_part(name: &str) -> Option<&str> {
    let sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    sound.then_some(name)
}

fn folders_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
