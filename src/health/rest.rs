//! The rest of one key or place: when it ends, why it began, how many failures of each class led to it.

use std::time::Instant;

use crate::chat::FailureClass;

/// Classes that keep a count of their own; see [`slot`].
const CLASSES: usize = 8;

/// Failures in a row by class, and the rest they led to.
#[derive(Debug, Clone, Default)]
pub(super) struct Rest {
    failures: [u32; CLASSES],
    end: Option<(Instant, FailureClass)>,
    /// When the last failure was booked.
    failed: Option<Instant>,
}

impl Rest {
    /// Counts one more failure of `class`; returns how many there are now.
    pub(super) fn count(&mut self, class: FailureClass) -> u32 {
        let count = &mut self.failures[slot(class)];
        *count = count.saturating_add(1);
        *count
    }

    /// Rests from `now` until `end`, or longer if a rest already lasts longer.
    pub(super) fn until(&mut self, class: FailureClass, now: Instant, end: Instant) {
        self.failed = Some(now);
        if self.end.is_none_or(|(current, _)| current < end) {
            self.end = Some((end, class));
        }
    }

    /// Forgets everything, unless it happened after `began`.
    pub(super) fn forget(&mut self, began: Instant) {
        if self.failed.is_none_or(|failed| failed <= began) {
            *self = Self::default();
        }
    }

    /// Whether anything is remembered.
    pub(super) fn is_set(&self) -> bool {
        self.failed.is_some()
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
