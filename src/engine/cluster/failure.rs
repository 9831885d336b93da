//! Who is taken for failed, by whom, and when no longer.

use super::effects::{Level, World};
use super::flags::Flags;
use super::message::{Body, Kind};
use super::node::{MYSELF, NodeIndex};
use super::node_id::NodeId;
use super::state::Cluster;

/// How long a report counts, and after how long an unreplaced primary that answers again is taken back, both as a
/// multiple of the node timeout.
const TIMEOUTS: u64 = 2;

impl Cluster {
    pub(super) fn add_fail_report(&mut self, node: NodeIndex, reporter: NodeIndex, now: u64) {
        let reports = &mut self.nodes[node].fail_reports;
        match reports.iter_mut().find(|(known, _)| *known == reporter) {
            Some((_, at)) => *at = now,
            None => {
                reports.push((reporter, now));
                let (reporter, node) = (self.nodes[reporter].id, self.nodes[node].id);
                self.log(Level::Verbose, format!("Node {reporter} reported node {node} as not reachable."));
            }
        }
    }

    pub(super) fn remove_fail_report(&mut self, node: NodeIndex, reporter: NodeIndex) {
        self.nodes[node].fail_reports.retain(|(known, _)| *known != reporter);
    }

    /// How many primaries said lately that this node fails.
    pub fn count_fail_reports(&self, node: NodeIndex, now: u64) -> usize {
        let valid = self.settings.node_timeout * TIMEOUTS;
        let reports = self.nodes[node].fail_reports.iter();
        reports.filter(|(_, at)| now.saturating_sub(*at) <= valid).count()
    }

    fn drop_old_fail_reports(&mut self, node: NodeIndex, now: u64) {
        let valid = self.settings.node_timeout * TIMEOUTS;
        self.nodes[node].fail_reports.retain(|(_, at)| now.saturating_sub(*at) <= valid);
    }

    /// A node that is unreachable from here and, as they said lately, from a majority of primaries has failed: that
    /// is told to all.
    pub(super) fn declare_failed_if_agreed(&mut self, node: NodeIndex, world: &mut World<'_>) {
        if !self.nodes[node].flags.any(Flags::MAYBE_FAILED) || self.nodes[node].has_failed() {
            return;
        }
        self.drop_old_fail_reports(node, world.now);
        let voters = self.nodes[node].fail_reports.iter().filter(|(reporter, _)| self.nodes[*reporter].votes());
        let agreed = voters.count() + usize::from(self.myself().votes());
        if agreed < self.majority() {
            return;
        }
        let id = self.nodes[node].id;
        self.log(Level::Notice, format!("Marking node {id} as failing (quorum reached)."));
        self.mark_failed(node, world.now);
        self.tell_failed(id, world);
    }

    fn mark_failed(&mut self, node: NodeIndex, now: u64) {
        let known = &mut self.nodes[node];
        known.flags.clear(Flags::MAYBE_FAILED);
        known.flags.set(Flags::FAILED);
        known.failed_at = now;
        self.todo.failover |= self.myself().replica_of == Some(node);
        self.save_and_update();
    }

    pub(super) fn tell_failed(&mut self, id: NodeId, world: &mut World<'_>) {
        let bytes = self.message(Kind::Fail, &Body::Fail(Some(id)), world);
        self.send_to_all(Kind::Fail, bytes);
    }

    pub(super) fn take_fail(&mut self, sender: NodeIndex, failed: &NodeId, now: u64) {
        let Some(node) = self.nodes.find(failed).filter(|node| *node != MYSELF) else {
            return;
        };
        if !self.nodes[node].has_failed() {
            let sender = self.nodes[sender].id;
            self.log(Level::Notice, format!("FAIL message received from {sender} about {failed}"));
            self.mark_failed(node, now);
        }
    }

    /// A node answered: it is reachable. One that was declared failed stays so for a while if it has slots, as its
    /// replicas may be about to replace it.
    pub(super) fn clear_failure(&mut self, index: NodeIndex, now: u64) {
        let node = &self.nodes[index];
        if node.flags.any(Flags::MAYBE_FAILED) {
            self.nodes[index].flags.clear(Flags::MAYBE_FAILED);
            self.todo.announce |= self.myself().votes();
            self.save_and_update();
        } else if node.has_failed() {
            let what = match (node.is_replica(), node.slots.is_empty()) {
                (true, _) => "replica is reachable again.",
                (false, true) => "master without slots is reachable again.",
                (false, false) if now - node.failed_at > self.settings.node_timeout * TIMEOUTS => {
                    "is reachable again and nobody is serving its slots after some time."
                }
                (false, false) => return,
            };
            let line = format!("Clear FAIL state for node {}: {what}", node.id);
            self.log(Level::Notice, line);
            self.nodes[index].flags.clear(Flags::FAILED);
            self.save_and_update();
        }
    }

    /// From when on a node whose answer is awaited counts as unreachable from here; anything that comes from it
    /// shows that it lives.
    pub(super) fn fails_at(&self, node: NodeIndex) -> u64 {
        let node = &self.nodes[node];
        node.ping_sent.max(node.data_received) + self.settings.node_timeout + 1
    }

    /// Marks a node as unreachable from here. The primaries' word counts, so they give it at once.
    pub(super) fn suspect(&mut self, node: NodeIndex, world: &mut World<'_>) {
        self.nodes[node].flags.set(Flags::MAYBE_FAILED);
        let line = format!("*** NODE {} possibly failing", self.nodes[node].id);
        self.log(Level::Debug, line);
        self.todo.update_health = true;
        if self.myself().votes() {
            self.announce_now();
        }
        self.declare_failed_if_agreed(node, world);
    }
}
