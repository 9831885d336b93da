//! REPLICAOF, PSYNC, REPLCONF, ROLE and WAIT, and what replicas are told.

use super::arguments::{integer, is};
use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use crate::engine::config::choices::LogLevel;
use crate::engine::replication::replicas::{Answer, Sync};
use crate::engine::replication::report::Role as Report;
use crate::engine::state::blocking::{Cause, OnTimeout};
use crate::engine::state::client::Role;
use crate::engine::state::{Engine, Task};

const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);
const CHANGE: Flags = ADMIN.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);
const STREAM: Flags = ADMIN.and(Flags::NO_MULTI).and(Flags::NO_ASYNC_LOADING);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("replicaof", 3, replicaof).flags(CHANGE).about(
        "server",
        "5.0.0",
        "Configures a server as replica of another, or promotes it to a primary.",
    ),
    Command::new("slaveof", 3, replicaof).flags(CHANGE).about(
        "server",
        "1.0.0",
        "Configures a server as replica of another, or promotes it to a primary.",
    ),
    Command::new("psync", -3, psync).flags(STREAM).about("server", "2.8.0", "Begins to replicate, or goes on."),
    Command::new("sync", 1, psync).flags(STREAM).about("server", "1.0.0", "Begins to replicate."),
    Command::new("replconf", -1, replconf)
        .flags(ADMIN.and(Flags::LOADING).and(Flags::STALE).and(Flags::ALLOW_BUSY))
        .about("server", "3.0.0", "Tells a primary of its replica, and the other way round."),
    Command::new("role", 1, role)
        .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS))
        .about("server", "2.8.12", "Returns the replication role."),
    Command::new("wait", 3, wait).flags(Flags::NOSCRIPT).categories(Categories::CONNECTION).about(
        "generic",
        "3.0.0",
        "Blocks until the client's writes have reached so many replicas.",
    ),
];

impl Engine {
    /// Whether anybody is to hear of changes: a replica, or one that may come back.
    #[inline]
    pub fn has_listeners(&self) -> bool {
        self.replication.core.has_listeners()
    }

    /// Tells the replicas a command that was carried out in a database.
    pub fn feed_replicas<B: AsRef<[u8]>>(&mut self, database: usize, command: &[B]) {
        self.replication.core.feed(Some(database), command);
        if self.replication.core.has_effects() {
            self.settle_replication();
        }
    }

    /// How far the stream of commands has come, bytes.
    #[inline]
    pub fn replication_offset(&self) -> i64 {
        self.replication.core.offset()
    }

    /// Replicas that are connected and don't lag.
    #[inline]
    pub fn good_replicas(&self) -> u32 {
        u32::try_from(self.replication.core.good_replicas(self.now())).unwrap_or(u32::MAX)
    }

    /// Whether this node may not answer because it has lost its primary.
    ///
    /// # Errors
    /// It may not.
    pub fn check_stale(&self, flags: Flags) -> Result<(), Error> {
        let stale = || self.replication.core.link().is_some_and(|link| !link.is_up());
        if self.config.replication.serve_stale_data || flags.has(Flags::STALE) || !stale() {
            return Ok(());
        }
        Err(Error::fixed("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."))
    }
}

fn replicaof(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if engine.cluster.is_some() {
        return Err(Error::fixed("ERR REPLICAOF not allowed in cluster mode."));
    }
    if is(arguments[1], "no") && is(arguments[2], "one") {
        engine.config.replication.primary = None;
        if engine.replication.core.is_replica() {
            let line = format!("MASTER MODE enabled (user request from '{}')", engine.client.address);
            engine.stop_following();
            engine.tasks.push(Task::Log(LogLevel::Notice, line));
        }
        engine.reply.ok();
        return Ok(());
    }
    if engine.client.role == Role::Replica {
        return Err(Error::fixed("ERR Command is not valid when client is a replica."));
    }
    let port = integer(arguments[2]).ok().and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(Error::fixed("ERR Invalid master port"))?;
    let host = String::from_utf8_lossy(arguments[1]).into_owned();
    let same = |host_now: &str, port_now| host_now.eq_ignore_ascii_case(&host) && port_now == port;
    if engine.replication.core.link().is_some_and(|link| same(&link.host, link.port)) {
        engine.reply.status("OK Already connected to specified master");
        return Ok(());
    }
    engine.config.replication.primary = Some((host.clone(), port));
    engine.follow(host, port);
    engine.reply.ok();
    Ok(())
}

fn psync(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let from = match arguments {
        [_, id, offset, ..] => Some((*id, integer(offset)?)),
        _ => None,
    };
    let address = engine.client.address.clone();
    let request = Sync {
        client: engine.client.id,
        address: &address,
        from,
        failover: arguments.get(3).is_some_and(|word| is(word, "failover")),
        has_pending_output: !engine.reply.is_empty() || engine.client.unsent > 0,
    };
    let was_replica = engine.replication.core.is_replica();
    let now = engine.now();
    engine.replication.core.sync(request, now).map_err(Error::worded)?;
    engine.client.role = Role::Replica;
    if was_replica && !engine.replication.core.is_replica() {
        engine.keyspace.authority = crate::engine::keyspace::Authority::Own;
    }
    engine.settle_replication();
    Ok(())
}

fn replconf(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let client = engine.client.id;
    let answer = engine.replication_step(|core, now| core.replconf(client, &arguments[1..], now));
    match answer {
        Answer::Done => engine.reply.ok(),
        Answer::Nothing => {}
        Answer::Refused(why) => return Err(Error::worded(why)),
    }
    Ok(())
}

fn role(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let role = engine.role();
    let reply = &mut engine.reply;
    match role {
        Report::Primary { offset, replicas } => {
            reply.array(3);
            reply.bulk(b"master");
            reply.integer(offset);
            reply.array(replicas.len());
            for (address, port, acknowledged) in replicas {
                reply.bulks(&[address, port.to_string(), acknowledged.to_string()]);
            }
        }
        Report::Replica { host, port, state, offset } => {
            reply.array(5);
            reply.bulk(b"slave");
            reply.text(&host);
            reply.integer(i64::from(port));
            reply.text(state);
            reply.integer(offset);
        }
    }
    Ok(())
}

fn wait(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if engine.replication.core.is_replica() {
        return Err(Error::fixed(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.",
        ));
    }
    let count = integer(arguments[1])?;
    let timeout = match integer(arguments[2]) {
        Ok(timeout) if timeout >= 0 => timeout,
        Ok(_) => return Err(Error::fixed("ERR timeout is negative")),
        Err(_) => return Err(Error::fixed("ERR timeout is not an integer or out of range")),
    };
    let offset = engine.client.last_write_offset;
    let acknowledged = engine.replication.core.acknowledged_by(offset);
    let too_few = usize::try_from(count).is_ok_and(|count| acknowledged < count);
    if !too_few || engine.may_not_block {
        engine.reply.count(acknowledged);
        return Ok(());
    }
    let deadline = (timeout > 0).then(|| engine.now().saturating_add(timeout));
    let cause = Cause::Replicas { count: usize::try_from(count).unwrap_or(0), offset };
    engine.block(arguments, cause, deadline, OnTimeout::Replicas);
    engine.replication_step(|core, _| core.request_acknowledgements());
    Ok(())
}

#[cfg(test)]
#[path = "replication_tests.rs"]
mod tests;
