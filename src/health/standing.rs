//! The standing of a target: whether it should be tried now.
//!
//! The key comes first: where it rests, a try would be refused whatever the place. A dead key whose hour is
//! over waits for a probe, as a half-open breaker does.

use std::time::Instant;

use super::breaker::CircuitState;
use super::tracked::{Key, Place};
use crate::chat::FailureClass;

/// See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Ready,
    /// Its breaker, or its dead key, waits for a probe: it may be tried by who has somebody else to ask.
    Probe,
    /// It failed lately for reasons that may have passed: a last resort.
    Suspect,
    /// Its breaker is open.
    Open {
        /// When a probe may pass.
        until: Instant,
    },
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

impl Standing {
    /// The better the smaller: what is best is what can be said of several together.
    pub fn rank(&self) -> u8 {
        match self {
            Standing::Ready => 0,
            Standing::Probe => 1,
            Standing::Suspect => 2,
            Standing::Open { .. } => 3,
            Standing::Resting { .. } => 4,
            Standing::Unavailable => 5,
        }
    }
}

/// How a target with this key at this place stands; what is not in the books is well.
pub(super) fn of(key: Option<Standing>, place: Option<Standing>) -> Standing {
    match (key.unwrap_or(Standing::Ready), place) {
        (key @ Standing::Resting { .. }, _) | (key, None | Some(Standing::Ready)) => key,
        (_, Some(place)) => place,
    }
}

impl Key {
    /// How it stands: resting, waiting for a probe, or ready.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        match self.resting(now) {
            Some((until, class)) => Standing::Resting { until, class },
            None if self.rest.is_dead() => Standing::Probe,
            None => Standing::Ready,
        }
    }

    /// The longer of the rest that failures led to and the one that its upstream announced.
    pub(super) fn resting(&self, now: Instant) -> Option<(Instant, FailureClass)> {
        let spent = self.spent.at(now).map(|end| (end, FailureClass::RateLimit));
        self.rest
            .at(now)
            .into_iter()
            .chain(spent)
            .max_by_key(|(end, _)| *end)
    }
}

impl Place {
    /// How it stands.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        let rest = self.rest.at(now);
        match (rest, self.breaker.state(now)) {
            (Some((_, FailureClass::Model)), _) => Standing::Unavailable,
            (_, CircuitState::Open { until }) => Standing::Open { until },
            // One probe at a time: the others take it for open.
            (
                _,
                CircuitState::HalfOpen {
                    is_probing: true, ..
                },
            ) => Standing::Open { until: now },
            (
                _,
                CircuitState::HalfOpen {
                    is_probing: false, ..
                },
            ) => Standing::Probe,
            (Some(_), CircuitState::Closed) => Standing::Suspect,
            (None, CircuitState::Closed) => Standing::Ready,
        }
    }
}
