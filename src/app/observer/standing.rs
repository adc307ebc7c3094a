//! How a target and its breaker stand, in the words that are told.

use std::time::Instant;

use super::moment::Moment;
use crate::health::{CircuitState, Health, Standing, TargetId, View};
use crate::proxy::gateway::Gateway;
use crate::proxy::shown;
use crate::route::plan::Keyring;
use crate::telemetry::snapshot::Circuit;

/// What conversations are called in the books of health.
const CONVERSATION: &str = "conversation";

/// One target as health knows it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: TargetId,
    pub(super) standing: Standing,
    pub(super) view: View,
}

/// How much of what a provider lists is looked at, beside what has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// A few models, which stand for all that nobody has tried: an aggregator lists thousands.
    Few,
    /// As many as there is room for on a page.
    Many,
}

impl Reach {
    fn models(self) -> usize {
        match self {
            Reach::Few => 4,
            Reach::Many => 500,
        }
    }
}

/// The targets of the provider at `place`: what it lists, and what has been tried. `tried` are those of all
/// providers.
pub(super) fn targets(
    gateway: &Gateway,
    place: usize,
    tried: &[TargetId],
    reach: Reach,
    now: Instant,
) -> Vec<Known> {
    let ring = &gateway.keyrings()[place];
    let index = gateway.index();
    let offers = index.offers().iter().filter(|o| o.provider == place);
    let keys: &[u64] = if ring.key_ids.is_empty() {
        &[0]
    } else {
        &ring.key_ids
    };
    let listed = offers.take(reach.models()).flat_map(|offer| {
        keys.iter().map(|key| TargetId {
            provider: ring.provider.name.clone(),
            key: *key,
            model: offer.name.clone(),
            service: CONVERSATION,
        })
    });
    let mut ids: Vec<TargetId> = listed.collect();
    let own = tried.iter().filter(|id| is_of(ring, id));
    ids.extend(own.cloned());
    ids.sort_by(|one, other| sort_key(ring, one).cmp(&sort_key(ring, other)));
    ids.dedup();
    let health = gateway.health();
    ids.into_iter().map(|id| known(health, id, now)).collect()
}

/// Keys that were taken out of the configuration are in the books for a while.
fn is_of(ring: &Keyring, id: &TargetId) -> bool {
    let has_key = ring.key_ids.contains(&id.key) || ring.key_ids.is_empty() && id.key == 0;
    id.provider == ring.provider.name && has_key
}

fn sort_key<'a>(ring: &Keyring, id: &'a TargetId) -> (&'a str, Option<usize>, &'static str) {
    (&id.model, place(ring, id.key), id.service)
}

/// The place of a key, from 1.
pub(super) fn place(ring: &Keyring, key: u64) -> Option<usize> {
    let place = ring.key_ids.iter().position(|id| *id == key);
    place.map(|place| place + 1)
}

fn known(health: &Health, id: TargetId, now: Instant) -> Known {
    Known {
        standing: health.standing(&id, now),
        view: health.view(&id, now),
        id,
    }
}

/// The best that can be said of any of them; of none nothing bad is known.
pub(super) fn best(targets: &[Known]) -> &'static str {
    let best = targets
        .iter()
        .map(|known| known.standing)
        .min_by_key(Standing::rank);
    shown::standing(best.unwrap_or(Standing::Ready))
}

/// When a target that rests may be asked again.
pub(super) fn until(standing: Standing, moment: Moment) -> Option<u64> {
    match standing {
        Standing::Resting { until, .. } | Standing::Open { until } => Some(moment.ms(until)),
        Standing::Ready | Standing::Probe | Standing::Suspect | Standing::Unavailable => None,
    }
}

/// A breaker as it is told; `needed` successes close a half-open one.
pub(super) fn circuit(view: &View, needed: u32, moment: Moment) -> Circuit {
    let is_tried = view.since_sample().is_some() || view.circuit != CircuitState::Closed;
    Circuit {
        state: match view.circuit {
            CircuitState::Closed if !is_tried => String::new(),
            state => state.name().to_owned(),
        },
        until_ms: match view.circuit {
            CircuitState::Open { until } => Some(moment.ms(until)),
            _ => None,
        },
        successes: match view.circuit {
            CircuitState::HalfOpen { successes, .. } => successes,
            _ => 0,
        },
        needed: match view.circuit {
            CircuitState::HalfOpen { .. } => needed,
            _ => 0,
        },
    }
}

/// The breaker that is furthest open.
pub(super) fn worst(targets: &[Known], needed: u32, moment: Moment) -> Circuit {
    let circuits = targets
        .iter()
        .map(|known| circuit(&known.view, needed, moment));
    let rank = |circuit: &Circuit| match &*circuit.state {
        "open" => 3,
        "half-open" => 2,
        "closed" => 1,
        _ => 0,
    };
    circuits
        .max_by_key(|circuit| (rank(circuit), circuit.until_ms))
        .unwrap_or_default()
}
