//! Stacks for people and for programs: what `list` shows, and what `cleanup` would delete.

use std::collections::BTreeMap;

use serde::Serialize;
use shardform::cloud::CloudError;
use shardform::lifetime::instant;
use shardform::resource::Address;
use shardform::stacks::{Stack, Why};

use super::{count, padded, printable};
use crate::terminal::Paint;

/// One stack for programs.
#[derive(Debug, Serialize)]
pub struct StackRow<'a> {
    stack: &'a str,
    region: &'a str,
    state: &'a str,
    created: Option<String>,
    owner: Option<&'a str>,
    expires: Option<String>,
    expired: bool,
    nodes: usize,
    available_nodes: usize,
    endpoint: Option<String>,
    evidence: Vec<&'static str>,
    resources: BTreeMap<Address, Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// A region that has not answered, for programs.
#[derive(Debug, Serialize)]
pub struct Refused<'a> {
    region: &'a str,
    operation: &'a str,
    code: &'a str,
    message: &'a str,
}

/// The document of `list`.
#[derive(Debug, Serialize)]
pub struct ListDocument<'a> {
    stacks: Vec<StackRow<'a>>,
    refused_regions: Vec<Refused<'a>>,
}

impl<'a> StackRow<'a> {
    /// A stack at a moment (seconds since 1970).
    pub fn new(stack: &'a Stack, why: Option<Why>, now_s: u64) -> Self {
        let resources = stack.parts.iter();
        StackRow {
            stack: &stack.name,
            region: &stack.region,
            state: stack.state.as_str(),
            created: stack.created_s.map(instant),
            owner: stack.owner.as_deref(),
            expires: stack.expires_s.map(instant),
            expired: stack.has_expired(now_s),
            nodes: stack.nodes,
            available_nodes: stack.available_nodes,
            endpoint: stack.endpoint.as_ref().map(ToString::to_string),
            evidence: stack.evidence.iter().map(|evidence| evidence.as_str()).collect(),
            resources: resources.map(|(address, ids)| (*address, ids.iter().map(String::as_str).collect())).collect(),
            why: why.map(|why| why_text(why, now_s)),
        }
    }
}

impl<'a> ListDocument<'a> {
    /// The document of these stacks.
    pub fn new(stacks: impl Iterator<Item = &'a Stack>, refused: &'a [(String, CloudError)], now_s: u64) -> Self {
        ListDocument {
            stacks: stacks.map(|stack| StackRow::new(stack, None, now_s)).collect(),
            refused_regions: self::refused(refused),
        }
    }
}

/// Regions that have not answered, for programs.
pub fn refused(refused: &[(String, CloudError)]) -> Vec<Refused<'_>> {
    refused
        .iter()
        .map(|(region, error)| Refused {
            region,
            operation: &error.operation,
            code: &error.code,
            message: &error.message,
        })
        .collect()
}

/// A table, a line a stack; the region where there are several.
pub fn table(stacks: &[&Stack], several_regions: bool, now_s: u64, paint: Paint) -> String {
    let head = ["STACK", "REGION", "AGE", "OWNER", "EXPIRES", "NODES", "STATE"].map(str::to_owned);
    let rows: Vec<[String; 7]> = stacks.iter().map(|stack| row(stack, now_s)).collect();
    let shown: Vec<usize> = (0..head.len()).filter(|column| several_regions || *column != 1).collect();
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &[String; 7]| {
        let cells: Vec<String> = shown.iter().map(|column| padded(&row[*column], widths[*column])).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![paint.bold(&line(&head))];
    lines.extend(rows.iter().zip(stacks).map(|(row, stack)| match stack.has_expired(now_s) {
        true => paint.red(&line(row)),
        false => line(row),
    }));
    lines.join("\n")
}

fn row(stack: &Stack, now_s: u64) -> [String; 7] {
    let unknown = || "-".to_owned();
    let nodes = match (stack.available_nodes, stack.nodes) {
        (_, 0) => unknown(),
        (available, all) => format!("{available}/{all}"),
    };
    let expires = stack.expires_s.map(|at_s| match at_s.checked_sub(now_s) {
        Some(left_s) if left_s > 0 => format!("in {}", about(left_s)),
        _ => format!("expired {} ago", about(now_s.saturating_sub(at_s))),
    });
    [
        printable(&stack.name),
        stack.region.clone(),
        stack.created_s.map_or_else(unknown, |created_s| about(now_s.saturating_sub(created_s))),
        stack.owner.as_deref().map_or_else(unknown, printable),
        expires.unwrap_or_else(unknown),
        nodes,
        printable(stack.state.as_str()),
    ]
}

/// A stretch of time in its largest unit, rounded down.
pub fn about(seconds: u64) -> String {
    match seconds {
        0..60 => "<1m".to_owned(),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Why a stack is to be deleted.
pub fn why_text(why: Why, now_s: u64) -> String {
    match why {
        Why::Expired { at_s } => format!("expired {} ago", about(now_s.saturating_sub(at_s))),
        Why::Old { since_s } => format!("{} old", about(now_s.saturating_sub(since_s))),
    }
}

/// What is to be deleted: a line a stack, and below it what there is of it.
pub fn doomed(doomed: &[(&Stack, Why)], several_regions: bool, now_s: u64, paint: Paint) -> String {
    let name = |stack: &Stack| match several_regions {
        true => format!("{} in {}", printable(&stack.name), stack.region),
        false => printable(&stack.name),
    };
    let width = doomed.iter().map(|(stack, _)| name(stack).chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (stack, why) in doomed {
        let owner = stack.owner.as_deref().map(|owner| format!(", {}'s", printable(owner))).unwrap_or_default();
        let why = why_text(*why, now_s);
        let state = printable(stack.state.as_str());
        lines.push(format!("  {} {}  {why}{owner}, {state}", paint.red("-"), padded(&name(stack), width)));
        lines.push(format!("      {}", paint.dim(&parts_text(stack))));
    }
    lines.join("\n")
}

/// `key pair, 2 security groups, replication group (9 nodes)`
fn parts_text(stack: &Stack) -> String {
    let number = |addresses: &[Address]| -> usize {
        addresses.iter().filter_map(|address| stack.parts.get(address)).map(|ids| ids.len()).sum()
    };
    let kinds: [(&str, &[Address]); 6] = [
        ("key pair", &[Address::KeyPair]),
        ("instance", &[Address::Instance]),
        ("security group", &[Address::ClientGroup, Address::ClusterGroup]),
        ("subnet group", &[Address::SubnetGroup]),
        ("parameter group", &[Address::ParameterGroup]),
        ("replication group", &[Address::ReplicationGroup]),
    ];
    let nodes = |kind: &str| match stack.nodes {
        nodes if kind == "replication group" && nodes > 0 => format!(" with {}", count(nodes, "node")),
        _ => String::new(),
    };
    let texts = kinds.iter().filter_map(|(kind, addresses)| {
        let number = number(addresses);
        (number > 0).then(|| format!("{}{}", count(number, kind), nodes(kind)))
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "stacks_tests.rs"]
mod tests;
