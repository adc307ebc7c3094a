//! Law L7: whatever happens to requests, the counts are right, and in the end nothing is held.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use http::HeaderMap;

use super::*;

const CLASSES: [FailureClass; 9] = [
    FailureClass::RateLimit,
    FailureClass::Auth,
    FailureClass::Quota,
    FailureClass::Timeout,
    FailureClass::Network,
    FailureClass::Server,
    FailureClass::Malformed,
    FailureClass::Model,
    FailureClass::Request,
];

/// Requests that "p" may have under way.
const CAP: u32 = 5;

/// Any numbers, always the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).expect("it is below a usize")
    }
}

fn new_health() -> Arc<Health> {
    let caps = Caps {
        max_concurrency: Some(CAP),
        max_rpm: None,
    };
    Arc::new(Health::new(Settings {
        caps: [("p".into(), caps)].into(),
        ..Settings::default()
    }))
}

fn targets() -> Vec<TargetId> {
    let names = ["p", "q"].into_iter().flat_map(|provider| {
        let keys = [1, 2].into_iter();
        keys.flat_map(move |key| ["a", "b"].map(|model| (provider, key, model)))
    });
    let targets = names.map(|(provider, key, model)| TargetId {
        provider: provider.into(),
        ..target(key, model)
    });
    targets.collect()
}

/// Ends a request in any way.
fn end(mut permit: Permit, now: Instant, dice: &mut Dice) {
    match dice.below(10) {
        0 => drop(permit),
        1 => {
            let panics = move || {
                let _held = &permit;
                resume_unwind(Box::new("a panic in the middle of a request"));
            };
            catch_unwind(AssertUnwindSafe(panics)).expect_err("it panics");
        }
        2..5 => drop(permit.completed(Some(9), now)),
        way => {
            if way == 5 {
                permit.answered(now);
            }
            let class = CLASSES[dice.below(CLASSES.len())];
            let retry_after = (dice.below(3) == 0).then_some(20);
            permit.failed(&failure(class, retry_after), now, dice.roll());
        }
    }
}

fn exhausted() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-ratelimit-remaining-tokens", "0".parse().expect("value"));
    headers.insert("x-ratelimit-reset-tokens", "40s".parse().expect("value"));
    headers
}

/// The books against the requests that are really under way.
fn check(health: &Health, held: &[Permit], now: Instant) {
    check_books(health);
    for target in targets() {
        let count = |is_one: &dyn Fn(&TargetId) -> bool| {
            let ones = held.iter().filter(|permit| is_one(permit.target()));
            u32::try_from(ones.count()).expect("few")
        };
        let own = count(&|id| *id == target);
        assert_eq!(health.view(&target, now).in_flight, own);
        let provider = count(&|id| id.provider == target.provider);
        let seen = health.provider_view(&target.provider, now);
        assert_eq!(seen.map_or(0, |seen| seen.in_flight), provider);
        assert!(*target.provider == *"q" || provider <= CAP);
        let key = count(&|id| id.key_id() == target.key_id());
        let seen = health.key_standing(&target.provider, target.key, now);
        assert_eq!(seen.in_flight, key);
        let circuit = health.view(&target, now).circuit;
        if matches!(
            circuit,
            CircuitState::HalfOpen {
                is_probing: true,
                ..
            }
        ) {
            let here = |permit: &&Permit| permit.target().place_id() == target.place_id();
            let mut here = held.iter().filter(here);
            assert!(here.any(Permit::is_probe), "somebody holds the slot");
        }
    }
}

/// Tries a target in either way; what it says must agree with the books.
fn begin(health: &Arc<Health>, target: &TargetId, now: Instant, insists: bool) -> Option<Permit> {
    let circuit = health.view(target, now).circuit;
    let key = health.key_standing(&target.provider, target.key, now);
    let is_locked = matches!(
        circuit,
        CircuitState::Open { .. }
            | CircuitState::HalfOpen {
                is_probing: true,
                ..
            }
    );
    let admitted = if insists {
        health.insist(target, now)
    } else {
        health.admit(target, now)
    };
    match admitted {
        Ok(permit) => {
            assert!(insists || !is_locked);
            assert_eq!(
                permit.is_probe(),
                matches!(
                    circuit,
                    CircuitState::HalfOpen {
                        is_probing: false,
                        ..
                    }
                )
            );
            assert!(key.learned_limit.is_none_or(|limit| key.in_flight < limit));
            if permit.is_probe() {
                assert!(health.admit(target, now).is_err(), "one at a time");
            }
            Some(permit)
        }
        Err(Shut::Resting { until, class }) => {
            let standing = health.standing(target, now);
            assert!(!insists);
            assert_eq!(standing, Standing::Resting { until, class });
            None
        }
        Err(Shut::Open { .. }) => {
            assert!(is_locked && !insists);
            None
        }
        Err(shut) => {
            let provider = health.provider_view(&target.provider, now).expect("known");
            let is_full = provider.cap.is_some_and(|cap| provider.in_flight >= cap);
            assert_eq!(shut, Shut::Full);
            assert!(
                is_full
                    || key
                        .learned_limit
                        .is_some_and(|limit| key.in_flight >= limit)
            );
            None
        }
    }
}

/// Once everybody answers again, everybody is as new.
fn recover(health: &Arc<Health>, now: Instant) {
    for target in targets() {
        for _ in 0..3 {
            health
                .insist(&target, now)
                .expect("room")
                .completed(None, now);
        }
    }
    for target in targets() {
        assert_eq!(health.standing(&target, now), Standing::Ready);
        assert_eq!(health.view(&target, now).circuit, CircuitState::Closed);
    }
    assert!(!health.is_any_troubled());
}

#[test]
fn whatever_happens_the_counts_are_right_and_nothing_is_held_in_the_end() {
    for seed in 0..4 {
        let (health, mut now, mut dice) = (new_health(), Instant::now(), Dice(seed));
        let (targets, mut held) = (targets(), Vec::<Permit>::new());
        let (mut opened, mut probes) = (0, 0);
        for _ in 0..10_000 {
            match dice.below(8) {
                0 => now += Duration::from_millis(dice.roll() % 9000),
                1..4 => {
                    let target = &targets[dice.below(targets.len())];
                    let insists = dice.below(4) == 0;
                    let permit = begin(&health, target, now, insists);
                    probes += usize::from(permit.as_ref().is_some_and(Permit::is_probe));
                    held.extend(permit);
                }
                4 if !held.is_empty() => {
                    let place = dice.below(held.len());
                    held[place].answered(now);
                }
                5 if !held.is_empty() && dice.below(9) == 0 => {
                    held[dice.below(held.len())].heard(&exhausted(), now);
                }
                _ if !held.is_empty() => {
                    let permit = held.swap_remove(dice.below(held.len()));
                    end(permit, now, &mut dice);
                }
                _ => {}
            }
            let circuit = health.view(&targets[0], now).circuit;
            opened += usize::from(matches!(circuit, CircuitState::Open { .. }));
            check(&health, &held, now);
        }
        assert!(
            opened > 20 && probes > 20,
            "every state: {opened}, {probes}"
        );
        held.clear();
        check(&health, &[], now);
        recover(&health, now + Duration::from_hours(2));
    }
}

#[test]
fn the_counts_are_right_whoever_changes_them_at_the_same_time() {
    let (health, now) = (new_health(), Instant::now());
    thread::scope(|scope| {
        for seed in 0..8 {
            let health = &health;
            scope.spawn(move || {
                let (mut dice, targets) = (Dice(seed), targets());
                for step in 0..3000 {
                    let now = now + Duration::from_millis(step * 20);
                    let target = &targets[dice.below(targets.len())];
                    if let Ok(permit) = health.insist(target, now) {
                        permit.heard(&exhausted(), now);
                        end(permit, now, &mut dice);
                    }
                }
            });
        }
    });
    let now = now + Duration::from_hours(3);
    check(&health, &[], now);
    recover(&health, now);
}
