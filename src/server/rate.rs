//! How many requests a door lets through: so many a minute, a minute's worth of them at once.
//!
//! One instant says it all (the generic cell rate algorithm): the time at which everything that was let
//! through so far would have been spread out evenly.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What may come at once is what a whole window allows.
const WINDOW: Duration = Duration::from_mins(1);

/// See the module's head.
#[derive(Debug)]
pub struct Rate {
    limit: u32,
    /// Between two requests that are spread out evenly.
    step: Duration,
    /// Until when the requests so far would last.
    spent_until: Mutex<Option<Instant>>,
}

impl Rate {
    /// At most `limit` requests a minute, and at least one.
    pub fn per_minute(limit: u32) -> Self {
        let limit = limit.max(1);
        Self {
            limit,
            step: WINDOW / limit,
            spent_until: Mutex::new(None),
        }
    }

    /// Requests a minute.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes one request.
    ///
    /// # Errors
    /// How long to wait until there is one to take.
    pub fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut spent_until = self.spent_until.lock();
        let after = spent_until.map_or(now, |until| until.max(now)) + self.step;
        let ahead = after.duration_since(now);
        match ahead.checked_sub(WINDOW) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *spent_until = Some(after);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_one_by_one() {
        let (rate, now) = (Rate::per_minute(6), Instant::now());
        assert!((0..6).all(|_| rate.take(now).is_ok()));
        let wait = rate.take(now).expect_err("the minute is spent");
        assert_eq!(wait, Duration::from_secs(10));
        assert!(rate.take(now + wait).is_ok());
        assert!(rate.take(now + wait).is_err());
    }

    #[test]
    fn what_was_not_used_does_not_add_up() {
        let (rate, now) = (Rate::per_minute(6), Instant::now());
        assert!(rate.take(now).is_ok());
        let later = now + Duration::from_hours(1);
        assert!((0..6).all(|_| rate.take(later).is_ok()));
        assert!(rate.take(later).is_err());
    }
}
