//! Pace: how many requests a provider may get in a minute.
//!
//! A bucket that holds a tenth of a minute's requests: a burst passes, a flood does not. It fills so slowly that
//! even with a full bucket no minute sees more than it may: burst and refill together are the whole minute.

use std::time::{Duration, Instant};

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// As configured.
    per_minute: u32,
    /// What the bucket holds.
    room: f64,
    per_second: f64,
    left: f64,
    filled: Option<Instant>,
}

impl Pace {
    /// A full bucket for `per_minute` requests a minute.
    pub(super) fn new(per_minute: u32) -> Self {
        let requests = f64::from(per_minute.max(1));
        let room = (requests / 10.0).floor().max(1.0);
        Self {
            per_minute,
            room,
            per_second: (requests - room + 1.0) / 60.0,
            left: room,
            filled: None,
        }
    }

    /// How many a minute may have.
    pub(super) fn per_minute(&self) -> u32 {
        self.per_minute
    }

    /// Takes one; else says when there will be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let passed = self.filled.map_or(Duration::ZERO, |filled| {
            now.saturating_duration_since(filled)
        });
        self.left = (self.left + passed.as_secs_f64() * self.per_second).min(self.room);
        self.filled = self.filled.max(Some(now));
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.left) / self.per_second;
        // Rounding must not keep anybody waiting twice.
        let wait = Duration::from_secs_f64(wait) + Duration::from_nanos(1);
        Err(super::later(now, wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// When requests pass that are tried every `step`.
    fn passed(per_minute: u32, step: Duration, tries: u32) -> Vec<Instant> {
        let (mut pace, begin) = (Pace::new(per_minute), Instant::now());
        let moments = (0..tries).map(|number| begin + step * number);
        moments.filter(|now| pace.take(*now).is_ok()).collect()
    }

    #[test]
    fn no_minute_sees_more_than_it_may() {
        for per_minute in [1, 2, 7, 60, 600] {
            let passed = passed(per_minute, Duration::from_millis(37), 10_000);
            for (place, begin) in passed.iter().enumerate() {
                let minute = passed[place..]
                    .iter()
                    .take_while(|at| **at < *begin + MINUTE);
                assert!(minute.count() <= per_minute as usize, "{per_minute}");
            }
            // These are six minutes.
            let least = per_minute as usize * 6 * 85 / 100;
            assert!(passed.len() >= least, "{per_minute}: {}", passed.len());
        }
    }

    #[test]
    fn a_burst_is_at_most_a_tenth_of_a_minute() {
        assert_eq!(passed(600, Duration::ZERO, 1000).len(), 60);
        assert_eq!(passed(5, Duration::ZERO, 1000).len(), 1);
    }

    #[test]
    fn who_waits_as_long_as_told_passes() {
        for per_minute in [0, 1, 7, 100_000] {
            let (mut pace, mut now) = (Pace::new(per_minute), Instant::now());
            for _ in 0..100 {
                while pace.take(now).is_ok() {}
                now = pace.take(now).expect_err("nothing is left");
                assert!(pace.take(now).is_ok(), "{per_minute}");
            }
        }
    }
}
