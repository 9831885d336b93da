//! Requests over time, in as many columns as have room on a drawing. Pure arithmetic.

use std::collections::BTreeMap;

use shardform::cluster::drill::report::Traffic;

use super::scale::Stretch;

/// A stream's requests in columns of one width; columns without any are left out.
#[derive(Debug, PartialEq)]
pub struct Bins {
    /// Width of a column: whole buckets.
    pub width_ms: f64,
    /// In the order of time.
    pub bins: Vec<Bin>,
}

/// One column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Its begin.
    pub at_ms: f64,
    /// Requests that succeeded.
    pub succeeded: u64,
    /// Requests that did not.
    pub failed: u64,
    /// The slowest answer in microseconds.
    pub slowest_us: u64,
    /// How much of it is of the time looked at: the first and the last column can be less than whole.
    pub covered_ms: f64,
}

impl Bins {
    /// What is in `stretch`, in `most` columns or few more.
    pub fn of(traffic: &Traffic, stretch: Stretch, most: f64) -> Self {
        let bucket_ms = traffic.bucket_ms.max(1) as f64;
        let width_ms = bucket_ms * (stretch.length_ms() / bucket_ms / most).ceil().max(1.0);
        let mut columns: BTreeMap<i64, Bin> = BTreeMap::new();
        for bucket in &traffic.buckets {
            let at_ms = bucket.at_ms as f64;
            if at_ms + bucket_ms <= stretch.from_ms || at_ms > stretch.to_ms {
                continue;
            }
            let number = (at_ms / width_ms).floor();
            let (begin, end) = (number * width_ms, (number + 1.0) * width_ms);
            let covered_ms = (end.min(stretch.to_ms) - begin.max(stretch.from_ms)).max(bucket_ms);
            let empty = Bin { at_ms: begin, covered_ms, ..Bin::default() };
            let column = columns.entry(number as i64).or_insert(empty);
            column.succeeded += u64::from(bucket.succeeded);
            column.failed += u64::from(bucket.failed);
            column.slowest_us = column.slowest_us.max(bucket.slowest_us);
        }
        Bins { width_ms, bins: columns.into_values().collect() }
    }

    /// The most requests a second of one column.
    pub fn highest_rate(&self) -> f64 {
        self.bins.iter().map(|bin| bin.rate(bin.requests())).fold(0.0, f64::max)
    }
}

impl Bin {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// So many requests of this column as requests a second.
    pub fn rate(&self, requests: u64) -> f64 {
        requests as f64 * 1000.0 / self.covered_ms
    }
}

#[cfg(test)]
mod tests {
    use shardform::cluster::drill::report::Bucket;

    use super::*;

    fn traffic(bucket_ms: u64, buckets: &[(u64, u32, u32)]) -> Traffic {
        let bucket = |&(at_ms, succeeded, failed)| Bucket { at_ms, succeeded, failed, slowest_us: at_ms };
        Traffic { bucket_ms, buckets: buckets.iter().map(bucket).collect(), ..Traffic::default() }
    }

    #[test]
    fn buckets_are_put_together_where_they_are_many() {
        let buckets: Vec<(u64, u32, u32)> = (0..10).map(|number| (number * 100, 2, 1)).collect();
        let bins = Bins::of(&traffic(100, &buckets), Stretch { from_ms: 0.0, to_ms: 1000.0 }, 5.0);
        let last = Bin { at_ms: 800.0, succeeded: 4, failed: 2, slowest_us: 900, covered_ms: 200.0 };
        assert_eq!((bins.width_ms, bins.bins.len(), bins.bins.last()), (200.0, 5, Some(&last)));
        assert_eq!(bins.highest_rate(), 30.0);
    }

    #[test]
    fn a_column_of_which_a_part_is_looked_at_is_as_high_as_the_others() {
        let buckets: Vec<(u64, u32, u32)> = (0..9).map(|number| (number * 100, 2, 0)).collect();
        let bins = Bins::of(&traffic(100, &buckets), Stretch { from_ms: 0.0, to_ms: 900.0 }, 5.0);
        let rates: Vec<f64> = bins.bins.iter().map(|bin| bin.rate(bin.requests())).collect();
        assert_eq!(rates, [20.0; 5]);
    }

    #[test]
    fn only_what_is_in_the_stretch_is_there() {
        let traffic = traffic(100, &[(0, 1, 0), (250, 1, 0), (900, 1, 0)]);
        let bins = Bins::of(&traffic, Stretch { from_ms: 200.0, to_ms: 300.0 }, 5.0);
        assert_eq!(bins.bins.iter().map(|bin| bin.at_ms).collect::<Vec<_>>(), [200.0]);
    }

    #[test]
    fn nothing_and_the_widest_is_no_trouble() {
        let stretch = Stretch::over([0.0, u64::MAX as f64]);
        assert_eq!(Bins::of(&Traffic::default(), stretch, 200.0).highest_rate(), 0.0);
        let traffic = traffic(0, &[(0, u32::MAX, u32::MAX), (u64::MAX, 1, 1)]);
        assert_eq!(Bins::of(&traffic, stretch, 200.0).bins.len(), 2);
    }
}
