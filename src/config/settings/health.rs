//! `router.circuit` and `router.backoff`: when a target or a key rests.

use std::time::Duration;

/// `router.circuit`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circuit {
    /// Failures in a row that open it.
    pub threshold: u32,
    /// Share of failures that opens it, 0…1.
    pub ratio: f64,
    /// Fewest requests in the window before `ratio` counts.
    pub min_samples: u32,
    /// The window of `ratio`.
    pub window: Duration,
    /// How long it stays open at first.
    pub open: Duration,
    /// Longest time it stays open.
    pub open_max: Duration,
    /// Successes that close it.
    pub successes: u32,
}

impl Default for Circuit {
    fn default() -> Self {
        Self {
            threshold: 5,
            ratio: 0.5,
            min_samples: 20,
            window: Duration::from_secs(30),
            open: Duration::from_secs(15),
            open_max: Duration::from_mins(5),
            successes: 3,
        }
    }
}

/// `router.backoff`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoffs {
    /// After a 429.
    pub rate_limit: Backoff,
    /// After a refused key.
    pub auth: Backoff,
    /// After an exhausted quota.
    pub quota: Backoff,
    /// After a timeout.
    pub timeout: Backoff,
    /// After a network failure.
    pub network: Backoff,
    /// After a server error.
    pub server: Backoff,
}

impl Default for Backoffs {
    fn default() -> Self {
        let backoff = |first, factor, max| Backoff {
            first: Duration::from_secs(first),
            factor,
            max: Duration::from_secs(max),
        };
        Self {
            rate_limit: backoff(5, 2.0, 60),
            auth: backoff(10, 1.5, 300),
            quota: backoff(60, 2.0, 3600),
            timeout: backoff(5, 1.5, 120),
            network: backoff(1, 2.0, 30),
            server: backoff(2, 2.0, 60),
        }
    }
}

/// A rest that grows with each failure: `min(max, first · factor^n)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The first rest.
    pub first: Duration,
    /// Growth per failure in a row.
    pub factor: f64,
    /// The longest rest.
    pub max: Duration,
}

impl Backoff {
    /// The rest after `failures` failures in a row (1 = the first).
    pub fn after(&self, failures: u32) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.first.as_secs_f64() * self.factor.powi(exponent);
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(self.max)
            .min(self.max)
    }
}
