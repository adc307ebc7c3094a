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
use crate::chat::Failure;
use crate::provider::limits::Limits;

/// See the module's head.
#[derive(Debug)]
pub struct Permit {
    health: Arc<Health>,
    tracked: Arc<Tracked>,
    case: Case,
    first_token: Option<Duration>,
    /// Whether the breaker has taken its first token for a success.
    is_vouched: bool,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// The breaker is open until then, or a probe is under way.
    Open {
        /// When a probe may pass, if that is known.
        until: Option<Instant>,
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
        Self {
            health,
            tracked,
            case: Case { pass, began },
            first_token: None,
            is_vouched: false,
        }
    }

    /// Whose it is.
    pub fn target(&self) -> &TargetId {
        &self.tracked.id
    }

    /// When the request began.
    pub fn began(&self) -> Instant {
        self.case.began
    }

    /// Whether it is the probe of a half-open breaker.
    pub fn is_probe(&self) -> bool {
        self.case.pass.is_probe() && !self.is_vouched
    }

    /// The time that 19 of 20 of the target's first tokens need, if enough have been seen.
    pub fn p95(&self) -> Option<Duration> {
        self.tracked.vitals.lock().p95()
    }

    /// The head of a good answer is here: a key of which nothing is left rests before its first refusal.
    pub fn heard(&self, headers: &HeaderMap, now: Instant) {
        let limits = Limits::read(headers, SystemTime::now);
        let spent = limits.and_then(|limits| limits.spent());
        let (health, key) = (&self.health, &self.tracked.key);
        health.hear(key, spent, self.case.began, now);
    }

    /// A stream has its first meaningful event, at `now`: the target is well so far.
    pub fn answered(&mut self, now: Instant) -> Option<Transition> {
        let Case { pass, began } = self.case;
        let after = now.saturating_duration_since(began);
        if self.first_token.replace(after).is_none() {
            self.tracked.vitals.lock().first_token(after);
        }
        self.health.relieve(&self.tracked, began, now);
        if !pass.is_trial() || std::mem::replace(&mut self.is_vouched, true) {
            return None;
        }
        self.health.vouch(&self.tracked, pass, now)
    }

    /// The answer is complete.
    pub fn completed(self, output_tokens: Option<u64>, now: Instant) -> Option<Transition> {
        let done = Done {
            total: now.saturating_duration_since(self.case.began),
            output_tokens,
        };
        let (health, tracked) = (&self.health, &self.tracked);
        health.complete(tracked, self.first_token, done, self.case, now);
        if self.is_vouched {
            return None;
        }
        health.vouch(tracked, self.case.pass, now)
    }

    /// The attempt failed. `dice` is any number: it spreads what many do at once.
    pub fn failed(self, failure: &Failure, now: Instant, dice: u64) -> Toll {
        let health = &self.health;
        health.fail(&self.tracked, failure, self.case, now, dice)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.tracked.leave(self.case.pass);
    }
}
