//! Inspection: what pages show, what outlives the process, and what probes ask of health.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::target_id::KeyId;
use super::tracked::Key;
use super::{Health, TargetId, later};
use crate::chat::FailureClass;
use crate::provider::limits::Limits;

/// Longest rest that is believed when it comes from outside: a dead key's hour and a quota's fit in.
const LONGEST_RESTORED: Duration = Duration::from_hours(24);

/// A key that rests or is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestView {
    /// Name of its provider.
    pub provider: Arc<str>,
    /// Its digest.
    pub key: u64,
    /// Why it rests.
    pub class: FailureClass,
    /// For how long yet; zero for a dead key that waits for its probe.
    pub remaining: Duration,
    /// Failures of that class in a row.
    pub failures: u32,
    /// Whether it is out of rotation.
    pub is_dead: bool,
}

/// How a key is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyStanding {
    /// Its rest, if it has one.
    pub rest: Option<RestView>,
    /// Requests under way with it.
    pub in_flight: u32,
    /// How many there may be at once, as the upstream's protests taught.
    pub learned_limit: Option<u32>,
    /// What its upstream last said of its limits, and when.
    pub limits: Option<(Limits, Instant)>,
}

/// How a provider is doing as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProviderView {
    /// Requests under way.
    pub in_flight: u32,
    /// How many there may be at once, as configured.
    pub cap: Option<u32>,
    /// The lowest limit that protests taught for one of its keys.
    pub learned_limit: Option<u32>,
    /// When it was last asked anything.
    pub last_used: Option<Instant>,
}

impl Health {
    /// The keys that rest at `now`, and the dead ones.
    pub fn rests(&self, now: Instant) -> Vec<RestView> {
        let keys = self.keys();
        let mut rests: Vec<RestView> = keys
            .iter()
            .filter_map(|(id, key)| key.lock().rest_view(id, now))
            .collect();
        rests.sort_by(|one, other| (&one.provider, one.key).cmp(&(&other.provider, other.key)));
        rests
    }

    /// The keys that are out of rotation.
    pub fn dead_keys(&self, now: Instant) -> Vec<RestView> {
        let mut rests = self.rests(now);
        rests.retain(|rest| rest.is_dead);
        rests
    }

    /// Goes on with a rest from an earlier life of this process.
    pub fn restore(&self, provider: &Arc<str>, key: u64, rest: &RestView, now: Instant) {
        let id = (provider.clone(), key);
        let key = self.books.lock().keys.entry(id).or_default().clone();
        let end = later(now, rest.remaining.min(LONGEST_RESTORED));
        self.change(&key, |key| {
            key.rest.restore(rest.class, rest.failures, now, end);
        });
    }

    /// A key is as good as new: its configuration changed, or a person says so. Whether it was in the books.
    pub fn revive(&self, provider: &Arc<str>, key: u64) -> bool {
        let id = (provider.clone(), key);
        let known = self.books.lock().keys.get(&id).cloned();
        if let Some(key) = &known {
            self.change(key, |key| {
                key.rest = super::rest::Rest::default();
                key.spent = super::spent::Spent::default();
            });
        }
        known.is_some()
    }

    /// How a key is doing at `now`.
    pub fn key_standing(&self, provider: &Arc<str>, key: u64, now: Instant) -> KeyStanding {
        let id = (provider.clone(), key);
        let known = self.books.lock().keys.get(&id).cloned();
        known.map_or_else(KeyStanding::default, |key| {
            let key = key.lock();
            KeyStanding {
                rest: key.rest_view(&id, now),
                in_flight: key.flow.in_flight(),
                learned_limit: key.flow.learned(now),
                limits: key.headroom.told(),
            }
        })
    }

    /// How a provider is doing at `now`; `None` if nothing was asked of it yet.
    pub fn provider_view(&self, provider: &Arc<str>, now: Instant) -> Option<ProviderView> {
        let known = self.books.lock().providers.get(provider).cloned()?;
        let keys = self.keys();
        let own = keys.iter().filter(|((owner, _), _)| owner == provider);
        let learned_limit = own
            .filter_map(|(_, key)| key.lock().flow.learned(now))
            .min();
        let known = known.lock();
        Some(ProviderView {
            in_flight: known.flow.in_flight(),
            cap: known.cap,
            learned_limit,
            last_used: known.last_used,
        })
    }

    /// Since when nothing was asked of a provider; `None` if nothing ever was.
    pub fn idle_since(&self, provider: &Arc<str>) -> Option<Instant> {
        let known = self.books.lock().providers.get(provider).cloned()?;
        known.lock().last_used
    }

    /// Every target that was tried, in no order.
    pub fn targets(&self) -> Vec<TargetId> {
        self.books.lock().targets.keys().cloned().collect()
    }

    fn keys(&self) -> Vec<(KeyId, Arc<parking_lot::Mutex<Key>>)> {
        let books = self.books.lock();
        let keys = books.keys.iter();
        keys.map(|(id, key)| (id.clone(), key.clone())).collect()
    }
}

impl Key {
    fn rest_view(&self, id: &KeyId, now: Instant) -> Option<RestView> {
        let is_dead = self.rest.is_dead();
        let waiting = is_dead.then_some((now, FailureClass::Auth));
        let (until, class) = self.resting(now).or(waiting)?;
        Some(RestView {
            provider: id.0.clone(),
            key: id.1,
            class,
            remaining: until.saturating_duration_since(now),
            failures: self.rest.failures(class),
            is_dead,
        })
    }
}
