//! Steering: what holds, for how long, and how it is shown.

use super::*;

const S: Duration = Duration::from_secs(1);

fn whom(provider: &str, key: Option<usize>, model: Option<&str>) -> Whom {
    Whom {
        provider: provider.to_owned(),
        key,
        model: model.map(str::to_owned),
    }
}

fn target(provider: &str, key: u64, model: &str) -> TargetId {
    TargetId {
        provider: provider.into(),
        key,
        model: model.into(),
        service: "conversation",
    }
}

#[test]
fn nothing_is_looked_up_while_nothing_is_changed() {
    let (steering, now) = (Steering::default(), Instant::now());
    assert!(steering.of_plans().is_none());
    assert_eq!(steering.fault("a", now), None);
    assert_eq!(steering.view(now), snapshot::Steering::default());
    steering.pin("a", None, S, now);
    assert!(steering.of_plans().is_some());
    assert!(steering.unpin(now) && !steering.unpin(now));
    steering.inject("a", Fault::Garbage, S, now);
    assert!(
        steering.of_plans().is_none(),
        "faults are no affair of plans"
    );
    assert_eq!(steering.calm(None, now), 1);
    assert_eq!(steering.view(now), snapshot::Steering::default());
}

#[test]
fn who_is_drained_is_so_until_a_person_says_otherwise() {
    let steering = Steering::default();
    let key = whom("a", Some(2), None);
    assert!(steering.drain(&key, Some(7)) && !steering.drain(&key, Some(7)));
    assert!(steering.drain(&whom("b", None, Some("m")), None));
    for (provider, digest, model, is_drained) in [
        ("a", 7, "m", true),
        ("a", 8, "m", false),
        ("b", 9, "m", true),
        ("b", 9, "n", false),
        ("c", 7, "m", false),
    ] {
        let target = target(provider, digest, model);
        assert_eq!(steering.is_drained(&target), is_drained, "{target:?}");
    }
    assert!(
        !steering.enable(&whom("a", None, None)),
        "that was not drained"
    );
    assert!(steering.enable(&key) && !steering.is_drained(&target("a", 7, "m")));
    let view = steering.view(Instant::now());
    assert_eq!(view.drained.len(), 1);
    assert!(view.drained[0].whom == whom("b", None, Some("m")) && view.drained[0].since_ms > 0);
}

#[test]
fn a_pin_and_a_fault_end_by_themselves() {
    let (steering, now) = (Steering::default(), Instant::now());
    steering.pin("a", Some("m"), 2 * S, now);
    steering.inject("a", Fault::RateLimit, 60 * S, now);
    steering.inject("b", Fault::Cut { after: 3 }, 90 * S, now);
    let shown = |at: Instant| {
        let view = steering.view(at);
        (view.pin.is_some(), view.chaos.len())
    };
    assert_eq!(shown(now), (true, 2));
    assert_eq!(shown(now + 2 * S), (false, 2));
    assert_eq!(steering.fault("a", now + 59 * S), Some(Fault::RateLimit));
    assert_eq!(steering.fault("a", now + 60 * S), None);
    assert_eq!(
        steering.fault("b", now + 60 * S),
        Some(Fault::Cut { after: 3 })
    );
    assert_eq!(shown(now + 60 * S), (false, 1));
    assert!(!steering.unpin(now + 2 * S), "it was over");
    assert_eq!(steering.calm(Some("a"), now + 60 * S), 0, "it was over");
}

#[test]
fn moments_are_told_by_the_clock_on_the_wall() {
    let (steering, now) = (Steering::default(), Instant::now());
    steering.pin("a", None, 600 * S, now);
    let pin = steering.view(now).pin.expect("a pin");
    let expected = now_ms() + 600_000;
    assert!(pin.until_ms.abs_diff(expected) < 60_000, "{pin:?}");
}

#[test]
fn a_provider_has_one_fault_at_a_time() {
    let (steering, now) = (Steering::default(), Instant::now());
    steering.inject("a", Fault::RateLimit, S, now);
    steering.inject("a", Fault::Latency { ms: 5 }, S, now);
    assert_eq!(steering.fault("a", now), Some(Fault::Latency { ms: 5 }));
    assert_eq!(steering.view(now).chaos.len(), 1);
}
