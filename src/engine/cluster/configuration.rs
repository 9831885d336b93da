//! Who serves which slots, by configuration epoch; and what becomes of this node when its slots go elsewhere.

use super::effects::{Effect, Level, World};
use super::flags::Flags;
use super::node::{MYSELF, NodeIndex};
use super::node_id::NodeId;
use super::slots::{BITMAP_BYTES, bitmap_slots, in_bitmap};
use super::state::Cluster;

impl Cluster {
    /// Rebinds the slots that a primary claims under `epoch`, where nobody claims them under a higher one.
    pub(super) fn adopt_slots(
        &mut self,
        claimant: NodeIndex,
        epoch: u64,
        claimed: &[u8; BITMAP_BYTES],
        world: &mut World<'_>,
    ) {
        if claimant == MYSELF {
            return;
        }
        let shard = self.primary_of(MYSELF);
        let (mut claims, mut from_shard, mut left_behind) = (0, 0, Vec::new());
        for slot in self.nodes[claimant].slots.clone().iter() {
            if !in_bitmap(claimed, slot) {
                // It stays bound: whoever asks is redirected once too often, but nothing is down.
                self.unclaimed.insert(slot);
            }
        }
        for slot in bitmap_slots(claimed) {
            claims += 1;
            let owner = self.owner(slot);
            if owner == Some(claimant) {
                self.unclaimed.remove(slot);
                continue;
            }
            // A slot being imported is closed by whoever moves it, not by news.
            if self.importing.contains_key(&slot) || !self.may_rebind(slot, owner, epoch) {
                continue;
            }
            if owner == Some(MYSELF) && world.keys.count(slot) > 0 {
                left_behind.push(slot);
            }
            from_shard += usize::from(owner.is_some() && owner == shard);
            self.remove_slot(slot);
            self.add_slot(slot, claimant);
            self.unclaimed.remove(slot);
            self.save_and_sync();
            self.todo.update_health = true;
        }
        let lost_all = from_shard > 0 && shard.is_some_and(|shard| self.nodes[shard].slots.is_empty());
        self.settle(claimant, lost_all && (self.settings.allow_replica_migration || claims == from_shard), left_behind);
    }

    fn may_rebind(&self, slot: u16, owner: Option<NodeIndex>, epoch: u64) -> bool {
        match owner {
            None => true,
            Some(owner) => self.unclaimed.contains(slot) || self.nodes[owner].config_epoch < epoch,
        }
    }

    /// A primary left without slots, or a replica of one, follows the new owner; otherwise the keys of lost slots go.
    fn settle(&mut self, claimant: NodeIndex, follow: bool, left_behind: Vec<u16>) {
        if follow {
            let line = format!(
                "Configuration change detected. Reconfiguring myself as a replica of {}",
                self.nodes[claimant].id
            );
            self.log(Level::Warning, line);
            self.set_primary(claimant);
            self.save_and_sync();
        } else if let Some(above) = self.grand_primary() {
            let line =
                format!("I'm a sub-replica! Reconfiguring myself as a replica of grandmaster {}", self.nodes[above].id);
            self.log(Level::Warning, line);
            self.set_primary(above);
            self.save_and_sync();
        } else {
            self.effects.extend(left_behind.into_iter().map(Effect::DeleteKeysInSlot));
        }
    }

    /// The primary of this node's primary, where that became a replica; never this node itself.
    fn grand_primary(&self) -> Option<NodeIndex> {
        let above = self.nodes[self.myself().replica_of?].replica_of?;
        (above != MYSELF).then_some(above)
    }

    /// Makes this node a replica of another one. It must serve no slots.
    pub(super) fn set_primary(&mut self, primary: NodeIndex) {
        if primary == MYSELF || !self.myself().slots.is_empty() {
            return;
        }
        if self.myself().is_primary() {
            let flags = &mut self.myself_mut().flags;
            flags.clear(Flags::PRIMARY | Flags::MIGRATE_TO);
            flags.set(Flags::REPLICA);
            self.close_open_slots();
        } else if let Some(before) = self.myself().replica_of {
            self.detach_replica(before, MYSELF);
        }
        self.myself_mut().replica_of = Some(primary);
        self.attach_replica(primary, MYSELF);
        self.follow(primary);
        self.reset_manual_failover();
        self.todo.announce = true;
        self.save_and_update();
    }

    /// Starts or redirects replication.
    pub(super) fn follow(&mut self, primary: NodeIndex) {
        let (host, port) = (self.nodes[primary].ip.clone(), self.nodes[primary].port);
        self.effects.push(Effect::ReplicateOf { host, port });
    }

    /// Replication must be started anew after a start: the address to follow, where this node is a replica.
    pub fn replication_target(&self) -> Option<(String, u16)> {
        let primary = self.my_primary().filter(|primary| !primary.flags.any(Flags::NO_ADDRESS))?;
        (!primary.ip.is_empty()).then(|| (primary.ip.clone(), primary.port))
    }

    /// Takes over all slots of this node's primary.
    pub(super) fn replace_primary(&mut self) {
        let Some(old) = self.myself().replica_of.filter(|_| self.is_replica()) else {
            return;
        };
        // The shard stays what it is.
        self.myself_mut().shard_id = self.shard_of(MYSELF);
        self.make_primary(MYSELF);
        self.effects.push(Effect::StopReplicating);
        for slot in self.nodes[old].slots.clone().iter() {
            self.remove_slot(slot);
            self.add_slot(slot, MYSELF);
            self.unclaimed.remove(slot);
        }
        self.todo.update_health = true;
        self.save_and_sync();
        self.announce_now();
        self.reset_manual_failover();
    }

    /// Announces at the end of this step, however short ago the last time was.
    pub(super) fn announce_now(&mut self) {
        self.todo.announce = true;
        self.pace.announced_at = 0;
    }

    /// The highest epoch known.
    pub(super) fn highest_epoch(&self) -> u64 {
        let claimed = self.nodes.iter().map(|(_, node)| node.config_epoch).max();
        claimed.unwrap_or_default().max(self.current_epoch)
    }

    /// Gives this node a new configuration epoch that nobody voted for; false if it has the highest already.
    pub(super) fn bump_epoch(&mut self) -> bool {
        let own = self.myself().config_epoch;
        if own != 0 && own == self.highest_epoch() {
            return false;
        }
        self.current_epoch += 1;
        self.myself_mut().config_epoch = self.current_epoch;
        self.log(Level::Warning, format!("New configEpoch set to {}", self.current_epoch));
        self.save_and_sync();
        self.announce_now();
        true
    }

    /// Of two primaries with the same configuration epoch the one with the smaller name takes a new one.
    pub(super) fn resolve_collision(&mut self, sender: NodeIndex, epoch: u64) {
        let (myself, other) = (self.myself(), &self.nodes[sender]);
        let collides = myself.is_primary() && other.is_primary() && epoch == myself.config_epoch;
        if !collides || other.config_epoch != epoch || other.id <= myself.id {
            return;
        }
        let line = format!("configEpoch collision with node {}.", other.id);
        self.current_epoch += 1;
        self.myself_mut().config_epoch = self.current_epoch;
        self.log(Level::Verbose, format!("{line} configEpoch set to {}", self.current_epoch));
        self.save_and_sync();
        self.todo.announce = true;
    }

    /// The name of a node's shard: its primary's, or what it says itself.
    pub fn shard_of(&self, node: NodeIndex) -> Option<NodeId> {
        let primary = self.primary_of(node).unwrap_or(node);
        self.nodes[primary].shard_id.or(self.nodes[node].shard_id)
    }
}
