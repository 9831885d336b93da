//! From a request to its reply: the checks before a command, the command, and what follows from it.

use super::command::{Command, Flags};
use super::error::Error;
use super::table::{CommandId, Found};
use crate::engine::keyspace::Authority;
use crate::engine::state::Engine;
use crate::engine::state::blocking::{Cause, OnTimeout};
use crate::engine::state::client::{ReplyMode, Role};
use crate::engine::state::propagation::owned;
use crate::engine::state::transaction::Kept;

/// How much of an argument an error may show, bytes.
const SHOWN: usize = 128;

impl Engine {
    /// Answers a request of the client at hand.
    pub fn process(&mut self, arguments: &[&[u8]]) {
        self.look_at_clock();
        self.client.last_active = self.now();
        self.keyspace.selected = self.client.database;
        let before = self.reply.len();
        match self.admit(arguments) {
            Ok(Admitted::Runs(id)) => self.call(id, arguments),
            Ok(Admitted::Queued) => self.reply.status("QUEUED"),
            Ok(Admitted::Waits) => {}
            Err(error) => {
                let known = match self.table.find(arguments) {
                    Found::Command(id) => Some(id),
                    Found::Unknown | Found::UnknownWithin(_) => None,
                };
                if known.is_some_and(|id| self.table.row(id).command.name == "exec") {
                    self.abandon(&error);
                } else {
                    self.reject(&error);
                }
                if let Some(id) = known {
                    self.statistics.commands[id].rejected += 1;
                }
            }
        }
        self.after_command();
        self.client.asking &= arguments.first().is_some_and(|name| name.eq_ignore_ascii_case(b"asking"));
        self.mute(before);
    }

    /// Whether the command may run, in the order in which Redis asks.
    fn admit(&mut self, arguments: &[&[u8]]) -> Result<Admitted, Error> {
        let id = self.find_command(arguments)?;
        let command = self.table.row(id).command;
        self.client.last_command = Some(id);
        if !self.client.authenticated && !command.flags.has(Flags::NO_AUTH) {
            return Err(Error::fixed("NOAUTH Authentication required."));
        }
        if self.client.restricted {
            self.check_permission(id, arguments)?;
        }
        self.route(command, arguments)?;
        let flags = self.flags_of(command, arguments);
        self.short_of_memory = false;
        if self.config.memory.maxmemory > 0 {
            self.check_memory(command, flags)?;
        }
        if self.client.role != Role::Primary {
            self.check_writes(command, flags)?;
        }
        self.check_context(command, flags)?;
        if self.script.is_some() && !flags.has(Flags::ALLOW_BUSY) {
            return Err(super::scripting::BUSY);
        }
        if self.pauses(id) {
            self.current = id;
            self.block(arguments, Cause::Pause, None, OnTimeout::Null);
            return Ok(Admitted::Waits);
        }
        if let Some(transaction) = &mut self.client.transaction
            && !matches!(command.name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
        {
            if command.flags.has(Flags::NO_MULTI) {
                return Err(Error::fixed("ERR Command not allowed inside a transaction"));
            }
            transaction.writes |= flags.has(Flags::WRITE);
            transaction.denies_oom |= flags.has(Flags::DENYOOM);
            transaction.commands.push((id, Kept::new(arguments)));
            return Ok(Admitted::Queued);
        }
        Ok(Admitted::Runs(id))
    }

    /// The command of these arguments, if there is one that takes so many.
    ///
    /// # Errors
    /// Unknown, or the wrong number of arguments.
    pub fn find_command(&self, arguments: &[&[u8]]) -> Result<CommandId, Error> {
        let id = match self.table.find(arguments) {
            Found::Command(id) => id,
            Found::Unknown => return Err(unknown(arguments)),
            Found::UnknownWithin(id) => {
                let name = shown(arguments[1], SHOWN);
                let container = self.table.row(id).command.name.to_uppercase();
                return Err(Error::worded(format!("ERR unknown subcommand '{name}'. Try {container} HELP.")));
            }
        };
        let row = self.table.row(id);
        if !row.command.takes(arguments.len()) {
            let text = format!("ERR wrong number of arguments for '{}' command", row.full_name);
            return Err(Error::worded(text));
        }
        if row.command.flags.has(Flags::PROTECTED) {
            self.check_protected(row.command)?;
        }
        Ok(id)
    }

    fn check_memory(&mut self, command: &Command, flags: Flags) -> Result<(), Error> {
        let mut needs = flags.has(Flags::DENYOOM);
        if command.name == "exec" {
            needs = self.client.transaction.as_ref().is_some_and(|transaction| transaction.denies_oom);
        }
        // Evicting is worth its time before any command that may be the last one for a while.
        self.short_of_memory = !self.make_room();
        if self.short_of_memory && needs && self.client.role != Role::Primary {
            return Err(Error::fixed("OOM command not allowed when used memory > 'maxmemory'."));
        }
        Ok(())
    }

    fn check_writes(&mut self, command: &Command, flags: Flags) -> Result<(), Error> {
        let in_transaction = || self.client.transaction.as_ref().is_some_and(|transaction| transaction.writes);
        let writes = flags.has(Flags::WRITE) || (command.name == "exec" && in_transaction());
        if writes {
            self.check_may_write()?;
        }
        Ok(())
    }

    fn check_context(&mut self, command: &Command, flags: Flags) -> Result<(), Error> {
        let may_speak = matches!(
            command.name,
            "ping"
                | "subscribe"
                | "ssubscribe"
                | "unsubscribe"
                | "sunsubscribe"
                | "psubscribe"
                | "punsubscribe"
                | "quit"
                | "reset"
        );
        if !self.client.resp3 && self.client.is_subscribed() && !may_speak {
            let text = format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                command.name
            );
            return Err(Error::worded(text));
        }
        self.check_stale(flags)
    }

    /// Whether the command must wait until a pause ends.
    fn pauses(&self, id: CommandId) -> bool {
        let holds = |until: Option<i64>| until.is_some_and(|until| until > self.now());
        let all = holds(self.paused_until) && !self.pause_writes_only;
        let writes = holds(self.paused_until) || holds(self.failover_pause);
        if !writes || self.client.role != Role::Normal {
            return false;
        }
        let row = self.table.row(id);
        let container = row.parent.map_or(row.command.name, |parent| self.table.row(parent).command.name);
        if all {
            // A client must be able to end the pause.
            return container != "client";
        }
        let in_transaction = || self.client.transaction.as_ref().is_some_and(|transaction| transaction.writes);
        row.command.flags.has(Flags::WRITE.and(Flags::MAY_REPLICATE)) || (container == "exec" && in_transaction())
    }

    /// An error before a command ran: a transaction has failed with it.
    fn reject(&mut self, error: &Error) {
        if let Some(transaction) = &mut self.client.transaction {
            transaction.failed = true;
        }
        self.reply_error(error);
    }

    /// Refuses EXEC: the transaction, if there is one, is over.
    fn abandon(&mut self, error: &Error) {
        self.client.transaction = None;
        self.unwatch();
        let why = error.0.strip_prefix("ERR ").unwrap_or(&error.0);
        self.reply_error(&Error::worded(format!("EXECABORT Transaction discarded because of: {why}")));
    }

    /// Writes an error reply, and counts it.
    pub fn reply_error(&mut self, error: &Error) {
        self.statistics.error(error.code());
        self.reply.error(&error.0);
    }

    /// Runs a command, counts it, and gathers what replicas must hear of it.
    pub fn call(&mut self, id: CommandId, arguments: &[&[u8]]) {
        let before = (self.outside.now)();
        let command = self.table.row(id).command;
        let outer = std::mem::replace(&mut self.current, id);
        let instead = self.propagation.instead.take();
        let dirty = self.keyspace.dirty;
        let selected = self.keyspace.selected;
        // What a script asks is shown behind the script.
        if command.flags.has(Flags::SKIP_MONITOR) {
            self.tell_monitors(command, arguments);
        }
        let written = self.reply.len();

        let outcome = (command.execute)(self, arguments);
        let failed = outcome.is_err();
        if let Err(error) = outcome
            && !(self.retrying && error == Error::WRONG_TYPE)
        {
            self.reply.truncate(written);
            self.reply_error(&error);
        }

        if !command.flags.has(Flags::SKIP_MONITOR) {
            self.tell_monitors(command, arguments);
        }
        let micros = u64::try_from((self.outside.now)() - before).unwrap_or(0);
        self.count(id, micros, failed);
        self.note_slow(command, arguments, micros);
        self.tell_of_changes();
        if self.keyspace.dirty != dirty || self.propagation.instead.is_some() {
            self.propagate(selected, arguments);
        }
        self.propagation.instead = instead;
        self.current = outer;
    }

    #[inline]
    fn count(&mut self, id: CommandId, micros: u64, failed: bool) {
        self.statistics.calls += 1;
        let with_histogram = self.config.statistics.latency_tracking;
        let counted = &mut self.statistics.commands[id];
        counted.ran(micros, with_histogram);
        counted.failed += u64::from(failed);
    }

    /// Gathers what replicas must hear of the command at hand.
    fn propagate(&mut self, selected: usize, arguments: &[&[u8]]) {
        let instead = self.propagation.instead.take();
        if !self.has_listeners() {
            return;
        }
        match instead {
            Some(commands) => {
                self.propagation.pending.extend(commands.into_iter().map(|command| (selected, command)));
            }
            None if matches!(self.table.row(self.current).command.name, "exec" | "eval" | "evalsha") => {}
            None => self.propagation.pending.push((selected, owned(arguments))),
        }
    }

    /// What a command has left in the keyspace's books: keys that went, watched keys that changed, events.
    pub fn tell_of_changes(&mut self) {
        if !self.keyspace.deletions.is_empty() {
            let deletions = std::mem::take(&mut self.keyspace.deletions);
            if self.has_listeners() {
                let gone = deletions.into_iter().map(|(database, key)| (database, vec![b"DEL".to_vec(), key]));
                self.propagation.pending.extend(gone);
            }
        }
        if !self.keyspace.disturbed.is_empty() {
            for id in std::mem::take(&mut self.keyspace.disturbed) {
                if id == self.client.id {
                    self.client.disturbed = true;
                } else if let Some(client) = self.clients.get_mut(id) {
                    client.disturbed = true;
                }
            }
        }
        if !self.keyspace.events.is_empty() {
            self.publish_events();
        }
    }

    /// What follows when the outermost command is done.
    pub fn after_command(&mut self) {
        if self.propagation.depth > 0 {
            return;
        }
        self.tell_of_changes();
        self.flush_propagation();
        self.serve_ready();
        self.flush_propagation();
    }

    /// Tells of keys that went of themselves, because of their time or for want of memory: no transaction, and not part of
    /// the command that comes next.
    pub fn tell_of_departed(&mut self) {
        self.tell_of_changes();
        if self.propagation.depth == 0 {
            self.propagation.apart = true;
            self.flush_propagation();
        }
    }

    /// Hands what was gathered to the replicas, as one transaction where it is more than one command.
    fn flush_propagation(&mut self) {
        let in_transaction = std::mem::take(&mut self.propagation.in_transaction);
        let apart = std::mem::take(&mut self.propagation.apart);
        if self.propagation.pending.is_empty() {
            return;
        }
        let commands = std::mem::take(&mut self.propagation.pending);
        let wrap = in_transaction || (commands.len() > 1 && !apart);
        let database = commands[0].0;
        if wrap {
            self.feed_replicas(database, &[b"MULTI"]);
        }
        for (database, command) in &commands {
            self.feed_replicas(*database, command);
        }
        if wrap {
            self.feed_replicas(database, &[b"EXEC"]);
        }
        self.client.last_write_offset = self.replication_offset();
    }

    /// Whether the client has just subscribed, or ended that: what it is told of it is a message and no reply.
    fn asked_to_listen(&self) -> bool {
        let flags = self.client.last_command.map(|id| self.table.row(id).command.flags);
        flags.is_some_and(|flags| flags.has(Flags::PUBSUB) && flags.has(Flags::NOSCRIPT))
    }

    /// Takes the reply back where the client wants none.
    #[inline]
    fn mute(&mut self, before: usize) {
        match self.client.reply_mode {
            ReplyMode::On if self.client.role != Role::Primary => {}
            ReplyMode::Off if self.asked_to_listen() => {}
            ReplyMode::SkipNext => self.client.reply_mode = ReplyMode::Skip,
            ReplyMode::Skip => {
                if !self.asked_to_listen() {
                    self.reply.truncate(before);
                }
                self.client.reply_mode = ReplyMode::On;
            }
            _ => self.reply.truncate(before),
        }
    }

    /// Whether keys may be changed by the client at hand.
    ///
    /// # Errors
    /// They may not, or not now.
    pub fn check_may_write(&self) -> Result<(), Error> {
        if self.keyspace.authority != Authority::Own && self.config.replication.read_only {
            return Err(Error::fixed("READONLY You can't write against a read only replica."));
        }
        if self.good_replicas() < self.config.replication.min_replicas_to_write {
            return Err(Error::fixed("NOREPLICAS Not enough good replicas to write."));
        }
        let set = &self.config.snapshot;
        if !self.snapshots.last_was_good && set.stop_writes_on_error && !set.save.is_empty() {
            return Err(Error::fixed(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands \
                 that may modify the data set are disabled, because this instance is configured to report errors during \
                 writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for \
                 details about the RDB error.",
            ));
        }
        Ok(())
    }
}

/// What becomes of a request that is in order.
enum Admitted {
    Runs(CommandId),
    Queued,
    Waits,
}

fn unknown(arguments: &[&[u8]]) -> Error {
    let name = shown(arguments.first().copied().unwrap_or_default(), SHOWN);
    let mut rest = String::new();
    for argument in arguments.iter().skip(1) {
        if rest.len() >= SHOWN {
            break;
        }
        rest += &format!("'{}' ", shown(argument, SHOWN - rest.len()));
    }
    Error::worded(format!("ERR unknown command '{name}', with args beginning with: {rest}"))
}

/// At most so many bytes of an argument, as text.
fn shown(argument: &[u8], most: usize) -> String {
    // C's strings end at the first zero.
    let end = argument.iter().take(most).position(|byte| *byte == 0).unwrap_or(argument.len().min(most));
    argument[..end].iter().map(|byte| char::from(*byte)).collect()
}
