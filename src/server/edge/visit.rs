//! A request at an edge: it passes the guards, and goes to whom it asks for, all in the generation it began with.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tower_service::Service as _;

use super::refusal::{Parting, Refusal};
use super::{Answer, Edge};
use crate::proxy::call::Call;
use crate::proxy::gateway::Gateway;
use crate::proxy::house::Hold;
use crate::proxy::ingress::Ingress;
use crate::proxy::problem::Problem;
use crate::proxy::record::Record;
use crate::proxy::stored::{self, Asking, Stored};
use crate::proxy::upstream::VIA;
use crate::proxy::{self, tapped};
use crate::server::body::{collect_until, discard};
use crate::server::door::{Door, Reach};
use crate::server::guard::Guard;
use crate::server::patience::Verdict;
use crate::server::peer::Peer;
use crate::server::probe::Probe;
use crate::server::turned_away::shortened;
use crate::server::{auth, framing, pages, tongue};

/// See the module's head.
pub(super) struct Visit<'a> {
    pub(super) edge: &'a Edge,
    pub(super) gateway: &'a Arc<Gateway>,
    pub(super) pages: &'a Router,
    pub(super) door: &'a Door,
}

impl Visit<'_> {
    /// Answers it, or says why not; what is left of a refused request is read as its parting says.
    pub(super) async fn handle(
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
        if self.door.is_open(head.uri.path()) || self.shows_metrics(head, peer) {
            return Ok(Admitted::Anybody);
        }
        let client = self.check_key(head, peer).await?;
        if self.door.knows_its_clients() {
            peer.is_known();
        }
        self.door.admit(Instant::now())?;
        Ok(Admitted::Client(client))
    }

    /// Whether it is the metrics that are asked for, where nobody but this machine can.
    fn shows_metrics(&self, head: &Parts, peer: &Peer) -> bool {
        pages::is_metrics(head.uri.path())
            && self.door.guard.is_loopback()
            && self.door.reach(&head.headers, peer) == Reach::Here
            && self
                .edge
                .board
                .statuses()
                .values()
                .all(|tunnel| tunnel.phase.is_final())
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

fn preflight(head: &Parts) -> Response<axum::body::Body> {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = Guard::permissions(head);
    response
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
