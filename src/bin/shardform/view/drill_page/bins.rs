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
            let empty = Bin { at_ms: number * width_ms, ..Bin::default() };
            let column = columns.entry(number as i64).or_insert(empty);
            column.succeeded += u64::from(bucket.succeeded);
            column.failed += u64::from(bucket.failed);
            column.slowest_us = column.slowest_us.max(bucket.slowest_us);
        }
        Bins { width_ms, bins: columns.into_values().collect() }
    }

    /// The most requests of one column.
    pub fn highest(&self) -> u64 {
        self.bins.iter().map(Bin::requests).max().unwrap_or(0)
    }

    /// The same as requests a second.
    pub fn highest_rate(&self) -> u64 {
        (self.highest() as f64 * 1000.0 / self.width_ms).round() as u64
    }
}

impl Bin {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.succeeded + self.failed
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
        let last = Bin { at_ms: 800.0, succeeded: 4, failed: 2, slowest_us: 900 };
        assert_eq!((bins.width_ms, bins.bins.len(), bins.bins.last()), (200.0, 5, Some(&last)));
        assert_eq!((bins.highest(), bins.highest_rate()), (6, 30));
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
        assert_eq!(Bins::of(&Traffic::default(), stretch, 200.0).highest_rate(), 0);
        let traffic = traffic(0, &[(0, u32::MAX, u32::MAX), (u64::MAX, 1, 1)]);
        assert_eq!(Bins::of(&traffic, stretch, 200.0).bins.len(), 2);
    }
}
