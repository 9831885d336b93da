//! Which key goes when memory runs short.
//!
//! An entry has 24 bits for it: the second of its last use (LRU), or the minute of its last decay and a logarithmic
//! counter (LFU), as Redis keeps them. Keys are chosen from samples; the best candidates of earlier samples are kept.

use super::Keyspace;
use crate::engine::config::choices::EvictionPolicy as Policy;
use crate::engine::data::dict::Keyed;

/// The counter of a key that has just come: it must not be the first to go. Redis: `LFU_INIT_VAL`.
const FRESH_COUNTER: u32 = 5;
/// How many candidates are kept from sample to sample. Redis: `EVPOOL_SIZE`.
const POOL: usize = 16;

/// The time and the rules by which entries note their use.
#[derive(Clone, Debug)]
pub struct Clock {
    /// `maxmemory-policy`.
    pub policy: Policy,
    /// `lfu-log-factor`.
    pub log_factor: u32,
    /// `lfu-decay-time`, minutes; 0: never.
    pub decay_minutes: u32,
    seconds: u32,
    random: fastrand::Rng,
}

impl Default for Clock {
    fn default() -> Self {
        let random = fastrand::Rng::with_seed(0x5eed);
        Clock { policy: Policy::default(), log_factor: 10, decay_minutes: 1, seconds: 0, random }
    }
}

impl Clock {
    /// It is so many milliseconds since the epoch.
    pub fn set(&mut self, now: i64) {
        // 24 bits of seconds: half a year, and then from the start.
        self.seconds = u32::try_from((now / 1000) & 0x00ff_ffff).unwrap_or(0);
    }

    /// Whether entries count how often they are used.
    #[inline]
    pub fn is_lfu(&self) -> bool {
        self.policy.counts_uses()
    }

    /// The mark of an entry that has just come.
    #[inline]
    pub fn fresh(&self) -> u32 {
        if self.is_lfu() { (self.minutes() << 8) | FRESH_COUNTER } else { self.seconds }
    }

    /// The mark of an entry that is used now.
    #[inline]
    pub fn used(&mut self, mark: u32) -> u32 {
        if !self.is_lfu() {
            return self.seconds;
        }
        let counter = self.counter(mark);
        (self.minutes() << 8) | self.raised(counter)
    }

    /// How often an entry was used, on a logarithmic scale up to 255, as of now.
    pub fn counter(&self, mark: u32) -> u32 {
        let (minute, counter) = (mark >> 8, mark & 0xff);
        let passed = self.minutes().wrapping_sub(minute) & 0xffff;
        match passed.checked_div(self.decay_minutes) {
            Some(periods) => counter.saturating_sub(periods),
            None => counter,
        }
    }

    /// For how long an entry was not used, seconds.
    pub fn idle_seconds(&self, mark: u32) -> u32 {
        self.seconds.wrapping_sub(mark) & 0x00ff_ffff
    }

    /// The mark of an entry that was not used for so long.
    pub fn mark_of_idle(&self, seconds: u32) -> u32 {
        self.seconds.wrapping_sub(seconds) & 0x00ff_ffff
    }

    /// The mark of an entry with this counter.
    pub fn mark_of_counter(&self, counter: u8) -> u32 {
        (self.minutes() << 8) | u32::from(counter)
    }

    fn minutes(&self) -> u32 {
        (self.seconds / 60) & 0xffff
    }

    fn raised(&mut self, counter: u32) -> u32 {
        let above = counter.saturating_sub(FRESH_COUNTER);
        let chance = 1.0 / f64::from(above * self.log_factor + 1);
        if counter < 255 && self.random.f64() < chance { counter + 1 } else { counter }
    }
}

/// Candidates from earlier samples, the best last.
#[derive(Debug, Default)]
pub struct Pool {
    candidates: Vec<Candidate>,
    next_database: usize,
}

#[derive(Debug)]
struct Candidate {
    score: u64,
    database: usize,
    key: Vec<u8>,
}

impl Pool {
    /// Takes one key out by the keyspace's policy; answers whether there was one that may go.
    pub fn evict_one(&mut self, keyspace: &mut Keyspace, samples: usize, random: &mut fastrand::Rng) -> bool {
        let chosen = match keyspace.clock.policy {
            Policy::NoEviction => None,
            Policy::AllKeysRandom | Policy::VolatileRandom => self.any(keyspace, random),
            _ => self.best(keyspace, samples, random),
        };
        let Some((database, index)) = chosen else { return false };
        keyspace.evict(database, index);
        true
    }

    /// Any key of the next database that has some.
    fn any(&mut self, keyspace: &Keyspace, random: &mut fastrand::Rng) -> Option<(usize, u32)> {
        let count = keyspace.databases().len();
        for _ in 0..count {
            let number = self.next_database % count;
            self.next_database = self.next_database.wrapping_add(1);
            if let Some(index) = sample(keyspace, number, random) {
                return Some((number, index));
            }
        }
        None
    }

    fn best(&mut self, keyspace: &Keyspace, samples: usize, random: &mut fastrand::Rng) -> Option<(usize, u32)> {
        loop {
            let mut seen = false;
            for number in 0..keyspace.databases().len() {
                for _ in 0..samples {
                    let Some(index) = sample(keyspace, number, random) else { break };
                    seen = true;
                    self.consider(keyspace, number, index);
                }
            }
            while let Some(candidate) = self.candidates.pop() {
                let database = &keyspace.databases()[candidate.database];
                let index = database.find(&candidate.key);
                let may_go = |index: &u32| !keyspace.clock.policy.only_volatile() || database.at(*index).has_expiry();
                if let Some(index) = index.filter(may_go) {
                    return Some((candidate.database, index));
                }
            }
            if !seen {
                return None;
            }
        }
    }

    fn consider(&mut self, keyspace: &Keyspace, number: usize, index: u32) {
        let database = &keyspace.databases()[number];
        let (entry, clock) = (database.at(index), &keyspace.clock);
        let score = match clock.policy {
            Policy::VolatileTtl => {
                u64::MAX - database.expires_at(index).and_then(|at| u64::try_from(at).ok()).unwrap_or(0)
            }
            policy if policy.counts_uses() => u64::from(255 - clock.counter(entry.clock())),
            _ => u64::from(clock.idle_seconds(entry.clock())),
        };
        let full = self.candidates.len() >= POOL;
        if full && self.candidates.first().is_some_and(|least| least.score >= score) {
            return;
        }
        if self.candidates.iter().any(|other| other.database == number && other.key == entry.key()) {
            return;
        }
        let place = self.candidates.partition_point(|other| other.score <= score);
        self.candidates.insert(place, Candidate { score, database: number, key: entry.key().to_vec() });
        if full {
            self.candidates.remove(0);
        }
    }
}

/// Any entry that may go by the policy.
fn sample(keyspace: &Keyspace, number: usize, random: &mut fastrand::Rng) -> Option<u32> {
    let database = &keyspace.databases()[number];
    if keyspace.clock.policy.only_volatile() {
        let count = database.expires().len();
        return if count == 0 { None } else { database.expires().nth(random.usize(0..count)).map(|(_, index)| index) };
    }
    let count = u32::try_from(database.len()).ok().filter(|count| *count > 0)?;
    Some(random.u32(0..count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::keyspace::value::Value;

    fn filled(policy: Policy) -> Keyspace {
        let mut keyspace = Keyspace::new(2, false);
        keyspace.clock.policy = policy;
        for number in 0..100_i64 {
            let now = 1_000_000 + number * 60_000;
            keyspace.now = now;
            keyspace.clock.set(now);
            let key = format!("key:{number}");
            keyspace.set(key.as_bytes(), Value::Integer(number), false);
            if number % 2 == 0 {
                keyspace.set_expiry(key.as_bytes(), Some(100_000_000 - number));
            }
        }
        keyspace
    }

    fn evicted(policy: Policy, count: usize) -> Vec<i64> {
        let mut keyspace = filled(policy);
        let (mut pool, mut random) = (Pool::default(), fastrand::Rng::with_seed(1));
        for _ in 0..count {
            assert!(pool.evict_one(&mut keyspace, 10, &mut random));
        }
        let gone = keyspace.deletions.iter().map(|(_, key)| String::from_utf8_lossy(&key[4..]).parse().unwrap());
        gone.collect()
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let gone = evicted(Policy::AllKeysLru, 30);
        let early = gone.iter().filter(|number| **number < 50).count();
        assert!(early >= 28, "{gone:?}");
    }

    #[test]
    fn volatile_policies_leave_keys_that_do_not_expire() {
        for policy in [Policy::VolatileLru, Policy::VolatileLfu, Policy::VolatileRandom, Policy::VolatileTtl] {
            let gone = evicted(policy, 50);
            assert!(gone.iter().all(|number| number % 2 == 0), "{policy:?} {gone:?}");
            let mut keyspace = filled(policy);
            let (mut pool, mut random) = (Pool::default(), fastrand::Rng::with_seed(1));
            while pool.evict_one(&mut keyspace, 5, &mut random) {}
            assert_eq!(keyspace.database().len(), 50);
        }
    }

    #[test]
    fn the_first_to_expire_goes_first() {
        let gone = evicted(Policy::VolatileTtl, 10);
        assert!(gone.iter().all(|number| *number > 60), "{gone:?}");
    }

    #[test]
    fn a_counter_rises_with_use_and_falls_with_time() {
        let mut clock = Clock { policy: Policy::AllKeysLfu, ..Clock::default() };
        clock.set(60_000_000);
        let mut mark = clock.fresh();
        (0..10_000).for_each(|_| mark = clock.used(mark));
        let high = clock.counter(mark);
        assert!((20..255).contains(&high), "{high}");
        clock.set(60_000_000 + 10 * 60_000);
        assert_eq!(clock.counter(mark), high - 10);
    }
}
