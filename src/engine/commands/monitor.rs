//! MONITOR: a client that is shown what all others ask.

use super::command::{Command, Flags};
use super::error::{Error, Outcome};
use super::redaction::redacted;
use crate::engine::config::words::quote_into;
use crate::engine::state::Engine;
use crate::engine::state::client::Role;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("monitor", 1, monitor)
    .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE))
    .about("server", "1.0.0", "Shows all commands as they are asked.")];

fn monitor(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    if engine.may_not_block {
        return Err(Error::fixed("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if engine.client.role == Role::Normal {
        engine.client.role = Role::Monitor;
        engine.monitors.push(engine.client.id);
    }
    engine.reply.ok();
    Ok(())
}

impl Engine {
    /// Shows a command to those who watch all commands: not what operators ask, nor what is asked again.
    #[inline]
    pub fn tell_monitors(&mut self, command: &Command, arguments: &[&[u8]]) {
        if !self.monitors.is_empty() && !self.retrying && !command.flags.has(Flags::ADMIN) {
            self.show_to_monitors(arguments);
        }
    }

    #[cold]
    fn show_to_monitors(&mut self, arguments: &[&[u8]]) {
        let micros = (self.outside.now)();
        let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
        let from = match (self.script.is_some(), self.client.from_unix_socket) {
            (true, _) => "lua".to_owned(),
            (false, true) => format!("unix:{}", self.config.network.unixsocket),
            (false, false) => self.client.address.clone(),
        };
        let mut line = format!("+{seconds}.{micros:06} [{} {from}]", self.keyspace.selected).into_bytes();
        let secret = redacted(&self.table.row(self.current).full_name, arguments);
        for (place, argument) in arguments.iter().enumerate() {
            line.push(b' ');
            quote_into(&mut line, if secret.contains(&place) { b"(redacted)" } else { argument });
        }
        line.extend_from_slice(b"\r\n");
        for id in self.monitors.clone() {
            self.push(id, &line);
        }
    }
}
