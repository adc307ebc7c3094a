//! What routing would do, and what it has done.

use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::{Client, Failed, Named, Subject};
use crate::health::TargetId;
use crate::memory::sessions::Stay;
use crate::proxy::decide;
use crate::proxy::gateway::Gateway;
use crate::proxy::problem::Problem;
use crate::proxy::question::Question;
use crate::proxy::shown;
use crate::telemetry::clock::milliseconds;
use crate::telemetry::trace::{Trace, Try, Verdict};

/// Requests on a page, unless `limit` says otherwise.
const USUAL_PAGE: usize = 50;

/// What would become of a request.
pub(super) async fn decide(
    State(subject): State<Subject>,
    Extension(Client(client)): Extension<Client>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Failed> {
    let question = Question::read(body, headers, client, subject.scope.clone())?;
    let decided = decide::decide_aside(subject.gateway, question, subject.rehearsing).await;
    decided.map(Json).map_err(|hopeless| Failed {
        problem: Box::new(hopeless.problem),
        decision: hopeless.decision,
    })
}

/// With whom a session of the client's stays.
pub(super) async fn session(
    State(subject): State<Subject>,
    Extension(Client(client)): Extension<Client>,
    Named(id): Named,
) -> Result<Json<Value>, Failed> {
    let (gateway, now) = (&subject.gateway, Instant::now());
    let stays = gateway.sessions().stays(&client, &id, now);
    let stays = stays.filter(|stays| !stays.is_empty());
    let stays = stays.ok_or_else(|| no_session(&id))?;
    let stays: Vec<_> = stays
        .iter()
        .map(|stay| stayed(gateway, stay, now))
        .collect();
    Ok(Json(json!({ "id": id, "models": stays })))
}

/// Forgets a session of the client's.
pub(super) async fn forget(
    State(subject): State<Subject>,
    Extension(Client(client)): Extension<Client>,
    Named(id): Named,
) -> Result<Json<Value>, Failed> {
    let sessions = subject.gateway.sessions();
    if sessions.remove(&client, &id, Instant::now()) {
        Ok(Json(json!({ "id": id, "deleted": true })))
    } else {
        Err(no_session(&id).into())
    }
}

/// Ids are their clients' own, so none is suggested.
fn no_session(id: &str) -> Problem {
    Problem::unheard_of("session", id, &[])
}

fn stayed(gateway: &Gateway, stay: &Stay<TargetId>, now: Instant) -> Value {
    let target = &stay.target;
    let mut rings = gateway.keyrings().iter();
    let ring = rings.find(|ring| ring.provider.name == target.provider);
    let place = ring.and_then(|ring| ring.key_ids.iter().position(|id| *id == target.key));
    let (key, alias) = ring.map_or((None, None), |ring| shown::key(ring, place));
    json!({
        "asked": &*stay.model,
        "provider": &*target.provider,
        "model": &*target.model,
        "key": key,
        "alias": alias,
        "requests": stay.requests,
        "since_ms": milliseconds(now.saturating_duration_since(stay.since)),
        "idle_ms": milliseconds(now.saturating_duration_since(stay.used)),
    })
}

/// The last requests of the client, the latest first.
pub(super) async fn requests(
    State(subject): State<Subject>,
    Extension(Client(client)): Extension<Client>,
    uri: Uri,
) -> Json<Value> {
    let mut pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let limit = pairs.find_map(|(name, value)| (name == "limit").then(|| value.parse().ok())?);
    let mut latest = subject.gateway.traces().latest();
    latest.retain(|trace| sees(&subject.gateway, &client, trace));
    let page = latest.iter().take(limit.unwrap_or(USUAL_PAGE));
    let page: Vec<_> = page.map(told).collect();
    Json(json!({
        "object": "list",
        "remembered": latest.len(),
        "hedges": hedges(&subject.gateway),
        "data": page,
    }))
}

/// What overtaking slow targets has cost since the start, and what came of it.
fn hedges(gateway: &Gateway) -> Value {
    let hedges = gateway.hedges();
    json!({ "started": hedges.started(), "won": hedges.won(), "refused": hedges.refused() })
}

/// One of them.
pub(super) async fn request(
    State(subject): State<Subject>,
    Extension(Client(client)): Extension<Client>,
    Named(id): Named,
) -> Result<Json<Value>, Failed> {
    let is_visible = |trace: &Trace| sees(&subject.gateway, &client, trace);
    match subject.gateway.traces().find(&id, is_visible) {
        Some(trace) => Ok(Json(told(&trace))),
        // Ids are random: none is near another.
        None => Err(Problem::unheard_of("remembered request", &id, &[]).into()),
    }
}

/// Whether `client` may know of this request. Where there are several keys, each is somebody else's, who
/// knows of its own requests only; one key or none is the owner's, who may know of all.
fn sees(gateway: &Gateway, client: &str, trace: &Trace) -> bool {
    gateway.config().server.api_keys.len() < 2 || *trace.client == *client
}

fn told(trace: &Trace) -> Value {
    json!({
        "id": trace.id(),
        "client": &*trace.client,
        "door": trace.door,
        "endpoint": trace.endpoint,
        "model": &*trace.asked,
        "strategy": trace.strategy,
        "received": unix_seconds(trace),
        "status": trace.status,
        "outcome": trace.outcome,
        "first_token_ms": trace.first_token.map(milliseconds),
        "total_ms": milliseconds(trace.total),
        "input_tokens": trace.input_tokens,
        "output_tokens": trace.output_tokens,
        "attempts": trace.tries.iter().map(attempt).collect::<Vec<_>>(),
    })
}

fn unix_seconds(trace: &Trace) -> Option<u64> {
    let since = trace.arrival().duration_since(std::time::UNIX_EPOCH);
    Some(since.ok()?.as_secs())
}

fn attempt(one: &Try) -> Value {
    json!({
        "provider": &*one.provider,
        "model": &*one.model,
        "key": one.key,
        "cause": one.cause.name(),
        "verdict": one.verdict.name(),
        "failed": matches!(one.verdict, Verdict::Failed(_)),
        "status": one.status,
        "began_ms": milliseconds(one.began),
        "elapsed_ms": one.elapsed.map(milliseconds),
        "rests_ms": one.rests.map(milliseconds),
        "injected": one.is_injected,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use http::HeaderValue;

    use super::*;
    use crate::chat::FailureClass;
    use crate::telemetry::trace::Cause;

    #[test]
    fn the_attempts_of_a_request_are_told_in_their_order() {
        let one = |provider: &str, cause, verdict, status| Try {
            provider: provider.into(),
            model: "m".into(),
            key: Some(1),
            cause,
            began: Duration::from_millis(5),
            elapsed: Some(Duration::from_millis(120)),
            verdict,
            status,
            first_token: None,
            rests: None,
            is_injected: false,
        };
        let failed = Verdict::Failed(FailureClass::RateLimit);
        let trace = Trace {
            number: 1,
            cached_tokens: None,
            cost: None,
            overhead: None,
            losses: Vec::new(),
            candidates: Vec::new(),
            request_id: HeaderValue::from_static("id"),
            client: "key 1".into(),
            door: None,
            endpoint: "/chat/completions",
            asked: "m".into(),
            strategy: "adaptive",
            received: Instant::now(),
            tries: vec![
                one("a", Cause::First, failed, Some(429)),
                one("b", Cause::Failover, Verdict::Served, Some(200)),
            ],
            status: 200,
            outcome: "complete",
            first_token: None,
            parent: None,
            total: Duration::from_millis(130),
            input_tokens: Some(3),
            output_tokens: Some(4),
        };
        let told = told(&trace);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs();
        let received = told["received"].as_u64().expect("seconds");
        assert!((now - 60..=now).contains(&received), "{received} {now}");
        assert_eq!(told["attempts"][0]["verdict"], "rate_limit");
        assert_eq!(told["attempts"][0]["failed"], true);
        assert_eq!(told["attempts"][1]["cause"], "failover");
        assert_eq!(told["attempts"][1]["verdict"], "ok");
        assert_eq!(told["total_ms"], 130);
    }
}
