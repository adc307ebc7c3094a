//! Plans under the hand of their owner.

use std::time::Duration;

use super::*;
use crate::config::{Fallback, FallbackOn};
use crate::route::steer::{Drain, Pin};

const HOUR: Duration = Duration::from_hours(1);

fn drain(provider: &str, key: Option<u64>, model: Option<&str>) -> Drain {
    Drain {
        provider: provider.into(),
        key,
        model: model.map(Arc::from),
    }
}

fn drained(drained: &[Drain]) -> Steer {
    Steer {
        drained: drained.to_vec(),
        ..Steer::default()
    }
}

fn pinned(house: &House, provider: &str, model: Option<&str>) -> Steer {
    let pin = Pin {
        provider: provider.into(),
        model: model.map(Arc::from),
        until: house.now + HOUR,
    };
    Steer {
        pin: Some(pin),
        ..Steer::default()
    }
}

fn under<'a>(steer: &'a Steer, model: &'a str) -> Ask<'a> {
    Ask {
        steer: Some(steer),
        ..ask(model)
    }
}

#[test]
fn the_drained_are_not_asked_and_the_others_keep_their_order() {
    for (who, left) in [
        (drain("a", None, None), &["b1", "b2", "c1", "c2"][..]),
        (drain("b", Some(12), None), &["a1", "a2", "b1", "c1", "c2"]),
        (drain("c", None, Some("m")), &["a1", "a2", "b1", "b2"]),
        (
            drain("c", None, Some("tiny")),
            &["a1", "a2", "b1", "b2", "c1", "c2"],
        ),
        (
            drain("c", Some(21), Some("m")),
            &["a1", "a2", "b1", "b2", "c2"],
        ),
    ] {
        let house = house(&[]);
        let steer = drained(std::slice::from_ref(&who));
        assert_eq!(house.firsts(&under(&steer, "m")), left, "{who:?}");
    }
}

#[test]
fn the_drained_do_not_wait_among_the_resting_and_the_open() {
    let house = house(&[]);
    let all = house.plan(&ask("m")).expect("targets").targets;
    house.fail(&all[0], FailureClass::RateLimit, Blame::Key);
    for _ in 0..5 {
        house.fail(&all[2], FailureClass::Server, Blame::Place);
    }
    let waiting = |steer: &Steer| {
        let plan = house.plan(&under(steer, "m")).expect("a plan");
        (plan.resting.len(), plan.open.len(), plan.drained)
    };
    assert_eq!(waiting(&Steer::default()), (1, 2, 0));
    let both = [drain("a", None, None), drain("b", None, None)];
    assert_eq!(waiting(&drained(&both)), (0, 0, 4));
}

#[test]
fn when_all_that_would_do_are_drained_that_is_said_and_nothing_else() {
    let house = house(&[]);
    let all = ["a", "b", "c"].map(|name| drain(name, None, None));
    let steer = drained(&all);
    assert_eq!(
        house.plan(&under(&steer, "m")).err(),
        Some(NoTarget::Drained)
    );
    let unknown = house.plan(&under(&steer, "zzz"));
    assert!(matches!(unknown, Err(NoTarget::UnknownModel { .. })));
    let rehearsal = Ask {
        rehearses: true,
        ..under(&steer, "m")
    };
    let plan = house.plan(&rehearsal).expect("a rehearsal");
    assert_eq!(plan.no_target.as_deref(), Some(&NoTarget::Drained));
    assert_eq!(plan.considered.len(), 6);
    for one in &plan.considered {
        let why = one.verdict.as_ref().err().map(kind);
        assert_eq!(why, Some("drained"));
    }
    // Who cannot do it is no reason to say that nobody can.
    let able = drained(&all[..2]);
    let vision = house.plan(&under(&able, "tiny"));
    assert!(matches!(vision, Err(NoTarget::Incapable { .. })));
}

#[test]
fn a_route_whose_steps_are_drained_goes_on_along_its_fallbacks() {
    let mut with_way = route(None, &[("a", None)]);
    let steer = drained(&[drain("a", None, None)]);
    let without = house(std::slice::from_ref(&with_way));
    assert_eq!(
        without.plan(&under(&steer, "house")).err(),
        Some(NoTarget::Drained)
    );
    with_way.fallbacks = vec![Fallback {
        on: vec![FallbackOn::Any],
        route: "m".to_owned(),
    }];
    let with = house(&[with_way]);
    let plan = with.plan(&under(&steer, "house")).expect("a way around");
    assert!(plan.targets.is_empty() && plan.goes_around());
}

#[test]
fn a_pin_comes_first_under_every_strategy_and_in_every_session() {
    let house = house(&[]);
    let session = house.plan(&ask("m")).expect("targets").targets[0]
        .id
        .clone();
    let steer = pinned(&house, "b", Some("m"));
    for strategy in [
        Strategy::Sequential,
        Strategy::Adaptive,
        Strategy::Bandit,
        Strategy::Weighted,
    ] {
        for dice in 0..20 {
            let mut ask = Ask {
                session: Some(&session),
                ..under(&steer, "m")
            };
            ask.policy.strategy = strategy;
            ask.policy.dice = dice;
            let plan = house.plan(&ask).expect("targets");
            let mut first = names(&plan)[..2].to_vec();
            first.sort();
            assert_eq!(first, ["b1", "b2"], "{strategy:?}");
            assert!(
                plan.is_pinned && !plan.kept_session && plan.targets.len() == 6,
                "{strategy:?}"
            );
        }
    }
}

#[test]
fn a_pin_holds_for_its_time_and_for_who_can_be_asked() {
    let mut house = house(&[]);
    let steer = pinned(&house, "c", None);
    assert_eq!(house.firsts(&under(&steer, "m"))[0], "c1");
    let elsewhere = pinned(&house, "c", Some("another"));
    assert!(
        !house
            .plan(&under(&elsewhere, "m"))
            .expect("targets")
            .is_pinned
    );
    let target = house.plan(&under(&steer, "m")).expect("targets").targets[0].clone();
    house.fail(&target, FailureClass::Server, Blame::Place);
    let plan = house.plan(&under(&steer, "m")).expect("targets");
    assert!(
        names(&plan)[0].starts_with('a') && !plan.is_pinned,
        "it is suspect"
    );
    house.health.reset_breaker("c", None);
    assert!(house.plan(&under(&steer, "m")).expect("targets").is_pinned);
    house.now += HOUR;
    assert!(!house.plan(&under(&steer, "m")).expect("targets").is_pinned);
}

#[test]
fn a_score_that_is_too_low_does_not_keep_a_pin_back() {
    let house = house(&[]);
    // `a` and `b` have a quarter of the weight of `c`, and cost a share of it.
    let mut all = ask("m");
    all.policy.strategy = Strategy::Weighted;
    all.policy.profile = crate::config::Profile::Cost;
    all.rehearses = true;
    let dropped = |plan: &Plan| {
        let low = |one: &&Considered| one.verdict == Err(Exclusion::Score);
        plan.considered.iter().filter(low).count()
    };
    assert!(dropped(&house.plan(&all).expect("a plan")) >= 4);
    let steer = pinned(&house, "a", None);
    all.steer = Some(&steer);
    let plan = house.plan(&all).expect("a plan");
    assert!(plan.is_pinned && names(&plan)[0].starts_with('a'));
    assert_eq!(plan.considered[0].verdict, Ok(0));
}

#[test]
fn the_gateways_strategy_is_switched_and_nobody_elses() {
    let own = route(Some(Strategy::Bandit), &[("a", None)]);
    let house = house(&[own]);
    let steer = Steer {
        strategy: Some(Strategy::Weighted),
        ..Steer::default()
    };
    let chosen = |ask: &Ask<'_>| {
        let plan = house.plan(ask).expect("a plan");
        (plan.strategy, plan.is_switched)
    };
    assert_eq!(chosen(&under(&steer, "m")), (Strategy::Weighted, true));
    assert_eq!(chosen(&under(&steer, "house")), (Strategy::Bandit, false));
    let mut insists = under(&steer, "m");
    insists.policy.insisted = Some(Strategy::Adaptive);
    assert_eq!(chosen(&insists), (Strategy::Adaptive, false));
}

#[test]
fn whoever_watches_changes_nothing_and_sees_the_first_candidates() {
    let house = house(&[]);
    let steer = drained(&[drain("b", None, None)]);
    let plain = house.plan(&under(&steer, "auto")).expect("a plan");
    assert!(plain.considered.is_empty());
    for ring in &house.keyrings {
        ring.turn.store(0, std::sync::atomic::Ordering::Relaxed);
    }
    let watched = Ask {
        noted: MOST_WATCHED,
        ..under(&steer, "auto")
    };
    let seen = house.plan(&watched).expect("a plan");
    assert_eq!(names(&plain), names(&seen));
    assert!((1..=MOST_WATCHED).contains(&seen.considered.len()));
    let why: Vec<_> = seen
        .considered
        .iter()
        .filter_map(|one| one.verdict.as_ref().err())
        .map(kind)
        .collect();
    assert!(why.contains(&"drained"), "{why:?}");
}
