//! The edge of one listener: every request passes its guards in one order, and leaves with its id.

mod refusal;
mod visit;

#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::Router;
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use self::visit::Visit;
use super::Limits;
use super::body::EdgeBody;
use super::clock::InFlight;
use super::door::Door;
use super::guard::Guard;
use super::pages::{self, PendingProblem, Subject};
use super::patience::Patience;
use super::peer::Peer;
use super::request_id::RequestIds;
use super::tongue;
use super::turned_away::TurnedAway;
use crate::chat::Dialect;
use crate::codec::keep_alive;
use crate::proxy::Reply;
use crate::proxy::current::Current;
use crate::proxy::gateway::Gateway;
use crate::proxy::house::Hold;
use crate::proxy::ingress::Tongue;
use crate::proxy::problem::Problem;
use crate::telemetry::capture::Hush;
use crate::telemetry::tunnel::Board;

/// The type of a stream, without the parameters that not everybody expects.
const EVENTS: &str = "text/event-stream";

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The same to Anthropic's clients.
static ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// How a door follows the configuration: makes it for a generation, behind the one of before.
pub type Rule = Box<dyn Fn(&Gateway, Option<&Door>) -> Door + Send + Sync>;

/// Everything a listener needs to answer.
pub struct Edge {
    current: Arc<Current>,
    rule: Rule,
    inside: ArcSwap<Inside>,
    board: Board,
    patience: Patience,
    turned_away: TurnedAway,
    ids: RequestIds,
    limits: Limits,
    /// Nothing is captured while a public door is open.
    _hush: Option<Hush>,
}

/// What is behind an edge in one generation.
struct Inside {
    gateway: Arc<Gateway>,
    pages: Router,
    door: Door,
}

/// An answer: from the request path, with its place in the house, or a page.
enum Answer {
    Reply(Reply, Option<Hold>),
    Page(Response<axum::body::Body>),
}

impl Edge {
    /// The edge behind the door that `rule` makes. `seed` sets its request ids apart from other runs' and
    /// other doors'.
    pub fn new(current: Arc<Current>, rule: Rule, board: Board, limits: Limits, seed: u64) -> Self {
        let door = |gateway: &Gateway| rule(gateway, None);
        let inside = ArcSwap::from_pointee(Inside::new(current.load(), door, &board));
        Self {
            _hush: inside
                .load()
                .door
                .is_public()
                .then(|| current.load().capture().hush()),
            current,
            rule,
            inside,
            board,
            patience: Patience::default(),
            turned_away: TurnedAway::default(),
            ids: RequestIds::new(seed),
            limits,
        }
    }

    /// What is behind it now.
    fn inside(&self) -> Arc<Inside> {
        let inside = self.inside.load();
        if self.current.is(&inside.gateway) {
            return arc_swap::Guard::into_inner(inside);
        }
        let door = |gateway: &Gateway| (self.rule)(gateway, Some(&inside.door));
        let next = Arc::new(Inside::new(self.current.load(), door, &self.board));
        // Who comes late with an older one is put right by the next request.
        self.inside.store(next.clone());
        next
    }

    /// Lets go of a generation that is not in force any more, should nobody come for a while.
    pub fn refresh(&self) {
        drop(self.inside());
    }

    /// Answers a request, whatever happens: a panic becomes a 500 and hurts nobody else.
    pub async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<EdgeBody> {
        let received = Instant::now();
        let in_flight = peer.presence.enter();
        let id = self.ids.accept(request.headers().get(&REQUEST_ID));
        let inside = self.inside();
        let visit = Visit {
            edge: self,
            gateway: &inside.gateway,
            pages: &inside.pages,
            door: &inside.door,
        };
        let origin = inside.door.guard.permitted(request.headers());
        let tongue = tongue::of(request.uri(), request.headers());
        let handled = AssertUnwindSafe(visit.handle(request, peer, id.clone(), received))
            .catch_unwind()
            .await;
        let result = handled.unwrap_or_else(|_| Err(Problem::internal().into()));
        let answer =
            result.unwrap_or_else(|refusal| Answer::Reply(refusal.reply(&id, tongue), None));
        let mut response = finish(answer, &id, tongue, in_flight);
        if inside.door.is_public() {
            response = carry_far(response, tongue.dialect);
        }
        if let Some(origin) = origin {
            Guard::permit(&origin, response.headers_mut());
        }
        response
            .headers_mut()
            .insert(&ANTHROPIC_REQUEST_ID, id.clone());
        response.headers_mut().insert(&REQUEST_ID, id);
        response
    }
}

impl Inside {
    fn new(gateway: Arc<Gateway>, door: impl FnOnce(&Gateway) -> Door, board: &Board) -> Self {
        let door = door(&gateway);
        let pages = pages::router(Subject {
            gateway: gateway.clone(),
            scope: door.scope(),
            board: board.clone(),
            rehearsing: Arc::new(Semaphore::new(1)),
        });
        Self {
            gateway,
            pages,
            door,
        }
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge")
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

/// Prepares a stream for the way through a tunnel: exactly the type by which those in between know that
/// nothing is to be held back, and signs of life.
fn carry_far(mut response: Response<EdgeBody>, dialect: Dialect) -> Response<EdgeBody> {
    let has_length = response.body().size_hint().exact().is_some();
    let kind = response.headers_mut().get_mut(header::CONTENT_TYPE);
    let is_events = |kind: &&mut HeaderValue| kind.as_bytes().starts_with(EVENTS.as_bytes());
    match kind.filter(is_events) {
        Some(kind) if !has_length => {
            *kind = HeaderValue::from_static(EVENTS);
            match keep_alive(dialect) {
                Some(sign) => response.map(|body| body.kept_alive(sign)),
                None => response,
            }
        }
        // Where a length was announced there is no room for them.
        _ => response,
    }
}

fn finish(
    answer: Answer,
    id: &HeaderValue,
    tongue: Tongue,
    in_flight: InFlight,
) -> Response<EdgeBody> {
    let (reply, place) = match answer {
        Answer::Page(page) => match page.extensions().get::<PendingProblem>() {
            Some(problem) => (problem.reply(id, tongue), None),
            None => return page.map(|body| EdgeBody::page(body, in_flight)),
        },
        Answer::Reply(reply, place) => (reply, place),
    };
    let body = EdgeBody::proxied(reply.body, in_flight).keeping(place);
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
