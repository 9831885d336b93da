//! Engine version, parameters, eviction policy and memory of the nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::{CLUSTER, bytes, count, error, unanswered, verdict, warning};
use crate::cluster::look::Settings;
use crate::cluster::verify::situation::Situation;
use crate::cluster::verify::{Finding, Subject, Verdict};
use crate::engine_version::satisfies;
use crate::resource::Address;

/// From this share of its memory on a node is worth a warning, in percent.
const WARNING_PERCENT: u64 = 80;
/// From this share on it is an error.
const ERROR_PERCENT: u64 = 95;
/// Parameters that say where and how a node keeps its data, and which whoever runs the node decides: what the engine
/// says of them proves nothing.
const NOT_COMPARED: [&str; 5] = ["appendonly", "appendfsync", "cluster-enabled", "databases", "maxmemory"];

/// Whether every node has the planned engine version, and all run the same.
pub(super) fn engine(situation: &Situation) -> Verdict {
    let Some(group) = situation.group() else { return super::skipped("there is no cluster") };
    let expected = situation.expected;
    let mut findings = Vec::new();
    if group.engine.as_ref().is_some_and(|engine| *engine != expected.engine) {
        let live = group.engine.as_deref().unwrap_or_default();
        let seen = format!("its engine is {live}; planned: {}", expected.engine);
        findings.push(error(CLUSTER, seen, "run `shardform plan`"));
    }
    for member in &group.members {
        let Some(version) = member.engine_version.as_deref() else { continue };
        if !satisfies(version, &expected.engine_version) {
            let seen = format!("its engine version is {version}; planned: {}", expected.engine_version);
            findings.push(error(Subject::Node(member.id.clone()), seen, "run `shardform plan`"));
        }
    }
    let running: BTreeMap<String, Vec<String>> = by_value(situation, |info| info.engine());
    if running.len() > 1 {
        let seen = format!("its nodes run different engines: {}", shares(&running));
        findings.push(warning(CLUSTER, seen, "an upgrade may be under way: look again once it is available"));
    }
    verdict(findings, || {
        let told: BTreeSet<&str> = group.members.iter().filter_map(|member| member.engine_version.as_deref()).collect();
        let told: Vec<&str> = told.into_iter().collect();
        let version = if told.is_empty() { expected.engine_version.clone() } else { told.join(", ") };
        let runs = running.keys().next().map(|engine| format!("; the nodes say {engine}")).unwrap_or_default();
        format!("{} {version} as planned{runs}", expected.engine)
    })
}

/// The nodes' labels by what each says.
fn by_value(
    situation: &Situation,
    value: impl Fn(&crate::cluster::info::Info) -> Option<String>,
) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (node, answer) in situation.answering() {
        if let Some(value) = value(&answer.info) {
            all.entry(value).or_default().push(node.label());
        }
    }
    all
}

fn shares(values: &BTreeMap<String, Vec<String>>) -> String {
    let one = |(value, labels): (&String, &Vec<String>)| match labels.as_slice() {
        [label] => format!("{value} on {label}"),
        several => format!("{value} on {}", count(several.len(), "node")),
    };
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether every member has the planned parameter group, with nothing of it outstanding, and every node says the
/// planned values where it may be asked.
pub(super) fn parameters(situation: &Situation) -> Verdict {
    let Some(group) = situation.group() else { return super::skipped("there is no cluster") };
    let expected = situation.expected;
    let mut findings = Vec::new();
    for member in &group.members {
        let subject = || Subject::Node(member.id.clone());
        if let Some(name) = member.parameter_group.as_ref().filter(|name| **name != expected.parameter_group) {
            let seen = format!("its parameter group is {name}; planned: {}", expected.parameter_group);
            findings.push(error(subject(), seen, "run `shardform plan`"));
        }
        match member.parameter_status.as_deref() {
            Some("pending-reboot") => findings.push(warning(
                subject(),
                "some of its parameters wait for a reboot (pending-reboot)",
                "reboot the node in the ElastiCache console; its replicas serve meanwhile",
            )),
            Some("applying") => {
                findings.push(warning(subject(), "its parameters are being applied", "look again in a minute"));
            }
            _ => {}
        }
    }
    findings.extend(group_values(situation));
    findings.extend(node_values(situation));
    verdict(findings, || {
        let told = situation.answering().any(|(_, answer)| matches!(answer.settings, Settings::Told(_)));
        let (name, planned) = (&expected.parameter_group, count(expected.parameters.len(), "parameter"));
        match (expected.parameters.len(), told) {
            (0, _) => format!("{name} on every node"),
            (_, true) => format!("{name} on every node, {planned} as planned there and in the engine"),
            (_, false) => format!("{name} on every node, {planned} as planned there (no engine was asked, or may be)"),
        }
    })
}

/// Planned values that the parameter group has not.
fn group_values(situation: &Situation) -> Vec<Finding> {
    let expected = situation.expected;
    let live = situation.live.parameter_groups.iter().find(|group| group.name == expected.parameter_group);
    let Some(values) = live.and_then(|group| group.parameters.as_ref()) else { return Vec::new() };
    let differing =
        expected.parameters.iter().filter(|(name, value)| values.get(*name).is_some_and(|live| live != *value));
    let one = |(name, value): (&String, &String)| {
        let live = values.get(name).map(String::as_str).unwrap_or_default();
        let seen = format!("{name} is {live}; planned: {value}");
        error(Subject::Resource(Address::ParameterGroup), seen, "run `shardform apply`")
    };
    differing.map(one).collect()
}

/// Planned values that a node says otherwise. The eviction policy has a check of its own, that needs no CONFIG.
fn node_values(situation: &Situation) -> Vec<Finding> {
    let mut findings = Vec::new();
    let compared = |name: &&String| !NOT_COMPARED.contains(&name.as_str()) && *name != POLICY;
    for (node, answer) in situation.answering() {
        let Settings::Told(told) = &answer.settings else { continue };
        for name in situation.expected.parameters.keys().filter(compared) {
            let planned = &situation.expected.parameters[name];
            let Some(live) = told.get(name).filter(|live| !is_same(name, live, planned)) else { continue };
            let seen = format!("{name} is {live} in the engine; planned: {planned}");
            findings.push(error(
                Subject::Node(node.label()),
                seen,
                "somebody has set it by hand: set it back, or reboot the node",
            ));
        }
    }
    findings
}

/// Whether two values mean the same to the engine.
fn is_same(name: &str, live: &str, planned: &str) -> bool {
    if name == "notify-keyspace-events" {
        return events(live) == events(planned);
    }
    live.trim().eq_ignore_ascii_case(planned.trim())
}

/// Classes of keyspace events: letters in any order, `A` for all of the usual ones.
fn events(letters: &str) -> BTreeSet<char> {
    letters.chars().flat_map(|c| if c == 'A' { "g$lshzxetd".chars() } else { one(c) }).collect()
}

fn one(c: char) -> std::str::Chars<'static> {
    let all = "KEg$lshzxetdmn";
    all.find(c).map_or("".chars(), |at| all[at..at + c.len_utf8()].chars())
}

const POLICY: &str = "maxmemory-policy";

/// Whether all nodes evict as planned: on a failover the replica's policy is the shard's.
pub(super) fn eviction(situation: &Situation) -> Verdict {
    if let Some(verdict) = unanswered(situation) {
        return verdict;
    }
    let policies = by_value(situation, |info| info.text("maxmemory_policy").map(str::to_owned));
    let mut findings = Vec::new();
    match situation.expected.parameters.get(POLICY) {
        Some(planned) => {
            for (policy, labels) in policies.iter().filter(|(policy, _)| *policy != planned) {
                let seen = format!("its eviction policy is {policy}; planned: {planned}");
                let next = "somebody has set it by hand: set it back, or reboot the node";
                findings.extend(labels.iter().map(|label| error(Subject::Node(label.clone()), &*seen, next)));
            }
        }
        None if policies.len() > 1 => {
            let seen = format!("its nodes evict in different ways: {}", shares(&policies));
            let next = format!("write `{POLICY}` under `cluster.parameters`, or set it back on those nodes");
            findings.push(warning(CLUSTER, seen, next));
        }
        None => {}
    }
    verdict(findings, || {
        let policy = policies.keys().next().map_or("not told", String::as_str);
        let planned = situation.expected.parameters.contains_key(POLICY);
        format!("{policy} on every node{}", if planned { " as planned" } else { "" })
    })
}

/// Whether every node has memory left.
pub(super) fn memory(situation: &Situation) -> Verdict {
    if let Some(verdict) = unanswered(situation) {
        return verdict;
    }
    let mut findings = Vec::new();
    let (mut most, mut limited) = (0, 0);
    for (node, answer) in situation.answering() {
        let (used, limit) = (answer.info.number("used_memory"), answer.info.number("maxmemory"));
        let (Some(used), Some(limit)) = (used, limit.filter(|limit| *limit > 0)) else { continue };
        let percent = used.saturating_mul(100) / limit;
        limited += 1;
        most = most.max(percent);
        let policy = answer.info.text("maxmemory_policy").unwrap_or("noeviction");
        let seen = format!("{percent}% of its memory is used: {} of {}", bytes(used), bytes(limit));
        let next = match policy {
            "noeviction" => "writes are refused when it is full: add shards, take a larger node type, or delete keys",
            _ => "keys are evicted when it is full: add shards, or take a larger node type",
        };
        let subject = Subject::Node(node.label());
        if percent >= ERROR_PERCENT {
            findings.push(error(subject, seen, next));
        } else if percent >= WARNING_PERCENT {
            findings.push(warning(subject, seen, next));
        }
    }
    verdict(findings, || match limited {
        0 => "the nodes have no limit of their own".to_owned(),
        _ => format!("at most {most}% of a node's memory is used"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_mean_the_same_are_no_difference() {
        assert!(is_same("notify-keyspace-events", "AKE", "KEA"));
        assert!(is_same("notify-keyspace-events", "xE", "Ex"));
        assert!(!is_same("notify-keyspace-events", "xE", "KEx"));
        assert!(is_same("notify-keyspace-events", "AE", "Eg$lshzxetd"));
        assert!(is_same("activedefrag", "yes", "Yes"));
        assert!(!is_same("timeout", "0", "300"));
    }
}
