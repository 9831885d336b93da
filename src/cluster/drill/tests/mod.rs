//! Whole drills against real nodes, and a cloud that is made up: what TestFailover does to the nodes, each test says.

mod nodes;
pub(crate) mod samples;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use rustix::process::Signal;

use self::nodes::{Nodes, SHARDS, engine};
use self::samples::{cloud_error, event, group_at};
use super::report::SeenRole;
use super::*;
use crate::call::Call;
use crate::cloud::{Accepted, ErrorKind};
use crate::observed::{Observed, Query};

/// What TestFailover does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The engine's own CLUSTER FAILOVER, as it is meant to be.
    Manual,
    /// kill -9.
    Kill,
    /// SIGSTOP.
    Pause,
    /// Nothing at all.
    Nothing,
}

struct MadeUp {
    nodes: Arc<Mutex<Nodes>>,
    fault: Fault,
    /// Refusals that come first.
    refusals: Mutex<Vec<CloudError>>,
    calls: AtomicUsize,
    /// `None`: they can't be read.
    events: Option<Mutex<Vec<CloudEvent>>>,
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

impl MadeUp {
    fn new(nodes: &Arc<Mutex<Nodes>>, fault: Fault) -> Self {
        let (nodes, events) = (Arc::clone(nodes), Some(Mutex::new(Vec::new())));
        MadeUp { nodes, fault, refusals: Mutex::default(), calls: AtomicUsize::new(0), events }
    }

    fn tell(&self, source: &str, message: &str) {
        if let Some(events) = &self.events {
            events.lock().unwrap().push(event(now_ms(), source, message));
        }
    }

    fn strike(&self, node_group: &str) {
        let nodes = self.nodes.lock().unwrap();
        let shard = node_group.parse::<usize>().unwrap() - 1;
        let (primary, replica) = nodes.pair(shard);
        self.tell("day19", &format!("Test Failover API called for node group {node_group}"));
        match self.fault {
            Fault::Manual => {
                nodes.ask(replica, &["CLUSTER", "FAILOVER"]).unwrap();
                self.tell(&format!("day19-{node_group}-{:03}", primary % 2 + 1), "Recovering cache nodes 0001");
                self.tell(
                    &format!("day19-{node_group}-{:03}", primary % 2 + 1),
                    "Finished recovery for cache nodes 0001",
                );
            }
            Fault::Kill => nodes.send(primary, Signal::KILL),
            Fault::Pause => nodes.send(primary, Signal::STOP),
            Fault::Nothing => {}
        }
    }
}

impl Operations for MadeUp {
    async fn events(&self, _: &str, _: &[String], since_ms: u64) -> Result<Vec<CloudEvent>, CloudError> {
        match &self.events {
            Some(events) => {
                Ok(events.lock().unwrap().iter().filter(|event| event.at_ms >= since_ms).cloned().collect())
            }
            None => Err(cloud_error(ErrorKind::Rejected, "AccessDenied", "no")),
        }
    }

    async fn test_failover(&self, _: &str, node_group: &str) -> Result<(), CloudError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = self.refusals.lock().unwrap().pop() {
            return Err(error);
        }
        self.strike(node_group);
        Ok(())
    }
}

impl Cloud for MadeUp {
    async fn observe(&self, _: &Query) -> Result<Observed, CloudError> {
        Ok(Observed::default())
    }

    async fn start(&self, _: &Call, _: &Ids) -> Result<Accepted, CloudError> {
        Ok(Accepted::default())
    }

    async fn status(&self, _: &Wait, _: &Ids) -> Result<Progress, CloudError> {
        Ok(Progress::Reached)
    }
}

fn manner() -> Manner {
    Manner {
        margin: Duration::from_millis(300),
        quiet: Duration::from_secs(1),
        ask_every: Duration::from_millis(200),
        refused_for: Duration::from_secs(5),
        ..Manner::local(Duration::from_secs(60))
    }
}

/// Runs a drill; `on` is told how it goes, and may have it left.
async fn run(
    cloud: &Arc<MadeUp>,
    manner: Manner,
    shards: &[&str],
    mut on: impl FnMut(&Told, &watch::Sender<bool>) + Send + 'static,
) -> (DrillReport, Option<Failure>) {
    let ports = cloud.nodes.lock().unwrap().ports.clone();
    let (told, mut telling) = mpsc::unbounded_channel();
    let (leave, stop) = watch::channel(false);
    let drill = Drill {
        cloud: Arc::clone(cloud),
        reach: Reach::default(),
        stack: "day19".to_owned(),
        region: "us-east-1".to_owned(),
        id: "day19".to_owned(),
        group: group_at(SHARDS, 1, &ports),
        began_ms: now_ms(),
        manner,
        told,
        stop,
    };
    let listener = tokio::spawn(async move {
        while let Some(told) = telling.recv().await {
            on(&told, &leave);
        }
    });
    let shards: Vec<String> = shards.iter().map(|shard| (*shard).to_owned()).collect();
    let ended = drill.run(&shards).await;
    drop(drill);
    listener.await.unwrap();
    ended
}

fn is_promoted(told: &Told, before: &str) -> bool {
    matches!(told, Told::Role(change) if change.role == SeenRole::Primary && change.node.member != before)
}

/// Measured on the way, shown by `--nocapture`.
fn show(what: &str, report: &DrillReport) {
    for drill in &report.drills {
        let (writes, reads) = (&drill.writes, &drill.reads);
        println!(
            "{what} {}: {:?}, writes out {} ms, reads out {} ms, restored in {:?} ms, lost {}, median {:?} us, p99 {:?} \
             us, {:?}, {:?}, notes {:?}",
            drill.shard,
            drill.outcome,
            writes.longest_outage_ms(),
            reads.longest_outage_ms(),
            drill.restoration_ms(),
            drill.lost.len(),
            writes.median_us,
            writes.p99_us,
            writes.errors,
            reads.errors,
            drill.notes,
        );
    }
}

fn names(node: Option<&Node>) -> (&str, &str) {
    node.map_or(("", ""), |node| (node.member.as_str(), node.zone.as_str()))
}

#[tokio::test]
async fn an_orderly_failover_is_seen_whole() {
    if !engine() {
        return;
    }
    let nodes = Arc::new(Mutex::new(Nodes::form()));
    let mut cloud = MadeUp::new(&nodes, Fault::Manual);
    let throttled = || cloud_error(ErrorKind::Busy, "Throttling", "Rate exceeded");
    *cloud.refusals.get_mut().unwrap() = vec![throttled(), throttled()];
    let cloud = Arc::new(cloud);
    let held = Arc::new(Mutex::new(Vec::new()));
    let (looking, holding) = (Arc::clone(&nodes), Arc::clone(&held));
    let (report, failure) = run(&cloud, manner(), &["0001", "0002"], move |told, _| {
        if *told == Told::Called {
            // The second shard's primary: the bystander's, then the drill's own.
            let nodes = looking.lock().unwrap();
            holding.lock().unwrap().extend(nodes.keys(nodes.pair(1).0));
        }
    })
    .await;
    show("CLUSTER FAILOVER", &report);
    assert_eq!(failure, None);
    assert_eq!(cloud.calls.load(Ordering::Relaxed), 4, "twice refused, and twice not");
    assert_eq!(report.drills.iter().map(|drill| drill.shard.as_str()).collect::<Vec<_>>(), ["0001", "0002"]);
    assert!(report.engine.starts_with("redis ") || report.engine.starts_with("valkey "), "{}", report.engine);
    let first = &report.drills[0];
    assert_eq!(first.outcome, Outcome::Restored);
    assert_eq!(names(Some(&first.primary_before)), ("day19-0001-001", "us-east-1a"));
    assert_eq!(names(first.primary_after.as_ref()), ("day19-0001-002", "us-east-1b"));
    assert!(first.watched_from_ms < first.called_ms, "{first:?}");
    assert!(first.promoted_ms.unwrap() <= first.restored_ms.unwrap(), "{first:?}");
    assert_eq!(first.lost, []);
    assert!(first.writes.succeeded > 50 && first.reads.succeeded > 50, "{first:?}");
    assert!(first.writes.longest_outage_ms() < 10_000, "{first:?}");
    let bystander = first.bystander.as_ref().unwrap();
    assert_eq!((bystander.shard.as_str(), bystander.writes.failed, bystander.reads.failed), ("0002", 0, 0));
    let told: Vec<&str> = first.events.iter().map(|event| event.message.as_str()).collect();
    let expected = [
        "Test Failover API called for node group 0001",
        "Recovering cache nodes 0001",
        "Finished recovery for cache nodes 0001",
    ];
    assert_eq!(told, expected);
    // The second shard's events are its own.
    assert_eq!(report.drills[1].events[0].message, "Test Failover API called for node group 0002");
    let held = held.lock().unwrap();
    assert!(held.len() >= 8, "both drills have written there: {held:?}");
    assert!(held.iter().all(|(key, seconds)| key.starts_with("shardform:drill:{") && *seconds > 0), "{held:?}");
    assert_eq!(nodes.lock().unwrap().key_count(), 0);
}

#[tokio::test]
async fn what_is_refused_for_a_day_is_not_tried_again_and_events_may_be_unreadable() {
    if !engine() {
        return;
    }
    let nodes = Arc::new(Mutex::new(Nodes::form()));
    let mut cloud = MadeUp::new(&nodes, Fault::Nothing);
    let code = "APICallRateForCustomerExceeded";
    let error = cloud_error(ErrorKind::Busy, code, "At most 15 node groups may be tested in 24 hours.");
    *cloud.refusals.get_mut().unwrap() = vec![error.clone()];
    let cloud = Arc::new(cloud);
    let (report, failure) = run(&cloud, manner(), &["0001", "0002"], |_, _| {}).await;
    assert_eq!(failure, Some(Failure::Cloud(error)));
    assert_eq!(cloud.calls.load(Ordering::Relaxed), 1);
    assert_eq!(report.drills.iter().map(|drill| drill.outcome).collect::<Vec<_>>(), [Outcome::NotFailedOver]);
    assert_eq!(report.drills[0].writes.failed, 0);
    assert_eq!(nodes.lock().unwrap().key_count(), 0);

    // A call that is accepted, and after which nothing happens.
    let impatient = Manner { timeout: Duration::from_secs(1), ..manner() };
    let (report, failure) = run(&cloud, impatient, &["0001"], |_, _| {}).await;
    assert_eq!((failure, report.drills[0].outcome), (None, Outcome::NotFailedOver));
    assert!(report.drills[0].notes.contains(&"nobody else was seen as the primary".to_owned()), "{report:?}");
    assert_eq!(nodes.lock().unwrap().key_count(), 0);

    // Nobody tells of anything: the nodes alone show it.
    let silent = Arc::new(MadeUp { events: None, ..MadeUp::new(&nodes, Fault::Manual) });
    let (report, failure) = run(&silent, manner(), &["0003"], |_, _| {}).await;
    show("without events", &report);
    assert_eq!((failure, report.drills[0].outcome), (None, Outcome::Restored));
    let note = "events can't be read: elasticache:TestFailover: AccessDenied: no".to_owned();
    assert!(report.drills[0].notes.contains(&note), "{:?}", report.drills[0].notes);
    assert_eq!(report.drills[0].events, []);
    assert_eq!(nodes.lock().unwrap().key_count(), 0);
}

#[tokio::test]
async fn a_killed_and_a_paused_node_come_back() {
    if !engine() {
        return;
    }
    let nodes = Arc::new(Mutex::new(Nodes::form()));
    let killing = Arc::new(MadeUp::new(&nodes, Fault::Kill));
    let reviving = Arc::clone(&nodes);
    let taken = Arc::new(Mutex::new(None));
    let taking = Arc::clone(&taken);
    let (report, failure) = run(&killing, manner(), &["0001"], move |told, _| {
        if is_promoted(told, "day19-0001-001") {
            let mut nodes = reviving.lock().unwrap();
            nodes.restart(0);
            // What the new primary doesn't have is lost, whichever way it was.
            let (key, _) = nodes.keys(1).remove(0);
            let number: u64 = nodes.ask(1, &["LPOP", &key]).unwrap().parse().unwrap();
            *taking.lock().unwrap() = Some((key, number));
        }
    })
    .await;
    show("kill -9", &report);
    let drill = &report.drills[0];
    assert_eq!((failure, drill.outcome), (None, Outcome::Restored));
    assert!(drill.roles.iter().any(|change| change.role == SeenRole::Down), "{:?}", drill.roles);
    let (key, number) = taken.lock().unwrap().take().unwrap();
    let lost = drill.lost.iter().find(|write| write.number == number).unwrap();
    assert!(lost.key == key && lost.acknowledged_ms < drill.promoted_ms.unwrap(), "{lost:?}");
    assert!(drill.lost.len() < 10, "{:?}", drill.lost);
    assert!(drill.writes.longest_outage_ms() > 1000, "nobody takes over before the node timeout: {drill:?}");
    let seen: Vec<&str> = drill.writes.errors.keys().map(String::as_str).collect();
    assert!(seen.contains(&"connection refused"), "{seen:?}");
    assert_eq!(drill.bystander.as_ref().map(|other| other.shard.as_str()), Some("0002"));
    assert_eq!(nodes.lock().unwrap().key_count(), 0);

    let pausing = Arc::new(MadeUp::new(&nodes, Fault::Pause));
    let waking = Arc::clone(&nodes);
    let (report, failure) = run(&pausing, manner(), &["0002"], move |told, _| {
        if is_promoted(told, "day19-0002-001") {
            waking.lock().unwrap().send(2, Signal::CONT);
        }
    })
    .await;
    show("SIGSTOP", &report);
    let drill = &report.drills[0];
    assert_eq!((failure, drill.outcome), (None, Outcome::Restored));
    assert!(drill.writes.errors.contains_key("no answer"), "{:?}", drill.writes.errors);
    assert_eq!(nodes.lock().unwrap().key_count(), 0);
}

#[tokio::test]
async fn a_node_that_never_comes_back_ends_it_and_so_does_the_user() {
    if !engine() {
        return;
    }
    let nodes = Arc::new(Mutex::new(Nodes::form()));
    let killing = Arc::new(MadeUp::new(&nodes, Fault::Kill));
    let impatient = Manner { timeout: Duration::from_secs(7), ..manner() };
    let (report, failure) = run(&killing, impatient, &["0001", "0002"], |_, _| {}).await;
    show("never back", &report);
    assert_eq!((failure, report.drills.len()), (None, 1), "the next shard is not begun");
    let drill = &report.drills[0];
    assert_eq!((drill.outcome, drill.restored_ms), (Outcome::NotRestored, None));
    assert_eq!(names(drill.primary_after.as_ref()).0, "day19-0001-002");
    assert!(drill.notes.contains(&"not at full strength: day19-0001-001 is down".to_owned()), "{:?}", drill.notes);
    assert_eq!(nodes.lock().unwrap().key_count(), 0);

    // The shard as it is now is not failed over once more.
    let (report, failure) = run(&killing, manner(), &["0001"], |_, _| {}).await;
    assert_eq!(report.drills, []);
    let reason = "day19-0001-001 is down".to_owned();
    assert_eq!(failure, Some(Failure::Refused(Refusal::NotWhole { shard: "0001".to_owned(), reason })));

    // The user leaves right after the call.
    let orderly = Arc::new(MadeUp::new(&nodes, Fault::Nothing));
    let (report, failure) = run(&orderly, manner(), &["0003", "0002"], |told, leave| {
        if *told == Told::Called {
            leave.send_replace(true);
        }
    })
    .await;
    assert_eq!((failure, report.drills.len()), (None, 1));
    assert_eq!(report.drills[0].outcome, Outcome::Left);
    assert_eq!(nodes.lock().unwrap().key_count(), 0);
}
