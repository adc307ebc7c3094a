//! Health: which targets rest, and until when.
//!
//! A failure rests whom its classification blames: the *key* for a 429, a refusal or an empty purse, the
//! *place* (provider, model and endpoint) for a timeout, a broken connection or a 5xx, nobody for what was
//! the request's doing. A suspect place is a last resort; an unknown model is remembered for its place. Rests follow the back-off table and never outgrow it; a success forgets.
//! `now` is an argument everywhere, and while all is well nothing here takes a lock.

mod rest;
mod unsupported;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::chat::{Blame, Failure, FailureClass};
use crate::config::Backoffs;
use rest::Rest;

pub use unsupported::Unsupported;

/// How long an unknown model is remembered for a provider.
const MODEL_MEMORY: Duration = Duration::from_mins(10);

/// How often a dead key is tried again.
const DEAD_KEY_RETRY: Duration = Duration::from_hours(1);

/// Refusals in a row that mark a key dead.
const REFUSALS_UNTIL_DEAD: u32 = 2;

/// More troubled entries than any configuration has; model names come from clients where a provider
/// serves everything, so the map needs a bound.
const MAX_ENTRIES: usize = 10_000;

/// What a request may be sent to, by identity rather than by place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetId {
    /// Name of the provider.
    pub provider: Arc<str>,
    /// Digest of the key; 0 for a provider without keys.
    pub key: u64,
    /// Model name there.
    pub model: Arc<str>,
    /// Path of the endpoint: who cannot rerank with a model may well chat with it.
    pub endpoint: &'static str,
}

/// Whether a target should be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Ready,
    /// It failed lately for reasons that may have passed: a last resort.
    Suspect,
    /// Its key rests until then; a try would be refused.
    Resting {
        /// When it may be tried again.
        until: Instant,
        /// Why it rests.
        class: FailureClass,
    },
    /// The provider said that it does not have the model.
    Unavailable,
}

/// A rest that a failure led to, for whoever tells the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rested {
    /// Why.
    pub class: FailureClass,
    /// For how long.
    pub wait: Duration,
    /// Whether the key is now out of rotation.
    pub is_dead: bool,
}

/// The health of every target that is in trouble.
#[derive(Debug)]
pub struct Health {
    backoffs: Backoffs,
    troubled: AtomicUsize,
    rests: Mutex<Rests>,
}

/// Provider, model and endpoint.
type Place = (Arc<str>, Arc<str>, &'static str);

#[derive(Debug, Default)]
struct Rests {
    keys: HashMap<(Arc<str>, u64), Rest>,
    places: HashMap<Place, Rest>,
}

impl Health {
    /// Everybody is well.
    pub fn new(backoffs: Backoffs) -> Self {
        Self {
            backoffs,
            troubled: AtomicUsize::new(0),
            rests: Mutex::default(),
        }
    }

    /// Whether `target` should be tried at `now`.
    pub fn standing(&self, target: &TargetId, now: Instant) -> Standing {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return Standing::Ready;
        }
        let rests = self.rests.lock();
        if let Some((until, class)) = rests
            .keys
            .get(&target.key_id())
            .and_then(|rest| rest.at(now))
        {
            return Standing::Resting { until, class };
        }
        match rests
            .places
            .get(&target.place_id())
            .and_then(|rest| rest.at(now))
        {
            Some((_, FailureClass::Model)) => Standing::Unavailable,
            Some(_) => Standing::Suspect,
            None => Standing::Ready,
        }
    }

    /// Books a failure; returns the rest it led to, if it concerns the target at all.
    pub fn record_failure(
        &self,
        target: &TargetId,
        failure: &Failure,
        now: Instant,
    ) -> Option<Rested> {
        if failure.blame == Blame::Nobody {
            return None;
        }
        let mut rests = self.rests.lock();
        rests.make_room(now);
        let rest = match failure.blame {
            Blame::Key => rests.keys.entry(target.key_id()).or_default(),
            Blame::Place | Blame::Nobody => rests.places.entry(target.place_id()).or_default(),
        };
        let rested = self.rest(rest, failure, now);
        self.troubled.store(rests.len(), Ordering::Relaxed);
        Some(rested)
    }

    fn rest(&self, rest: &mut Rest, failure: &Failure, now: Instant) -> Rested {
        let failures = rest.count(failure.class);
        let is_dead = failure.class == FailureClass::Auth && failures >= REFUSALS_UNTIL_DEAD;
        let wait = match failure.retry_after {
            _ if is_dead => DEAD_KEY_RETRY,
            // An upstream that says "now" has just said no: a second is the least.
            Some(asked) => asked.max(Duration::from_secs(1)),
            None => self.wait(failure.class, failures),
        };
        rest.until(failure.class, now + wait);
        Rested {
            class: failure.class,
            wait,
            is_dead,
        }
    }

    fn wait(&self, class: FailureClass, failures: u32) -> Duration {
        let table = &self.backoffs;
        match class {
            FailureClass::RateLimit => table.rate_limit.after(failures),
            FailureClass::Auth => table.auth.after(failures),
            FailureClass::Quota => table.quota.after(failures),
            FailureClass::Timeout => table.timeout.after(failures),
            FailureClass::Network => table.network.after(failures),
            FailureClass::Server | FailureClass::Malformed => table.server.after(failures),
            FailureClass::Model => MODEL_MEMORY,
            FailureClass::Request
            | FailureClass::Capability
            | FailureClass::NotFound
            | FailureClass::Local => Duration::ZERO,
        }
    }

    /// Books a success: the target's troubles are over.
    pub fn record_success(&self, target: &TargetId) {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut rests = self.rests.lock();
        rests.keys.remove(&target.key_id());
        rests.places.remove(&target.place_id());
        self.troubled.store(rests.len(), Ordering::Relaxed);
    }
}

impl Rests {
    fn len(&self) -> usize {
        self.keys.len() + self.places.len()
    }

    fn make_room(&mut self, now: Instant) {
        if self.places.len() >= MAX_ENTRIES {
            self.places.retain(|_, rest| rest.at(now).is_some());
            if self.places.len() >= MAX_ENTRIES {
                self.places.clear();
            }
        }
    }
}

impl TargetId {
    fn key_id(&self) -> (Arc<str>, u64) {
        (self.provider.clone(), self.key)
    }

    fn place_id(&self) -> Place {
        (self.provider.clone(), self.model.clone(), self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Next, Stage};

    fn target(key: u64, model: &str) -> TargetId {
        TargetId {
            provider: "p".into(),
            key,
            model: model.into(),
            endpoint: "/chat/completions",
        }
    }

    fn failure(class: FailureClass, retry_after: Option<u64>) -> Failure {
        Failure {
            class,
            stage: Stage::Answered,
            next: Next::Key,
            blame: match class {
                FailureClass::RateLimit | FailureClass::Auth | FailureClass::Quota => Blame::Key,
                FailureClass::Request => Blame::Nobody,
                _ => Blame::Place,
            },
            status: None,
            message: String::new(),
            kind: None,
            code: None,
            param: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn health() -> (Health, Instant) {
        (Health::new(Backoffs::default()), Instant::now())
    }

    #[test]
    fn a_rate_limit_rests_the_key_for_every_model_and_no_other_key() {
        let (health, now) = health();
        health.record_failure(
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
            let rested = health.record_failure(
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
            health
                .record_failure(&target(1, "a"), &failure(FailureClass::Auth, None), now)
                .expect("rests")
        };
        assert!(!refuse(now).is_dead);
        let dead = refuse(now + Duration::from_secs(11));
        assert!(dead.is_dead);
        let later = now + Duration::from_secs(11) + DEAD_KEY_RETRY;
        assert!(matches!(
            health.standing(&target(1, "a"), now + Duration::from_mins(50)),
            Standing::Resting { .. }
        ));
        assert_eq!(health.standing(&target(1, "a"), later), Standing::Ready);
    }

    #[test]
    fn faults_make_a_place_suspect_for_all_its_keys() {
        let (health, now) = health();
        health.record_failure(&target(1, "a"), &failure(FailureClass::Server, None), now);
        assert_eq!(health.standing(&target(2, "a"), now), Standing::Suspect);
        assert_eq!(health.standing(&target(1, "b"), now), Standing::Ready);
    }

    #[test]
    fn an_unknown_model_is_remembered_for_ten_minutes() {
        let (health, now) = health();
        health.record_failure(&target(1, "a"), &failure(FailureClass::Model, None), now);
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
            health.record_failure(&target(1, "a"), &failure(FailureClass::Request, None), now),
            None
        );
        health.record_failure(
            &target(1, "a"),
            &failure(FailureClass::RateLimit, None),
            now,
        );
        health.record_success(&target(1, "a"));
        assert_eq!(health.standing(&target(1, "a"), now), Standing::Ready);
        let again = health.record_failure(
            &target(1, "a"),
            &failure(FailureClass::RateLimit, None),
            now,
        );
        assert_eq!(again.expect("rests").wait, Duration::from_secs(5));
    }
}
