//! Probes: what a cheap question beside the requests says of a provider and of a key.
//!
//! A listing of models proves that a provider can be reached and that it takes the key; of a model it proves
//! nothing. So it lifts what was held against places because nobody answered there, and against the key
//! because it was refused. Breakers, rate limits and the vitals by which strategies choose are left to real
//! requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rest::Rest;
use super::verdict::DEAD_KEY_RETRY;
use super::{Health, TargetId, later};
use crate::chat::FailureClass;

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The provider answered, and took the key.
    Well,
    /// The provider answered, and said nothing of the key.
    Reached,
    /// It refused the key.
    Refused,
    /// Nobody answered in time.
    Silent,
    /// No connection could be made, or it broke.
    Unreachable,
}

/// What a finding led to, for whoever tells the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Consequence {
    /// A dead key is back in rotation.
    pub is_revived: bool,
    /// The key is out of rotation now, and was not before.
    pub is_dead: bool,
}

impl Health {
    /// Books what a probe of `provider` found that was made with the key of digest `key` and began then.
    ///
    /// Where nobody answered, `targets` are suspect for `wait`, and whatever else was tried there.
    pub fn probed(
        &self,
        provider: &Arc<str>,
        key: u64,
        finding: Finding,
        (began, now): (Instant, Instant),
        (targets, wait): (&[TargetId], Duration),
    ) -> Consequence {
        match finding {
            Finding::Well => {
                self.reached(provider, began);
                self.taken(provider, key, began, now)
            }
            Finding::Reached => {
                self.reached(provider, began);
                Consequence::default()
            }
            Finding::Refused => {
                self.reached(provider, began);
                self.refused(provider, key, began, now)
            }
            Finding::Silent => self.missed(provider, FailureClass::Timeout, targets, wait, now),
            Finding::Unreachable => {
                self.missed(provider, FailureClass::Network, targets, wait, now)
            }
        }
    }

    fn reached(&self, provider: &Arc<str>, began: Instant) {
        for tracked in self.of_provider(provider) {
            self.change(&tracked.place, |place| {
                if place.rest.is_of_silence() {
                    place.rest.forget(began);
                }
            });
        }
    }

    fn taken(&self, provider: &Arc<str>, key: u64, began: Instant, now: Instant) -> Consequence {
        let id = (provider.clone(), key);
        let known = self.books.lock().keys.get(&id).cloned();
        let is_revived = known.is_some_and(|key| {
            self.change(&key, |key| {
                let was_dead = key.rest.is_dead();
                let rests_otherwise = matches!(key.rest.at(now),
                    Some((_, class)) if class != FailureClass::Auth);
                if was_dead || !rests_otherwise && key.rest.failures(FailureClass::Auth) > 0 {
                    key.rest.forget(began);
                }
                let is_revived = was_dead && !key.rest.is_dead();
                if is_revived {
                    // Some providers list their models to anybody: the next refusal is believed at once.
                    key.rest = Rest::default();
                    key.rest.restore(FailureClass::Auth, 1, now, now);
                }
                is_revived
            })
        });
        Consequence {
            is_revived,
            is_dead: false,
        }
    }

    fn refused(&self, provider: &Arc<str>, key: u64, began: Instant, now: Instant) -> Consequence {
        let id = (provider.clone(), key);
        let key = self.books.lock().keys.entry(id).or_default().clone();
        let is_dead = self.change(&key, |key| {
            let was_dead = key.rest.is_dead();
            let failures = key.rest.count(FailureClass::Auth, began);
            let wait = if key.rest.is_dead() {
                DEAD_KEY_RETRY
            } else {
                self.settings.load().backoffs.auth.after(failures)
            };
            key.rest.until(FailureClass::Auth, now, later(now, wait));
            key.rest.is_dead() && !was_dead
        });
        Consequence {
            is_revived: false,
            is_dead,
        }
    }

    fn missed(
        &self,
        provider: &Arc<str>,
        class: FailureClass,
        targets: &[TargetId],
        wait: Duration,
        now: Instant,
    ) -> Consequence {
        for target in targets {
            self.track(target, now);
        }
        for tracked in self.of_provider(provider) {
            self.change(&tracked.place, |place| {
                place.rest.restore(class, 0, now, later(now, wait));
            });
        }
        Consequence::default()
    }

    fn of_provider(&self, provider: &Arc<str>) -> Vec<Arc<super::tracked::Tracked>> {
        let books = self.books.lock();
        let own = books.targets.values();
        own.filter(|tracked| tracked.id.provider == *provider)
            .cloned()
            .collect()
    }
}

impl Rest {
    /// Whether it began because nobody answered, and for no other reason.
    fn is_of_silence(&self) -> bool {
        self.class()
            .is_some_and(|class| matches!(class, FailureClass::Network | FailureClass::Timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, Standing};
    use super::*;
    use crate::chat::{Blame, Failure, Next, Stage};

    const ALL: (&[TargetId], Duration) = (&[], Duration::from_secs(40));

    fn target() -> TargetId {
        TargetId {
            provider: "p".into(),
            key: 7,
            model: "m".into(),
            service: "conversation",
        }
    }

    fn fail(health: &Arc<Health>, class: FailureClass, now: Instant) {
        let blame = match class {
            FailureClass::Auth | FailureClass::RateLimit => Blame::Key,
            _ => Blame::Place,
        };
        let failure = Failure {
            class,
            stage: Stage::Answered,
            next: Next::Key,
            blame,
            status: None,
            message: String::new(),
            kind: None,
            code: None,
            param: None,
            retry_after: None,
        };
        let permit = health.insist(&target(), now).expect("room");
        permit.failed(&failure, now, 0);
    }

    fn health() -> (Arc<Health>, Instant) {
        (Arc::new(Health::new(Settings::default())), Instant::now())
    }

    fn find(health: &Health, finding: Finding, now: Instant) -> Consequence {
        health.probed(&target().provider, 7, finding, (now, now), ALL)
    }

    #[test]
    fn an_answer_lifts_what_silence_led_to_and_nothing_else() {
        for (class, is_lifted) in [
            (FailureClass::Network, true),
            (FailureClass::Timeout, true),
            (FailureClass::Server, false),
            (FailureClass::RateLimit, false),
            (FailureClass::Auth, true),
        ] {
            let (health, now) = health();
            fail(&health, class, now);
            assert_ne!(health.standing(&target(), now), Standing::Ready);
            find(&health, Finding::Well, now);
            let is_ready = health.standing(&target(), now) == Standing::Ready;
            assert_eq!(is_ready, is_lifted, "{class}");
        }
    }

    #[test]
    fn who_does_not_answer_is_suspect_until_the_next_probe_tells_otherwise() {
        let (health, now) = health();
        for finding in [Finding::Silent, Finding::Unreachable] {
            let targets = [target()];
            health.probed(&"p".into(), 7, finding, (now, now), (&targets, ALL.1));
            assert_eq!(health.standing(&target(), now), Standing::Suspect);
            assert_eq!(health.standing(&target(), now + ALL.1), Standing::Ready);
            find(&health, Finding::Reached, now);
            assert_eq!(health.standing(&target(), now), Standing::Ready);
        }
    }

    #[test]
    fn two_refusals_are_the_end_of_a_key_and_one_success_the_beginning() {
        let (health, now) = health();
        let s = Duration::from_secs;
        assert!(!find(&health, Finding::Refused, now).is_dead);
        assert!(find(&health, Finding::Refused, now + s(60)).is_dead);
        assert!(
            !find(&health, Finding::Refused, now + s(120)).is_dead,
            "not twice"
        );
        assert_eq!(health.dead_keys(now + s(120)).len(), 1);
        let revived = find(&health, Finding::Well, now + s(180));
        assert!(revived.is_revived);
        assert_eq!(health.standing(&target(), now + s(180)), Standing::Ready);
        assert!(
            find(&health, Finding::Refused, now + s(181)).is_dead,
            "believed at once"
        );
    }
}
