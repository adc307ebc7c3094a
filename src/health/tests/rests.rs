//! Rests: whom a failure blames, for how long, and what forgets it.

use super::*;

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn a_rate_limit_rests_the_key_for_every_model_and_no_other_key() {
    let (health, now) = health();
    fail(
        &health,
        &target(1, "a"),
        &failure(FailureClass::RateLimit, Some(7)),
        now,
    );
    let until = now + Duration::from_secs(7);
    let resting = Standing::Resting {
        until,
        class: FailureClass::RateLimit,
    };
    assert_eq!(health.standing(&target(1, "b"), now), resting);
    assert_eq!(health.standing(&target(2, "a"), now), Standing::Ready);
    assert_eq!(health.standing(&target(1, "a"), until), Standing::Ready);
}

#[test]
fn rests_grow_along_the_table_and_stop_at_its_maximum() {
    let (health, now) = health();
    let rest = |_| {
        let rested = fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::RateLimit, None),
            now,
        );
        rested.expect("rests").wait.as_secs()
    };
    assert_eq!(
        (0..6).map(rest).collect::<Vec<_>>(),
        [5, 10, 20, 40, 60, 60]
    );
}

#[test]
fn the_second_refusal_marks_a_key_dead_and_an_hour_later_it_is_tried_again() {
    let (health, now) = health();
    let refuse = |now| {
        fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::Auth, None),
            now,
        )
        .expect("rests")
    };
    assert!(!refuse(now).is_dead);
    let dead = refuse(now + Duration::from_secs(11));
    assert!(dead.is_dead);
    let later = now + Duration::from_secs(11) + HOUR;
    assert!(matches!(
        health.standing(&target(1, "a"), now + Duration::from_mins(50)),
        Standing::Resting { .. }
    ));
    assert_eq!(health.standing(&target(1, "a"), later), Standing::Probe);
}

#[test]
fn faults_make_a_place_suspect_for_all_its_keys() {
    let (health, now) = health();
    fail(
        &health,
        &target(1, "a"),
        &failure(FailureClass::Server, None),
        now,
    );
    assert_eq!(health.standing(&target(2, "a"), now), Standing::Suspect);
    assert_eq!(health.standing(&target(1, "b"), now), Standing::Ready);
}

#[test]
fn an_unknown_model_is_remembered_for_ten_minutes() {
    let (health, now) = health();
    fail(
        &health,
        &target(1, "a"),
        &failure(FailureClass::Model, None),
        now,
    );
    assert_eq!(
        health.standing(&target(1, "a"), now + Duration::from_secs(599)),
        Standing::Unavailable
    );
    assert_eq!(
        health.standing(&target(1, "a"), now + Duration::from_mins(10)),
        Standing::Ready
    );
}

#[test]
fn a_success_forgets_and_a_bad_request_was_never_held_against_anybody() {
    let (health, now) = health();
    assert_eq!(
        fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::Request, None),
            now
        ),
        None
    );
    fail(
        &health,
        &target(1, "a"),
        &failure(FailureClass::RateLimit, None),
        now,
    );
    health
        .insist(&target(1, "a"), now)
        .expect("room")
        .completed(None, now);
    assert_eq!(health.standing(&target(1, "a"), now), Standing::Ready);
    let again = fail(
        &health,
        &target(1, "a"),
        &failure(FailureClass::RateLimit, None),
        now,
    );
    assert_eq!(again.expect("rests").wait, Duration::from_secs(5));
}
