//! What an upstream announces of a key's limits before it refuses: nothing is left until then.
//!
//! This is no failure, and so no success forgets it: neither that of the very answer that brought the news nor
//! that of a request which was under way. Only time does, or a later answer that has something left.

use std::time::Instant;

/// See the module's head.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    until: Option<Instant>,
    /// When that was last heard.
    heard: Option<Instant>,
}

impl Spent {
    /// An answer said at `now` that nothing is left until `end`.
    pub(super) fn announce(&mut self, end: Instant, now: Instant) {
        self.until = self.until.max(Some(end));
        self.heard = Some(now);
    }

    /// The answer to a request that began then does not say so.
    pub(super) fn forget(&mut self, began: Instant) {
        if self.heard.is_none_or(|heard| heard < began) {
            *self = Self::default();
        }
    }

    /// What is over at `now` is forgotten.
    pub(super) fn fade(&mut self, now: Instant) {
        if self.at(now).is_none() {
            *self = Self::default();
        }
    }

    /// Whether anything is remembered.
    pub(super) fn is_set(self) -> bool {
        self.until.is_some()
    }

    /// Until when nothing is left, if that is still so at `now`.
    pub(super) fn at(self, now: Instant) -> Option<Instant> {
        self.until.filter(|end| now < *end)
    }
}
