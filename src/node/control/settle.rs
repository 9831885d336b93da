//! What happens by itself: groups settle when the fleet has reached what is wanted, or when the clock says so.

use super::events::SourceType;
use super::failover::{TestFailover, show_recoveries};
use super::replication_group::{Endpoint, NodeGroup, ReplicationGroup, Status};
use super::{Region, Timing};
use crate::node::wanted::{ClusterKey, ClusterReport, FleetReport, WantedCluster, WantedNode, WantedShard};

/// How long after the begin of a change the fleet may still report an earlier one's failure.
pub(super) const OLD_FAILURE_MS: u64 = 3000;
/// How long after a start a fleet may not know yet what runs.
const LOOKING_MS: u64 = 2000;

/// What a group needs done that the group alone can't do.
enum Outcome {
    Nothing,
    Changed,
    Created,
    CreateFailed(String),
    Modified { words: String, removed: Vec<String>, added: Vec<(String, String)> },
    ModifyFailed(String),
    FailoverEnded(TestFailover),
    Deleted,
}

impl Region {
    /// What the fleet is to run for a group.
    pub fn wanted_cluster(&self, group: &ReplicationGroup) -> WantedCluster {
        let parameters = self.parameter_group(&group.parameter_group).map(|group| group.directives());
        let shard = |node_group: &NodeGroup| WantedShard {
            id: node_group.id.clone(),
            slots: node_group.wanted_slots().clone(),
            nodes: node_group
                .kept_members()
                .map(|member| WantedNode { id: member.id.clone(), zone: member.zone.clone() })
                .collect(),
            failover: group.failovers.asked_of(&node_group.id),
        };
        WantedCluster {
            generation: group.generation,
            created: group.created_generation,
            engine: group.engine,
            port: group.port,
            parameters: parameters.unwrap_or_default(),
            shards: group.kept_node_groups().map(shard).collect(),
            data: group.wanted_data(),
        }
    }

    /// Without nodes lets the clock end what an earlier run with nodes left under way. With nodes, gives the fleet time
    /// to find the processes of what is being deleted.
    pub fn resume_groups(&mut self, now_ms: u64, timing: Timing) {
        for group in self.groups.values_mut().filter(|group| group.status == Status::Deleting) {
            group.gone_from_ms = (!timing.without_nodes).then_some(now_ms + LOOKING_MS);
        }
        for group in self.groups.values_mut().filter(|_| timing.without_nodes) {
            // Whoever would have said that a node is back is not there.
            let by_clock = group.failovers.under_way.as_ref().and_then(|asked| asked.old_primary.clone());
            group.failovers.recovering.retain(|node| Some(node) == by_clock.as_ref());
            let takes_ms = match group.status {
                Status::Creating => timing.create_ms,
                Status::Modifying => timing.modify_ms,
                Status::Deleting => timing.delete_ms,
                Status::Available | Status::Snapshotting | Status::CreateFailed => continue,
            };
            group.due_ms = group.due_ms.or(Some(now_ms + takes_ms));
        }
    }

    /// Moves groups on by the fleet's report and by the clock; says whether anything changed.
    pub fn settle_groups(&mut self, now_ms: u64, timing: Timing, report: &FleetReport) -> bool {
        let mut changed = false;
        for id in self.groups.keys().cloned().collect::<Vec<_>>() {
            let key = ClusterKey { region: self.name.clone(), replication_group_id: id.clone() };
            let report = report.clusters.get(&key);
            // What happened on the way is told before the end of it.
            changed |= self.tell_happenings(now_ms, &id, report);
            changed |= self.fail_over_by_clock(now_ms, timing, &id);
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            let outcome = settle(group, &key, now_ms, timing, report);
            changed |= !matches!(outcome, Outcome::Nothing);
            self.tell(now_ms, &id, outcome);
            changed |= self.groups.get_mut(&id).is_some_and(show_recoveries);
        }
        changed
    }

    fn tell(&mut self, now_ms: u64, id: &str, outcome: Outcome) {
        match outcome {
            Outcome::Nothing | Outcome::Changed => {}
            Outcome::Created => self.tell_created(now_ms, id),
            Outcome::CreateFailed(reason) => {
                self.record_group(now_ms, id, format!("Replication group {id} failed to be created: {reason}"));
            }
            Outcome::ModifyFailed(reason) => {
                self.record_group(now_ms, id, format!("Replication group {id} could not be modified: {reason}"));
            }
            Outcome::Modified { words, removed, added } => {
                for (member, zone) in added {
                    self.tell_added(now_ms, &member, &zone);
                }
                for member in removed {
                    self.tell_removed(now_ms, &member);
                }
                self.record_group(now_ms, id, format!("{words} of replication group {id} completed"));
            }
            Outcome::FailoverEnded(failover) => self.tell_failover_ended(now_ms, id, failover),
            Outcome::Deleted => {
                let gone = self.groups.remove(id);
                for member in gone.iter().flat_map(ReplicationGroup::members) {
                    self.tell_removed(now_ms, &member.id);
                }
                self.record_group(now_ms, id, format!("Replication group {id} deleted"));
            }
        }
    }

    fn tell_created(&mut self, now_ms: u64, id: &str) {
        let Some(group) = self.groups.get(id) else { return };
        let members: Vec<_> = group.members().map(|member| (member.id.clone(), member.zone.clone())).collect();
        for (member, zone) in members {
            self.tell_added(now_ms, &member, &zone);
        }
        self.record_group(now_ms, id, format!("Replication group {id} created"));
    }

    fn tell_added(&mut self, now_ms: u64, member: &str, zone: &str) {
        let message = format!("Added cache node 0001 in availability zone {zone}");
        self.record(now_ms, SourceType::CacheCluster, member, message);
        self.record(now_ms, SourceType::CacheCluster, member, "Cache cluster created");
    }

    fn tell_removed(&mut self, now_ms: u64, member: &str) {
        self.record(now_ms, SourceType::CacheCluster, member, "Removed cache node 0001");
        self.record(now_ms, SourceType::CacheCluster, member, "Cache cluster deleted");
    }
}

fn settle(
    group: &mut ReplicationGroup,
    key: &ClusterKey,
    now_ms: u64,
    timing: Timing,
    report: Option<&ClusterReport>,
) -> Outcome {
    let learned = report.is_some_and(|report| learn(group, report));
    let is_due = group.due_ms.is_some_and(|due_ms| timing.is_due(due_ms, now_ms));
    let is_reached = report.is_some_and(|report| report.reached >= group.generation);
    let is_looked_for = group.gone_from_ms.is_none_or(|from_ms| !is_ahead(from_ms, now_ms, LOOKING_MS));
    let ends_waiting = is_looked_for && group.gone_from_ms.take().is_some();
    let is_done = is_due || (group.due_ms.is_none() && is_reached);
    match group.status {
        Status::Creating | Status::Modifying if is_done => {
            if report.is_none() {
                group.reached = group.generation;
                name_endpoints(group, &key.region);
            }
            finish(group)
        }
        Status::Creating | Status::Modifying => match failure(group, now_ms, report) {
            Some(reason) => fail(group, now_ms, reason),
            None if learned => Outcome::Changed,
            None => Outcome::Nothing,
        },
        Status::Deleting if is_due || (group.due_ms.is_none() && report.is_none() && is_looked_for) => Outcome::Deleted,
        Status::Deleting if ends_waiting => Outcome::Changed,
        _ if learned => Outcome::Changed,
        _ => Outcome::Nothing,
    }
}

/// Takes over what the fleet knows: endpoints, primaries and how far it is.
fn learn(group: &mut ReplicationGroup, report: &ClusterReport) -> bool {
    let before = group.clone();
    let endpoint = |address: std::net::SocketAddr| Endpoint { address: address.ip().to_string(), port: address.port() };
    if let Some(address) = report.endpoint {
        group.endpoint = Some(endpoint(address));
    }
    group.reached = group.reached.max(report.reached);
    for member in group.members_mut() {
        if let Some(node) = report.nodes.get(&member.id) {
            member.endpoint = Some(endpoint(node.address));
            member.is_primary = node.primary;
        }
    }
    *group != before
}

/// Without nodes: names of the form that ElastiCache gives, which lead nowhere but to this machine.
fn name_endpoints(group: &mut ReplicationGroup, region: &str) {
    if group.endpoint.is_some() && group.members().all(|member| member.endpoint.is_some()) {
        return;
    }
    let (id, port) = (group.id.clone(), group.port);
    let name =
        |label: &str, middle: &str| Endpoint { address: format!("{label}.local.{middle}{region}.cache.invalid"), port };
    group.endpoint = Some(name(&id, "clustercfg."));
    for member in group.members_mut() {
        member.endpoint = Some(name(&member.id, "0001."));
    }
}

/// Whether a moment is still to come, and not further off than it can be: then the clock was put back.
fn is_ahead(moment_ms: u64, now_ms: u64, longest_ms: u64) -> bool {
    moment_ms > now_ms && moment_ms - now_ms <= longest_ms
}

/// A failure that is not left over from an earlier change.
fn failure(group: &ReplicationGroup, now_ms: u64, report: Option<&ClusterReport>) -> Option<String> {
    if group.due_ms.is_some() {
        return None;
    }
    let reason = report?.failure.clone()?;
    let is_old = group
        .old_failure
        .as_ref()
        .is_some_and(|(old, until_ms)| *old == reason && is_ahead(*until_ms, now_ms, OLD_FAILURE_MS));
    (!is_old).then_some(reason)
}

fn fail(group: &mut ReplicationGroup, now_ms: u64, reason: String) -> Outcome {
    group.old_failure = Some((reason.clone(), now_ms));
    group.is_resharding = false;
    group.due_ms = None;
    if group.status == Status::Creating {
        group.status = Status::CreateFailed;
        return Outcome::CreateFailed(reason);
    }
    group.failovers.under_way = None;
    // The group serves on with what it has; what it should have stays wanted, so the fleet may still get there.
    settle_members(group);
    Outcome::ModifyFailed(reason)
}

fn finish(group: &mut ReplicationGroup) -> Outcome {
    let was_creating = group.status == Status::Creating;
    let (removed, added) = settle_members(group);
    group.due_ms = None;
    group.old_failure = None;
    group.is_resharding = false;
    if let Some(failover) = group.failovers.under_way.take() {
        return Outcome::FailoverEnded(failover);
    }
    let words = group.under_way.take();
    if was_creating {
        return Outcome::Created;
    }
    Outcome::Modified { words: words.unwrap_or_else(|| "Modification".to_owned()), removed, added }
}

/// Lets members and node groups go that were to go, and makes the others available. Gives the ids of those that went
/// and those that came, with their zones.
fn settle_members(group: &mut ReplicationGroup) -> (Vec<String>, Vec<(String, String)>) {
    let with = |status: Status| group.members().filter(move |member| member.status == status);
    let removed = with(Status::Deleting).map(|member| member.id.clone()).collect();
    let added = with(Status::Creating).map(|member| (member.id.clone(), member.zone.clone())).collect();
    group.status = Status::Available;
    group.node_groups.retain(|node_group| node_group.status != Status::Deleting);
    for node_group in &mut group.node_groups {
        node_group.status = Status::Available;
        if let Some(slots) = node_group.next_slots.take() {
            node_group.slots = slots;
        }
        node_group.members.retain(|member| member.status != Status::Deleting);
        node_group.members.iter_mut().for_each(|member| member.status = Status::Available);
    }
    (removed, added)
}
