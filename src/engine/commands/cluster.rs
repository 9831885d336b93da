//! CLUSTER and its kin, and where a command's keys belong.

use super::command::Command;
use super::error::Error;
use crate::engine::state::Engine;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[];

impl Engine {
    /// Whether this node serves the keys of a command.
    ///
    /// # Errors
    /// Another node does, or none; in the words by which clients find their way.
    #[inline]
    pub fn route(&mut self, _: &Command, _: &[&[u8]]) -> Result<(), Error> {
        Ok(())
    }
}
