//! The edge of one listener: every request passes its guards in one order, and leaves with its id.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tower_service::Service as _;

use super::auth;
use super::body::{EdgeBody, collect_until, discard};
use super::clock::InFlight;
use super::door::Door;
use super::guard::Guard;
use super::pages::{self, PendingProblem, Subject};
use super::patience::{Patience, Verdict};
use super::peer::Peer;
use super::probe::Probe;
use super::request_id::RequestIds;
use super::turned_away::{TurnedAway, shortened};
use super::{Limits, error, framing, tongue};
use crate::chat::Dialect;
use crate::codec::keep_alive;
use crate::proxy::call::Call;
use crate::proxy::current::Current;
use crate::proxy::gateway::Gateway;
use crate::proxy::house::Hold;
use crate::proxy::ingress::{Ingress, Tongue};
use crate::proxy::problem::Problem;
use crate::proxy::record::Record;
use crate::proxy::stored::{self, Asking, Stored};
use crate::proxy::upstream::VIA;
use crate::proxy::{self, Reply, tapped};
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

/// A request at an edge; it ends on the generation it began with.
struct Visit<'a> {
    edge: &'a Edge,
    gateway: &'a Arc<Gateway>,
    pages: &'a Router,
    door: &'a Door,
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

impl Visit<'_> {
    async fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        id: HeaderValue,
        received: Instant,
    ) -> Result<Answer, Refusal> {
        let (head, mut body) = request.into_parts();
        // Who asks before it sends has sent nothing, and is not to be encouraged.
        let asks_first = head.headers.contains_key(header::EXPECT);
        let result = self.serve(head, &mut body, peer, id, received).await;
        if let Err(refusal) = &result
            && !asks_first
            && let Some(within) = refusal.parting.listens_for()
        {
            if refusal.parting != Parting::Meanwhile {
                discard(&mut body, within).await;
            } else if !body.is_end_stream() {
                tokio::spawn(async move { discard(&mut body, within).await });
            }
        }
        result
    }

    async fn serve(
        &self,
        head: Parts,
        body: &mut Incoming,
        peer: &Peer,
        id: HeaderValue,
        received: Instant,
    ) -> Result<Answer, Refusal> {
        let admitted = self.admit(&head, peer).await.map_err(|refusal| {
            self.count(&refusal.problem, &head, received);
            self.log(&refusal.problem, &head, &id);
            refusal.at(self.door)
        });
        let client = match admitted? {
            Admitted::Preflight => return Ok(Answer::Page(preflight(&head))),
            Admitted::Ourselves(probe) => return Ok(Answer::Page(probe.answer())),
            Admitted::Anybody => {
                let page = Box::pin(self.page(head, Bytes::new(), peer));
                return Ok(Answer::Page(page.await));
            }
            Admitted::Client(client) => client,
        };
        let ingress = Ingress::at(head.uri.path(), head.uri.query());
        match ingress.filter(|_| head.method == Method::POST) {
            Some(ingress) => {
                let endpoint = ingress.endpoint.path;
                let (books, door) = (self.gateway.books(), self.door.name());
                let record = Record::new(books, id, client, door, endpoint, received);
                self.proxy(ingress, head.headers, body, record).await
            }
            None => Box::pin(self.look_up(head, body, peer, (id, client), received)).await,
        }
    }

    /// Answers what is no request for a provider: a stored answer, or a page.
    async fn look_up(
        &self,
        mut head: Parts,
        body: &mut Incoming,
        peer: &Peer,
        (id, client): (HeaderValue, Arc<str>),
        received: Instant,
    ) -> Result<Answer, Refusal> {
        let stored = Stored::at(head.uri.path()).filter(|_| may_look_up(&head.method));
        if let Some(stored) = stored {
            let (books, door) = (self.gateway.books(), self.door.name());
            let mut record = Record::new(books, id, client, door, stored::PATH, received);
            let place = self.enter(&mut record).await?;
            let asking = Asking {
                method: &head.method,
                query: head.uri.query(),
                sees_all: self.door.scope().is_none(),
            };
            let reply = stored::answer(self.gateway, &stored, asking, record);
            return Ok(Answer::Reply(Box::pin(reply).await?, Some(place)));
        }
        let body = if pages::takes_body(&head.method, head.uri.path()) {
            self.body(&head.headers, body, received).await?
        } else {
            Bytes::new()
        };
        head.extensions.insert(pages::Client(client));
        Ok(Answer::Page(self.page(head, body, peer).await))
    }

    /// The guards, in their order.
    async fn admit(&self, head: &Parts, peer: &Peer) -> Result<Admitted, Refusal> {
        framing::check(head).map_err(Refusal::for_good)?;
        if let Some(probe) = self.door.probe(head) {
            return Ok(Admitted::Ourselves(probe.clone()));
        }
        self.door.check(head)?;
        if Guard::is_preflight(head) {
            return Ok(Admitted::Preflight);
        }
        if self.door.is_open(head.uri.path()) {
            return Ok(Admitted::Anybody);
        }
        let client = self.check_key(head, peer).await?;
        if self.door.knows_its_clients() {
            peer.is_known();
        }
        self.door.admit(Instant::now())?;
        Ok(Admitted::Client(client))
    }

    async fn proxy(
        &self,
        ingress: Ingress,
        headers: HeaderMap,
        body: &mut Incoming,
        mut record: Record,
    ) -> Result<Answer, Refusal> {
        let place = self.enter(&mut record).await?;
        match self.body(&headers, body, record.received()).await {
            Ok(body) => {
                record.is_read();
                let call = Call {
                    endpoint: ingress.endpoint,
                    spoken: ingress.spoken,
                    client: record.client().clone(),
                    headers,
                    body,
                    scope: self.door.scope(),
                    promise_after: self.door.promise_after(),
                };
                let capture = self.gateway.capture();
                let tap = capture.begin(record.id(), &call.headers, &call.body);
                let reply = proxy::handle(self.gateway.clone(), call, record).await;
                let reply = match tap {
                    Some(tap) => tapped::tapped(tap, reply),
                    None => reply,
                }?;
                Ok(Answer::Reply(reply, Some(place)))
            }
            Err(problem) => {
                record.failed(problem.status.as_u16());
                Err(problem.into())
            }
        }
    }

    /// A place in the house for the request of `record`.
    async fn enter(&self, record: &mut Record) -> Result<Hold, Problem> {
        if let Some(place) = self.gateway.house().try_enter() {
            return Ok(place);
        }
        // Boxed, as this is rare: who is let in at once need not carry the room for waiting.
        let entered = Box::pin(self.gateway.house().enter(record.received()));
        let stopped = self.gateway.stopped();
        let entered = Box::pin(stopped.run_until_cancelled(entered)).await;
        let entered = entered.unwrap_or_else(|| Err(Problem::shutting_down()));
        entered.inspect_err(|problem| record.failed(problem.status.as_u16()))
    }

    async fn body(
        &self,
        headers: &HeaderMap,
        body: &mut Incoming,
        received: Instant,
    ) -> Result<Bytes, Problem> {
        let via = headers.get(&VIA);
        if via.is_some_and(|via| via == self.gateway.via()) {
            return Err(Problem::request_loop());
        }
        let max = self.gateway.config().server.max_body;
        let luggage = self.gateway.house().luggage(received);
        collect_until(
            &self.gateway.stopped(),
            body,
            max,
            &self.edge.limits,
            luggage,
        )
        .await
    }

    async fn page(&self, head: Parts, body: Bytes, peer: &Peer) -> Response<axum::body::Body> {
        let reach = self.door.reach(&head.headers, peer);
        let tongue = tongue::of(&head.uri, &head.headers);
        let mut request = Request::from_parts(head, axum::body::Body::from(body));
        if let Some(uri) = without_slash(request.uri()) {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(reach);
        request.extensions_mut().insert(tongue);
        match self.pages.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Counts a request that came no further than the guards.
    fn count(&self, problem: &Problem, head: &Parts, received: Instant) {
        let ingress = Ingress::at(head.uri.path(), None);
        let endpoint = ingress.map(|ingress| ingress.endpoint.path);
        let metrics = self.gateway.metrics();
        metrics.turned_away(endpoint, problem.status.as_u16(), received.elapsed());
    }

    /// The log line of a request that came no further than the guards; the others have a book.
    fn log(&self, problem: &Problem, head: &Parts, id: &HeaderValue) {
        let Some(untold) = self.edge.turned_away.one_more(Instant::now()) else {
            return;
        };
        tracing::info!(
            target: "autogw::request",
            request_id = id.to_str().unwrap_or_default(),
            door = self.door.name(),
            endpoint = shortened(head.uri.path()),
            status = problem.status.as_u16(),
            outcome = "turned away",
            untold_before = (untold > 0).then_some(untold),
            "request"
        );
    }

    /// Lets a request in that carries one of our keys, and slows down whoever guesses.
    ///
    /// Returns the name of the key's holder.
    async fn check_key(&self, head: &Parts, peer: &Peer) -> Result<Arc<str>, Refusal> {
        if let Some(anybody) = self.door.keys.open() {
            return Ok(anybody);
        }
        let mut keys = auth::presented(head).peekable();
        // No key at all is a mistake, not a guess.
        if keys.peek().is_none() {
            return Err(Problem::bad_key().into());
        }
        let network = || self.door.network(&head.headers, peer);
        if self.door.guards_short_keys()
            && let Some(wait) = self.edge.patience.is_swamped(network(), Instant::now())
        {
            return Err(Refusal::for_good(Problem::too_many_bad_keys(wait)));
        }
        if let Some(client) = keys.find_map(|key| self.door.keys.recognise(&key)) {
            return Ok(client);
        }
        Err(
            match self.edge.patience.wrong_key(network(), Instant::now()) {
                Verdict::Wrong => Problem::bad_key().into(),
                Verdict::Blocked { wait, hold: None } => {
                    Refusal::for_good(Problem::too_many_bad_keys(wait))
                }
                Verdict::Blocked {
                    wait,
                    hold: Some(_place),
                } => {
                    let pause = tokio::time::sleep(self.edge.limits.wrong_key);
                    self.gateway.stopped().run_until_cancelled(pause).await;
                    Problem::too_many_bad_keys(wait).into()
                }
            },
        )
    }
}

/// Whether stored answers are asked for with it.
fn may_look_up(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::DELETE)
}

/// Who may go on after the guards.
enum Admitted {
    /// A browser that asks whether it may.
    Preflight,
    /// This gateway itself, from the other end of the tunnel.
    Ourselves(Arc<Probe>),
    /// Somebody who asks for what everybody may see.
    Anybody,
    /// The holder of a key, or anybody where there are none.
    Client(Arc<str>),
}

/// Why a request is not answered, and what becomes of its connection.
struct Refusal {
    problem: Problem,
    parting: Parting,
}

/// What becomes of a connection on which somebody was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parting {
    /// It goes on when the rest of the request has been read.
    GoesOn,
    /// The same, but the answer does not wait for the rest.
    Meanwhile,
    /// It ends; the rest is read for a moment, so that the answer is not lost.
    Soon,
    /// It ends, and nothing more is read.
    AtOnce,
}

impl Parting {
    /// How long the rest of a refused request is read.
    fn listens_for(self) -> Option<Duration> {
        match self {
            Parting::GoesOn | Parting::Meanwhile => Some(Duration::from_secs(2)),
            Parting::Soon => Some(Duration::from_millis(300)),
            Parting::AtOnce => None,
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        // Who is to come again had better know it soon.
        let parting = match problem.status {
            StatusCode::SERVICE_UNAVAILABLE => Parting::Meanwhile,
            _ => Parting::GoesOn,
        };
        Self { problem, parting }
    }
}

impl Refusal {
    /// A refusal after which nothing more is read from the connection.
    fn for_good(problem: Problem) -> Self {
        Self {
            problem,
            parting: Parting::AtOnce,
        }
    }

    fn reply(&self, id: &HeaderValue, tongue: Tongue) -> Reply {
        let mut reply = error::reply(&self.problem, id, tongue);
        if matches!(self.parting, Parting::Soon | Parting::AtOnce) {
            let close = HeaderValue::from_static("close");
            reply.headers.insert(header::CONNECTION, close);
        }
        reply
    }

    /// The same for somebody who was not let in at `door`: strangers do not keep connections of a public
    /// one, where there are only so many.
    fn at(self, door: &Door) -> Self {
        let parting = match self.parting {
            Parting::GoesOn if door.is_public() => Parting::Soon,
            other => other,
        };
        Self { parting, ..self }
    }
}

fn preflight(head: &Parts) -> Response<axum::body::Body> {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = Guard::permissions(head);
    response
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

/// The target without the slash at the end of its path, if it has one.
fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri
        .path()
        .strip_suffix('/')
        .filter(|path| !path.is_empty())?;
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    target.parse().ok()
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

#[cfg(test)]
mod tests;
