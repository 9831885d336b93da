//! The executor under a paused clock: what runs side by side, what a failure stops, what an interruption leaves.

use std::sync::Arc;
use std::time::Duration;

use shardform::cloud::Ids;
use shardform::event::Event;
use shardform::execute::{Outcome, execute, poll_pause};
use shardform::resource::Names;
use shardform::steps::steps;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::fake_cloud::{FakeCloud, GROUP_TAKES, INSTANCE_TAKES};
use crate::planning::{QUICKSTART, live, plan};

async fn run(cloud: &Arc<FakeCloud>) -> (Outcome, Vec<Event>) {
    let (events, mut told) = mpsc::unbounded_channel();
    let (_stop, stopped) = watch::channel(false);
    let graph = steps(&plan(QUICKSTART, cloud));
    let outcome = execute(Arc::clone(cloud), &graph, Ids::new(), events, stopped).await;
    let mut all = Vec::new();
    while let Ok(event) = told.try_recv() {
        all.push(event);
    }
    (outcome, all)
}

#[tokio::test(start_paused = true)]
async fn everything_runs_as_early_as_it_can() {
    let cloud = Arc::new(FakeCloud::new("day19"));
    let began = Instant::now();
    let (outcome, events) = run(&cloud).await;
    assert!(outcome.is_complete());
    // Nothing waits for the client host, and the host waits for nothing but its own.
    assert!(cloud.log().iter().all(|(second, _)| *second == 0), "{:?}", cloud.log());
    assert!(began.elapsed() >= GROUP_TAKES && began.elapsed() < GROUP_TAKES + Duration::from_secs(16));
    let done = |address: &str| {
        events.iter().rev().find_map(|event| match event {
            Event::Done { step, at, .. } if step.address.as_str() == address => Some(*at),
            _ => None,
        })
    };
    let host = done("instance.client").unwrap();
    assert!(host >= INSTANCE_TAKES && host < INSTANCE_TAKES + Duration::from_secs(5), "{host:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_what_depends_on_it_and_not_the_rest() {
    let cloud = Arc::new(FakeCloud::new("day19"));
    cloud.fail("elasticache:CreateCacheSubnetGroup");
    let (outcome, events) = run(&cloud).await;
    let addresses =
        |steps: Vec<&shardform::steps::Step>| steps.iter().map(|step| step.address.as_str()).collect::<Vec<_>>();
    assert_eq!(addresses(outcome.failed.iter().map(|(step, _)| step).collect()), ["subnet_group.cluster"]);
    assert_eq!(addresses(outcome.skipped.iter().map(|(step, _)| step).collect()), ["replication_group.cluster"]);
    assert_eq!(outcome.skipped[0].1.as_str(), "subnet_group.cluster");
    assert_eq!(outcome.done.len(), 6, "the client's side and the cluster's group are whole");
    assert!(
        events.iter().any(|event| matches!(event, Event::Failed { error, .. } if error.contains("the test said so")))
    );
}

#[tokio::test(start_paused = true)]
async fn not_now_is_tried_again() {
    let cloud = Arc::new(FakeCloud::new("day19"));
    cloud.busy("elasticache:CreateReplicationGroup", 5);
    let (outcome, events) = run(&cloud).await;
    assert!(outcome.is_complete());
    let tries = cloud.log().iter().filter(|(_, call)| *call == "elasticache:CreateReplicationGroup").count();
    assert_eq!(tries, 6);
    let told = events.iter().filter(|event| matches!(event, Event::Busy { .. })).count();
    assert_eq!(told, 1, "the same words are told once");
}

#[tokio::test(start_paused = true)]
async fn available_right_after_a_change_is_doubted() {
    let cloud = live(QUICKSTART).await;
    let set = plan(&QUICKSTART.replace("shards: 3", "shards: 4"), &cloud);
    cloud.lag(5);
    let began = Instant::now();
    crate::planning::carry_out(&set, &cloud).await;
    assert!(began.elapsed() >= GROUP_TAKES, "{:?}", began.elapsed());
    // Where it never seems to move, it is believed in the end.
    let set = plan(&QUICKSTART.replace("shards: 3", "shards: 5"), &cloud);
    cloud.lag(u32::MAX);
    let began = Instant::now();
    crate::planning::carry_out(&set, &cloud).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_interruption_leaves_the_waiting_and_begins_nothing_new() {
    let cloud = live(QUICKSTART).await;
    let set = shardform::diff::teardown(&Names::new("day19"), &cloud.observed().live);
    let (events, _told) = mpsc::unbounded_channel();
    let (stop, stopped) = watch::channel(false);
    let began = Instant::now();
    let interrupt = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        stop.send(true).unwrap();
        std::future::pending::<()>().await;
    };
    let graph = steps(&set);
    let outcome = tokio::select! {
        outcome = execute(Arc::clone(&cloud), &graph, Ids::new(), events, stopped) => outcome,
        () = interrupt => unreachable!("it never ends"),
    };
    assert!(began.elapsed() < Duration::from_secs(101), "{:?}", began.elapsed());
    let left: Vec<(&str, &str)> =
        outcome.left.iter().map(|(step, status)| (step.address.as_str(), status.as_str())).collect();
    assert!(left.contains(&("replication_group.cluster", "deleting")), "{left:?}");
    assert!(outcome.failed.is_empty() && !outcome.is_complete());
    // Going on later finds the group on its way, and ends with nothing left.
    let set = shardform::diff::teardown(&Names::new("day19"), &cloud.observed().live);
    crate::planning::carry_out(&set, &cloud).await;
    assert_eq!(cloud.observed().live, shardform::observed::Live::default());
}

#[test]
fn polls_start_short_and_grow_with_the_time() {
    assert_eq!(poll_pause(Duration::ZERO), Duration::from_millis(100));
    assert_eq!(poll_pause(Duration::from_secs(4)), Duration::from_millis(500));
    assert_eq!(poll_pause(Duration::from_secs(1200)), Duration::from_secs(15));
}
