//! Which gateway it is, and how it was last configured.

use super::Facts;
use crate::proxy::gateway::Gateway;
use crate::telemetry::bus::Bus;
use crate::telemetry::snapshot::{About, Steering};

/// Most names that are told of what may be asked for.
const MOST_OFFERS: usize = 100;

/// Longer names are nobody's choice.
const LONGEST_NAME: usize = 128;

/// What is said of the gateway itself.
pub(super) fn about(facts: &Facts, gateway: &Gateway, bus: &Bus, steering: &Steering) -> About {
    let config = gateway.config();
    let strategy = steering.strategy.as_deref();
    About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        instance: facts.instance.clone(),
        name: facts.name.clone(),
        started_ms: facts.started_ms,
        url: facts.url.clone(),
        config: config.origins.file().to_owned(),
        strategy: strategy.unwrap_or(config.router.strategy.name()).to_owned(),
        generation: gateway.generation(),
        reloaded: facts.reloaded(),
        is_draining: gateway.is_draining(),
        captures: gateway.capture().is_on(),
        watchers: u32::try_from(bus.watchers()).unwrap_or(u32::MAX),
        needs_key: !config.server.api_keys.is_empty(),
        example_model: example(gateway),
        offers: offers(gateway),
    }
}

/// Routes, then models, each once: an aggregator lists thousands of models, and the first ones stand for them.
fn offers(gateway: &Gateway) -> Vec<String> {
    let index = gateway.index();
    let routes = index.routes().iter().map(ToString::to_string);
    let models = index.offers().iter().map(|offer| offer.name.to_string());
    let mut offers: Vec<String> = Vec::new();
    for name in routes.chain(models) {
        if offers.len() >= MOST_OFFERS {
            break;
        }
        if name.len() <= LONGEST_NAME && !offers.contains(&name) {
            offers.push(name);
        }
    }
    offers
}

/// A model that a first request may ask for: a route before a model, and nothing that is no chat.
fn example(gateway: &Gateway) -> String {
    let index = gateway.index();
    if let Some(route) = index.routes().first() {
        return route.to_string();
    }
    let names = index.offers().iter().map(|offer| &offer.name);
    let is_chat = |name: &&std::sync::Arc<str>| !name.contains("embed");
    let mut names = names.filter(is_chat);
    names.next().map(ToString::to_string).unwrap_or_default()
}
