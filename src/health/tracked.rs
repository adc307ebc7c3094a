//! Whatever is remembered of a target: its own vitals, and what it shares with others of its key, its place
//! and its provider. Each has a small lock of its own, held for a few instructions and never two at once.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::TargetId;
use super::breaker::{Breaker, Pass};
use super::budget::Budget;
use super::flow::Flow;
use super::headroom::Headroom;
use super::pace::Pace;
use super::permit::{Shut, Turn};
use super::rest::Rest;
use super::settings::{Caps, Settings};
use super::spent::Spent;
use super::vitals::Vitals;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) id: TargetId,
    pub(super) vitals: Mutex<Vitals>,
    pub(super) key: Arc<Mutex<Key>>,
    pub(super) place: Arc<Mutex<Place>>,
    pub(super) provider: Arc<Mutex<Provider>>,
}

/// A key of a provider.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) rest: Rest,
    pub(super) spent: Spent,
    pub(super) headroom: Headroom,
    pub(super) flow: Flow,
}

/// A model at a provider, and what it is used for.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) rest: Rest,
    pub(super) breaker: Breaker,
}

/// A provider as a whole.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) cap: Option<u32>,
    pub(super) flow: Flow,
    pub(super) pace: Option<Pace>,
    pub(super) repeats: Budget,
    /// Nothing was asked of it since.
    pub(super) last_used: Option<Instant>,
}

/// What can be in trouble.
pub(super) trait Troubled {
    /// Whether it is not as it began. Says nothing of time: only a change makes it another.
    fn is_troubled(&self) -> bool;
}

impl Troubled for Key {
    fn is_troubled(&self) -> bool {
        self.rest.is_set() || self.spent.is_set()
    }
}

impl Troubled for Place {
    fn is_troubled(&self) -> bool {
        self.rest.is_set() || !self.breaker.is_closed()
    }
}

impl Place {
    /// One that is well.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            rest: Rest::default(),
            breaker: Breaker::new(&settings.circuit),
        }
    }

    /// Whether something that is in force at `now` would be lost with it.
    pub(super) fn matters(&self, now: Instant) -> bool {
        self.rest.at(now).is_some() || !self.breaker.is_closed()
    }
}

impl Provider {
    /// One that has been asked nothing yet.
    pub(super) fn new(caps: Caps) -> Self {
        Self {
            cap: caps.max_concurrency,
            flow: Flow::default(),
            pace: caps.max_rpm.map(Pace::new),
            repeats: Budget::new(),
            last_used: None,
        }
    }

    /// May be given as much as `caps` say from now on.
    pub(super) fn follow(&mut self, caps: Caps) {
        self.cap = caps.max_concurrency;
        let is_new = |pace: &Pace| Some(pace.per_minute()) != caps.max_rpm;
        if self.pace.as_ref().is_none_or(is_new) {
            self.pace = caps.max_rpm.map(Pace::new);
        }
    }

    fn enter(&mut self, now: Instant) -> Result<(), Shut> {
        if !self.flow.admit(self.cap, now) {
            return Err(Shut::Full);
        }
        if let Some(Err(until)) = self.pace.as_mut().map(|pace| pace.take(now)) {
            self.flow.release();
            return Err(Shut::Paced { until });
        }
        Ok(())
    }
}

impl Key {
    fn enter(&mut self, now: Instant) -> bool {
        let is_free = self.flow.admit(None, now);
        if is_free {
            self.rest.probe(now);
        }
        is_free
    }
}

impl Tracked {
    /// Takes a place at the key, the provider and the target.
    pub(super) fn enter(&self, turn: Turn, now: Instant) -> Result<(), Shut> {
        if !self.key.lock().enter(now) {
            return Err(Shut::Full);
        }
        let entered = {
            let mut provider = self.provider.lock();
            provider.enter(now).inspect(|()| {
                if turn == Turn::First {
                    provider.repeats.deposit(now);
                }
                provider.last_used = Some(now);
            })
        };
        match entered {
            Ok(()) => self.vitals.lock().in_flight += 1,
            Err(_) => self.key.lock().flow.release(),
        }
        entered
    }

    /// Gives back what [`Tracked::enter`] took, and the slot of a probe.
    pub(super) fn leave(&self, pass: Pass) {
        {
            let mut vitals = self.vitals.lock();
            vitals.in_flight = vitals.in_flight.saturating_sub(1);
        }
        self.key.lock().flow.release();
        self.provider.lock().flow.release();
        self.give_back(pass);
    }

    /// The slot of a probe is free again, if `pass` had one.
    pub(super) fn give_back(&self, pass: Pass) {
        if pass.is_probe() {
            self.place.lock().breaker.release(pass);
        }
    }
}
