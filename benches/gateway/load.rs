//! The load generator: a fixed number of requests in a closed loop, every answer compared with the upstream's own; one that
//! was translated with what the first of its kind said.
//!
//! Closed and counted, because CPU per request needs the same work for everyone; an open loop would measure a queue. A
//! wrong status, a missing event, a changed byte or a request that hangs ends the bench: a broken gateway has no speed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::process::BEARER;
use super::script::WORD;
use super::tongue::Tongue;

/// No run takes minutes: one that does hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where a body is sent.
#[derive(Clone)]
pub(crate) struct Asked {
    /// The path.
    pub(crate) uri: Uri,
    /// The body.
    pub(crate) body: Bytes,
}

impl Asked {
    /// A chat.
    pub(crate) fn chat(body: Bytes) -> Self {
        Self {
            uri: Tongue::Chat.uri("", false),
            body,
        }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static(BEARER));
        request
    }
}

/// A request and the answer to expect.
#[derive(Clone)]
pub(crate) struct Question {
    asked: Asked,
    answer: Bytes,
    /// Whether the answer is translated: then it holds ids and times of its own.
    is_translated: bool,
}

impl Question {
    /// Learns the answer to a chat by asking `upstream` itself.
    pub(crate) async fn new(body: Bytes, upstream: SocketAddr) -> Result<Self> {
        Self::native(Asked::chat(body), upstream).await
    }

    /// Learns the answer by asking `upstream` itself.
    pub(crate) async fn native(asked: Asked, upstream: SocketAddr) -> Result<Self> {
        Ok(Self {
            answer: answer(&asked, upstream).await?,
            asked,
            is_translated: false,
        })
    }

    /// Learns what a translated answer is like by asking `gateway`.
    pub(crate) async fn translated(asked: Asked, gateway: SocketAddr) -> Result<Self> {
        let answer = answer(&asked, gateway).await?;
        ensure!(words(&answer) > 0, "a translated answer has lost its text");
        Ok(Self {
            asked,
            answer,
            is_translated: true,
        })
    }

    /// Events in the answer, if it is a stream.
    pub(crate) fn events(&self) -> usize {
        events(&self.answer)
    }

    /// Reads an answer and returns the longest silence since it was asked for.
    async fn compare(&self, answer: Response<Incoming>, asked: Instant) -> Result<Duration> {
        if self.is_translated {
            like(answer, &self.answer, asked).await
        } else {
            compare(answer, &self.answer, asked).await
        }
    }
}

async fn answer(asked: &Asked, address: SocketAddr) -> Result<Bytes> {
    let mut client = Client::connect(address).await?;
    let answer = client.send(asked.request()).await?;
    Ok(answer.collect().await?.to_bytes())
}

fn events(answer: &[u8]) -> usize {
    memchr::memmem::find_iter(answer, b"\n\n").count()
}

fn words(answer: &[u8]) -> usize {
    memchr::memmem::find_iter(answer, WORD).count()
}

/// How much to ask.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    connections: usize,
    each: usize,
}

impl Load {
    /// `each` requests on each of so many `connections`.
    pub(crate) fn new(connections: usize, each: usize) -> Self {
        Self { connections, each }
    }

    /// Requests in all.
    pub(crate) fn total(self) -> usize {
        self.connections * self.each
    }
}

/// What was seen under load: every answer, the quickest first.
pub(crate) struct Seen(Vec<Answered>);

/// What was seen of one answer.
struct Answered {
    /// From the request to the last byte.
    latency: Duration,
    /// The longest time without a byte.
    silence: Duration,
}

impl Seen {
    /// The latency that `share` of the answers did not exceed.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a list of thousands"
        )]
        let place = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0[place].latency
    }

    /// How many answers were silent for longer than `limit`.
    pub(crate) fn stalled(&self, limit: Duration) -> usize {
        let silences = self.0.iter().map(|answered| answered.silence);
        silences.filter(|silence| *silence > limit).count()
    }
}

/// Asks `question` over and over.
pub(crate) async fn run(address: SocketAddr, question: &Question, load: Load) -> Result<Seen> {
    let mut connections = JoinSet::new();
    for _ in 0..load.connections {
        connections.spawn(ask_repeatedly(address, question.clone(), load.each));
    }
    let mut seen = Vec::with_capacity(load.total());
    let all = async {
        while let Some(connection) = connections.join_next().await {
            seen.extend(connection??);
        }
        Ok::<_, anyhow::Error>(())
    };
    timeout(PATIENCE, all)
        .await
        .context("the load did not end in time")??;
    seen.sort_unstable_by_key(|answered| answered.latency);
    Ok(Seen(seen))
}

async fn ask_repeatedly(
    address: SocketAddr,
    question: Question,
    times: usize,
) -> Result<Vec<Answered>> {
    let mut client = Client::connect(address).await?;
    let mut seen = Vec::with_capacity(times);
    for _ in 0..times {
        let asked = Instant::now();
        let answer = client.send(question.asked.request()).await?;
        let silence = question.compare(answer, asked).await?;
        let latency = asked.elapsed();
        seen.push(Answered { latency, silence });
    }
    Ok(seen)
}

/// Reads an answer against the one that is expected and returns the longest silence since it was asked for.
async fn compare(answer: Response<Incoming>, expected: &[u8], asked: Instant) -> Result<Duration> {
    let mut body = answer.into_body();
    let mut rest = expected;
    let mut last = asked;
    let mut longest = Duration::ZERO;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
        let Some(left) = rest.strip_prefix(&*data) else {
            let place = expected.len() - rest.len();
            bail!("an answer differs from the upstream's at byte {place} or after");
        };
        rest = left;
    }
    let missing = rest.len();
    ensure!(
        missing == 0,
        "an answer lacks the upstream's last {missing} bytes"
    );
    Ok(longest)
}

/// Reads an answer that must have as many events and as many words as the expected one, and returns the same as
/// [`compare`].
async fn like(answer: Response<Incoming>, expected: &[u8], asked: Instant) -> Result<Duration> {
    let mut body = answer.into_body();
    let mut seen = Vec::with_capacity(expected.len());
    let (mut last, mut longest) = (asked, Duration::ZERO);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
        seen.extend_from_slice(&data);
    }
    ensure!(
        events(&seen) == events(expected) && words(&seen) == words(expected),
        "a translated answer differs from the first of its kind"
    );
    Ok(longest)
}

/// Asks once, on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, question: &Question) -> Result<()> {
    run(address, question, Load::new(1, 1)).await.map(drop)
}

/// Asks `GET /health` once.
pub(crate) async fn ask_health(address: SocketAddr) -> Result<()> {
    let mut client = Client::connect(address).await?;
    let request = Request::get("/health")
        .header(HOST, "127.0.0.1")
        .body(Full::default())?;
    client.send(request).await?.collect().await?;
    Ok(())
}

/// Opens streams that have begun and stay open; they end when the returned ones are dropped.
pub(crate) async fn hold_open(
    address: SocketAddr,
    body: &Bytes,
    streams: usize,
) -> Result<Vec<Held>> {
    let mut held = Vec::with_capacity(streams);
    for _ in 0..streams {
        held.push(
            timeout(PATIENCE, Held::open(address, body))
                .await
                .context("a stream did not begin")??,
        );
    }
    Ok(held)
}

/// A stream that stays open.
pub(crate) struct Held {
    _client: Client,
    _body: Incoming,
}

impl Held {
    async fn open(address: SocketAddr, body: &Bytes) -> Result<Self> {
        let mut client = Client::connect(address).await?;
        let answer = client.send(Asked::chat(body.clone()).request()).await?;
        let mut answer = answer.into_body();
        answer.frame().await.context("a stream ended at once")??;
        Ok(Self {
            _client: client,
            _body: answer,
        })
    }
}

/// One connection.
struct Client {
    sender: SendRequest<Full<Bytes>>,
    // Aborts the connection's task on drop.
    _connection: JoinSet<()>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut task = JoinSet::new();
        task.spawn(async {
            // Its error reaches the request that it breaks.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            _connection: task,
        })
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status();
        let body = response.collect().await?.to_bytes();
        bail!("{status}: {}", String::from_utf8_lossy(&body))
    }
}
