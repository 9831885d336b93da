//! What the cloud alone tells: status, zones, and what differs from the plan file.

use std::collections::BTreeMap;

use super::{CLUSTER, count, error, note, skipped, verdict, warning};
use crate::cluster::verify::situation::Situation;
use crate::cluster::verify::{Finding, Subject, Verdict};
use crate::observed::LiveNodeGroup;

/// Whether the group, its shards and its members are `available`.
pub(super) fn status(situation: &Situation) -> Verdict {
    let Some(group) = situation.group() else {
        return Verdict::Failed { findings: vec![error(CLUSTER, "it is not there", "make it with `shardform apply`")] };
    };
    let mut findings = Vec::new();
    let shards = group.node_groups.iter().map(|shard| (Subject::Shard(shard.id.clone()), &shard.status));
    let members = group.members.iter().map(|member| (Subject::Node(member.id.clone()), &member.status));
    for (subject, status) in std::iter::once((CLUSTER, &group.status)).chain(shards).chain(members) {
        findings.extend(of_status(subject, status));
    }
    if findings.is_empty() && !group.is_settled() {
        let nodes: usize = group.node_groups.iter().map(|shard| shard.zones.len()).sum();
        let members = group.member_ids.len();
        let seen = format!("it has {} and its shards have {nodes}", count(members, "member"));
        findings.push(warning(CLUSTER, seen, "wait until it has settled: `shardform apply` waits"));
    }
    verdict(findings, || {
        let (shards, nodes) = (count(group.node_groups.len(), "shard"), count(group.member_ids.len(), "node"));
        format!("{} with {shards} and {nodes}", group.status)
    })
}

fn of_status(subject: Subject, status: &str) -> Option<Finding> {
    let seen = format!("its status is {status}");
    match status {
        "available" => None,
        "deleting" | "deleted" => Some(error(subject, seen, "it goes; `shardform apply` makes it again afterwards")),
        "creating" | "modifying" | "snapshotting" | "rebooting cluster nodes" => {
            Some(warning(subject, seen, "wait until it is available: `shardform apply` waits"))
        }
        _ => Some(error(subject, seen, "`shardform events` tells why")),
    }
}

/// Whether each shard is spread over zones as planned.
pub(super) fn zones(situation: &Situation) -> Verdict {
    let Some(group) = situation.group() else { return skipped("there is no cluster") };
    if group.node_groups.iter().all(|shard| shard.zones.values().all(String::is_empty)) {
        return skipped("the cloud does not tell the zones");
    }
    let findings = group.node_groups.iter().flat_map(|shard| zones_of(situation, shard)).collect();
    verdict(findings, || {
        let zones: BTreeMap<&String, usize> = counted(group.node_groups.iter().flat_map(|shard| shard.zones.values()));
        let each: Vec<String> = zones.iter().map(|(zone, nodes)| format!("{zone} {nodes}")).collect();
        format!("every shard is spread as planned; nodes by zone: {}", each.join(", "))
    })
}

fn counted<'a>(zones: impl Iterator<Item = &'a String>) -> BTreeMap<&'a String, usize> {
    let mut counts = BTreeMap::new();
    for zone in zones {
        *counts.entry(zone).or_default() += 1;
    }
    counts
}

fn zones_of(situation: &Situation, shard: &LiveNodeGroup) -> Vec<Finding> {
    let subject = || Subject::Shard(shard.id.clone());
    let live = counted(shard.zones.values().filter(|zone| !zone.is_empty()));
    let planned = situation.expected_of(shard);
    let planned_counts = planned.map(|planned| counted(planned.zones.iter())).unwrap_or_default();
    let planned_shares = planned_counts.values().any(|nodes| *nodes > 1);
    let mut findings = Vec::new();
    let multi_az = situation.expected.multi_az;
    for (zone, nodes) in live.iter().filter(|(_, nodes)| **nodes > 1) {
        let members: Vec<&str> =
            shard.zones.iter().filter(|(_, other)| other == zone).map(|(id, _)| id.as_str()).collect();
        let seen = format!("{nodes} of its nodes are in {zone}: {}", members.join(", "));
        findings.push(match (planned_shares, multi_az) {
            (true, true) if live.len() == 1 => error(subject(), seen, "Multi-AZ needs two zones: move a replica"),
            (true, _) => note(subject(), seen, "it is planned so; more subnets or fewer replicas spread it further"),
            (false, true) => error(
                subject(),
                seen,
                "a zone's failure takes both: add a replica in another zone, then remove one of these",
            ),
            (false, false) => warning(subject(), seen, "add a replica in another zone, then remove one of these"),
        });
    }
    if let Some(planned) = planned.filter(|planned| findings.is_empty() && planned.zones.len() == shard.zones.len())
        && !live.is_empty()
        && live != planned_counts
    {
        let mut written = planned.zones.clone();
        written.sort();
        let seen = format!(
            "its nodes are in {}; planned: {}",
            live.keys().map(|zone| zone.as_str()).collect::<Vec<_>>().join(", "),
            written.join(", ")
        );
        findings.push(if planned.zones_written {
            warning(subject(), seen, "add a replica in the missing zone, then remove one of the other")
        } else {
            note(subject(), seen, "new nodes go where it is planned; those that are there stay")
        });
    }
    findings
}

/// Whether the plan file says the same, and nothing waits for the maintenance window.
pub(super) fn plan(situation: &Situation) -> Verdict {
    if situation.group().is_none() {
        return skipped("there is no cluster");
    }
    let differing = situation.expected.differences.iter().map(|difference| {
        let seen = format!("differs from the plan file: {}", difference.what);
        warning(Subject::Resource(difference.address), seen, "run `shardform plan`")
    });
    let pending = situation.group().map_or(&[][..], |group| &group.pending);
    let pending = pending.iter().map(|change| {
        warning(CLUSTER, format!("{change} waits for the maintenance window"), "wait for it, or apply it again")
    });
    verdict(differing.chain(pending).collect(), || "all is as the plan file says".to_owned())
}
