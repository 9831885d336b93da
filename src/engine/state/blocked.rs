//! Clients that wait for keys, replicas or the end of a pause.
//!
//! A blocked client's command is kept, and asked again when one of its keys gets something: what it does then, and what
//! replicas hear, is what it would have done and told at once.

use super::Engine;
use super::blocking::{Blocked, Cause, OnTimeout};
use super::client::ClientId;
use super::transaction::Kept;
use crate::engine::commands::error::{Error, Outcome};

impl Engine {
    /// The command at hand waits until there is something in one of `keys`, or until `timeout` seconds are over (0:
    /// never). Where it may not wait it gets at once what it would get then.
    ///
    /// # Errors
    /// None; it is an outcome so that a command can end with it.
    pub fn block_on_keys(
        &mut self,
        arguments: &[&[u8]],
        keys: &[&[u8]],
        deadline: Option<i64>,
        on_timeout: OnTimeout,
    ) -> Outcome {
        if self.retrying {
            // It is asked again, in vain: it waits on.
            return Ok(());
        }
        if self.may_not_block {
            self.reply_timeout(on_timeout);
            return Ok(());
        }
        let places: Vec<_> = keys.iter().map(|key| (self.keyspace.selected, key.to_vec())).collect();
        for place in &places {
            self.keyspace.awaited.add(place.clone(), self.client.id);
        }
        self.block(arguments, Cause::Keys(places), deadline, on_timeout);
        Ok(())
    }

    /// The client at hand waits.
    pub fn block(&mut self, arguments: &[&[u8]], cause: Cause, deadline: Option<i64>, on_timeout: OnTimeout) {
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, self.client.id));
        }
        let request = Kept::new(arguments);
        self.client.blocked = Some(Box::new(Blocked { cause, deadline, on_timeout, command: self.current, request }));
    }

    /// The client at hand waits no more.
    pub fn unblock(&mut self) -> Option<Box<Blocked>> {
        let blocked = self.client.blocked.take()?;
        if let Some(deadline) = blocked.deadline {
            self.deadlines.remove(&(deadline, self.client.id));
        }
        if let Cause::Keys(places) = &blocked.cause {
            for place in places {
                self.keyspace.awaited.remove(place, self.client.id);
            }
        }
        Some(blocked)
    }

    /// Asks again the commands of clients whose keys have got something, until nobody can be served any more.
    pub fn serve_ready(&mut self) {
        if self.keyspace.ready.is_empty() || self.retrying {
            return;
        }
        // What came may have expired while the command that brought it ran.
        self.look_at_clock();
        while !self.keyspace.ready.is_empty() {
            let (database, key) = self.keyspace.ready.remove(0);
            for id in self.keyspace.awaited.of(database, &key).to_vec() {
                self.retry(id);
            }
        }
    }

    /// Asks a blocked client's command again.
    fn retry(&mut self, id: ClientId) {
        let Some(place) = self.clients.place_of(id) else { return };
        let selected = self.keyspace.selected;
        self.as_client(place, |engine| {
            let Some(blocked) = engine.client.blocked.clone() else { return };
            let before = engine.reply.len();
            engine.keyspace.selected = engine.client.database;
            let arguments = blocked.request.arguments();
            engine.retrying = true;
            engine.call(blocked.command, &arguments);
            engine.retrying = false;
            if engine.reply.len() > before {
                engine.unblock();
            }
        });
        self.keyspace.selected = selected;
    }

    /// Ends the waiting of those whose time is over.
    pub fn expire_blocked(&mut self) {
        while let Some((deadline, id)) = self.deadlines.first().copied()
            && deadline <= self.now()
        {
            self.deadlines.pop_first();
            let Some(place) = self.clients.place_of(id) else { continue };
            self.as_client(place, |engine| {
                if let Some(blocked) = engine.unblock() {
                    engine.reply_waited(&blocked);
                }
            });
        }
    }

    /// Ends a client's waiting before its time: with what it gets when its time is over, or with an error.
    pub fn end_waiting(&mut self, id: ClientId, error: Option<Error>) -> bool {
        let waits = |client: &super::client::Client| client.blocked.is_some();
        let Some(place) = self.clients.place_of(id) else { return false };
        if !self.clients.at(place).is_some_and(waits) {
            return false;
        }
        self.as_client(place, |engine| {
            if let Some(blocked) = engine.unblock() {
                match error {
                    Some(error) => engine.reply_error(&error),
                    None => engine.reply_waited(&blocked),
                }
            }
        });
        true
    }

    /// A pause of all clients ends.
    pub fn end_pause(&mut self) {
        self.paused_until = None;
        self.resume_paused();
    }

    /// Asks again what clients have asked during a pause; what must wait still waits on.
    pub fn resume_paused(&mut self) {
        let waits = |client: &&super::client::Client| {
            client.blocked.as_ref().is_some_and(|blocked| blocked.cause == Cause::Pause)
        };
        let places: Vec<usize> = self.clients.iter().filter(waits).map(|client| client.slot).collect();
        for place in places {
            self.as_client(place, |engine| {
                if let Some(blocked) = engine.unblock() {
                    engine.process(&blocked.request.arguments());
                }
            });
        }
    }

    /// A client has gone: nothing of it may stay.
    pub fn remove_client(&mut self, place: usize) {
        let Some(client) = self.clients.take(place) else { return };
        let before = std::mem::replace(&mut self.client, client);
        self.unblock();
        self.unwatch();
        self.unsubscribe_all();
        let client = std::mem::replace(&mut self.client, before);
        self.monitors.retain(|id| *id != client.id);
        self.clients.forget(&client);
        self.replication_step(|core, now| core.gone(client.id, now));
    }

    /// What a client gets that has waited.
    fn reply_waited(&mut self, blocked: &Blocked) {
        match blocked.cause {
            Cause::Replicas { offset, .. } => self.reply.count(self.replication.core.acknowledged_by(offset)),
            _ => self.reply_timeout(blocked.on_timeout),
        }
    }

    fn reply_timeout(&mut self, on_timeout: OnTimeout) {
        match on_timeout {
            OnTimeout::Null => self.reply.null(),
            OnTimeout::NullArray => self.reply.null_array(),
            OnTimeout::Replicas => self.reply.count(0),
        }
    }
}
