//! Repeats: when the same target is asked once more, and after how long.
//!
//! What clients' own SDKs repeat comes on top of it, so every repeat has to be granted by the budget of its
//! provider: an outage is never multiplied.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Failover, Run};
use crate::chat::{Failure, FailureClass, Next, Stage};
use crate::route::Target;

/// Most of the first pause; the most of each that follows is twice as long.
const FIRST: Duration = Duration::from_millis(250);

/// Longest pause.
const LONGEST: Duration = Duration::from_secs(8);

/// What is left of a request's time behind a pause: less would be for nothing.
const LEAST: Duration = Duration::from_secs(2);

impl Failover<'_> {
    /// Whether `target` is to be asked once more. A provider that is in trouble is so only if there is nobody
    /// else.
    pub(super) fn repeats(&mut self, target: &Target, failure: &Failure) -> bool {
        let is_wanted = failure.next == Next::Same
            || (failure.class == FailureClass::Server && self.line.is_empty());
        is_wanted && self.may_repeat(&target.id.provider)
    }

    /// Takes a repeat out of the request's and the provider's budgets.
    pub(super) fn may_repeat(&mut self, provider: &Arc<str>) -> bool {
        let gateway = self.attempt.gateway;
        if self.repeats >= gateway.config().router.retries {
            return false;
        }
        let now = std::time::Instant::now();
        if !gateway.health().may_repeat(provider, now) {
            tracing::debug!(
                target: "autogw::attempt",
                request_id = self.record.id(),
                provider = &**provider,
                "not repeated: the provider has had its share of repeats"
            );
            return false;
        }
        self.repeats += 1;
        true
    }

    /// How long to wait before a repeat: those of many requests are spread over time.
    pub(super) fn pause(&self) -> Duration {
        let left = self
            .attempt
            .deadline
            .saturating_duration_since(Instant::now());
        let dice = self.attempt.gateway.next_dice();
        jitter(self.repeats, dice).min(left.saturating_sub(LEAST))
    }

    /// An attempt that may have been processed is not repeated where that could have effects, or
    /// where the configuration says never.
    pub(super) fn is_too_risky(&self, run: &Run, failure: &Failure) -> bool {
        let provider = self.attempt.gateway.provider(&run.target);
        let is_half_answered = failure
            .status
            .is_none_or(|status| (200..300).contains(&status));
        match failure.stage {
            Stage::Connect => false,
            Stage::Sent => run.has_effects || !self.attempt.may_repeat(provider),
            Stage::Answered => {
                is_half_answered
                    && (run.has_effects || self.attempt.prepared.has_effects_at(provider))
            }
        }
    }
}

/// A pause before the `nth` repeat, from 1: anything up to its most, by `dice`.
fn jitter(nth: u32, dice: u64) -> Duration {
    let doubled = 1u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX);
    let most = FIRST.saturating_mul(doubled).min(LONGEST);
    let share = f64::from(u32::try_from(dice >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    most.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_thrown_between_nothing_and_a_most_that_doubles() {
        for (nth, most) in [
            (1, 250),
            (2, 500),
            (5, 4000),
            (6, 8000),
            (40, 8000),
            (u32::MAX, 8000),
        ] {
            assert_eq!(jitter(nth, 0), Duration::ZERO);
            assert_eq!(jitter(nth, u64::MAX), Duration::from_millis(most), "{nth}");
            let middle = jitter(nth, u64::MAX / 2).as_secs_f64();
            assert!((middle - Duration::from_millis(most).as_secs_f64() / 2.0).abs() < 0.01);
        }
    }
}
