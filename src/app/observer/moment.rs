//! A moment of a look: the same one by both clocks, so that what lies before or behind it has a place in both.

use std::time::{Duration, Instant};

use crate::telemetry::clock::{milliseconds, now_ms};

/// How far the two clocks may drift apart until they are compared again: a machine that slept, a clock that was set.
const DRIFT: Duration = Duration::from_secs(1);

/// See the module's head. Times that are told must not tremble with every look, so the clocks are compared seldom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Instant,
    anchor: Instant,
    anchor_ms: u64,
}

impl Moment {
    /// The present, by clocks that are compared now.
    pub(super) fn first() -> Self {
        let now = Instant::now();
        Self {
            now,
            anchor: now,
            anchor_ms: now_ms(),
        }
    }

    /// The present.
    pub(super) fn next(self) -> Self {
        let next = Self {
            now: Instant::now(),
            ..self
        };
        if next.now_ms().abs_diff(now_ms()) > milliseconds(DRIFT) {
            return Self::first();
        }
        next
    }

    /// The present in milliseconds since 1970.
    pub(super) fn now_ms(self) -> u64 {
        self.ms(self.now)
    }

    /// `then` in milliseconds since 1970.
    pub(super) fn ms(self, then: Instant) -> u64 {
        let since = milliseconds(then.saturating_duration_since(self.anchor));
        let before = milliseconds(self.anchor.saturating_duration_since(then));
        self.anchor_ms.saturating_add(since).saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_before_and_behind_has_a_place() {
        let moment = Moment::first();
        let second = Duration::from_secs(1);
        assert_eq!(moment.ms(moment.now + second), moment.now_ms() + 1_000);
        assert_eq!(
            moment.ms(moment.now.checked_sub(second).expect("a past")),
            moment.now_ms() - 1_000
        );
        let later = moment.next();
        assert_eq!(
            later.ms(moment.now),
            moment.now_ms(),
            "times do not tremble"
        );
    }
}
