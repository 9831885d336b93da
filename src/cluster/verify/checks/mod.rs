//! The checks, one row each, and how they word what they find.

mod access;
mod data;
mod engine;
mod group;
mod shards;
mod slots;

use super::situation::Situation;
use super::{Finding, Severity, Subject, Verdict};
use crate::resource::Address;

/// A check: its name, and its judgement.
pub(super) type Check = (&'static str, fn(&Situation) -> Verdict);

/// All checks, in the order in which people read them.
pub(super) const CHECKS: &[Check] = &[
    ("status", group::status),
    ("ping", slots::ping),
    ("slots", slots::slots),
    ("views", slots::views),
    ("shards", shards::shards),
    ("lag", shards::lag),
    ("zones", group::zones),
    ("engine", engine::engine),
    ("parameters", engine::parameters),
    ("eviction", engine::eviction),
    ("memory", engine::memory),
    ("data", data::data),
    ("access", access::access),
    ("plan", group::plan),
];

/// The cluster as a whole.
const CLUSTER: Subject = Subject::Resource(Address::ReplicationGroup);

fn finding(severity: Severity, address: Subject, seen: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { severity, address, seen: seen.into(), next: next.into() }
}

fn error(address: Subject, seen: impl Into<String>, next: impl Into<String>) -> Finding {
    finding(Severity::Error, address, seen, next)
}

fn warning(address: Subject, seen: impl Into<String>, next: impl Into<String>) -> Finding {
    finding(Severity::Warning, address, seen, next)
}

fn note(address: Subject, seen: impl Into<String>, next: impl Into<String>) -> Finding {
    finding(Severity::Note, address, seen, next)
}

/// Passed with `seen` where nothing is worse than a note.
fn verdict(findings: Vec<Finding>, seen: impl FnOnce() -> String) -> Verdict {
    if findings.iter().all(|finding| finding.severity == Severity::Note) {
        Verdict::Passed { seen: seen(), findings }
    } else {
        Verdict::Failed { findings }
    }
}

fn skipped(reason: &str) -> Verdict {
    Verdict::Skipped { reason: reason.to_owned() }
}

/// Why nothing can be said of the nodes, if nothing can.
fn unanswered(situation: &Situation) -> Option<Verdict> {
    if situation.group().is_none() {
        return Some(skipped("there is no cluster"));
    }
    situation.view.is_none().then(|| skipped("no node answers"))
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Bytes as people read them.
fn bytes(number: u64) -> String {
    const MIB: u64 = 1 << 20;
    match number {
        0..1024 => format!("{number} bytes"),
        1024..MIB => format!("{} KiB", number / 1024),
        _ => format!("{}.{} MiB", number / MIB, number % MIB * 10 / MIB),
    }
}
