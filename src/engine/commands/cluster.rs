//! CLUSTER, READONLY, READWRITE and ASKING, and where a command's keys belong.

use super::command::{Command, Execute, Flags, Keys};
use super::error::{Error, Outcome};
use crate::engine::cluster::{Access, Effect, Route, Value};
use crate::engine::resp::Reply;
use crate::engine::state::Engine;
use crate::engine::state::client::Role;

const STATE: Flags = Flags::STALE;
const CHANGE: Flags = Flags::ADMIN.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);

const fn within(name: &'static str, arity: i16, flags: Flags, since: &'static str, summary: &'static str) -> Command {
    Command::new(name, arity, cluster as Execute).flags(flags).about("cluster", since, summary)
}

const SUBCOMMANDS: &[Command] = &[
    within("addslots", -3, CHANGE, "3.0.0", "Assigns new hash slots to a node."),
    within("addslotsrange", -4, CHANGE, "7.0.0", "Assigns new hash slot ranges to a node."),
    within("bumpepoch", 2, CHANGE, "3.0.0", "Advances the cluster config epoch."),
    within(
        "count-failure-reports",
        3,
        Flags::ADMIN.and(STATE),
        "3.0.0",
        "Counts the active failure reports of a node.",
    ),
    within("countkeysinslot", 3, STATE, "3.0.0", "Counts the keys in a hash slot."),
    within("delslots", -3, CHANGE, "3.0.0", "Sets hash slots as unbound for a node."),
    within("delslotsrange", -4, CHANGE, "7.0.0", "Sets hash slot ranges as unbound for a node."),
    within("failover", -2, CHANGE, "3.0.0", "Forces a replica to perform a manual failover of its primary."),
    within("flushslots", 2, CHANGE, "3.0.0", "Deletes all slots information from a node."),
    within("forget", 3, CHANGE, "3.0.0", "Removes a node from the nodes table."),
    within("getkeysinslot", 4, STATE, "3.0.0", "Returns key names in a hash slot."),
    within("help", 2, Flags::LOADING.and(STATE), "5.0.0", "Returns helpful text about the subcommands."),
    within("info", 2, STATE, "3.0.0", "Returns information about the state of a node."),
    within("keyslot", 3, STATE, "3.0.0", "Returns the hash slot of a key."),
    within("links", 2, STATE, "7.0.0", "Returns a list of all TCP links to and from peer nodes."),
    within("meet", -4, CHANGE, "3.0.0", "Forces a node to handshake with another node."),
    within("myid", 2, STATE, "3.0.0", "Returns the id of a node."),
    within("myshardid", 2, STATE, "7.2.0", "Returns the shard id of a node."),
    within("nodes", 2, STATE, "3.0.0", "Returns the cluster configuration of a node."),
    within("replicas", 3, Flags::ADMIN.and(STATE), "5.0.0", "Lists the replica nodes of a primary."),
    within("replicate", 3, CHANGE, "3.0.0", "Configures a node as a replica of a primary."),
    within("reset", -2, CHANGE.and(Flags::NOSCRIPT), "3.0.0", "Resets a node."),
    within("saveconfig", 2, CHANGE, "3.0.0", "Forces a node to save its configuration to disk."),
    within("set-config-epoch", 3, CHANGE, "3.0.0", "Sets the configuration epoch of a new node."),
    within("setslot", -4, CHANGE, "3.0.0", "Binds a hash slot to a node."),
    within("shards", 2, STATE, "7.0.0", "Returns the mapping of cluster slots to shards."),
    within("slaves", 3, Flags::ADMIN.and(STATE), "3.0.0", "Lists the replica nodes of a primary."),
    within("slots", 2, STATE, "3.0.0", "Returns the mapping of cluster slots to nodes."),
];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("cluster", -2, cluster)
        .about("cluster", "3.0.0", "A container for cluster commands.")
        .with(SUBCOMMANDS),
    Command::new("readonly", 1, readonly)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(super::command::Categories::CONNECTION)
        .about("cluster", "3.0.0", "Enables read-only queries for a connection to a replica."),
    Command::new("readwrite", 1, readwrite)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(super::command::Categories::CONNECTION)
        .about("cluster", "3.0.0", "Enables read-write queries for a connection to a replica."),
    Command::new("asking", 1, asking).flags(Flags::FAST).categories(super::command::Categories::CONNECTION).about(
        "cluster",
        "3.0.0",
        "Signals that a redirected client asks.",
    ),
];

const DISABLED: Error = Error::fixed("ERR This instance has cluster support disabled");

fn cluster(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let asked = engine.with_cluster(|cluster, world| cluster.command(&arguments[1..], world));
    let (value, effects) = asked.ok_or(DISABLED)?;
    engine.carry_out(effects);
    engine.cluster_changed();
    if let Value::Error(text) = value {
        return Err(Error::worded(text));
    }
    write(&mut engine.reply, &value);
    Ok(())
}

fn write(reply: &mut Reply, value: &Value) {
    match value {
        Value::Simple(text) => reply.status(text),
        Value::Error(text) => reply.error(text),
        Value::Integer(value) => reply.integer(*value),
        Value::Bulk(bytes) => reply.bulk(bytes),
        Value::Text(text) => reply.verbatim("txt", text),
        Value::Null => reply.null(),
        Value::Array(values) => {
            reply.array(values.len());
            values.iter().for_each(|value| write(reply, value));
        }
        Value::Map(pairs) => {
            reply.map(pairs.len());
            for (key, value) in pairs {
                write(reply, key);
                write(reply, value);
            }
        }
    }
}

fn readonly(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    set_readonly(engine, true)
}

fn readwrite(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    set_readonly(engine, false)
}

fn set_readonly(engine: &mut Engine, readonly: bool) -> Outcome {
    if engine.cluster.is_none() {
        return Err(DISABLED);
    }
    engine.client.readonly = readonly;
    engine.reply.ok();
    Ok(())
}

fn asking(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    if engine.cluster.is_none() {
        return Err(DISABLED);
    }
    engine.client.asking = true;
    engine.reply.ok();
    Ok(())
}

impl Engine {
    /// Whether this node serves the keys of a command.
    ///
    /// # Errors
    /// Another node does, or none; in the words by which clients find their way.
    #[inline]
    pub fn route(&mut self, command: &'static Command, arguments: &[&[u8]]) -> Result<(), Error> {
        if self.cluster.is_none() || self.client.role == Role::Primary {
            return Ok(());
        }
        if matches!(command.keys, Keys::None) && command.name != "exec" {
            return Ok(());
        }
        self.route_in_cluster(command, arguments)
    }

    fn route_in_cluster(&mut self, command: &'static Command, arguments: &[&[u8]]) -> Result<(), Error> {
        let Some(cluster) = &self.cluster else { return Ok(()) };
        // The most frequent case by far: one key, of a slot that is served here and stays.
        if let Keys::Range { first, last: 1, .. } = command.keys
            && let Some(key) = arguments.get(first)
            && cluster.serves_plainly(key)
        {
            return Ok(());
        }
        let queued: Vec<(&'static Command, Vec<&[u8]>)> = match &self.client.transaction {
            Some(transaction) if command.name == "exec" => {
                let commands = transaction.commands.iter();
                commands.map(|(id, kept)| (self.table.row(*id).command, kept.arguments())).collect()
            }
            _ => vec![(command, arguments.to_vec())],
        };
        let mut access = Access { readonly: self.client.readonly, asking: self.client.asking, ..Access::default() };
        let mut keys = Vec::new();
        for (command, arguments) in &queued {
            access.write |= command.flags.has(Flags::WRITE);
            access.asking |= command.flags.has(Flags::ASKING);
            access.sharded_pubsub |= matches!(command.name, "ssubscribe" | "sunsubscribe" | "spublish");
            access.migrate |= command.name == "migrate";
            let places = command.key_places(arguments).unwrap_or_default();
            keys.extend(places.into_iter().filter_map(|place| arguments.get(place).copied()));
        }
        let keyspace = &self.keyspace;
        let exists = |key: &[u8]| keyspace.database().find(key).is_some_and(|index| !keyspace.has_expired(index));
        let route = cluster.route(keys.iter().copied(), access, exists);
        if matches!(route, Route::Serve(_)) {
            return Ok(());
        }
        match cluster.route_error(route) {
            Some(text) => Err(Error::worded(text)),
            None => Ok(()),
        }
    }

    /// A message that a client has published here goes to the other nodes, too.
    pub fn publish_to_cluster(&mut self, channel: &[u8], message: &[u8], sharded: bool) {
        self.cluster_step(|cluster, world| -> Vec<Effect> { cluster.publish(channel, message, sharded, world) });
    }

    /// The bus may have something to do sooner than the timer thought.
    pub fn cluster_changed(&mut self) {
        self.tasks.push(crate::engine::state::Task::Sooner);
    }
}
