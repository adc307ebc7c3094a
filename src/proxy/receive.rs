//! Receives a 2xx until it is known to be good: a document to its end, a stream to its first meaningful event.
//!
//! Until then nothing of it has been shown to the client, and any flaw sends the request elsewhere.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use tokio::time::{Instant, timeout, timeout_at};

use super::call::Endpoint;
use super::relay::{Broken, MAX_HELD, Relay};
use super::translate::{Carried, Crossing, Translator};
use super::upstream::{AnswerBody, describe};
use crate::chat::{Dialect, ErrorBody, Usage};
use crate::codec::answer::{NoAnswer, check};
use crate::codec::gemini;
use crate::codec::openai_chat::unroll::unroll;

/// Largest complete answer that is held to be checked.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Most of an error body that is read.
const MAX_ERROR: usize = 64 * 1024;

/// How long the body of an error may take: its status is already known.
const ERROR_WITHIN: Duration = Duration::from_secs(5);

/// Most bytes of whole events held back before the first meaningful one; a preamble is never that long.
const MAX_PREAMBLE: usize = 64 * 1024;

/// The same for Responses, whose first two events each repeat instructions and tools.
const MAX_ECHOING_PREAMBLE: usize = 1024 * 1024;

/// A body that is known to be good so far.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one move, from the attempt to the reply"
)]
pub enum GoodBody {
    /// Complete and checked.
    Whole(Bytes, Option<Usage>),
    /// The same in another dialect.
    Carried(Box<Carried>),
    /// A stream whose first meaningful event is here.
    Stream(Opened),
    /// Bytes that are none of our business (audio, plain text).
    Raw(AnswerBody),
}

/// A stream that has begun well.
#[derive(Debug)]
pub struct Opened {
    /// Events that are ready for the client.
    pub ready: VecDeque<Bytes>,
    /// The state between upstream and client.
    pub relay: Relay,
    /// The rest of the answer; `None` if all of it is here.
    pub rest: Option<AnswerBody>,
    /// Longest silence between bytes.
    pub idle: Duration,
}

/// Why a 2xx is not an answer.
#[derive(Debug)]
pub enum Flaw {
    /// It is an error in disguise.
    Error(ErrorBody),
    /// It is not what the endpoint answers.
    Malformed(String),
    /// It broke off.
    Network(String),
    /// It took too long.
    Timeout(&'static str),
}

impl Flaw {
    fn malformed(message: &str) -> Self {
        Flaw::Malformed(message.to_owned())
    }
}

impl From<Broken> for Flaw {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Error(body) => Flaw::Error(body),
            Broken::Truncated => Flaw::Network("the stream ended before its first token".into()),
        }
    }
}

/// What is expected of an answer.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// The endpoint that was asked, in the upstream's dialect.
    pub endpoint: &'static Endpoint,
    /// Whether a stream was asked for.
    pub streams: bool,
    /// Whether the client wants the usage chunk.
    pub include_usage: bool,
    /// Whether the usage chunk is ours to take out.
    pub strips_usage: bool,
    /// When it must be known to be good.
    pub by: Instant,
    /// Longest silence between bytes of a stream.
    pub idle: Duration,
    /// The way to the client, where that speaks another dialect.
    pub crossing: Option<Arc<Crossing>>,
    /// When all that had to be waited for was here; to begin with, never.
    pub heard: OnceLock<std::time::Instant>,
}

impl Receiver {
    /// Receives `body`, which came with `headers`.
    pub async fn receive(&self, headers: &HeaderMap, body: AnswerBody) -> Result<GoodBody, Flaw> {
        if !is_identity(headers) {
            return Err(Flaw::malformed(
                "the answer is compressed, which it was asked not to be",
            ));
        }
        match Content::of(headers, self.endpoint) {
            Content::Events if self.streams || self.endpoint.any_content => {
                let relay = self.relay();
                self.open(body, relay).await.map(GoodBody::Stream)
            }
            Content::Foreign => Ok(GoodBody::Raw(body)),
            Content::Json if self.streams && self.endpoint.generates() => self.unrolled(body).await,
            Content::Json => self.carried(body).await,
            // What is in them is not quoted: it may be generated text, which belongs in no log.
            Content::Events => Err(Flaw::malformed(
                "the answer is an event stream, which nobody asked for",
            )),
            Content::Page => Err(Flaw::malformed("the answer is an HTML page")),
        }
    }

    /// When all that had to be waited for was here; now, unless that was earlier.
    pub fn heard(&self) -> std::time::Instant {
        *self.heard.get_or_init(std::time::Instant::now)
    }

    async fn carried(&self, body: AnswerBody) -> Result<GoodBody, Flaw> {
        let (bytes, usage) = self.whole(body).await?;
        match &self.crossing {
            None => Ok(GoodBody::Whole(bytes, usage)),
            Some(crossing) => {
                let carried = crossing.carry(&bytes).map_err(Flaw::Error)?;
                Ok(GoodBody::Carried(Box::new(carried)))
            }
        }
    }

    async fn whole(&self, body: AnswerBody) -> Result<(Bytes, Option<Usage>), Flaw> {
        let Ok(read) = timeout_at(self.by, read_whole(body)).await else {
            return Err(Flaw::Timeout("the answer did not arrive in time"));
        };
        let bytes = read?;
        self.heard();
        match check(&bytes, self.endpoint.shape) {
            Ok(usage) => Ok((bytes, usage)),
            Err(NoAnswer::Error(body)) => Err(Flaw::Error(body)),
            Err(NoAnswer::Malformed(message)) => Err(Flaw::malformed(message)),
        }
    }

    /// A document in place of a stream: good all the same, once it is told as one.
    async fn unrolled(&self, body: AnswerBody) -> Result<GoodBody, Flaw> {
        let (bytes, _) = self.whole(body).await?;
        if self.crossing.is_some() {
            let (mut relay, mut ready) = (self.relay(), VecDeque::new());
            relay.tell_whole(&bytes, &mut ready).map_err(Flaw::Error)?;
            return Ok(GoodBody::Stream(Opened {
                ready,
                relay,
                rest: None,
                idle: self.idle,
            }));
        }
        let no_stream =
            || Flaw::malformed("the upstream answered a stream request with a document");
        let events = match self.endpoint.dialect {
            // The usage chunk is written for the relay to read, which takes it out again as from any stream.
            Dialect::OpenAiChat => unroll(&bytes, self.include_usage || self.strips_usage),
            Dialect::Gemini => Some(gemini::unroll(&bytes)),
            Dialect::OpenAiResponses | Dialect::Anthropic => None,
        };
        let events = events.ok_or_else(no_stream)?;
        let mut relay = self.relay();
        let mut ready = VecDeque::new();
        relay.feed(events, &mut ready)?;
        Ok(GoodBody::Stream(Opened {
            ready,
            relay,
            rest: None,
            idle: self.idle,
        }))
    }

    fn relay(&self) -> Relay {
        let endpoint = self.endpoint;
        let relay = Relay::new(endpoint.dialect, self.strips_usage, endpoint.generates());
        match &self.crossing {
            None => relay,
            Some(crossing) => relay.translated(Translator::new(crossing.clone())),
        }
    }

    /// Holds a stream back until its first meaningful event.
    async fn open(&self, body: AnswerBody, relay: Relay) -> Result<Opened, Flaw> {
        let mut opened = Opened {
            ready: VecDeque::new(),
            relay,
            rest: Some(body),
            idle: self.idle,
        };
        match timeout_at(self.by, hold(&mut opened)).await {
            Ok(Ok(())) => Ok(opened),
            Ok(Err(flaw)) => Err(flaw),
            Err(_) => Err(Flaw::Timeout("no first token in time")),
        }
    }
}

enum Content {
    Events,
    Json,
    /// Audio, plain text: passed through where the endpoint may answer so.
    Foreign,
    /// HTML: somebody's login or error page.
    Page,
}

impl Content {
    fn of(headers: &HeaderMap, endpoint: &Endpoint) -> Self {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().trim_start().to_ascii_lowercase();
        match kind.as_str() {
            kind if kind.starts_with("text/event-stream") => Content::Events,
            kind if kind.starts_with("text/html") => Content::Page,
            kind if endpoint.any_content && !kind.starts_with("application/json") => {
                Content::Foreign
            }
            // Chat answers with a wrong or missing content type are judged by what they hold.
            _ => Content::Json,
        }
    }
}

/// Whether a body came as it is: it is read and passed on as such.
fn is_identity(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|coding| {
            coding
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"identity")
        })
}

/// Reads a body to its end; one that came in one piece is not copied.
pub async fn read_whole(mut body: AnswerBody) -> Result<Bytes, Flaw> {
    let announced = body
        .announced()
        .and_then(|length| usize::try_from(length).ok());
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(chunk) = body.chunk().await {
        let broke_off =
            |error| Flaw::Network(format!("the answer broke off: {}", describe(&error)));
        let chunk = chunk.map_err(broke_off)?;
        if first.len() + all.len() + chunk.len() > MAX_ANSWER {
            return Err(Flaw::malformed("the answer is larger than 64 MiB"));
        }
        if first.is_empty() && all.is_empty() {
            first = chunk;
            continue;
        }
        if all.is_empty() {
            all.reserve(announced.map_or(0, |length| length.min(MAX_ANSWER)));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads the beginning of an error, for a short time: what there is of it is good enough.
pub async fn read_error(mut body: AnswerBody) -> Vec<u8> {
    let mut read = Vec::new();
    let by = Instant::now() + ERROR_WITHIN;
    while read.len() < MAX_ERROR
        && let Ok(Some(Ok(chunk))) = timeout_at(by, body.chunk()).await
    {
        read.extend_from_slice(&chunk[..chunk.len().min(MAX_ERROR - read.len())]);
    }
    read
}

async fn hold(stream: &mut Opened) -> Result<(), Flaw> {
    let mut held = 0;
    while !stream.relay.is_meaningful() && held < most_held(&stream.relay) {
        let Some(body) = &mut stream.rest else { break };
        // Before the first byte the limit is that of the first token, which the caller keeps.
        let next = if held == 0 {
            body.chunk().await
        } else {
            let silent = |_| Flaw::Timeout("the stream fell silent before its first token");
            timeout(stream.idle, body.chunk()).await.map_err(silent)?
        };
        match next {
            Some(Ok(chunk)) => {
                held += chunk.len();
                take(stream, chunk)?;
            }
            Some(Err(error)) => {
                let cause = describe(&error);
                return Err(Flaw::Network(format!(
                    "the stream broke off before its first token: {cause}"
                )));
            }
            None => return end_early(stream),
        }
    }
    Ok(())
}

/// An event under way is waited for as long as it may be held: it could be an error.
fn most_held(relay: &Relay) -> usize {
    let preamble = match relay.dialect() {
        Dialect::OpenAiResponses => MAX_ECHOING_PREAMBLE,
        Dialect::OpenAiChat | Dialect::Anthropic | Dialect::Gemini => MAX_PREAMBLE,
    };
    if relay.holds_event() {
        preamble + MAX_HELD
    } else {
        preamble
    }
}

fn take(stream: &mut Opened, chunk: Bytes) -> Result<(), Flaw> {
    match stream.relay.feed(chunk, &mut stream.ready) {
        Ok(()) => {}
        // An error right behind the first token: the token is the client's all the same.
        Err(broken) if stream.relay.is_meaningful() => stream.relay.break_later(broken),
        Err(broken) => return Err(broken.into()),
    }
    if stream.relay.is_done() && !stream.relay.is_meaningful() {
        return Err(Flaw::malformed("the stream ended without content"));
    }
    Ok(())
}

/// The whole stream was in hand before anything meaningful had been recognised.
fn end_early(stream: &mut Opened) -> Result<(), Flaw> {
    stream.rest = None;
    stream.relay.finish(&mut stream.ready)?;
    if stream.relay.is_meaningful() || !stream.relay.needs_content() {
        return Ok(());
    }
    Err(Flaw::malformed("the stream ended without content"))
}
