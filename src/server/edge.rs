//! The edge of one listener: every request passes its guards in one order, and leaves with its id.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tower_service::Service as _;

use super::auth::{self, ClientKeys};
use super::body::{EdgeBody, collect};
use super::clock::InFlight;
use super::guard::Guard;
use super::pages::{self, PendingProblem};
use super::patience::Patience;
use super::peer::Peer;
use super::request_id::RequestIds;
use super::{Limits, error};
use crate::proxy::call::{Call, Endpoint};
use crate::proxy::gateway::Gateway;
use crate::proxy::problem::Problem;
use crate::proxy::upstream::VIA;
use crate::proxy::{self, Reply};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything a listener needs to answer.
#[derive(Debug)]
pub struct Edge {
    gateway: Arc<Gateway>,
    pages: Router,
    guard: Guard,
    keys: ClientKeys,
    patience: Patience,
    ids: RequestIds,
    limits: Limits,
}

/// An answer: from the request path, or a page.
enum Answer {
    Reply(Reply),
    Page(Response<axum::body::Body>),
}

impl Edge {
    /// The edge of a listener with these rules. `seed` sets its request ids apart from other runs'.
    pub fn new(
        gateway: Arc<Gateway>,
        guard: Guard,
        keys: ClientKeys,
        limits: Limits,
        seed: u64,
    ) -> Self {
        let pages = pages::router(gateway.clone());
        let ids = RequestIds::new(seed);
        Self {
            gateway,
            pages,
            guard,
            keys,
            patience: Patience::default(),
            ids,
            limits,
        }
    }

    /// Answers a request, whatever happens: a panic becomes a 500 and hurts nobody else.
    pub async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<EdgeBody> {
        let received = Instant::now();
        let in_flight = peer.presence.enter();
        let id = self.ids.accept(request.headers().get(&REQUEST_ID));
        let origin = request.headers().get(header::ORIGIN).cloned();
        let handled = AssertUnwindSafe(self.handle(request, peer, id.clone(), received))
            .catch_unwind()
            .await;
        let result = handled.unwrap_or_else(|_| Err(Problem::internal()));
        let is_stranger =
            matches!(&result, Err(problem) if problem.status == StatusCode::FORBIDDEN);
        let answer = result.unwrap_or_else(|problem| Answer::Reply(self.refuse(&problem, &id)));
        let mut response = finish(answer, &id, in_flight);
        if let Some(origin) = origin.filter(|_| !is_stranger) {
            Guard::permit(&origin, response.headers_mut());
        }
        response.headers_mut().insert(&REQUEST_ID, id);
        response
    }

    async fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        id: HeaderValue,
        received: Instant,
    ) -> Result<Answer, Problem> {
        let (head, body) = request.into_parts();
        self.guard.check(&head)?;
        if Guard::is_preflight(&head) {
            return Ok(Answer::Page(preflight()));
        }
        if !pages::OPEN.contains(&head.uri.path()) {
            self.check_key(&head, peer)?;
        }
        match Endpoint::at(head.uri.path()).filter(|_| head.method == Method::POST) {
            Some(endpoint) => self
                .proxy(endpoint, head, body, id, received)
                .await
                .map(Answer::Reply),
            None => Ok(Answer::Page(self.page(head).await)),
        }
    }

    async fn proxy(
        &self,
        endpoint: &'static Endpoint,
        head: Parts,
        body: Incoming,
        request_id: HeaderValue,
        received: Instant,
    ) -> Result<Reply, Problem> {
        if head
            .headers
            .get(&VIA)
            .is_some_and(|via| via == self.gateway.via())
        {
            return Err(Problem::request_loop());
        }
        let body = collect(body, self.gateway.config().server.max_body, &self.limits).await?;
        let client = if self.keys.is_open() { "open" } else { "key" };
        let call = Call {
            endpoint,
            request_id,
            client,
            headers: head.headers,
            body,
            received,
        };
        proxy::handle(self.gateway.clone(), call).await
    }

    async fn page(&self, head: Parts) -> Response<axum::body::Body> {
        let request = Request::from_parts(head, axum::body::Body::empty());
        match self.pages.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Lets a request in that carries one of our keys, and slows down whoever guesses.
    fn check_key(&self, head: &Parts, peer: &Peer) -> Result<(), Problem> {
        if self.keys.is_open() {
            return Ok(());
        }
        let address = peer.address.map(|address| address.ip());
        let is_known = peer.presence.has_shown_key();
        if !is_known && let Some(wait) = self.patience.blocked(address, Instant::now()) {
            return Err(Problem::too_many_bad_keys(wait));
        }
        match auth::presented(head) {
            Some(key) if self.keys.accept(&key) => {
                if !is_known {
                    peer.presence.show_key();
                }
                Ok(())
            }
            // No key at all is a mistake, not a guess.
            None => Err(Problem::bad_key()),
            Some(_) => match self.patience.wrong_key(address, Instant::now()) {
                Some(wait) => Err(Problem::too_many_bad_keys(wait)),
                None => Err(Problem::bad_key()),
            },
        }
    }

    fn refuse(&self, problem: &Problem, id: &HeaderValue) -> Reply {
        let id = id.to_str().unwrap_or_default();
        let message = self.gateway.redactor().redact(&problem.body.message);
        tracing::debug!(target: "autogw::edge", request_id = id, status = problem.status.as_u16(), reason = &*message, "refused");
        error::reply(problem, id)
    }
}

fn preflight() -> Response<axum::body::Body> {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .extend(Guard::permissions().map(|(name, value)| (Some(name), value)));
    response
}

fn finish(answer: Answer, id: &HeaderValue, in_flight: InFlight) -> Response<EdgeBody> {
    let reply = match answer {
        Answer::Page(page) => match page.extensions().get::<PendingProblem>() {
            Some(problem) => problem.reply(id.to_str().unwrap_or_default()),
            None => return page.map(|body| EdgeBody::page(body, in_flight)),
        },
        Answer::Reply(reply) => reply,
    };
    let mut response = Response::new(EdgeBody::proxied(reply.body, in_flight));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
