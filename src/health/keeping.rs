//! Keeping: what of the books goes into a snapshot, and comes back out of one.

use std::time::{Duration, Instant};

use super::snapshot::{Kept, Past, Rest};
use super::verdict::DEAD_KEY_RETRY;
use super::{Health, RestView};
use crate::chat::FailureClass;
use crate::provider::retry_after::MAX_RETRY_AFTER;

impl Health {
    /// All that is worth keeping, as of `now`.
    pub fn kept(&self, now: Instant) -> Kept {
        let targets: Vec<_> = self.books.lock().targets.values().cloned().collect();
        let pasts = targets.iter().filter_map(|tracked| {
            let vitals = tracked.vitals.lock();
            vitals.past(&tracked.id, now)
        });
        Kept {
            rests: self
                .rests(now)
                .into_iter()
                .map(|rest| written(rest, now))
                .collect(),
            pasts: pasts.collect(),
        }
    }

    /// Goes on where another process stopped.
    pub fn resume(&self, kept: &Kept, now: Instant) {
        for rest in &kept.rests {
            let view = RestView {
                provider: rest.provider.clone(),
                key: rest.key,
                class: rest.class,
                remaining: rest
                    .until
                    .map_or(Duration::ZERO, |end| end.saturating_duration_since(now)),
                failures: rest.failures,
                is_dead: false,
            };
            self.restore(&rest.provider, rest.key, &view, now);
        }
        for past in &kept.pasts {
            self.recall(past, now);
        }
    }

    fn recall(&self, past: &Past, now: Instant) {
        let tracked = self.track(&past.target, now);
        tracked.vitals.lock().recall(past, now);
    }

    /// How long a rest of a key may be, whoever says it.
    pub fn longest_rest(&self, class: FailureClass) -> Duration {
        let table = &self.settings.load().backoffs;
        match class {
            FailureClass::Auth => DEAD_KEY_RETRY,
            FailureClass::Quota => table.quota.max.max(MAX_RETRY_AFTER),
            _ => MAX_RETRY_AFTER,
        }
    }
}

fn written(rest: RestView, now: Instant) -> Rest {
    // A dead key may also rest for another reason; that it is dead is what must not be lost.
    let (class, failures) = if rest.is_dead {
        (FailureClass::Auth, rest.failures.max(2))
    } else {
        (rest.class, rest.failures)
    };
    Rest {
        provider: rest.provider,
        key: rest.key,
        class,
        failures,
        until: (!rest.remaining.is_zero()).then(|| now + rest.remaining),
    }
}
