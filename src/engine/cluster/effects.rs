//! What a step of the bus asks of the edge, and what it is told of the world. Plain data.

use bytes::Bytes;

use super::slots::SlotSet;

/// A connection of the bus, numbered by the cluster state; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// One thing for the edge to do. Effects are carried out in their order, each one done before the next: what is
/// persisted by `SaveConfig` is on disk before a later `Send` leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a connection to a node's bus port, and tell `link_opened` or `link_closed`.
    Connect {
        /// The number of the new link.
        link: LinkId,
        /// An address (or a name, where a node announces one).
        host: String,
        /// The bus port.
        port: u16,
    },
    /// Close a link; the cluster state has forgotten it already.
    Close {
        /// Which one.
        link: LinkId,
    },
    /// Send one whole message.
    Send {
        /// On which link; ignored where the link is gone.
        link: LinkId,
        /// The message, shared where many get the same one.
        bytes: Bytes,
    },
    /// Replace nodes.conf.
    SaveConfig {
        /// The whole new text.
        text: String,
        /// Whether it must have reached the disk (fsync) before the next effect.
        sync: bool,
    },
    /// Hand a message that was published on another node to this node's subscribers.
    Publish {
        /// The channel.
        channel: Vec<u8>,
        /// The message.
        message: Vec<u8>,
        /// Whether it was published with SPUBLISH.
        sharded: bool,
    },
    /// Become a replica of this address (or go on as one, if the address only changed).
    ReplicateOf {
        /// The primary's address.
        host: String,
        /// Its port for clients.
        port: u16,
    },
    /// Become a primary: end replication, keep the data.
    StopReplicating,
    /// Delete all keys of all databases.
    FlushAll,
    /// Hold back clients' writes until this time, or until `Unpause`. Held writes wait; they are not refused.
    PauseWrites {
        /// Milliseconds since the epoch.
        until: u64,
    },
    /// End the pause that `PauseWrites` began, if there is one, and let the waiting writes be routed again.
    Unpause,
    /// Delete every key of a slot that another node serves now.
    DeleteKeysInSlot(u16),
    /// End clients' sharded subscriptions to channels of these slots.
    DropShardChannels(SlotSet),
    /// Write a line to the log.
    Log(Level, String),
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For who reads the protocol.
    Debug,
    /// Rarely useful.
    Verbose,
    /// Worth a line in production.
    Notice,
    /// Important.
    Warning,
}

/// How this node's link to its primary is, where it is a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrimaryLink {
    /// Synchronised and connected.
    Up {
        /// When something last came in, in milliseconds since the epoch.
        last_heard: u64,
    },
    /// Not connected, or not yet synchronised.
    Down {
        /// Since when, in milliseconds since the epoch; 0 where it never was up.
        since: u64,
    },
}

/// The keys of database 0, slot by slot.
pub trait KeysInSlots {
    /// How many keys a slot has.
    fn count(&self, slot: u16) -> usize;
    /// Up to `most` keys of a slot.
    fn names(&self, slot: u16, most: usize) -> Vec<Vec<u8>>;
    /// How many keys there are in all.
    fn total(&self) -> usize;
}

/// What a step is told of everything outside of the bus.
pub struct World<'a> {
    /// Milliseconds since the epoch.
    pub now: u64,
    /// Where chance comes from.
    pub rng: &'a mut fastrand::Rng,
    /// As a primary: how much was written to the replication stream; as a replica: how much of it was applied.
    pub replication_offset: u64,
    /// As a replica: how the link to the primary is. Otherwise it doesn't matter.
    pub primary_link: PrimaryLink,
    /// The keys held here.
    pub keys: &'a dyn KeysInSlots,
}

/// A place without keys.
pub struct NoKeys;

impl KeysInSlots for NoKeys {
    fn count(&self, _slot: u16) -> usize {
        0
    }
    fn names(&self, _slot: u16, _most: usize) -> Vec<Vec<u8>> {
        Vec::new()
    }
    fn total(&self) -> usize {
        0
    }
}
