//! Whether this node serves a command, or where the client has to go.

use super::node::{MYSELF, Node, NodeIndex};
use super::settings::Endpoint;
use super::slots::key_slot;
use super::state::Cluster;

/// What matters of a command besides its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The command may write (for EXEC: any queued command may).
    pub write: bool,
    /// The client said READONLY.
    pub readonly: bool,
    /// The client said ASKING right before, or the command implies it (RESTORE-ASKING).
    pub asking: bool,
    /// SSUBSCRIBE, SUNSUBSCRIBE or SPUBLISH: the "keys" are channels.
    pub sharded_pubsub: bool,
    /// MIGRATE: works on open slots whatever keys are there.
    pub migrate: bool,
}

/// Where a command is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Here. The slot of its keys, if it has any.
    Serve(Option<u16>),
    /// By that node, from now on.
    Moved(u16, NodeIndex),
    /// By that node, this once.
    Ask(u16, NodeIndex),
    /// Nowhere as long as only some of its keys have been moved.
    TryAgain,
    /// Nowhere: its keys are in more than one slot.
    CrossSlot,
    /// Nowhere at the moment.
    Down(Down),
}

/// Why nothing is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// The cluster's state is not ok.
    State,
    /// It is not, and only reads are allowed.
    ReadOnly,
    /// Nobody serves the slot.
    Unbound,
}

/// What is found out about the keys of one command.
#[derive(Default)]
struct Keys<'k> {
    first: Option<(&'k [u8], u16, NodeIndex)>,
    several: bool,
    migrating: bool,
    importing: bool,
    missing: usize,
    present: usize,
}

impl Cluster {
    /// Whether a key is served here without any question: the cluster is whole, and the slot is ours and stays.
    #[inline]
    pub fn serves_plainly(&self, key: &[u8]) -> bool {
        let nothing_moves = self.migrating.is_empty() && self.importing.is_empty();
        self.is_ok() && nothing_moves && self.owns(key_slot(key))
    }

    /// Routes a command by its keys, in the order in which it names them. `exists` says whether a key is here; it is
    /// asked only while the slot is being moved.
    pub fn route<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k [u8]>,
        access: Access,
        mut exists: impl FnMut(&[u8]) -> bool,
    ) -> Route {
        let mut seen = Keys::default();
        for key in keys {
            if let Err(route) = self.look_at(key, &mut seen) {
                return route;
            }
            if (seen.migrating || seen.importing) && !access.sharded_pubsub {
                *(if exists(key) { &mut seen.present } else { &mut seen.missing }) += 1;
            }
        }
        match seen.first {
            None => Route::Serve(None),
            Some((_, slot, owner)) => match self.down_for(access) {
                Some(down) => Route::Down(down),
                None => self.route_slot(slot, owner, &seen, access),
            },
        }
    }

    fn look_at<'k>(&self, key: &'k [u8], seen: &mut Keys<'k>) -> Result<(), Route> {
        if let Some((first, slot, _)) = seen.first {
            if first != key {
                if key_slot(key) != slot {
                    return Err(Route::CrossSlot);
                }
                seen.several = true;
            }
            return Ok(());
        }
        let slot = key_slot(key);
        let owner = self.owner(slot).ok_or(Route::Down(Down::Unbound))?;
        seen.first = Some((key, slot, owner));
        seen.migrating = owner == MYSELF && self.migrating.contains_key(&slot);
        seen.importing = !seen.migrating && self.importing.contains_key(&slot);
        Ok(())
    }

    fn down_for(&self, access: Access) -> Option<Down> {
        let settings = &self.settings;
        let allowed =
            if access.sharded_pubsub { settings.allow_pubsubshard_when_down } else { settings.allow_reads_when_down };
        if self.is_ok() {
            None
        } else if !allowed {
            Some(Down::State)
        } else {
            (access.write && !access.sharded_pubsub).then_some(Down::ReadOnly)
        }
    }

    fn route_slot(&self, slot: u16, owner: NodeIndex, keys: &Keys<'_>, access: Access) -> Route {
        let here = Route::Serve(Some(slot));
        if (keys.migrating || keys.importing) && access.migrate {
            return here;
        }
        if keys.migrating
            && keys.missing > 0
            && let Some(target) = self.migrating.get(&slot)
        {
            return if keys.present > 0 { Route::TryAgain } else { Route::Ask(slot, *target) };
        }
        if keys.importing && access.asking {
            return if keys.several && keys.missing > 0 { Route::TryAgain } else { here };
        }
        let myself = self.myself();
        let reads = (access.readonly || access.sharded_pubsub) && !access.write;
        let from_replica = reads && myself.is_replica() && myself.replica_of == Some(owner);
        if owner == MYSELF || from_replica { here } else { Route::Moved(slot, owner) }
    }

    /// Where a client that waits for `key` (BLPOP and the like) has to be sent by now; `None` to let it wait on.
    /// `reads` says that it waits with a command that does not write.
    pub fn route_blocked(&self, key: &[u8], readonly: bool, reads: bool) -> Option<Route> {
        if !self.is_ok() {
            return Some(Route::Down(Down::State));
        }
        let slot = key_slot(key);
        let owner = self.owner(slot);
        let replica = readonly && reads && self.is_replica() && self.myself().replica_of == owner && owner.is_some();
        if owner == Some(MYSELF) || replica || self.importing.contains_key(&slot) {
            return None;
        }
        Some(owner.map_or(Route::Down(Down::Unbound), |owner| Route::Moved(slot, owner)))
    }

    /// What a client is told that is not served, without the leading `-`; `None` where it is served.
    pub fn route_error(&self, route: Route) -> Option<String> {
        let text = match route {
            Route::Serve(_) => return None,
            Route::Moved(slot, node) => return Some(self.redirection("MOVED", slot, node)),
            Route::Ask(slot, node) => return Some(self.redirection("ASK", slot, node)),
            Route::TryAgain => "TRYAGAIN Multiple keys request during rehashing of slot",
            Route::CrossSlot => "CROSSSLOT Keys in request don't hash to the same slot",
            Route::Down(Down::State) => "CLUSTERDOWN The cluster is down",
            Route::Down(Down::ReadOnly) => "CLUSTERDOWN The cluster is down and only accepts read commands",
            Route::Down(Down::Unbound) => "CLUSTERDOWN Hash slot not served",
        };
        Some(text.to_owned())
    }

    fn redirection(&self, word: &str, slot: u16, node: NodeIndex) -> String {
        let node = &self.nodes[node];
        format!("{word} {slot} {}:{}", self.endpoint(node), node.port)
    }

    /// What clients are told to connect to for a node.
    pub(super) fn endpoint<'n>(&self, node: &'n Node) -> &'n str {
        match self.settings.preferred_endpoint {
            Endpoint::Ip => &node.ip,
            Endpoint::Hostname if node.hostname.is_empty() => "?",
            Endpoint::Hostname => &node.hostname,
            Endpoint::Unknown => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flags::Flags;
    use super::super::node_id::NodeId;
    use super::super::settings::Settings;
    use super::super::slots::SLOTS;
    use super::*;

    /// This node serves 0 to 8191, another one the rest, and `foo` (12182) is on the other one.
    fn two() -> (Cluster, NodeIndex) {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut cluster = Cluster::fresh(Settings::default(), 1, &mut rng);
        let mut other = Node::new(NodeId::random(&mut rng), Flags::PRIMARY, 1);
        (other.ip, other.port) = ("10.0.0.2".to_owned(), 7002);
        let other = cluster.nodes.add(other).unwrap();
        for slot in 0..SLOTS {
            cluster.add_slot(slot, if slot < 8192 { MYSELF } else { other });
        }
        cluster.update_health(1);
        (cluster, other)
    }

    const HERE: &[u8] = b"{hello}1";
    const HERE_TOO: &[u8] = b"{hello}2";

    fn slot_here() -> u16 {
        let slot = key_slot(HERE);
        assert!(slot < 8192);
        slot
    }

    fn route(cluster: &Cluster, keys: &[&[u8]], access: Access) -> Route {
        cluster.route(keys.iter().copied(), access, |key| key == HERE)
    }

    #[test]
    fn keys_are_served_moved_or_refused() {
        let (cluster, other) = two();
        let plain = Access::default();
        assert_eq!(route(&cluster, &[], plain), Route::Serve(None));
        assert_eq!(route(&cluster, &[HERE, HERE_TOO], plain), Route::Serve(Some(slot_here())));
        assert_eq!(route(&cluster, &[HERE, b"foo"], plain), Route::CrossSlot);
        let moved = route(&cluster, &[b"foo"], plain);
        assert_eq!(moved, Route::Moved(12182, other));
        assert_eq!(cluster.route_error(moved).unwrap(), "MOVED 12182 10.0.0.2:7002");
    }

    #[test]
    fn a_slot_that_moves_away_asks_for_what_is_gone() {
        let (mut cluster, other) = two();
        cluster.migrating.insert(slot_here(), other);
        let plain = Access::default();
        assert_eq!(route(&cluster, &[HERE], plain), Route::Serve(Some(slot_here())));
        let ask = route(&cluster, &[HERE_TOO], plain);
        assert_eq!(cluster.route_error(ask).unwrap(), format!("ASK {} 10.0.0.2:7002", slot_here()));
        assert_eq!(route(&cluster, &[HERE, HERE_TOO], plain), Route::TryAgain);
        let migrate = Access { migrate: true, ..plain };
        assert_eq!(route(&cluster, &[HERE, HERE_TOO], migrate), Route::Serve(Some(slot_here())));
    }

    #[test]
    fn a_slot_that_moves_in_serves_those_who_ask() {
        let (mut cluster, other) = two();
        cluster.importing.insert(12182, other);
        let asking = Access { asking: true, ..Access::default() };
        assert_eq!(route(&cluster, &[b"foo"], Access::default()), Route::Moved(12182, other));
        assert_eq!(route(&cluster, &[b"foo"], asking), Route::Serve(Some(12182)));
        assert_eq!(route(&cluster, &[b"foo", b"{foo}2"], asking), Route::TryAgain);
    }

    #[test]
    fn a_cluster_that_is_down_serves_what_is_allowed() {
        let (mut cluster, _) = two();
        cluster.remove_slot(16000);
        cluster.update_health(2);
        let (read, write) = (Access::default(), Access { write: true, ..Access::default() });
        assert_eq!(route(&cluster, &[HERE], read), Route::Down(Down::State));
        assert_eq!(route(&cluster, &[], write), Route::Serve(None));
        cluster.settings.allow_reads_when_down = true;
        assert_eq!(route(&cluster, &[HERE], read), Route::Serve(Some(slot_here())));
        assert_eq!(route(&cluster, &[HERE], write), Route::Down(Down::ReadOnly));
        cluster.settings.require_full_coverage = false;
        cluster.update_health(3);
        assert_eq!(route(&cluster, &[HERE], write), Route::Serve(Some(slot_here())));
        cluster.remove_slot(12182);
        assert_eq!(route(&cluster, &[b"foo"], read), Route::Down(Down::Unbound));
    }

    #[test]
    fn a_replica_serves_reads_to_those_who_say_readonly() {
        let (mut cluster, other) = two();
        cluster.remove_all_slots_of(MYSELF);
        cluster.set_primary(other);
        cluster.health.ok = true;
        let readonly = Access { readonly: true, ..Access::default() };
        assert_eq!(route(&cluster, &[b"foo"], readonly), Route::Serve(Some(12182)));
        let write = Access { write: true, ..readonly };
        assert_eq!(route(&cluster, &[b"foo"], write), Route::Moved(12182, other));
        assert_eq!(cluster.route_blocked(b"foo", true, true), None);
        assert_eq!(cluster.route_blocked(b"foo", false, true), Some(Route::Moved(12182, other)));
    }
}
