//! Whether each shard has one primary and the planned replicas, linked, and how far behind they are.

use super::{CLUSTER, bytes, count, error, unanswered, verdict, warning};
use crate::cluster::placed::Node;
use crate::cluster::topology::Role;
use crate::cluster::verify::situation::Situation;
use crate::cluster::verify::{Finding, Subject, Verdict};
use crate::observed::LiveNodeGroup;

/// A replica that is further behind would lose that much if its primary died now.
const MOST_LAG_BYTES: u64 = 1 << 20;
/// A primary sends something at least every 10 seconds (`repl-ping-replica-period`).
const MOST_SILENCE_S: u64 = 15;

/// Whether each shard has one primary, and its replicas follow it.
pub(super) fn shards(situation: &Situation) -> Verdict {
    if let Some(verdict) = unanswered(situation) {
        return verdict;
    }
    let mut findings = Vec::new();
    let (live, planned) = (situation.shards.len(), situation.expected.shards.len());
    if live != planned {
        let seen = format!("it has {}; planned: {planned}", count(live, "shard"));
        findings.push(error(CLUSTER, seen, "run `shardform apply`"));
    }
    for shard in situation.shards {
        findings.extend(of_shard(situation, shard));
    }
    verdict(findings, || {
        let linked = situation.nodes.iter().filter(|node| node.is_linked_replica()).count();
        let shards = count(situation.shards.len(), "shard");
        format!("{shards} with one primary each and {} linked", count(linked, "replica"))
    })
}

fn of_shard(situation: &Situation, shard: &LiveNodeGroup) -> Vec<Finding> {
    let subject = || Subject::Shard(shard.id.clone());
    let mut findings = Vec::new();
    let primaries: Vec<&Node> = situation.nodes_of(shard).filter(|node| node.is_primary()).collect();
    match primaries.as_slice() {
        [_] => {}
        [] => findings.push(error(
            subject(),
            "no node of it serves slots as a primary",
            "`shardform events` tells whether it is being failed over",
        )),
        several => {
            let labels: Vec<String> = several.iter().map(|node| node.label()).collect();
            let seen = format!("it has {} primaries: {}", several.len(), labels.join(", "));
            findings.push(error(subject(), seen, "wait until a failover has ended, then look again"));
        }
    }
    let primary = primaries.first().and_then(|node| node.view).map(|view| view.id.as_str());
    for node in situation.nodes_of(shard) {
        findings.extend(of_replica(situation, node, primary));
    }
    let linked = situation.nodes_of(shard).filter(|node| node.is_linked_replica() && node.follows() == primary).count();
    let asked = situation.expected_of(shard).map_or(shard.zones.len().saturating_sub(1), |planned| planned.replicas);
    if linked < asked {
        let seen = format!("{linked} of {} linked", count(asked, "replica"));
        let next = if shard.zones.len() > asked {
            "`shardform events` tells whether a node is being replaced"
        } else {
            "run `shardform apply`"
        };
        findings.push(error(subject(), seen, next));
    } else if linked > asked {
        let seen = format!("it has {}; planned: {asked}", count(linked, "replica"));
        findings.push(warning(subject(), seen, "run `shardform plan`"));
    }
    findings
}

fn of_replica(situation: &Situation, node: &Node, primary: Option<&str>) -> Option<Finding> {
    let answer = node.answer()?;
    let subject = Subject::Node(node.label());
    let Some(follows) = node.follows() else {
        let empty = node.view.is_some_and(|view| view.role == Role::Primary && view.slots.is_empty());
        let seen = "it is a primary without slots, and holds no data";
        return empty.then(|| error(subject, seen, "wait until it has joined its shard: `shardform events` tells"));
    };
    if primary.is_some_and(|primary| primary != follows) {
        let seen = format!("it follows {}, which is not its shard's primary", situation.label_of(follows));
        return Some(error(subject, seen, "wait until a failover has ended, then look again"));
    }
    if answer.info.is_linked() == Some(true) {
        return None;
    }
    if answer.info.text("master_sync_in_progress") == Some("1") {
        return Some(warning(subject, "its data is being copied from its primary", "wait until it is linked"));
    }
    let down = answer.info.number("master_link_down_since_seconds");
    let since = down.map(|seconds| format!(" for {seconds}s")).unwrap_or_default();
    let seen = format!("the link to its primary is down{since}");
    Some(error(subject, seen, "what is written now is not on it: check the primary, and `shardform events`"))
}

/// How far the linked replicas are behind their primaries.
pub(super) fn lag(situation: &Situation) -> Verdict {
    if let Some(verdict) = unanswered(situation) {
        return verdict;
    }
    let mut findings = Vec::new();
    let (mut most_bytes, mut most_seconds, mut replicas) = (0, 0, 0);
    for node in situation.nodes.iter().filter(|node| node.is_linked_replica()) {
        let behind = situation.lag_bytes(node);
        let silent_s = node.answer().and_then(|answer| answer.info.number("master_last_io_seconds_ago"));
        replicas += 1;
        most_bytes = most_bytes.max(behind.unwrap_or_default());
        most_seconds = most_seconds.max(silent_s.unwrap_or_default());
        let subject = || Subject::Node(node.label());
        let next = "it would lose that much if its primary died now: write less, or take a larger node type";
        if let Some(behind) = behind.filter(|behind| *behind > MOST_LAG_BYTES) {
            findings.push(warning(subject(), format!("it is {} behind its primary", bytes(behind)), next));
        }
        if let Some(silent_s) = silent_s.filter(|silent_s| *silent_s > MOST_SILENCE_S) {
            let seen = format!("it last heard of its primary {silent_s}s ago");
            findings.push(warning(subject(), seen, "look again; `shardform nodes --watch` shows it"));
        }
    }
    verdict(findings, || match replicas {
        0 => "there is no replica".to_owned(),
        _ => {
            // The engine tells whole seconds, and drops the rest.
            let (replicas, heard_within_s) = (count(replicas, "replica"), most_seconds + 1);
            format!(
                "{replicas} at most {} behind, each heard from its primary within {heard_within_s}s",
                bytes(most_bytes)
            )
        }
    })
}
