//! The answers, one for each endpoint, and the router over them.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use http::{HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Steward;
use super::endpoint::Page;
use super::events::{self, Only};
use super::failed::Failed;
use super::question::{self, Query};
use crate::telemetry::act::{Act, Told};
use crate::telemetry::snapshot::{
    LogLine, Phase, ProviderDetail, RequestDetail, RequestRow, Snapshot, is_over,
};

/// Rows and lines on a page, unless `limit` says otherwise.
const USUAL_PAGE: usize = 100;

/// Most dashboards and scripts that watch at once.
const MOST_WATCHERS: usize = 32;

/// Words of `state`, beside those of [`Phase`].
const STATES: &str = "live, queued, waiting, streaming, over, failed";

/// The `OpenAPI` document, made from the code by a test.
pub(super) const DOCUMENT: &str = include_str!("../../../assets/admin.openapi.json");

/// What the pages tell of.
#[derive(Clone)]
pub(super) struct House {
    pub(super) steward: Arc<dyn Steward>,
    pub(super) watchers: Arc<Semaphore>,
    /// Cancelled when the gateway ends: streams end then.
    pub(super) over: CancellationToken,
}

/// A list of requests, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Requests {
    /// The gateway's clock.
    pub(super) now_ms: u64,
    /// The requests.
    pub(super) requests: Vec<RequestRow>,
}

/// Lines of the log, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Lines {
    /// The lines.
    pub(super) lines: Vec<LogLine>,
}

impl House {
    pub(super) fn new(steward: Arc<dyn Steward>, over: CancellationToken) -> Self {
        Self {
            steward,
            watchers: Arc::new(Semaphore::new(MOST_WATCHERS)),
            over,
        }
    }
}

/// The routes, as the table of endpoints has them.
pub(super) fn router(house: House) -> Router {
    let routes = Page::ALL.iter().fold(Router::new(), |routes, page| {
        routes.route(page.path(), handler(*page))
    });
    routes
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing)
        .with_state(house)
}

fn handler(page: Page) -> MethodRouter<House> {
    match page {
        Page::Snapshot => get(snapshot),
        Page::Events => get(watch),
        Page::Requests => get(requests),
        Page::Request => get(request),
        Page::Provider => get(provider),
        Page::Config => get(config),
        Page::Decide => post(decide),
        Page::Acts => post(act),
        Page::Reload => post(reload),
        Page::Logs => get(logs),
        Page::Document => get(document),
    }
}

async fn wrong_method(request: Request) -> Failed {
    let path = request.uri().path();
    let is_at = |page: &&Page| page.path() == path;
    let right = Page::ALL.iter().find(is_at).map(|page| page.method());
    let allowed = match right {
        Some(Method::POST) => "POST",
        _ => "GET, HEAD",
    };
    let message = format!("this is asked with {allowed}");
    Failed::new(StatusCode::METHOD_NOT_ALLOWED, message).allowing(allowed)
}

async fn nothing() -> Failed {
    Failed::new(StatusCode::NOT_FOUND, "there is nothing at this path")
        .with_hint("GET /openapi.json describes what there is")
}

async fn snapshot(State(house): State<House>, request: Request) -> Result<Json<Snapshot>, Failed> {
    Query::read(&request.into_parts().0, Page::Snapshot)?;
    Ok(Json(house.steward.snapshot()))
}

async fn watch(State(house): State<House>, request: Request) -> Result<Response, Failed> {
    let query = Query::read(&request.into_parts().0, Page::Events)?;
    let only = Only::read(query.get("only"))?;
    let place = house.watchers.clone().try_acquire_owned().map_err(|_| {
        let message = format!("{MOST_WATCHERS} watch already");
        Failed::new(StatusCode::SERVICE_UNAVAILABLE, message)
    })?;
    Ok(events::stream(house.steward, only, place, house.over))
}

async fn requests(State(house): State<House>, request: Request) -> Result<Json<Requests>, Failed> {
    let query = Query::read(&request.into_parts().0, Page::Requests)?;
    let limit = limit(&query)?;
    let wanted = Wanted::read(&query)?;
    let snapshot = house.steward.snapshot();
    let latest = snapshot.requests.into_values().rev();
    Ok(Json(Requests {
        now_ms: snapshot.now_ms,
        requests: latest.filter(|row| wanted.has(row)).take(limit).collect(),
    }))
}

/// Which requests a list is of.
struct Wanted<'a> {
    state: Option<&'a str>,
    provider: Option<&'a str>,
    model: Option<&'a str>,
    client: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn read(query: &'a Query) -> Result<Self, Failed> {
        let state = query.get("state");
        if state.is_some_and(|state| !STATES.split(", ").any(|known| known == state)) {
            let failed = Failed::bad("`state` names an unknown state");
            return Err(failed.with_hint(format!("known are {STATES}")));
        }
        Ok(Self {
            state,
            provider: query.get("provider"),
            model: query.get("model"),
            client: query.get("client"),
        })
    }

    fn has(&self, row: &RequestRow) -> bool {
        let is = |wanted: Option<&str>, found: &str| wanted.is_none_or(|wanted| wanted == found);
        let asked = |name: &str| row.route.iter().any(|(provider, _)| provider == name);
        self.is_in_state(row)
            && self
                .provider
                .is_none_or(|name| row.provider.as_deref() == Some(name) || asked(name))
            && self
                .model
                .is_none_or(|name| row.model == name || row.served.as_deref() == Some(name))
            && is(self.client, &row.client)
    }

    fn is_in_state(&self, row: &RequestRow) -> bool {
        match self.state {
            None => true,
            Some("live") => !is_over(row),
            Some("queued") => row.phase == Phase::Queued,
            Some("waiting") => row.phase == Phase::Waiting,
            Some("streaming") => row.phase == Phase::Streaming,
            Some("failed") => is_over(row) && row.outcome.as_deref() != Some("complete"),
            Some(_) => is_over(row),
        }
    }
}

fn limit(query: &Query) -> Result<usize, Failed> {
    let limit = query.number("limit")?;
    Ok(limit.map_or(USUAL_PAGE, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    }))
}

async fn request(
    State(house): State<House>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RequestDetail>, Failed> {
    let id = named(id)?;
    let detail = house.steward.request(&id);
    detail
        .map(Json)
        .ok_or_else(|| Failed::unknown("request among those remembered"))
}

async fn provider(
    State(house): State<House>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ProviderDetail>, Failed> {
    let name = named(name)?;
    let detail = house.steward.provider(&name);
    detail.map(Json).ok_or_else(|| Failed::unknown("provider"))
}

/// The name in a path, decoded.
fn named(name: Result<Path<String>, PathRejection>) -> Result<String, Failed> {
    match name {
        Ok(Path(name)) => Ok(name),
        Err(rejection) => Err(Failed::bad(rejection.body_text())),
    }
}

async fn config(State(house): State<House>) -> Json<Value> {
    Json(house.steward.config())
}

async fn decide(State(house): State<House>, request: Request) -> Result<Json<Value>, Failed> {
    let (head, body) = request.into_parts();
    let asked: Value = question::json(&head, body).await?;
    let decided = house.steward.decide(asked).await;
    decided.map(Json).map_err(Failed::refused)
}

async fn act(State(house): State<House>, request: Request) -> Result<Json<Told>, Failed> {
    let (head, body) = request.into_parts();
    let act: Act = question::json(&head, body).await?;
    done(&house, act).await
}

async fn reload(State(house): State<House>) -> Result<Json<Told>, Failed> {
    done(&house, Act::Reload).await
}

async fn done(house: &House, act: Act) -> Result<Json<Told>, Failed> {
    let told = house.steward.act(act).await;
    told.map(Json).map_err(Failed::refused)
}

async fn logs(State(house): State<House>, request: Request) -> Result<Json<Lines>, Failed> {
    let query = Query::read(&request.into_parts().0, Page::Logs)?;
    let (limit, after) = (limit(&query)?, query.number("after")?);
    let least = query.get("level").map(severity).transpose()?;
    let log = house.steward.snapshot().log;
    let is_wanted = |line: &LogLine| {
        after.is_none_or(|after| line.number > after)
            && least.is_none_or(|least| severity(&line.level).is_ok_and(|own| own <= least))
    };
    let mut lines: Vec<LogLine> = log.into_iter().filter(is_wanted).collect();
    lines.drain(..lines.len().saturating_sub(limit));
    Ok(Json(Lines { lines }))
}

/// The place of a level: 0 is the worst.
fn severity(level: &str) -> Result<usize, Failed> {
    const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    let place = LEVELS.iter().position(|known| *known == level);
    place.ok_or_else(|| {
        Failed::bad("`level` is no level").with_hint(format!("known are {}", LEVELS.join(", ")))
    })
}

async fn document() -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], DOCUMENT).into_response()
}
