//! Failovers: `TestFailover`, and what is told of it and of nodes that were lost and recovered.
//!
//! Pure. With nodes the fleet carries a failover out and says what happened, each happening with a number; told is what
//! is above the last number that was told, so nothing is told twice. Without nodes the clock plays it. Texts and order
//! of the events are ElastiCache's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::events::SourceType;
use super::replication_group::{NodeGroup, ReplicationGroup, Status, wrong_state};
use super::scaling::node_group_not_found;
use super::settle::OLD_FAILURE_MS;
use super::{Context, Region, Timing};
use crate::node::wanted::{ClusterReport, Happened, Happening};

/// Node groups that an account may fail over within [`WINDOW_MS`].
const MOST_NODE_GROUPS: usize = 15;
/// A rolling day in milliseconds.
const WINDOW_MS: u64 = 24 * 3_600_000;
/// A cache cluster's only node.
const NODE: &str = "0001";

/// What is known of a group's failovers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Failovers {
    /// The one that was asked for and is not through yet.
    pub under_way: Option<TestFailover>,
    /// Members whose node is being replaced.
    pub recovering: BTreeSet<String>,
    /// The number of the fleet's last happening that was told.
    pub told: u64,
}

/// A failover that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TestFailover {
    /// Which node group.
    pub node_group: String,
    /// The generation at which it was asked for.
    pub asked: u64,
    /// The member that was the primary, once the clock has exchanged the roles; never set where a fleet does it.
    pub old_primary: Option<String>,
}

impl Failovers {
    /// The failover of this node group that the fleet is asked for.
    pub fn asked_of(&self, node_group: &str) -> Option<u64> {
        let asked = self.under_way.as_ref().filter(|asked| asked.node_group == node_group);
        asked.filter(|asked| asked.old_primary.is_none()).map(|asked| asked.asked)
    }
}

impl Region {
    /// Fails a node group over to a replica, and replaces the old primary's node.
    pub fn test_failover(
        &mut self,
        context: &mut Context<'_>,
        id: &str,
        node_group_id: &str,
    ) -> Result<ReplicationGroup, ApiError> {
        let is_id = (1..=4).contains(&node_group_id.len()) && node_group_id.bytes().all(|byte| byte.is_ascii_digit());
        if !is_id {
            let words = format!("Invalid NodeGroupId: {node_group_id}. It must have 1 to 4 digits.");
            return Err(ApiError::value(words));
        }
        let id = super::validate::replication_group_id(id)?;
        let group = self.changeable(&id)?;
        let node_group_id = format!("{node_group_id:0>4}");
        let has_id = |node_group: &&NodeGroup| node_group.id == node_group_id;
        let node_group = group.node_groups.iter().find(has_id);
        let node_group = node_group.ok_or_else(|| node_group_not_found(&node_group_id, group))?;
        if node_group.members.len() < 2 {
            let words = format!("Test failover is not available: node group {node_group_id} of {id} has no replica.");
            return Err(ApiError::new("TestFailoverNotAvailableFault", words));
        }
        if group.node_groups.iter().any(|node_group| node_group.status != Status::Available) {
            return Err(unfinished(group));
        }
        count_call(context)?;
        let group = begin(group.clone(), context, &node_group_id);
        self.groups.insert(id.clone(), group.clone());
        self.record_group(context.now_ms, &id, format!("Test Failover API called for node group {node_group_id}"));
        Ok(group)
    }

    /// Tells what the fleet says has happened since the last time; says whether anything has.
    pub(super) fn tell_happenings(&mut self, now_ms: u64, id: &str, report: Option<&ClusterReport>) -> bool {
        let Some((group, report)) = self.groups.get_mut(id).zip(report) else { return false };
        let told = group.failovers.told;
        let news: Vec<Happening> =
            report.happenings.iter().filter(|happening| happening.number > told).cloned().collect();
        let Some(last) = news.last() else { return false };
        group.failovers.told = last.number;
        for happening in news {
            self.tell_happening(now_ms, id, &happening.what);
        }
        true
    }

    fn tell_happening(&mut self, now_ms: u64, id: &str, what: &Happened) {
        match what {
            Happened::FailedOver { from, to } => self.tell_failover(now_ms, id, from, to),
            Happened::RecoveryBegan { node } => self.tell_recovery(now_ms, id, node, true),
            Happened::RecoveryEnded { node } => self.tell_recovery(now_ms, id, node, false),
        }
    }

    fn tell_failover(&mut self, now_ms: u64, id: &str, from: &str, to: &str) {
        let words = format!("Failover from primary node {from} to replica node {to} completed");
        self.record(now_ms, SourceType::CacheCluster, from, words.clone());
        self.record_group(now_ms, id, words);
    }

    fn tell_recovery(&mut self, now_ms: u64, id: &str, node: &str, begins: bool) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if begins && group.members().any(|member| member.id == node) {
            group.failovers.recovering.insert(node.to_owned());
        } else {
            group.failovers.recovering.remove(node);
        }
        let words = if begins { "Recovering cache nodes" } else { "Finished recovery for cache nodes" };
        self.record(now_ms, SourceType::CacheCluster, node, format!("{words} {NODE}"));
    }

    /// Without nodes: exchanges the roles when it is time, and leaves the return of the old primary to the clock too.
    pub(super) fn fail_over_by_clock(&mut self, now_ms: u64, timing: Timing, id: &str) -> bool {
        let Some(group) = self.groups.get_mut(id) else { return false };
        let is_due = group.due_ms.is_some_and(|due_ms| timing.is_due(due_ms, now_ms));
        let asked = group.failovers.under_way.as_mut().filter(|asked| is_due && asked.old_primary.is_none());
        let Some(asked) = asked else { return false };
        let node_group = group.node_groups.iter_mut().find(|node_group| node_group.id == asked.node_group);
        let Some((from, to)) = node_group.and_then(exchange_roles) else { return false };
        asked.old_primary = Some(from.clone());
        group.due_ms = Some(now_ms + half(timing));
        self.tell_failover(now_ms, id, &from, &to);
        self.tell_recovery(now_ms, id, &from, true);
        true
    }

    /// The failover is through. Where a fleet did it, all has been told.
    pub(super) fn tell_failover_ended(&mut self, now_ms: u64, id: &str, failover: TestFailover) {
        if let Some(node) = failover.old_primary {
            self.tell_recovery(now_ms, id, &node, false);
        }
    }
}

/// Shows which members are being replaced; says whether that changes anything. While something else than a failover is
/// under way, all statuses are that change's.
pub(super) fn show_recoveries(group: &mut ReplicationGroup) -> bool {
    let drilled = group.failovers.under_way.as_ref().map(|asked| asked.node_group.clone());
    let shows = group.status == Status::Available || (group.status == Status::Modifying && drilled.is_some());
    if !shows {
        return false;
    }
    let status = |modifying: bool| if modifying { Status::Modifying } else { Status::Available };
    let is_settled = |status: Status| matches!(status, Status::Available | Status::Modifying);
    let mut changed = false;
    let mut show = |old: &mut Status, modifying: bool| {
        let new = if is_settled(*old) { status(modifying) } else { *old };
        changed |= std::mem::replace(old, new) != new;
    };
    for node_group in &mut group.node_groups {
        let mut modifying = drilled.as_ref() == Some(&node_group.id);
        for member in &mut node_group.members {
            let is_recovering = group.failovers.recovering.contains(&member.id);
            modifying |= is_recovering;
            show(&mut member.status, is_recovering);
        }
        show(&mut node_group.status, modifying);
    }
    changed
}

fn begin(mut group: ReplicationGroup, context: &mut Context<'_>, node_group_id: &str) -> ReplicationGroup {
    let asked = context.source.generation();
    group.status = Status::Modifying;
    group.generation = asked;
    group.due_ms = context.timing.without_nodes.then_some(context.now_ms + half(context.timing));
    // The fleet may still report an earlier failure until it has seen this.
    group.old_failure = group.old_failure.take().map(|(words, _)| (words, context.now_ms + OLD_FAILURE_MS));
    let node_group = node_group_id.to_owned();
    group.failovers.under_way = Some(TestFailover { node_group, asked, old_primary: None });
    show_recoveries(&mut group);
    group
}

/// Half of a modification's time passes until the failover, and half until the old primary is back.
fn half(timing: Timing) -> u64 {
    timing.modify_ms.div_ceil(2)
}

/// Counts a call of `TestFailover` that would be taken, over all regions.
fn count_call(context: &mut Context<'_>) -> Result<(), ApiError> {
    let now_ms = context.now_ms;
    // A call from after now was made before the clock was put back.
    context.failover_calls.retain(|call_ms| (*call_ms..call_ms + WINDOW_MS).contains(&now_ms));
    if context.failover_calls.len() >= MOST_NODE_GROUPS {
        let words = format!(
            "The customer has exceeded the allowed rate of API calls: TestFailover may be used on up to \
             {MOST_NODE_GROUPS} node groups in any rolling 24-hour period."
        );
        return Err(ApiError::new("APICallRateForCustomerExceeded", words));
    }
    context.failover_calls.push(now_ms);
    Ok(())
}

/// The first replica becomes the primary; gives the ids of the old primary and of the new one.
fn exchange_roles(node_group: &mut NodeGroup) -> Option<(String, String)> {
    let from = node_group.members.iter().position(|member| member.is_primary).unwrap_or(0);
    let to = (0..node_group.members.len()).find(|place| *place != from)?;
    node_group.members[from].is_primary = false;
    node_group.members[to].is_primary = true;
    Some((node_group.members[from].id.clone(), node_group.members[to].id.clone()))
}

/// A node is still being replaced, though the group as a whole is available.
fn unfinished(group: &ReplicationGroup) -> ApiError {
    let busy = group.node_groups.iter().find(|node_group| node_group.status != Status::Available);
    let Some(busy) = busy else { return wrong_state(group) };
    let words = format!(
        "Node group {} of replication group {} has status {} which is not valid for this operation.",
        busy.id,
        group.id,
        busy.status.as_str()
    );
    ApiError::new("InvalidReplicationGroupState", words)
}
