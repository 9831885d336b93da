//! The server itself: what it is set to, what it counts, who is connected.

use super::command::Command;
use super::error::Error;
use crate::engine::state::Engine;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[];

impl Engine {
    /// Shows a command to those who watch all commands.
    #[inline]
    pub fn tell_monitors(&mut self, _: &Command, _: &[&[u8]]) {}

    /// Notes a command that took long.
    #[inline]
    pub fn note_slow(&mut self, _: &Command, _: &[&[u8]], _: u64) {}

    /// Whether a command that must be switched on is.
    ///
    /// # Errors
    /// It is not, for this client.
    pub fn check_protected(&self, _: &Command) -> Result<(), Error> {
        Ok(())
    }
}
