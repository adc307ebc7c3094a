//! Room: how much there may be under way, how often, and how much is remembered.

use super::*;
use crate::health::books::MAX_TARGETS;

fn capped(caps: Caps) -> (Arc<Health>, Instant) {
    let settings = Settings {
        caps: [("p".into(), caps)].into(),
        ..Settings::default()
    };
    (Arc::new(Health::new(settings)), Instant::now())
}

#[test]
fn a_provider_gets_no_more_than_it_may_have_at_once_over_all_keys() {
    let (health, now) = capped(Caps {
        max_concurrency: Some(2),
        max_rpm: None,
    });
    let first = health.admit(&target(1, "a"), now).expect("room");
    let second = health.insist(&target(2, "b"), now).expect("room");
    assert_eq!(
        health.admit(&target(3, "c"), now).expect_err("full"),
        Shut::Full
    );
    assert_eq!(
        health.insist(&target(3, "c"), now).expect_err("full"),
        Shut::Full
    );
    drop(first);
    let third = health.admit(&target(3, "c"), now);
    assert!(third.is_ok());
    drop((second, third));
    assert_eq!(
        health
            .provider_view(&"p".into(), now)
            .map(|seen| seen.in_flight),
        Some(0)
    );
}

#[test]
fn who_is_turned_away_leaves_no_trace() {
    let (health, now) = capped(Caps {
        max_concurrency: None,
        max_rpm: Some(1),
    });
    for number in 0..5 {
        let permit = health.insist(&target(1, "a"), now);
        match permit {
            Ok(permit) => drop(permit.failed(&failure(FailureClass::Server, None), now, 0)),
            Err(Shut::Paced { until }) => assert_eq!((until - now).as_secs(), 60),
            Err(shut) => panic!("{shut:?}"),
        }
        let seen = health.provider_view(&"p".into(), now).expect("known");
        assert_eq!(seen.in_flight, 0, "{number}");
        assert_eq!(health.key_standing(&"p".into(), 1, now).in_flight, 0);
        assert_eq!(health.view(&target(1, "a"), now).in_flight, 0);
    }
}

#[test]
fn a_probe_that_finds_no_room_gives_its_slot_back() {
    let (health, now) = capped(Caps {
        max_concurrency: Some(1),
        max_rpm: None,
    });
    for _ in 0..5 {
        fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::Server, None),
            now,
        );
    }
    let now = now + Duration::from_secs(20);
    let other = health.admit(&target(1, "b"), now).expect("room");
    assert_eq!(
        health.admit(&target(1, "a"), now).expect_err("full"),
        Shut::Full
    );
    assert_eq!(health.standing(&target(1, "a"), now), Standing::Probe);
    drop(other);
    assert!(health.admit(&target(1, "a"), now).expect("room").is_probe());
}

#[test]
fn in_an_outage_repeats_are_a_fifth_of_first_tries_and_a_floor() {
    let (health, begin) = health();
    let (mut firsts, mut repeats) = (0u32, 0u32);
    let server = failure(FailureClass::Server, None);
    for number in 0..3000 {
        let now = begin + Duration::from_millis(20) * number;
        fail(&health, &target(1, "a"), &server, now);
        firsts += 1;
        while health.may_repeat(&"p".into(), now) {
            let permit = health.insist_for(&target(1, "a"), Turn::Again, now);
            permit.expect("room").failed(&server, now, 0);
            repeats += 1;
        }
    }
    // The window moves in steps of a second.
    let most = (0.2 * f64::from(firsts) + 60.0) * 10.0 / 9.0 + 10.0;
    assert!(f64::from(repeats) <= most, "{repeats} > {most}");
    assert!(repeats >= firsts / 5, "{repeats}");
}

#[test]
fn names_that_clients_invent_do_not_fill_the_books() {
    let (health, now) = health();
    let unknown = failure(FailureClass::Model, None);
    fail(
        &health,
        &target(1, "real"),
        &failure(FailureClass::RateLimit, None),
        now,
    );
    let held = health.insist(&target(1, "held"), now).expect("room");
    for number in 0..MAX_TARGETS * 2 {
        fail(&health, &target(1, &format!("m{number}")), &unknown, now);
    }
    check_books(&health);
    assert!(health.books.lock().targets.len() <= MAX_TARGETS);
    assert!(health.books.lock().places.len() <= MAX_TARGETS);
    assert_eq!(health.view(&target(1, "held"), now).in_flight, 1);
    held.failed(&failure(FailureClass::Server, None), now, 0);
    check_books(&health);
    let latest = target(2, &format!("m{}", MAX_TARGETS * 2 - 1));
    assert_eq!(health.standing(&latest, now), Standing::Unavailable);
    assert!(matches!(
        health.standing(&target(1, "real"), now),
        Standing::Resting { .. }
    ));
}

#[test]
fn who_is_well_goes_before_who_is_not() {
    let (health, now) = health();
    for number in 0..MAX_TARGETS {
        let target = target(1, &format!("m{number}"));
        if number % 10 == 0 {
            fail(&health, &target, &failure(FailureClass::Server, None), now);
        } else {
            health
                .admit(&target, now)
                .expect("room")
                .completed(None, now);
        }
    }
    drop(health.admit(&target(1, "one more"), now));
    check_books(&health);
    assert_eq!(health.targets().len(), MAX_TARGETS / 10 + 1);
    assert_eq!(health.standing(&target(1, "m10"), now), Standing::Suspect);
}
