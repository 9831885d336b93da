//! The failover drill: fails a shard over while a writer and a reader watch it, and tells what they saw.
//!
//! [`survey`](survey()) and [`admission`] come before, [`Drill::run`] is the drill, [`report`] is what it found. What
//! is decided from what was seen is pure (`traffic`, `roles`, `sight`, `keys`); the rest talks to the nodes and asks
//! the cloud through its seam. Prints nothing: [`Told`] says how it goes.

pub mod admission;
mod client;
pub mod keys;
mod look;
pub mod report;
mod roles;
mod sight;
mod survey;
mod traffic;
mod work;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use self::admission::{DAY_MS, Refusal, calls_since, is_worth_another_try};
use self::client::{Directory, ShardClient};
use self::report::{Bystander, DrillEvent, DrillReport, NOT_READ_BACK, Node, Outcome, RoleChange, ShardDrill};
use self::roles::{Look, Roles};
use self::sight::Sight;
pub use self::survey::{ShardNodes, Survey, survey};
use self::traffic::traffic;
use self::work::{Beat, Kind, Stream};
use super::reach::Reach;
use crate::call::Wait;
use crate::cloud::{Cloud, CloudError, CloudEvent, Ids, Operations, Progress};
use crate::observed::LiveReplicationGroup;

/// How far back events are read before the call: clocks differ, and what was told before is no part of the drill.
const CLOCKS_DIFFER_MS: u64 = 120_000;
/// How much longer than the drill its keys may last if nobody deletes them.
const EXPIRY_AFTER: Duration = Duration::from_secs(600);
/// The first pause before TestFailover is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// The longest one.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// How a drill goes: times, all told.
#[derive(Clone, Debug)]
pub struct Manner {
    /// From one request of a stream to its next.
    pub pace: Duration,
    /// How long a client waits for a connection or an answer.
    pub patience: Duration,
    /// From one look at a node's role to the next.
    pub look_every: Duration,
    /// From one question to the cloud (events, status) to the next.
    pub ask_every: Duration,
    /// How long is watched before the call, and after all is well again.
    pub margin: Duration,
    /// How long all has to stay well where no event tells that recovery has ended.
    pub quiet: Duration,
    /// How long a TestFailover is tried that the cloud refuses as "not now".
    pub refused_for: Duration,
    /// How long reading back and deleting may take.
    pub ending: Duration,
    /// How long one shard's failover may take, from the call on.
    pub timeout: Duration,
}

impl Manner {
    /// For AWS, whose nodes are far and whose API is not to be asked often.
    pub fn remote(timeout: Duration) -> Self {
        Manner {
            pace: Duration::from_millis(10),
            patience: Duration::from_secs(1),
            look_every: Duration::from_millis(250),
            ask_every: Duration::from_secs(5),
            margin: Duration::from_secs(1),
            quiet: Duration::from_secs(15),
            refused_for: Duration::from_secs(60),
            ending: Duration::from_secs(10),
            timeout,
        }
    }

    /// For a cloud on this machine.
    pub fn local(timeout: Duration) -> Self {
        Manner {
            look_every: Duration::from_millis(50),
            ask_every: Duration::from_millis(500),
            quiet: Duration::from_secs(5),
            ..Manner::remote(timeout)
        }
    }
}

/// How it goes, for people who wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A shard is watched now.
    Begun {
        /// Which.
        shard: String,
        /// Its primary.
        primary: Node,
    },
    /// The cloud says "not now": its words. It is tried again.
    Busy(String),
    /// TestFailover was accepted.
    Called,
    /// A node's role has changed.
    Role(RoleChange),
    /// The cloud tells of something.
    Event(DrillEvent),
    /// A shard's failover has ended.
    Ended {
        /// Which shard's.
        shard: String,
        /// How.
        outcome: Outcome,
    },
}

/// Why a drill came to no good end, apart from what its report shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// TestFailover was refused.
    Cloud(CloudError),
    /// A later shard could not be begun.
    Refused(Refusal),
}

/// A drill that is ready to run.
pub struct Drill<C> {
    /// The cloud.
    pub cloud: Arc<C>,
    /// How nodes are reached.
    pub reach: Reach,
    /// The stack's name.
    pub stack: String,
    /// AWS region.
    pub region: String,
    /// The replication group's id.
    pub id: String,
    /// What is live of it.
    pub group: LiveReplicationGroup,
    /// Now, in milliseconds since 1970.
    pub began_ms: u64,
    /// How it goes.
    pub manner: Manner,
    /// Who wants to know meanwhile.
    pub told: mpsc::UnboundedSender<Told>,
    /// Turns true when it is to be left.
    pub stop: watch::Receiver<bool>,
}

/// What the watching of one shard is made of.
struct Scene<'a> {
    began: Instant,
    shard: &'a ShardNodes,
    bystander: Option<&'a ShardNodes>,
    directory: Arc<Directory>,
    /// The patience of clients.
    reach: Reach,
}

/// A shard's writer and reader.
struct Crew {
    keys: Vec<String>,
    writer: JoinHandle<Stream>,
    reader: JoinHandle<Stream>,
}

/// What the cloud says at a moment.
struct News {
    events: Result<Vec<CloudEvent>, CloudError>,
    /// `None`: nothing moves.
    moving: Result<Option<String>, CloudError>,
}

impl<C: Cloud + Operations> Drill<C> {
    /// Fails the shards over, one after another: the next only when the one before is at full strength. Whatever
    /// happens, the report tells what is known, and the drill's keys are deleted.
    pub async fn run(&self, shards: &[String]) -> (DrillReport, Option<Failure>) {
        let began = Instant::now();
        let members = self.group.node_groups.iter().map(|shard| shard.zones.len()).max().unwrap_or(0);
        let mut report = DrillReport {
            stack: self.stack.clone(),
            region: self.region.clone(),
            shards: self.group.node_groups.len(),
            replicas_per_shard: members.saturating_sub(1),
            began_ms: self.began_ms,
            ..DrillReport::default()
        };
        let mut failure = None;
        for shard in shards {
            match self.one(shard, began, &mut report).await {
                Ok(None) => {}
                Ok(Some(error)) => failure = Some(Failure::Cloud(error)),
                Err(refusal) => failure = Some(Failure::Refused(refusal)),
            }
            let is_restored = report.drills.last().is_some_and(|drill| drill.outcome == Outcome::Restored);
            if failure.is_some() || !is_restored || *self.stop.borrow() {
                break;
            }
        }
        report.took_ms = since(began);
        (report, failure)
    }

    /// One shard's drill.
    async fn one(&self, id: &str, began: Instant, report: &mut DrillReport) -> Result<Option<CloudError>, Refusal> {
        let survey = survey(&self.reach, &self.id, &self.group, std::slice::from_ref(&id.to_owned())).await?;
        report.engine.clone_from(&survey.engine);
        let Some(shard) = survey.shard(id) else { return Ok(None) };
        let scene = Scene {
            began,
            shard,
            bystander: survey.shards.iter().find(|other| other.id != id),
            directory: Arc::new(survey.directory.clone()),
            reach: self.reach.with_patience(self.manner.patience),
        };
        let (drill, error) = self.watched(&scene).await;
        self.tell(Told::Ended { shard: id.to_owned(), outcome: drill.outcome });
        report.drills.push(drill);
        Ok(error)
    }

    /// Watches the shard, has it failed over, and watches on until it is over.
    async fn watched(&self, scene: &Scene<'_>) -> (ShardDrill, Option<CloudError>) {
        let shard = scene.shard;
        let mut drill = ShardDrill {
            shard: shard.id.clone(),
            primary_before: shard.primary().clone(),
            watched_from_ms: since(scene.began),
            ..ShardDrill::default()
        };
        self.tell(Told::Begun { shard: shard.id.clone(), primary: shard.primary().clone() });
        let (end, ending) = watch::channel(false);
        let crew = self.crew(shard, scene, &ending);
        let bystanders = scene.bystander.map(|other| (other, self.crew(other, scene, &ending)));
        let (sight, error, is_over) = self.failed_over(scene).await;
        let left = *self.stop.borrow();
        drill.ended_ms = since(scene.began);
        let until_us = drill.ended_ms.saturating_mul(1000);
        end.send_replace(true);
        self.conclude(sight, is_over, left, &mut drill);
        if error.is_some() && drill.outcome != Outcome::Left {
            drill.outcome = Outcome::NotFailedOver;
        }
        if let Some(stream) = self.dismiss(crew, until_us, true, &mut drill).await {
            (drill.writes, drill.reads) = stream;
        }
        if let Some((other, crew)) = bystanders
            && let Some((writes, reads)) = self.dismiss(crew, until_us, false, &mut drill).await
        {
            drill.bystander = Some(Bystander { shard: other.id.clone(), writes, reads });
        }
        drill.notes.push("reads are of the primary, as most clients make them".to_owned());
        (drill, error)
    }

    fn crew(&self, shard: &ShardNodes, scene: &Scene<'_>, stop: &watch::Receiver<bool>) -> Crew {
        let keys = keys::keys(&shard.slots, &format!("{:x}-{}", self.began_ms, scene.shard.id));
        let slot = keys.first().map_or(0, |key| super::slots::slot_of_key(key));
        let client = || {
            let at = shard.nodes[shard.primary].at.clone();
            ShardClient::new(scene.reach.clone(), Arc::clone(&scene.directory), slot, at)
        };
        let (pace, expiry) = (self.manner.pace, self.manner.timeout + self.manner.refused_for + EXPIRY_AFTER);
        let beat = Beat { began: scene.began, pace, expiry, stop: stop.clone() };
        let writer = Stream::new(Kind::Write, client(), keys.clone(), beat.clone()).spawn();
        let reader = Stream::new(Kind::Read, client(), keys.clone(), beat).spawn();
        Crew { keys, writer, reader }
    }

    /// Ends a shard's writer and reader: what they met. Reads back what was written, and deletes it.
    async fn dismiss(
        &self,
        crew: Crew,
        until_us: u64,
        reads_back: bool,
        drill: &mut ShardDrill,
    ) -> Option<(report::Traffic, report::Traffic)> {
        let (mut writes, reads) = (crew.writer.await.ok()?, crew.reader.await.ok()?);
        let ending = self.manner.ending;
        if reads_back {
            match work::read_back(&mut writes.client, &crew.keys, ending).await {
                Some(numbers) => drill.lost = writes.ledger.lost(&crew.keys, &numbers),
                None => drill.notes.push(NOT_READ_BACK.to_owned()),
            }
        }
        let left = work::clean_up(&mut writes.client, &crew.keys, ending).await;
        if !left.is_empty() {
            drill.notes.push(format!("could not be deleted, and go by themselves later: {}", left.join(", ")));
        }
        Some((traffic(&writes.samples, until_us), traffic(&reads.samples, until_us)))
    }

    /// From the first look to the last.
    async fn failed_over(&self, scene: &Scene<'_>) -> (Sight, Option<CloudError>, bool) {
        let nodes: Vec<Node> = scene.shard.nodes.iter().map(|known| known.node.clone()).collect();
        let members = nodes.iter().map(|node| node.member.clone()).filter(|member| !member.is_empty()).collect();
        let mut sight = Sight::new(Roles::new(nodes, scene.shard.primary), members, self.began_ms);
        let (sender, mut looks) = mpsc::unbounded_channel();
        let watchers = look::watch(&scene.reach, &scene.shard.nodes, scene.began, self.manner.look_every, &sender);
        let known = self.known_events(scene, &mut sight).await;
        self.look_on(&mut sight, &mut looks, self.manner.margin).await;
        let called = tokio::select! {
            called = self.call(&scene.shard.id, known) => called,
            // Roles go on changing meanwhile.
            () = self.look_for_ever(&mut sight, &mut looks) => Ok(false),
        };
        let is_over = match &called {
            Ok(true) => {
                sight.called(since(scene.began));
                self.tell(Told::Called);
                self.follow(scene, &mut sight, &mut looks).await
            }
            Ok(false) | Err(_) => false,
        };
        drop(watchers);
        (sight, called.err(), is_over)
    }

    /// What the cloud has told of already; how many failovers of the last 24 hours are among it.
    async fn known_events(&self, scene: &Scene<'_>, sight: &mut Sight) -> usize {
        let now_ms = self.began_ms + since(scene.began);
        match self.events_since(now_ms.saturating_sub(DAY_MS)).await {
            Ok(events) => {
                let known = calls_since(&events, now_ms.saturating_sub(DAY_MS));
                sight.knows(events);
                known
            }
            Err(error) => {
                sight.remark(format!("events can't be read: {error}"));
                0
            }
        }
    }

    async fn events_since(&self, since_ms: u64) -> Result<Vec<CloudEvent>, CloudError> {
        self.cloud.events(&self.id, &self.group.member_ids, since_ms).await
    }

    /// Calls TestFailover, again while the cloud says "not now". False: left before it was accepted.
    async fn call(&self, shard: &str, known: usize) -> Result<bool, CloudError> {
        let began = Instant::now();
        let mut pause = FIRST_RETRY;
        let mut stop = self.stop.clone();
        loop {
            if *stop.borrow() {
                return Ok(false);
            }
            let error = match self.cloud.test_failover(&self.id, shard).await {
                Ok(()) => return Ok(true),
                Err(error) => error,
            };
            if !is_worth_another_try(&error, known) || began.elapsed() + pause > self.manner.refused_for {
                return Err(error);
            }
            self.tell(Told::Busy(error.to_string()));
            // Whether stopped or not is looked at above.
            let _ = timeout(pause, stopped(&mut stop)).await;
            pause = (pause * 2).min(LONGEST_RETRY);
        }
    }

    /// Follows nodes and cloud until the shard is at full strength, time is up, or the user leaves; whether it is over.
    async fn follow(
        &self,
        scene: &Scene<'_>,
        sight: &mut Sight,
        looks: &mut mpsc::UnboundedReceiver<(usize, Look)>,
    ) -> bool {
        let quiet_ms = u64::try_from(self.manner.quiet.as_millis()).unwrap_or(u64::MAX);
        let (mut news, _asking) = self.ask_the_cloud(scene);
        let mut stop = self.stop.clone();
        let time_is_up = sleep(self.manner.timeout);
        tokio::pin!(time_is_up);
        let is_over = loop {
            tokio::select! {
                Some((place, look)) = looks.recv() => self.seen(sight, place, look),
                Some(news) = news.recv() => self.heard(scene, sight, news),
                () = stopped(&mut stop) => break false,
                () = &mut time_is_up => break false,
            }
            if sight.is_over(since(scene.began), quiet_ms) {
                break true;
            }
        };
        if is_over {
            self.look_on(sight, looks, self.manner.margin).await;
        }
        let last = self.events_since(self.events_from_ms(scene, sight)).await;
        self.hear_events(sight, last);
        is_over
    }

    /// Events of the drill are not older than this, in milliseconds since 1970.
    fn events_from_ms(&self, scene: &Scene<'_>, sight: &Sight) -> u64 {
        let called_ms = sight.called_ms().unwrap_or_else(|| since(scene.began));
        (self.began_ms + called_ms).saturating_sub(CLOCKS_DIFFER_MS)
    }

    /// Asks the cloud again and again until the returned set is dropped.
    fn ask_the_cloud(&self, scene: &Scene<'_>) -> (mpsc::UnboundedReceiver<News>, JoinSet<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (cloud, id, members) = (Arc::clone(&self.cloud), self.id.clone(), self.group.member_ids.clone());
        let since_ms = (self.began_ms + since(scene.began)).saturating_sub(CLOCKS_DIFFER_MS);
        let every = self.manner.ask_every;
        let mut asking = JoinSet::new();
        asking.spawn(async move {
            let wait = Wait::ReplicationGroupSettled { id: id.clone() };
            loop {
                let moving = cloud.status(&wait, &Ids::new()).await.map(|progress| match progress {
                    Progress::Reached => None,
                    Progress::Pending(status) | Progress::Failed(status) => Some(status),
                });
                let events = cloud.events(&id, &members, since_ms).await;
                if sender.send(News { events, moving }).is_err() {
                    return;
                }
                sleep(every).await;
            }
        });
        (receiver, asking)
    }

    fn heard(&self, scene: &Scene<'_>, sight: &mut Sight, news: News) {
        match news.moving {
            Ok(moving) => sight.group_is(since(scene.began), moving),
            Err(error) => sight.remark(format!("the group's status can't be read at times: {error}")),
        }
        self.hear_events(sight, news.events);
    }

    fn hear_events(&self, sight: &mut Sight, events: Result<Vec<CloudEvent>, CloudError>) {
        match events {
            Ok(events) => sight.told(events).into_iter().for_each(|event| self.tell(Told::Event(event))),
            Err(error) => sight.remark(format!("events can't be read: {error}")),
        }
    }

    fn seen(&self, sight: &mut Sight, place: usize, look: Look) {
        if let Some(change) = sight.roles.note(place, look) {
            self.tell(Told::Role(change));
        }
    }

    /// Takes in looks for a while, or until the user leaves.
    async fn look_on(&self, sight: &mut Sight, looks: &mut mpsc::UnboundedReceiver<(usize, Look)>, length: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = sleep(length) => {}
            () = stopped(&mut stop) => {}
            () = self.look_for_ever(sight, looks) => {}
        }
    }

    async fn look_for_ever(&self, sight: &mut Sight, looks: &mut mpsc::UnboundedReceiver<(usize, Look)>) {
        while let Some((place, look)) = looks.recv().await {
            self.seen(sight, place, look);
        }
    }

    /// What was seen becomes part of the report.
    fn conclude(&self, mut sight: Sight, is_over: bool, left: bool, drill: &mut ShardDrill) {
        drill.outcome = sight.outcome(is_over, left);
        drill.called_ms = sight.called_ms().unwrap_or(drill.ended_ms);
        if drill.outcome != Outcome::Restored {
            sight.remark_what_is_missing();
        }
        let (roles, events, notes) = sight.into_parts();
        drill.primary_after = roles.primary().cloned();
        drill.promoted_ms = roles.promoted_ms;
        drill.restored_ms = roles.whole_since_ms.filter(|_| drill.outcome == Outcome::Restored);
        drill.roles = roles.changes;
        drill.events = events;
        drill.notes = notes;
    }

    /// A listener that has gone away is no reason to stop.
    fn tell(&self, told: Told) {
        let _ = self.told.send(told);
    }
}

/// Comes back when the drill is to be left, and never otherwise.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
