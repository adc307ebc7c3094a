//! The rest of one key or place: when it ends, why it began, how many failures of each class led to it.
//!
//! A hundred requests that were under way when a key was refused are one event, not a hundred: only the failure
//! of a request that began after the last one makes the next rest longer.

use std::time::{Duration, Instant};

use crate::chat::FailureClass;

/// Classes that keep a count of their own; see [`slot`].
const CLASSES: usize = 8;

/// Refusals in a row that mark a key dead.
const REFUSALS_UNTIL_DEAD: u32 = 2;

/// How long whoever tries a dead key first has it for himself.
const PROBE: Duration = Duration::from_mins(1);

/// Failures in a row by class, and the rest they led to.
#[derive(Debug, Clone, Default)]
pub(super) struct Rest {
    failures: [u32; CLASSES],
    end: Option<(Instant, FailureClass)>,
    /// When the last failure was booked.
    failed: Option<Instant>,
}

impl Rest {
    /// Counts one more failure of `class`, of a request that began then; returns how many there are now.
    pub(super) fn count(&mut self, class: FailureClass, began: Instant) -> u32 {
        let is_same_event = self.failed.is_some_and(|failed| began < failed);
        let count = &mut self.failures[slot(class)];
        if *count == 0 || !is_same_event {
            *count = count.saturating_add(1);
        }
        *count
    }

    /// Rests from `now` until `end`, or longer if a rest already lasts longer.
    pub(super) fn until(&mut self, class: FailureClass, now: Instant, end: Instant) {
        self.failed = Some(now);
        if self.end.is_none_or(|(current, _)| current < end) {
            self.end = Some((end, class));
        }
    }

    /// Goes on with a rest that began in an earlier life of this process.
    pub(super) fn restore(
        &mut self,
        class: FailureClass,
        failures: u32,
        now: Instant,
        end: Instant,
    ) {
        let count = &mut self.failures[slot(class)];
        *count = failures.max(*count);
        self.until(class, now, end);
    }

    /// Forgets everything, unless it happened after `began`.
    pub(super) fn forget(&mut self, began: Instant) {
        if self.failed.is_none_or(|failed| failed <= began) {
            *self = Self::default();
        }
    }

    /// Somebody tries a dead key whose rest is over: others wait for what comes of it.
    pub(super) fn probe(&mut self, now: Instant) {
        if self.is_dead() && self.at(now).is_none() {
            self.end = Some((super::later(now, PROBE), FailureClass::Auth));
        }
    }

    /// Whether anything is remembered.
    pub(super) fn is_set(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether the key was refused so often that it is out of rotation.
    pub(super) fn is_dead(&self) -> bool {
        self.failures(FailureClass::Auth) >= REFUSALS_UNTIL_DEAD
    }

    /// Why it began, also if it is over.
    pub(super) fn class(&self) -> Option<FailureClass> {
        self.end.map(|(_, class)| class)
    }

    /// Failures of `class` in a row.
    pub(super) fn failures(&self, class: FailureClass) -> u32 {
        self.failures[slot(class)]
    }

    /// The rest that is in force at `now`.
    pub(super) fn at(&self, now: Instant) -> Option<(Instant, FailureClass)> {
        self.end.filter(|(end, _)| now < *end)
    }
}

fn slot(class: FailureClass) -> usize {
    match class {
        FailureClass::RateLimit => 0,
        FailureClass::Auth => 1,
        FailureClass::Quota => 2,
        FailureClass::Timeout => 3,
        FailureClass::Network => 4,
        FailureClass::Server | FailureClass::Malformed => 5,
        FailureClass::Model => 6,
        FailureClass::Request
        | FailureClass::Capability
        | FailureClass::NotFound
        | FailureClass::Local => 7,
    }
}
