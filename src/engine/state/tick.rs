//! What is done from time to time, and who may come in.

use super::Engine;
use super::client::Client;
use super::observed::Counters;

/// How many expired keys go at a time, so that clients needn't wait long.
const EXPIRED_AT_ONCE: usize = 1000;
/// How many buckets of a table move at a time.
const BUCKETS_AT_ONCE: usize = 1000;
/// How often clients that stay away too long are looked for, milliseconds.
const IDLERS_SOUGHT_MS: i64 = 500;

impl Engine {
    /// Does what is due; answers in how many milliseconds it wants to be called again at the latest.
    pub fn tick(&mut self) -> u64 {
        self.look_at_clock();
        let used = (self.outside.memory)();
        self.statistics.peak_memory = self.statistics.peak_memory.max(used);
        let counted = &self.statistics;
        let counters = Counters { commands: counted.calls, input: counted.input_bytes, output: counted.output_bytes };
        self.observed.rates.sample(self.keyspace.now, counters);
        let mut busy = false;
        if self.active_expire && self.paused_until.is_none() {
            busy |= self.keyspace.expire_some(EXPIRED_AT_ONCE) == EXPIRED_AT_ONCE;
            self.tell_of_departed();
        }
        if self.keyspace.now - self.idlers_sought >= IDLERS_SOUGHT_MS {
            self.idlers_sought = self.keyspace.now;
            self.disconnect_idlers();
        }
        self.expire_blocked();
        if self.paused_until.is_some_and(|until| until <= self.now()) {
            self.end_pause();
        }
        let mut next_step = None;
        if self.cluster.is_some() {
            if self.failover_pause.is_some_and(|until| until <= self.now()) {
                self.failover_pause = None;
                self.resume_paused();
            }
            self.cluster_step(|cluster, world| cluster.tick(world));
            self.redirect_blocked();
            next_step = self.with_cluster(|cluster, world| cluster.next_tick(world.now));
        }
        if self.config.general.activerehashing {
            for database in self.keyspace.databases_mut() {
                busy |= database.rehash(BUCKETS_AT_ONCE);
            }
        }
        self.tick_replication();
        self.save_if_due();
        self.after_command();
        if busy {
            return 1;
        }
        let period = 1000 / i64::from(self.config.general.hz.clamp(1, 500));
        let next = self.deadlines.first().map_or(period, |(deadline, _)| (deadline - self.now()).clamp(0, period));
        let step = next_step.and_then(|at| i64::try_from(at).ok()).map_or(next, |at| (at - self.now()).max(0));
        let next = next.min(step);
        // Between 0 and a second.
        u64::try_from(next).unwrap_or(1).max(1)
    }

    /// A new connection; answers its place.
    ///
    /// # Errors
    /// There are too many, in the words to be sent.
    pub fn welcome(&mut self, mut client: Client) -> Result<usize, String> {
        if self.clients.len() >= self.config.clients.maxclients as usize {
            self.statistics.rejected_connections += 1;
            return Err("-ERR max number of clients reached\r\n".to_owned());
        }
        if let Some(refusal) = self.protection(&client) {
            self.statistics.rejected_connections += 1;
            return Err(refusal.to_owned());
        }
        self.statistics.connections += 1;
        self.look_at_clock();
        client.since = self.now();
        client.last_active = self.now();
        self.greet(&mut client);
        Ok(self.clients.add(Box::new(client)))
    }

    /// How much of requests may wait, bytes.
    pub fn query_limit(&self) -> usize {
        usize::try_from(self.config.clients.query_buffer_limit).unwrap_or(usize::MAX)
    }

    /// A client has sent too much that is no whole request.
    pub fn refuse_query(&mut self, place: usize) {
        self.statistics.query_limit_disconnections += 1;
        if let Some(client) = self.clients.at_mut(place) {
            client.killed = true;
        }
    }
}
