//! Bandit: UCB1 over targets. The mean reward of an arm, and a bonus for how little it has been pulled.
//!
//! ```text
//! score = reward/pulls + 1.5·√(ln total / pulls)          never pulled = ∞
//! ```
//!
//! Counts come in faded, so what was learned long ago gives way. Two things are added for requests that are
//! under way and have taught nothing yet, both nothing while nobody is: each counts as a pull of an average
//! answer, and the mean is lowered by a quarter of ln(1 + in flight), which is worth as much as an answer 250 ms
//! slower. So a burst spreads over arms that are alike, and spills over to the second best only when the best
//! has become that busy. A logarithm, as a target that takes twenty requests at once does not mind one more.

use std::time::Duration;

use super::choice::Candidate;
use crate::health::{Arm, View};

/// How much the unknown attracts.
const CURIOSITY: f64 = 1.5;

/// What the mean is lowered by for ln(1 + in flight).
const CROWDING: f64 = 0.25;

/// The reward of an answer after a second: what an arm without any is taken for while its first is under way.
const EXPECTED: f64 = 1.0;

/// Fewer pulls are none: so much has faded that nothing is known.
const FEWEST: f64 = 1e-6;

/// Fewer pulls of all arms together count as so many: where all has faded, curiosity is not to fade with it.
const FEWEST_IN_ALL: f64 = 2.0;

/// Longest rest of an arm: the longest of a server's in the table of back-offs.
const PARKED: Duration = Duration::from_mins(1);

/// Gives each candidate its upper confidence bound.
pub(super) fn score(candidates: &mut [Candidate]) {
    let pulls = |view: &View| view.arm.pulls + f64::from(view.in_flight);
    let total = candidates
        .iter()
        .map(|candidate| pulls(&candidate.view))
        .sum();
    for candidate in candidates {
        candidate.score = Some(bound(&candidate.view, total));
    }
}

/// Whether the arm rests after failures in a row; then it is a last resort.
pub(super) fn is_parked(view: &View) -> bool {
    let is_fresh = view.since_failure.is_none_or(|failed| failed < PARKED);
    view.arm.is_parked && is_fresh
}

fn bound(view: &View, total: f64) -> f64 {
    let Arm { pulls, reward, .. } = view.arm;
    let in_flight = f64::from(view.in_flight);
    let all = pulls + in_flight;
    if all < FEWEST {
        return f64::INFINITY;
    }
    let mean = if pulls < FEWEST {
        EXPECTED
    } else {
        reward / pulls
    };
    let bonus = CURIOSITY * (total.max(FEWEST_IN_ALL).ln() / all).sqrt();
    mean - CROWDING * in_flight.ln_1p() + bonus
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(pulls: f64, reward: f64, in_flight: u32) -> View {
        View {
            in_flight,
            arm: Arm {
                pulls,
                reward,
                is_parked: false,
            },
            ..View::untried()
        }
    }

    fn rounded(score: f64) -> f64 {
        (score * 1_000.0).round() / 1_000.0
    }

    #[test]
    #[expect(
        clippy::float_cmp,
        reason = "rounded to the digits of the specification"
    )]
    fn the_worked_values_hold() {
        let (a, b) = (arm(1.0, 1.8, 0), arm(1.0, 0.5, 0));
        assert_eq!(rounded(bound(&a, 2.0)), 3.049);
        assert_eq!(rounded(bound(&b, 2.0)), 1.749);
        let failed = arm(2.0, 1.8 - 2.0, 0);
        assert_eq!(rounded(bound(&failed, 3.0)), 1.012);
        assert_eq!(rounded(bound(&b, 3.0)), 2.072);
    }

    #[test]
    fn the_untried_come_first_until_one_request_is_under_way() {
        let untried = bound(&arm(0.0, 0.0, 0), 5.0);
        assert!(untried.is_infinite() && untried > 0.0);
        let (asked, twice) = (bound(&arm(0.0, 0.0, 1), 5.0), bound(&arm(0.0, 0.0, 2), 5.0));
        assert!(asked.is_finite() && twice < asked);
    }

    #[test]
    fn what_has_faded_away_is_unknown_again_and_never_not_a_number() {
        assert!(bound(&arm(1e-9, 1e-9, 0), 1e-9).is_infinite());
        let faded = bound(&arm(0.01, 0.018, 0), 0.02);
        assert!(faded.is_finite() && faded > 10.0, "{faded}");
    }

    #[test]
    fn an_arm_is_parked_for_a_while() {
        let mut view = arm(3.0, -6.0, 0);
        view.arm.is_parked = true;
        view.since_failure = Some(Duration::from_secs(59));
        assert!(is_parked(&view));
        view.since_failure = Some(Duration::from_mins(1));
        assert!(!is_parked(&view));
    }
}
