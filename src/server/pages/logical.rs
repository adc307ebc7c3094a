//! Logical models: the names that stand for an order of targets.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Failed, Named, Subject};
use crate::config::Fidelity;
use crate::proxy::decide::word;
use crate::proxy::gateway::Gateway;
use crate::proxy::problem::Problem;
use crate::proxy::shown;
use crate::route::index::Index;
use crate::route::{Offer, StepRules};

/// The name that stands for everything there is.
const AUTO: &str = "auto";

/// All of them, `auto` last.
pub(super) async fn all(State(subject): State<Subject>) -> Json<Value> {
    let (gateway, index) = (&subject.gateway, subject.gateway.index());
    let routes = index.routes().iter();
    let mut all: Vec<Value> = routes.map(|name| route(gateway, &index, name)).collect();
    if !index.is_route(AUTO) {
        all.push(auto(gateway, &index));
    }
    Json(json!({ "object": "list", "data": all }))
}

/// One of them.
pub(super) async fn one(
    State(subject): State<Subject>,
    Named(name): Named,
) -> Result<Json<Value>, Failed> {
    let (gateway, index) = (&subject.gateway, subject.gateway.index());
    if index.is_route(&name) {
        return Ok(Json(route(gateway, &index, &name)));
    }
    if name == AUTO {
        return Ok(Json(auto(gateway, &index)));
    }
    let auto = AUTO.into();
    let known = index.routes().iter().chain(std::iter::once(&auto));
    let near = shown::near(&name, known.map(|name| &**name));
    Err(Problem::unheard_of("logical model", &name, &near).into())
}

fn route(gateway: &Gateway, index: &Index, name: &str) -> Value {
    let rules = index.route(name);
    let usual = gateway.config().router.strategy;
    let strategy = rules.and_then(|rules| rules.strategy).unwrap_or(usual);
    let steps = index.find(name, None);
    let of_all = steps.first().and_then(|step| step.rules.as_ref());
    let fallbacks = rules.iter().flat_map(|rules| &rules.fallbacks);
    let fallbacks = fallbacks.map(|fallback| {
        let on: Vec<_> = fallback.on.iter().map(|on| word(*on)).collect();
        json!({ "on": on, "route": fallback.route })
    });
    json!({
        "name": name,
        "strategy": strategy.name(),
        "timeout_s": of_all.and_then(|rules| rules.total).map(|total| total.as_secs_f64()),
        "fidelity": of_all.and_then(|rules| rules.fidelity).map(fidelity),
        "steps": steps.iter().map(|step| self::step(gateway, step)).collect::<Vec<_>>(),
        "fallbacks": fallbacks.collect::<Vec<_>>(),
    })
}

fn step(gateway: &Gateway, step: &Offer) -> Value {
    let rules = step.rules.as_ref();
    let alias = rules.and_then(|rules| rules.alias.as_deref());
    let timeout = rules.and_then(|rules: &StepRules| rules.timeout);
    json!({
        "provider": &*gateway.keyrings()[step.provider].provider.name,
        "model": &*step.name,
        "alias": alias,
        "weight": step.weight,
        "timeout_s": timeout.map(|timeout| timeout.as_secs_f64()),
    })
}

/// The first of what it stands for, where it stands for everything.
fn auto(gateway: &Gateway, index: &Index) -> Value {
    let router = &gateway.config().router;
    let steps: Vec<Value> = match &router.default_model {
        Some(model) => index
            .find(model, None)
            .iter()
            .map(|offer| step(gateway, offer))
            .collect(),
        None => index
            .offers()
            .iter()
            .map(|offer| step(gateway, offer))
            .collect(),
    };
    json!({
        "name": AUTO,
        "strategy": router.strategy.name(),
        "default_model": router.default_model,
        "timeout_s": null,
        "fidelity": null,
        "steps": steps,
        "fallbacks": [],
    })
}

fn fidelity(fidelity: Fidelity) -> &'static str {
    match fidelity {
        Fidelity::Warn => "warn",
        Fidelity::Strict => "strict",
        Fidelity::Silent => "silent",
    }
}
