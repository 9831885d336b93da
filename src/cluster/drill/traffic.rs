//! From single requests to what a stream of them met: outages, errors by kind, percentiles, buckets. Pure.
//!
//! Requests are in the order in which they were made, one after another. Knows no connection and no clock.

use std::fmt;

use super::report::{Bucket, Outage, Traffic};

/// Widths of buckets that are read with ease, in milliseconds.
const WIDTHS_MS: [u64; 9] = [50, 100, 250, 500, 1000, 2000, 5000, 10_000, 30_000];
/// How many buckets a drill may have before they become wider.
const MOST_BUCKETS: u64 = 600;

/// One request. Moments are microseconds since the drill began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// When it was sent.
    pub(super) began_us: u64,
    /// When it was answered, or given up.
    pub(super) ended_us: u64,
    /// What came instead of an answer.
    pub(super) trouble: Option<Trouble>,
}

/// What a client sees instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// An error of the node, by its code: `MOVED`, `CLUSTERDOWN`, `LOADING`, `READONLY`.
    Code(String),
    /// Nobody listens there.
    Refused,
    /// The connection broke.
    Cut,
    /// No answer in time.
    NoAnswer,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trouble::Code(code) => code,
            Trouble::Refused => "connection refused",
            Trouble::Cut => "connection cut",
            Trouble::NoAnswer => "no answer",
        })
    }
}

/// What all of them met. `until_us` is when watching ended.
pub(super) fn traffic(samples: &[Sample], until_us: u64) -> Traffic {
    let failed = samples.iter().filter(|sample| sample.trouble.is_some()).count() as u64;
    let mut times: Vec<u64> = samples.iter().filter(|sample| sample.trouble.is_none()).map(Sample::took_us).collect();
    times.sort_unstable();
    let mut traffic = Traffic {
        succeeded: times.len() as u64,
        failed,
        median_us: percentile(&times, 50),
        p99_us: percentile(&times, 99),
        outages: outages(samples, until_us),
        ..Traffic::default()
    };
    for trouble in samples.iter().filter_map(|sample| sample.trouble.as_ref()) {
        *traffic.errors.entry(trouble.to_string()).or_default() += 1;
    }
    if let Some(first) = samples.first() {
        let (first_ms, until_ms) = (first.began_us / 1000, until_us / 1000);
        traffic.bucket_ms = width_ms(until_ms.saturating_sub(first_ms));
        traffic.buckets = buckets(samples, traffic.bucket_ms, until_ms);
    }
    traffic
}

impl Sample {
    fn took_us(&self) -> u64 {
        self.ended_us.saturating_sub(self.began_us)
    }
}

/// The nearest rank of what is sorted.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

fn outages(samples: &[Sample], until_us: u64) -> Vec<Outage> {
    let mut outages = Vec::new();
    let mut last_success_us = samples.first().map_or(0, |sample| sample.began_us);
    let mut has_failed = false;
    let mut ended = |from_us: u64, to_us: u64| {
        outages.push(Outage { from_ms: from_us / 1000, to_ms: to_us.div_ceil(1000) });
    };
    for sample in samples {
        if sample.trouble.is_some() {
            has_failed = true;
            continue;
        }
        if has_failed {
            ended(last_success_us, sample.ended_us);
        }
        has_failed = false;
        last_success_us = sample.ended_us;
    }
    if has_failed {
        ended(last_success_us, until_us.max(last_success_us));
    }
    outages
}

fn width_ms(span_ms: u64) -> u64 {
    let fits = |width: &&u64| span_ms / **width < MOST_BUCKETS;
    WIDTHS_MS.iter().find(fits).copied().unwrap_or(60_000)
}

/// From the first request's bucket to the one in which watching ended.
fn buckets(samples: &[Sample], width_ms: u64, until_ms: u64) -> Vec<Bucket> {
    let width_ms = width_ms.max(1);
    let number = |ms: u64| ms / width_ms;
    let first = number(samples.first().map_or(0, |sample| sample.began_us / 1000));
    let last = samples.last().map_or(first, |sample| number(sample.ended_us / 1000)).max(number(until_ms)).max(first);
    let mut buckets: Vec<Bucket> =
        (first..=last).map(|number| Bucket { at_ms: number * width_ms, ..Bucket::default() }).collect();
    for sample in samples {
        let at = number(sample.ended_us / 1000).saturating_sub(first);
        let Some(bucket) = usize::try_from(at).ok().and_then(|at| buckets.get_mut(at)) else { continue };
        if sample.trouble.is_some() {
            bucket.failed += 1;
        } else {
            bucket.succeeded += 1;
            bucket.slowest_us = bucket.slowest_us.max(sample.took_us());
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(began_ms: u64, ended_ms: u64) -> Sample {
        Sample { began_us: began_ms * 1000, ended_us: ended_ms * 1000, trouble: None }
    }

    fn bad(began_ms: u64, ended_ms: u64, trouble: Trouble) -> Sample {
        Sample { trouble: Some(trouble), ..good(began_ms, ended_ms) }
    }

    fn moved() -> Trouble {
        Trouble::Code("MOVED".to_owned())
    }

    fn outage(from_ms: u64, to_ms: u64) -> Outage {
        Outage { from_ms, to_ms }
    }

    #[test]
    fn an_outage_is_from_success_to_success() {
        let samples = [
            good(0, 1),
            good(10, 11),
            bad(20, 20, Trouble::Cut),
            bad(30, 30, Trouble::Refused),
            bad(40, 1040, Trouble::NoAnswer),
            bad(1050, 1051, moved()),
            good(1052, 1053),
            good(1062, 1063),
        ];
        let traffic = traffic(&samples, 1_100_000);
        assert_eq!((traffic.succeeded, traffic.failed), (4, 4));
        assert_eq!(traffic.outages, [outage(11, 1053)]);
        assert_eq!(traffic.longest_outage_ms(), 1042);
        let errors: Vec<(&str, u64)> = traffic.errors.iter().map(|(kind, times)| (kind.as_str(), *times)).collect();
        let expected = [("MOVED", 1), ("connection cut", 1), ("connection refused", 1), ("no answer", 1)];
        assert_eq!(errors, expected);
    }

    #[test]
    fn a_slow_answer_is_no_outage() {
        assert_eq!(traffic(&[good(0, 1), good(10, 900), good(910, 911)], 1_000_000).outages, []);
    }

    #[test]
    fn an_outage_that_has_not_ended_lasts_until_the_end() {
        let samples = [good(0, 1), bad(10, 10, Trouble::Refused)];
        assert_eq!(traffic(&samples, 5_000_000).outages, [outage(1, 5000)]);
        // Nothing ever succeeded: since the first request.
        let samples = [bad(3, 4, Trouble::Refused), bad(10, 10, Trouble::Refused), good(20, 21)];
        assert_eq!(traffic(&samples, 5_000_000).outages, [outage(3, 21)]);
    }

    #[test]
    fn several_outages_are_told_one_by_one() {
        let samples =
            [good(0, 1), bad(10, 10, moved()), good(20, 21), good(30, 31), bad(40, 41, moved()), good(50, 51)];
        let traffic = traffic(&samples, 60_000);
        assert_eq!(traffic.outages, [outage(1, 21), outage(31, 51)]);
        assert_eq!(traffic.unavailable_ms(), 40);
    }

    #[test]
    fn nothing_was_asked() {
        assert_eq!(traffic(&[], 1000), Traffic::default());
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (Some(50), Some(99)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99)), (Some(7), Some(7)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn buckets_have_no_gaps_and_hold_every_request() {
        let samples = [good(120, 130), bad(149, 151, moved()), good(500, 740)];
        let traffic = traffic(&samples, 900_000);
        assert_eq!(traffic.bucket_ms, 50);
        let starts: Vec<u64> = traffic.buckets.iter().map(|bucket| bucket.at_ms).collect();
        assert_eq!(starts, (2..=18).map(|number| number * 50).collect::<Vec<_>>());
        assert_eq!(traffic.buckets[0], Bucket { at_ms: 100, succeeded: 1, failed: 0, slowest_us: 10_000 });
        assert_eq!(traffic.buckets[1], Bucket { at_ms: 150, succeeded: 0, failed: 1, slowest_us: 0 });
        assert_eq!(traffic.buckets[12], Bucket { at_ms: 700, succeeded: 1, failed: 0, slowest_us: 240_000 });
        let all: u32 = traffic.buckets.iter().map(|bucket| bucket.succeeded + bucket.failed).sum();
        assert_eq!(all, 3);
    }

    #[test]
    fn long_drills_have_wider_buckets() {
        assert_eq!(width_ms(5_000), 50);
        assert_eq!(width_ms(60_000), 250);
        assert_eq!(width_ms(900_000), 2000);
        assert_eq!(width_ms(86_400_000), 60_000);
    }
}
