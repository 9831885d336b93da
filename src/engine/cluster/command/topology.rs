//! The subcommands about nodes, epochs and failovers.

use std::net::IpAddr;

use super::super::effects::{Effect, Level, World};
use super::super::flags::Flags;
use super::super::manual_failover::Haste;
use super::super::node::MYSELF;
use super::super::node_id::NodeId;
use super::super::queries::Value;
use super::super::state::Cluster;
use super::{Answer, integer, integer_or_error, is_word, node, shown};

/// How far the bus port is from the port where it is not said.
const BUS_PORT_OFFSET: i64 = 10_000;

/// For how long a forgotten node is not taken in again, in milliseconds.
const FORGET_MS: u64 = 60_000;

pub(super) fn meet(cluster: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    let port = integer(args[1]).ok_or_else(|| format!("ERR Invalid TCP base port specified: {}", shown(args[1])))?;
    let bus_port = match args.get(2) {
        Some(text) => integer(text).ok_or_else(|| format!("ERR Invalid TCP bus port specified: {}", shown(text)))?,
        None => port.saturating_add(BUS_PORT_OFFSET),
    };
    let ip: Option<IpAddr> = std::str::from_utf8(args[0]).ok().and_then(|ip| ip.parse().ok());
    let valid = |port: i64| u16::try_from(port).ok().filter(|port| *port != 0);
    match (ip, valid(port), valid(bus_port)) {
        (Some(ip), Some(port), Some(bus_port)) => {
            let flags = Flags::HANDSHAKE | Flags::MEET;
            cluster.start_handshake(&ip.to_string(), (port, 0, bus_port), flags, world);
            Ok(Value::ok())
        }
        _ => Err(format!("ERR Invalid node address specified: {}:{}", shown(args[0]), shown(args[1]))),
    }
}

pub(super) fn my_shard_id(cluster: &mut Cluster, _: &[&[u8]], _: &mut World<'_>) -> Answer {
    let shard = cluster.shard_of(MYSELF).unwrap_or(cluster.myself().id);
    Ok(Value::text(shard.as_str()))
}

pub(super) fn bump_epoch(cluster: &mut Cluster, _: &[&[u8]], _: &mut World<'_>) -> Answer {
    let word = if cluster.bump_epoch() { "BUMPED" } else { "STILL" };
    Ok(Value::Simple(format!("{word} {}", cluster.myself().config_epoch)))
}

pub(super) fn set_config_epoch(cluster: &mut Cluster, args: &[&[u8]], _: &mut World<'_>) -> Answer {
    let epoch = integer_or_error(args[0])?;
    let Ok(epoch) = u64::try_from(epoch) else {
        return Err(format!("ERR Invalid config epoch specified: {epoch}"));
    };
    if cluster.known_nodes() > 1 {
        let error = "ERR The user can assign a config epoch only when the node does not know any other node.";
        return Err(error.to_owned());
    }
    if cluster.myself().config_epoch != 0 {
        return Err("ERR Node config epoch is already non-zero".to_owned());
    }
    cluster.myself_mut().config_epoch = epoch;
    cluster.current_epoch = cluster.current_epoch.max(epoch);
    cluster.log(Level::Warning, format!("configEpoch set to {epoch} via CLUSTER SET-CONFIG-EPOCH"));
    cluster.save_and_update();
    Ok(Value::ok())
}

pub(super) fn save_config(cluster: &mut Cluster, _: &[&[u8]], _: &mut World<'_>) -> Answer {
    cluster.save_and_sync();
    Ok(Value::ok())
}

pub(super) fn forget(cluster: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    let gone = node(cluster, args[0], "Unknown node")?;
    if gone == MYSELF {
        return Err("ERR I tried hard but I can't forget myself...".to_owned());
    }
    if cluster.is_replica() && cluster.myself().replica_of == Some(gone) {
        return Err("ERR Can't forget my master!".to_owned());
    }
    let id = cluster.node(gone).id;
    cluster.forgotten.insert(id, world.now + FORGET_MS);
    cluster.delete_node(gone);
    cluster.todo.announce = true;
    cluster.save_and_update();
    Ok(Value::ok())
}

pub(super) fn replicate(cluster: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    let primary = node(cluster, args[0], "Unknown node")?;
    if primary == MYSELF {
        return Err("ERR Can't replicate myself".to_owned());
    }
    if cluster.node(primary).is_replica() {
        return Err("ERR I can only replicate a master, not a replica.".to_owned());
    }
    let busy = !cluster.myself().slots.is_empty() || world.keys.total() != 0;
    if cluster.myself().is_primary() && busy {
        let error = "ERR To set a master the node must be empty and without assigned slots.";
        return Err(error.to_owned());
    }
    cluster.set_primary(primary);
    Ok(Value::ok())
}

pub(super) fn replicas(cluster: &mut Cluster, args: &[&[u8]], _: &mut World<'_>) -> Answer {
    let primary = node(cluster, args[0], "Unknown node")?;
    if cluster.node(primary).is_replica() {
        return Err("ERR The specified node is not a master".to_owned());
    }
    Ok(cluster.replicas_value(primary))
}

pub(super) fn count_failure_reports(cluster: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    let node = node(cluster, args[0], "Unknown node")?;
    Ok(Value::Integer(cluster.count_fail_reports(node, world.now) as i64))
}

pub(super) fn failover(cluster: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    let haste = match args.first() {
        None => Haste::Orderly,
        Some(word) if is_word(word, "force") => Haste::Force,
        Some(word) if is_word(word, "takeover") => Haste::Takeover,
        Some(_) => return Err("ERR syntax error".to_owned()),
    };
    if !cluster.is_replica() {
        return Err("ERR You should send CLUSTER FAILOVER to a replica".to_owned());
    }
    let Some(primary) = cluster.myself().replica_of else {
        return Err("ERR I'm a replica but my master is unknown to me".to_owned());
    };
    let down = cluster.node(primary).has_failed() || !cluster.is_connected(primary);
    if haste == Haste::Orderly && down {
        return Err("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE".to_owned());
    }
    cluster.start_manual_failover(haste, world);
    Ok(Value::ok())
}

pub(super) fn reset(cluster: &mut Cluster, args: &[&[u8]], world: &mut World<'_>) -> Answer {
    let hard = match args.first() {
        Some(word) if is_word(word, "hard") => true,
        Some(word) if !is_word(word, "soft") => return Err("ERR syntax error".to_owned()),
        _ => false,
    };
    if !cluster.is_replica() && world.keys.total() != 0 {
        return Err("ERR CLUSTER RESET can't be called with master nodes containing keys".to_owned());
    }
    cluster.reset(hard, world);
    Ok(Value::ok())
}

impl Cluster {
    /// Forgets all others, and with `hard` also who this node was.
    fn reset(&mut self, hard: bool, world: &mut World<'_>) {
        if self.is_replica() {
            self.make_primary(MYSELF);
            self.effects.push(Effect::StopReplicating);
            self.effects.push(Effect::FlushAll);
        }
        self.close_open_slots();
        self.reset_manual_failover();
        self.election.restart();
        for index in self.nodes.indices() {
            self.remove_all_slots_of(index);
            self.delete_node(index);
        }
        self.unclaimed = Default::default();
        self.health = Default::default();
        if hard {
            (self.current_epoch, self.last_vote_epoch) = (0, 0);
            self.myself_mut().config_epoch = 0;
            self.log(Level::Warning, "configEpoch set to 0 via CLUSTER RESET HARD".to_owned());
            let id = NodeId::random(world.rng);
            self.nodes.rename(MYSELF, id);
            self.log(Level::Notice, format!("Node hard reset, now I'm {id}"));
        }
        self.myself_mut().shard_id = Some(self.myself().id.derived());
        self.save_and_sync();
        self.todo.update_health = true;
    }

    /// Sends a message that a client published here to the other nodes: to all, or to this shard's.
    pub fn publish(&mut self, channel: &[u8], message: &[u8], sharded: bool, world: &mut World<'_>) -> Vec<Effect> {
        use super::super::message::{Body, Kind};
        let kind = if sharded { Kind::PublishShard } else { Kind::Publish };
        let shard = self.primary_of(MYSELF);
        let mut audience = self.audience();
        audience.retain(|(index, _)| !sharded || (shard.is_some() && self.primary_of(*index) == shard));
        if !audience.is_empty() {
            let bytes = bytes::Bytes::from(self.message(kind, &Body::Publish { channel, message }, world));
            for (_, link) in audience {
                self.send(link, kind, bytes.clone());
            }
        }
        self.finish(world)
    }

    /// Makes slots and keys agree after the data was loaded: slots with keys that nobody serves are served here, and
    /// those that others serve count as being imported. Nothing is done on a replica.
    pub fn adopt_loaded_keys(&mut self, world: &mut World<'_>) -> Vec<Effect> {
        if !self.is_replica() {
            for slot in 0..super::super::slots::SLOTS {
                let claimed = self.owns(slot) || self.importing.contains_key(&slot);
                if claimed || world.keys.count(slot) == 0 {
                    continue;
                }
                self.save_and_sync();
                if let Some(owner) = self.owner(slot) {
                    let line = format!("I have keys for slot {slot}, but the slot is assigned to another node.");
                    self.log(Level::Warning, format!("{line} Setting it to importing state."));
                    self.importing.insert(slot, owner);
                } else {
                    let line = format!("I have keys for unassigned slot {slot}. Taking responsibility for it.");
                    self.log(Level::Warning, line);
                    self.add_slot(slot, MYSELF);
                }
            }
        }
        self.finish(world)
    }
}
