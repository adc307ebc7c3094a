//! Probes: cheap questions beside the requests, so that no request has to find out what could be known.
//!
//! Dead keys are tried at the start, because a person may have revived one meanwhile, and whenever their
//! hour is over. Where `router.health_check` asks for it, providers that have been idle are asked whether
//! they are there. One question per provider at a time, and none to simulations.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::time::sleep;

use super::listing;
use crate::chat::Operation;
use crate::health::{Consequence, Finding, TargetId};
use crate::provider::Provider;
use crate::proxy::call::Endpoint;
use crate::proxy::current::Current;
use crate::proxy::gateway::Gateway;
use crate::route::plan::Keyring;

/// How often it is looked whether the hour of a dead key is over.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// A key is tried before its hour is over, so that no request tries it first.
const AHEAD: Duration = Duration::from_secs(90);

/// How long after a probe that failed its provider stays suspect beyond the next one: what that may take.
const GRACE: Duration = Duration::from_secs(20);

/// Tries dead keys: all of them now, and each of them again when its hour is over.
pub(super) async fn revive(current: Arc<Current>) {
    let mut clients = HashMap::new();
    let mut within = Duration::MAX;
    loop {
        let gateway = current.load();
        let now = Instant::now();
        let dead = gateway.health().dead_keys(now);
        for rest in dead.iter().filter(|rest| rest.remaining <= within) {
            try_key(&gateway, &rest.provider, rest.key, &mut clients).await;
        }
        within = AHEAD;
        drop(gateway);
        sleep(LOOK_EVERY).await;
    }
}

async fn try_key(
    gateway: &Gateway,
    provider: &Arc<str>,
    key: u64,
    clients: &mut HashMap<Arc<str>, (Arc<Provider>, Client)>,
) {
    let Some((ring, place)) = find(gateway.keyrings(), provider, key) else {
        return;
    };
    let known = clients.get(provider);
    if known.is_none_or(|(known, _)| !Arc::ptr_eq(known, &ring.provider)) {
        let Some(client) = client(&ring.provider).await else {
            return;
        };
        clients.insert(provider.clone(), (ring.provider.clone(), client));
    }
    if let Some((_, client)) = clients.get(provider) {
        ask(gateway, ring, client, Some(place), None).await;
    }
}

/// The key of that digest: whose it is, and its place there.
fn find<'a>(rings: &'a [Keyring], provider: &str, key: u64) -> Option<(&'a Keyring, usize)> {
    let ring = rings.iter().find(|ring| *ring.provider.name == *provider)?;
    // Simulations have no keys to speak of.
    ring.provider.base_url.as_ref()?;
    let place = ring.key_ids.iter().position(|own| *own == key)?;
    Some((ring, place))
}

async fn client(provider: &Provider) -> Option<Client> {
    let client = listing::client(provider).await;
    client
        .inspect_err(|error| tracing::error!(target: "autogw::probe", provider = &*provider.name, %error, "cannot be probed"))
        .ok()
}

/// Asks `provider` whether it is there, whenever it has been idle for `interval`.
pub(super) async fn watch(current: Arc<Current>, provider: Arc<Provider>, interval: Duration) {
    let Some(client) = client(&provider).await else {
        return;
    };
    let mut turn: usize = 0;
    loop {
        idle(&current, &provider.name, interval).await;
        let gateway = current.load();
        let mut rings = gateway.keyrings().iter();
        let Some(ring) = rings.find(|ring| Arc::ptr_eq(&ring.provider, &provider)) else {
            return;
        };
        let key = (!ring.key_ids.is_empty()).then(|| turn % ring.key_ids.len());
        turn += 1;
        ask(&gateway, ring, &client, key, Some(interval)).await;
    }
}

/// Waits until nothing has been asked of `provider` for about `interval`, from now on.
async fn idle(current: &Current, provider: &Arc<str>, interval: Duration) {
    let gateway = current.load();
    let pause = jittered(interval, gateway.next_dice());
    let health = gateway.health().clone();
    drop(gateway);
    let began = Instant::now();
    loop {
        let used = health.idle_since(provider);
        let quiet = used.map_or(began, |used| used.max(began)).elapsed();
        let Some(rest) = pause.checked_sub(quiet).filter(|rest| !rest.is_zero()) else {
            return;
        };
        sleep(rest).await;
    }
}

/// `interval` ±10 %, so that many gateways do not ask in step.
fn jittered(interval: Duration, dice: u64) -> Duration {
    let share = f64::from(u32::try_from(dice >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    interval.mul_f64(0.9 + 0.2 * share)
}

/// Asks once with the key at `place`, and lets health know. Without an `interval` only the key is of interest.
async fn ask(
    gateway: &Gateway,
    ring: &Keyring,
    client: &Client,
    place: Option<usize>,
    interval: Option<Duration>,
) {
    let provider = &ring.provider;
    let key = place.and_then(|place| provider.keys.get(place));
    let id = place.and_then(|place| ring.key_ids.get(place)).copied();
    let began = Instant::now();
    let finding = listing::probe(client, provider, key).await;
    let is_silence = matches!(finding, Finding::Silent | Finding::Unreachable);
    let wait = match interval {
        Some(interval) => interval.mul_f64(1.1) + GRACE,
        None if is_silence => return,
        None => Duration::ZERO,
    };
    let suspects = if is_silence {
        targets(gateway, ring)
    } else {
        Vec::new()
    };
    let moments = (began, Instant::now());
    let health = gateway.health();
    let consequence = health.probed(
        &provider.name,
        id.unwrap_or(0),
        finding,
        moments,
        (&suspects, wait),
    );
    tell(provider, place, finding, consequence);
}

/// What conversations at this provider go to, as far as it is known.
fn targets(gateway: &Gateway, ring: &Keyring) -> Vec<TargetId> {
    let spoken = ring.provider.preset.dialects.first();
    let endpoint = spoken.and_then(|own| Endpoint::of(*own, Operation::Generate));
    let Some(service) = endpoint.map(Endpoint::service) else {
        return Vec::new();
    };
    let index = gateway.index();
    let offers = index.offers().iter();
    let own = offers.filter(|offer| {
        let owner = &gateway.keyrings()[offer.provider].provider;
        Arc::ptr_eq(owner, &ring.provider)
    });
    let target = |model: &Arc<str>| TargetId {
        provider: ring.provider.name.clone(),
        key: ring.key_ids.first().copied().unwrap_or(0),
        model: model.clone(),
        service,
    };
    own.map(|offer| target(&offer.name)).collect()
}

fn tell(provider: &Provider, place: Option<usize>, finding: Finding, consequence: Consequence) {
    let key = place.map(|place| place + 1);
    let provider = &*provider.name;
    if consequence.is_revived {
        tracing::info!(target: "autogw::probe", provider, key, "a dead key is taken again");
    } else if consequence.is_dead {
        tracing::warn!(target: "autogw::probe", provider, key, "a key was refused again and is out of rotation");
    } else {
        tracing::debug!(target: "autogw::probe", provider, key, ?finding, "probed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth() {
        let interval = Duration::from_secs(30);
        for dice in [0, u64::MAX, u64::MAX / 2, 1 << 40] {
            let pause = jittered(interval, dice).as_secs_f64();
            assert!((26.999..33.001).contains(&pause), "{pause}");
        }
        assert!(jittered(interval, 0) < jittered(interval, u64::MAX));
    }
}
