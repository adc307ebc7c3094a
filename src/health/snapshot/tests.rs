//! Documents there and back, on clocks that were set meanwhile.

use super::*;
use crate::health::{Health, Settings, Standing, TargetId};

const S: fn(u64) -> Duration = Duration::from_secs;
const SALT: Salt = Salt([7; 16]);

/// A moment and the time of day that it is.
struct Day {
    now: Instant,
    wall: SystemTime,
}

fn day() -> Day {
    Day {
        now: Instant::now(),
        wall: SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 20_000),
    }
}

fn ago(now: Instant, time: Duration) -> Instant {
    now.checked_sub(time)
        .expect("the clock reaches back that far")
}

fn known() -> Known {
    let keys = [("p", vec![11, 12]), ("keyless", Vec::new())];
    Known {
        keys: keys.map(|(name, keys)| (name.into(), keys)).into(),
        services: vec!["conversation", "/rerank"],
    }
}

fn rest(class: FailureClass, failures: u32, until: Option<Instant>) -> Rest {
    Rest {
        provider: "p".into(),
        key: 11,
        class,
        failures,
        until,
    }
}

fn past(provider: &str, key: u64, now: Instant) -> Past {
    Past {
        target: TargetId {
            provider: provider.into(),
            key,
            model: "m".into(),
            service: "conversation",
        },
        latency: Some(412.5),
        has_streamed: true,
        tokens_per_second: Some(88.0),
        counts: (9, 1),
        in_row: (4, 0),
        last_success: Some(ago(now, S(3))),
        last_failure: Some(ago(now, S(60))),
        arm: (9.5, 14.25),
        faded: Some(ago(now, S(3))),
    }
}

/// `kept` written at `day` and read `later`, when the wall says that `passed` have passed.
fn again(kept: Kept, day: &Day, later: Duration, wall: SystemTime) -> Kept {
    let clock = Clock::new(day.now, day.wall);
    let bytes = Snapshot::of(kept, SALT, &clock, day.now).to_bytes();
    let snapshot = Snapshot::parse(&bytes).expect("what is written can be read");
    let health = Health::new(Settings::default());
    snapshot.kept(
        &known(),
        |class| health.longest_rest(class),
        day.now + later,
        wall,
    )
}

fn left(kept: &Kept, from: Instant) -> Option<Duration> {
    let until = kept.rests.first()?.until;
    until.map(|until| until.duration_since(from))
}

#[test]
fn all_that_is_kept_comes_back() {
    let day = day();
    let kept = Kept {
        rests: vec![rest(FailureClass::Quota, 3, Some(day.now + S(90)))],
        pasts: vec![past("p", 12, day.now), past("keyless", 0, day.now)],
    };
    assert_eq!(again(kept.clone(), &day, S(0), day.wall), kept);
}

#[test]
fn a_rest_goes_on_by_the_clock_on_the_wall() {
    let day = day();
    let kept = Kept {
        rests: vec![rest(FailureClass::RateLimit, 2, Some(day.now + S(30)))],
        pasts: Vec::new(),
    };
    for (passed, expected) in [(0, Some(30)), (10, Some(20)), (29, Some(1)), (30, None)] {
        // The monotonic clock of the next process may say anything.
        let later = again(kept.clone(), &day, S(1000), day.wall + S(passed));
        let left = left(&later, day.now + S(1000));
        assert_eq!(
            left.map(|left| left.as_secs()),
            expected,
            "after {passed} s"
        );
    }
}

#[test]
fn a_clock_that_was_turned_back_makes_no_rest_longer_and_one_that_leapt_ends_them() {
    let day = day();
    let kept = Kept {
        rests: vec![rest(FailureClass::RateLimit, 1, Some(day.now + S(30)))],
        pasts: vec![past("p", 11, day.now)],
    };
    let back = again(kept.clone(), &day, S(0), day.wall - S(86_400));
    assert_eq!(left(&back, day.now), Some(S(30)));
    assert_eq!(
        back.pasts[0].last_success,
        Some(day.now),
        "never one to come"
    );
    let ahead = again(kept, &day, S(0), day.wall + S(86_400));
    assert_eq!(ahead.rests, []);
    assert_eq!(ahead.pasts.len(), 1);
}

#[test]
fn no_rest_is_longer_than_its_class_allows() {
    let day = day();
    for (class, longest) in [
        (FailureClass::RateLimit, S(900)),
        (FailureClass::Quota, S(3600)),
        (FailureClass::Auth, S(3600)),
    ] {
        let kept = Kept {
            rests: vec![rest(class, 2, Some(day.now + S(1_000_000)))],
            pasts: Vec::new(),
        };
        let later = again(kept, &day, S(0), day.wall);
        assert_eq!(left(&later, day.now), Some(longest), "{class}");
    }
}

#[test]
fn a_dead_key_stays_dead_however_long_it_was_off() {
    let day = day();
    let kept = Kept {
        rests: vec![rest(FailureClass::Auth, 2, Some(day.now + S(60)))],
        pasts: Vec::new(),
    };
    let later = again(kept, &day, S(0), day.wall + S(10_000_000));
    assert_eq!(later.rests, [rest(FailureClass::Auth, 2, None)]);
    let health = Health::new(Settings::default());
    health.resume(&later, day.now);
    let dead = health.dead_keys(day.now);
    assert_eq!(dead.iter().map(|rest| rest.key).collect::<Vec<_>>(), [11]);
}

#[test]
fn strangers_are_dropped() {
    let day = day();
    let stranger = |provider: &str, key| Rest {
        provider: provider.into(),
        key,
        ..rest(FailureClass::Quota, 1, Some(day.now + S(60)))
    };
    let mut odd = past("p", 11, day.now);
    odd.target.service = "/unheard-of";
    let kept = Kept {
        rests: vec![stranger("p", 99), stranger("q", 11), stranger("p", 12)],
        pasts: vec![past("q", 11, day.now), odd, past("p", 12, day.now)],
    };
    let later = again(kept, &day, S(0), day.wall);
    assert_eq!(later.rests.len(), 1);
    assert_eq!(later.rests[0].key, 12);
    assert_eq!(later.pasts.len(), 1);
}

#[test]
fn nothing_of_a_key_stands_in_the_document_and_no_two_salts_agree() {
    let day = day();
    let clock = Clock::new(day.now, day.wall);
    let kept = Kept {
        rests: vec![rest(FailureClass::Quota, 1, Some(day.now + S(60)))],
        pasts: Vec::new(),
    };
    let digest = |salt| {
        let snapshot = Snapshot::of(kept.clone(), salt, &clock, day.now);
        snapshot.rests[0].key.clone().expect("a key")
    };
    assert_ne!(digest(SALT), digest(Salt([8; 16])));
    assert_eq!(digest(SALT), digest(SALT));
    assert_eq!(digest(SALT).len(), 32);
}

#[test]
fn the_targets_used_latest_are_kept() {
    let day = day();
    let clock = Clock::new(day.now, day.wall);
    let mut pasts = Vec::new();
    for age in 0..=MAX_TARGETS as u64 {
        let mut past = past("p", 11, day.now);
        past.target.model = format!("m{age}").into();
        past.last_success = Some(ago(day.now, S(age)));
        past.last_failure = None;
        pasts.push(past);
    }
    pasts.reverse();
    let kept = Kept {
        rests: Vec::new(),
        pasts,
    };
    let snapshot = Snapshot::of(kept, SALT, &clock, day.now);
    assert_eq!(snapshot.targets.len(), MAX_TARGETS);
    assert_eq!(snapshot.targets[0].model, "m0");
    assert!(snapshot.targets.iter().all(|entry| entry.model != "m1000"));
}

#[test]
fn what_is_no_state_file_is_said_to_be_none() {
    let good = {
        let day = day();
        let clock = Clock::new(day.now, day.wall);
        let kept = Kept {
            rests: vec![rest(FailureClass::Quota, 1, Some(day.now + S(60)))],
            pasts: vec![past("p", 11, day.now)],
        };
        Snapshot::of(kept, SALT, &clock, day.now).to_bytes()
    };
    for cut in 0..good.len() - 2 {
        assert!(
            Snapshot::parse(&good[..cut]).is_err(),
            "cut after {cut} bytes"
        );
    }
    let text = String::from_utf8(good).expect("text");
    let future = text.replacen("\"version\": 1", "\"version\": 2", 1);
    assert!(matches!(
        Snapshot::parse(future.as_bytes()),
        Err(Unreadable::Version(2))
    ));
    let unsalted = text.replacen("0707", "07", 1);
    assert!(matches!(
        Snapshot::parse(unsalted.as_bytes()),
        Err(Unreadable::Salt)
    ));
    for odd in ["", "null", "[]", "{}", "\u{0}", "{\"version\":-1}"] {
        assert!(Snapshot::parse(odd.as_bytes()).is_err(), "{odd:?}");
    }
}

#[test]
fn odd_numbers_and_words_do_no_harm() {
    let text = r#"{"version": 1, "salt": "07070707070707070707070707070707", "saved": "2024-10-04T00:00:00.000Z",
        "new": true, "rests": [{"provider": "keyless", "class": "sulks", "failures": 1}], "targets": [
        {"provider": "keyless", "model": "m", "service": "conversation", "latency_ms": -5, "pulls": 1e300,
         "reward": -1e300, "tokens_per_second": 1e300, "successes": 4294967295, "failures": 4294967295,
         "last_success": "9999-12-31T23:59:59Z"}]}"#;
    let snapshot = Snapshot::parse(text.as_bytes()).expect("the shape is right");
    let Day { now, wall } = day();
    let kept = snapshot.kept(&known(), |_| S(60), now, wall);
    assert_eq!(kept.rests, []);
    let past = &kept.pasts[0];
    assert_eq!(past.latency, Some(0.0));
    assert_eq!(past.arm, (1e6, -2e6));
    assert_eq!(past.last_success, Some(now));
    let health = std::sync::Arc::new(Health::new(Settings::default()));
    health.resume(&kept, now);
    let view = health.view(&past.target, now);
    assert_eq!(view.latency, Some(Duration::ZERO));
    assert_eq!(view.success(), Some(0.5));
    assert_eq!(health.standing(&past.target, now), Standing::Ready);
}

#[test]
fn what_was_learned_is_known_after_a_start() {
    let Day { now, .. } = day();
    let health = std::sync::Arc::new(Health::new(Settings::default()));
    let target = past("p", 11, now).target;
    for _ in 0..3 {
        let permit = health.admit(&target, now).expect("room");
        permit.completed(None, now + Duration::from_millis(250));
    }
    let kept = health.kept(now + S(1));
    let next = Health::new(Settings::default());
    next.resume(&kept, now + S(1));
    let (before, after) = (
        health.view(&target, now + S(1)),
        next.view(&target, now + S(1)),
    );
    assert_eq!(after.latency, before.latency);
    assert_eq!(after.success(), Some(1.0));
    assert_eq!(after.successes_in_row, 3);
    assert_eq!(after.arm, before.arm);
    assert_eq!(next.kept(now + S(1)), kept);
}

#[test]
fn a_time_that_no_document_can_name_is_the_nearest_that_it_can() {
    let second = Duration::from_secs(1);
    for (time, told) in [
        (UNIX_EPOCH - second, "1970-01-01T00:00:00.000Z"),
        (UNIX_EPOCH + LAST + second, "9999-12-31T23:59:59.000Z"),
    ] {
        assert_eq!(String::from(Stamp(time)), told);
    }
}
