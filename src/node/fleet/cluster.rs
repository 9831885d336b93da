//! One cluster's supervisor: looks, decides what is next, has it done, and reports; again and again.
//!
//! Knows the order of things only. What is next is decided in `topology`; how it is done, in `form` and `crew`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::Shared;
use super::crew::Crew;
use super::crew::replacement::HandOvers;
use super::endpoint::Endpoint;
use super::engine;
use super::failover::established;
use super::form::{Pace, perform};
use super::parameters;
use super::resp::Link;
use super::restore::{Filling, Trouble};
use super::stuck::Stuck;
use super::topology::{self, Action, Next};
use crate::node::wanted::{ClusterKey, ClusterReport, NodeReport, SlotRange, WantedCluster, WantedShard};

/// Between two looks while there is something to do or to wait for.
const BUSY_PAUSE: Duration = Duration::from_millis(25);
/// Between two looks while all is as it should be; a process that ends is noticed at once all the same.
const CALM_PAUSE: Duration = Duration::from_millis(500);
/// After something failed that may mend (an engine is installed, an address becomes free).
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// What a cluster's supervisor is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Make it so, and keep it so.
    Keep(WantedCluster),
    /// End it, and remove its files.
    Remove,
    /// End its processes with all kept, as the server ends.
    StandDown,
}

/// One cluster's supervisor.
pub struct Supervisor {
    shared: Arc<Shared>,
    key: ClusterKey,
    folder: PathBuf,
    orders: watch::Receiver<Order>,
    wake: Arc<Notify>,
    endpoint: Option<Endpoint>,
    pace: Pace,
    hand_overs: HandOvers,
    report: ClusterReport,
    stuck: Stuck,
    /// The generation that is worked for.
    generation: u64,
    engine_noted: bool,
}

impl Supervisor {
    /// For the cluster `key`, whose files are in `folder`.
    pub fn new(shared: Arc<Shared>, key: ClusterKey, folder: PathBuf, orders: watch::Receiver<Order>) -> Self {
        Supervisor {
            shared,
            key,
            folder,
            orders,
            wake: Arc::default(),
            endpoint: None,
            pace: Pace::default(),
            hand_overs: HandOvers::default(),
            report: ClusterReport::default(),
            stuck: Stuck::default(),
            generation: 0,
            engine_noted: false,
        }
    }

    /// Works until the cluster is removed or stood down; answers with its key.
    pub async fn run(mut self) -> ClusterKey {
        let mut crew = loop {
            match Crew::muster(self.shared.clone(), self.folder.clone(), self.wake.clone()).await {
                Ok(crew) => break crew,
                Err(error) => self.fail(error.to_string()),
            }
            let order = self.orders.borrow_and_update().clone();
            match order {
                Order::StandDown => return self.key,
                // What can't be understood need not be, to be removed.
                Order::Remove => {
                    break Crew::without_memory(self.shared.clone(), self.folder.clone(), self.wake.clone());
                }
                Order::Keep(_) => {}
            }
            self.pause(FAILURE_PAUSE).await;
        };
        loop {
            let order = self.orders.borrow_and_update().clone();
            let pause = match order {
                Order::Keep(wanted) => self.keep(&mut crew, &wanted).await,
                Order::StandDown => {
                    crew.stand_down().await;
                    return self.key;
                }
                Order::Remove => match self.remove(&mut crew).await {
                    Ok(()) => return self.key,
                    Err(reason) => {
                        self.fail(reason);
                        FAILURE_PAUSE
                    }
                },
            };
            self.pause(pause).await;
        }
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            _ = self.orders.changed() => {}
            () = self.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn remove(&mut self, crew: &mut Crew) -> Result<(), String> {
        if let Some(address) = self.endpoint.take().map(|endpoint| endpoint.address()).or(crew.memory.endpoint.take()) {
            self.shared.book.release(endpoint_place(address));
        }
        crew.disband().await
    }

    async fn keep(&mut self, crew: &mut Crew, wanted: &WantedCluster) -> Duration {
        if std::mem::replace(&mut self.generation, wanted.generation) != wanted.generation {
            // What kept an earlier one from being reached says nothing of this one.
            self.stuck = Stuck::default();
            self.report.failure = None;
            self.shared.publish(&self.key, Some(self.report.clone()));
        }
        match self.advance(crew, wanted).await {
            Ok(pause) => {
                self.report.failure = self.stuck.reason(Instant::now());
                self.publish(crew, wanted);
                pause
            }
            Err(reason) => {
                self.publish(crew, wanted);
                self.fail(reason);
                FAILURE_PAUSE
            }
        }
    }

    /// One look and what follows from it; answers with the pause until the next.
    async fn advance(&mut self, crew: &mut Crew, wanted: &WantedCluster) -> Result<Duration, String> {
        self.end_predecessor(crew, wanted).await?;
        let engine = engine::find(&self.shared.engine, wanted.engine, &self.shared.search_path);
        let engine = engine.map_err(|error| error.to_string())?;
        if !std::mem::replace(&mut self.engine_noted, true) && engine.stands_in_for(wanted.engine) {
            let (id, kind) = (&self.key.replication_group_id, wanted.engine);
            self.shared.log.line(format!("cluster {id} asks for {kind:?}; {} stands in for it", engine.name()));
        }
        // Who has taken over is noted before the one that it took over from is started again.
        crew.observe(wanted);
        let looked = crew.keep_running(wanted, &engine).await;
        crew.look().await;
        crew.observe(wanted);
        crew.remember().await?;
        crew.relieve_silent().await;
        crew.end_hanging(wanted).await;
        // A node that fails to start is no reason to leave the others alone: the failure is told at the end.
        self.open_endpoint(crew, wanted).await?;
        self.set_all(crew, wanted).await?;
        let next = topology::next(&wanted.shards, crew.members());
        let next = crew.fail_over(wanted, next, &mut self.hand_overs).await?;
        // Not while they wait for one another: nodes gossip the slower the longer the timeout is.
        let moving = matches!(&next, Next::Do(actions) if actions.iter().any(is_move));
        if std::mem::replace(&mut crew.moving, moving) != moving {
            self.set_all(crew, wanted).await?;
        }
        let pause = self.follow(crew, wanted, next).await?;
        looked.map(|()| pause)
    }

    /// A cluster that was deleted and made anew, before its end was noticed here or while no server ran, inherits
    /// nothing.
    async fn end_predecessor(&mut self, crew: &mut Crew, wanted: &WantedCluster) -> Result<(), String> {
        if crew.memory.created != 0 && crew.memory.created != wanted.created {
            let id = &self.key.replication_group_id;
            self.shared.log.line(format!("cluster {id} was deleted and is made anew: the earlier one is ended"));
            self.remove(crew).await?;
            (self.report, self.stuck, self.pace) = (ClusterReport::default(), Stuck::default(), Pace::default());
            self.shared.publish(&self.key, Some(self.report.clone()));
        }
        crew.memory.created = wanted.created;
        Ok(())
    }

    async fn follow(&mut self, crew: &mut Crew, wanted: &WantedCluster, next: Next) -> Result<Duration, String> {
        match next {
            Next::Do(actions) => self.act(crew, actions).await,
            Next::Wait(reason) => {
                self.stuck.waits(reason, Instant::now());
                Ok(BUSY_PAUSE)
            }
            Next::Reached => {
                if let Some(pause) = self.fill(crew, wanted).await? {
                    return Ok(pause);
                }
                self.stuck = Stuck::default();
                if self.report.reached == wanted.generation {
                    return Ok(CALM_PAUSE);
                }
                if !crew.memory.formed {
                    crew.memory.formed = true;
                    self.set_all(crew, wanted).await?;
                }
                crew.remember().await?;
                self.report.reached = wanted.generation;
                let id = &self.key.replication_group_id;
                self.shared.log.line(format!("cluster {id} has reached generation {}", wanted.generation));
                Ok(CALM_PAUSE)
            }
        }
    }

    /// Fills a new cluster with the data that it is to start with, once; `Some`: that is not done yet.
    async fn fill(&mut self, crew: &mut Crew, wanted: &WantedCluster) -> Result<Option<Duration>, String> {
        let Some(data) = wanted.data.as_ref().filter(|data| crew.memory.filled != data.created) else {
            return Ok(None);
        };
        // As while slots move: a node that takes large keys is not dead for it.
        crew.moving = true;
        self.set_all(crew, wanted).await?;
        let engine = engine::find(&self.shared.engine, wanted.engine, &self.shared.search_path);
        let engine = engine.map_err(|error| error.to_string())?;
        let address = self.shared.book.place_for_endpoint(wanted.port).map_err(|error| error.to_string())?;
        let (region, snapshots, folder) = (&self.key.region, &self.shared.snapshots, self.folder.clone());
        let snapshot = snapshots.join(region).join(&data.snapshot);
        let (owners, cluster) = (owners(crew, wanted), folder.as_path());
        let filling = Filling { data, snapshot, cluster, engine: &engine, address, owners };
        let (began, mut orders) = (Instant::now(), self.orders.clone());
        let filled = tokio::select! {
            filled = filling.run() => Some(filled),
            // Begun anew, if it is still wanted.
            _ = orders.changed() => None,
        };
        self.shared.book.release(endpoint_place(address));
        match filled {
            None => Ok(Some(Duration::ZERO)),
            Some(Ok(keys)) => {
                crew.memory.filled = data.created;
                crew.remember().await?;
                let (id, name) = (&self.key.replication_group_id, &data.snapshot);
                let ms = began.elapsed().as_millis();
                self.shared
                    .log
                    .line(format!("cluster {id} has the {keys} keys of the snapshot {name}, copied in {ms} ms"));
                Ok(None)
            }
            Some(Err(Trouble::Passing(reason))) => {
                let id = &self.key.replication_group_id;
                self.shared.log.line(format!("cluster {id} can't be filled yet: {reason}"));
                self.stuck.waits(reason, Instant::now());
                Ok(Some(FAILURE_PAUSE))
            }
            Some(Err(Trouble::Lasting(reason))) => Err(reason),
        }
    }

    async fn act(&mut self, crew: &mut Crew, actions: Vec<Action>) -> Result<Duration, String> {
        let leaving: Vec<String> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Remove { member } => Some(member.clone()),
                _ => None,
            })
            .collect();
        let again = self.stuck.does(&actions, crew.members());
        let refusals = perform(actions, crew.members(), &crew.links(), &mut self.pace).await;
        let refused = !refusals.is_empty();
        for refusal in self.stuck.refused(refusals, Instant::now()) {
            self.shared.log.line(format!("cluster {}: {refusal}", self.key.replication_group_id));
        }
        if !leaving.is_empty() {
            crew.dismiss(&leaving).await?;
        }
        // A first refusal is often only too early.
        Ok(if again && refused { FAILURE_PAUSE } else { BUSY_PAUSE })
    }

    async fn set_all(&self, crew: &mut Crew, wanted: &WantedCluster) -> Result<(), String> {
        let mut settings = crew.own_settings();
        settings.extend(parameters::settings(&wanted.parameters));
        crew.set(&settings).await
    }

    async fn open_endpoint(&mut self, crew: &mut Crew, wanted: &WantedCluster) -> Result<(), String> {
        if self.endpoint.is_some() {
            return Ok(());
        }
        if let Some(address) = crew.memory.endpoint {
            self.shared.book.take(endpoint_place(address));
            if let Ok(endpoint) = Endpoint::open(address).await {
                self.endpoint = Some(endpoint);
                return Ok(());
            }
            self.shared.book.release(endpoint_place(address));
        }
        let address = self.shared.book.place_for_endpoint(wanted.port).map_err(|error| error.to_string())?;
        match Endpoint::open(address).await {
            Ok(endpoint) => self.endpoint = Some(endpoint),
            // Another was faster; the next look finds the next address.
            Err(error) => self.shared.log.line(format!("the endpoint {address} can't be opened: {error}")),
        }
        crew.memory.endpoint = Some(address);
        crew.remember().await
    }

    /// Whether a newer generation is wanted, for whose failure that of this one would be taken.
    fn is_overtaken(&self) -> bool {
        let differs = |wanted: &WantedCluster| wanted.generation != self.generation;
        self.generation != 0 && matches!(&*self.orders.borrow(), Order::Keep(wanted) if differs(wanted))
    }

    fn fail(&mut self, reason: String) {
        if self.is_overtaken() {
            return;
        }
        if self.report.failure.as_ref() != Some(&reason) {
            self.shared.log.line(format!("cluster {}: {reason}", self.key.replication_group_id));
        }
        self.report.failure = Some(reason);
        self.shared.publish(&self.key, Some(self.report.clone()));
    }

    fn publish(&mut self, crew: &Crew, wanted: &WantedCluster) {
        if self.is_overtaken() {
            self.report.failure = None;
        }
        self.report.nodes = node_reports(crew, wanted);
        self.report.happenings = crew.happenings();
        if let Some(endpoint) = &self.endpoint {
            let mut nodes: Vec<_> = self.report.nodes.values().filter(|node| node.ready).collect();
            nodes.sort_by_key(|node| !node.primary);
            endpoint.set_nodes(nodes.iter().map(|node| node.address).collect());
            self.report.endpoint = Some(endpoint.address());
        }
        self.shared.publish(&self.key, Some(self.report.clone()));
    }
}

/// The primaries that run, with the slots that they are to serve.
fn owners(crew: &Crew, wanted: &WantedCluster) -> Vec<(Vec<SlotRange>, Link)> {
    let links = crew.links();
    let primary_of = |shard: &WantedShard| {
        let mut nodes = shard.nodes.iter().filter(|node| {
            let said = crew.members().get(&node.id).and_then(|member| member.said.as_ref());
            said.and_then(|said| said.view.myself()).is_some_and(|me| me.primary)
        });
        nodes.next().and_then(|node| links.get(&node.id).cloned())
    };
    wanted.shards.iter().filter_map(|shard| Some((shard.slots.clone(), primary_of(shard)?))).collect()
}

fn is_move(action: &Action) -> bool {
    matches!(action, Action::MoveSlots { .. })
}

/// An endpoint has one port only.
fn endpoint_place(address: std::net::SocketAddr) -> super::address::Place {
    super::address::Place { address, bus_port: address.port() }
}

/// Ready is a node that answers, whose own view is of a working cluster, that no other takes for failing, and that,
/// as a replica, is in step.
fn node_reports(crew: &Crew, wanted: &WantedCluster) -> BTreeMap<String, NodeReport> {
    let mut reports = BTreeMap::new();
    let nodes = wanted.shards.iter().flat_map(|shard| shard.nodes.iter().map(move |node| (shard, node)));
    for (shard, node) in nodes {
        let Some(memory) = crew.memory.nodes.get(&node.id) else {
            continue;
        };
        let member = crew.members().get(&node.id);
        let said = member.and_then(|member| member.said.as_ref()).filter(|_| crew.is_running(&node.id));
        let me = said.and_then(|said| said.view.myself());
        // A new node takes itself for a primary until it is told whom to follow.
        let is_shards_own = || established(shard, crew.members()).is_none_or(|primary| primary == node.id);
        let primary = me.is_some_and(|me| me.primary) && is_shards_own();
        let suspected = member.is_some_and(|member| {
            let others = crew.members().values().filter_map(|other| other.said.as_ref());
            others.filter_map(|said| said.view.get(&member.node_id)).any(|seen| seen.failing)
        });
        let in_step = said.is_some_and(|said| said.cluster_ok && (primary || said.in_step));
        let report = NodeReport { address: memory.address, ready: in_step && !suspected, primary };
        reports.insert(node.id.clone(), report);
    }
    reports
}
