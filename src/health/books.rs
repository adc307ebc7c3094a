//! The books: every target that was tried, and what it shares with others.
//!
//! Model names come from clients where a provider serves everything, so the books have a bound. What makes
//! room is what nobody holds: first who is well, then, if all are in trouble, anyone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::TargetId;
use super::settings::Settings;
use super::target_id::{KeyId, PlaceId};
use super::tracked::{Key, Place, Provider, Tracked, Troubled};
use super::vitals::Vitals;

/// More targets than any configuration has.
pub(super) const MAX_TARGETS: usize = 10_000;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) targets: HashMap<TargetId, Arc<Tracked>>,
    pub(super) keys: HashMap<KeyId, Arc<Mutex<Key>>>,
    pub(super) places: HashMap<PlaceId, Arc<Mutex<Place>>>,
    pub(super) providers: HashMap<Arc<str>, Arc<Mutex<Provider>>>,
    /// How many targets there may be before room is made; more than [`MAX_TARGETS`] only while so many are
    /// under way.
    room: usize,
}

/// A target's page in the books, and how many troubled places were forgotten to make room for it.
pub(super) struct Page {
    pub(super) tracked: Arc<Tracked>,
    pub(super) forgotten: usize,
}

impl Books {
    /// The key and the place of `target`, as far as they are in the books.
    #[expect(clippy::type_complexity, reason = "two maps, two answers")]
    pub(super) fn of(
        &self,
        target: &TargetId,
    ) -> (Option<Arc<Mutex<Key>>>, Option<Arc<Mutex<Place>>>) {
        let key = self.keys.get(&target.key_id()).cloned();
        (key, self.places.get(&target.place_id()).cloned())
    }

    /// The page of `target`, a new one if need be.
    pub(super) fn track(
        &mut self,
        target: &TargetId,
        settings: &ArcSwap<Settings>,
        now: Instant,
    ) -> Page {
        if let Some(tracked) = self.targets.get(target) {
            return Page {
                tracked: tracked.clone(),
                forgotten: 0,
            };
        }
        let forgotten = self.make_room(now);
        // Read while the books are held: who changes the settings looks through the books afterwards.
        let settings = settings.load();
        let place = self.places.entry(target.place_id());
        let place = place.or_insert_with(|| Arc::new(Mutex::new(Place::new(&settings))));
        let caps = settings.caps.get(&target.provider).copied();
        let provider = self.providers.entry(target.provider.clone());
        let provider = provider
            .or_insert_with(|| Arc::new(Mutex::new(Provider::new(caps.unwrap_or_default()))));
        let tracked = Arc::new(Tracked {
            id: target.clone(),
            vitals: Mutex::new(Vitals::new()),
            key: self.keys.entry(target.key_id()).or_default().clone(),
            place: place.clone(),
            provider: provider.clone(),
        });
        self.targets.insert(target.clone(), tracked.clone());
        Page { tracked, forgotten }
    }

    /// Forgets half of the targets where there are too many; says how many troubled places went with them.
    fn make_room(&mut self, now: Instant) -> usize {
        if self.targets.len() < self.room.max(MAX_TARGETS) {
            return 0;
        }
        let is_held = |tracked: &Arc<Tracked>| Arc::strong_count(tracked) > 1;
        self.targets
            .retain(|_, tracked| is_held(tracked) || tracked.place.lock().matters(now));
        if self.targets.len() > MAX_TARGETS / 2 {
            self.targets.retain(|_, tracked| is_held(tracked));
        }
        self.room = self.targets.len() * 2;
        self.drop_places()
    }

    fn drop_places(&mut self) -> usize {
        let known: HashSet<PlaceId> = self.targets.keys().map(TargetId::place_id).collect();
        let mut forgotten = 0;
        self.places.retain(|id, place| {
            let stays = known.contains(id);
            forgotten += usize::from(!stays && place.lock().is_troubled());
            stays
        });
        forgotten
    }
}
