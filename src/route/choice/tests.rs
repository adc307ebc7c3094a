//! The order: what comes before scores, and what one request tries out.

use std::time::Duration;

use super::*;
use crate::health::TargetId;
use crate::route::Offer;

/// A ready candidate of which nothing is known.
pub(in crate::route) fn candidate(model: &str) -> Candidate {
    let offer = Offer::new(0, model, model, None);
    Candidate {
        target: Target {
            key: None,
            id: TargetId {
                provider: "p".into(),
                key: 0,
                model: offer.name.clone(),
                service: "chat",
            },
            offer: offer.into(),
        },
        standing: Standing::Ready,
        fit: Fit::Good,
        is_near: true,
        view: View::untried(),
        score: None,
    }
}

/// One that answers in `ms`, lately.
fn seen(model: &str, ms: u64) -> Candidate {
    let mut candidate = candidate(model);
    candidate.view = View {
        successes: 30,
        successes_in_row: 30,
        latency: Some(Duration::from_millis(ms)),
        since_success: Some(Duration::from_secs(1)),
        ..View::untried()
    };
    candidate.view.arm.pulls = 30.0;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of tests")]
    let reward = 30.0 * (1.0 + (1.0 - ms as f64 / 1000.0).max(-1.0));
    candidate.view.arm.reward = reward;
    candidate
}

fn standing(mut candidate: Candidate, standing: Standing) -> Candidate {
    candidate.standing = standing;
    candidate
}

fn names(strategy: Strategy, dice: u64, candidates: Vec<Candidate>) -> Vec<String> {
    let policy = Policy {
        strategy,
        dice,
        ..Policy::sequential()
    };
    let tried = order(&policy, candidates).tried;
    tried
        .iter()
        .map(|candidate| candidate.target.offer.name.to_string())
        .collect()
}

#[test]
fn sequential_keeps_the_order_but_for_the_suspect() {
    let given = vec![
        standing(candidate("a"), Standing::Suspect),
        seen("b", 900),
        standing(candidate("c"), Standing::Probe),
        seen("d", 100),
    ];
    assert_eq!(names(Strategy::Sequential, 0, given), ["b", "c", "d", "a"]);
}

#[test]
fn the_better_come_first_and_equals_keep_their_order() {
    for strategy in [Strategy::Adaptive, Strategy::Bandit] {
        let given = vec![seen("slow", 6_000), seen("a", 300), seen("b", 300)];
        assert_eq!(
            names(strategy, 0, given),
            ["a", "b", "slow"],
            "{strategy:?}"
        );
    }
}

#[test]
fn one_probe_goes_ahead_and_the_other_behind_the_ready() {
    for strategy in [Strategy::Adaptive, Strategy::Bandit, Strategy::Weighted] {
        let given = vec![
            seen("ready", 300),
            standing(seen("suspect", 100), Standing::Suspect),
            standing(seen("one", 100), Standing::Probe),
            standing(seen("other", 100), Standing::Probe),
        ];
        let order = names(strategy, 0, given);
        assert_eq!(order, ["one", "ready", "other", "suspect"], "{strategy:?}");
    }
}

#[test]
fn what_suits_the_request_and_runs_near_comes_before_what_is_quick() {
    let mut embedder = seen("embedder", 10);
    embedder.fit = Fit::Poor;
    let mut doubtful = seen("doubtful", 10);
    doubtful.fit = Fit::Doubtful;
    let mut far = seen("far", 10);
    far.is_near = false;
    let sick = standing(seen("sick", 9_000), Standing::Suspect);
    let given = vec![embedder, doubtful, far, seen("near", 4_000), sick];
    for strategy in [Strategy::Sequential, Strategy::Adaptive, Strategy::Bandit] {
        let order = names(strategy, 0, given.clone());
        let expected = ["near", "far", "doubtful", "sick", "embedder"];
        assert_eq!(order, expected, "{strategy:?}");
    }
}

#[test]
fn parked_arms_are_a_last_resort() {
    let mut parked = candidate("parked");
    parked.view.arm.is_parked = true;
    parked.view.since_failure = Some(Duration::from_secs(30));
    let given = vec![parked, seen("slow", 9_000)];
    assert_eq!(names(Strategy::Bandit, 0, given), ["slow", "parked"]);
}

#[test]
fn low_scores_are_dropped_unless_all_are_low() {
    let low = |name| {
        let mut low = seen(name, 4_000);
        let mut offer = Offer::clone(&low.target.offer);
        offer.weight = 0.1;
        low.target.offer = offer.into();
        low
    };
    let given = vec![low("low"), seen("good", 100)];
    for dice in 0..100 {
        assert_eq!(names(Strategy::Weighted, dice, given.clone()), ["good"]);
    }
    let mut all = vec![low("a"), low("b")];
    for candidate in &mut all {
        candidate.view.successes = 0;
        candidate.view.failures = 9;
    }
    assert_eq!(names(Strategy::Weighted, 0, all).len(), 2);
}
