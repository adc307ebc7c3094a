//! Unsupported: which parameters a provider's model refused, so that it is not asked a second time.
//!
//! A day later they are tried again: models learn. Both names and parameters may come from outside, so
//! the memory is small, and when it is full the oldest goes. While nothing is known it takes no lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long a refusal is believed.
const MEMORY: Duration = Duration::from_hours(24);

/// Models of which something is remembered: more than a gateway serves, small enough to search.
const MAX_MODELS: usize = 1_000;

/// Parameters of one model: no request carries more that a model could refuse.
const MAX_PARAMETERS: usize = 16;

/// The refusals of the last day.
#[derive(Debug, Default)]
pub struct Unsupported {
    models: AtomicUsize,
    refused: Mutex<HashMap<Place, Vec<Refused>>>,
}

/// Provider and model.
type Place = (Arc<str>, Arc<str>);

/// A parameter, and when it was refused last.
#[derive(Debug)]
struct Refused {
    parameter: Arc<str>,
    at: Instant,
}

impl Refused {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < MEMORY
    }
}

impl Unsupported {
    /// Remembers that `model` at `provider` refused `parameter`; whether that is news.
    ///
    /// To be called once the request went through without it: only then the parameter was to blame.
    pub fn record(
        &self,
        provider: &Arc<str>,
        model: &Arc<str>,
        parameter: &str,
        now: Instant,
    ) -> bool {
        let mut refused = self.refused.lock();
        let place = (provider.clone(), model.clone());
        if !refused.contains_key(&place) {
            make_room(&mut refused, now);
        }
        let is_news = remember(refused.entry(place).or_default(), parameter, now);
        self.models.store(refused.len(), Ordering::Relaxed);
        is_news
    }

    /// Whether nothing was refused by anybody.
    pub fn is_empty(&self) -> bool {
        self.models.load(Ordering::Relaxed) == 0
    }

    /// What `model` at `provider` refused within the last day, in the upstream's spelling.
    pub fn of(&self, provider: &Arc<str>, model: &Arc<str>, now: Instant) -> Vec<Arc<str>> {
        if self.is_empty() {
            return Vec::new();
        }
        let refused = self.refused.lock();
        let known = refused.get(&(provider.clone(), model.clone()));
        let fresh = known.into_iter().flatten().filter(|one| one.is_fresh(now));
        fresh.map(|one| one.parameter.clone()).collect()
    }
}

fn remember(known: &mut Vec<Refused>, parameter: &str, now: Instant) -> bool {
    known.retain(|one| one.is_fresh(now));
    if let Some(one) = known.iter_mut().find(|one| &*one.parameter == parameter) {
        one.at = now;
        return false;
    }
    if known.len() >= MAX_PARAMETERS {
        let oldest = (0..known.len()).min_by_key(|at| known[*at].at);
        known.swap_remove(oldest.unwrap_or_default());
    }
    known.push(Refused {
        parameter: parameter.into(),
        at: now,
    });
    true
}

fn make_room(refused: &mut HashMap<Place, Vec<Refused>>, now: Instant) {
    if refused.len() < MAX_MODELS {
        return;
    }
    refused.retain(|_, known| known.iter().any(|one| one.is_fresh(now)));
    if refused.len() >= MAX_MODELS {
        let last = |known: &Vec<Refused>| known.iter().map(|one| one.at).max();
        let oldest = refused.iter().min_by_key(|(_, known)| last(known));
        if let Some(place) = oldest.map(|(place, _)| place.clone()) {
            refused.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Arc<str> {
        name.into()
    }

    fn known(memory: &Unsupported, model: &str, now: Instant) -> Vec<Arc<str>> {
        memory.of(&name("p"), &name(model), now)
    }

    #[test]
    fn a_refusal_is_remembered_for_its_provider_and_model_and_no_other() {
        let (memory, now) = (Unsupported::default(), Instant::now());
        assert!(known(&memory, "a", now).is_empty());
        assert!(memory.record(&name("p"), &name("a"), "top_k", now));
        assert!(memory.record(&name("p"), &name("a"), "seed", now));
        assert_eq!(known(&memory, "a", now), [name("top_k"), name("seed")]);
        assert!(known(&memory, "b", now).is_empty());
        assert!(memory.of(&name("q"), &name("a"), now).is_empty());
    }

    #[test]
    fn a_day_later_it_is_forgotten_unless_it_happened_again() {
        let (memory, now) = (Unsupported::default(), Instant::now());
        memory.record(&name("p"), &name("a"), "top_k", now);
        let evening = now + Duration::from_hours(23);
        assert!(!memory.record(&name("p"), &name("a"), "top_k", evening));
        assert_eq!(known(&memory, "a", now + MEMORY), [name("top_k")]);
        assert!(known(&memory, "a", evening + MEMORY).is_empty());
        assert!(memory.record(&name("p"), &name("a"), "top_k", evening + MEMORY));
    }

    #[test]
    fn a_model_keeps_its_latest_refusals() {
        let (memory, now) = (Unsupported::default(), Instant::now());
        for number in 0..=MAX_PARAMETERS {
            let at = now + Duration::from_secs(number as u64);
            memory.record(&name("p"), &name("a"), &format!("x{number}"), at);
        }
        let known = known(&memory, "a", now + Duration::from_mins(1));
        assert_eq!(known.len(), MAX_PARAMETERS);
        assert!(!known.contains(&name("x0")) && known.contains(&name("x1")));
    }

    #[test]
    fn the_memory_is_bounded_and_the_oldest_model_goes() {
        let (memory, now) = (Unsupported::default(), Instant::now());
        for number in 0..=MAX_MODELS {
            let at = now + Duration::from_millis(number as u64);
            memory.record(&name("p"), &name(&format!("m{number}")), "seed", at);
        }
        assert_eq!(memory.refused.lock().len(), MAX_MODELS);
        let later = now + Duration::from_mins(1);
        assert!(known(&memory, "m0", later).is_empty());
        assert_eq!(known(&memory, "m1", later), [name("seed")]);
        memory.record(
            &name("p"),
            &name("new"),
            "seed",
            now + Duration::from_hours(25),
        );
        assert_eq!(memory.refused.lock().len(), 1);
    }
}
