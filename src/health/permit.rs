//! A permit: one request under way at a target.
//!
//! It ends in one of three ways: [`Permit::completed`], [`Permit::failed`], or by being dropped, which says
//! nothing about the target (the client left, another was faster, a panic). In all of them its place is given
//! back (law L7).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;

use super::tracked::Tracked;
use super::{Done, Health, TargetId, Toll};
use crate::chat::Failure;

/// See the module's head.
#[derive(Debug)]
pub struct Permit {
    health: Arc<Health>,
    tracked: Arc<Tracked>,
    began: Instant,
    /// Whether the half-open breaker waits for it.
    is_probe: bool,
    first_token: Option<Duration>,
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
        is_probe: bool,
        began: Instant,
    ) -> Self {
        Self {
            health,
            tracked,
            began,
            is_probe,
            first_token: None,
        }
    }

    /// Whose it is.
    pub fn target(&self) -> &TargetId {
        &self.tracked.id
    }

    /// When the request began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Whether it is the probe of a half-open breaker.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The time that 19 of 20 of the target's first tokens need, if enough have been seen.
    pub fn p95(&self) -> Option<Duration> {
        self.tracked.vitals.lock().p95()
    }

    /// The head of an answer is here: what it says of limits is taken in, also where it is no refusal.
    pub fn heard(&self, headers: &HeaderMap, now: Instant) {
        let _ = (headers, now);
    }

    /// A stream has its first meaningful event, at `now`: the target is well so far.
    pub fn answered(&mut self, now: Instant) {
        let after = now.saturating_duration_since(self.began);
        self.first_token = Some(after);
        self.tracked.vitals.lock().first_token(after);
        self.health.relieve(&self.tracked, self.began);
        if std::mem::take(&mut self.is_probe) {
            self.health.close_in(&self.tracked, now);
        }
    }

    /// The answer is complete.
    pub fn completed(self, output_tokens: Option<u64>, now: Instant) {
        let done = Done {
            total: now.saturating_duration_since(self.began),
            output_tokens,
        };
        self.health
            .complete(&self.tracked, self.first_token, done, self.began, now);
    }

    /// The attempt failed. `dice` is any number: it spreads what many do at once.
    pub fn failed(mut self, failure: &Failure, now: Instant, dice: u64) -> Toll {
        // What follows is a verdict, if it counts at all; otherwise the probe is given back.
        let toll = self.health.fail(&self.tracked, failure, now, dice);
        self.is_probe &= !toll.counts;
        toll
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.health.release(&self.tracked, self.is_probe);
    }
}
