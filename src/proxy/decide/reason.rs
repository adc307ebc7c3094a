//! Why it is this target: a sentence without its full stop.

use super::Rehearsal;
use super::leg::{Chosen, How, Leg};
use crate::config::Strategy;
use crate::health::Standing;
use crate::proxy::shown;
use crate::route::Target;

/// The reason of the choice on `leg`.
pub(super) fn of(on: &Rehearsal<'_>, leg: &Leg, chosen: &Chosen) -> String {
    let (plan, target) = (&leg.plan, &chosen.target);
    let standing = || on.gateway.health().standing(&target.id, on.now);
    match chosen.how {
        How::After(wait) => {
            let wait = shown::time(wait);
            format!("every key rests; its own wakes first, in {wait}, and is waited for")
        }
        How::WhenThereIsRoom(wait) => {
            let wait = shown::time(wait);
            format!("nobody has room; it is waited for, {wait} at most")
        }
        How::LastResort => {
            "every breaker is open, and its own is the nearest to its end".to_owned()
        }
        How::InOrder if plan.targets.len() == 1 => {
            "it is the only one that may be tried".to_owned()
        }
        How::InOrder if target.id != plan.targets[0].id => {
            "it is the first in order that can take the request".to_owned()
        }
        How::InOrder if plan.is_pinned => "its owner has pinned it".to_owned(),
        How::InOrder if plan.kept_session => "its session goes on with it".to_owned(),
        How::InOrder if standing() == Standing::Probe => {
            "its breaker waits for a probe, and others can step in".to_owned()
        }
        How::InOrder => by_strategy(leg, target),
    }
}

fn by_strategy(leg: &Leg, target: &Target) -> String {
    let score = score(leg, target).filter(|score| score.is_finite());
    match (leg.plan.strategy, score) {
        (Strategy::Sequential, _) => "it comes first in the given order".to_owned(),
        (Strategy::Weighted, Some(score)) => {
            format!("the lot fell on it, in proportion to the scores; its own is {score:.2}")
        }
        (_, Some(score)) if score >= best_score(leg) => {
            format!("it has the best score, {score:.2}")
        }
        (_, Some(score)) => format!(
            "it is put before better scores than its own, {score:.2}: they suit the request less, or it \
             was not heard of for long"
        ),
        (Strategy::Bandit, None) => "it has not been tried enough to be judged".to_owned(),
        (_, None) => "nothing is known that speaks for another".to_owned(),
    }
}

/// The best score of those that may be tried.
fn best_score(leg: &Leg) -> f64 {
    let considered = leg.plan.considered.iter();
    let tried = considered.filter(|one| one.verdict.is_ok());
    tried.filter_map(|one| one.score).fold(0.0, f64::max)
}

fn score(leg: &Leg, target: &Target) -> Option<f64> {
    let mut considered = leg.plan.considered.iter();
    considered
        .find(|one| one.key == target.key && one.offer == target.offer)?
        .score
}
