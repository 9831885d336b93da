//! Who answers, who serves the hash slots, and whether all nodes see it the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{CLUSTER, count, error, note, unanswered, verdict, warning};
use crate::cluster::look::Silence;
use crate::cluster::placed::picture;
use crate::cluster::slots::{SLOTS, Slots};
use crate::cluster::topology::{NodeHealth, NodeView};
use crate::cluster::verify::situation::Situation;
use crate::cluster::verify::{Finding, Subject, Verdict};

/// What PING was answered with and how long that took, or the silence in its place.
type Answer<'a> = Result<(&'a str, Duration), &'a Silence>;

/// Whether the configuration endpoint and every node answer PING.
pub(super) fn ping(situation: &Situation) -> Verdict {
    if situation.group().is_none() {
        return super::skipped("there is no cluster");
    }
    let seen = match situation.seen {
        Ok(seen) => seen,
        Err(reason) => return Verdict::Failed { findings: vec![unreachable(reason)] },
    };
    // One reason is enough where nothing is reached: it is the way there that is missing, and not the nodes.
    if let Some((endpoint, silence)) = seen.first_silence().filter(|_| !seen.reached_any()) {
        return Verdict::Failed { findings: vec![unreachable(&format!("{endpoint}: {}", silence.reason))] };
    }
    let mut findings = Vec::new();
    let mut slowest = Duration::ZERO;
    let mut answers: Vec<(Subject, Answer<'_>)> = Vec::new();
    match &seen.entry {
        Some(entry) => {
            answers.push((CLUSTER, entry.answer.as_ref().map(|answer| (answer.ping.as_str(), answer.ping_took))));
        }
        None => findings.push(error(
            CLUSTER,
            "it has no configuration endpoint",
            "wait until it is available: `shardform apply` waits",
        )),
    }
    for node in &situation.nodes {
        let answer = node.seen.answer.as_ref().map(|answer| (answer.ping.as_str(), answer.ping_took));
        answers.push((Subject::Node(node.label()), answer));
    }
    for (subject, answer) in answers {
        match answer {
            Ok(("PONG", took)) => slowest = slowest.max(took),
            Ok((other, _)) => findings.push(error(
                subject,
                format!("PING was answered with {other}"),
                "what answers there is no cache node: check the endpoint",
            )),
            Err(silence) => findings.push(silent(subject, silence)),
        }
    }
    let asked: BTreeSet<&str> = situation.nodes.iter().filter_map(|node| node.seen.member.as_deref()).collect();
    if !asked.is_empty() {
        let members = situation.group().map_or(&[][..], |group| &group.member_ids);
        for member in members.iter().filter(|member| !asked.contains(member.as_str())) {
            let seen = "the cloud does not tell where it answers";
            findings.push(warning(Subject::Node(member.clone()), seen, "wait until it is available"));
        }
    }
    verdict(findings, || {
        let nodes = count(situation.nodes.len(), "node");
        let ms = slowest.as_secs_f64() * 1000.0;
        format!("the configuration endpoint and {nodes} answer, the slowest in {ms:.1}ms")
    })
}

fn unreachable(reason: &str) -> Finding {
    error(
        CLUSTER,
        format!("it can't be reached from this machine: {reason}"),
        "a cluster on AWS answers only in its VPC: `--via host` goes through the client host",
    )
}

fn silent(subject: Subject, silence: &Silence) -> Finding {
    let next = match (&subject, silence.refused) {
        (_, true) => "it answers, and refuses: check the AUTH token and what the user may do",
        (Subject::Node(_), false) => "`shardform events` tells whether it is being replaced",
        (_, false) => "check its DNS name and the security groups; the nodes themselves are checked below",
    };
    let verb = if silence.refused { "refuses" } else { "does not answer" };
    error(subject, format!("{verb}: {}", silence.reason), next)
}

/// Whether every hash slot is served, and the cluster says that it is well.
pub(super) fn slots(situation: &Situation) -> Verdict {
    if let Some(verdict) = unanswered(situation) {
        return verdict;
    }
    let Some(view) = situation.view else { return super::skipped("no node answers") };
    let mut findings = Vec::new();
    let serving: Vec<&NodeView> = view.serving().collect();
    let served = Slots::union(serving.iter().map(|node| &node.slots));
    if served.len() < SLOTS {
        let missing = Slots::all().without(&served);
        findings.push(error(
            CLUSTER,
            format!("{} of {SLOTS} slots are served; nobody serves {missing}", served.len()),
            "`shardform events` tells whether a shard is being replaced; until then their keys can't be used",
        ));
    }
    for (node, answer) in situation.answering() {
        let state = answer.cluster_info.text("cluster_state").unwrap_or("not told");
        if state != "ok" {
            let seen = format!("its cluster_state is {state}");
            findings.push(error(Subject::Node(node.label()), seen, "it refuses commands until all slots are served"));
        }
    }
    findings.extend(misplaced(situation));
    let moving: usize = view.nodes.iter().map(|node| node.moving_slots).max().unwrap_or_default();
    if moving > 0 {
        findings.push(note(CLUSTER, format!("{} on the way", count(moving, "slot")), "wait until it has settled"));
    }
    verdict(findings, || {
        let mut shares: Vec<String> = serving.iter().map(|node| (node.slots.len()).to_string()).collect();
        shares.sort();
        let primaries = if shares.len() == 1 { "primary" } else { "primaries" };
        format!("all {SLOTS} are served, by {} {primaries}: {}", shares.len(), shares.join(" + "))
    })
}

/// Shards whose primary serves other slots than the cloud says.
fn misplaced(situation: &Situation) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in situation.nodes.iter().filter(|node| node.is_primary()) {
        let (Some(shard), Some(view)) = (node.shard, node.view) else { continue };
        let Some(told) = shard.slots.as_deref().filter(|told| Slots::parse(told) != view.slots) else { continue };
        findings.push(warning(
            Subject::Shard(shard.id.clone()),
            format!("{} serves the slots {}; AWS says {told}", node.label(), view.slots),
            "wait until it has settled: slots move while shards come or go",
        ));
    }
    findings
}

/// Whether all nodes see the same cluster, and none another as failing.
pub(super) fn views(situation: &Situation) -> Verdict {
    if let Some(verdict) = unanswered(situation) {
        return verdict;
    }
    let Some(agreed) = situation.view else { return super::skipped("no node answers") };
    let mut findings = Vec::new();
    let shared = picture(agreed);
    for (node, answer) in situation.answering() {
        let own = picture(&answer.view);
        let other: BTreeSet<&str> =
            shared.keys().chain(own.keys()).filter(|id| shared.get(*id) != own.get(*id)).copied().collect();
        if !other.is_empty() {
            let labels: Vec<String> = other.iter().map(|id| situation.label_of(id)).collect();
            findings.push(error(
                Subject::Node(node.label()),
                format!("it sees another cluster than most nodes do; it differs in {}", labels.join(", ")),
                "clients that ask it are sent wrong ways; wait a moment, then look at it with `shardform nodes --raw`",
            ));
        }
    }
    findings.extend(doubted(situation));
    findings.extend(strangers(situation));
    verdict(findings, || format!("{} see the same cluster", count(situation.answering().count(), "node")))
}

/// Nodes that others take for dead.
fn doubted(situation: &Situation) -> Vec<Finding> {
    let mut by_whom: BTreeMap<(&str, bool), Vec<String>> = BTreeMap::new();
    for (node, answer) in situation.answering() {
        for other in &answer.view.nodes {
            let failed = match other.health {
                NodeHealth::Failed => true,
                NodeHealth::Suspected => false,
                NodeHealth::Fine | NodeHealth::Unknown => continue,
            };
            by_whom.entry((&other.id, failed)).or_default().push(node.label());
        }
    }
    let one = |((id, failed), who): ((&str, bool), Vec<String>)| {
        let subject = Subject::Node(situation.label_of(id));
        let next = "`shardform events` tells whether it is being replaced";
        let who = count(who.len(), "node");
        if failed {
            error(subject, format!("held for failed by {who}"), next)
        } else {
            warning(subject, format!("gives no answer to {who}"), next)
        }
    };
    by_whom.into_iter().map(one).collect()
}

/// Nodes of the cluster that the cloud doesn't know as members; they can only be told where it tells the members.
fn strangers(situation: &Situation) -> Vec<Finding> {
    let known: BTreeSet<&str> = situation.nodes.iter().filter_map(|node| Some(node.view?.id.as_str())).collect();
    let all_known = situation.nodes.iter().all(|node| node.view.is_some());
    let Some(view) = situation.view.filter(|_| all_known && !situation.nodes.is_empty()) else { return Vec::new() };
    let strange =
        view.nodes.iter().filter(|node| node.health != NodeHealth::Unknown && !known.contains(node.id.as_str()));
    let one = |node: &NodeView| {
        let label = node.endpoint.as_ref().map_or_else(|| node.id.clone(), ToString::to_string);
        let next = "wait until it has settled; a node that is being removed is forgotten within a minute";
        warning(Subject::Node(label), "it is in the cluster, and no member of the replication group", next)
    };
    strange.map(one).collect()
}
