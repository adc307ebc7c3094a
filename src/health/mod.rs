//! Health: how every target is doing, and who may be asked.
//!
//! A failure rests whom its classification blames: the *key* for a 429, a refusal or an empty purse, the
//! *place* (provider, model and service) for a timeout, a broken connection or a 5xx, nobody for what was
//! the request's doing. A suspect place is a last resort; an unknown model is remembered for its place. Rests
//! follow the back-off table and never outgrow it; a success forgets. Beside the rests, the circuit breaker
//! of each place, the vitals of each target by which strategies choose, and the limits of providers and keys.
//!
//! ```text
//! standing, view   read by planning; what nobody has tried is not in the books
//! admit -> Permit  one request under way: heard · answered · completed · failed · dropped
//! inspect          what pages show, what outlives the process, what probes ask
//! ```
//!
//! `now` and dice are arguments everywhere. While all is well, [`Health::standing`] takes no lock.

mod books;
mod breaker;
mod budget;
mod clock;
mod flow;
mod headroom;
mod inspect;
mod keeping;
mod pace;
mod permit;
mod probed;
mod quantile;
mod reset;
mod rest;
mod room;
mod settings;
pub mod snapshot;
mod spent;
mod standing;
mod target_id;
#[cfg(test)]
mod tests;
mod tracked;
mod unsupported;
mod verdict;
mod view;
mod vitals;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use books::Books;
use breaker::Pass;
use tracked::{Tracked, Troubled};

pub use breaker::{CircuitState, Transition};
pub use clock::Clock;
pub use inspect::{KeyStanding, ProviderView, RestView};
pub use permit::{Permit, Shut, Turn};
pub use probed::{Consequence, Finding};
pub use settings::{Caps, Settings};
pub use standing::Standing;
pub use target_id::TargetId;
pub use unsupported::Unsupported;
pub use verdict::{Rested, Toll};
pub use view::{Arm, View};
pub use vitals::Done;

/// The books of every target that was tried.
#[derive(Debug)]
pub struct Health {
    settings: ArcSwap<Settings>,
    /// Keys and places that are not as they began; with none of them, everybody is ready.
    troubled: AtomicUsize,
    books: Mutex<Books>,
}

impl Health {
    /// Everybody is well.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: ArcSwap::from_pointee(settings),
            troubled: AtomicUsize::new(0),
            books: Mutex::default(),
        }
    }

    /// Goes on by `settings`. Rests that were laid, and breakers that are open, stay as long as they were meant.
    pub fn follow(&self, settings: Settings) {
        let settings = Arc::new(settings);
        self.settings.store(settings.clone());
        // Who is entered into the books from here on is entered by the new ones.
        let (places, providers): (Vec<_>, Vec<_>) = {
            let books = self.books.lock();
            let places = books.places.values().cloned().collect();
            let known = |(name, one): (&Arc<str>, &Arc<Mutex<_>>)| (name.clone(), one.clone());
            (places, books.providers.iter().map(known).collect())
        };
        for place in places {
            place.lock().breaker.follow(&settings.circuit);
        }
        for (name, provider) in providers {
            let caps = settings.caps.get(&name).copied();
            provider.lock().follow(caps.unwrap_or_default());
        }
    }

    /// Whether `target` should be tried at `now`.
    pub fn standing(&self, target: &TargetId, now: Instant) -> Standing {
        if !self.is_any_troubled() {
            return Standing::Ready;
        }
        let (key, place) = self.books.lock().of(target);
        standing::of(
            key.map(|key| key.lock().standing(now)),
            place.map(|place| place.lock().standing(now)),
        )
    }

    /// What is known of `target` at `now`.
    pub fn view(&self, target: &TargetId, now: Instant) -> View {
        let tracked = self.books.lock().targets.get(target).cloned();
        tracked.map_or_else(View::untried, |tracked| {
            let circuit = tracked.place.lock().breaker.state(now);
            let vitals = tracked.vitals.lock();
            vitals.view(circuit, self.settings.load().half_life, now)
        })
    }

    /// Lets a request through to `target`, or says why not.
    ///
    /// # Errors
    /// The breaker is open, the key rests, or the provider or the key has all it may have.
    pub fn admit(self: &Arc<Self>, target: &TargetId, now: Instant) -> Result<Permit, Shut> {
        self.admit_for(target, Turn::First, now)
    }

    /// The same for that `turn` of the request.
    ///
    /// # Errors
    /// Those of [`Health::admit`]; whoever comes again is let in to a key that rests.
    pub fn admit_for(
        self: &Arc<Self>,
        target: &TargetId,
        turn: Turn,
        now: Instant,
    ) -> Result<Permit, Shut> {
        let tracked = self.track(target, now);
        if turn == Turn::First && self.is_any_troubled() {
            let resting = tracked.key.lock().resting(now);
            if let Some((until, class)) = resting {
                return Err(Shut::Resting { until, class });
            }
        }
        let pass = tracked.place.lock().breaker.admit(now);
        let pass = pass.map_err(|until| Shut::Open { until })?;
        self.enter(tracked, pass, turn, now)
    }

    /// Lets a request through past an open breaker and to a key that rests: there is nobody else to ask.
    ///
    /// # Errors
    /// The provider or the key has all it may have.
    pub fn insist(self: &Arc<Self>, target: &TargetId, now: Instant) -> Result<Permit, Shut> {
        self.insist_for(target, Turn::First, now)
    }

    /// The same for that `turn` of the request.
    ///
    /// # Errors
    /// Those of [`Health::insist`].
    pub fn insist_for(
        self: &Arc<Self>,
        target: &TargetId,
        turn: Turn,
        now: Instant,
    ) -> Result<Permit, Shut> {
        let tracked = self.track(target, now);
        let pass = tracked.place.lock().breaker.insist(now);
        self.enter(tracked, pass, turn, now)
    }

    /// Whether what was sent to `provider` may be sent there again; if so, the repeat is booked.
    pub fn may_repeat(&self, provider: &Arc<str>, now: Instant) -> bool {
        let provider = self.books.lock().providers.get(provider).cloned();
        provider.is_none_or(|provider| provider.lock().repeats.withdraw(now))
    }

    fn enter(
        self: &Arc<Self>,
        tracked: Arc<Tracked>,
        pass: Pass,
        turn: Turn,
        now: Instant,
    ) -> Result<Permit, Shut> {
        match tracked.enter(turn, now) {
            Ok(()) => Ok(Permit::new(self.clone(), tracked, pass, now)),
            Err(shut) => {
                tracked.give_back(pass);
                Err(shut)
            }
        }
    }

    fn track(&self, target: &TargetId, now: Instant) -> Arc<Tracked> {
        let page = self.books.lock().track(target, &self.settings, now);
        if page.forgotten > 0 {
            self.troubled.fetch_sub(page.forgotten, Ordering::Relaxed);
        }
        page.tracked
    }

    fn is_any_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed) > 0
    }

    /// Changes a key or a place, and keeps count of those that are in trouble.
    fn change<T: Troubled, R>(&self, what: &Mutex<T>, change: impl FnOnce(&mut T) -> R) -> R {
        let mut what = what.lock();
        let before = what.is_troubled();
        let result = change(&mut what);
        match (before, what.is_troubled()) {
            (false, true) => self.troubled.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.troubled.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
        result
    }
}

/// The moment `wait` after `now`; what no clock can tell is a year away.
fn later(now: Instant, wait: Duration) -> Instant {
    let year = Duration::from_hours(365 * 24);
    now.checked_add(wait).unwrap_or_else(|| now + year)
}

/// A factor between 0.8 and 1.2, by `dice`.
fn spread(dice: u64) -> f64 {
    let share = f64::from(u32::try_from(dice >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    0.8 + 0.4 * share
}
