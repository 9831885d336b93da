//! REPLICAOF, PSYNC, WAIT and their kin, and what replicas are told.

use super::command::Command;
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
}
