//! Messages of the cluster bus, as bytes and as values. Numbers are big-endian. Knows nothing of what they mean.
//!
//! Every message has a header of 2256 bytes about its sender, and then what its kind asks for. Newer peers may send
//! some kinds with a light header of 16 bytes, to those who say that they read it.

mod decode;
mod encode;
mod frames;

pub use decode::{Malformed, decode};
pub use encode::encode;
pub use frames::Frames;

use super::flags::Flags;
use super::node_id::NodeId;
use super::slots::BITMAP_BYTES;

/// What every message begins with.
pub const SIGNATURE: &[u8; 4] = b"RCmb";
/// The version of the protocol.
pub const VERSION: u16 = 1;
/// How many bytes the header has.
pub const HEADER_BYTES: usize = 2256;
/// How many bytes the light header has.
pub const LIGHT_HEADER_BYTES: usize = 16;
/// The bit of a message's kind that says that its header is light.
const LIGHT: u16 = 0x8000;
/// How many bytes one gossip entry has.
const GOSSIP_BYTES: usize = 104;
/// How many bytes an address has, padded with zeros.
const IP_BYTES: usize = 46;

/// Bits of the first message flag.
mod message_flags {
    /// The sender is a primary that holds back writes for a manual failover.
    pub(super) const PAUSED: u8 = 1;
    /// Vote even though the primary works.
    pub(super) const FORCE_ACK: u8 = 2;
    /// There may be extensions, and the sender takes them.
    pub(super) const EXTENSIONS: u8 = 4;
}

/// Types of extensions.
mod extension {
    pub(super) const HOSTNAME: u16 = 0;
    pub(super) const HUMAN_NAME: u16 = 1;
    pub(super) const FORGOTTEN_NODE: u16 = 2;
    pub(super) const SHARD_ID: u16 = 3;
    /// Length, type and padding, before the extension's data.
    pub(super) const HEADER_BYTES: usize = 8;
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// Are you there?
    Ping = 0,
    /// An answer, or news.
    Pong = 1,
    /// Take me into your table.
    Meet = 2,
    /// A node has failed.
    Fail = 3,
    /// A message for subscribers.
    Publish = 4,
    /// Asks for votes.
    VoteRequest = 5,
    /// Gives a vote.
    Vote = 6,
    /// Who serves these slots by now.
    Update = 7,
    /// Asks the primary to hold back writes for a manual failover.
    ManualFailover = 8,
    /// Between modules.
    Module = 9,
    /// A message for subscribers within the shard.
    PublishShard = 10,
}

impl Kind {
    /// All kinds, by number.
    pub const ALL: [Self; 11] = [
        Self::Ping,
        Self::Pong,
        Self::Meet,
        Self::Fail,
        Self::Publish,
        Self::VoteRequest,
        Self::Vote,
        Self::Update,
        Self::ManualFailover,
        Self::Module,
        Self::PublishShard,
    ];

    /// What CLUSTER INFO calls it.
    pub fn word(self) -> &'static str {
        const WORDS: [&str; 11] = [
            "ping",
            "pong",
            "meet",
            "fail",
            "publish",
            "auth-req",
            "auth-ack",
            "update",
            "mfstart",
            "module",
            "publishshard",
        ];
        WORDS[self as usize]
    }
}

/// What a message's header says of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// What the message is.
    pub kind: Kind,
    /// Port for clients.
    pub port: u16,
    /// Port for clients without TLS, where `port` is with TLS.
    pub plain_port: u16,
    /// Port of the bus.
    pub bus_port: u16,
    /// The cluster's epoch as the sender knows it.
    pub current_epoch: u64,
    /// The sender's configuration epoch; a replica sends its primary's.
    pub config_epoch: u64,
    /// Replication offset.
    pub offset: u64,
    /// Its name.
    pub sender: NodeId,
    /// Its slots, or its primary's.
    pub slots: &'a [u8; BITMAP_BYTES],
    /// Its primary.
    pub replica_of: Option<NodeId>,
    /// The address that it wants to be known by; empty for the one that it is seen at.
    pub ip: String,
    /// Its flags.
    pub flags: Flags,
    /// Whether the cluster is down in its view.
    pub down: bool,
    /// Whether it holds back writes for a manual failover.
    pub paused: bool,
    /// Whether to vote even though its primary works.
    pub force_vote: bool,
    /// Whether it takes extensions.
    pub takes_extensions: bool,
}

/// One entry of gossip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gossip {
    /// Whom it is about.
    pub id: NodeId,
    /// Since when the sender awaits an answer, in seconds since the epoch; 0 for not.
    pub ping_sent: u32,
    /// When it last answered the sender, in seconds since the epoch.
    pub pong_received: u32,
    /// Its address.
    pub ip: String,
    /// Port for clients.
    pub port: u16,
    /// Port for clients without TLS.
    pub plain_port: u16,
    /// Port of the bus.
    pub bus_port: u16,
    /// What the sender thinks of it.
    pub flags: Flags,
}

/// What may come after the gossip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The sender's host name.
    pub hostname: Option<String>,
    /// The sender's name for people.
    pub human_name: Option<String>,
    /// A node to forget, and for how many seconds.
    pub forgotten: Vec<(NodeId, u64)>,
    /// The sender's shard.
    pub shard_id: Option<NodeId>,
}

/// What follows a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Of PING, PONG and MEET.
    Ping {
        /// About others.
        gossip: Vec<Gossip>,
        /// About the sender.
        extensions: Extensions,
    },
    /// Of FAIL: who failed. `None` where that is no name.
    Fail(Option<NodeId>),
    /// Of PUBLISH and PUBLISHSHARD.
    Publish {
        /// The channel.
        channel: &'a [u8],
        /// The message.
        message: &'a [u8],
    },
    /// Of UPDATE.
    Update {
        /// The configuration epoch of that node.
        config_epoch: u64,
        /// Which node. `None` where that is no name.
        id: Option<NodeId>,
        /// Its slots.
        slots: &'a [u8; BITMAP_BYTES],
    },
    /// Nothing, or nothing that matters here.
    Nothing,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// With the whole header.
    Full(Header<'a>, Body<'a>),
    /// With the light header: the sender is who the link belongs to.
    Light(Kind, Body<'a>),
}

#[cfg(test)]
mod tests;
