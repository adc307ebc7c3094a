//! A rough distribution of times: counts in buckets, four to each doubling, where the past fades.
//!
//! A time finds its bucket by its leading bits, as this is done for every answer.

use std::time::Duration;

/// Buckets of each doubling.
const STEPS: u32 = 4;

/// The exponent of the shortest time told apart, in microseconds: about a millisecond.
const LEAST: u32 = 10;

/// The last bucket begins beyond an hour.
const BUCKETS: usize = 92;

/// When so many times are counted, all counts are halved.
const FULL: u32 = 256;

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Quantile {
    counts: [u16; BUCKETS],
    total: u32,
}

impl Default for Quantile {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
        }
    }
}

impl Quantile {
    /// Counts a time.
    pub(super) fn add(&mut self, time: Duration) {
        if self.total >= FULL {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().map(|count| u32::from(*count)).sum();
        }
        self.counts[place(time)] += 1;
        self.total += 1;
    }

    /// The time that `share` of all are below; `None` until `least` have been counted.
    pub(super) fn at(&self, share: f64, least: u32) -> Option<Duration> {
        if self.total < least.max(1) {
            return None;
        }
        let wanted = share * f64::from(self.total);
        let mut below = 0.0;
        for (place, count) in (0..).zip(self.counts) {
            let count = f64::from(count);
            if count > 0.0 && below + count >= wanted {
                let (begin, end) = bounds(place);
                let within = (wanted - below) / count;
                return Some(begin + end.saturating_sub(begin).mul_f64(within));
            }
            below += count;
        }
        None
    }
}

/// The bucket of `time`: its exponent, and the two bits behind its first.
fn place(time: Duration) -> usize {
    let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let microseconds = microseconds.max(1 << LEAST);
    let exponent = microseconds.ilog2();
    let step = (microseconds >> (exponent - 2)) & u64::from(STEPS - 1);
    let doublings = (exponent - LEAST) * STEPS;
    (doublings as usize + usize::try_from(step).unwrap_or(0)).min(BUCKETS - 1)
}

/// Where the bucket at `place` begins and ends; the first begins with nothing.
fn bounds(place: u32) -> (Duration, Duration) {
    let (exponent, step) = (LEAST + place / STEPS, u64::from(place % STEPS));
    let begin = if place == 0 {
        0
    } else {
        (u64::from(STEPS) + step) << (exponent - 2)
    };
    let end = (u64::from(STEPS) + step + 1) << (exponent - 2);
    (Duration::from_micros(begin), Duration::from_micros(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(quantile: &Quantile, share: f64) -> Option<f64> {
        let time = quantile.at(share, 20)?;
        Some(time.as_secs_f64() * 1000.0)
    }

    #[test]
    fn a_percentile_is_right_within_a_quarter_and_needs_enough_times() {
        for unit in [1, 10, 100, 10_000] {
            let mut quantile = Quantile::default();
            for step in 1..=100 {
                if step == 20 {
                    assert_eq!(milliseconds(&quantile, 0.95), None);
                }
                quantile.add(Duration::from_millis(step * unit));
            }
            for (share, step) in [(0.5, 50.0), (0.95, 95.0), (1.0, 100.0)] {
                let found = milliseconds(&quantile, share).expect("enough");
                let right = step * Duration::from_millis(unit).as_secs_f64() * 1000.0;
                assert!((0.8..=1.25).contains(&(found / right)), "{found} {right}");
            }
        }
    }

    #[test]
    fn the_past_fades_and_no_time_is_too_short_or_too_long() {
        let mut quantile = Quantile::default();
        (0..1000).for_each(|_| quantile.add(Duration::MAX));
        assert!(milliseconds(&quantile, 0.5).expect("enough") > 3_600_000.0);
        (0..1000).for_each(|_| quantile.add(Duration::ZERO));
        assert!(milliseconds(&quantile, 0.95).expect("enough") <= 1.25);
    }
}
