//! From moments to places on the drawing, and the moments that a time axis names. Pure arithmetic.
//!
//! All moments are milliseconds as `f64`: what a report says is drawn, however far apart it is.

/// The most ticks of an axis of 1,000 units.
const TICKS: f64 = 10.0;
const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
/// Distances between ticks that people can count in.
const STEPS: &[f64] = &[
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    50.0,
    100.0,
    200.0,
    500.0,
    SECOND,
    2.0 * SECOND,
    5.0 * SECOND,
    10.0 * SECOND,
    15.0 * SECOND,
    30.0 * SECOND,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    15.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
];

/// Moments from the begin of a drill on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// The first.
    pub from_ms: f64,
    /// The last; later than the first.
    pub to_ms: f64,
}

impl Stretch {
    /// From the earliest to the latest of these; never empty: nothing can be drawn on no time at all.
    pub fn over(moments: impl IntoIterator<Item = f64>) -> Self {
        let mut stretch = Stretch { from_ms: f64::INFINITY, to_ms: f64::NEG_INFINITY };
        for at in moments.into_iter().filter(|at| at.is_finite()) {
            stretch.from_ms = stretch.from_ms.min(at);
            stretch.to_ms = stretch.to_ms.max(at);
        }
        if !stretch.from_ms.is_finite() {
            return Stretch { from_ms: 0.0, to_ms: SECOND };
        }
        // A millisecond more than nothing would be lost in the precision of a moment that is very late.
        if stretch.length_ms() < 1.0 {
            stretch.to_ms = stretch.from_ms + SECOND.max(stretch.from_ms.abs() / 1e9);
        }
        stretch
    }

    /// How long it is.
    pub fn length_ms(self) -> f64 {
        self.to_ms - self.from_ms
    }

    /// Whether a moment is in it.
    pub fn has(self, at_ms: f64) -> bool {
        (self.from_ms..=self.to_ms).contains(&at_ms)
    }
}

/// Where moments are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// What is drawn.
    pub stretch: Stretch,
    /// The place of its begin.
    pub left: f64,
    /// The place of its end.
    pub right: f64,
}

/// A moment with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// The moment.
    pub at_ms: f64,
    /// How long after the axis's zero it is: `30 s`, `1.5 min`.
    pub label: String,
}

impl Scale {
    /// The place of a moment; what is outside is at the edge.
    pub fn x(&self, at_ms: f64) -> f64 {
        let part = (at_ms - self.stretch.from_ms) / self.stretch.length_ms();
        self.left + part.clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Ticks at whole distances from `zero_ms`, as many as have room.
    pub fn ticks(&self, zero_ms: f64) -> Vec<Tick> {
        let length = self.stretch.length_ms();
        let most = (TICKS * (self.right - self.left) / 1000.0).max(3.0);
        let step = STEPS.iter().copied().find(|step| length / step <= most);
        let step = step.unwrap_or_else(|| DAY * (length / DAY / most).ceil());
        let first = ((self.stretch.from_ms - zero_ms) / step).ceil();
        let last = ((self.stretch.to_ms - zero_ms) / step).floor();
        // No more than have room, also where precision has come to its end.
        let count = (last - first + 1.0).clamp(0.0, most + 2.0) as usize;
        let after_zero = (0..count).map(|number| (first + number as f64) * step);
        after_zero.map(|after| Tick { at_ms: zero_ms + after, label: label(after, length) }).collect()
    }
}

/// `after_ms` in the unit that suits an axis of this length.
fn label(after_ms: f64, length_ms: f64) -> String {
    let (unit_ms, unit) = match length_ms {
        length if length < SECOND => (1.0, "ms"),
        length if length <= 3.0 * MINUTE => (SECOND, "s"),
        length if length <= 3.0 * HOUR => (MINUTE, "min"),
        length if length <= 3.0 * DAY => (HOUR, "h"),
        _ => (DAY, "d"),
    };
    let number = (after_ms / unit_ms * 1000.0).round() / 1000.0;
    format!("{} {unit}", number + 0.0).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(from_ms: f64, to_ms: f64, zero_ms: f64) -> Vec<String> {
        let scale = Scale { stretch: Stretch { from_ms, to_ms }, left: 0.0, right: 1000.0 };
        scale.ticks(zero_ms).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_what_people_count_in() {
        assert_eq!(labels(0.0, 3_000.0, 1_000.0), ["−1 s", "−0.5 s", "0 s", "0.5 s", "1 s", "1.5 s", "2 s"]);
        assert_eq!(labels(0.0, 45_000.0, 5_000.0)[..4], ["−5 s", "0 s", "5 s", "10 s"]);
        assert_eq!(labels(0.0, 400_000.0, 0.0)[..3], ["0 min", "1 min", "2 min"]);
        assert_eq!(labels(0.0, 1_800_000.0, 0.0).last().map(String::as_str), Some("30 min"));
        assert_eq!(labels(0.0, 240_000.0, 0.0)[..3], ["0 min", "0.5 min", "1 min"]);
    }

    #[test]
    fn the_longest_and_the_shortest_time_has_few_ticks() {
        for length in [1e-9, 1.0, 1e3, 1e6, 1e9, 1e12, 1.8e19] {
            for zero in [0.0, length, 1.8e19] {
                let stretch = Stretch::over([0.0, length]);
                let ticks = Scale { stretch, left: 0.0, right: 1000.0 }.ticks(zero);
                assert!(ticks.len() <= 12, "{length} {zero}: {ticks:?}");
            }
        }
    }

    #[test]
    fn no_time_at_all_is_drawn_as_a_little() {
        assert_eq!(Stretch::over([]), Stretch { from_ms: 0.0, to_ms: 1000.0 });
        assert_eq!(Stretch::over([5.0]), Stretch { from_ms: 5.0, to_ms: 1005.0 });
        assert!(Stretch::over([u64::MAX as f64]).length_ms() > 0.0);
    }

    #[test]
    fn what_is_outside_is_at_the_edge() {
        let scale = Scale { stretch: Stretch { from_ms: 0.0, to_ms: 10.0 }, left: 100.0, right: 200.0 };
        assert_eq!([-5.0, 0.0, 5.0, 99.0].map(|at| scale.x(at)), [100.0, 100.0, 150.0, 200.0]);
    }
}
