//! The breaker of a place, as requests meet it.

use super::*;

/// Neither shorter nor longer: the middle of the spread.
const EVEN: u64 = u64::MAX / 2;

const OPEN: Duration = Duration::from_secs(16);

fn at(now: Instant, seconds: u64) -> Instant {
    now + Duration::from_secs(seconds)
}

/// What a script of requests leads to. `s` success, `f` failure, `c` client error, `r` rate limit, `m` unknown
/// path, `d` dropped; a digit lets sixteen seconds pass.
fn play(script: &str) -> (Standing, Option<Transition>) {
    let (health, mut now) = health();
    let mut transition = None;
    for letter in script.chars() {
        if letter.is_ascii_digit() {
            now += OPEN * letter.to_digit(10).expect("a digit");
            continue;
        }
        // Keys that rest are no affair of the breaker.
        let target = target(u64::from(letter == 'r'), "a");
        let permit = health
            .admit_for(&target, Turn::Again, now)
            .expect("the breaker lets it through");
        let class = match letter {
            's' => {
                transition = permit.completed(None, now).or(transition);
                continue;
            }
            'd' => continue,
            'f' => FailureClass::Server,
            'c' => FailureClass::Request,
            'r' => FailureClass::RateLimit,
            other => panic!("{other} is no letter of a script"),
        };
        let toll = permit.failed(&failure(class, None), now, EVEN);
        transition = toll.transition.or(transition);
    }
    let standing = health.standing(&target(0, "a"), now);
    (standing, transition)
}

#[test]
fn the_table_of_transitions() {
    let half = "sf".repeat(9);
    let table = [
        // Failures in a row.
        ("", "ready"),
        ("ffff", "suspect"),
        ("fffff", "open"),
        ("ffffsffff", "suspect"),
        ("ffffs", "ready"),
        // Their share: half of twenty within the window.
        (&*format!("{half}s"), "ready"),
        (&*format!("{half}sf"), "open"),
        (&*format!("{half}ss{half}f"), "suspect"),
        (&*format!("{half}2sfsf"), "suspect"),
        // What never counts.
        ("cccccccccccccccccccccccc", "ready"),
        ("rrrrrrrrrrrrrrrrrrrrrrrr", "ready"),
        ("dddddddddddddddddddddddd", "ready"),
        ("ffffcrdf", "open"),
        // Half-open: one probe, three successes, one failure.
        ("fffff1", "probe"),
        ("fffff1s", "probe"),
        ("fffff1ss", "probe"),
        ("fffff1sss", "ready"),
        ("fffff1f", "open"),
        ("fffff1sf", "open"),
        ("fffff1ssf", "open"),
        ("fffff1f2sss", "ready"),
        // What is no verdict gives the slot back.
        ("fffff1d", "probe"),
        ("fffff1crds", "probe"),
        ("fffff1dddsdsds", "ready"),
        // Closed again, it has a clean slate.
        ("fffff1sssffff", "suspect"),
        ("fffff1sssfffff", "open"),
    ];
    for (script, expected) in table {
        let standing = match play(script).0 {
            Standing::Ready => "ready",
            Standing::Probe => "probe",
            Standing::Suspect => "suspect",
            Standing::Open { .. } => "open",
            Standing::Resting { .. } => "resting",
            Standing::Unavailable => "unavailable",
        };
        assert_eq!(standing, expected, "{script}");
    }
}

#[test]
fn a_change_is_told_to_whoever_caused_it() {
    assert_eq!(play("ffff").1, None);
    assert!(matches!(play("fffff").1, Some(Transition::Opened(_))));
    assert_eq!(play("fffff1sss").1, Some(Transition::Closed));
}

/// Opens the breaker of `target(1, "a")`; returns when a probe may pass.
fn open(health: &Arc<Health>, now: Instant, dice: u64) -> Duration {
    for _ in 0..5 {
        let permit = health
            .admit(&target(1, "a"), now)
            .expect("closed or half-open");
        let toll = permit.failed(&failure(FailureClass::Server, None), now, dice);
        if let Some(Transition::Opened(wait)) = toll.transition {
            return wait;
        }
    }
    panic!("five failures open it");
}

/// In whole seconds.
fn rounded(wait: Duration) -> u64 {
    (wait + Duration::from_millis(500)).as_secs()
}

fn close(health: &Arc<Health>, now: Instant) {
    for _ in 0..3 {
        let permit = health.admit(&target(1, "a"), now).expect("half-open");
        permit.completed(None, now);
    }
    assert_eq!(health.standing(&target(1, "a"), now), Standing::Ready);
}

#[test]
fn each_opening_is_twice_as_long_up_to_five_minutes() {
    let (health, mut now) = health();
    let mut waits = Vec::new();
    for _ in 0..7 {
        let wait = open(&health, now, EVEN);
        waits.push(rounded(wait));
        now += wait;
    }
    assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300]);
}

#[test]
fn openings_are_spread_by_a_fifth() {
    for (dice, seconds) in [(0, 12), (EVEN, 15), (u64::MAX, 18)] {
        let (health, now) = health();
        assert_eq!(rounded(open(&health, now, dice)), seconds);
    }
}

#[test]
fn a_place_that_flaps_is_asked_less_and_less_and_one_that_was_quiet_begins_anew() {
    let (health, now) = health();
    let mut now = now + open(&health, now, EVEN);
    close(&health, now);
    now += Duration::from_secs(29);
    let second = open(&health, now, EVEN);
    assert_eq!(rounded(second), 30);
    now += second;
    close(&health, now);
    now += Duration::from_secs(31);
    assert_eq!(rounded(open(&health, now, EVEN)), 15);
}

#[test]
fn one_probe_passes_and_the_others_take_it_for_open() {
    let (health, now) = health();
    let now = now + open(&health, now, EVEN);
    let probe = health.admit(&target(1, "a"), now).expect("a probe");
    assert!(probe.is_probe());
    let shut = health
        .admit(&target(2, "a"), now)
        .expect_err("one at a time");
    assert_eq!(shut, Shut::Open { until: None });
    let standing = health.standing(&target(2, "a"), now);
    assert_eq!(standing, Standing::Open { until: now });
    drop(probe);
    assert_eq!(health.standing(&target(2, "a"), now), Standing::Probe);
    assert!(
        health
            .admit(&target(2, "a"), now)
            .expect("a probe")
            .is_probe()
    );
}

#[test]
fn a_half_open_breaker_says_how_many_probes_have_succeeded() {
    let (health, now) = health();
    let probed = |now: Instant| match health.view(&target(1, "a"), now).circuit {
        CircuitState::HalfOpen { successes, .. } => Some(successes),
        _ => None,
    };
    let now = now + open(&health, now, EVEN);
    for successes in 0..3 {
        assert_eq!(probed(now), Some(successes));
        let permit = health.admit(&target(1, "a"), now).expect("half-open");
        permit.completed(None, now);
    }
    assert_eq!(probed(now), None, "it is closed");
}

#[test]
fn a_probe_that_is_silent_for_a_minute_no_longer_keeps_others_away() {
    let (health, now) = health();
    let now = now + open(&health, now, EVEN);
    let silent = health.admit(&target(1, "a"), now).expect("a probe");
    assert!(health.admit(&target(1, "a"), at(now, 59)).is_err());
    let second = health.admit(&target(1, "a"), at(now, 60)).expect("another");
    drop(silent);
    let shut = health.admit(&target(1, "a"), at(now, 61));
    assert!(shut.is_err(), "the slot is not that of the silent one");
    drop(second);
    assert!(health.admit(&target(1, "a"), at(now, 61)).is_ok());
}

#[test]
fn what_began_before_it_opened_neither_closes_nor_opens_it() {
    let (health, now) = health();
    let mut old: Vec<Permit> = (0..8)
        .map(|_| health.admit(&target(1, "a"), now).expect("closed"))
        .collect();
    let later = at(now, 1);
    let open_until = later + open(&health, later, EVEN);
    let is_open = |now| match health.standing(&target(1, "a"), now) {
        Standing::Open { until } => until == open_until,
        _ => false,
    };
    old.pop().expect("one").completed(None, at(now, 2));
    let server = failure(FailureClass::Server, None);
    let toll = old.pop().expect("one").failed(&server, at(now, 2), EVEN);
    assert_eq!(toll.transition, None);
    assert!(is_open(at(now, 2)));
    let probe = health.admit(&target(1, "a"), open_until).expect("a probe");
    for _ in 0..3 {
        old.pop().expect("one").completed(None, open_until);
    }
    old.pop().expect("one").failed(&server, open_until, EVEN);
    assert!(
        health.admit(&target(1, "a"), open_until).is_err(),
        "it is still half-open"
    );
    drop(probe);
    close(&health, open_until);
    for permit in old {
        permit.failed(&server, open_until, EVEN);
    }
    let view = health.view(&target(1, "a"), open_until);
    assert_eq!(view.circuit, CircuitState::Closed);
}

#[test]
fn a_streams_first_token_and_its_end_are_one_success() {
    let (health, now) = health();
    let now = now + open(&health, now, EVEN);
    for number in 1..=3 {
        assert_eq!(
            health.standing(&target(1, "a"), now),
            Standing::Probe,
            "{number}"
        );
        let mut stream = health.admit(&target(1, "a"), now).expect("a probe");
        let answered = stream.answered(now);
        assert_eq!(answered.is_some(), number == 3);
        assert!(!stream.is_probe(), "the next may probe while it goes on");
        assert_eq!(stream.answered(now), None);
        assert_eq!(stream.completed(None, now), None);
    }
    assert_eq!(health.standing(&target(1, "a"), now), Standing::Ready);
}

#[test]
fn a_probe_that_breaks_off_after_its_first_token_is_a_failure() {
    let (health, now) = health();
    let now = now + open(&health, now, EVEN);
    let mut stream = health.admit(&target(1, "a"), now).expect("a probe");
    stream.answered(now);
    let toll = stream.failed(&failure(FailureClass::Network, None), now, EVEN);
    assert!(matches!(toll.transition, Some(Transition::Opened(_))));
}

#[test]
fn who_has_nobody_else_to_ask_passes_and_only_a_success_tells_something_new() {
    let (health, now) = health();
    let until = now + open(&health, now, EVEN);
    let soon = at(now, 1);
    let insist = || health.insist(&target(1, "a"), soon).expect("room");
    for _ in 0..10 {
        let toll = insist().failed(&failure(FailureClass::Server, None), soon, EVEN);
        assert_eq!((toll.counts, toll.transition), (true, None));
    }
    assert_eq!(
        health.standing(&target(1, "a"), soon),
        Standing::Open { until }
    );
    insist().completed(None, soon);
    assert_eq!(health.standing(&target(1, "a"), soon), Standing::Probe);
    let probe = insist();
    assert!(probe.is_probe());
    let beside = insist();
    assert!(!beside.is_probe());
    beside.completed(None, soon);
    assert!(
        health.admit(&target(1, "a"), soon).is_err(),
        "the slot is still the probe's"
    );
    probe.completed(None, soon);
    assert_eq!(health.standing(&target(1, "a"), soon), Standing::Ready);
}
