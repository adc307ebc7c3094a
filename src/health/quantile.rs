//! A rough distribution of times: counts in buckets that grow by a quarter, where the past fades.

use std::time::Duration;

/// The lower end of the first bucket, in milliseconds.
const LEAST: f64 = 1.0;

/// How much a bucket is longer than the one before.
const GROWTH: f64 = 1.25;

/// The last bucket begins beyond an hour.
const BUCKETS: usize = 70;

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
        let milliseconds = time.as_secs_f64() * 1000.0;
        let place = (milliseconds / LEAST).max(1.0).log(GROWTH);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is at least 0, and bounded below"
        )]
        let place = (place as usize).min(BUCKETS - 1);
        self.counts[place] += 1;
        self.total += 1;
    }

    /// The time that `share` of all are below; `None` until `least` have been counted.
    pub(super) fn at(&self, share: f64, least: u32) -> Option<Duration> {
        if self.total < least.max(1) {
            return None;
        }
        let wanted = share * f64::from(self.total);
        let mut below = 0.0;
        for (place, count) in self.counts.iter().enumerate() {
            let count = f64::from(*count);
            if count > 0.0 && below + count >= wanted {
                let place = i32::try_from(place).unwrap_or(i32::MAX);
                let begin = if place == 0 { 0.0 } else { GROWTH.powi(place) };
                let end = GROWTH.powi(place + 1);
                let within = (wanted - below) / count;
                let milliseconds = LEAST * (begin + (end - begin) * within);
                return Some(Duration::from_secs_f64(milliseconds / 1000.0));
            }
            below += count;
        }
        None
    }
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
