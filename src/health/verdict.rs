//! Verdicts: what an outcome does to the books.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::breaker::{Pass, Transition};
use super::rest::Rest;
use super::tracked::{Key, Tracked};
use super::vitals::Done;
use super::{Health, later};
use crate::chat::{Blame, Failure, FailureClass};
use crate::provider::retry_after::MAX_RETRY_AFTER;

/// How long an unknown model is remembered for a provider.
const MODEL_MEMORY: Duration = Duration::from_mins(10);

/// How long a dead key rests until it is tried again.
pub(super) const DEAD_KEY_RETRY: Duration = Duration::from_hours(1);

/// An upstream that says "now" has just said no: this is the least.
const SHORTEST_ASKED: Duration = Duration::from_secs(1);

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

/// What a failure led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Toll {
    /// Who rests now.
    pub rested: Option<Rested>,
    /// What became of the breaker.
    pub transition: Option<Transition>,
    /// Whether it counted toward the breaker.
    pub counts: bool,
}

/// A request that was let through: with what, and when it began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) pass: Pass,
    pub(super) began: Instant,
}

impl Health {
    /// The target has answered: what began before the request is over.
    fn relieve(&self, tracked: &Tracked, began: Instant, now: Instant) {
        if !self.is_any_troubled() {
            return;
        }
        self.change(&tracked.key, |key| {
            key.rest.forget(began);
            key.spent.fade(now);
        });
        self.change(&tracked.place, |place| place.rest.forget(began));
    }

    /// A stream has begun, so long after its request.
    pub(super) fn begin(
        &self,
        tracked: &Tracked,
        after: Duration,
        case: Case,
        now: Instant,
    ) -> Option<Transition> {
        tracked.vitals.lock().first_token(after);
        if !self.is_any_troubled() {
            return None;
        }
        self.relieve(tracked, case.began, now);
        let circuit = &self.settings.load().circuit;
        self.change(&tracked.place, |place| {
            place.breaker.answer(case.pass, circuit, now)
        })
    }

    /// A request ended well.
    pub(super) fn complete(
        &self,
        tracked: &Tracked,
        first_token: Option<Duration>,
        done: Done,
        case: Case,
        now: Instant,
    ) -> Option<Transition> {
        let half_life = self.settings.load().half_life;
        let mut vitals = tracked.vitals.lock();
        vitals.success(first_token, done, half_life, now);
        drop(vitals);
        tracked.key.lock().flow.grow();
        self.relieve(tracked, case.began, now);
        let circuit = &self.settings.load().circuit;
        self.change(&tracked.place, |place| {
            let was_answered = first_token.is_some();
            let breaker = &mut place.breaker;
            breaker.succeed(case.pass, was_answered, circuit, now)
        })
    }

    /// A request failed.
    pub(super) fn fail(
        &self,
        tracked: &Tracked,
        failure: &Failure,
        case: Case,
        now: Instant,
        dice: u64,
    ) -> Toll {
        if failure.blame == Blame::Nobody {
            return Toll::default();
        }
        if failure.class == FailureClass::RateLimit || failure.asks_to_slow_down() {
            tracked.key.lock().flow.halve(case.began, now);
        }
        let rested = self.rest(tracked, failure, case.began, now);
        let mut vitals = tracked.vitals.lock();
        vitals.failure(rested.wait, self.settings.load().half_life, now);
        drop(vitals);
        let counts = failure.counts();
        let circuit = &self.settings.load().circuit;
        let book = || {
            self.change(&tracked.place, |place| {
                place.breaker.fail(case.pass, circuit, now, dice)
            })
        };
        Toll {
            rested: Some(rested),
            transition: if counts { book() } else { None },
            counts,
        }
    }

    /// Whom the failure blames rests.
    fn rest(&self, tracked: &Tracked, failure: &Failure, began: Instant, now: Instant) -> Rested {
        let rest = |rest: &mut Rest| self.lay(rest, failure, began, now);
        match failure.blame {
            Blame::Key => self.change(&tracked.key, |key| rest(&mut key.rest)),
            Blame::Place | Blame::Nobody => {
                self.change(&tracked.place, |place| rest(&mut place.rest))
            }
        }
    }

    fn lay(&self, rest: &mut Rest, failure: &Failure, began: Instant, now: Instant) -> Rested {
        let failures = rest.count(failure.class, began);
        let is_dead = failure.class == FailureClass::Auth && rest.is_dead();
        let wait = match failure.retry_after {
            _ if is_dead => DEAD_KEY_RETRY,
            Some(asked) => asked.clamp(SHORTEST_ASKED, MAX_RETRY_AFTER),
            None => self.wait(failure.class, failures),
        };
        rest.until(failure.class, now, later(now, wait));
        Rested {
            class: failure.class,
            wait,
            is_dead,
        }
    }

    fn wait(&self, class: FailureClass, failures: u32) -> Duration {
        let table = &self.settings.load().backoffs;
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

    /// What the answer to a request that began then says of its key: nothing is left for so long, or it does
    /// not say that.
    pub(super) fn hear(
        &self,
        key: &Arc<Mutex<Key>>,
        spent: Option<Duration>,
        began: Instant,
        now: Instant,
    ) {
        match spent {
            Some(wait) => {
                let end = later(now, wait.min(MAX_RETRY_AFTER));
                self.change(key, |key| key.spent.announce(end, now));
            }
            None if self.is_any_troubled() => self.change(key, |key| {
                key.spent.forget(began);
                key.spent.fade(now);
            }),
            None => {}
        }
    }
}
