//! Whether each shard takes a write, and each of its replicas has it.

use super::{count, error, unanswered, verdict};
use crate::cluster::probe::{Probe, Trouble};
use crate::cluster::verify::situation::Situation;
use crate::cluster::verify::{Finding, Subject, Verdict};

pub(super) fn data(situation: &Situation) -> Verdict {
    if let Some(verdict) = unanswered(situation) {
        return verdict;
    }
    if situation.probes.is_empty() {
        return super::skipped("no shard has a primary that could be written to");
    }
    let findings = situation.probes.iter().flat_map(of_shard).collect();
    verdict(findings, || {
        let reads: usize = situation.probes.iter().map(|probe| probe.reads.len()).sum();
        let shards = count(situation.probes.len(), "shard");
        format!("a key was written to and read from {shards}, and read from {}", count(reads, "replica"))
    })
}

fn of_shard(probe: &Probe) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(trouble) = &probe.trouble {
        let subject = Subject::Node(probe.primary.clone());
        findings.push(match trouble {
            Trouble::Write(reason) => error(
                subject,
                format!("it does not take a write (SET): {reason}"),
                "its reason says what it lacks: memory, replicas, slots, or the right to write",
            ),
            Trouble::Read(reason) => error(
                subject,
                format!("what was just written can't be read (GET): {reason}"),
                "look at it with `shardform connect`",
            ),
        });
        return findings;
    }
    for read in &probe.reads {
        let Err(reason) = &read.outcome else { continue };
        findings.push(error(
            Subject::Node(read.replica.clone()),
            format!("what was written to its primary can't be read from it: {reason}"),
            "clients that read from replicas miss it: check the link and the lag with `shardform nodes`",
        ));
    }
    findings
}
