//! Upstream: a provider made reachable. Sends one attempt and hands back the head and the body of its answer.
//!
//! No redirects are followed, no environment variable is obeyed, and a key is put only into requests
//! to the host its provider was configured with (invariant I9).

mod chaos;
mod connect;
mod link;
mod pieces;
mod pool;
mod tls;
mod wire;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use hyper::body::Incoming;
use tokio::time::timeout_at;

use super::call::{ENDPOINTS, Endpoint};
use crate::chat::{FailureClass, Stage};
use crate::demo::Demo;
use crate::provider::{Provider, auth};
use chaos::Twist;
pub use connect::ConnectError;
use connect::{Connector, Remote};
use link::{ExchangeError, Link, Tail};
pub use pieces::Pieces;
use pool::Pool;
pub use tls::Tls;

/// The header that tells a gateway that a request has already passed through it.
pub static VIA: HeaderName = HeaderName::from_static("x-autogw-via");

/// How soon a closed idle connection shows: a round trip around the world and some.
const RACE_WITHIN: Duration = Duration::from_millis(500);

/// A provider and the connections to it.
#[derive(Debug)]
pub struct Upstream {
    connector: Arc<Connector>,
    pool: Arc<Pool>,
    /// The target of each endpoint.
    targets: Vec<(&'static str, Uri)>,
    /// The path of the base URL, without a slash at its end.
    prefix: String,
    /// Headers of a request without a key.
    keyless: HeaderMap,
    /// Headers of a request with each key, in the provider's order.
    keyed: Vec<HeaderMap>,
}

/// One request to an upstream.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Path below the base URL, e.g. `/chat/completions`, with its query.
    pub path: &'a str,
    /// What is done there.
    pub method: Method,
    /// Place of the key to send; `None` sends none.
    pub key: Option<usize>,
    /// Headers of the client that may be seen upstream, and what differs from a JSON request.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: Pieces,
    /// When the connection must stand.
    pub connect_by: tokio::time::Instant,
    /// When the head of the answer must be here.
    pub answer_by: tokio::time::Instant,
    /// Whether the request may be sent again when a reused connection broke before any answer.
    pub may_repeat: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// Network, timeout, or our own want of file descriptors.
    pub class: FailureClass,
    /// Whether anything was sent.
    pub stage: Stage,
    /// In words, without addresses that carry secrets.
    pub message: String,
}

/// The head of an answer, and its body to come.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: AnswerBody,
}

impl Upstream {
    /// Makes `provider` reachable. Nothing is opened yet. `via` marks its requests as ours.
    pub fn new(provider: &Provider, tls: &Arc<Tls>, via: &str) -> Result<Self, ConnectError> {
        let connector = match (&provider.demo, &provider.base_url) {
            (Some(profile), _) => {
                Connector::Demo(Demo::new(&provider.name, profile.clone(), &provider.models))
            }
            (None, Some(url)) => Connector::Remote(Box::new(Remote::new(
                url,
                provider.proxy.clone(),
                tls.clone(),
            )?)),
            (None, None) => return Err(ConnectError::without_address(&provider.name)),
        };
        let keyless = common_headers(provider, via);
        let keyed = provider.keys.iter().map(|key| {
            let header = auth::header(provider.preset.auth, &key.secret);
            let (name, value) =
                header.ok_or_else(|| ConnectError::unsendable_key(&provider.name))?;
            let mut headers = keyless.clone();
            headers.insert(name, value);
            Ok(headers)
        });
        Ok(Self {
            connector: Arc::new(connector),
            pool: Arc::default(),
            targets: targets(provider)?,
            prefix: prefix(provider).to_owned(),
            keyed: keyed.collect::<Result<_, ConnectError>>()?,
            keyless,
        })
    }

    /// The same through the connections of `other`, which lead to the same place.
    #[must_use]
    pub fn through(self, other: &Self) -> Self {
        Self {
            connector: other.connector.clone(),
            pool: other.pool.clone(),
            ..self
        }
    }

    /// Sends one attempt.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection it was using.
    pub async fn send(&self, outgoing: Outgoing<'_>) -> Result<Answer, SendError> {
        let mut is_repeat = false;
        loop {
            let pooled = if is_repeat {
                None
            } else {
                self.pool.take(Instant::now())
            };
            let link = match pooled {
                Some(link) => link,
                // Boxed: a connection is opened once for many requests, and its making is large.
                None => Box::pin(self.open(&outgoing)).await?,
            };
            let was_reused = link.is_reused;
            let began = Instant::now();
            let request = self.request(&outgoing);
            match timeout_at(outgoing.answer_by, link.exchange(request)).await {
                Ok(Ok((response, tail))) => return Ok(self.answer(response, tail)),
                // Not a byte of it was sent: another idle connection may do.
                Ok(Err(error)) if was_reused && error.is_unsent => {}
                Ok(Err(error)) if was_reused && outgoing.may_repeat && is_race(&error, began) => {
                    is_repeat = true;
                }
                Ok(Err(error)) => return Err(SendError::broken(&error)),
                Err(_) => return Err(SendError::timeout(Stage::Sent, "no answer in time")),
            }
        }
    }

    async fn open(&self, outgoing: &Outgoing<'_>) -> Result<Link, SendError> {
        let by = outgoing.connect_by.min(outgoing.answer_by);
        let wire = match timeout_at(by, self.connector.connect()).await {
            Ok(Ok(wire)) => wire,
            Ok(Err(error)) => return Err(SendError::unconnected(&error)),
            Err(_) => return Err(SendError::timeout(Stage::Connect, "no connection in time")),
        };
        Link::new(wire)
            .await
            .map_err(|error| SendError::unreachable(error.to_string()))
    }

    fn request(&self, outgoing: &Outgoing<'_>) -> Request<Pieces> {
        let mut request = Request::new(outgoing.body.clone());
        *request.method_mut() = outgoing.method.clone();
        *request.uri_mut() = self.target(outgoing.path);
        let ready = outgoing.key.and_then(|place| self.keyed.get(place));
        let mut headers = ready.unwrap_or(&self.keyless).clone();
        for name in outgoing.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in outgoing.headers {
            headers.append(name, value.clone());
        }
        *request.headers_mut() = headers;
        request
    }

    fn target(&self, path: &str) -> Uri {
        let known = self.targets.iter().find(|(known, _)| *known == path);
        let uri = match known {
            Some((_, uri)) => Some(uri.clone()),
            // A model stands in it, encoded, so it is one.
            None => [&self.prefix, path].concat().parse().ok(),
        };
        uri.unwrap_or_default()
    }

    fn answer(&self, response: hyper::Response<Incoming>, tail: Tail) -> Answer {
        let (head, incoming) = response.into_parts();
        let body = AnswerBody {
            incoming: Some(incoming),
            tail: Some(tail),
            pool: self.pool.clone(),
            twist: None,
        };
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Prepares what the first request would otherwise wait for.
    pub async fn warm_up(&self) {
        self.connector.warm_up().await;
    }

    /// Closes connections that have idled too long.
    pub fn sweep(&self, now: Instant) {
        self.pool.sweep(now);
    }
}

/// The paths of all endpoints below the provider's base URL.
fn targets(provider: &Provider) -> Result<Vec<(&'static str, Uri)>, ConnectError> {
    let prefix = prefix(provider);
    let target = |endpoint: &'static Endpoint| match [prefix, endpoint.path].concat().parse() {
        Ok(uri) => Ok((endpoint.path, uri)),
        Err(_) => Err(ConnectError::unusable_path(&provider.name)),
    };
    ENDPOINTS.iter().map(target).collect()
}

fn prefix(provider: &Provider) -> &str {
    let url = provider.base_url.as_ref();
    url.map_or("/v1", |url| url.path().trim_end_matches('/'))
}

/// Headers that hardly ever differ: what does is set over them.
fn common_headers(provider: &Provider, via: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    let host = provider.base_url.as_ref().and_then(|url| {
        let name = url.host_str()?;
        HeaderValue::try_from(
            url.port()
                .map_or_else(|| name.to_owned(), |port| format!("{name}:{port}")),
        )
        .ok()
    });
    headers.insert(
        header::HOST,
        host.unwrap_or(HeaderValue::from_static("demo")),
    );
    let ours = HeaderValue::from_static(concat!("autogw/", env!("CARGO_PKG_VERSION")));
    headers.insert(
        header::USER_AGENT,
        provider.user_agent.clone().unwrap_or(ours),
    );
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let any = HeaderValue::from_static("application/json, */*;q=0.5");
    headers.insert(header::ACCEPT, any);
    if let Ok(via) = HeaderValue::try_from(via) {
        headers.insert(&VIA, via);
    }
    for (name, value) in &provider.extra_headers {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// Whether the exchange failed the way it does when the far end had just closed an idle connection:
/// at once, and without a word. Then it is repeated, once, on a fresh connection.
fn is_race(error: &ExchangeError, began: Instant) -> bool {
    let source = &error.source;
    let is_silent = source.is_incomplete_message()
        || source.is_canceled()
        || source.is_closed()
        || is_reset(source);
    is_silent && began.elapsed() < RACE_WITHIN
}

fn is_reset(error: &hyper::Error) -> bool {
    use std::error::Error as _;
    use std::io::ErrorKind;
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| {
        matches!(
            io.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        )
    })
}

impl SendError {
    fn unconnected(error: &ConnectError) -> Self {
        let class = if error.is_local() {
            FailureClass::Local
        } else {
            FailureClass::Network
        };
        Self {
            class,
            ..Self::unreachable(error.to_string())
        }
    }

    fn unreachable(message: String) -> Self {
        Self {
            class: FailureClass::Network,
            stage: Stage::Connect,
            message,
        }
    }

    fn timeout(stage: Stage, message: &str) -> Self {
        Self {
            class: FailureClass::Timeout,
            stage,
            message: message.to_owned(),
        }
    }

    fn broken(error: &ExchangeError) -> Self {
        let stage = if error.is_unsent {
            Stage::Connect
        } else {
            Stage::Sent
        };
        let class = if error.source.is_parse() {
            FailureClass::Malformed
        } else {
            FailureClass::Network
        };
        Self {
            class,
            stage,
            message: words(&error.source),
        }
    }
}

/// How an answer broke off, in words.
pub fn describe(error: &BodyError) -> String {
    match error {
        BodyError::Wire(error) => words(error),
        BodyError::Injected => "as the gateway's owner has it do".to_owned(),
    }
}

/// hyper's words, with those of the cause behind them.
fn words(error: &hyper::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// The body of an answer. Dropping it before its end closes the connection.
#[derive(Debug)]
pub struct AnswerBody {
    /// `None` for one that was made up.
    incoming: Option<Incoming>,
    tail: Option<Tail>,
    pool: Arc<Pool>,
    /// What is done to it: nothing, but for faults that are played.
    twist: Option<Box<Twist>>,
}

/// An answer that broke off.
#[derive(Debug)]
pub enum BodyError {
    /// The connection did.
    Wire(hyper::Error),
    /// Its owner had it break off.
    Injected,
}

impl AnswerBody {
    /// The next piece as it came from the socket; `None` at the end.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.twist.is_some() {
            return self.poll_twisted(cx);
        }
        self.poll_wire(cx)
    }

    fn poll_wire(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let (Some(tail), Some(incoming)) = (&mut self.tail, &mut self.incoming) else {
            return Poll::Ready(None);
        };
        let polled = tail.poll_chunk(incoming, cx);
        if let Poll::Ready(None) = polled
            && let Some(link) = self.tail.take().and_then(Tail::into_link)
        {
            self.pool.put(link, Instant::now());
        }
        polled.map_err(BodyError::Wire)
    }

    /// The next piece, as a future.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The length the head announced.
    pub fn announced(&self) -> Option<u64> {
        http_body::Body::size_hint(self.incoming.as_ref()?).exact()
    }
}

impl Drop for AnswerBody {
    /// An answer may be complete without anybody having asked for its end: one look saves the connection.
    fn drop(&mut self) {
        let incoming = self.incoming.as_ref().filter(|_| self.tail.is_some());
        if incoming.is_some_and(http_body::Body::is_end_stream) {
            let _ = self.poll_wire(&mut Context::from_waker(std::task::Waker::noop()));
        }
    }
}
