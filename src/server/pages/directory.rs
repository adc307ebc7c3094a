//! The providers as they are now, for people and scripts: names, keys, models, health, figures. Of a key its
//! place, its name and its state are shown, and never the key.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Failed, Named, Subject};
use crate::health::{Health, Standing, TargetId, View};
use crate::provider::Models;
use crate::proxy::problem::Problem;
use crate::proxy::shown;
use crate::route::Offer;
use crate::route::plan::Keyring;
use crate::telemetry::clock::milliseconds;

/// What conversations are called in the books of health.
const CONVERSATION: &str = "conversation";

/// All providers.
pub(super) async fn providers(State(subject): State<Subject>) -> Json<Value> {
    let rings = subject.gateway.keyrings().iter();
    let all: Vec<_> = rings
        .enumerate()
        .map(|(place, _)| Entry::new(&subject, place).summary())
        .collect();
    Json(json!({ "object": "list", "data": all }))
}

/// One of them.
pub(super) async fn provider(
    State(subject): State<Subject>,
    name: Named,
) -> Result<Json<Value>, Failed> {
    Ok(Json(find(&subject, name)?.summary()))
}

/// What it serves.
pub(super) async fn models(
    State(subject): State<Subject>,
    name: Named,
) -> Result<Json<Value>, Failed> {
    let entry = find(&subject, name)?;
    let models: Vec<_> = entry.offers.iter().map(|offer| model(offer)).collect();
    Ok(Json(
        json!({ "object": "list", "provider": entry.name(), "data": models }),
    ))
}

/// How each of its targets is.
pub(super) async fn health(
    State(subject): State<Subject>,
    name: Named,
) -> Result<Json<Value>, Failed> {
    let entry = find(&subject, name)?;
    Ok(Json(json!({
        "provider": entry.name(),
        "standing": entry.standing(),
        "keys": entry.keys(),
        "targets": entry.targets().iter().map(|target| entry.target(target)).collect::<Vec<_>>(),
    })))
}

/// What it has done, and what it may do.
pub(super) async fn metrics(
    State(subject): State<Subject>,
    name: Named,
) -> Result<Json<Value>, Failed> {
    let entry = find(&subject, name)?;
    let provider = &entry.ring.provider;
    let load = entry.health.provider_view(&provider.name, entry.now);
    let load = load.unwrap_or_default();
    let views: Vec<View> = entry
        .targets()
        .iter()
        .map(|target| entry.view(target))
        .collect();
    let total = |figure: fn(&View) -> u32| views.iter().map(figure).map(u64::from).sum::<u64>();
    let targets = entry.targets();
    let targets = targets.iter().map(|target| {
        let view = entry.view(target);
        json!({
            "model": &*target.model,
            "key": entry.place(target.key),
            "service": target.service,
            "successes": view.successes,
            "failures": view.failures,
            "success": view.success().map(shown::rounded),
            "latency_ms": view.latency.map(milliseconds),
            "p95_ms": view.p95.map(milliseconds),
            "tokens_per_second": view.tokens_per_second.map(shown::rounded),
            "in_flight": view.in_flight,
        })
    });
    Ok(Json(json!({
        "provider": entry.name(),
        "successes": total(|view| view.successes),
        "failures": total(|view| view.failures),
        "in_flight": load.in_flight,
        "limits": {
            "learned_concurrency": load.learned_limit,
            "max_concurrency": provider.max_concurrency,
            "max_rpm": provider.max_rpm,
        },
        "targets": targets.collect::<Vec<_>>(),
    })))
}

fn find(subject: &Subject, Named(name): Named) -> Result<Entry<'_>, Failed> {
    let rings = subject.gateway.keyrings();
    let place = rings.iter().position(|ring| *ring.provider.name == name);
    place
        .map(|place| Entry::new(subject, place))
        .ok_or_else(|| {
            let known = rings.iter().map(|ring| &*ring.provider.name);
            Problem::unheard_of("provider", &name, &shown::near(&name, known)).into()
        })
}

fn model(offer: &Offer) -> Value {
    let known = offer.knowledge();
    json!({
        "name": &*offer.name,
        "upstream_model": &*offer.upstream,
        "features": offer.features.map(shown::features),
        "context": known.context,
        "max_output": known.max_output,
        "price": shown::price(offer),
    })
}

/// A provider, and all that is said of it.
struct Entry<'a> {
    ring: &'a Keyring,
    health: &'a Health,
    offers: Vec<Arc<Offer>>,
    now: Instant,
}

impl<'a> Entry<'a> {
    fn new(subject: &'a Subject, place: usize) -> Self {
        let index = subject.gateway.index();
        let offers = index.offers().iter();
        Self {
            ring: &subject.gateway.keyrings()[place],
            health: subject.gateway.health(),
            offers: offers
                .filter(|offer| offer.provider == place)
                .cloned()
                .collect(),
            now: Instant::now(),
        }
    }

    fn name(&self) -> &str {
        &self.ring.provider.name
    }

    fn summary(&self) -> Value {
        let provider = &self.ring.provider;
        let dialects = provider.preset.dialects.iter();
        let load = self.health.provider_view(&provider.name, self.now);
        json!({
            "name": self.name(),
            "type": provider.preset.kind,
            "base_url": shown::address(provider),
            "dialects": dialects.map(|dialect| dialect.name()).collect::<Vec<_>>(),
            "region": provider.region,
            "weight": provider.weight,
            "models": self.offers.len(),
            "serves_everything": matches!(provider.models, Models::Everything),
            "keys": self.keys(),
            "health": { "standing": self.standing(), "in_flight": load.unwrap_or_default().in_flight },
        })
    }

    /// The keys by place and name, each with its state.
    fn keys(&self) -> Vec<Value> {
        let provider = &self.ring.provider;
        let keys = provider.keys.iter().zip(&self.ring.key_ids).zip(1..);
        keys.map(|((key, id), place)| {
            let known = self.health.key_standing(&provider.name, *id, self.now);
            let rest = known.rest.as_ref();
            let state = match rest {
                None => "ready",
                Some(rest) if rest.is_dead => "dead",
                Some(_) => "resting",
            };
            json!({
                "key": place,
                "alias": key.alias,
                "state": state,
                "class": rest.map(|rest| rest.class.name()),
                "wait_ms": rest.map(|rest| milliseconds(rest.remaining)),
                "failures": rest.map(|rest| rest.failures),
                "in_flight": known.in_flight,
                "learned_concurrency": known.learned_limit,
            })
        })
        .collect()
    }

    /// The best that can be said of any of its targets.
    fn standing(&self) -> &'static str {
        let targets = self.targets();
        let all = targets
            .iter()
            .map(|target| self.health.standing(target, self.now));
        all.min_by_key(Standing::rank)
            .map_or("ready", shown::standing)
    }

    /// What is listed, as conversations, and whatever else has been tried.
    fn targets(&self) -> Vec<TargetId> {
        let provider = &self.ring.provider;
        let keys: &[u64] = if self.ring.key_ids.is_empty() {
            &[0]
        } else {
            &self.ring.key_ids
        };
        let listed = self.offers.iter().flat_map(|offer| {
            keys.iter().map(|&key| TargetId {
                provider: provider.name.clone(),
                key,
                model: offer.name.clone(),
                service: CONVERSATION,
            })
        });
        let mut all: Vec<TargetId> = match provider.models {
            Models::Listed(_) => listed.collect(),
            // Hundreds, of which nobody asks for more than a few.
            Models::Everything => Vec::new(),
        };
        let known: HashSet<_> = all.iter().cloned().collect();
        let mut tried = self.health.targets();
        tried.retain(|target| target.provider == provider.name && !known.contains(target));
        tried.sort_by(|a, b| (&a.model, a.service, a.key).cmp(&(&b.model, b.service, b.key)));
        all.extend(tried);
        all
    }

    fn view(&self, target: &TargetId) -> View {
        self.health.view(target, self.now)
    }

    fn target(&self, target: &TargetId) -> Value {
        let standing = self.health.standing(target, self.now);
        json!({
            "model": &*target.model,
            "key": self.place(target.key),
            "service": target.service,
            "health": shown::health(&self.view(target), standing, self.now),
        })
    }

    /// The place of a key, from 1. A digest is nobody's business.
    fn place(&self, key: u64) -> Option<usize> {
        let mut keys = self.ring.key_ids.iter();
        keys.position(|id| *id == key).map(|place| place + 1)
    }
}
