//! What is answered here and not by a provider: health, the list of models, and how routing stands.

mod directory;
mod logical;
mod metrics;
mod routing;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Extension, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::door::Reach;
use super::{error, models};
use crate::chat::Dialect;
use crate::proxy::Reply;
use crate::proxy::body::Body;
use crate::proxy::gateway::Gateway;
use crate::proxy::ingress::{Ingress, Tongue};
use crate::proxy::problem::Problem;
use crate::route::Scope;
use crate::route::plan::NoTarget;
use crate::telemetry::tunnel::{self, Board};

/// Paths that need no key: they tell a load balancer what it needs and nothing else.
pub const OPEN: [&str; 3] = ["/health", "/live", "/ready"];

/// Who owns routes.
const OWN: &str = "autogw";

/// Beginnings of what a public door shows. Everything that tells of the gateway itself, or steers it, is
/// left out; so a page that is added stays behind the local door until it is named here.
const PUBLIC: [&str; 8] = [
    "/v1/",
    "/v1beta/",
    "/openai/v1/",
    "/anthropic/v1/",
    "/gemini/",
    "/models",
    "/messages",
    "/responses",
];

/// The metrics, which ask for a key unless only this machine can ask.
const METRICS: &str = "/metrics";

/// Where it is asked what would become of a request.
const DECIDE: &str = "/routing/decide";

/// Below it are the sessions.
const SESSIONS: &str = "/routing/sessions/";

/// Whether a request with `method` to the page at `path` has a body that is read.
pub fn takes_body(method: &Method, path: &str) -> bool {
    *method == Method::POST && path.strip_suffix('/').unwrap_or(path) == DECIDE
}

/// Whether the metrics are at `path`.
pub fn is_metrics(path: &str) -> bool {
    path.strip_suffix('/').unwrap_or(path) == METRICS
}

/// Whether a public door shows `path`, beside the endpoints that are routed to providers.
pub fn is_public(path: &str) -> bool {
    let is_public = PUBLIC.iter().any(|start| path.starts_with(start));
    is_public || OPEN.contains(&path) || path == METRICS
}

/// Where models are listed.
const LISTINGS: [&str; 7] = [
    "/models",
    "/v1/models",
    "/openai/v1/models",
    "/anthropic/v1/models",
    "/v1beta/models",
    "/gemini/v1/models",
    "/gemini/v1beta/models",
];

/// What the pages of one door tell of.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The models that exist here; `None` is all.
    pub scope: Option<Arc<Scope>>,
    /// How the tunnels are.
    pub board: Board,
    /// The turn of a rehearsal: see `routing::decide`.
    pub rehearsing: Arc<Semaphore>,
}

/// The routes.
pub fn router(subject: Subject) -> Router {
    let pages = Router::new()
        .route("/health", get(health))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route(METRICS, get(metrics::page));
    let pages = LISTINGS.iter().fold(pages, |pages, path| {
        pages
            .route(path, get(listing))
            .route(&format!("{path}/{{*id}}"), get(model))
    });
    pages
        .merge(routing())
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing)
        .with_state(subject)
}

/// How routing stands, for the owner of the gateway.
fn routing() -> Router<Subject> {
    Router::new()
        .route("/providers", get(directory::providers))
        .route("/providers/{name}", get(directory::provider))
        .route("/providers/{name}/models", get(directory::models))
        .route("/providers/{name}/health", get(directory::health))
        .route("/providers/{name}/metrics", get(directory::metrics))
        .route("/logical-models", get(logical::all))
        .route("/logical-models/{name}", get(logical::one))
        // The edge has collected it, and knows how large it may be.
        .route(
            DECIDE,
            post(routing::decide).layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/routing/sessions/{id}",
            get(routing::session).delete(routing::forget),
        )
        .route("/routing/requests", get(routing::requests))
        .route("/routing/requests/{id}", get(routing::request))
}

/// The holder of the key that a request came with, as the edge has recognised it.
#[derive(Debug, Clone)]
pub struct Client(pub Arc<str>);

/// The name in a path, decoded.
struct Named(String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        match name {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text()).into()),
        }
    }
}

/// A problem on its way out; the edge adds the request id to the headers.
struct Failed {
    problem: Box<Problem>,
    /// What is told beside it: how routing came to have nobody to ask.
    decision: Option<Value>,
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            decision: None,
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = self.problem.status;
        let pending = PendingProblem {
            problem: self.problem,
            decision: self.decision,
        };
        response.extensions_mut().insert(pending);
        response
    }
}

/// Left in a response for the edge, which knows the request id and writes the body.
#[derive(Debug, Clone)]
pub struct PendingProblem {
    problem: Box<Problem>,
    decision: Option<Value>,
}

impl PendingProblem {
    /// The finished reply.
    pub fn reply(&self, request_id: &HeaderValue, tongue: Tongue) -> Reply {
        let mut reply = error::reply(&self.problem, request_id, tongue);
        if let (Body::Full(text), Some(decision)) = (&reply.body, &self.decision)
            && let Ok(mut told) = serde_json::from_slice::<Value>(text)
        {
            told["decision"] = decision.clone();
            reply.body = Body::Full(told.to_string().into());
        }
        reply
    }
}

/// Where the tunnels lead is told to this machine only.
async fn health(State(subject): State<Subject>, Extension(reach): Extension<Reach>) -> Json<Value> {
    let gateway = &subject.gateway;
    let mut health = json!({
        "status": "ok",
        "name": "autogw",
        "version": env!("CARGO_PKG_VERSION"),
        "providers": gateway.keyrings().len(),
        "models": subject.names().len(),
        "uptime_s": gateway.started().elapsed().as_secs(),
    });
    if reach == Reach::Here {
        health["tunnels"] = tunnel::to_json(&subject.board.statuses());
    }
    Json(health)
}

async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

async fn ready(State(Subject { gateway, .. }): State<Subject>) -> (StatusCode, Json<Value>) {
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

impl Subject {
    fn exists(&self, name: &str) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.allows(name))
    }

    /// Names of routes and models without duplicates, in config order, each with who offers it first.
    fn names(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let index = self.gateway.index();
        let owner: Arc<str> = OWN.into();
        let routes = index
            .routes()
            .iter()
            .map(|name| (name.clone(), owner.clone()));
        let offers = index.offers().iter().map(|offer| {
            let provider = &self.gateway.keyrings()[offer.provider].provider;
            (offer.name.clone(), provider.name.clone())
        });
        let mut seen = HashSet::new();
        routes
            .chain(offers)
            .filter(|(name, _)| self.exists(name) && seen.insert(name.clone()))
            .collect()
    }

    /// Who owns the model or route called `id`.
    fn owner(&self, id: &str) -> Option<Arc<str>> {
        let index = self.gateway.index();
        if index.is_route(id) && self.exists(id) {
            return Some(OWN.into());
        }
        let offers = index.find(id, None);
        let offer = offers.iter().find(|offer| self.exists(&offer.name))?;
        let provider = &self.gateway.keyrings()[offer.provider].provider;
        Some(provider.name.clone())
    }
}

async fn listing(
    State(subject): State<Subject>,
    Extension(tongue): Extension<Tongue>,
    uri: Uri,
) -> Json<Value> {
    let query = uri.query().unwrap_or_default();
    Json(models::list(tongue.dialect, &subject.names(), query))
}

async fn model(
    State(subject): State<Subject>,
    Extension(tongue): Extension<Tongue>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Failed> {
    if Ingress::at(uri.path(), None).is_some() {
        return Err(Problem::bad_method("POST").into());
    }
    let Path(id) = id.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    // Google's SDKs put the prefix of a resource before what they are given.
    let bare = id
        .strip_prefix("models/")
        .filter(|_| tongue.dialect == Dialect::Gemini);
    let id = bare.unwrap_or(&id);
    if let Some(owner) = subject.owner(id) {
        return Ok(Json(models::one(tongue.dialect, &(id.into(), owner))));
    }
    let mut suggestions = subject.gateway.index().suggest(id);
    suggestions.retain(|name| subject.exists(name));
    let reason = NoTarget::UnknownModel { suggestions };
    Err(Problem::no_target(reason, id, None, None).into())
}

async fn wrong_method(method: Method, uri: Uri) -> Failed {
    // A verb that nobody knows, or a model that is no text.
    if method == Method::POST && uri.path().contains(':') {
        return Problem::no_such_path(uri.path()).into();
    }
    let allowed = match uri.path() {
        DECIDE => "POST",
        path if path.starts_with(SESSIONS) => "GET, DELETE",
        _ => "GET",
    };
    Problem::bad_method(allowed).into()
}

async fn nothing(uri: Uri, headers: HeaderMap) -> Failed {
    let path = uri.path();
    match Ingress::at(path, None) {
        // Codex tries a WebSocket first, and falls back when it is told so.
        Some(_) if is_upgrade(&headers) => Problem::no_upgrade().into(),
        Some(_) => Problem::bad_method("POST").into(),
        None => Problem::no_such_path(path).into(),
    }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let protocol = headers.get(header::UPGRADE);
    protocol.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"))
}
