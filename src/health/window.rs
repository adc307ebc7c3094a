//! A sliding window of successes and failures, in ten buckets.

use std::time::{Duration, Instant};

const BUCKETS: usize = 10;

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Window {
    bucket: Duration,
    buckets: [Bucket; BUCKETS],
    /// The bucket of the present, and when that began.
    place: usize,
    began: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    successes: u32,
    failures: u32,
}

fn bucket(span: Duration) -> Duration {
    (span / 10).max(Duration::from_millis(1))
}

impl Window {
    /// An empty one of length `span`.
    pub(super) fn new(span: Duration) -> Self {
        Self {
            bucket: bucket(span),
            buckets: [Bucket::default(); BUCKETS],
            place: 0,
            began: None,
        }
    }

    /// Whether its length is `span`.
    pub(super) fn spans(&self, span: Duration) -> bool {
        self.bucket == bucket(span)
    }

    /// Counts a success.
    pub(super) fn success(&mut self, now: Instant) {
        let bucket = self.present(now);
        bucket.successes = bucket.successes.saturating_add(1);
    }

    /// Counts a failure.
    pub(super) fn failure(&mut self, now: Instant) {
        let bucket = self.present(now);
        bucket.failures = bucket.failures.saturating_add(1);
    }

    /// Goes on with what was counted before, as of the present.
    pub(super) fn recall(&mut self, (successes, failures): (u32, u32), now: Instant) {
        let bucket = self.present(now);
        bucket.successes = bucket.successes.saturating_add(successes);
        bucket.failures = bucket.failures.saturating_add(failures);
    }

    /// Successes and failures within the window at `now`.
    pub(super) fn counts(&self, now: Instant) -> (u32, u32) {
        let gone = self.gone(now).min(BUCKETS);
        // The buckets behind the present one are the oldest: those are the first to be gone.
        let alive = (0..BUCKETS - gone).map(|age| (self.place + BUCKETS - age) % BUCKETS);
        alive.fold((0, 0), |(successes, failures), place| {
            let bucket = self.buckets[place];
            (
                successes.saturating_add(bucket.successes),
                failures.saturating_add(bucket.failures),
            )
        })
    }

    /// How many buckets have passed since the present one began.
    fn gone(&self, now: Instant) -> usize {
        let Some(began) = self.began else { return 0 };
        let passed = now.saturating_duration_since(began).as_nanos() / self.bucket.as_nanos();
        usize::try_from(passed).unwrap_or(usize::MAX)
    }

    fn present(&mut self, now: Instant) -> &mut Bucket {
        let gone = self.gone(now);
        for _ in 0..gone.min(BUCKETS) {
            self.place = (self.place + 1) % BUCKETS;
            self.buckets[self.place] = Bucket::default();
        }
        if gone >= BUCKETS || self.began.is_none() {
            self.began = Some(now);
        } else if let Some(began) = &mut self.began {
            *began += self.bucket * u32::try_from(gone).unwrap_or(0);
        }
        &mut self.buckets[self.place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_no_longer_counts() {
        let (mut window, now) = (Window::new(Duration::from_secs(30)), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        window.success(at(0));
        window.failure(at(3));
        window.failure(at(29));
        assert_eq!(window.counts(at(29)), (1, 2));
        assert_eq!(window.counts(at(30)), (0, 2));
        assert_eq!(window.counts(at(33)), (0, 1));
        assert_eq!(window.counts(at(57)), (0, 0));
        window.success(at(1000));
        assert_eq!(window.counts(at(1000)), (1, 0));
        assert_eq!(
            window.counts(now),
            (1, 0),
            "a clock that steps back harms nothing"
        );
    }

    #[test]
    fn it_agrees_with_a_list_of_what_happened() {
        let span = Duration::from_secs(10);
        let (mut window, now) = (Window::new(span), Instant::now());
        let mut happened: Vec<(u64, bool)> = Vec::new();
        let mut dice = 7u64;
        let mut bucket = 0;
        for _ in 0..2000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bucket += [0, 0, 0, 1, 3, 12][(dice >> 40) as usize % 6];
            let at = now + Duration::from_secs(bucket);
            let is_success = dice >> 63 == 0;
            happened.push((bucket, is_success));
            if is_success {
                window.success(at);
            } else {
                window.failure(at);
            }
            let alive = happened
                .iter()
                .copied()
                .filter(|(then, _)| then + 10 > bucket);
            let (good, bad): (Vec<_>, Vec<_>) = alive.partition(|(_, good)| *good);
            let (successes, failures) = window.counts(at);
            assert_eq!(
                (successes as usize, failures as usize),
                (good.len(), bad.len())
            );
        }
    }
}
