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
        let place = self.counts.iter().position(|count| {
            below += f64::from(*count);
            below >= wanted
        })?;
        let end = LEAST * GROWTH.powi(i32::try_from(place + 1).unwrap_or(i32::MAX));
        Some(Duration::from_secs_f64(end / 1000.0))
    }
}
