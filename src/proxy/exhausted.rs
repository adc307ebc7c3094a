//! What a client is told when no target answered: the most telling of what happened.

use std::time::Duration;

use tokio::time::Instant;

use super::problem::{AttemptNote, Problem};
use crate::chat::{Failure, FailureClass, Next};

/// When to come back to those who are full, as nobody knows when they will not be.
const MAKES_ROOM: Duration = Duration::from_secs(1);

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// An upstream's answer is the client's, error or not.
    Answer,
    /// The request may have been processed, and must not be sent again.
    Risk,
    /// `router.max_attempts`.
    Attempts,
    /// The request's time is over.
    Late,
    /// Everybody has been asked.
    NobodyLeft,
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    /// What is told of it; nothing, where the target was left out without being asked.
    pub(super) note: Option<AttemptNote>,
    /// How long what failed rests now.
    pub(super) rest: Option<Duration>,
}

/// A search without result.
#[derive(Debug)]
pub(super) struct Exhausted {
    pub(super) failures: Vec<Failed>,
    /// Keys that rest: why, and until when.
    pub(super) asleep: Vec<(FailureClass, Instant)>,
    /// Who had no room: until when, if that is known.
    pub(super) full: Vec<Option<Instant>>,
    /// Whether somebody was left out whom the owner has drained.
    pub(super) is_drained: bool,
    pub(super) end: End,
}

impl Exhausted {
    /// The problem to answer with.
    pub(super) fn tell(self) -> Problem {
        let problem = match self.end {
            // The client's own SDK would send it again, too.
            End::Risk => self.problem().finally(),
            _ => self.problem(),
        };
        problem.after(
            self.failures
                .into_iter()
                .filter_map(|failed| failed.note)
                .collect(),
        )
    }

    fn problem(&self) -> Problem {
        use FailureClass as Class;
        let Some(last) = self.failures.last().map(|failed| &failed.failure) else {
            return self.untried();
        };
        if last.next == Next::Return
            || self.all(&[Class::Model, Class::NotFound, Class::Capability])
        {
            return Problem::rejected(last.clone());
        }
        if self.is_crowded() {
            return Problem::overloaded(self.shortest_wait());
        }
        if self.all(&[Class::RateLimit, Class::Quota]) {
            return Problem::rate_limited(self.shortest_wait());
        }
        if self.all(&[Class::Timeout]) {
            return Problem::timed_out();
        }
        if self.all(&[Class::Auth]) {
            return Problem::keys_refused();
        }
        if self.all(&[Class::Local]) {
            return Problem::out_of_files();
        }
        Problem::all_failed(self.why(), &last.message)
    }

    /// Whether somebody could have answered who only had no room.
    fn is_crowded(&self) -> bool {
        self.end == End::NobodyLeft && !self.full.is_empty()
    }

    /// Nobody was asked: all keys rest, or there was no time.
    fn untried(&self) -> Problem {
        if self.end == End::Late {
            return Problem::timed_out();
        }
        if self.is_crowded() {
            return Problem::overloaded(self.shortest_wait());
        }
        if self.is_drained && self.asleep.is_empty() {
            return Problem::drained();
        }
        let is_limit = |class| matches!(class, FailureClass::RateLimit | FailureClass::Quota);
        // One that wakes is enough to come back for.
        if self.asleep.iter().any(|(class, _)| is_limit(*class)) {
            return Problem::rate_limited(self.shortest_wait());
        }
        if self.all(&[FailureClass::Auth]) {
            return Problem::keys_refused();
        }
        let why = "no provider of this model could be asked";
        if self.asleep.is_empty() {
            return Problem::unreachable(why);
        }
        Problem::all_failed(why, "every key rests")
    }

    fn why(&self) -> &'static str {
        match self.end {
            End::Risk => "not repeated elsewhere, as the provider may have processed the request",
            End::Attempts => "stopped at `router.max_attempts`",
            End::Late => "stopped at the request's deadline",
            End::Answer | End::NobodyLeft => "every provider of this model failed",
        }
    }

    /// Whether whatever happened is one of `wanted`, and something did happen.
    fn all(&self, wanted: &[FailureClass]) -> bool {
        let failed = self.failures.iter().map(|failed| failed.failure.class);
        let classes = failed.chain(self.asleep.iter().map(|(class, _)| *class));
        let mut classes = classes.peekable();
        classes.peek().is_some() && classes.all(|class| wanted.contains(&class))
    }

    /// The soonest that any key can be asked again: what its upstream said, or else the rest we gave it.
    fn shortest_wait(&self) -> Option<Duration> {
        let now = Instant::now();
        let asleep = self
            .asleep
            .iter()
            .map(|(_, until)| until.saturating_duration_since(now));
        let resting = self.failures.iter().filter_map(|failed| failed.rest);
        let room = |until: &Option<Instant>| {
            until.map_or(MAKES_ROOM, |until| until.saturating_duration_since(now))
        };
        let full = self.full.iter().map(room);
        resting.chain(asleep).chain(full).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_refused_only_if_one_was() {
        let refused = "upstream_credentials_refused";
        let untried = |asleep| Exhausted {
            failures: Vec::new(),
            asleep,
            full: Vec::new(),
            is_drained: false,
            end: End::NobodyLeft,
        };
        let code = |exhausted: Exhausted| exhausted.tell().body.code;
        let dead = (FailureClass::Auth, Instant::now());
        assert_eq!(code(untried(vec![dead])).as_deref(), Some(refused));
        assert_ne!(code(untried(Vec::new())).as_deref(), Some(refused));
    }
}
