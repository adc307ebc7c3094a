//! What is answered here and not by a provider: health and the list of models.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::error;
use crate::proxy::Reply;
use crate::proxy::call::Endpoint;
use crate::proxy::gateway::Gateway;
use crate::proxy::problem::Problem;
use crate::route::plan::NoTarget;

/// Paths that need no key: they tell a load balancer what it needs and nothing else.
pub const OPEN: [&str; 3] = ["/health", "/live", "/ready"];

/// Paths of dialects that later versions speak; a clear word is better than a bare 404.
const LATER: [&str; 3] = ["/messages", "/responses", "/v1beta/"];

/// Where models are listed; Google's dialect posts to `…/models/name:verb`.
const MODELS: &str = "/models/";

/// Who owns routes.
const OWN: &str = "autogw";

/// The routes.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/models", get(models))
        .route("/v1/models", get(models))
        .route("/openai/v1/models", get(models))
        .route("/models/{*id}", get(model))
        .route("/v1/models/{*id}", get(model))
        .route("/openai/v1/models/{*id}", get(model))
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing)
        .with_state(gateway)
}

/// A problem on its way out; the edge adds the request id to the headers.
struct Failed(Problem);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(PendingProblem(self.0));
        response
    }
}

/// Left in a response for the edge, which knows the request id and writes the body.
#[derive(Debug, Clone)]
pub struct PendingProblem(pub Problem);

impl PendingProblem {
    /// The finished reply.
    pub fn reply(&self, request_id: &HeaderValue) -> Reply {
        error::reply(&self.0, request_id)
    }
}

async fn health(State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "name": "autogw",
        "version": env!("CARGO_PKG_VERSION"),
        "providers": gateway.keyrings().len(),
        "models": names(&gateway).len(),
        "uptime_s": gateway.started().elapsed().as_secs(),
    }))
}

async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> (StatusCode, Json<Value>) {
    let (status, word) = match (
        gateway.is_draining(),
        gateway.has_usable_target(Instant::now()),
    ) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, true) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "no target"),
    };
    (status, Json(json!({ "status": word })))
}

/// Names of routes and models without duplicates, in config order, each with who offers it first.
fn names(gateway: &Gateway) -> Vec<(Arc<str>, Arc<str>)> {
    let index = gateway.index();
    let owner: Arc<str> = OWN.into();
    let routes = index
        .routes()
        .iter()
        .map(|name| (name.clone(), owner.clone()));
    let offers = index.offers().iter().map(|offer| {
        let provider = &gateway.keyrings()[offer.provider].provider;
        (offer.name.clone(), provider.name.clone())
    });
    let mut seen = HashSet::new();
    routes
        .chain(offers)
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect()
}

fn entry(name: &str, owner: &str) -> Value {
    // Nobody tells us when a model was made; clients want a number.
    json!({ "id": name, "object": "model", "created": 0, "owned_by": owner })
}

async fn models(State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    let data: Vec<_> = names(&gateway)
        .iter()
        .map(|(name, owner)| entry(name, owner))
        .collect();
    Json(json!({ "object": "list", "data": data }))
}

async fn model(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Failed> {
    let Path(id) = id.map_err(|rejection| Failed(Problem::bad_request(rejection.body_text())))?;
    let index = gateway.index();
    if index.routes().iter().any(|name| **name == *id) {
        return Ok(Json(entry(&id, OWN)));
    }
    if let Some(offer) = index.find(&id, None).first() {
        let owner = &gateway.keyrings()[offer.provider].provider.name;
        return Ok(Json(entry(&id, owner)));
    }
    let suggestions = index.suggest(&id);
    let reason = NoTarget::UnknownModel { suggestions };
    Err(Failed(Problem::no_target(reason, &id, None, None)))
}

async fn wrong_method(method: Method, uri: Uri) -> Failed {
    let path = uri.path();
    let names_a_verb = path
        .split_once(MODELS)
        .is_some_and(|(_, name)| name.contains(':'));
    if method == Method::POST && names_a_verb {
        return Failed(Problem::dialect_unavailable(path));
    }
    Failed(Problem::bad_method("GET"))
}

async fn nothing(uri: Uri) -> Failed {
    let path = uri.path();
    if Endpoint::at(path).is_some() {
        return Failed(Problem::bad_method("POST"));
    }
    if LATER.iter().any(|part| path.contains(part)) {
        return Failed(Problem::dialect_unavailable(path));
    }
    Failed(Problem::no_such_path(path))
}
