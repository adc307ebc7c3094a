//! The clock on the wall beside the one that only runs forward.
//!
//! Inside, moments are monotonic: nobody can turn them back. Outside of this process they mean nothing, so
//! what outlives it is told in the time of day. A pair of moments that are the same one translates between
//! the two.

use std::time::{Duration, Instant, SystemTime};

/// By how much the wall may differ from what was expected before the pair is made anew.
const DRIFT: Duration = Duration::from_secs(1);

/// See the module's head.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: Instant,
    wall: SystemTime,
}

impl Clock {
    /// The clock at a moment of which both are known.
    pub fn new(now: Instant, wall: SystemTime) -> Self {
        Self { now, wall }
    }

    /// The same clock, unless the one on the wall was set meanwhile, or the machine slept: a moment keeps its
    /// time of day for as long as nothing happened to it.
    #[must_use]
    pub fn kept(self, now: Instant, wall: SystemTime) -> Self {
        let expected = self.wall(now);
        let drift = wall
            .duration_since(expected)
            .unwrap_or_else(|error| error.duration());
        if drift > DRIFT {
            Self::new(now, wall)
        } else {
            self
        }
    }

    /// The time of day of `moment`.
    pub fn wall(&self, moment: Instant) -> SystemTime {
        let ahead = moment.checked_duration_since(self.now);
        let behind = self.now.saturating_duration_since(moment);
        let wall = match ahead {
            Some(ahead) => self.wall.checked_add(ahead),
            None => self.wall.checked_sub(behind),
        };
        wall.unwrap_or(self.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_its_time_of_day_until_the_clock_is_set() {
        let (now, wall) = (
            Instant::now(),
            SystemTime::UNIX_EPOCH + Duration::from_hours(24),
        );
        let s = Duration::from_secs;
        let clock = Clock::new(now, wall);
        assert_eq!(clock.wall(now + s(5)), wall + s(5));
        let before = now
            .checked_sub(s(5))
            .expect("the machine runs longer than that");
        assert_eq!(clock.wall(before), wall - s(5));
        let later = clock.kept(now + s(60), wall + s(60) + Duration::from_millis(3));
        assert_eq!(later.wall(now), wall, "a drift of milliseconds is none");
        for (set, moved) in [(wall + s(3660), s(3600)), (wall + s(50), Duration::ZERO)] {
            let later = clock.kept(now + s(60), set);
            assert_eq!(later.wall(now + s(60)), set);
            assert!(moved.is_zero() || later.wall(now) == wall + moved);
        }
    }
}
