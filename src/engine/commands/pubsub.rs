//! SUBSCRIBE, PUBLISH and their kin, and the events of keys.

use super::command::Command;
use crate::engine::state::Engine;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[];

impl Engine {
    /// Publishes the events of keys that commands have left.
    pub fn publish_events(&mut self) {
        self.keyspace.events.clear();
    }

    /// The client at hand hears of nothing any more.
    pub fn unsubscribe_all(&mut self) {}
}
