//! The circuit breaker of one place: closed, open, half-open.
//!
//! ```text
//! closed ── failures in a row, or their share of the window ──> open ── time ──> half-open
//!    ^                                                            ^                 │
//!    └────────────────── enough successes ────────────────────────┼── a failure ────┘
//! ```
//!
//! A half-open breaker lets one request through at a time. What ends without a verdict (a client that left,
//! a panic) gives its place back and counts for nothing (law L7).

use std::time::{Duration, Instant};

use super::window::Window;
use crate::config::Circuit;

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    state: State,
    failures_in_row: u32,
    window: Window,
    /// How often it has opened since it was last closed.
    times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { is_probing: bool, successes: u32 },
}

/// How a breaker stands, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Requests pass.
    Closed,
    /// None do.
    Open {
        /// When a probe may pass.
        until: Instant,
    },
    /// One at a time does.
    HalfOpen {
        /// Whether one is under way.
        is_probing: bool,
    },
}

impl CircuitState {
    /// The name shown to people.
    pub fn name(self) -> &'static str {
        match self {
            CircuitState::Closed => "closed",
            CircuitState::Open { .. } => "open",
            CircuitState::HalfOpen { .. } => "half-open",
        }
    }
}

/// A breaker that changed, for whoever tells the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// It opened, for so long.
    Opened(Duration),
    /// It closed.
    Closed,
}

impl Breaker {
    /// A closed one.
    pub(super) fn new(circuit: &Circuit) -> Self {
        Self {
            state: State::Closed,
            failures_in_row: 0,
            window: Window::new(circuit.window),
            times: 0,
        }
    }

    /// How it stands at `now`. An open one whose time is over is half-open.
    pub(super) fn state(&self, now: Instant) -> CircuitState {
        match self.state {
            State::Closed => CircuitState::Closed,
            State::Open { until } if now < until => CircuitState::Open { until },
            State::Open { .. } => CircuitState::HalfOpen { is_probing: false },
            State::HalfOpen { is_probing, .. } => CircuitState::HalfOpen { is_probing },
        }
    }

    /// Whether it is closed and has counted no failure since.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Lets a request through, or not; `Some(true)` means that it is a probe.
    pub(super) fn admit(&mut self, now: Instant) -> Option<bool> {
        match self.state(now) {
            CircuitState::Closed => Some(false),
            CircuitState::Open { .. } | CircuitState::HalfOpen { is_probing: true } => None,
            CircuitState::HalfOpen { is_probing: false } => Some(self.probe()),
        }
    }

    /// Lets a request through as a probe, whatever the state: somebody has nobody else to ask.
    pub(super) fn probe(&mut self) -> bool {
        let successes = match self.state {
            State::Closed => return false,
            State::Open { .. } => 0,
            State::HalfOpen { successes, .. } => successes,
        };
        self.state = State::HalfOpen {
            is_probing: true,
            successes,
        };
        true
    }

    /// A probe ended without a verdict.
    pub(super) fn release(&mut self) {
        if let State::HalfOpen { is_probing, .. } = &mut self.state {
            *is_probing = false;
        }
    }

    /// Books a success.
    pub(super) fn succeed(&mut self, circuit: &Circuit, now: Instant) -> Option<Transition> {
        self.failures_in_row = 0;
        self.window.success(now);
        let State::HalfOpen { successes, .. } = self.state else {
            return None;
        };
        if successes + 1 < circuit.successes {
            self.state = State::HalfOpen {
                is_probing: false,
                successes: successes + 1,
            };
            return None;
        }
        *self = Self::new(circuit);
        Some(Transition::Closed)
    }

    /// Books a failure that counts. `dice` spreads the reopening of many over ±20 %.
    pub(super) fn fail(
        &mut self,
        circuit: &Circuit,
        now: Instant,
        dice: u64,
    ) -> Option<Transition> {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.window.failure(now);
        let opens = match self.state {
            State::Closed => self.has_enough(circuit, now),
            State::HalfOpen { .. } => true,
            State::Open { .. } => false,
        };
        opens.then(|| Transition::Opened(self.open(circuit, now, dice)))
    }

    fn has_enough(&self, circuit: &Circuit, now: Instant) -> bool {
        let (successes, failures) = self.window.counts(now);
        let samples = successes + failures;
        self.failures_in_row >= circuit.threshold
            || (samples >= circuit.min_samples
                && f64::from(failures) >= circuit.ratio * f64::from(samples))
    }

    fn open(&mut self, circuit: &Circuit, now: Instant, dice: u64) -> Duration {
        let grown =
            circuit.open.as_secs_f64() * 2f64.powi(i32::try_from(self.times).unwrap_or(i32::MAX));
        let wait = grown.min(circuit.open_max.as_secs_f64()) * super::spread(dice);
        let wait = Duration::try_from_secs_f64(wait).unwrap_or(circuit.open_max);
        self.times = self.times.saturating_add(1);
        self.state = State::Open { until: now + wait };
        wait
    }
}
