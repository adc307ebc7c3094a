//! What was tried for one request: the attempts that were made and those that were not, in their order.

use std::sync::Arc;
use std::time::Duration;

use crate::route::Target;
use crate::telemetry::trace::{Cause, Try, Verdict};

/// More than these are not remembered of one request: lists of models may be long. Each has a bit of a number.
const MOST: usize = 32;

/// Bytes of a name that are remembered: clients may choose it.
const LONGEST_NAME: usize = 128;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Tries {
    all: Vec<Try>,
    /// Whose names are no invention of the client: a bit each, the first the lowest.
    listed: u32,
}

impl Tries {
    /// An attempt began `at`; returns its place, by which it is told of later.
    pub(super) fn begin(&mut self, target: &Target, cause: Cause, at: Duration) -> usize {
        self.push(target, cause, at, Verdict::Open)
    }

    /// `target` is not asked.
    pub(super) fn skip(&mut self, target: &Target, cause: Cause, at: Duration, verdict: Verdict) {
        self.push(target, cause, at, verdict);
    }

    fn push(&mut self, target: &Target, cause: Cause, at: Duration, verdict: Verdict) -> usize {
        let place = self.all.len();
        if place >= MOST {
            return usize::MAX;
        }
        if place == 0 {
            self.all.reserve_exact(1);
        }
        self.listed |= u32::from(target.offer.is_listed) << place;
        self.all.push(Try {
            provider: short(&target.id.provider),
            model: short(&target.offer.name),
            key: target.key.map(|place| place + 1),
            cause,
            began: at,
            elapsed: None,
            verdict,
            status: None,
            first_token: None,
            rests: None,
            is_injected: false,
        });
        place
    }

    /// The attempt at `place`, if it is remembered.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut Try> {
        self.all.get_mut(place)
    }

    /// Whether `target` has failed, or could not take the request.
    pub(super) fn has_failed(&self, target: &Target) -> bool {
        let key = target.key.map(|place| place + 1);
        let model = short(&target.offer.name);
        let is_bad = |verdict| {
            matches!(
                verdict,
                Verdict::Failed(_) | Verdict::Slow | Verdict::LeftOut | Verdict::Filtered
            )
        };
        let mut tries = self.all.iter();
        tries.any(|tried| {
            is_bad(tried.verdict)
                && tried.key == key
                && tried.provider == target.id.provider
                && tried.model == model
        })
    }

    /// How long somebody was being asked until `at`; who asks two at once waits once.
    pub(super) fn waited(&self, at: Duration) -> Duration {
        let (mut waited, mut until) = (Duration::ZERO, Duration::ZERO);
        for tried in self.all.iter().filter(|tried| tried.verdict.is_made()) {
            let end = tried.elapsed.map_or(at, |elapsed| tried.began + elapsed);
            waited += end.min(at).saturating_sub(tried.began.max(until));
            until = until.max(end);
        }
        waited
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Try] {
        &self.all
    }

    /// Which of them are listed; see [`Tries`].
    pub(super) fn listed(&self) -> u32 {
        self.listed
    }

    /// All of them, for good.
    pub(super) fn take(&mut self) -> Vec<Try> {
        std::mem::take(&mut self.all)
    }
}

fn short(name: &Arc<str>) -> Arc<str> {
    if name.len() <= LONGEST_NAME {
        return name.clone();
    }
    name[..name.floor_char_boundary(LONGEST_NAME)].into()
}
