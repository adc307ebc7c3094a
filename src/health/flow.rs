//! Flow: how many requests may be under way at once, learned from the upstream's own protests.
//!
//! Additive increase, multiplicative decrease: a 429 or a `slow_down` halves the limit, each full round of
//! successes raises it by one. What is configured is never exceeded; where nothing is, a flow that has grown
//! back to twice what was under way at the protest is unlimited again, and so is one of which nobody complained
//! for a while. A protest while only one was under way says nothing of concurrency: that is what rests are for.

use std::time::{Duration, Instant};

/// After so long without a protest a limit is out of date.
const MEMORY: Duration = Duration::from_mins(5);

/// See the module's head.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    in_flight: u32,
    learned: Option<Learned>,
}

/// A limit that a protest taught.
#[derive(Debug, Clone, Copy)]
struct Learned {
    limit: f64,
    /// Grown so far, it is forgotten.
    forgotten_at: f64,
    protested: Instant,
}

impl Flow {
    /// Takes a place, if `cap` and what was learned allow.
    pub(super) fn admit(&mut self, cap: Option<u32>, now: Instant) -> bool {
        let limit = cap.into_iter().chain(self.learned(now)).min();
        let is_free = limit.is_none_or(|limit| self.in_flight < limit);
        if is_free {
            self.in_flight = self.in_flight.saturating_add(1);
        }
        is_free
    }

    /// Gives a place back.
    pub(super) fn release(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Requests under way.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// The limit in force at `now`, if there is one.
    pub(super) fn learned(&self, now: Instant) -> Option<u32> {
        let is_fresh =
            |learned: &Learned| now.saturating_duration_since(learned.protested) < MEMORY;
        let learned = self.learned.filter(is_fresh)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is at least 1 and less than twice a u32"
        )]
        Some(learned.limit as u32)
    }

    /// The upstream protested against a request that began then and is still under way. One that began before
    /// the last protest is part of the same crowd.
    pub(super) fn halve(&mut self, began: Instant, now: Instant) {
        let is_same_crowd = |learned: Learned| began < learned.protested;
        if self.in_flight < 2 || self.learned.is_some_and(is_same_crowd) {
            return;
        }
        let known = self.learned(now).unwrap_or(u32::MAX);
        let limit = (known.min(self.in_flight) / 2).max(1);
        self.learned = Some(Learned {
            limit: f64::from(limit),
            forgotten_at: f64::from(self.in_flight.max(4)) * 2.0,
            protested: now,
        });
    }

    /// A request went well.
    pub(super) fn grow(&mut self) {
        if let Some(learned) = &mut self.learned {
            learned.limit += 1.0 / learned.limit.max(1.0);
            if learned.limit >= learned.forgotten_at {
                self.learned = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(count: u32, now: Instant) -> Flow {
        let mut flow = Flow::default();
        (0..count).for_each(|_| assert!(flow.admit(None, now)));
        flow
    }

    #[test]
    fn a_protest_halves_what_may_be_under_way_and_its_crowd_does_so_once() {
        let now = Instant::now();
        let mut flow = full(20, now);
        let protest = now + Duration::from_secs(1);
        (0..20).for_each(|_| flow.halve(now, protest));
        assert_eq!(flow.learned(protest), Some(10));
        assert!(!flow.admit(None, protest));
        (0..11).for_each(|_| flow.release());
        assert!(flow.admit(None, protest));
        assert!(!flow.admit(None, protest));
        flow.halve(protest, protest);
        assert_eq!(flow.learned(protest), Some(5));
    }

    #[test]
    fn a_round_of_successes_raises_the_limit_by_one_until_it_is_forgotten() {
        let now = Instant::now();
        let mut flow = full(8, now);
        flow.halve(now, now);
        assert_eq!(flow.learned(now), Some(4));
        (0..5).for_each(|_| flow.grow());
        assert_eq!(flow.learned(now), Some(5));
        let mut successes = 0;
        while flow.learned(now).is_some() {
            flow.grow();
            successes += 1;
            assert!(successes < 200, "it recovers");
        }
        assert!(successes > 50, "and not at once");
    }

    #[test]
    fn a_limit_nobody_complained_about_for_long_is_out_of_date() {
        let now = Instant::now();
        let mut flow = full(2, now);
        flow.halve(now, now);
        assert!(!flow.admit(None, now + Duration::from_secs(299)));
        assert!(flow.admit(None, now + MEMORY));
    }

    #[test]
    fn a_lone_request_that_is_refused_was_not_too_many() {
        let now = Instant::now();
        let mut flow = full(1, now);
        flow.halve(now, now);
        assert_eq!(flow.learned(now), None);
    }

    #[test]
    fn what_is_configured_is_never_exceeded_whatever_was_learned() {
        let now = Instant::now();
        let mut flow = full(4, now);
        flow.halve(now, now);
        (0..100).for_each(|_| flow.grow());
        assert!(!flow.admit(Some(4), now));
        assert!(flow.admit(Some(5), now));
    }
}
