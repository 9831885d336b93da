//! MULTI, EXEC, DISCARD, WATCH and UNWATCH.

use super::command::{Categories, Command, Flags};
use super::error::{Error, Outcome};
use crate::engine::state::Engine;
use crate::engine::state::client::Role;

const ANYTIME: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::ALLOW_BUSY);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("multi", 1, multi).flags(ANYTIME).categories(Categories::TRANSACTION).about(
        "transactions",
        "1.2.0",
        "Starts a transaction.",
    ),
    Command::new("exec", 1, exec)
        .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::SKIP_SLOWLOG))
        .categories(Categories::TRANSACTION)
        .about("transactions", "1.2.0", "Executes all commands in a transaction."),
    Command::new("discard", 1, discard).flags(ANYTIME).categories(Categories::TRANSACTION).about(
        "transactions",
        "2.0.0",
        "Discards a transaction.",
    ),
    Command::new("watch", -2, watch).flags(ANYTIME).range(1, -1, 1, "RO").categories(Categories::TRANSACTION).about(
        "transactions",
        "2.2.0",
        "Monitors changes to keys to determine the execution of a transaction.",
    ),
    Command::new("unwatch", 1, unwatch).flags(ANYTIME).categories(Categories::TRANSACTION).about(
        "transactions",
        "2.2.0",
        "Forgets about watched keys of a transaction.",
    ),
];

fn multi(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    if engine.client.transaction.is_some() {
        return Err(Error::fixed("ERR MULTI calls can not be nested"));
    }
    engine.client.transaction = Some(Box::default());
    engine.reply.ok();
    Ok(())
}

fn discard(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    if engine.client.transaction.take().is_none() {
        return Err(Error::fixed("ERR DISCARD without MULTI"));
    }
    engine.unwatch();
    engine.reply.ok();
    Ok(())
}

fn exec(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let Some(transaction) = engine.client.transaction.take() else {
        return Err(Error::fixed("ERR EXEC without MULTI"));
    };
    let disturbed = engine.client.disturbed || engine.watches_expired();
    engine.unwatch();
    if transaction.failed {
        return Err(Error::fixed("EXECABORT Transaction discarded because of previous errors."));
    }
    if disturbed {
        engine.reply.null_array();
        return Ok(());
    }
    let may_not_block = std::mem::replace(&mut engine.may_not_block, true);
    engine.propagation.depth += 1;
    engine.reply.array(transaction.commands.len());
    for (id, kept) in &transaction.commands {
        engine.keyspace.selected = engine.client.database;
        engine.call(*id, &kept.arguments());
    }
    engine.propagation.depth -= 1;
    engine.propagation.in_transaction = engine.client.role != Role::Primary;
    engine.may_not_block = may_not_block;
    Ok(())
}

fn watch(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if engine.client.transaction.is_some() {
        return Err(Error::fixed("ERR WATCH inside MULTI is not allowed"));
    }
    if !engine.client.disturbed {
        for key in &arguments[1..] {
            engine.watch(key);
        }
    }
    engine.reply.ok();
    Ok(())
}

fn unwatch(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.unwatch();
    engine.reply.ok();
    Ok(())
}

impl Engine {
    /// The client at hand wants to know whether the key changes.
    fn watch(&mut self, key: &[u8]) {
        let place = (self.keyspace.selected, key.to_vec());
        if self.client.watching.contains(&place) {
            return;
        }
        let found = self.keyspace.database().find(key);
        let had_expired = found.is_some_and(|index| self.keyspace.has_expired(index));
        let watchers = if had_expired { &mut self.keyspace.watched_expired } else { &mut self.keyspace.watched };
        watchers.add(place.clone(), self.client.id);
        self.client.watching.push(place);
    }

    /// The client at hand forgets what it watches.
    pub fn unwatch(&mut self) {
        for place in std::mem::take(&mut self.client.watching) {
            self.keyspace.watched.remove(&place, self.client.id);
            self.keyspace.watched_expired.remove(&place, self.client.id);
        }
        self.client.disturbed = false;
    }

    /// Whether a watched key has expired since, without anybody having noticed.
    fn watches_expired(&mut self) -> bool {
        let selected = self.keyspace.selected;
        let mut expired = false;
        for (database, key) in &self.client.watching {
            self.keyspace.selected = *database;
            let found = self.keyspace.database().find(key);
            let had_expired = self.keyspace.watched_expired.of(*database, key).contains(&self.client.id);
            expired |= !had_expired && found.is_some_and(|index| self.keyspace.has_expired(index));
        }
        self.keyspace.selected = selected;
        expired
    }
}
