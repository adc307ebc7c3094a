//! Adaptive: by a weight made of health, latency, streaks and cost, shared among the requests under way.
//!
//! ```text
//! health = 40·success + (30 − 30·latency/10 s) + stability + recency        at most 100
//! weight = band of health × band of latency × streak × cost × small model ÷ (1 + in flight)
//! ```
//!
//! Who has never been tried is taken for average, so it is asked as soon as the proven ones are busy. Requests
//! under way alone would send every third one to who is three times as slow as the rest, so the weight of a
//! laggard is divided by four: the others get its share, until that has made them as slow.

use std::time::Duration;

use super::choice::Candidate;
use super::wanted::is_same;
use crate::config::SmallModels;
use crate::health::{Standing, View};

/// Latency of a target that nobody has timed.
const UNKNOWN_MS: f64 = 1_000.0;

/// Success of a target that nobody has tried.
const UNKNOWN_SUCCESS: f64 = 0.5;

/// How many times the latency of the middle one a laggard has. With three, a calm gateway would be slower than
/// one that always asks an average provider (`tests/simulation`).
const LAG: u32 = 2;

/// What the weight of a laggard is divided by.
const LAGGARD: f64 = 4.0;

/// Gives each candidate its weight.
pub(super) fn score(candidates: &mut [Candidate], small_models: Option<&SmallModels>) {
    let prices = candidates.iter().filter_map(Candidate::price);
    let cheapest = prices.reduce(f64::min);
    let pace = middle(candidates);
    for candidate in candidates {
        let bonus = bonus(candidate, small_models);
        let weight = weight(&candidate.view) * thrift(cheapest, candidate.price()) * bonus;
        let weight = weight / (1.0 + f64::from(candidate.view.in_flight));
        candidate.score = Some(if lags(&candidate.view, pace) {
            weight / LAGGARD
        } else {
            weight
        });
    }
}

/// The latency of the middle one of those that were timed and stand ready.
fn middle(candidates: &[Candidate]) -> Option<Duration> {
    let ready = candidates
        .iter()
        .filter(|candidate| candidate.standing == Standing::Ready);
    let mut times: Vec<Duration> = ready
        .filter_map(|candidate| candidate.view.latency)
        .collect();
    let place = times.len().checked_sub(1)? / 2;
    Some(*times.select_nth_unstable(place).1)
}

fn lags(view: &View, pace: Option<Duration>) -> bool {
    let times = view.latency.zip(pace);
    times.is_some_and(|(own, pace)| own > pace.saturating_mul(LAG))
}

/// What it is worth for its health and its latency alone.
fn weight(view: &View) -> f64 {
    let health = health(view);
    let band = match health {
        _ if health >= 80.0 => 2.0,
        _ if health >= 60.0 => 1.5,
        _ if health >= 40.0 => 1.0,
        _ => 0.5,
    };
    let latency = latency_ms(view);
    let speed = match latency {
        _ if latency < 500.0 => 1.2,
        _ if latency < 2_000.0 => 1.0,
        _ if latency < 5_000.0 => 0.8,
        _ => 0.6,
    };
    let streak = if view.successes_in_row >= 2 { 1.2 } else { 1.0 };
    let slump = if view.failures_in_row >= 1 { 0.8 } else { 1.0 };
    band * speed * streak * slump
}

/// How well a target is, from 0 to 100; 77 where nobody has tried it.
pub fn health(view: &View) -> f64 {
    let success = view.success().unwrap_or(UNKNOWN_SUCCESS);
    let swiftness = (30.0 - 30.0 * latency_ms(view) / 10_000.0).max(0.0);
    40.0 * success + swiftness + stability(view) + recency(view)
}

fn stability(view: &View) -> f64 {
    if view.successes_in_row >= 3 {
        return 20.0;
    }
    (20.0 - 5.0 * f64::from(view.failures_in_row)).max(0.0)
}

/// A failure that no success has followed is forgiven in five minutes.
fn recency(view: &View) -> f64 {
    let Some(failed) = view.since_failure else {
        return 10.0;
    };
    let is_newer = view.since_success.is_none_or(|success| failed < success);
    match failed {
        _ if is_newer && failed < Duration::from_mins(1) => 5.0,
        _ if is_newer && failed < Duration::from_mins(5) => 7.0,
        _ => 10.0,
    }
}

fn latency_ms(view: &View) -> f64 {
    view.latency
        .map_or(UNKNOWN_MS, |latency| latency.as_secs_f64() * 1_000.0)
}

/// The cheapest price ÷ its own, from 0.5 to 1; who has no price is not punished for it.
fn thrift(cheapest: Option<f64>, own: Option<f64>) -> f64 {
    match (cheapest, own) {
        (Some(cheapest), Some(own)) if own > 0.0 => (cheapest / own).clamp(0.5, 1.0),
        _ => 1.0,
    }
}

fn bonus(candidate: &Candidate, small_models: Option<&SmallModels>) -> f64 {
    let offer = &candidate.target.offer;
    let is_small = |small: &&SmallModels| {
        let mut names = small.names.iter();
        names.any(|name| is_same(name, &offer.name) || is_same(name, &offer.upstream))
    };
    small_models
        .filter(is_small)
        .map_or(1.0, |small| small.factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::choice::tests::candidate;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn the_worked_values_hold() {
        let untried = View::untried();
        let good = View {
            successes: 9,
            failures: 1,
            latency: Some(Duration::from_millis(400)),
            successes_in_row: 4,
            ..untried
        };
        let poor = View {
            successes: 1,
            failures: 3,
            latency: Some(Duration::from_secs(6)),
            failures_in_row: 3,
            since_failure: Some(Duration::from_secs(10)),
            since_success: Some(Duration::from_secs(90)),
            ..untried
        };
        assert!(close(health(&untried), 77.0));
        assert!(close(health(&good), 94.8), "{}", health(&good));
        assert!(close(weight(&good), 2.88), "{}", weight(&good));
        assert!(close(health(&poor), 32.0), "{}", health(&poor));
        assert!(close(weight(&poor), 0.24), "{}", weight(&poor));
    }

    #[test]
    fn a_failure_is_forgiven_in_steps_or_by_a_success() {
        let view = |failed, success: Option<u64>| View {
            since_failure: Some(Duration::from_secs(failed)),
            since_success: success.map(Duration::from_secs),
            ..View::untried()
        };
        for (view, expected) in [
            (view(59, None), 5.0),
            (view(60, Some(61)), 7.0),
            (view(299, None), 7.0),
            (view(300, None), 10.0),
            (view(10, Some(9)), 10.0),
        ] {
            assert!(close(recency(&view), expected), "{view:?}");
        }
    }

    #[test]
    fn the_dear_count_less_and_never_less_than_half() {
        for (cheapest, own, expected) in [
            (Some(1.0), Some(1.0), 1.0),
            (Some(1.0), Some(1.25), 0.8),
            (Some(1.0), Some(9.0), 0.5),
            (Some(0.0), Some(0.0), 1.0),
            (Some(0.0), Some(1.0), 0.5),
            (Some(1.0), None, 1.0),
            (None, None, 1.0),
        ] {
            assert!(
                close(thrift(cheapest, own), expected),
                "{cheapest:?} {own:?}"
            );
        }
    }

    #[test]
    fn laggards_are_held_against_the_middle_one() {
        let seen = |ms| {
            let mut candidate = candidate("m");
            candidate.view.latency = Some(Duration::from_millis(ms));
            candidate
        };
        let scores = |times: &[u64]| {
            let mut candidates: Vec<Candidate> = times.iter().map(|ms| seen(*ms)).collect();
            score(&mut candidates, None);
            let scores = candidates.iter().map(|candidate| candidate.score);
            scores.map(Option::unwrap_or_default).collect::<Vec<_>>()
        };
        let all = scores(&[510, 520, 1_041]);
        assert!(close(all[0], 1.5) && close(all[2], 1.5 / 4.0), "{all:?}");
        let near = scores(&[510, 520, 1_039]);
        assert!(close(near[2], 1.5), "{near:?}");
        assert!(close(scores(&[9_000])[0], 0.6));
    }

    #[test]
    fn small_models_have_a_bonus_by_any_of_their_names_and_the_busy_share() {
        let small = SmallModels {
            names: vec!["Vendor/Tiny".to_owned()],
            factor: 1.5,
        };
        let mut candidates = [candidate("tiny"), candidate("large"), candidate("large")];
        candidates[2].view.in_flight = 1;
        score(&mut candidates, Some(&small));
        let scores = candidates.map(|candidate| candidate.score.expect("a score"));
        assert!(close(scores[0], 2.25) && close(scores[1], 1.5) && close(scores[2], 0.75));
    }
}
