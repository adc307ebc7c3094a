//! Weighted: a random pick in proportion to a score, then the others by score.
//!
//! ```text
//! score = weight − α·min(1, p95/4 s) − β·errors − γ·relative cost − δ·penalty
//! ```
//!
//! The weight is the configured one ÷ the largest among the candidates. While fewer times have been seen than a
//! percentile needs, the average stands in for it; before the first, half of the term is taken off.

use super::choice::{Candidate, Class, Order, lead};
use super::dice::Dice;
use crate::config::Profile;
use crate::health::{CircuitState, Standing, View};

/// A score under this is not worth a try.
const LEAST: f64 = 0.1;

/// The share of errors from which a target is degraded: half of what opens its breaker.
const DEGRADED: f64 = 0.25;

/// What each part takes off at most: latency, errors, cost, penalty.
fn parts(profile: Profile) -> [f64; 4] {
    match profile {
        Profile::Balanced => [0.3, 0.3, 0.2, 0.2],
        Profile::Latency => [0.6, 0.2, 0.1, 0.1],
        Profile::Cost => [0.2, 0.2, 0.5, 0.1],
        Profile::Reliability => [0.3, 0.5, 0.1, 0.1],
    }
}

/// Gives each candidate its score.
pub(super) fn score(candidates: &mut [Candidate], profile: Profile) {
    let weights = candidates
        .iter()
        .map(|candidate| candidate.target.offer.weight);
    let largest = weights.fold(0.0, f64::max);
    let dearest = candidates
        .iter()
        .filter_map(Candidate::price)
        .fold(0.0, f64::max);
    let parts = parts(profile);
    for candidate in candidates {
        let weight = share(candidate.target.offer.weight, largest).unwrap_or(1.0);
        let cost = candidate.price().and_then(|price| share(price, dearest));
        let penalty = penalty(candidate.standing, &candidate.view);
        candidate.score = Some(value(
            parts,
            weight,
            &candidate.view,
            cost.unwrap_or(0.0),
            penalty,
        ));
    }
}

/// Puts one of the best class first by chance, and drops those whose scores are too low, unless nobody else
/// would do as well.
pub(super) fn pick_and_drop(
    candidates: Vec<Candidate>,
    class: impl Fn(&Candidate) -> Class,
    dice: &mut Dice,
) -> Order {
    let is_enough = |candidate: &Candidate| candidate.score.is_some_and(|score| score >= LEAST);
    let best = candidates.first().map(|candidate| candidate.fit);
    let mut fitting = candidates
        .iter()
        .filter(|candidate| Some(candidate.fit) == best);
    let (mut tried, dropped) = if fitting.any(is_enough) {
        candidates.into_iter().partition(is_enough)
    } else {
        (candidates, Vec::new())
    };
    let lead = lead(&tried, class);
    if lead > 1 {
        let picked = pick(&tried[..lead], dice);
        tried[..=picked].rotate_right(1);
    }
    Order { tried, dropped }
}

/// The place of one of `candidates`, in proportion to their scores.
fn pick(candidates: &[Candidate], dice: &mut Dice) -> usize {
    let scores = || {
        candidates
            .iter()
            .map(|candidate| candidate.score.unwrap_or(0.0).max(0.0))
    };
    let mut left = dice.share() * scores().sum::<f64>();
    let found = scores().position(|score| {
        left -= score;
        left < 0.0
    });
    found.unwrap_or(0)
}

fn value(parts: [f64; 4], weight: f64, view: &View, cost: f64, penalty: f64) -> f64 {
    let [latency, errors, price, health] = parts;
    let time = view.p95.or(view.latency);
    let slowness = time.map_or(0.5, |time| (time.as_secs_f64() / 4.0).min(1.0));
    let failing = 1.0 - view.success().unwrap_or(1.0);
    weight - latency * slowness - errors * failing - price * cost - health * penalty
}

/// Down is who has a breaker that is not closed, or has only failed of late; degraded is a last resort, or who
/// fails every fourth time.
fn penalty(standing: Standing, view: &View) -> f64 {
    let success = view.success();
    let is_down = view.circuit != CircuitState::Closed
        || standing == Standing::Probe
        || success.is_some_and(|share| share <= 0.0);
    let fails = success.is_some_and(|share| 1.0 - share >= DEGRADED);
    match (is_down, standing == Standing::Suspect || fails) {
        (true, _) => 1.0,
        (false, true) => 0.5,
        (false, false) => 0.0,
    }
}

fn share(own: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| own / of)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::route::choice::tests::candidate;

    fn view(successes: u32, failures: u32, p95_ms: u64) -> View {
        View {
            successes,
            failures,
            p95: Some(Duration::from_millis(p95_ms)),
            ..View::untried()
        }
    }

    #[test]
    fn the_worked_values_hold() {
        let balanced = parts(Profile::Balanced);
        let healthy = value(balanced, 1.0, &view(98, 2, 800), 0.0, 0.0);
        let untried = value(balanced, 1.0, &View::untried(), 0.0, 0.0);
        let down = value(balanced, 1.0, &view(4, 6, 5_000), 0.0, 1.0);
        for (seen, expected) in [(healthy, 0.934), (untried, 0.85), (down, 0.32)] {
            assert!((seen - expected).abs() < 1e-9, "{seen}");
        }
    }

    #[test]
    fn each_profile_takes_off_what_it_is_named_for() {
        let worst = |profile| {
            let [latency, errors, cost, _] = parts(profile);
            (latency, errors, cost)
        };
        let (latency, ..) = worst(Profile::Latency);
        let (_, errors, _) = worst(Profile::Reliability);
        let (.., cost) = worst(Profile::Cost);
        assert!(latency > 0.5 && errors > 0.4 && cost > 0.4);
        for profile in [
            Profile::Balanced,
            Profile::Latency,
            Profile::Cost,
            Profile::Reliability,
        ] {
            let sum: f64 = parts(profile).iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{profile:?}");
        }
    }

    #[test]
    fn the_sick_are_down_or_degraded() {
        let open = View {
            circuit: CircuitState::HalfOpen {
                is_probing: false,
                successes: 0,
            },
            ..view(9, 1, 100)
        };
        for (standing, view, expected) in [
            (Standing::Ready, view(9, 1, 100), 0.0),
            (Standing::Ready, view(3, 1, 100), 0.5),
            (Standing::Suspect, view(9, 1, 100), 0.5),
            (Standing::Ready, view(0, 1, 100), 1.0),
            (Standing::Probe, open, 1.0),
            (Standing::Ready, View::untried(), 0.0),
        ] {
            let seen = penalty(standing, &view);
            assert!((seen - expected).abs() < 1e-9, "{standing:?} {view:?}");
        }
    }

    #[test]
    fn weights_are_held_against_the_largest_and_none_at_all_are_equal() {
        let with = |weights: [f64; 2]| {
            let mut candidates = [candidate("a"), candidate("b")];
            for (candidate, weight) in candidates.iter_mut().zip(weights) {
                let offer = crate::route::Offer {
                    weight,
                    ..crate::route::Offer::clone(&candidate.target.offer)
                };
                candidate.target.offer = offer.into();
            }
            score(&mut candidates, Profile::Balanced);
            candidates.map(|candidate| (candidate.score.unwrap_or(0.0) * 100.0).round())
        };
        assert!(with([2.0, 1.0]).iter().eq(&[85.0, 35.0]));
        assert!(with([0.0, 0.0]).iter().eq(&[85.0, 85.0]));
    }

    #[test]
    fn picks_are_in_proportion_to_scores() {
        let mut candidates = [candidate("a"), candidate("b"), candidate("c")];
        for (candidate, score) in candidates.iter_mut().zip([0.6, 0.3, 0.1]) {
            candidate.score = Some(score);
        }
        let mut counts = [0_u32; 3];
        for seed in 0..20_000 {
            counts[pick(&candidates, &mut Dice::new(seed))] += 1;
        }
        for (count, share) in counts.into_iter().zip([0.6_f64, 0.3, 0.1]) {
            // Four standard deviations.
            let (mean, spread) = (20_000.0 * share, (20_000.0 * share * (1.0 - share)).sqrt());
            assert!((f64::from(count) - mean).abs() < 4.0 * spread, "{counts:?}");
        }
    }
}
