//! The circuit breaker of one place: closed, open, half-open.
//!
//! ```text
//! closed ── failures in a row, or their share of the window ──> open ── time ──> half-open
//!    ^                                                            ^                 │
//!    └────────────────── enough successes ────────────────────────┼── a failure ────┘
//! ```
//!
//! An outcome counts only in the state in which its request was let through: what began before the breaker
//! opened can neither close it nor open it again. A half-open breaker lets one request through at a time. What
//! ends without a verdict (a client that left, a panic) gives its slot back and counts for nothing (law L7).
//!
//! Each opening is twice as long as the one before, also across short recoveries: a place that flaps is asked
//! less and less often. Who stayed closed for as long as it was last open, and for a whole window, begins anew.
//!
//! Who has nobody else to ask may insist past an open breaker. Failing then tells nothing new; a success
//! makes the breaker half-open at once.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::window::Window;
use crate::config::Circuit;

/// After so long without a word from a probe, another may try: a slow answer is not to keep a place locked.
const PROBE_PATIENCE: Duration = Duration::from_mins(1);

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    state: State,
    /// Moves on with each change of state.
    epoch: u32,
    /// Names the latest probe.
    serial: NonZeroU32,
    failures_in_row: u32,
    window: Window,
    /// How often it has opened since it was last quiet.
    times: u32,
    /// How long it was last open.
    wait: Duration,
    closed: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    HalfOpen {
        probe: Option<Probe>,
        successes: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Probe {
    serial: NonZeroU32,
    began: Instant,
}

/// What a request was let through with, to be shown again with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    epoch: u32,
    /// The slot it holds.
    probe: Option<NonZeroU32>,
}

impl Pass {
    /// Whether it holds the slot of a half-open breaker.
    pub(super) fn is_probe(self) -> bool {
        self.probe.is_some()
    }
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
        /// How many have succeeded so far.
        successes: u32,
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
            epoch: 0,
            serial: NonZeroU32::MIN,
            failures_in_row: 0,
            window: Window::new(circuit.window),
            times: 0,
            wait: Duration::ZERO,
            closed: None,
        }
    }

    /// Counts within the window of `circuit` from now on; one of another length begins empty.
    pub(super) fn follow(&mut self, circuit: &Circuit) {
        if !self.window.spans(circuit.window) {
            self.window = Window::new(circuit.window);
        }
    }

    /// Closes it as if it had never opened. What began before counts for nothing more.
    pub(super) fn reset(&mut self, circuit: &Circuit) {
        self.turn(State::Closed);
        self.failures_in_row = 0;
        self.window = Window::new(circuit.window);
        self.times = 0;
        self.wait = Duration::ZERO;
        self.closed = None;
    }

    /// How it stands at `now`. An open one whose time is over is half-open.
    pub(super) fn state(&self, now: Instant) -> CircuitState {
        let is_heard_of =
            |probe: Probe| now.saturating_duration_since(probe.began) < PROBE_PATIENCE;
        match self.state {
            State::Closed => CircuitState::Closed,
            State::Open { until } if now < until => CircuitState::Open { until },
            State::Open { .. } => CircuitState::HalfOpen {
                is_probing: false,
                successes: 0,
            },
            State::HalfOpen { probe, successes } => CircuitState::HalfOpen {
                is_probing: probe.is_some_and(is_heard_of),
                successes,
            },
        }
    }

    /// Whether it is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Lets a request through, or says when it may be asked again, if that is known.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Pass, Option<Instant>> {
        match self.state(now) {
            CircuitState::Closed => Ok(self.pass(None)),
            CircuitState::Open { until } => Err(Some(until)),
            CircuitState::HalfOpen {
                is_probing: true, ..
            } => Err(None),
            CircuitState::HalfOpen {
                is_probing: false, ..
            } => Ok(self.probe(now)),
        }
    }

    /// Lets a request through whatever the state: somebody has nobody else to ask.
    pub(super) fn insist(&mut self, now: Instant) -> Pass {
        let admitted = self.admit(now);
        admitted.unwrap_or_else(|_| self.pass(None))
    }

    fn pass(&self, probe: Option<NonZeroU32>) -> Pass {
        Pass {
            epoch: self.epoch,
            probe,
        }
    }

    fn probe(&mut self, now: Instant) -> Pass {
        let successes = self.half_open();
        self.serial = self.serial.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let probe = Probe {
            serial: self.serial,
            began: now,
        };
        self.state = State::HalfOpen {
            probe: Some(probe),
            successes,
        };
        self.pass(Some(probe.serial))
    }

    /// Makes an open breaker half-open; says how many successes it has seen.
    fn half_open(&mut self) -> u32 {
        if let State::HalfOpen { successes, .. } = self.state {
            return successes;
        }
        self.turn(State::HalfOpen {
            probe: None,
            successes: 0,
        });
        0
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// A request ended, and the slot that it may still hold is free.
    pub(super) fn release(&mut self, pass: Pass) {
        if let State::HalfOpen { probe, .. } = &mut self.state
            && pass.probe.is_some()
            && probe.map(|probe| probe.serial) == pass.probe
        {
            *probe = None;
        }
    }

    /// A stream has begun: to a breaker that is not closed, that is a success.
    pub(super) fn answer(
        &mut self,
        pass: Pass,
        circuit: &Circuit,
        now: Instant,
    ) -> Option<Transition> {
        if pass.epoch != self.epoch || self.is_closed() {
            return None;
        }
        self.recover(pass, circuit, now)
    }

    /// A request ended well; `was_answered` says that its beginning was booked.
    pub(super) fn succeed(
        &mut self,
        pass: Pass,
        was_answered: bool,
        circuit: &Circuit,
        now: Instant,
    ) -> Option<Transition> {
        if pass.epoch != self.epoch {
            return None;
        }
        if self.is_closed() {
            self.failures_in_row = 0;
            self.window.success(now);
            return None;
        }
        if was_answered {
            return None;
        }
        self.recover(pass, circuit, now)
    }

    /// One success nearer to being closed.
    fn recover(&mut self, pass: Pass, circuit: &Circuit, now: Instant) -> Option<Transition> {
        let seen = self.half_open() + 1;
        self.release(pass);
        if let State::HalfOpen { successes, .. } = &mut self.state
            && seen < circuit.successes
        {
            *successes = seen;
            return None;
        }
        self.turn(State::Closed);
        self.failures_in_row = 0;
        self.window = Window::new(circuit.window);
        self.closed = Some(now);
        Some(Transition::Closed)
    }

    /// Books a failure that counts. `dice` spreads the reopening of many over ±20 %.
    pub(super) fn fail(
        &mut self,
        pass: Pass,
        circuit: &Circuit,
        now: Instant,
        dice: u64,
    ) -> Option<Transition> {
        if pass.epoch != self.epoch {
            return None;
        }
        let opens = match self.state {
            State::Closed => self.is_enough(circuit, now),
            State::HalfOpen { .. } => true,
            State::Open { .. } => false,
        };
        opens.then(|| Transition::Opened(self.open(circuit, now, dice)))
    }

    /// Counts a failure of a closed breaker; whether that opens it.
    fn is_enough(&mut self, circuit: &Circuit, now: Instant) -> bool {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.window.failure(now);
        let (successes, failures) = self.window.counts(now);
        let samples = successes.saturating_add(failures);
        self.failures_in_row >= circuit.threshold
            || (samples >= circuit.min_samples
                && f64::from(failures) >= circuit.ratio * f64::from(samples))
    }

    fn open(&mut self, circuit: &Circuit, now: Instant, dice: u64) -> Duration {
        let quiet = self.wait.max(circuit.window);
        let closed = self.closed.take();
        if closed.is_some_and(|closed| now.saturating_duration_since(closed) >= quiet) {
            self.times = 0;
        }
        let doublings = i32::try_from(self.times.min(62)).unwrap_or_default();
        let grown = circuit.open.as_secs_f64() * 2f64.powi(doublings);
        let wait = grown.min(circuit.open_max.as_secs_f64()) * super::spread(dice);
        self.wait = Duration::try_from_secs_f64(wait).unwrap_or(circuit.open_max);
        self.times = self.times.saturating_add(1);
        self.turn(State::Open {
            until: super::later(now, self.wait),
        });
        self.wait
    }
}
