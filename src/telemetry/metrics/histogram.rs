//! Durations in buckets fine enough for percentiles, of which Prometheus is shown every third.
//!
//! Ten bounds per decade, from ten microseconds to a quarter of an hour: a percentile is off by less than a
//! quarter of itself, and mostly by much less, as it is interpolated.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bounds within a decade, in tenths of its beginning.
const STEPS: [u64; 10] = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80];

/// Decades: 10 µs, 100 µs … 100 s.
const DECADES: usize = 8;

/// Buckets: one up to each bound, and one behind the last.
pub const BUCKETS: usize = STEPS.len() * DECADES + 2;

/// The upper bounds, in microseconds; they belong to their buckets.
pub static BOUNDS: [u64; BUCKETS - 1] = bounds();

const fn bounds() -> [u64; BUCKETS - 1] {
    let mut bounds = [0; BUCKETS - 1];
    let (mut decade, mut unit, mut at) = (0, 1, 0);
    while decade < DECADES {
        let mut step = 0;
        while step < STEPS.len() {
            bounds[at] = STEPS[step] * unit;
            (step, at) = (step + 1, at + 1);
        }
        (decade, unit) = (decade + 1, unit * 10);
    }
    bounds[at] = 10 * unit;
    bounds
}

/// Durations that are being counted.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// In microseconds.
    sum: AtomicU64,
}

/// Durations that were counted up to one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// How many were within each bucket.
    pub buckets: [u64; BUCKETS],
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self {
            buckets: [0; BUCKETS],
            sum_us: 0,
        }
    }
}

impl Histogram {
    /// Counts one more.
    pub fn record(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < time);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(time, Ordering::Relaxed);
    }

    /// Adds what was counted so far to `times`.
    pub fn add_to(&self, times: &mut Times) {
        for (sum, bucket) in times.buckets.iter_mut().zip(&self.buckets) {
            *sum = sum.saturating_add(bucket.load(Ordering::Relaxed));
        }
        let sum = self.sum.load(Ordering::Relaxed);
        times.sum_us = times.sum_us.saturating_add(sum);
    }

    /// What was counted so far.
    pub fn times(&self) -> Times {
        let mut times = Times::default();
        self.add_to(&mut times);
        times
    }
}

impl Times {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Those that came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        for (now, before) in since.buckets.iter_mut().zip(&earlier.buckets) {
            *now = now.saturating_sub(*before);
        }
        since.sum_us = self.sum_us.saturating_sub(earlier.sum_us);
        since
    }

    /// The time within which `share` of them are, from 0 to 1; `None` if there are none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = approximate(count) * share.clamp(0.0, 1.0);
        let mut seen = 0.0;
        for (place, within) in self.buckets.iter().enumerate() {
            let within = approximate(*within);
            if within > 0.0 && seen + within >= wanted {
                return Some(interpolated(place, (wanted - seen) / within));
            }
            seen += within;
        }
        None
    }
}

/// The time at `share` of the bucket at `place`.
fn interpolated(place: usize, share: f64) -> Duration {
    let from = place.checked_sub(1).map_or(0, |before| BOUNDS[before]);
    // Nothing is known of those behind the last bound but that they are there.
    let to = BOUNDS.get(place).copied().unwrap_or(from);
    let (from, to) = (approximate(from), approximate(to));
    Duration::from_secs_f64((from + (to - from) * share.clamp(0.0, 1.0)) / 1e6)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and microseconds beyond 2^53 are told as approximately as those before"
)]
pub(super) fn approximate(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow_and_a_duration_on_one_is_within_it() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
        assert_eq!(BOUNDS[0], 10);
        assert_eq!(BOUNDS.last(), Some(&1_000_000_000));
        let histogram = Histogram::default();
        histogram.record(Duration::from_micros(10));
        histogram.record(Duration::from_micros(11));
        histogram.record(Duration::from_hours(30));
        let times = histogram.times();
        assert_eq!((times.buckets[0], times.buckets[1]), (1, 1));
        assert_eq!((times.buckets[BUCKETS - 1], times.count()), (1, 3));
    }

    #[test]
    fn percentiles_are_near_what_they_tell() {
        let histogram = Histogram::default();
        for ms in 1..=1000 {
            histogram.record(Duration::from_millis(ms));
        }
        for (share, ms) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1000.0)] {
            let told = histogram.times().quantile(share).expect("some");
            let told = told.as_secs_f64() * 1000.0;
            assert!((told - ms).abs() / ms < 0.03, "{share}: {told}");
        }
        assert_eq!(Times::default().quantile(0.5), None);
    }

    #[test]
    fn only_what_came_since_is_told() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_secs(1));
        let before = histogram.times();
        histogram.record(Duration::from_millis(20));
        let since = histogram.times().since(&before);
        assert_eq!((since.count(), since.sum_us), (1, 20_000));
        assert_eq!(since.quantile(0.5), Some(Duration::from_micros(17_500)));
    }
}
