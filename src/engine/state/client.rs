//! One client: what the engine remembers of a connection.
//!
//! Knows no socket: what is to be sent waits in `output` until the edge takes it.

use std::collections::BTreeSet;

use super::blocking::Blocked;
use super::transaction::Transaction;
use crate::engine::commands::table::CommandId;
pub use crate::engine::keyspace::watch::ClientId;
use crate::engine::keyspace::watch::Place;

/// What sort of client it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// One that asks commands.
    #[default]
    Normal,
    /// A replica of ours.
    Replica,
    /// Our primary: its commands are obeyed, and get no replies.
    Primary,
    /// One that gets all commands that others ask.
    Monitor,
}

/// Which replies a client gets, by CLIENT REPLY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// All.
    #[default]
    On,
    /// None.
    Off,
    /// Not the next one.
    SkipNext,
    /// Not this one.
    Skip,
}

/// A client.
#[derive(Debug, Default)]
pub struct Client {
    /// Its number; a later client has a greater one.
    pub id: ClientId,
    /// Where it is in the list of clients.
    pub slot: usize,
    /// What sort it is.
    pub role: Role,
    /// Its address and port.
    pub address: String,
    /// The address and port that it has connected to.
    pub local_address: String,
    /// The number of its socket; what CLIENT LIST shows.
    pub descriptor: i32,
    /// What CLIENT SETNAME has set.
    pub name: Vec<u8>,
    /// The user that it has authenticated as.
    pub user: Vec<u8>,
    /// Whether it may ask commands.
    pub authenticated: bool,
    /// Whether its user may not do everything.
    pub restricted: bool,
    /// Whether it came by the socket in the file system.
    pub from_unix_socket: bool,
    /// Its database.
    pub database: usize,
    /// Whether it speaks RESP3.
    pub resp3: bool,
    /// What waits to be sent to it.
    pub output: Vec<u8>,
    /// How much the edge has taken of its output and not sent yet, bytes.
    pub unsent: usize,
    /// How much of its requests waits to be looked at, bytes.
    pub unread: usize,
    /// Arguments of a request that has not come whole.
    pub missing_arguments: i64,
    /// Since when its output is above the soft limit, milliseconds since the epoch.
    pub soft_limit_since: Option<i64>,
    /// The connection is to end, once the output is sent.
    pub closing: bool,
    /// The connection is to end at once.
    pub killed: bool,
    /// Which replies it gets.
    pub reply_mode: ReplyMode,
    /// Commands between MULTI and EXEC.
    pub transaction: Option<Box<Transaction>>,
    /// Keys that it has asked to WATCH.
    pub watching: Vec<Place>,
    /// Whether a watched key has changed.
    pub disturbed: bool,
    /// What it is blocked on.
    pub blocked: Option<Box<Blocked>>,
    /// Channels that it has subscribed to.
    pub channels: BTreeSet<Vec<u8>>,
    /// Patterns that it has subscribed to.
    pub patterns: BTreeSet<Vec<u8>>,
    /// Channels of slots that it has subscribed to.
    pub shard_channels: BTreeSet<Vec<u8>>,
    /// READONLY: it reads from a replica.
    pub readonly: bool,
    /// ASKING: its next command is for a slot that is on its way.
    pub asking: bool,
    /// Whether its buffers are never a reason to disconnect it.
    pub no_evict: bool,
    /// Since when it is connected, milliseconds since the epoch.
    pub since: i64,
    /// When it last asked something, milliseconds since the epoch.
    pub last_active: i64,
    /// The last command that it asked.
    pub last_command: Option<CommandId>,
    /// The offset of replication after its last write, for WAIT.
    pub last_write_offset: i64,
    /// Whether it goes on only when a pause of all clients ends.
    pub paused: bool,
}

impl Client {
    /// Whether it is of this machine.
    pub fn is_local(&self) -> bool {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        self.from_unix_socket || host == "127.0.0.1" || host == "[::1]"
    }

    /// Whether it gets messages of channels.
    pub fn is_subscribed(&self) -> bool {
        !(self.channels.is_empty() && self.patterns.is_empty() && self.shard_channels.is_empty())
    }

    /// How many channels and patterns it has subscribed to.
    pub fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// How much waits to be sent to it, bytes.
    pub fn pending_output(&self) -> usize {
        self.output.len() + self.unsent
    }
}
