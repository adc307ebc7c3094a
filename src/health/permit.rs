//! A permit: one request under way at a target.
//!
//! It ends in one of three ways: [`Permit::completed`], [`Permit::failed`], or by being dropped, which says
//! nothing about the target (the client left, another was faster, a panic). In all of them its place is given
//! back (law L7). A breaker that is not closed takes the first token for a success; what breaks off afterwards
//! is a failure all the same.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::HeaderMap;

use super::breaker::{Pass, Transition};
use super::tracked::Tracked;
use super::verdict::Case;
use super::{Done, Health, TargetId, Toll};
use crate::chat::{Failure, FailureClass};
use crate::provider::limits::Limits;

/// See the module's head. One pointer: it is carried through every state of a request's future.
#[derive(Debug)]
pub struct Permit(Box<Held>);

#[derive(Debug)]
struct Held {
    health: Arc<Health>,
    tracked: Arc<Tracked>,
    case: Case,
    first_token: Option<Duration>,
}

/// Which turn of its request a permit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The target has not been asked by this request: a share of such turns may be repeated.
    First,
    /// It is asked once more: the repeat is booked already, and how its key stands is known.
    Again,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// The breaker is open until then, or a probe is under way.
    Open {
        /// When a probe may pass, if that is known.
        until: Option<Instant>,
    },
    /// The key has begun to rest since the plan was made: another request was refused meanwhile.
    Resting {
        /// When it may be tried again.
        until: Instant,
        /// Why it rests.
        class: FailureClass,
    },
    /// As many requests are under way as the provider or the key may have.
    Full,
    /// The provider has had its requests of this minute.
    Paced {
        /// When it may have the next.
        until: Instant,
    },
}

impl Permit {
    pub(super) fn new(
        health: Arc<Health>,
        tracked: Arc<Tracked>,
        pass: Pass,
        began: Instant,
    ) -> Self {
        Self(Box::new(Held {
            health,
            tracked,
            case: Case { pass, began },
            first_token: None,
        }))
    }

    /// Whose it is.
    pub fn target(&self) -> &TargetId {
        &self.0.tracked.id
    }

    /// When the request began.
    pub fn began(&self) -> Instant {
        self.0.case.began
    }

    /// Whether it is the probe of a half-open breaker.
    pub fn is_probe(&self) -> bool {
        self.0.case.pass.is_probe() && self.0.first_token.is_none()
    }

    /// The time that 19 of 20 of the target's first tokens need, if enough have been seen.
    pub fn p95(&self) -> Option<Duration> {
        self.0.tracked.vitals.lock().p95()
    }

    /// The same of whole answers.
    pub fn p95_of_whole(&self) -> Option<Duration> {
        self.0.tracked.vitals.lock().p95_of_whole()
    }

    /// The head of a good answer is here: a key of which nothing is left rests before its first refusal.
    pub fn heard(&self, headers: &HeaderMap, now: Instant) {
        let spent = Limits::announced(headers, SystemTime::now);
        let (health, key) = (&self.0.health, &self.0.tracked.key);
        health.hear(key, spent, self.0.case.began, now);
        if Limits::are_told(headers) {
            key.lock().headroom.hear(headers, now);
        }
    }

    /// A stream has its first meaningful event, at `now`: the target is well so far.
    pub fn answered(&mut self, now: Instant) -> Option<Transition> {
        let after = now.saturating_duration_since(self.0.case.began);
        if self.0.first_token.is_some() {
            return None;
        }
        self.0.first_token = Some(after);
        self.0
            .health
            .begin(&self.0.tracked, after, self.0.case, now)
    }

    /// The answer is complete.
    pub fn completed(self, output_tokens: Option<u64>, now: Instant) -> Option<Transition> {
        let done = Done {
            total: now.saturating_duration_since(self.0.case.began),
            output_tokens,
        };
        let (health, tracked) = (&self.0.health, &self.0.tracked);
        health.complete(tracked, self.0.first_token, done, self.0.case, now)
    }

    /// The attempt failed. `dice` is any number: it spreads what many do at once.
    pub fn failed(self, failure: &Failure, now: Instant, dice: u64) -> Toll {
        let health = &self.0.health;
        health.fail(&self.0.tracked, failure, self.0.case, now, dice)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.tracked.leave(self.0.case.pass);
    }
}
