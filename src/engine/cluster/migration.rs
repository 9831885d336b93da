//! A replica of a primary with several moves to a primary that has lost all of its own.

use super::effects::Level;
use super::flags::Flags;
use super::node::{MYSELF, NodeIndex};
use super::state::Cluster;

/// For how long a primary must have been without working replicas, in milliseconds: its own may just be changing.
const DELAY_MS: u64 = 5000;

impl Cluster {
    /// Moves this replica if there is where to, its own primary can spare it, and it is the one to go.
    pub(super) fn migrate_if_needed(&mut self, now: u64) {
        let orphans = self.note_orphans(now);
        let Some(own) = self.myself().replica_of else {
            return;
        };
        let most = self.most_replicas();
        let may = self.settings.allow_replica_migration && self.is_ok() && most >= 2;
        if orphans.is_empty() || !may || self.working_replicas(own) != most {
            return;
        }
        let reachable = self.nodes[own].replicas.iter().filter(|replica| !self.nodes[**replica].is_suspect());
        if reachable.count() <= self.settings.migration_barrier || !self.is_first_to_go(most) {
            return;
        }
        let target = orphans.into_iter().find(|orphan| now > self.nodes[*orphan].orphaned_since + DELAY_MS);
        if let Some(target) = target {
            self.log(Level::Warning, format!("Migrating to orphaned master {}", self.nodes[target].id));
            self.set_primary(target);
        }
    }

    /// The primaries with slots that had replicas and have none that works.
    fn note_orphans(&mut self, now: u64) -> Vec<NodeIndex> {
        let mut orphans = Vec::new();
        for index in self.nodes.indices() {
            let node = &self.nodes[index];
            let works = node.is_primary() && !node.has_failed() && node.flags.any(Flags::MIGRATE_TO);
            let orphaned = works && self.working_replicas(index) == 0;
            let node = &mut self.nodes[index];
            match (orphaned, node.orphaned_since) {
                (false, _) => node.orphaned_since = 0,
                (true, 0) => node.orphaned_since = now,
                (true, _) => {}
            }
            if orphaned && !node.slots.is_empty() {
                orphans.push(index);
            }
        }
        orphans
    }

    fn working_replicas(&self, primary: NodeIndex) -> usize {
        let replicas = self.nodes[primary].replicas.iter();
        replicas.filter(|replica| !self.nodes[**replica].has_failed()).count()
    }

    fn most_replicas(&self) -> usize {
        let primaries = self.nodes.iter().filter(|(_, node)| node.is_primary() && !node.has_failed());
        primaries.map(|(index, _)| self.working_replicas(index)).max().unwrap_or_default()
    }

    /// Of all replicas of the primaries with the most, the one with the smallest name goes.
    fn is_first_to_go(&self, most: usize) -> bool {
        let richest =
            self.nodes.iter().filter(|(index, node)| node.is_primary() && self.working_replicas(*index) == most);
        let mut candidates = richest.flat_map(|(_, node)| node.replicas.iter().map(|replica| self.nodes[*replica].id));
        candidates.all(|candidate| candidate >= self.nodes[MYSELF].id)
    }
}
