//! Keeps memory below its limit.

use super::Engine;

/// For how long a command may wait for memory to be freed, microseconds. What is still too much goes at later commands.
const EVICTION_TIME: i64 = 500_000;
/// How many keys go between two looks at the clock.
const EVICTIONS_A_LOOK: usize = 16;

impl Engine {
    /// Memory that counts against `maxmemory`, bytes: without what waits for replicas.
    pub fn counted_memory(&self) -> usize {
        let replicas: usize = self
            .clients
            .iter()
            .filter(|client| client.role == super::client::Role::Replica)
            .map(|client| client.pending_output())
            .sum();
        (self.outside.memory)().saturating_sub(replicas)
    }

    /// Evicts keys until memory is below its limit; answers whether it is.
    pub fn make_room(&mut self) -> bool {
        let limit = usize::try_from(self.config.memory.maxmemory).unwrap_or(usize::MAX);
        if limit == 0
            || self.keyspace.authority != crate::engine::keyspace::Authority::Own
                && self.config.replication.ignore_maxmemory
        {
            return true;
        }
        let begin = (self.outside.now)();
        loop {
            let used = self.counted_memory();
            self.statistics.peak_memory = self.statistics.peak_memory.max(used);
            if used <= limit {
                return true;
            }
            for _ in 0..EVICTIONS_A_LOOK {
                let samples = self.config.memory.samples as usize;
                if !self.pool.evict_one(&mut self.keyspace, samples, &mut self.random) {
                    self.tell_of_departed();
                    return false;
                }
                if self.counted_memory() <= limit {
                    break;
                }
            }
            self.tell_of_departed();
            if (self.outside.now)() - begin > EVICTION_TIME {
                return true;
            }
        }
    }
}
