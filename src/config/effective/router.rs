//! `router` and `routes` as they hold.

use std::time::Duration;

use serde_json::Value;

use super::sheet::{Sheet, path, size, span};
use crate::config::scalar::Named;
use crate::config::{Backoff, Backoffs, Circuit, Config, Route, Router, Step, Timeouts};

/// Every setting of `router`.
pub(super) fn router(config: &Config, sheet: &mut Sheet<'_>) {
    let router = &config.router;
    sheet.put("router.strategy", router.strategy.name());
    sheet.put("router.retries", router.retries);
    sheet.put("router.max_attempts", router.max_attempts);
    timeouts(router.timeouts, sheet);
    sheet.put("router.commit_hold", or_off(router.commit_hold));
    sheet.put("router.default_model", router.default_model.clone());
    sheet.put("router.on_unknown_model", name(router.on_unknown_model));
    circuit(&router.circuit, sheet);
    backoffs(&router.backoff, sheet);
    sheet.put("router.strip_unsupported", router.strip_unsupported);
    sheet.put("router.retry_ambiguous", router.retry_ambiguous);
    sheet.put("router.continue_stream", router.continue_stream);
    sheet.put("router.fidelity", name(router.fidelity));
    sheet.put("router.hot_reload", router.hot_reload);
    memory(router, sheet);
    choice(router, sheet);
    patience(router, sheet);
    let state = router.persistence_path.as_deref();
    sheet.put("router.persistence_path", state.map_or_else(off, path));
}

fn timeouts(timeouts: Timeouts, sheet: &mut Sheet<'_>) {
    for (key, value) in [
        ("connect", timeouts.connect),
        ("first_token", timeouts.first_token),
        ("idle", timeouts.idle),
        ("response", timeouts.response),
        ("total", timeouts.total),
        ("stream_total", timeouts.stream_total),
    ] {
        // `router.timeout` is the short word for three of them.
        let short: &[&str] = match key {
            "first_token" | "idle" | "response" => &["router.timeout"],
            _ => &[],
        };
        sheet.put_as(format!("router.timeouts.{key}"), span(value), short);
    }
}

fn circuit(circuit: &Circuit, sheet: &mut Sheet<'_>) {
    sheet.put("router.circuit.threshold", circuit.threshold);
    sheet.put("router.circuit.ratio", circuit.ratio);
    sheet.put("router.circuit.min_samples", circuit.min_samples);
    sheet.put("router.circuit.window", span(circuit.window));
    sheet.put("router.circuit.open", span(circuit.open));
    sheet.put("router.circuit.open_max", span(circuit.open_max));
    sheet.put("router.circuit.successes", circuit.successes);
}

fn backoffs(backoffs: &Backoffs, sheet: &mut Sheet<'_>) {
    for (class, backoff) in [
        ("rate_limit", backoffs.rate_limit),
        ("auth", backoffs.auth),
        ("quota", backoffs.quota),
        ("timeout", backoffs.timeout),
        ("network", backoffs.network),
        ("server", backoffs.server),
    ] {
        let Backoff { first, factor, max } = backoff;
        let at = |key: &str| format!("router.backoff.{class}.{key}");
        sheet.put(at("first"), span(first));
        sheet.put(at("factor"), factor);
        sheet.put(at("max"), span(max));
    }
}

fn memory(router: &Router, sheet: &mut Sheet<'_>) {
    match router.conversations {
        None => sheet.put("router.conversations", off()),
        Some(kept) => {
            sheet.put("router.conversations.max_bytes", size(kept.max_bytes));
            sheet.put("router.conversations.ttl", span(kept.ttl));
        }
    }
    match router.capture {
        None => sheet.put("router.capture", off()),
        Some(capture) => {
            sheet.put("router.capture.max_bytes", size(capture.max_bytes));
            sheet.put("router.capture.entries", capture.entries);
        }
    }
}

fn choice(router: &Router, sheet: &mut Sheet<'_>) {
    match &router.small_models {
        None => sheet.put("router.small_models", off()),
        Some(small) => {
            sheet.put("router.small_models.names", small.names.clone());
            sheet.put("router.small_models.factor", small.factor);
        }
    }
    sheet.put("router.bandit.half_life", span(router.bandit.half_life));
    sheet.put("router.weighted.profile", name(router.weighted.profile));
    sheet.put("router.affinity.ttl", span(router.affinity.ttl));
    sheet.put("router.affinity.prefix", router.affinity.prefix);
}

fn patience(router: &Router, sheet: &mut Sheet<'_>) {
    match router.hedge {
        None => sheet.put("router.hedge", off()),
        Some(hedge) => {
            let after = hedge.after.map_or_else(|| "p95".into(), span);
            sheet.put("router.hedge.after", after);
            sheet.put("router.hedge.max_ratio", hedge.max_ratio);
        }
    }
    match router.first_token_gate {
        None => sheet.put("router.first_token_gate", off()),
        Some(gate) => {
            sheet.put("router.first_token_gate.factor", gate.factor);
            sheet.put("router.first_token_gate.least", span(gate.least));
        }
    }
    match router.health_check {
        None => sheet.put("router.health_check", off()),
        Some(check) => sheet.put("router.health_check.interval", span(check.interval)),
    }
    let limits = router.limits;
    sheet.put("router.limits.in_flight", limits.in_flight);
    sheet.put("router.limits.buffered_bytes", size(limits.buffered_bytes));
    sheet.put("router.limits.wait", span(limits.wait));
}

/// Every setting of a logical model that is set; a route has no defaults but the router's.
pub(super) fn route(index: usize, route: &Route, sheet: &mut Sheet<'_>) {
    let at = |key: &str| format!("routes[{index}].{key}");
    sheet.put(at("name"), route.name.clone());
    if let Some(strategy) = route.strategy {
        sheet.put(at("strategy"), strategy.name());
    }
    if let Some(timeout) = route.timeout {
        sheet.put(at("timeout"), span(timeout));
    }
    if let Some(fidelity) = route.fidelity {
        sheet.put(at("fidelity"), name(fidelity));
    }
    for (place, one) in route.steps.iter().enumerate() {
        step(&at(&format!("steps[{place}]")), one, sheet);
    }
    if let Some(hedge) = route.hedge {
        let after = hedge.after.map_or_else(|| "p95".into(), span);
        sheet.put_as(at("hedge.after"), after, &[&at("hedge")]);
        sheet.put_as(at("hedge.max_ratio"), hedge.max_ratio, &[&at("hedge")]);
    }
    for (place, fallback) in route.fallbacks.iter().enumerate() {
        let at = at(&format!("fallbacks[{place}]"));
        let on: Vec<&str> = fallback.on.iter().map(|on| name(*on)).collect();
        sheet.put(format!("{at}.on"), on);
        sheet.put(format!("{at}.route"), fallback.route.clone());
    }
}

fn step(at: &str, step: &Step, sheet: &mut Sheet<'_>) {
    sheet.put(format!("{at}.provider"), step.provider.clone());
    sheet.put(format!("{at}.model"), step.model.clone());
    if let Some(alias) = &step.alias {
        sheet.put(format!("{at}.alias"), alias.clone());
    }
    if let Some(weight) = step.weight {
        sheet.put(format!("{at}.weight"), weight);
    }
    if let Some(timeout) = step.timeout {
        sheet.put(format!("{at}.timeout"), span(timeout));
    }
    if let Some(kept) = step.conflict_resolution {
        sheet.put(format!("{at}.conflict_resolution"), name(kept));
    }
}

/// The word of a configuration for a value.
pub(super) fn name<T: Named + PartialEq>(value: T) -> &'static str {
    let mut names = T::NAMES.iter();
    names
        .find(|(_, one)| *one == value)
        .map_or("?", |(name, _)| name)
}

pub(super) fn off() -> Value {
    "off".into()
}

fn or_off(duration: Option<Duration>) -> Value {
    duration.map_or_else(off, span)
}
