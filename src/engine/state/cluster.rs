//! The engine as a node of a cluster: hands steps what they need of the keyspace, and does what they ask for.

use super::{Engine, Task};
use crate::engine::cluster::{Cluster, Effect, Endpoint, KeysInSlots, LinkId, PrimaryLink, Route, Settings, World};
use crate::engine::commands::error::Error;
use crate::engine::config::Config;
use crate::engine::config::choices::EndpointType;
use crate::engine::data::dict::Keyed;
use crate::engine::keyspace::database::Database;
use crate::engine::keyspace::events::Classes;
use crate::engine::state::blocking::Cause;

/// How much above a client's port its node's bus port is. Redis: `CLUSTER_PORT_INCR`.
const BUS_PORT_ABOVE: u16 = 10_000;

/// The keys of a cluster's one database.
struct Keys<'a>(&'a Database);

impl KeysInSlots for Keys<'_> {
    fn count(&self, slot: u16) -> usize {
        self.0.count_in_slot(slot)
    }
    fn names(&self, slot: u16, most: usize) -> Vec<Vec<u8>> {
        self.0.keys_in_slot(slot).take(most).map(|entry| entry.key().to_vec()).collect()
    }
    fn total(&self) -> usize {
        self.0.len()
    }
}

/// The bus port of this configuration; `None` where no port is high enough above the port for clients.
pub fn bus_port(config: &Config) -> Option<u16> {
    if config.cluster.port > 0 { Some(config.cluster.port) } else { config.network.port.checked_add(BUS_PORT_ABOVE) }
}

/// What of this configuration is for the bus.
pub fn settings(config: &Config) -> Settings {
    let set = &config.cluster;
    let or = |announced: u16, own: u16| if announced > 0 { announced } else { own };
    Settings {
        node_timeout: u64::try_from(set.node_timeout_ms).unwrap_or(15_000),
        port: or(set.announce_port, config.network.port),
        bus_port: or(set.announce_bus_port, bus_port(config).unwrap_or(0)),
        announce_ip: (!set.announce_ip.is_empty()).then(|| set.announce_ip.clone()),
        announce_hostname: set.announce_hostname.clone(),
        announce_human_name: String::new(),
        preferred_endpoint: match set.preferred_endpoint_type {
            EndpointType::Ip => Endpoint::Ip,
            EndpointType::Hostname => Endpoint::Hostname,
            EndpointType::Unknown => Endpoint::Unknown,
        },
        require_full_coverage: set.require_full_coverage,
        allow_reads_when_down: set.allow_reads_when_down,
        allow_pubsubshard_when_down: set.allow_pubsubshard_when_down,
        allow_replica_migration: set.allow_replica_migration,
        migration_barrier: set.migration_barrier as usize,
        replica_no_failover: set.replica_no_failover,
        replica_validity_factor: u64::from(set.replica_validity_factor),
        repl_ping_replica_period: u64::from(config.replication.ping_replica_period_seconds),
    }
}

impl Engine {
    /// Lets the cluster take a step, and does at once what it asks of the engine; the rest is left to the edge.
    pub fn cluster_step(&mut self, step: impl FnOnce(&mut Cluster, &mut World<'_>) -> Vec<Effect>) {
        let effects = self.with_cluster(step).unwrap_or_default();
        self.carry_out(effects);
    }

    /// Calls `look` with the cluster and the world, where this node is in a cluster.
    pub fn with_cluster<T>(&mut self, look: impl FnOnce(&mut Cluster, &mut World<'_>) -> T) -> Option<T> {
        let mut cluster = self.cluster.take()?;
        let (replication_offset, primary_link) = (self.replication_offset(), self.primary_link());
        let mut world = World {
            now: u64::try_from(self.keyspace.now).unwrap_or(0),
            rng: &mut self.random,
            replication_offset: u64::try_from(replication_offset).unwrap_or(0),
            primary_link,
            keys: &Keys(&self.keyspace.databases()[0]),
        };
        let done = look(&mut cluster, &mut world);
        self.cluster = Some(cluster);
        Some(done)
    }

    /// Another node opened a link; answers its number.
    pub fn cluster_link_accepted(&mut self, peer: &str, local: &str) -> Option<LinkId> {
        self.look_at_clock();
        self.with_cluster(|cluster, world| cluster.link_accepted(peer, local, world.now))
    }

    /// Does what steps of the bus ask for, in their order.
    pub fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Publish { channel, message, sharded } => _ = self.deliver(&channel, &message, sharded),
                Effect::ReplicateOf { host, port } => self.follow(host, port),
                Effect::StopReplicating => self.stop_following(),
                Effect::FlushAll => self.clear_all(),
                Effect::PauseWrites { until } => {
                    let until = i64::try_from(until).unwrap_or(i64::MAX);
                    self.failover_pause = Some(until);
                }
                Effect::Unpause => {
                    self.failover_pause = None;
                    self.resume_paused();
                }
                Effect::DeleteKeysInSlot(slot) => self.delete_keys_in_slot(slot),
                Effect::DropShardChannels(slots) => self.drop_shard_channels(&slots),
                other => self.tasks.push(Task::Bus(other)),
            }
        }
    }

    /// Empties all databases without telling anybody.
    pub fn clear_all(&mut self) {
        let by_slot = self.config.cluster.enabled;
        for (number, database) in self.keyspace.databases_mut().iter_mut().enumerate() {
            *database = Database::new(by_slot && number == 0);
        }
    }

    fn delete_keys_in_slot(&mut self, slot: u16) {
        let names: Vec<Vec<u8>> =
            self.keyspace.databases()[0].keys_in_slot(slot).map(|entry| entry.key().to_vec()).collect();
        let selected = std::mem::replace(&mut self.keyspace.selected, 0);
        for name in names {
            if self.keyspace.delete(&name) {
                self.keyspace.changed(Classes::GENERIC, "del", &name);
                self.keyspace.deletions.push((0, name));
            }
        }
        self.keyspace.selected = selected;
        self.tell_of_changes();
        self.after_command();
    }

    /// Sends clients that are blocked on keys which are served elsewhere by now to where they are served.
    pub fn redirect_blocked(&mut self) {
        let Some(cluster) = &self.cluster else { return };
        let mut moved = Vec::new();
        for client in self.clients.iter() {
            let Some(blocked) = &client.blocked else { continue };
            let Cause::Keys(places) = &blocked.cause else { continue };
            let write =
                self.table.row(blocked.command).command.flags.has(crate::engine::commands::command::Flags::WRITE);
            let route = places.iter().find_map(|(_, key)| cluster.route_blocked(key, client.readonly, !write));
            if let Some(text) = route.and_then(|route: Route| cluster.route_error(route)) {
                moved.push((client.id, Error::worded(text)));
            }
        }
        for (id, error) in moved {
            self.end_waiting(id, Some(error));
        }
    }

    /// Tells the cluster what was set anew.
    pub fn apply_cluster_settings(&mut self) {
        let settings = settings(&self.config);
        if let Some(cluster) = &mut self.cluster {
            cluster.settings = settings;
        }
    }

    /// How the link to the primary is, for the bus.
    fn primary_link(&self) -> PrimaryLink {
        self.link_to_primary()
    }
}
