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
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            window: Window::new(SPAN),
        }
    }

    /// Books a first try.
    pub(super) fn deposit(&mut self, now: Instant) {
        self.window.success(now);
    }

    /// Books a repeat, if there is one left.
    pub(super) fn withdraw(&mut self, now: Instant) -> bool {
        let (firsts, repeats) = self.window.counts(now);
        let allowed = SHARE * f64::from(firsts) + FLOOR * SPAN.as_secs_f64();
        let is_left = f64::from(repeats) + 1.0 <= allowed;
        if is_left {
            self.window.failure(now);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every try fails and is repeated as long as that is allowed; how many first tries and repeats there were.
    fn outage(per_second: u32, seconds: u32) -> (u32, u32) {
        let (mut budget, begin) = (Budget::new(), Instant::now());
        let (mut firsts, mut repeats) = (0, 0);
        for number in 0..per_second * seconds {
            let now = begin + Duration::from_secs(1) * number / per_second;
            budget.deposit(now);
            firsts += 1;
            while budget.withdraw(now) {
                repeats += 1;
            }
        }
        (firsts, repeats)
    }

    #[test]
    fn an_outage_is_not_multiplied() {
        for per_second in [1, 5, 50, 500] {
            let (firsts, repeats) = outage(per_second, 60);
            // The window moves in steps of a tenth, and what is left at the start is there at once.
            let floor = 60.0 * 10.0 / 9.0 + 10.0;
            let most = SHARE * f64::from(firsts) * 10.0 / 9.0 + floor;
            assert!(f64::from(repeats) <= most, "{per_second}: {repeats}");
            assert!(
                f64::from(repeats) >= SHARE * f64::from(firsts),
                "{per_second}: {repeats}"
            );
        }
    }

    #[test]
    fn a_hundred_at_once_are_repeated_a_fifth_and_the_floor() {
        let (mut budget, now) = (Budget::new(), Instant::now());
        (0..100).for_each(|_| budget.deposit(now));
        let allowed = (0..100).filter(|_| budget.withdraw(now)).count();
        assert_eq!(allowed, 30);
    }

    #[test]
    fn a_few_repeats_are_always_allowed() {
        let (mut budget, now) = (Budget::new(), Instant::now());
        let allowed = (0..100).filter(|_| budget.withdraw(now)).count();
        assert_eq!(allowed, 10);
        assert!(!budget.withdraw(now + Duration::from_secs(9)));
        assert!(budget.withdraw(now + SPAN));
    }
}
