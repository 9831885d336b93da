//! One shard's drill as the page looks at it: from when times are counted, and what of it is drawn.

use shardform::cluster::drill::report::{Bystander, DrillEvent, DrillReport, Outage, Outcome, ShardDrill, Traffic};

use super::scale::Stretch;
use super::words;

/// A closer look is taken where what matters is no more than this part of the whole.
const CLOSE: f64 = 0.2;
/// What a closer look shows before and after: this part of it, and at least so many buckets.
const AROUND: f64 = 0.15;
const BUCKETS_AROUND: u64 = 8;

/// One shard's drill.
pub struct Shard<'a> {
    /// The drill that it is of.
    pub report: &'a DrillReport,
    /// What was found.
    pub drill: &'a ShardDrill,
    /// Its place among the drills, from 1: ids are made from it, for names come from outside.
    pub number: usize,
    /// The events in the order of time.
    pub events: Vec<&'a DrillEvent>,
}

impl<'a> Shard<'a> {
    /// All shards of a report.
    pub fn all(report: &'a DrillReport) -> Vec<Self> {
        let one = |(at, drill): (usize, &'a ShardDrill)| {
            let mut events: Vec<&DrillEvent> = drill.events.iter().collect();
            events.sort_by_key(|event| event.at_ms);
            Shard { report, drill, number: at + 1, events }
        };
        report.drills.iter().enumerate().map(one).collect()
    }

    /// What people call it.
    pub fn name(&self) -> &'a str {
        if self.drill.shard.is_empty() { "without a number" } else { &self.drill.shard }
    }

    /// Whether the failover was asked for at all: one that is left before that has no such moment.
    pub fn was_called(&self) -> bool {
        self.drill.called_ms > self.drill.watched_from_ms || self.drill.outcome != Outcome::Left
    }

    /// From when times are counted: the call, or where there was none, when watching began.
    pub fn zero_ms(&self) -> u64 {
        if self.was_called() { self.drill.called_ms } else { self.drill.watched_from_ms }
    }

    /// A moment against that.
    pub fn since(&self, at_ms: u64) -> String {
        self.since_signed(i64::try_from(at_ms).unwrap_or(i64::MAX))
    }

    /// The same for a moment that can be before the drill.
    pub fn since_signed(&self, at_ms: i64) -> String {
        let zero = i64::try_from(self.zero_ms()).unwrap_or(i64::MAX);
        words::since_call(at_ms.saturating_sub(zero))
    }

    /// What matters most, by name: the call, the promotion, full strength.
    pub fn moments(&self) -> Vec<(&'static str, f64, String)> {
        let drill = self.drill;
        let after = |at_ms: u64| words::span(at_ms.saturating_sub(drill.called_ms));
        let called = self.was_called().then(|| ("called", drill.called_ms as f64, "call".to_owned()));
        let promoted = drill.promoted_ms.map(|at| ("promoted", at as f64, format!("promoted +{}", after(at))));
        let restored = drill.restored_ms.map(|at| ("restored", at as f64, format!("full strength +{}", after(at))));
        [called, promoted, restored].into_iter().flatten().collect()
    }

    /// All of the time that the drill took, by whatever there is of it.
    pub fn whole(&self) -> Stretch {
        let drill = self.drill;
        let ends = [drill.watched_from_ms, drill.ended_ms];
        let moments = self.moments().into_iter().map(|(_, at, _)| at);
        let roles = drill.roles.iter().map(|change| change.at_ms as f64);
        let traffic = self.traffic().into_iter().flat_map(|(_, traffic)| times(traffic));
        Stretch::over(ends.map(|at| at as f64).into_iter().chain(moments).chain(roles).chain(traffic))
    }

    /// The time from the call to the end of what failed, where that is a small part of the whole.
    pub fn close(&self) -> Option<Stretch> {
        let outages = [&self.drill.writes, &self.drill.reads].into_iter().flat_map(|traffic| &traffic.outages);
        let outages = outages.flat_map(|outage| [outage.from_ms as f64, outage.to_ms as f64]);
        let moments = self.moments().into_iter().filter(|(kind, ..)| *kind != "restored").map(|(_, at, _)| at);
        let middle = Stretch::over(outages.chain(moments));
        let whole = self.whole();
        let buckets_ms = self.drill.writes.bucket_ms.saturating_mul(BUCKETS_AROUND) as f64;
        let around = (middle.length_ms() * AROUND).max(buckets_ms);
        let from_ms = (middle.from_ms - around).max(whole.from_ms);
        let to_ms = (middle.to_ms + around).min(whole.to_ms);
        let close = Stretch { from_ms, to_ms };
        let is_part = close.length_ms() > 0.0 && close.length_ms() < whole.length_ms() * CLOSE;
        (is_part && !self.drill.writes.buckets.is_empty()).then_some(close)
    }

    /// All streams of requests, by name.
    pub fn traffic(&self) -> Vec<(String, &'a Traffic)> {
        let drill = self.drill;
        let mut all = vec![
            (format!("Writes to {}", drill.shard), &drill.writes),
            (format!("Reads from {}", drill.shard), &drill.reads),
        ];
        if let Some(Bystander { shard, writes, reads }) = &drill.bystander {
            all.push((format!("Writes to {shard} (other shard)"), writes));
            all.push((format!("Reads from {shard} (other shard)"), reads));
        }
        all
    }
}

/// Moments that a stream of requests has something to show for.
fn times(traffic: &Traffic) -> impl Iterator<Item = f64> {
    let buckets = traffic.buckets.iter().flat_map(|bucket| {
        let end = bucket.at_ms.saturating_add(traffic.bucket_ms);
        [bucket.at_ms as f64, end as f64]
    });
    let outages = traffic.outages.iter().flat_map(|&Outage { from_ms, to_ms }| [from_ms as f64, to_ms as f64]);
    buckets.chain(outages)
}
