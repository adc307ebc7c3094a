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
//! admit -> Permit  one request under way: answered · completed · failed · dropped
//! ```
//!
//! `now` and dice are arguments everywhere. While all is well, [`Health::standing`] takes no lock.

mod breaker;
mod budget;
mod flow;
mod pace;
mod permit;
mod quantile;
mod rest;
mod tracked;
mod unsupported;
mod view;
mod vitals;
mod window;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::chat::{Blame, Failure, FailureClass};
use crate::config::{Backoffs, Circuit};
use breaker::Breaker;
use budget::Budget;
use flow::Flow;
use pace::Pace;
use rest::Rest;
use tracked::{Key, Place, Provider, Tracked};
use vitals::Vitals;

pub use breaker::{CircuitState, Transition};
pub use permit::{Permit, Shut};
pub use unsupported::Unsupported;
pub use view::{Arm, View};
pub use vitals::Done;

/// How long an unknown model is remembered for a provider.
const MODEL_MEMORY: Duration = Duration::from_mins(10);

/// How often a dead key is tried again.
const DEAD_KEY_RETRY: Duration = Duration::from_hours(1);

/// Refusals in a row that mark a key dead.
const REFUSALS_UNTIL_DEAD: u32 = 2;

/// More targets than any configuration has; model names come from clients where a provider serves
/// everything, so the books need a bound.
const MAX_ENTRIES: usize = 10_000;

/// What a request may be sent to, by identity rather than by place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetId {
    /// Name of the provider.
    pub provider: Arc<str>,
    /// Digest of the key; 0 for a provider without keys.
    pub key: u64,
    /// Model name there.
    pub model: Arc<str>,
    /// What it is used for: who cannot rerank with a model may well chat with it.
    pub service: &'static str,
}

/// Whether a target should be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Ready,
    /// Its breaker waits for a probe: it may be tried by who has somebody else to ask.
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

/// A rest that a failure led to, for whoever tells the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rested {
    /// Why.
    pub class: FailureClass,
    /// For how long.
    pub wait: Duration,
    /// Whether the key is now out of rotation.
    pub is_dead: bool,
}

/// What a failure led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Toll {
    /// Who rests now.
    pub rested: Option<Rested>,
    /// What became of the breaker.
    pub transition: Option<Transition>,
    /// Whether it counted toward the breaker.
    pub counts: bool,
}

/// What health is kept by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long rests are.
    pub backoffs: Backoffs,
    /// When breakers open and close.
    pub circuit: Circuit,
    /// Time in which the bandit forgets half of what it knows.
    pub half_life: Duration,
    /// Limits of providers, by name.
    pub caps: HashMap<Arc<str>, Caps>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backoffs: Backoffs::default(),
            circuit: Circuit::default(),
            half_life: Duration::from_mins(30),
            caps: HashMap::new(),
        }
    }
}

/// What a provider may be given at most.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caps {
    /// Requests under way at once.
    pub max_concurrency: Option<u32>,
    /// Requests a minute.
    pub max_rpm: Option<u32>,
}

/// The books of every target that was tried.
#[derive(Debug)]
pub struct Health {
    settings: Settings,
    /// Rests and breakers that are not as they began; with none of them, everybody is ready.
    troubled: AtomicUsize,
    books: Mutex<Books>,
}

/// Provider, model and service.
type PlaceId = (Arc<str>, Arc<str>, &'static str);

#[derive(Debug, Default)]
struct Books {
    targets: HashMap<TargetId, Arc<Tracked>>,
    keys: HashMap<(Arc<str>, u64), Arc<Mutex<Key>>>,
    places: HashMap<PlaceId, Arc<Mutex<Place>>>,
    providers: HashMap<Arc<str>, Arc<Mutex<Provider>>>,
}

impl Health {
    /// Everybody is well.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            troubled: AtomicUsize::new(0),
            books: Mutex::default(),
        }
    }

    /// Whether `target` should be tried at `now`.
    pub fn standing(&self, target: &TargetId, now: Instant) -> Standing {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return Standing::Ready;
        }
        let (key, place) = self.books.lock().of(target);
        if let Some((until, class)) = key.and_then(|key| key.lock().rest.at(now)) {
            return Standing::Resting { until, class };
        }
        place.map_or(Standing::Ready, |place| place.lock().standing(now))
    }

    /// What is known of `target` at `now`.
    pub fn view(&self, target: &TargetId, now: Instant) -> View {
        let tracked = self.books.lock().targets.get(target).cloned();
        tracked.map_or_else(View::untried, |tracked| {
            let circuit = tracked.place.lock().breaker.state(now);
            tracked
                .vitals
                .lock()
                .view(circuit, self.settings.half_life, now)
        })
    }

    /// Lets a request through to `target`, or says why not.
    ///
    /// # Errors
    /// The breaker is open, or the provider or the key has all it may have.
    pub fn admit(self: &Arc<Self>, target: &TargetId, now: Instant) -> Result<Permit, Shut> {
        let tracked = self.track(target);
        let is_probe = {
            let breaker = &mut tracked.place.lock().breaker;
            let until = || match breaker.state(now) {
                CircuitState::Open { until } => Some(until),
                CircuitState::Closed | CircuitState::HalfOpen { .. } => None,
            };
            let until = until();
            breaker.admit(now).ok_or(Shut::Open { until })?
        };
        self.enter(tracked, is_probe, now)
    }

    /// The same past an open breaker: there is nobody else to ask.
    ///
    /// # Errors
    /// The provider or the key has all it may have.
    pub fn insist(self: &Arc<Self>, target: &TargetId, now: Instant) -> Result<Permit, Shut> {
        let tracked = self.track(target);
        let is_probe = tracked.place.lock().breaker.probe();
        self.enter(tracked, is_probe, now)
    }

    /// Whether what was sent to `provider` may be sent there again.
    pub fn may_repeat(&self, provider: &Arc<str>, now: Instant) -> bool {
        let provider = self.books.lock().providers.get(provider).cloned();
        provider.is_none_or(|provider| provider.lock().repeats.withdraw(now))
    }

    fn enter(
        self: &Arc<Self>,
        tracked: Arc<Tracked>,
        is_probe: bool,
        now: Instant,
    ) -> Result<Permit, Shut> {
        if let Err(shut) = tracked.enter(now) {
            if is_probe {
                tracked.place.lock().breaker.release();
            }
            return Err(shut);
        }
        tracked.vitals.lock().in_flight += 1;
        Ok(Permit::new(self.clone(), tracked, is_probe, now))
    }

    fn track(&self, target: &TargetId) -> Arc<Tracked> {
        self.books.lock().track(target, &self.settings)
    }

    fn release(&self, tracked: &Tracked, is_probe: bool) {
        {
            let mut vitals = tracked.vitals.lock();
            vitals.in_flight = vitals.in_flight.saturating_sub(1);
        }
        tracked.key.lock().flow.release();
        tracked.provider.lock().flow.release();
        if is_probe {
            tracked.place.lock().breaker.release();
        }
    }

    /// The target has answered a request that began then: what began before that is over.
    fn relieve(&self, tracked: &Tracked, began: Instant) {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.change(&tracked.key, |key| key.rest.forget(began));
        self.change(&tracked.place, |place| place.rest.forget(began));
    }

    /// Changes a rest or a breaker, and keeps count of those that are in trouble.
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

    fn close_in(&self, tracked: &Tracked, now: Instant) -> Option<Transition> {
        let circuit = &self.settings.circuit;
        self.change(&tracked.place, |place| place.breaker.succeed(circuit, now))
    }

    fn complete(
        &self,
        tracked: &Tracked,
        first_token: Option<Duration>,
        done: Done,
        began: Instant,
        now: Instant,
    ) {
        tracked
            .vitals
            .lock()
            .success(first_token, done, self.settings.half_life, now);
        tracked.key.lock().flow.grow();
        self.relieve(tracked, began);
        self.close_in(tracked, now);
    }

    fn fail(&self, tracked: &Tracked, failure: &Failure, now: Instant, dice: u64) -> Toll {
        if failure.blame == Blame::Nobody {
            return Toll::default();
        }
        let counts = failure.counts();
        if failure.class == FailureClass::RateLimit || failure.asks_to_slow_down() {
            tracked.key.lock().flow.halve();
        }
        tracked.vitals.lock().failure(self.settings.half_life, now);
        let rested = match failure.blame {
            Blame::Key => self.change(&tracked.key, |key| self.rest(&mut key.rest, failure, now)),
            Blame::Place | Blame::Nobody => self.change(&tracked.place, |place| {
                self.rest(&mut place.rest, failure, now)
            }),
        };
        let circuit = &self.settings.circuit;
        let transition = self.change(&tracked.place, |place| {
            counts
                .then(|| place.breaker.fail(circuit, now, dice))
                .flatten()
        });
        Toll {
            rested: Some(rested),
            transition,
            counts,
        }
    }

    fn rest(&self, rest: &mut Rest, failure: &Failure, now: Instant) -> Rested {
        let failures = rest.count(failure.class);
        let is_dead = failure.class == FailureClass::Auth && failures >= REFUSALS_UNTIL_DEAD;
        let wait = match failure.retry_after {
            _ if is_dead => DEAD_KEY_RETRY,
            // An upstream that says "now" has just said no: a second is the least.
            Some(asked) => asked.max(Duration::from_secs(1)),
            None => self.wait(failure.class, failures),
        };
        rest.until(failure.class, now, now + wait);
        Rested {
            class: failure.class,
            wait,
            is_dead,
        }
    }

    fn wait(&self, class: FailureClass, failures: u32) -> Duration {
        let table = &self.settings.backoffs;
        match class {
            FailureClass::RateLimit => table.rate_limit.after(failures),
            FailureClass::Auth => table.auth.after(failures),
            FailureClass::Quota => table.quota.after(failures),
            FailureClass::Timeout => table.timeout.after(failures),
            FailureClass::Network => table.network.after(failures),
            FailureClass::Server | FailureClass::Malformed => table.server.after(failures),
            FailureClass::Model => MODEL_MEMORY,
            FailureClass::Request
            | FailureClass::Capability
            | FailureClass::NotFound
            | FailureClass::Local => Duration::ZERO,
        }
    }
}

/// What can be in trouble.
trait Troubled {
    /// Whether it is not as it began.
    fn is_troubled(&self) -> bool;
}

impl Troubled for Key {
    fn is_troubled(&self) -> bool {
        self.rest.is_set()
    }
}

impl Troubled for Place {
    fn is_troubled(&self) -> bool {
        self.rest.is_set() || !self.breaker.is_closed()
    }
}

impl Place {
    fn standing(&self, now: Instant) -> Standing {
        let rest = self.rest.at(now);
        match (rest, self.breaker.state(now)) {
            (Some((_, FailureClass::Model)), _) => Standing::Unavailable,
            (_, CircuitState::Open { until }) => Standing::Open { until },
            // One probe at a time: the others take it for open.
            (_, CircuitState::HalfOpen { is_probing: true }) => Standing::Open { until: now },
            (_, CircuitState::HalfOpen { is_probing: false }) => Standing::Probe,
            (Some(_), CircuitState::Closed) => Standing::Suspect,
            (None, CircuitState::Closed) => Standing::Ready,
        }
    }
}

impl Tracked {
    /// Takes its place at the provider and at the key.
    fn enter(&self, now: Instant) -> Result<(), Shut> {
        {
            let mut provider = self.provider.lock();
            let cap = provider.cap;
            if !provider.flow.admit(cap) {
                return Err(Shut::Full);
            }
            if let Some(Err(until)) = provider.pace.as_mut().map(|pace| pace.take(now)) {
                provider.flow.release();
                return Err(Shut::Paced { until });
            }
            provider.repeats.deposit(now);
            provider.last_used = Some(now);
        }
        if self.key.lock().flow.admit(None) {
            return Ok(());
        }
        self.provider.lock().flow.release();
        Err(Shut::Full)
    }
}

impl Books {
    /// The key and the place of `target`, as far as they are in the books.
    #[expect(clippy::type_complexity, reason = "two maps, two answers")]
    fn of(&self, target: &TargetId) -> (Option<Arc<Mutex<Key>>>, Option<Arc<Mutex<Place>>>) {
        let key = self.keys.get(&target.key_id()).cloned();
        (key, self.places.get(&target.place_id()).cloned())
    }

    fn track(&mut self, target: &TargetId, settings: &Settings) -> Arc<Tracked> {
        if let Some(tracked) = self.targets.get(target) {
            return tracked.clone();
        }
        self.make_room();
        let place = || Place {
            rest: Rest::default(),
            breaker: Breaker::new(&settings.circuit),
        };
        let caps = settings
            .caps
            .get(&target.provider)
            .copied()
            .unwrap_or_default();
        let provider = || Provider {
            cap: caps.max_concurrency,
            flow: Flow::default(),
            pace: caps.max_rpm.map(Pace::new),
            repeats: Budget::new(),
            last_used: None,
        };
        let shared = |made| Arc::new(Mutex::new(made));
        let tracked = Arc::new(Tracked {
            id: target.clone(),
            vitals: Mutex::new(Vitals::new()),
            key: self.keys.entry(target.key_id()).or_default().clone(),
            place: self
                .places
                .entry(target.place_id())
                .or_insert_with(|| Arc::new(Mutex::new(place())))
                .clone(),
            provider: self
                .providers
                .entry(target.provider.clone())
                .or_insert_with(|| shared(provider()))
                .clone(),
        });
        self.targets.insert(target.clone(), tracked.clone());
        tracked
    }

    /// Forgets targets that nobody holds, and whose place is as it began.
    fn make_room(&mut self) {
        if self.targets.len() < MAX_ENTRIES {
            return;
        }
        self.targets.retain(|_, tracked| {
            Arc::strong_count(tracked) > 1 || tracked.place.lock().is_troubled()
        });
        if self.targets.len() >= MAX_ENTRIES {
            self.targets.clear();
        }
        let targets = &self.targets;
        let known: std::collections::HashSet<PlaceId> =
            targets.keys().map(TargetId::place_id).collect();
        self.places
            .retain(|id, place| known.contains(id) || place.lock().is_troubled());
    }
}

impl TargetId {
    fn key_id(&self) -> (Arc<str>, u64) {
        (self.provider.clone(), self.key)
    }

    fn place_id(&self) -> PlaceId {
        (self.provider.clone(), self.model.clone(), self.service)
    }
}

/// A factor between 0.8 and 1.2, by `dice`.
fn spread(dice: u64) -> f64 {
    let share = f64::from(u32::try_from(dice >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    0.8 + 0.4 * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Next, Stage};

    fn target(key: u64, model: &str) -> TargetId {
        TargetId {
            provider: "p".into(),
            key,
            model: model.into(),
            service: "chat",
        }
    }

    fn failure(class: FailureClass, retry_after: Option<u64>) -> Failure {
        Failure {
            class,
            stage: Stage::Answered,
            next: Next::Key,
            blame: match class {
                FailureClass::RateLimit | FailureClass::Auth | FailureClass::Quota => Blame::Key,
                FailureClass::Request => Blame::Nobody,
                _ => Blame::Place,
            },
            status: None,
            message: String::new(),
            kind: None,
            code: None,
            param: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn health() -> (Arc<Health>, Instant) {
        (Arc::new(Health::new(Settings::default())), Instant::now())
    }

    fn fail(
        health: &Arc<Health>,
        target: &TargetId,
        failure: &Failure,
        now: Instant,
    ) -> Option<Rested> {
        let permit = health.insist(target, now).expect("room");
        permit.failed(failure, now, 0).rested
    }

    #[test]
    fn a_rate_limit_rests_the_key_for_every_model_and_no_other_key() {
        let (health, now) = health();
        fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::RateLimit, Some(7)),
            now,
        );
        let until = now + Duration::from_secs(7);
        let resting = Standing::Resting {
            until,
            class: FailureClass::RateLimit,
        };
        assert_eq!(health.standing(&target(1, "b"), now), resting);
        assert_eq!(health.standing(&target(2, "a"), now), Standing::Ready);
        assert_eq!(health.standing(&target(1, "a"), until), Standing::Ready);
    }

    #[test]
    fn rests_grow_along_the_table_and_stop_at_its_maximum() {
        let (health, now) = health();
        let rest = |_| {
            let rested = fail(
                &health,
                &target(1, "a"),
                &failure(FailureClass::RateLimit, None),
                now,
            );
            rested.expect("rests").wait.as_secs()
        };
        assert_eq!(
            (0..6).map(rest).collect::<Vec<_>>(),
            [5, 10, 20, 40, 60, 60]
        );
    }

    #[test]
    fn the_second_refusal_marks_a_key_dead_and_an_hour_later_it_is_tried_again() {
        let (health, now) = health();
        let refuse = |now| {
            fail(
                &health,
                &target(1, "a"),
                &failure(FailureClass::Auth, None),
                now,
            )
            .expect("rests")
        };
        assert!(!refuse(now).is_dead);
        let dead = refuse(now + Duration::from_secs(11));
        assert!(dead.is_dead);
        let later = now + Duration::from_secs(11) + DEAD_KEY_RETRY;
        assert!(matches!(
            health.standing(&target(1, "a"), now + Duration::from_mins(50)),
            Standing::Resting { .. }
        ));
        assert_eq!(health.standing(&target(1, "a"), later), Standing::Ready);
    }

    #[test]
    fn faults_make_a_place_suspect_for_all_its_keys() {
        let (health, now) = health();
        fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::Server, None),
            now,
        );
        assert_eq!(health.standing(&target(2, "a"), now), Standing::Suspect);
        assert_eq!(health.standing(&target(1, "b"), now), Standing::Ready);
    }

    #[test]
    fn an_unknown_model_is_remembered_for_ten_minutes() {
        let (health, now) = health();
        fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::Model, None),
            now,
        );
        assert_eq!(
            health.standing(&target(1, "a"), now + Duration::from_secs(599)),
            Standing::Unavailable
        );
        assert_eq!(
            health.standing(&target(1, "a"), now + Duration::from_mins(10)),
            Standing::Ready
        );
    }

    #[test]
    fn a_success_forgets_and_a_bad_request_was_never_held_against_anybody() {
        let (health, now) = health();
        assert_eq!(
            fail(
                &health,
                &target(1, "a"),
                &failure(FailureClass::Request, None),
                now
            ),
            None
        );
        fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::RateLimit, None),
            now,
        );
        health
            .insist(&target(1, "a"), now)
            .expect("room")
            .completed(None, now);
        assert_eq!(health.standing(&target(1, "a"), now), Standing::Ready);
        let again = fail(
            &health,
            &target(1, "a"),
            &failure(FailureClass::RateLimit, None),
            now,
        );
        assert_eq!(again.expect("rests").wait, Duration::from_secs(5));
    }
}
