//! Whether the security groups let the client host in, and nobody else than the plan file says.

use std::collections::BTreeSet;

use super::{count, error, skipped, verdict, warning};
use crate::cluster::verify::situation::Situation;
use crate::cluster::verify::{ExpectedRule, Finding, Severity, Subject, Verdict};
use crate::observed::{LiveRule, LiveSecurityGroup, LiveSource};
use crate::resource::Address;

const GROUP: Subject = Subject::Resource(Address::ClusterGroup);
const CLIENT: Subject = Subject::Resource(Address::Instance);

pub(super) fn access(situation: &Situation) -> Verdict {
    if situation.group().is_none() {
        return skipped("there is no cluster");
    }
    let Some(group) = &situation.live.cluster_group else {
        let findings = vec![error(GROUP, "it is not there", "run `shardform apply`")];
        return Verdict::Failed { findings };
    };
    let mut findings = rules(situation, group);
    findings.extend(carried(situation));
    findings.extend(client(situation));
    verdict(findings, || {
        let who = match (&situation.expected.client_rule, situation.expected.other_rules.len()) {
            (Some(_), 0) => "the client host and nobody else".to_owned(),
            (Some(_), more) => format!("the client host and the plan file's {}", count(more, "other source")),
            (None, more) => format!("the plan file's {}", count(more, "source")),
        };
        format!("the cluster's security group admits {who}")
    })
}

fn rules(situation: &Situation, group: &LiveSecurityGroup) -> Vec<Finding> {
    let expected = situation.expected;
    let mut findings = Vec::new();
    let mut planned: BTreeSet<&LiveRule> = expected.other_rules.iter().collect();
    match &expected.client_rule {
        Some(ExpectedRule::Known(rule)) => {
            planned.insert(rule);
            if !group.ingress.iter().any(|live| admits(live, rule)) {
                let seen = format!("it does not admit the client host ({rule})");
                findings.push(error(GROUP, seen, "run `shardform apply`"));
            }
        }
        Some(ExpectedRule::GroupMissing) => {
            let subject = Subject::Resource(Address::ClientGroup);
            findings.push(error(subject, "it is not there", "run `shardform apply`"));
        }
        None => {}
    }
    for rule in expected.other_rules.iter().filter(|rule| !group.ingress.iter().any(|live| admits(live, rule))) {
        let seen = format!("it does not admit {rule}");
        findings.push(error(GROUP, seen, "run `shardform apply`"));
    }
    for rule in group.ingress.iter().filter(|rule| !planned.contains(rule)) {
        let severity = if is_everybody(&rule.source) { Severity::Error } else { Severity::Warning };
        let seen = format!("it admits {rule}, which the plan file does not");
        let next = "`shardform apply` takes it away; to keep it, write it under `cluster.allow_from`";
        findings.push(super::finding(severity, GROUP, seen, next));
    }
    findings
}

/// Whether the live rule lets in what the other one is to let in.
fn admits(live: &LiveRule, wanted: &LiveRule) -> bool {
    let all_ports = live.protocol == "-1";
    let in_range = live.from_port <= wanted.from_port && live.to_port >= wanted.to_port;
    live.source == wanted.source && (all_ports || (live.protocol == wanted.protocol && in_range))
}

fn is_everybody(source: &LiveSource) -> bool {
    matches!(source, LiveSource::Cidr(cidr) if cidr == "0.0.0.0/0" || cidr == "::/0")
}

/// Whether every node carries the planned groups: a group that no node carries protects nothing.
fn carried(situation: &Situation) -> Vec<Finding> {
    let planned = &situation.expected.group_ids;
    let mut findings = Vec::new();
    for member in situation.group().map_or(&[][..], |group| &group.members) {
        if member.group_ids.is_empty() {
            continue;
        }
        let list = |ids: Vec<&String>| ids.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let subject = || Subject::Node(member.id.clone());
        let missing: Vec<&String> = planned.difference(&member.group_ids).collect();
        let more: Vec<&String> = member.group_ids.difference(planned).collect();
        if !missing.is_empty() {
            let seen = format!("it does not carry the security group {}", list(missing));
            findings.push(error(subject(), seen, "run `shardform apply`"));
        }
        if !more.is_empty() {
            let seen = format!("it also carries the security group {}, which the plan file does not name", list(more));
            findings.push(warning(subject(), seen, "run `shardform plan`; `cluster.security_group_ids` keeps it"));
        }
    }
    findings
}

/// Whether the client host is up and carries its group.
fn client(situation: &Situation) -> Vec<Finding> {
    let live = situation.live;
    if situation.expected.client_rule.is_none() {
        return Vec::new();
    }
    let Some(host) = live.instances.first() else {
        return vec![warning(CLIENT, "it is not there", "run `shardform apply`")];
    };
    let mut findings = Vec::new();
    if host.state != "running" {
        findings.push(warning(CLIENT, format!("{} is {}", host.id, host.state), "start it to use it"));
    }
    let group = live.client_group.as_ref().map(|group| &group.id);
    if let Some(group) = group.filter(|group| !host.group_ids.is_empty() && !host.group_ids.contains(*group)) {
        let seen = format!("{} does not carry the security group {group}, so the cluster does not admit it", host.id);
        findings.push(error(CLIENT, seen, "run `shardform plan`"));
    }
    findings
}
