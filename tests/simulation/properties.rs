//! Properties: what holds of the strategies beside their numbers.

use std::time::Duration;

use autogw::chat::FailureClass;
use autogw::config::Strategy;
use autogw::health::{Permit, Settings, Standing, Transition};

use crate::chance::Chance;
use crate::house::House;
use crate::run::{Chooser, Scenario, run};
use crate::world::{Nature, State, failure};

const CLEVER: [Strategy; 3] = [Strategy::Adaptive, Strategy::Bandit, Strategy::Weighted];

fn natures(medians: &[f64]) -> Vec<Nature> {
    let nature = |median: &f64| Nature {
        median: *median,
        sigma: 0.2,
        capacity: 1e9,
        price: (1.0, 4.0),
        limit: None,
    };
    medians.iter().map(nature).collect()
}

fn answer(mut permit: Permit, house: &House, second: f64, ms: f64) {
    permit.answered(house.at(second + ms / 1000.0));
    permit.completed(Some(100), house.at(second + ms / 1000.0));
}

#[test]
fn nobody_starves() {
    let scenario = Scenario {
        name: "an hour",
        natures: natures(&[200.0, 400.0, 900.0, 3_000.0, 8_000.0]),
        script: |_, _| State::Well,
        rate: 1.0,
        seconds: (3_600.0, 0.0),
    };
    for strategy in CLEVER {
        let stories = run(&scenario, Chooser::Strategy(strategy), 3);
        for half_hour in [0.0, 1_800.0] {
            let span = half_hour..half_hour + 1_800.0;
            let of = |place| {
                let stories = stories.iter().filter(|story| story.by == Some(place));
                stories
                    .filter(|story| span.contains(&story.arrived))
                    .count()
            };
            let counts: Vec<usize> = (0..5).map(of).collect();
            assert!(
                counts.iter().all(|count| *count > 0),
                "{strategy:?} {counts:?}"
            );
        }
    }
}

/// A target that is dead for a minute; how long after that it is back in its place, and the period of its
/// probes: the time for which its breaker was open last, or that after which who was not heard of is tried out.
fn recovery(strategy: Strategy) -> (f64, Duration) {
    let house = House::new(&natures(&[100.0; 4]), Settings::default());
    let mut chance = Chance::new(11);
    let mut period = Duration::from_mins(1);
    let mut failures = 0;
    for tick in 0..2_000 {
        let second = f64::from(tick) * 0.2;
        let is_dead = (60.0..120.0).contains(&second);
        for target in house.plan(strategy, chance.number(), second).targets {
            let Ok(permit) = house.health.admit(&target.id, house.at(second)) else {
                continue;
            };
            let is_it = target.offer.provider == 0;
            if is_it && is_dead {
                failures += 1;
                let refused = failure(FailureClass::Network, None);
                let toll = permit.failed(&refused, house.at(second), chance.number());
                if let Some(Transition::Opened(wait)) = toll.transition {
                    period = wait;
                }
                continue;
            }
            answer(permit, &house, second, 100.0);
            let standing = house.health.standing(&target.id, house.at(second));
            if is_it && second >= 120.0 && standing == Standing::Ready {
                assert!(failures > 0, "{strategy:?}: the outage was never noticed");
                return (second - 120.0, period);
            }
            break;
        }
    }
    panic!("{strategy:?}: never came back");
}

#[test]
fn who_was_out_comes_back_within_two_probe_periods() {
    for strategy in CLEVER {
        let (after, period) = recovery(strategy);
        assert!(
            after <= 2.0 * period.as_secs_f64(),
            "{strategy:?}: {after} of {period:?}"
        );
    }
}

/// How a hundred requests at once are spread, after `warmth` requests one by one.
fn burst(strategy: Strategy, warmth: usize) -> Vec<u32> {
    let house = House::new(&natures(&[300.0; 5]), Settings::default());
    let mut chance = Chance::new(5);
    for target in house.targets().iter().cycle().take(warmth) {
        let permit = house.health.admit(&target.id, house.at(0.0)).expect("room");
        answer(permit, &house, 0.0, 300.0 * chance.lognormal(0.2));
    }
    let mut counts = vec![0; 5];
    let mut under_way = Vec::new();
    for _ in 0..100 {
        let plan = house.plan(strategy, chance.number(), 2.0);
        let first = &plan.targets[0];
        counts[first.offer.provider] += 1;
        under_way.push(house.health.admit(&first.id, house.at(2.0)).expect("room"));
    }
    counts
}

#[test]
fn a_burst_spreads_over_equals() {
    for strategy in [Strategy::Adaptive, Strategy::Bandit] {
        for warmth in [0, 10, 100, 1_000] {
            let counts = burst(strategy, warmth);
            let is_even = counts.iter().all(|count| (14..=26).contains(count));
            assert!(is_even, "{strategy:?} after {warmth}: {counts:?}");
        }
    }
}

/// Who is asked first, at one request every `gap` seconds, after one of two was seen to be slow; both answer
/// alike from then on.
fn firsts_after_a_bad_day(gap: f64) -> Vec<usize> {
    let house = House::new(&natures(&[100.0; 2]), Settings::default());
    for target in house.targets().iter().cycle().take(60) {
        let permit = house.health.admit(&target.id, house.at(0.0));
        let is_slow = target.offer.provider == 0;
        let ms = if is_slow { 1_900.0 } else { 200.0 };
        answer(permit.expect("room"), &house, 0.0, ms);
    }
    let ask = |tick: usize| {
        let second = 10.0 + seconds(tick) * gap;
        let plan = house.plan(Strategy::Bandit, 0, second);
        let first = &plan.targets[0];
        let permit = house.health.admit(&first.id, house.at(second));
        answer(permit.expect("room"), &house, second, 200.0);
        first.offer.provider
    };
    (0..60).map(ask).collect()
}

#[test]
fn the_past_fades() {
    for gap in [600.0, 7_200.0] {
        let firsts = firsts_after_a_bad_day(gap);
        assert!(firsts[..3].iter().all(|place| *place == 1), "{firsts:?}");
        // Once it was seen to be as good, it is asked as often.
        let later = firsts[30..].iter().filter(|place| **place == 0).count();
        assert!((8..=22).contains(&later), "{gap}: {firsts:?}");
    }
}

#[test]
fn the_shares_of_weighted_are_those_of_its_scores() {
    let house = House::weighted(&natures(&[100.0; 3]), &[3.0, 2.0, 1.5], Settings::default());
    for target in house.targets().iter().cycle().take(90) {
        let permit = house.health.admit(&target.id, house.at(0.0)).expect("room");
        answer(permit, &house, 0.0, 400.0);
    }
    let told = house.rehearse(Strategy::Weighted, 0, 1.0).considered;
    let score = |place| {
        let one = told.iter().find(|one| one.offer.provider == place);
        one.and_then(|one| one.score).expect("a score")
    };
    let scores = [score(0), score(1), score(2)];
    let mut counts = [0_u32; 3];
    for dice in 0..6_000 {
        let plan = house.plan(Strategy::Weighted, dice, 1.0);
        counts[plan.targets[0].offer.provider] += 1;
    }
    for (count, score) in counts.into_iter().zip(scores) {
        let share = score / scores.iter().sum::<f64>();
        // Four standard deviations.
        let (mean, spread) = (6_000.0 * share, (6_000.0 * share * (1.0 - share)).sqrt());
        assert!(
            (f64::from(count) - mean).abs() < 4.0 * spread,
            "{counts:?} {scores:?}"
        );
    }
}

fn seconds(tick: usize) -> f64 {
    f64::from(u32::try_from(tick).unwrap_or(u32::MAX))
}

#[test]
fn a_rehearsal_says_what_the_next_request_does_and_changes_nothing() {
    let house = House::new(&natures(&[100.0, 300.0, 900.0]), Settings::default());
    let mut chance = Chance::new(2);
    for tick in 0..200_usize {
        let (second, dice) = (seconds(tick), chance.number());
        let strategy = CLEVER[tick % CLEVER.len()];
        let told = house.rehearse(strategy, dice, second);
        let ids = |plan: &autogw::route::plan::Plan| {
            let ids = plan.targets.iter().map(|target| target.id.clone());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(&told), ids(&house.rehearse(strategy, dice, second)));
        let plan = house.plan(strategy, dice, second);
        assert_eq!(ids(&told), ids(&plan));
        assert!(plan.considered.is_empty() && told.considered.len() == 3);
        let permit = house
            .health
            .admit(&plan.targets[0].id, house.at(second))
            .expect("room");
        if chance.share() < 0.2 {
            permit.failed(&failure(FailureClass::Server, None), house.at(second), 0);
        } else {
            answer(permit, &house, second, 300.0 * chance.lognormal(0.5));
        }
    }
}
