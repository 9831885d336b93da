//! Whether the cluster serves, in this node's view.

use super::effects::Level;
use super::node::{MYSELF, Node};
use super::slots::SLOTS;
use super::state::Cluster;

/// How long a restarted primary serves nothing, for the others to tell it that it was replaced, in milliseconds.
/// Once every known node was heard from there is nothing left to wait for.
const RESTART_DELAY_MS: u64 = 2000;

/// How long a primary that was cut off with a minority serves nothing after it is back: the node timeout, within
/// these bounds, in milliseconds.
const REJOIN_DELAY_MS: (u64, u64) = (500, 5000);

/// The state and what it depends on.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) ok: bool,
    /// Whether this node was in a cluster before it started.
    pub(super) restarted: bool,
    /// When it was first looked at since the start.
    first_seen_at: Option<u64>,
    /// When this node last was with a minority.
    minority_at: Option<u64>,
}

impl Health {
    /// Whether the first message of this node since the start may be the last one that is waited for.
    pub(super) fn waits_to_hear_from(&self, node: &Node) -> bool {
        self.restarted && !self.ok && self.first_seen_at.is_some_and(|since| node.data_received < since)
    }
}

impl Cluster {
    /// Works out anew whether the cluster serves.
    pub(super) fn update_health(&mut self, now: u64) {
        let since = *self.health.first_seen_at.get_or_insert(now);
        if self.must_wait_after_restart(since, now) {
            return;
        }
        self.health.restarted = false;
        let voters = self.nodes.iter().filter(|(_, node)| node.votes());
        let (voters, reachable) =
            voters.fold((0, 0), |(all, reachable), (_, node)| (all + 1, reachable + usize::from(!node.is_suspect())));
        let minority = reachable < voters / 2 + 1;
        if minority && voters > 0 {
            self.health.minority_at = Some(now);
        }
        let ok = !minority && (!self.settings.require_full_coverage || self.all_slots_are_served());
        if ok == self.health.ok || (ok && self.must_wait_to_rejoin(now)) {
            return;
        }
        self.health.ok = ok;
        self.log(Level::Warning, format!("Cluster state changed: {}", if ok { "ok" } else { "fail" }));
    }

    fn must_wait_after_restart(&self, since: u64, now: u64) -> bool {
        let waits = self.health.restarted && self.myself().is_primary() && !self.health.ok;
        let mut others = self.nodes.iter().filter(|(index, _)| *index != MYSELF);
        waits && now < since + RESTART_DELAY_MS && !others.all(|(_, node)| node.data_received >= since)
    }

    fn must_wait_to_rejoin(&self, now: u64) -> bool {
        let (least, most) = REJOIN_DELAY_MS;
        let delay = self.settings.node_timeout.clamp(least, most);
        self.myself().is_primary() && self.health.minority_at.is_some_and(|at| now < at + delay)
    }

    fn all_slots_are_served(&self) -> bool {
        let working = self.nodes.iter().filter(|(_, node)| !node.has_failed());
        working.map(|(_, node)| node.slots.len()).sum::<usize>() == usize::from(SLOTS)
    }
}
