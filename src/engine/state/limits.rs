//! Clients that take too much, or stay away too long: they are disconnected.

use super::client::{Client, Role};
use super::{Engine, Task};
use crate::engine::config::settings::{OutputBufferLimit, OutputBufferLimits};
use crate::engine::log::LogLevel;

/// How much may wait for a client that has not said who it is, bytes. Redis: `REPLY_BUFFER_SIZE_UNAUTHENTICATED_CLIENT`.
const MOST_BEFORE_AUTHENTICATION: usize = 1024;

impl Client {
    /// Whether more waits for it than may, or waited for too long. Replicas' streams have limits of their own.
    fn exceeds(&mut self, limits: &OutputBufferLimits, now: i64) -> bool {
        let waits = self.pending_output();
        if !self.authenticated && waits > MOST_BEFORE_AUTHENTICATION {
            return true;
        }
        let Some(limit) = self.output_limit(limits) else { return false };
        let waits = u64::try_from(waits).unwrap_or(u64::MAX);
        let over = |bytes: u64| bytes > 0 && waits >= bytes;
        over(limit.hard_bytes) || self.exceeds_softly(limit, over(limit.soft_bytes), now)
    }

    fn output_limit<'a>(&self, limits: &'a OutputBufferLimits) -> Option<&'a OutputBufferLimit> {
        match self.role {
            Role::Replica | Role::Primary => None,
            _ if self.is_subscribed() => Some(&limits.pubsub),
            Role::Normal | Role::Monitor => Some(&limits.normal),
        }
    }

    fn exceeds_softly(&mut self, limit: &OutputBufferLimit, over: bool, now: i64) -> bool {
        if !over {
            self.soft_limit_since = None;
            return false;
        }
        let since = *self.soft_limit_since.get_or_insert(now);
        // In whole seconds of the clock, as Redis counts them.
        now / 1000 - since / 1000 > limit.soft_seconds
    }
}

impl Engine {
    /// How long the reply may get before the client at hand is disconnected for it anyway, bytes: a command that answers as
    /// much as it is asked for can end there.
    pub fn longest_reply(&self) -> usize {
        // What a script asks for is not sent, and in a transaction other replies follow.
        let limit = self.client.output_limit(&self.config.clients.output_buffer_limits).filter(|_| !self.may_not_block);
        let bytes = limit.map(|limit| limit.hard_bytes).filter(|bytes| *bytes > 0);
        bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX)
    }

    /// Disconnects the client at hand, if too much waits for it by now.
    #[inline]
    pub(super) fn check_own_output(&mut self) {
        // What waits is sent at once as a rule: only what is long, or late, is looked at.
        if !self.client.output.is_empty() {
            let limits = &self.config.clients.output_buffer_limits;
            if self.client.exceeds(limits, self.keyspace.now) {
                self.client.killed = true;
                self.note_excess(self.client.id);
            }
        }
    }

    /// Disconnects another client, if too much waits for it by now.
    pub(super) fn check_output(&mut self, place: usize) {
        let (now, limits) = (self.keyspace.now, &self.config.clients.output_buffer_limits);
        let Some(client) = self.clients.at_mut(place).filter(|client| !client.killed) else { return };
        if client.exceeds(limits, now) {
            client.killed = true;
            let id = client.id;
            self.tasks.push(Task::Wake(place));
            self.note_excess(id);
        }
    }

    #[cold]
    fn note_excess(&mut self, id: u64) {
        self.statistics.output_limit_disconnections += 1;
        let line = format!("Client id={id} scheduled to be closed ASAP for overcoming of output buffer limits.");
        self.outside.host.log(LogLevel::Warning, &line);
    }

    /// Disconnects clients that have been silent for too long, and those that read too slowly. To be called about once
    /// a second.
    pub(super) fn disconnect_idlers(&mut self) {
        let timeout = i64::from(self.config.clients.timeout_seconds) * 1000;
        let (now, limits) = (self.keyspace.now, self.config.clients.output_buffer_limits);
        let silent = |client: &Client| {
            timeout > 0
                && client.role == Role::Normal
                && client.blocked.is_none()
                && !client.is_subscribed()
                && now - client.last_active > timeout
        };
        for client in self.clients.iter_mut().filter(|client| !client.killed) {
            if silent(client) || (client.pending_output() > 0 && client.exceeds(&limits, now)) {
                client.killed = true;
                self.tasks.push(Task::Wake(client.slot));
            }
        }
    }

    /// Why a new connection is turned away, in the words to be sent: nobody has to say who they are, and it is not of
    /// this machine.
    pub(super) fn protection(&self, client: &Client) -> Option<&'static str> {
        let open = self.users.get(super::users::DEFAULT).is_some_and(|user| user.no_password);
        (self.config.network.protected_mode && open && !client.is_local()).then_some(
            "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the \
             default user. In this mode connections are only accepted from the loopback interface: set a password, or \
             the directive protected-mode to no.\r\n",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> OutputBufferLimits {
        let limit = OutputBufferLimit { hard_bytes: 100, soft_bytes: 50, soft_seconds: 2 };
        OutputBufferLimits { normal: limit, ..OutputBufferLimits::default() }
    }

    fn with_output(length: usize) -> Client {
        Client { output: vec![0; length], authenticated: true, ..Client::default() }
    }

    #[test]
    fn a_hard_limit_holds_at_once() {
        assert!(with_output(100).exceeds(&limits(), 0));
        assert!(!with_output(49).exceeds(&limits(), 0));
        assert!(!with_output(1 << 20).exceeds(&OutputBufferLimits::default(), 0));
    }

    #[test]
    fn a_soft_limit_holds_after_a_while() {
        let mut client = with_output(60);
        assert!(!client.exceeds(&limits(), 1000));
        assert!(!client.exceeds(&limits(), 3000));
        assert!(client.exceeds(&limits(), 4000));
        client.output.clear();
        assert!(!client.exceeds(&limits(), 5000));
        assert_eq!(client.soft_limit_since, None);
    }

    #[test]
    fn strangers_get_little() {
        let mut client = with_output(1025);
        client.authenticated = false;
        assert!(client.exceeds(&OutputBufferLimits::default(), 0));
    }
}
