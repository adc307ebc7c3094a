//! `/metrics`: what is counted, and how things stand at this moment, for Prometheus. Of a key its place is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use super::Subject;
use crate::health::{CircuitState, Health};
use crate::proxy::gateway::Gateway;
use crate::route::plan::Keyring;
use crate::telemetry::metrics::exposition::{CONTENT_TYPE, Kind, Page};
use crate::telemetry::snapshot::Phase;
use crate::telemetry::tunnel::Board;

/// The page.
pub(super) async fn page(State(subject): State<Subject>) -> Response {
    let text = written(&subject.gateway, &subject.board, Instant::now());
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

fn written(gateway: &Gateway, board: &Board, now: Instant) -> String {
    let mut page = Page::default();
    process(&mut page, gateway, now);
    traffic(&mut page, gateway);
    let metrics = gateway.metrics();
    metrics.set_generation(gateway.generation());
    metrics.set_captures(gateway.capture().is_on());
    metrics.write(&mut page);
    breakers(&mut page, gateway, now);
    keys(&mut page, gateway, now);
    tunnels(&mut page, board);
    page.into_text()
}

fn process(page: &mut Page, gateway: &Gateway, now: Instant) {
    let name = "autogw_build_info";
    page.family(name, Kind::Gauge, "Always 1; which program this is.");
    page.sample(name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let uptime = now.saturating_duration_since(gateway.started());
    let help = "How long it has been running.";
    page.single("autogw_uptime_seconds", Kind::Gauge, help, uptime.as_secs());
    let draining = u8::from(gateway.is_draining());
    let help = "Whether it is ending.";
    page.single("autogw_draining", Kind::Gauge, help, draining);
}

fn traffic(page: &mut Page, gateway: &Gateway) {
    let rows = gateway.live().rows();
    let queued = rows.iter().filter(|row| row.phase == Phase::Queued);
    let (here, queued) = (gateway.live().count(), queued.count());
    let help = "Requests under way.";
    page.single("autogw_in_flight_requests", Kind::Gauge, help, here);
    page.single("proxy_active_requests", Kind::Gauge, help, here);
    let help = "Of those: for which nobody has been asked yet.";
    page.single("autogw_queued_requests", Kind::Gauge, help, queued);
    let (_, bytes) = gateway.house().occupancy();
    let help = "Bytes of request bodies that are held.";
    page.single("autogw_buffered_bytes", Kind::Gauge, help, bytes);
    let refused = gateway.hedges().refused();
    let name = "autogw_hedges_refused_total";
    let help = "Second attempts that the budget forbade.";
    page.single(name, Kind::Counter, help, refused);
}

/// The breaker of each place that was tried; where several services have one, the one furthest open.
fn breakers(page: &mut Page, gateway: &Gateway, now: Instant) {
    let health = gateway.health();
    let mut worst: BTreeMap<(Arc<str>, Arc<str>), &'static str> = BTreeMap::new();
    for target in health.targets() {
        let state = state(health.view(&target, now).circuit);
        let names = gateway.metrics().known(&target.provider, &target.model);
        let entry = worst.entry(names).or_insert(STATES[0]);
        if rank(state) > rank(entry) {
            *entry = state;
        }
    }
    let name = "autogw_breaker_state";
    let help = "The circuit breaker of a model at its provider: 1 at the state that it is in.";
    page.family(name, Kind::Gauge, help);
    for ((provider, model), is) in &worst {
        for state in STATES {
            let labels = [
                ("provider", &**provider),
                ("model", model),
                ("state", state),
            ];
            page.sample(name, &labels, u8::from(state == *is));
        }
    }
}

/// States of a breaker, the healthiest first.
const STATES: [&str; 3] = ["closed", "half_open", "open"];

fn state(circuit: CircuitState) -> &'static str {
    match circuit {
        CircuitState::Closed => STATES[0],
        CircuitState::HalfOpen { .. } => STATES[1],
        CircuitState::Open { .. } => STATES[2],
    }
}

fn rank(state: &str) -> Option<usize> {
    STATES.iter().position(|one| *one == state)
}

fn keys(page: &mut Page, gateway: &Gateway, now: Instant) {
    let health: &Health = gateway.health();
    let rings: Vec<&Keyring> = gateway.keyrings().iter().collect();
    let name = "autogw_provider_in_flight";
    page.family(name, Kind::Gauge, "Requests under way at a provider.");
    for ring in &rings {
        let provider = &ring.provider.name;
        let view = health.provider_view(provider, now).unwrap_or_default();
        page.sample(name, &[("provider", provider)], view.in_flight);
    }
    let mut resting = Vec::new();
    let name = "autogw_keys";
    page.family(name, Kind::Gauge, "Keys of a provider, by how they are.");
    for ring in &rings {
        let provider = &*ring.provider.name;
        let [mut ready, mut rest, mut dead] = [0_u32; 3];
        for (id, place) in ring.key_ids.iter().zip(1..) {
            match health.key_standing(&ring.provider.name, *id, now).rest {
                None => ready += 1,
                Some(view) => {
                    let count = if view.is_dead { &mut dead } else { &mut rest };
                    *count += 1;
                    resting.push((provider, place, view));
                }
            }
        }
        for (state, count) in [("ready", ready), ("resting", rest), ("dead", dead)] {
            page.sample(name, &[("provider", provider), ("state", state)], count);
        }
    }
    let name = "autogw_key_rest_seconds";
    let help = "How long a key that rests will go on doing so, by its place from 1.";
    page.family(name, Kind::Gauge, help);
    for (provider, place, view) in resting {
        let place: u32 = place;
        let labels = [
            ("provider", provider),
            ("key", &*place.to_string()),
            ("class", view.class.name()),
        ];
        page.sample(name, &labels, view.remaining.as_secs_f64());
    }
}

fn tunnels(page: &mut Page, board: &Board) {
    let statuses = board.statuses();
    let name = "autogw_tunnel_up";
    let help = "Whether requests can come through a tunnel.";
    page.family(name, Kind::Gauge, help);
    for (tunnel, status) in &statuses {
        let up = u8::from(status.is_up());
        page.sample(name, &[("tunnel", tunnel.name())], up);
    }
    let name = "autogw_tunnel_restarts_total";
    page.family(name, Kind::Counter, "How often a tunnel came back.");
    for (tunnel, status) in &statuses {
        page.sample(name, &[("tunnel", tunnel.name())], status.restarts);
    }
}
