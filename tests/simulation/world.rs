//! The world: upstreams as they truly are, which no strategy is told.

use std::time::Duration;

use autogw::chat::{Blame, Failure, FailureClass, Next, Stage};

use crate::chance::Chance;

/// An upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nature {
    /// Half of its first tokens come sooner, in milliseconds.
    pub(crate) median: f64,
    /// How far they scatter: the deviation of their logarithm.
    pub(crate) sigma: f64,
    /// Requests at once that do not slow each other down.
    pub(crate) capacity: f64,
    /// Price of a million tokens, in and out.
    pub(crate) price: (f64, f64),
    /// Requests that it takes in a minute.
    pub(crate) limit: Option<f64>,
}

/// How it is at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum State {
    Well,
    /// It refuses connections.
    Dead,
    /// Ten times as slow, and every fifth request fails.
    Brown,
}

/// What comes of an attempt, and when.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The first token, and the last.
    Answer(Duration, Duration),
    /// A failure.
    Failure(Duration, Failure),
}

/// Who is how at which second.
pub(crate) type Script = fn(place: usize, second: f64) -> State;

/// See the module's head.
pub(crate) struct World {
    pub(crate) natures: Vec<Nature>,
    pub(crate) script: Script,
    /// Requests at each.
    under_way: Vec<f64>,
    /// What is left of each limit, and when that was.
    left: Vec<(f64, f64)>,
    chance: Chance,
}

impl World {
    pub(crate) fn new(natures: &[Nature], script: Script, seed: u64) -> Self {
        let room = |nature: &Nature| (nature.limit.map_or(0.0, |limit| limit / 6.0), 0.0);
        Self {
            natures: natures.to_vec(),
            script,
            under_way: vec![0.0; natures.len()],
            left: natures.iter().map(room).collect(),
            chance: Chance::new(seed),
        }
    }

    /// A request arrives at `place`.
    pub(crate) fn attempt(&mut self, place: usize, second: f64) -> Outcome {
        self.under_way[place] += 1.0;
        let Nature { sigma, .. } = self.natures[place];
        let (state, scatter, luck) = (
            (self.script)(place, second),
            self.chance.lognormal(sigma),
            self.chance.share(),
        );
        let after = Duration::from_millis;
        if state == State::Dead {
            return Outcome::Failure(after(5), failure(FailureClass::Network, None));
        }
        if let Some(wait) = self.over_limit(place, second) {
            return Outcome::Failure(after(20), failure(FailureClass::RateLimit, Some(wait)));
        }
        let first = Duration::from_secs_f64(self.expected_ms(place, second) * scatter / 1000.0);
        if state == State::Brown && luck < 0.2 {
            return Outcome::Failure(first, failure(FailureClass::Server, None));
        }
        Outcome::Answer(first, first * 3)
    }

    /// It is over there.
    pub(crate) fn leave(&mut self, place: usize) {
        self.under_way[place] -= 1.0;
    }

    /// The median of what another request there would take now.
    pub(crate) fn expected_ms(&self, place: usize, second: f64) -> f64 {
        let nature = &self.natures[place];
        let slowness = match (self.script)(place, second) {
            State::Brown => 10.0,
            State::Well | State::Dead => 1.0,
        };
        nature.median * slowness * (self.under_way[place] / nature.capacity).max(1.0)
    }

    /// Whether a request there would be refused now.
    pub(crate) fn refuses(&self, place: usize, second: f64) -> bool {
        let is_dead = (self.script)(place, second) == State::Dead;
        let limit = self.natures[place].limit;
        is_dead || limit.is_some_and(|limit| self.refilled(place, limit, second) < 1.0)
    }

    fn refilled(&self, place: usize, limit: f64, second: f64) -> f64 {
        let (left, then) = self.left[place];
        (left + (second - then) * limit / 60.0).min(limit / 6.0)
    }

    /// How long until it takes another request, if it takes none now.
    fn over_limit(&mut self, place: usize, second: f64) -> Option<Duration> {
        let limit = self.natures[place].limit?;
        let left = self.refilled(place, limit, second);
        let is_over = left < 1.0;
        self.left[place] = (if is_over { left } else { left - 1.0 }, second);
        is_over.then(|| Duration::from_secs_f64((limit / 12.0 - left) * 60.0 / limit))
    }
}

/// A failure as the gateway classifies it.
pub(crate) fn failure(class: FailureClass, retry_after: Option<Duration>) -> Failure {
    let is_limit = class == FailureClass::RateLimit;
    Failure {
        class,
        stage: if class == FailureClass::Network {
            Stage::Connect
        } else {
            Stage::Answered
        },
        next: if is_limit { Next::Key } else { Next::Provider },
        blame: if is_limit { Blame::Key } else { Blame::Place },
        status: None,
        message: String::new(),
        kind: None,
        code: None,
        param: None,
        retry_after,
    }
}
