//! Holds what is live and what the nodes say against what is planned, and tells what is wrong: severity, address, what
//! was seen, what to do next. Pure: what it judges was gathered by [`super::look`], [`super::probe`] and the cloud.
//!
//! Each check is a row of [`CHECKS`]; what one can't judge, because the cluster doesn't answer, it says so of.

mod checks;
mod situation;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use super::look::Seen;
use super::probe::Probe;
use crate::observed::{Live, LiveRule};
use crate::resource::Address;
use checks::CHECKS;
use situation::Situation;

/// What is planned, as far as it can be verified.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Shards in the order of the plan file.
    pub shards: Vec<ExpectedShard>,
    /// Engine, `redis` or `valkey`.
    pub engine: String,
    /// Engine version as written.
    pub engine_version: String,
    /// Whether Multi-AZ is on.
    pub multi_az: bool,
    /// Parameter group of every node.
    pub parameter_group: String,
    /// Parameters of the plan file.
    pub parameters: BTreeMap<String, String>,
    /// Security groups of every node, `sg-…`.
    pub group_ids: BTreeSet<String>,
    /// The rule that lets the client host in; `None`: the plan file has no client host.
    pub client_rule: Option<ExpectedRule>,
    /// All other rules of the cluster's security group.
    pub other_rules: BTreeSet<LiveRule>,
    /// What differs from the plan file, as the plan tells it.
    pub differences: Vec<Difference>,
}

/// The rule for the client host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedRule {
    /// As it would be live.
    Known(LiveRule),
    /// The client host's security group isn't there.
    GroupMissing,
}

/// A planned shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedShard {
    /// Four digits.
    pub id: String,
    /// Its replicas.
    pub replicas: usize,
    /// Zones of its nodes, the first primary's first.
    pub zones: Vec<String>,
    /// Whether the plan file writes the zones; else they are only where new nodes go.
    pub zones_written: bool,
}

/// Something that differs from the plan file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of which resource.
    pub address: Address,
    /// What, for people.
    pub what: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works, and isn't as planned or won't work for ever.
    Warning,
    /// It doesn't work, or doesn't keep what was planned for the case of a failure.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A resource of the stack: `replication_group.cluster`.
    Resource(Address),
    /// A shard by its node group id: `shard.0001`.
    Shard(String),
    /// A node by its member cluster id, or its endpoint where no member is known: `node.day19-0001-002`.
    Node(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Resource(address) => f.write_str(address.as_str()),
            Subject::Shard(id) => write!(f, "shard.{id}"),
            Subject::Node(id) => write!(f, "node.{id}"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something that isn't as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub address: Subject,
    /// What was seen, for people.
    pub seen: String,
    /// What to do next, for people.
    pub next: String,
}

/// How one check went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The check's name, such as `slots`.
    pub check: &'static str,
    /// How it went.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// How a check went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Verdict {
    /// All is as it should be, or a note tells what else there is to know.
    Passed {
        /// What was seen, for people.
        seen: String,
        /// Notes.
        findings: Vec<Finding>,
    },
    /// Something is not as it should be.
    Failed {
        /// What.
        findings: Vec<Finding>,
    },
    /// It could not be judged.
    Skipped {
        /// Why, for people.
        reason: String,
    },
}

/// What all checks found, in the order of [`CHECKS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One a check.
    pub checks: Vec<Checked>,
}

impl Verdict {
    /// Its findings.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Verdict::Passed { findings, .. } | Verdict::Failed { findings } => findings,
            Verdict::Skipped { .. } => &[],
        }
    }
}

impl Report {
    /// All findings, in the order of the checks.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().flat_map(|checked| checked.verdict.findings())
    }

    /// The worst severity; `None`: there is no finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().map(|finding| finding.severity).max()
    }

    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings().filter(|finding| finding.severity == severity).count()
    }
}

/// What was gathered, and what it is held against.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What the cloud tells.
    pub live: &'a Live,
    /// What is planned.
    pub expected: &'a Expected,
    /// What the nodes say; an error: why they can't be asked at all.
    pub seen: Result<&'a Seen, &'a str>,
    /// What writing and reading showed, one a shard that has a primary.
    pub probes: &'a [Probe],
}

/// Makes every check.
pub fn verify(facts: &Facts) -> Report {
    let situation = Situation::new(facts);
    let judged = CHECKS.iter().map(|(check, judge)| Checked { check, verdict: judge(&situation) });
    Report { checks: judged.collect() }
}

#[cfg(test)]
mod tests;
