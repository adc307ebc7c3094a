//! What is known of a target at one moment: what strategies choose by.

use std::time::Duration;

use super::breaker::CircuitState;

/// See the module's head. Pure facts; what they are worth is each strategy's affair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Successes and failures within the window of memory.
    pub successes: u32,
    /// Failures within it.
    pub failures: u32,
    /// Moving average of the time to the first token (of the whole answer, where it never streamed).
    pub latency: Option<Duration>,
    /// The time that 19 of 20 first tokens need.
    pub p95: Option<Duration>,
    /// Moving average of the speed of streams.
    pub tokens_per_second: Option<f64>,
    /// Successes in a row.
    pub successes_in_row: u32,
    /// Failures in a row.
    pub failures_in_row: u32,
    /// How long ago it last succeeded.
    pub since_success: Option<Duration>,
    /// How long ago it last failed.
    pub since_failure: Option<Duration>,
    /// Requests under way.
    pub in_flight: u32,
    /// What the bandit has learned.
    pub arm: Arm,
    /// The breaker of its provider and model.
    pub circuit: CircuitState,
}

/// An arm of the bandit: pulls and rewards, of which the past fades.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Arm {
    /// How often it was pulled.
    pub pulls: f64,
    /// The sum of its rewards.
    pub reward: f64,
    /// Whether it rests after failures in a row.
    pub is_parked: bool,
}

impl View {
    /// Of a target that nobody has tried.
    pub fn untried() -> Self {
        Self {
            successes: 0,
            failures: 0,
            latency: None,
            p95: None,
            tokens_per_second: None,
            successes_in_row: 0,
            failures_in_row: 0,
            since_success: None,
            since_failure: None,
            in_flight: 0,
            arm: Arm::default(),
            circuit: CircuitState::Closed,
        }
    }

    /// The share of successes; `None` if nothing is remembered.
    pub fn success(&self) -> Option<f64> {
        let samples = self.successes + self.failures;
        (samples > 0).then(|| f64::from(self.successes) / f64::from(samples))
    }

    /// How long ago anything was last heard of it.
    pub fn since_sample(&self) -> Option<Duration> {
        self.since_success
            .into_iter()
            .chain(self.since_failure)
            .min()
    }
}
