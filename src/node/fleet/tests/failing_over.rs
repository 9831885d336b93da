//! Failovers that are asked for, and nodes that die or hang: who takes over, who comes back, and with which data.

use super::*;
use crate::node::wanted::Happened;

/// The same cluster with a failover of its first shard asked for.
fn failed_over(generation: u64, port: u16, shards: u16, replicas: usize) -> WantedCluster {
    let mut cluster = wanted(generation, port, shards, replicas);
    cluster.shards[0].failover = Some(generation);
    cluster
}

fn told(report: &ClusterReport) -> Vec<String> {
    let words = |what: &Happened| match what {
        Happened::FailedOver { from, to } => format!("{from} to {to}"),
        Happened::RecoveryBegan { node } => format!("{node} begins"),
        Happened::RecoveryEnded { node } => format!("{node} ends"),
    };
    report.happenings.iter().map(|happening| words(&happening.what)).collect()
}

fn incident(from: &str, to: &str) -> [String; 3] {
    [format!("{from} to {to}"), format!("{from} begins"), format!("{from} ends")]
}

async fn keys(report: &ClusterReport, node: &str) -> i64 {
    Link::new(report.nodes[node].address).ask::<i64>(&["DBSIZE"]).await.unwrap()
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

const A: &str = "test-0001-001";
const B: &str = "test-0001-002";

#[tokio::test]
async fn a_failover_replaces_the_old_primary_once_for_each_request() {
    let Some(mut cloud) = Cloud::new("drill") else { return };
    let before = cloud.form(&wanted(1, 17200, 3, 1)).await;
    Client::of(&before).write(300).await;
    let (pid, id) = (cloud.pid(A), view(&before.nodes[A]).await.myself().unwrap().id.clone());
    let begun = Instant::now();
    let after = cloud.form(&failed_over(2, 17200, 3, 1)).await;
    println!("failed over and at full strength after {:?}", begun.elapsed());
    assert_eq!(told(&after), incident(A, B));
    assert!(all_ready(&after) && primaries(&after) == BTreeSet::from([B, "test-0002-001", "test-0003-001"]));
    assert_ne!(cloud.pid(A), pid);
    assert_ne!(view(&after.nodes[A]).await.myself().unwrap().id, id, "it is a new node");
    assert_eq!(after.nodes[A].address, before.nodes[A].address, "in the same zone");
    assert_eq!(keys(&after, A).await, keys(&after, B).await);
    Client::of(&after).check(300).await;
    // The other way round, by another request; and the server that starts again does nothing a second time.
    let back = cloud.form(&failed_over(3, 17200, 3, 1)).await;
    assert_eq!(told(&back)[3..], incident(B, A));
    assert!(primaries(&back).contains(A));
    let pids: BTreeSet<u32> = cloud.processes().into_iter().collect();
    cloud.kill_server();
    cloud.serve();
    let again = cloud.form(&failed_over(3, 17200, 3, 1)).await;
    assert_eq!(told(&again), told(&back));
    assert_eq!(cloud.processes().into_iter().collect::<BTreeSet<_>>(), pids);
    Client::of(&again).check(300).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_failover_goes_on_in_the_next_server() {
    let Some(mut cloud) = Cloud::new("drill-cut") else { return };
    let before = cloud.form(&wanted(1, 17203, 1, 1)).await;
    Client::of(&before).write(100).await;
    cloud.want(Some(failed_over(2, 17203, 1, 1)));
    cloud.until("the failover", |report| report.is_some_and(|report| !told(report).is_empty())).await;
    cloud.kill_server();
    cloud.serve();
    let after = cloud.form(&failed_over(2, 17203, 1, 1)).await;
    assert_eq!(told(&after), incident(A, B));
    assert_eq!(primaries(&after), BTreeSet::from([B]));
    Client::of(&after).check(100).await;
    cloud.stop().await;
}

#[tokio::test]
async fn the_replica_that_is_to_take_over_may_die_meanwhile() {
    let Some(mut cloud) = Cloud::new("drill-heir") else { return };
    let before = cloud.form(&wanted(1, 17206, 1, 1)).await;
    Client::of(&before).write(100).await;
    signal(cloud.pid(B), rustix::process::Signal::KILL);
    let after = cloud.form(&failed_over(2, 17206, 1, 1)).await;
    let words = told(&after);
    assert!(words.ends_with(&incident(A, B)), "{words:?}");
    Client::of(&after).check(100).await;
    cloud.stop().await;
}

#[tokio::test]
async fn killed_nodes_are_told_of_and_come_back_with_their_data() {
    let Some(mut cloud) = Cloud::new("killed-told") else { return };
    let before = cloud.form(&wanted(1, 17209, 3, 1)).await;
    Client::of(&before).write(300).await;
    kill(cloud.pid(B));
    let report = cloud.until("the replica", |report| report.is_some_and(|report| told(report).len() == 2)).await;
    assert_eq!(told(&report), [format!("{B} begins"), format!("{B} ends")]);
    assert_eq!(keys(&report, B).await, keys(&report, A).await);
    kill(cloud.pid(A));
    let report = cloud.until("the primary", |report| report.is_some_and(|report| told(report).len() == 5)).await;
    assert_eq!(told(&report)[2..], incident(A, B));
    assert_eq!(report.nodes[A].address, before.nodes[A].address);
    assert_eq!(keys(&report, A).await, keys(&report, B).await);
    Client::of(&report).check(300).await;
    cloud.stop().await;
    // An orderly end and start is nobody's loss.
    cloud.serve();
    let report = cloud.form(&wanted(1, 17209, 3, 1)).await;
    assert_eq!(told(&report).len(), 5);
    cloud.stop().await;
}

#[tokio::test]
async fn a_primary_that_hangs_is_replaced() {
    let Some(mut cloud) = Cloud::new("hung-primary") else { return };
    let before = cloud.form(&wanted(1, 17212, 3, 1)).await;
    Client::of(&before).write(200).await;
    let (pid, begun) = (cloud.pid(A), Instant::now());
    signal(pid, rustix::process::Signal::STOP);
    let report = cloud.until("the recovery", |report| report.is_some_and(|report| told(report).len() == 3)).await;
    println!("a primary that hung was back after {:?}", begun.elapsed());
    assert_eq!(told(&report), incident(A, B));
    assert!(begun.elapsed() > Duration::from_secs(8));
    assert_ne!(cloud.pid(A), pid);
    assert_eq!(keys(&report, A).await, keys(&report, B).await);
    Client::of(&report).check(200).await;
    cloud.stop().await;
    assert_eq!(cloud.processes(), [] as [u32; 0]);
}

#[tokio::test]
async fn a_replica_that_hangs_is_replaced_and_a_primary_of_the_only_shard_too() {
    let Some(mut cloud) = Cloud::new("hung-replica") else { return };
    let before = cloud.form(&wanted(1, 17215, 1, 1)).await;
    Client::of(&before).write(100).await;
    signal(cloud.pid(B), rustix::process::Signal::STOP);
    let report = cloud.until("the replica", |report| report.is_some_and(|report| told(report).len() == 2)).await;
    assert_eq!(told(&report), [format!("{B} begins"), format!("{B} ends")]);
    assert_eq!(keys(&report, B).await, 100);
    let pid = cloud.pid(A);
    signal(pid, rustix::process::Signal::STOP);
    // Nobody is left to vote, and yet the shard is not held up until the node is taken for hanging.
    cloud.until("the takeover", |report| report.is_some_and(|report| report.nodes[B].primary)).await;
    assert!(is_ours(pid, &cloud.node_folder(A)));
    let report = cloud.until("the primary", |report| report.is_some_and(|report| told(report).len() == 5)).await;
    assert_eq!(told(&report)[2..], incident(A, B));
    assert!(all_ready(&report));
    Client::of(&report).check(100).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_short_pause_costs_no_node() {
    let Some(mut cloud) = Cloud::new("pause") else { return };
    let before = cloud.form(&wanted(1, 17218, 3, 1)).await;
    Client::of(&before).write(100).await;
    let pids: BTreeSet<u32> = cloud.processes().into_iter().collect();
    signal(cloud.pid(A), rustix::process::Signal::STOP);
    signal(cloud.pid("test-0002-002"), rustix::process::Signal::STOP);
    // The cluster fails the primary over by itself; when that shows, both go on.
    cloud.until("the failover", |report| report.is_some_and(|report| report.nodes[B].primary)).await;
    signal(cloud.pid(A), rustix::process::Signal::CONT);
    signal(cloud.pid("test-0002-002"), rustix::process::Signal::CONT);
    let report = cloud.until("the return", |r| r.is_some_and(|r| all_ready(r) && primaries(r).len() == 3)).await;
    assert_eq!(told(&report), [format!("{A} to {B}")]);
    assert_eq!(cloud.processes().into_iter().collect::<BTreeSet<_>>(), pids);
    Client::of(&report).check(100).await;
    cloud.stop().await;
}
