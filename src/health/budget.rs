//! The budget of repeats: what is sent again to the same place is a share of what was sent at first, so that
//! an outage is never multiplied.

use std::time::{Duration, Instant};

use super::window::Window;

/// Over how long the share is taken.
const SPAN: Duration = Duration::from_secs(10);

/// Share of first tries that may be repeated.
const SHARE: f64 = 0.2;

/// Repeats that are always allowed, each second.
const FLOOR: f64 = 1.0;

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    /// First tries, as successes; repeats, as failures.
    window: Window,
    /// Repeats that were allowed and have not been sent yet: they are no first tries.
    expected: u32,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            window: Window::new(SPAN),
            expected: 0,
        }
    }

    /// Books a try, unless it is a repeat that is booked already.
    pub(super) fn deposit(&mut self, now: Instant) {
        if self.expected > 0 {
            self.expected -= 1;
        } else {
            self.window.success(now);
        }
    }

    /// Books a repeat, if there is one left.
    pub(super) fn withdraw(&mut self, now: Instant) -> bool {
        let (firsts, repeats) = self.window.counts(now);
        let allowed = SHARE * f64::from(firsts) + FLOOR * SPAN.as_secs_f64();
        let is_left = f64::from(repeats) + 1.0 <= allowed;
        if is_left {
            self.window.failure(now);
            self.expected = self.expected.saturating_add(1);
        }
        is_left
    }
}
