//! Pace: how many requests a provider may get in a minute.
//!
//! A bucket that holds a tenth of a minute's requests and fills steadily: a burst passes, a flood does not.

use std::time::{Duration, Instant};

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    per_minute: f64,
    left: f64,
    filled: Option<Instant>,
}

impl Pace {
    /// A full bucket for `per_minute` requests a minute.
    pub(super) fn new(per_minute: u32) -> Self {
        let per_minute = f64::from(per_minute);
        Self {
            per_minute,
            left: (per_minute / 10.0).max(1.0),
            filled: None,
        }
    }

    /// Takes one; else says when there will be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let passed = self.filled.map_or(Duration::ZERO, |filled| {
            now.saturating_duration_since(filled)
        });
        let room = (self.per_minute / 10.0).max(1.0);
        self.left = (self.left + passed.as_secs_f64() * self.per_minute / 60.0).min(room);
        self.filled = Some(now);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.left) * 60.0 / self.per_minute;
        Err(now + Duration::from_secs_f64(wait))
    }
}
