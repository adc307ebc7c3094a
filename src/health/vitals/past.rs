//! What of the vitals outlives a run.

use std::time::Instant;

use super::{MEMORY, Vitals};
use crate::health::TargetId;
use crate::health::snapshot::Past;

impl Vitals {
    /// What there is to keep; `None` of a target that was never heard of.
    pub(in crate::health) fn past(&self, target: &TargetId, now: Instant) -> Option<Past> {
        self.last_success.or(self.last_failure)?;
        Some(Past {
            target: target.clone(),
            latency: self.latency,
            has_streamed: self.has_streamed,
            tokens_per_second: self.tokens_per_second,
            counts: self.window.counts(now),
            in_row: (self.successes_in_row, self.failures_in_row),
            last_success: self.last_success,
            last_failure: self.last_failure,
            arm: (self.pulls, self.reward),
            faded: self.faded,
        })
    }

    /// Goes on from `past`, unless this process knows better already. What was counted longer ago than it is
    /// remembered does not come back.
    pub(in crate::health) fn recall(&mut self, past: &Past, now: Instant) {
        if self.last_success.or(self.last_failure).is_some() {
            return;
        }
        self.latency = past.latency;
        self.has_streamed = past.has_streamed;
        self.tokens_per_second = past.tokens_per_second;
        (self.successes_in_row, self.failures_in_row) = past.in_row;
        self.last_success = past.last_success;
        self.last_failure = past.last_failure;
        (self.pulls, self.reward) = past.arm;
        self.faded = past.faded;
        let last = past.last_success.max(past.last_failure);
        if last.is_some_and(|last| now.saturating_duration_since(last) < MEMORY) {
            self.window.recall(past.counts, now);
        }
    }
}
