//! Pauses between attempts to open a tunnel: doubling, capped, and never the same for two of us.

use std::time::Duration;

/// First pause.
const FIRST: Duration = Duration::from_millis(250);

/// Longest pause: who is back after a night without network should not wait for long.
const LONGEST: Duration = Duration::from_secs(30);

/// A tunnel that was up for this long has not failed at once: the next pause is a first one.
pub const STABLE: Duration = Duration::from_secs(5);

/// The pauses of one tunnel.
#[derive(Debug, Clone)]
pub struct Pauses {
    failures: u32,
    /// State of a small generator: all it decides is how many gateways knock at the same time.
    noise: u64,
}

impl Pauses {
    /// No failure yet. `seed` sets it apart from other gateways.
    pub fn new(seed: u64) -> Self {
        Self {
            failures: 0,
            noise: seed | 1,
        }
    }

    /// How many failures there were in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// One more failure, after the tunnel was `up` for a while (zero if it never was): the pause before
    /// the next attempt, between half of the step and all of it, and at least `least`.
    pub fn next(&mut self, up: Duration, least: Duration) -> Duration {
        if up >= STABLE {
            self.failures = 0;
        }
        let step = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let pause = step / 2 + step.mul_f64(self.fraction() / 2.0);
        pause.max(least)
    }

    /// From 0 to 1 (xorshift).
    fn fraction(&mut self) -> f64 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        f64::from(u32::try_from(self.noise >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut pauses = Pauses::new(7);
        let mut step = FIRST;
        for _ in 0..12 {
            let pause = pauses.next(Duration::ZERO, Duration::ZERO);
            assert!(pause >= step / 2 && pause <= step, "{pause:?} of {step:?}");
            step = (step * 2).min(LONGEST);
        }
        assert_eq!(pauses.failures(), 12);
    }

    #[test]
    fn a_tunnel_that_was_up_begins_anew() {
        let mut pauses = Pauses::new(7);
        for _ in 0..9 {
            pauses.next(Duration::ZERO, Duration::ZERO);
        }
        assert!(pauses.next(STABLE, Duration::ZERO) <= FIRST);
        assert_eq!(pauses.failures(), 1);
    }

    #[test]
    fn a_least_pause_is_kept() {
        let minute = Duration::from_mins(1);
        assert_eq!(Pauses::new(7).next(Duration::ZERO, minute), minute);
    }
}
