//! Steering: what the owner of a running gateway has changed by hand, beside the configuration: who is not asked,
//! who is asked first, by which strategy, and whose faults are played.
//!
//! Nothing of it outlives the run, but all of it outlives a reload. While nothing is changed, the path of a request
//! costs one load of a flag. What has a time ends by itself: it is looked at when it is used, and there is no timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use crate::config::Strategy;
use crate::health::TargetId;
use crate::route::plan::Keyring;
use crate::route::steer::{Drain, Pin, Steer};
use crate::telemetry::act::{Fault, Whom};
use crate::telemetry::clock::{now_ms, unix_ms};
use crate::telemetry::snapshot;

/// Requests of which it is noted between two looks why they went where they did: more than anybody can read.
const MOST_NOTES: u32 = 64;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Steering {
    /// Whether there is anything that bears on a plan.
    steers: AtomicBool,
    /// Whether faults are played.
    plays: AtomicBool,
    /// Requests whose candidates are still noted until the next look of who watches; none while nobody does.
    notes: AtomicU32,
    hand: ArcSwap<Hand>,
    /// Held by whoever changes it.
    turn: Mutex<()>,
}

/// What was changed, as of one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Hand {
    /// As plans are told of it.
    pub(super) steer: Steer,
    /// Beside each who is drained: how that is shown.
    drained: Vec<snapshot::Drained>,
    chaos: Vec<Played>,
}

/// A fault that is played.
#[derive(Debug, Clone)]
struct Played {
    provider: Arc<str>,
    fault: Fault,
    until: Instant,
}

impl Steering {
    /// Asks `whom` no more; `key` is the digest of the key that it names. False if it is so already.
    pub fn drain(&self, whom: &Whom, key: Option<u64>) -> bool {
        let is_new = self.change(|hand| {
            let drain = Drain {
                provider: whom.provider.as_str().into(),
                key,
                model: whom.model.as_deref().map(Arc::from),
            };
            if hand.steer.drained.contains(&drain) {
                return false;
            }
            hand.steer.drained.push(drain);
            hand.drained.push(snapshot::Drained {
                whom: whom.clone(),
                since_ms: now_ms(),
            });
            true
        });
        if is_new {
            tell(whom, "drained by hand");
        }
        is_new
    }

    /// Asks `whom` again. False if it was not drained, or not by that name.
    pub fn enable(&self, whom: &Whom) -> bool {
        let was_there = self.change(|hand| {
            let place = hand.drained.iter().position(|one| one.whom == *whom);
            let Some(place) = place else { return false };
            hand.drained.remove(place);
            hand.steer.drained.remove(place);
            true
        });
        if was_there {
            tell(whom, "enabled by hand");
        }
        was_there
    }

    /// Asks the place first for so long, wherever it is a candidate; in place of an earlier pin.
    pub fn pin(&self, provider: &str, model: Option<&str>, time: Duration, now: Instant) {
        let pin = Pin {
            provider: provider.into(),
            model: model.map(Arc::from),
            until: later(now, time),
        };
        self.change(|hand| hand.steer.pin = Some(pin));
        tracing::info!(target: "autogw::steering", provider, model, seconds = time.as_secs_f64(), "pinned by hand");
    }

    /// Ends a pin. False if there was none at `now`.
    pub fn unpin(&self, now: Instant) -> bool {
        let pin = self.change(|hand| hand.steer.pin.take());
        let was_pinned = pin.is_some_and(|pin| now < pin.until);
        if was_pinned {
            tracing::info!(target: "autogw::steering", "unpinned by hand");
        }
        was_pinned
    }

    /// Chooses by `strategy` in place of the configured one, or by that again.
    pub fn choose_by(&self, strategy: Option<Strategy>) {
        self.change(|hand| hand.steer.strategy = strategy);
        let name = strategy.map(Strategy::name);
        tracing::info!(target: "autogw::steering", strategy = name, "strategy switched by hand");
    }

    /// Lets a provider seem to have `fault` for so long, in place of any other.
    pub fn inject(&self, provider: &str, fault: Fault, time: Duration, now: Instant) {
        let played = Played {
            provider: provider.into(),
            fault,
            until: later(now, time),
        };
        self.change(|hand| {
            hand.chaos.retain(|one| *one.provider != *provider);
            hand.chaos.push(played);
        });
        tracing::warn!(target: "autogw::steering", provider, ?fault, seconds = time.as_secs_f64(), "fault injected by hand");
    }

    /// Ends the fault of a provider, or all of them; how many were in force at `now`.
    pub fn calm(&self, provider: Option<&str>, now: Instant) -> usize {
        let ended = self.change(|hand| {
            let is_meant = |one: &Played| provider.is_none_or(|name| *one.provider == *name);
            let (ended, rest) = std::mem::take(&mut hand.chaos)
                .into_iter()
                .partition(is_meant);
            hand.chaos = rest;
            let ended: Vec<Played> = ended;
            ended.iter().filter(|one| now < one.until).count()
        });
        if ended > 0 {
            tracing::info!(target: "autogw::steering", provider, "injected faults ended by hand");
        }
        ended
    }

    /// All of it at `now`, as it is shown.
    pub fn view(&self, now: Instant) -> snapshot::Steering {
        let hand = self.hand.load();
        let pin = hand.steer.pin.as_ref().filter(|pin| now < pin.until);
        let chaos = hand.chaos.iter().filter(|one| now < one.until);
        snapshot::Steering {
            drained: hand.drained.clone(),
            pin: pin.map(|pin| snapshot::Pin {
                provider: pin.provider.to_string(),
                model: pin.model.as_deref().map(str::to_owned),
                until_ms: on_the_wall(pin.until, now),
            }),
            strategy: hand
                .steer
                .strategy
                .map(|strategy| strategy.name().to_owned()),
            chaos: chaos
                .map(|one| snapshot::Chaos {
                    provider: one.provider.to_string(),
                    fault: one.fault,
                    until_ms: on_the_wall(one.until, now),
                })
                .collect(),
        }
    }

    /// After a reload: keys are shown by the places that they have now, and who has none is forgotten.
    pub fn follow(&self, keyrings: &[Keyring]) {
        if !self.steers.load(Ordering::Relaxed) {
            return;
        }
        self.change(|hand| {
            let place = |drain: &Drain, key: u64| {
                let ring = keyrings
                    .iter()
                    .find(|ring| ring.provider.name == drain.provider)?;
                ring.key_ids.iter().position(|id| *id == key)
            };
            let both = std::mem::take(&mut hand.steer.drained).into_iter();
            let both = both.zip(std::mem::take(&mut hand.drained));
            for (drain, mut shown) in both {
                if let Some(key) = drain.key {
                    let Some(place) = place(&drain, key) else {
                        continue;
                    };
                    shown.whom.key = Some(place + 1);
                }
                hand.steer.drained.push(drain);
                hand.drained.push(shown);
            }
        });
    }

    /// What bears on a plan, if there is anything.
    pub(super) fn of_plans(&self) -> Option<Guard<Arc<Hand>>> {
        let steers = self.steers.load(Ordering::Relaxed);
        steers.then(|| self.hand.load())
    }

    /// Whether `target` is not to be asked: what was planned before it was drained may still name it.
    pub fn is_drained(&self, target: &TargetId) -> bool {
        self.of_plans()
            .is_some_and(|hand| hand.steer.drains(target))
    }

    /// The fault that `provider` seems to have at `now`.
    pub fn fault(&self, provider: &str, now: Instant) -> Option<Fault> {
        if !self.plays.load(Ordering::Relaxed) {
            return None;
        }
        let hand = self.hand.load();
        let mut chaos = hand.chaos.iter();
        let played = chaos.find(|one| *one.provider == *provider && now < one.until);
        played.map(|one| one.fault)
    }

    /// The same now: no clock is read unless faults are played.
    pub(super) fn fault_of(&self, provider: &str) -> Option<Fault> {
        let plays = self.plays.load(Ordering::Relaxed);
        plays
            .then(|| self.fault(provider, Instant::now()))
            .flatten()
    }

    /// Whether somebody watches, and there is room for one more request whose candidates are noted.
    pub fn is_watched(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        self.notes.load(Ordering::Relaxed) > 0
            && self
                .notes
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                .is_ok()
    }

    /// Whether somebody watches; said again at every look, which makes room for more.
    pub fn set_watched(&self, is_watched: bool) {
        let notes = if is_watched { MOST_NOTES } else { 0 };
        self.notes.store(notes, Ordering::Relaxed);
    }

    /// One change at a time; what is over by now is cleared away with it.
    fn change<R>(&self, change: impl FnOnce(&mut Hand) -> R) -> R {
        let _turn = self.turn.lock();
        let mut hand = Hand::clone(&self.hand.load());
        let result = change(&mut hand);
        let now = Instant::now();
        hand.chaos.retain(|one| now < one.until);
        hand.steer.pin.take_if(|pin| now >= pin.until);
        let steer = &hand.steer;
        let steers = !steer.drained.is_empty() || steer.pin.is_some() || steer.strategy.is_some();
        let plays = !hand.chaos.is_empty();
        self.hand.store(Arc::new(hand));
        self.steers.store(steers, Ordering::Relaxed);
        self.plays.store(plays, Ordering::Relaxed);
        result
    }
}

fn tell(whom: &Whom, what: &'static str) {
    tracing::info!(
        target: "autogw::steering",
        provider = whom.provider,
        key = whom.key,
        model = whom.model,
        "{what}"
    );
}

/// The moment `time` after `now`; what no clock can tell is over at once.
fn later(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or(now)
}

/// A moment of the future by the clock on the wall.
fn on_the_wall(until: Instant, now: Instant) -> u64 {
    unix_ms(SystemTime::now() + until.saturating_duration_since(now))
}

#[cfg(test)]
mod tests;
