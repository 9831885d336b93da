//! REPLICAOF, PSYNC, WAIT and their kin, and what replicas are told.

use super::command::Command;
use crate::engine::cluster::PrimaryLink;
use crate::engine::keyspace::Authority;
use crate::engine::state::Engine;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[];

impl Engine {
    /// Whether anybody is to hear of changes: a replica, or one that may come back.
    #[inline]
    pub fn has_listeners(&self) -> bool {
        false
    }

    /// Tells the replicas a command that was carried out in a database.
    pub fn feed_replicas<B: AsRef<[u8]>>(&mut self, _: usize, _: &[B]) {}

    /// How far the stream of commands has come, bytes.
    #[inline]
    pub fn replication_offset(&self) -> i64 {
        0
    }

    /// Replicas that are connected and don't lag.
    #[inline]
    pub fn good_replicas(&self) -> u32 {
        0
    }

    /// What a snapshot on disk says of this node's place in the stream of commands.
    pub fn snapshot_remarks(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Becomes a replica of this address.
    pub fn follow(&mut self, _: String, _: u16) {
        self.keyspace.authority = Authority::Primary;
    }

    /// Becomes a primary, with the data that is there.
    pub fn stop_following(&mut self) {
        self.keyspace.authority = Authority::Own;
    }

    /// How the link to the primary is.
    pub fn link_to_primary(&self) -> PrimaryLink {
        PrimaryLink::Down { since: 0 }
    }
}
