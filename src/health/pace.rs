//! Pace: how many requests a provider may get in a minute.
//!
//! A bucket that holds a tenth of a minute's requests: a burst passes, a flood does not. It fills so slowly that
//! even with a full bucket no minute sees more than it may: burst and refill together are the whole minute.

use std::time::{Duration, Instant};

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// What the bucket holds.
    room: f64,
    per_second: f64,
    left: f64,
    filled: Option<Instant>,
}

impl Pace {
    /// A full bucket for `per_minute` requests a minute.
    pub(super) fn new(per_minute: u32) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        let room = (per_minute / 10.0).floor().max(1.0);
        Self {
            room,
            per_second: (per_minute - room + 1.0) / 60.0,
            left: room,
            filled: None,
        }
    }

    /// Takes one; else says when there will be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let passed = self.filled.map_or(Duration::ZERO, |filled| {
            now.saturating_duration_since(filled)
        });
        self.left = (self.left + passed.as_secs_f64() * self.per_second).min(self.room);
        self.filled = self.filled.max(Some(now));
        // A hair less than one is one: rounding must not keep anybody waiting twice.
        if self.left > 1.0 - 1e-9 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.left) / self.per_second;
        Err(super::later(now, Duration::from_secs_f64(wait)))
    }
}
