//! One connection of a demo provider: HTTP/1.1 on the pipe, endpoints, and what fate adds to an answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::time::sleep;

use super::draws::{Draws, Fate};
use super::pace::{self, Body};
use super::refusal::Refusal;
use super::reply::{self, Reply};
use super::{Simulation, chat, completions, embeddings, models};

/// Largest request read; above the gateway's own limit, so that the demo is never the one to say no.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Writes the answer to a request body, or says what is wrong with it.
type Writer = fn(&Simulation, &Draws, &[u8]) -> Result<Reply, Refusal>;

/// Serves one connection until the other half of `pipe` is dropped, an answer is cut, or an outage begins
/// that closes connections.
pub(super) async fn serve(simulation: Arc<Simulation>, pipe: DuplexStream) {
    let service = service_fn(|request| {
        let simulation = Arc::clone(&simulation);
        async move { Ok::<_, Infallible>(respond(&simulation, request).await) }
    });
    // An error is a client that left or a cut of our own making: both are the end, and neither is news.
    tokio::select! {
        biased;
        () = simulation.closes() => {}
        _ = http1::Builder::new().serve_connection(TokioIo::new(pipe), service) => {}
    }
}

async fn respond(simulation: &Simulation, request: Request<Incoming>) -> Response<Body> {
    if let Err(refusal) = simulation.is_up().await {
        return refusal.into_response();
    }
    let answer = match endpoint(request.method(), request.uri().path()) {
        Ok(Endpoint::Models) => Ok(reply::document(&models::list(simulation), Fate::Answer)),
        Ok(Endpoint::Model(id)) => {
            models::one(simulation, id).map(|model| reply::document(&model, Fate::Answer))
        }
        Ok(Endpoint::Generate(writer)) => generate(simulation, request, writer).await,
        Err(refusal) => Err(refusal),
    };
    answer.unwrap_or_else(Refusal::into_response)
}

enum Endpoint<'a> {
    Models,
    Model(&'a str),
    Generate(Writer),
}

/// What `path` means, with or without `/v1` in front.
fn endpoint<'a>(method: &Method, path: &'a str) -> Result<Endpoint<'a>, Refusal> {
    let (wanted, endpoint) = match path.strip_prefix("/v1").unwrap_or(path) {
        "/models" => (Method::GET, Endpoint::Models),
        "/chat/completions" => (Method::POST, Endpoint::Generate(chat::reply)),
        "/completions" => (Method::POST, Endpoint::Generate(completions::reply)),
        "/embeddings" => (Method::POST, Endpoint::Generate(embeddings::reply)),
        other => match other.strip_prefix("/models/") {
            Some(id) => (Method::GET, Endpoint::Model(id)),
            None => return Err(Refusal::unknown_path(method, path)),
        },
    };
    if *method == wanted {
        Ok(endpoint)
    } else {
        Err(Refusal::wrong_method(method, path))
    }
}

/// Answers as `writer` does, when and if the draw allows it. A wrong request is told so at once and always.
async fn generate(
    simulation: &Simulation,
    request: Request<Incoming>,
    writer: Writer,
) -> Result<Response<Body>, Refusal> {
    let draws = simulation.draw();
    let body = read(request.into_body()).await?;
    let reply = writer(simulation, &draws, &body)?;
    sleep(draws.latency).await;
    let profile = &simulation.profile;
    match draws.fate {
        Fate::RateLimit => Err(Refusal::rate_limited(&simulation.name, profile.retry_after)),
        Fate::Failure => Err(Refusal::failure(&simulation.name)),
        Fate::Answer | Fate::Cut(_) => {
            if let Reply::Whole { tokens, .. } = reply {
                sleep(pace::due(profile, tokens)).await;
            }
            Ok(reply.into_response(profile, draws.fate))
        }
    }
}

async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        // The other cause is a client that broke off, which nobody will read an answer of.
        .map_err(|_| Refusal::too_large(MAX_BODY))
}
