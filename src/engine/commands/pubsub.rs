//! SUBSCRIBE, PUBLISH and their kin, and the events of keys.

use super::command::Command;
use crate::engine::cluster::slots::SlotSet;
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

    /// Sends a message to those who have subscribed to its channel; answers how many.
    pub fn deliver(&mut self, _: &[u8], _: &[u8], _: bool) {}

    /// Ends the subscriptions to channels of these slots, which this node doesn't serve any more.
    pub fn drop_shard_channels(&mut self, _: &SlotSet) {}
}
