//! Keys: announced limits, crowds, dead ones, and what outlives the process.

use http::{HeaderMap, HeaderName};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let value = value.parse().expect("value");
        (HeaderName::from_static(name), value)
    });
    pairs.collect()
}

/// Nothing is left for `reset`, a Go duration.
fn nothing_left(reset: &str) -> HeaderMap {
    headers(&[
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", reset),
    ])
}

fn admit(health: &Arc<Health>, now: Instant) -> Permit {
    health.admit(&target(1, "a"), now).expect("room")
}

fn resting_for(health: &Health, now: Instant) -> Option<Duration> {
    match health.standing(&target(1, "b"), now) {
        Standing::Resting { until, class } => {
            assert_eq!(class, FailureClass::RateLimit);
            Some(until - now)
        }
        _ => None,
    }
}

#[test]
fn a_key_of_which_nothing_is_left_rests_before_its_first_refusal() {
    let (health, now) = health();
    let (before, permit) = (admit(&health, now), admit(&health, now));
    permit.heard(&nothing_left("20s"), now);
    let rest = Some(Duration::from_secs(20));
    assert_eq!(resting_for(&health, now), rest);
    permit.completed(None, now);
    before.completed(None, now);
    assert_eq!(
        resting_for(&health, now),
        rest,
        "neither its own success nor an older one ends it"
    );
    assert_eq!(health.standing(&target(2, "a"), now), Standing::Ready);
    let over = now + Duration::from_secs(20);
    assert_eq!(resting_for(&health, over), None);
    admit(&health, over).completed(None, over);
    assert!(!health.is_any_troubled(), "all is forgotten");
}

#[test]
fn an_announced_rest_is_never_longer_than_a_quarter_of_an_hour() {
    let (health, now) = health();
    admit(&health, now).heard(&nothing_left("6h0m0s"), now);
    assert_eq!(resting_for(&health, now), Some(15 * MINUTE));
}

#[test]
fn only_the_answer_to_a_later_request_takes_an_announcement_back() {
    let (health, now) = health();
    let second = now + Duration::from_secs(1);
    let (early, permit) = (admit(&health, now), admit(&health, now));
    permit.heard(&nothing_left("1m0s"), second);
    let left = headers(&[("x-ratelimit-remaining-requests", "5")]);
    early.heard(&left, second);
    assert_eq!(resting_for(&health, second), Some(MINUTE));
    let later = second + Duration::from_secs(1);
    let late = health.insist(&target(1, "a"), later).expect("room");
    late.heard(&left, later);
    drop(late);
    assert_eq!(resting_for(&health, later), None);
    assert!(!health.is_any_troubled());
}

#[test]
fn answers_that_have_something_left_change_nothing() {
    let (health, now) = health();
    for pairs in [
        &[
            ("x-ratelimit-remaining-requests", "1"),
            ("x-ratelimit-reset-requests", "9s"),
        ][..],
        &[("x-ratelimit-remaining-requests", "0")],
        &[("retry-after", "9")],
        &[],
    ] {
        admit(&health, now).heard(&headers(pairs), now);
        assert!(!health.is_any_troubled(), "{pairs:?}");
    }
}

#[test]
fn what_an_upstream_asks_for_is_at_least_a_second_and_at_most_a_quarter_of_an_hour() {
    for (asked, expected) in [(0, 1), (7, 7), (900, 900), (86_400, 900)] {
        let (health, now) = health();
        let failure = failure(FailureClass::RateLimit, Some(asked));
        let rested = fail(&health, &target(1, "a"), &failure, now).expect("rests");
        assert_eq!(rested.wait, Duration::from_secs(expected));
    }
}

#[test]
fn a_crowd_that_was_refused_at_once_is_one_refusal() {
    for class in [FailureClass::RateLimit, FailureClass::Auth] {
        let (health, now) = health();
        let crowd: Vec<Permit> = (0..50).map(|_| admit(&health, now)).collect();
        let second = now + Duration::from_secs(1);
        for permit in crowd {
            let rested = permit.failed(&failure(class, None), second, 0).rested;
            let rested = rested.expect("rests");
            assert!(!rested.is_dead && rested.wait <= Duration::from_secs(10));
        }
    }
}

/// Refuses the key until it is dead; returns when it may be tried again.
fn kill(health: &Arc<Health>, now: Instant) -> Instant {
    let refusal = failure(FailureClass::Auth, None);
    fail(health, &target(1, "a"), &refusal, now);
    assert!(health.dead_keys(now).is_empty());
    let again = now + MINUTE;
    let rested = fail(health, &target(1, "a"), &refusal, again).expect("rests");
    assert!(rested.is_dead);
    assert_eq!(rested.wait, HOUR);
    again + HOUR
}

#[test]
fn one_request_an_hour_tries_a_dead_key() {
    let (health, now) = health();
    let hour = kill(&health, now);
    assert_eq!(health.standing(&target(1, "b"), hour), Standing::Probe);
    let probe = health.insist(&target(1, "b"), hour).expect("room");
    assert!(matches!(
        health.standing(&target(1, "a"), hour),
        Standing::Resting { .. }
    ));
    let rested = probe
        .failed(&failure(FailureClass::Auth, None), hour, 0)
        .rested;
    assert_eq!(rested.expect("rests").wait, HOUR);
    let dead = health.dead_keys(hour);
    assert_eq!(
        (dead.len(), dead[0].remaining, dead[0].failures),
        (1, HOUR, 3)
    );
    let next = hour + HOUR;
    drop(health.insist(&target(1, "a"), next).expect("room"));
    let waiting = health.standing(&target(1, "a"), next + MINUTE);
    assert_eq!(
        waiting,
        Standing::Probe,
        "who says nothing does not use up the hour"
    );
}

#[test]
fn a_success_or_a_person_revives_a_dead_key() {
    let (health, now) = health();
    let hour = kill(&health, now);
    health
        .insist(&target(1, "a"), hour)
        .expect("room")
        .completed(None, hour);
    assert_eq!(health.standing(&target(1, "a"), hour), Standing::Ready);
    kill(&health, hour);
    assert!(health.revive(&"p".into(), 1));
    assert!(!health.revive(&"p".into(), 9));
    assert_eq!(health.standing(&target(1, "a"), hour), Standing::Ready);
    assert_eq!(health.dead_keys(hour), []);
    assert!(!health.is_any_troubled());
}

#[test]
fn rests_go_on_in_another_life() {
    let (health, now) = health();
    kill(&health, now);
    let later = now + 2 * MINUTE;
    let quota = failure(FailureClass::Quota, None);
    fail(&health, &target(2, "a"), &quota, later);
    health
        .admit(&target(3, "a"), later)
        .expect("room")
        .heard(&nothing_left("30s"), later);
    let rests = health.rests(later);
    let seen: Vec<_> = rests
        .iter()
        .map(|rest| {
            (
                rest.key,
                rest.class,
                rest.remaining.as_secs(),
                rest.failures,
                rest.is_dead,
            )
        })
        .collect();
    let expected = [
        (1, FailureClass::Auth, 3540, 2, true),
        (2, FailureClass::Quota, 60, 1, false),
        (3, FailureClass::RateLimit, 30, 0, false),
    ];
    assert_eq!(seen, expected);

    let (next, now) = super::health();
    for rest in &rests {
        next.restore(&rest.provider, rest.key, rest, now);
    }
    assert_eq!(next.rests(now), rests);
    let refused = fail(&next, &target(2, "a"), &quota, now).expect("rests");
    assert_eq!(refused.wait, 2 * MINUTE, "the table goes on where it was");
    next.insist(&target(1, "a"), now)
        .expect("room")
        .completed(None, now);
    assert_eq!(next.standing(&target(1, "a"), now), Standing::Ready);
}

#[test]
fn a_key_that_began_to_rest_lets_in_only_who_insists_or_comes_again() {
    let (health, now) = health();
    let limited = failure(FailureClass::RateLimit, Some(30));
    fail(&health, &target(1, "a"), &limited, now);
    let shut = Shut::Resting {
        until: now + Duration::from_secs(30),
        class: FailureClass::RateLimit,
    };
    let refused = health.admit(&target(1, "b"), now).expect_err("it rests");
    assert_eq!(refused, shut);
    let again = health.admit_for(&target(1, "b"), Turn::Again, now);
    drop(again.expect("it was there before"));
    drop(health.insist(&target(1, "b"), now).expect("nobody else"));
    drop(health.admit(&target(2, "b"), now).expect("another key"));
    drop(admit(&health, now + Duration::from_secs(30)));
    check_books(&health);
}

#[test]
fn a_rest_of_another_life_is_at_most_a_day() {
    let (health, now) = health();
    let rest = RestView {
        provider: "p".into(),
        key: 1,
        class: FailureClass::Quota,
        remaining: Duration::MAX,
        failures: u32::MAX,
        is_dead: false,
    };
    health.restore(&rest.provider, 1, &rest, now);
    assert_eq!(health.rests(now)[0].remaining, 24 * HOUR);
    let again = fail(
        &health,
        &target(1, "a"),
        &failure(FailureClass::Quota, None),
        now,
    );
    assert_eq!(again.expect("rests").wait, HOUR);
}

#[test]
fn pages_see_what_is_under_way_and_since_when_nothing_is() {
    let (health, now) = health();
    let provider: Arc<str> = "p".into();
    assert_eq!(health.provider_view(&provider, now), None);
    assert_eq!(health.idle_since(&provider), None);
    let permits: Vec<Permit> = (0..4).map(|_| admit(&health, now)).collect();
    let later = now + MINUTE;
    let more = health.admit(&target(2, "a"), later).expect("room");
    let seen = health.provider_view(&provider, later).expect("known");
    assert_eq!(
        (seen.in_flight, seen.cap, seen.learned_limit),
        (5, None, None)
    );
    assert_eq!(seen.last_used, Some(later));
    for permit in permits {
        permit.failed(&failure(FailureClass::RateLimit, None), later, 0);
    }
    drop(more);
    let key = health.key_standing(&provider, 1, later);
    assert_eq!((key.in_flight, key.learned_limit), (0, Some(2)));
    assert_eq!(
        key.rest.map(|rest| rest.class),
        Some(FailureClass::RateLimit)
    );
    let seen = health.provider_view(&provider, later).expect("known");
    assert_eq!((seen.in_flight, seen.learned_limit), (0, Some(2)));
    assert_eq!(
        health.key_standing(&provider, 9, later),
        KeyStanding::default()
    );
    assert_eq!(health.idle_since(&provider), Some(later));
    assert_eq!(health.targets().len(), 2);
}
