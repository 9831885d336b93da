//! What operators ask for: who this process is, how busy it is, what was slow, who was turned away.

use std::collections::VecDeque;

use super::latency::LatencyMonitor;
use super::slow_log::SlowLog;

/// All of it.
#[derive(Debug)]
pub struct Observed {
    /// When the process began, microseconds since the epoch.
    pub started: i64,
    /// 40 hexadecimal digits that no other run has.
    pub run_id: String,
    /// Memory that was taken before there was any data, bytes.
    pub startup_memory: usize,
    /// Commands that took long.
    pub slow_log: SlowLog,
    /// Latency spikes.
    pub latency: LatencyMonitor,
    /// How busy it is.
    pub rates: Rates,
    /// Who was turned away, the latest first.
    pub refusals: VecDeque<Refusal>,
}

/// Somebody who was turned away.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// How often.
    pub count: u64,
    /// What was lacking: `auth` or `command`.
    pub reason: &'static str,
    /// Where: `toplevel` or `multi`.
    pub context: &'static str,
    /// What was asked for.
    pub object: Vec<u8>,
    /// As whom.
    pub user: Vec<u8>,
    /// When the last time, milliseconds since the epoch.
    pub at_ms: i64,
    /// The client, as CLIENT LIST shows it.
    pub client: String,
}

impl Observed {
    /// Of a process that begins now: microseconds since the epoch.
    pub fn new(now: i64, startup_memory: usize, random: &mut fastrand::Rng) -> Self {
        Observed {
            started: now,
            run_id: hexadecimal(random, 40),
            startup_memory,
            slow_log: SlowLog::default(),
            latency: LatencyMonitor::default(),
            rates: Rates::default(),
            refusals: VecDeque::new(),
        }
    }

    /// Notes that somebody was turned away; who tries the same again within a minute counts as one.
    pub fn refuse(&mut self, refusal: Refusal, most: u64) {
        const MINUTE_MS: i64 = 60_000;
        let same = |known: &Refusal| {
            known.reason == refusal.reason
                && known.context == refusal.context
                && known.object == refusal.object
                && known.user == refusal.user
                && refusal.at_ms - known.at_ms <= MINUTE_MS
        };
        match self.refusals.iter().position(same).and_then(|place| self.refusals.remove(place)) {
            Some(known) => self.refusals.push_front(Refusal { count: known.count + 1, ..refusal }),
            None => self.refusals.push_front(refusal),
        }
        self.refusals.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
}

/// So many hexadecimal digits.
pub fn hexadecimal(random: &mut fastrand::Rng, digits: usize) -> String {
    (0..digits).filter_map(|_| char::from_digit(random.u32(0..16), 16)).collect()
}

/// How many samples a rate is the mean of.
const SAMPLES: usize = 16;
/// How far apart they are, milliseconds.
const PERIOD_MS: i64 = 100;

/// Counters that only grow, at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Commands.
    pub commands: u64,
    /// Bytes from clients.
    pub input: u64,
    /// Bytes to clients.
    pub output: u64,
}

/// How fast counters grow: the mean over the last second or two.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    samples: VecDeque<(i64, Counters)>,
}

impl Rates {
    /// Takes a sample, if it is time.
    pub fn sample(&mut self, now_ms: i64, counters: Counters) {
        if self.samples.back().is_some_and(|(last, _)| now_ms - last < PERIOD_MS) {
            return;
        }
        self.samples.push_back((now_ms, counters));
        if self.samples.len() > SAMPLES + 1 {
            self.samples.pop_front();
        }
    }

    /// How much a counter grows in a second.
    pub fn per_second(&self, counter: fn(&Counters) -> u64) -> f64 {
        let (Some((start, first)), Some((end, last))) = (self.samples.front(), self.samples.back()) else { return 0.0 };
        if end <= start {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
        let rate = counter(last).saturating_sub(counter(first)) as f64 * 1000.0 / (end - start) as f64;
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_of_the_last_samples() {
        let mut rates = Rates::default();
        assert!(rates.per_second(|counters| counters.commands).abs() < f64::EPSILON);
        for step in 0..100_u64 {
            let now = i64::try_from(step * 50).unwrap();
            rates.sample(now, Counters { commands: step * 10, ..Counters::default() });
        }
        assert!((rates.per_second(|counters| counters.commands) - 200.0).abs() < 1e-9);
        assert_eq!(rates.samples.len(), SAMPLES + 1);
    }

    #[test]
    fn the_same_refusal_counts_up() {
        let mut observed = Observed::new(0, 0, &mut fastrand::Rng::with_seed(1));
        let refusal = Refusal {
            count: 1,
            reason: "auth",
            context: "toplevel",
            object: b"AUTH".to_vec(),
            user: b"x".to_vec(),
            at_ms: 0,
            client: String::new(),
        };
        observed.refuse(refusal.clone(), 10);
        observed.refuse(Refusal { at_ms: 1000, ..refusal.clone() }, 10);
        observed.refuse(Refusal { user: b"y".to_vec(), ..refusal.clone() }, 10);
        observed.refuse(Refusal { at_ms: 100_000, ..refusal }, 10);
        assert_eq!(observed.refusals.iter().map(|refusal| refusal.count).collect::<Vec<_>>(), [1, 1, 2]);
        assert_eq!(observed.run_id.len(), 40);
    }
}
