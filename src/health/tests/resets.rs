//! Resets by hand.

use super::*;

fn place(model: &str) -> TargetId {
    target(0, model)
}

/// Opens the breaker of `model`.
fn open(health: &Arc<Health>, model: &str, now: Instant) {
    for _ in 0..5 {
        fail(
            health,
            &place(model),
            &failure(FailureClass::Server, None),
            now,
        );
    }
    assert!(matches!(
        health.standing(&place(model), now),
        Standing::Open { .. }
    ));
}

#[test]
fn breakers_close_and_rests_of_places_end_and_those_of_others_stay() {
    let (health, now) = health();
    open(&health, "a", now);
    open(&health, "b", now);
    fail(
        &health,
        &place("c"),
        &failure(FailureClass::Model, None),
        now,
    );
    fail(
        &health,
        &place("d"),
        &failure(FailureClass::Timeout, None),
        now,
    );
    fail(
        &health,
        &target(1, "e"),
        &failure(FailureClass::RateLimit, None),
        now,
    );
    assert_eq!(health.reset_breaker("q", None), 0);
    assert_eq!(health.reset_breaker("p", Some("a")), 1);
    assert_eq!(
        health.reset_breaker("p", Some("a")),
        0,
        "it is well already"
    );
    assert_eq!(health.standing(&place("a"), now), Standing::Ready);
    assert!(matches!(
        health.standing(&place("b"), now),
        Standing::Open { .. }
    ));
    assert_eq!(health.reset_breaker("p", None), 3);
    for model in ["b", "c", "d"] {
        assert_eq!(
            health.standing(&place(model), now),
            Standing::Ready,
            "{model}"
        );
    }
    let key = health.standing(&target(1, "e"), now);
    assert!(
        matches!(key, Standing::Resting { .. }),
        "keys are revived, not reset"
    );
    check_books(&health);
}

#[test]
fn what_was_under_way_is_counted_right_and_says_nothing_of_the_breaker() {
    let (health, now) = health();
    let before: Vec<_> = (0..6)
        .map(|_| health.admit(&place("a"), now).expect("it is well"))
        .collect();
    open(&health, "a", now);
    health.reset_breaker("p", Some("a"));
    assert_eq!(health.view(&place("a"), now).in_flight, 6);
    for permit in before {
        permit.failed(&failure(FailureClass::Server, None), now, 0);
    }
    let view = health.view(&place("a"), now);
    assert_eq!((view.in_flight, view.circuit), (0, CircuitState::Closed));
    check_books(&health);
}

#[test]
fn the_probe_of_a_breaker_that_was_reset_gives_back_what_it_has_and_no_more() {
    let (health, now) = health();
    open(&health, "a", now);
    let later = now + Duration::from_mins(2);
    let probe = health.admit(&place("a"), later).expect("a probe");
    assert!(probe.is_probe());
    health.reset_breaker("p", None);
    open(&health, "a", later);
    let again = later + Duration::from_mins(2);
    let second = health.admit(&place("a"), again).expect("another probe");
    drop(probe);
    let third = health.admit(&place("a"), again);
    assert!(
        matches!(third, Err(Shut::Open { .. })),
        "the slot is still taken"
    );
    drop(second);
    assert!(health.admit(&place("a"), again).is_ok(), "now it is free");
    check_books(&health);
}

#[test]
fn how_long_it_was_open_before_is_forgotten() {
    let (health, now) = health();
    let wait = |at: Instant| match health.standing(&place("a"), at) {
        Standing::Open { until } => until - at,
        other => panic!("{other:?}"),
    };
    open(&health, "a", now);
    let first = wait(now);
    let later = now + first;
    fail(
        &health,
        &place("a"),
        &failure(FailureClass::Server, None),
        later,
    );
    assert!(wait(later) > first);
    health.reset_breaker("p", None);
    open(&health, "a", later);
    assert_eq!(wait(later), first);
}
