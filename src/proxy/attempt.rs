//! One attempt: the request goes to one target, and an answer or a classified failure comes back.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Endpoint};
use super::gateway::Gateway;
use super::prepared::{Prepared, Written};
use super::relay::{Broken, Relay};
use super::upstream::{Answer, AnswerBody, Outgoing, SendError, describe};
use crate::chat::{ErrorBody, Failure, FailureClass, Next, Stage};
use crate::codec::openai_chat::response::{NoAnswer, check};
use crate::codec::openai_chat::{Usage, error};
use crate::config::Timeouts;
use crate::provider::{Features, Provider, classify};
use crate::route::{Offer, Target};

/// Largest complete answer that is held to be checked.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Most of an error body that is read.
const MAX_ERROR: usize = 64 * 1024;

/// How long the body of an error may take: its status is already known.
const ERROR_BODY: Duration = Duration::from_secs(5);

/// Most bytes held back before the first meaningful event; a preamble is never that long.
const MAX_PREAMBLE: usize = 64 * 1024;

/// An answer that may be given to the client.
#[derive(Debug)]
pub struct Good {
    /// The upstream's status, a 2xx.
    pub status: StatusCode,
    /// The upstream's headers.
    pub headers: HeaderMap,
    /// What was removed from the request.
    pub dropped: Vec<String>,
    /// The body, in the state it is in.
    pub body: GoodBody,
}

/// A body that is known to be good so far.
#[derive(Debug)]
pub enum GoodBody {
    /// Complete and checked.
    Whole(Bytes, Option<Usage>),
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

/// Everything an attempt needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Providers and their connections.
    pub gateway: &'a Gateway,
    /// The client's request.
    pub call: &'a Call,
    /// The same, read.
    pub prepared: &'a Prepared,
    /// What it needs, as far as routing asked.
    pub needs: Features,
    /// When the request as a whole must be answered.
    pub deadline: Instant,
}

impl Attempt<'_> {
    /// Sends the request to `target`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the upstream connection.
    pub async fn run(&self, target: &Target) -> Result<Good, Failure> {
        let provider = &self.gateway.provider(target).clone();
        let timeouts = timeouts(
            self.gateway.config().router.timeouts,
            provider,
            &target.offer,
        );
        let limit = if self.prepared.streams {
            timeouts.first_token
        } else {
            timeouts.response
        };
        let now = Instant::now();
        let by = self.deadline.min(now + limit);
        let written = self
            .prepared
            .write(self.call, &target.offer, provider, self.needs);
        let outgoing = Outgoing {
            path: self.call.endpoint.path,
            key: target.key,
            headers: &written.headers,
            body: written.body.clone(),
            connect_by: now + timeouts.connect,
            answer_by: by,
            may_repeat: !self.prepared.head.has_effects,
        };
        let answer = self
            .gateway
            .upstream(target)
            .send(outgoing)
            .await
            .map_err(|error| self.unsent(error))?;
        if !answer.status.is_success() {
            return Err(self.refused(answer, provider).await);
        }
        self.accept(answer, written, by, timeouts.idle, provider)
            .await
    }

    async fn accept(
        &self,
        answer: Answer,
        written: Written,
        by: Instant,
        idle: Duration,
        provider: &Provider,
    ) -> Result<Good, Failure> {
        let Answer {
            status,
            headers,
            body,
        } = answer;
        let kind = Content::of(&headers, self.call.endpoint);
        let result = match kind {
            Content::Events if self.prepared.streams || self.call.endpoint.any_content => {
                let relay = Relay::new(written.strips_usage, self.call.endpoint.generates);
                open_stream(body, relay, by, idle)
                    .await
                    .map(GoodBody::Stream)
            }
            Content::Foreign => Ok(GoodBody::Raw(body)),
            Content::Json if self.prepared.streams => Err(Flaw::malformed(
                "the upstream answered a stream request with a document",
            )),
            Content::Json => whole(body, self.call.endpoint, by).await,
            Content::Events | Content::Page => {
                let excerpt = read_some(body, MAX_ERROR).await;
                Err(Flaw::Malformed(format!(
                    "unexpected content: {}",
                    error::read(&excerpt).message
                )))
            }
        };
        match result {
            Ok(body) => Ok(Good {
                status,
                headers,
                dropped: written.dropped,
                body,
            }),
            Err(flaw) => Err(self.flawed(flaw, status, &headers, provider)),
        }
    }

    fn unsent(&self, error: SendError) -> Failure {
        let next = if error.stage == Stage::Connect && error.class == FailureClass::Network {
            Next::Same
        } else {
            Next::Provider
        };
        self.failure(error.class, error.stage, next, error.message)
    }

    async fn refused(&self, answer: Answer, provider: &Provider) -> Failure {
        let Answer {
            status,
            headers,
            body,
        } = answer;
        let body = error::read(&read_some(body, MAX_ERROR).await);
        classify::answer(
            status,
            &headers,
            self.clean(body),
            provider.retryable_status_codes.as_ref(),
        )
    }

    fn flawed(
        &self,
        flaw: Flaw,
        status: StatusCode,
        headers: &HeaderMap,
        provider: &Provider,
    ) -> Failure {
        let mut failure = match flaw {
            Flaw::Error(body) => {
                let body = self.clean(body);
                classify::answer(
                    classify::status_of(&body),
                    headers,
                    body,
                    provider.retryable_status_codes.as_ref(),
                )
            }
            Flaw::Malformed(message) => self.failure(
                FailureClass::Malformed,
                Stage::Answered,
                Next::Provider,
                message,
            ),
            Flaw::Network(message) => self.failure(
                FailureClass::Network,
                Stage::Answered,
                Next::Provider,
                message,
            ),
            Flaw::Timeout(message) => self.failure(
                FailureClass::Timeout,
                Stage::Answered,
                Next::Provider,
                message.to_owned(),
            ),
        };
        failure.status = failure.status.or(Some(status.as_u16()));
        failure
    }

    fn failure(&self, class: FailureClass, stage: Stage, next: Next, message: String) -> Failure {
        let message = self.gateway.redactor().redact(&message).into_owned();
        Failure {
            class,
            stage,
            next,
            status: None,
            message,
            kind: None,
            code: None,
            param: None,
            retry_after: None,
        }
    }

    /// Upstreams quote keys back; nobody is to read them.
    fn clean(&self, body: ErrorBody) -> ErrorBody {
        self.gateway.clean(body)
    }
}

/// A route's step, or else the provider, may replace the limits of an attempt.
fn timeouts(timeouts: Timeouts, provider: &Provider, offer: &Offer) -> Timeouts {
    let step = offer.rules.as_ref().and_then(|rules| rules.timeout);
    match step.or(provider.timeout) {
        None => timeouts,
        Some(limit) => Timeouts {
            first_token: limit,
            idle: limit,
            response: limit,
            ..timeouts
        },
    }
}

/// Why a 2xx is not an answer.
enum Flaw {
    Error(ErrorBody),
    Malformed(String),
    Network(String),
    Timeout(&'static str),
}

impl Flaw {
    fn malformed(message: &str) -> Self {
        Flaw::Malformed(message.to_owned())
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
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        match kind.trim_start().to_ascii_lowercase() {
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

async fn whole(body: AnswerBody, endpoint: &Endpoint, by: Instant) -> Result<GoodBody, Flaw> {
    let Ok(read) = timeout_at(by, read_whole(body)).await else {
        return Err(Flaw::Timeout("the answer did not arrive in time"));
    };
    let bytes = read?;
    match check(&bytes, endpoint.shape) {
        Ok(usage) => Ok(GoodBody::Whole(bytes, usage)),
        Err(NoAnswer::Error(body)) => Err(Flaw::Error(body)),
        Err(NoAnswer::Malformed(message)) => Err(Flaw::malformed(message)),
    }
}

/// Reads a body to its end; one that came in one piece is not copied.
async fn read_whole(mut body: AnswerBody) -> Result<Bytes, Flaw> {
    let announced = body.announced();
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(chunk) = body.chunk().await {
        let chunk = chunk.map_err(|error| {
            Flaw::Network(format!("the answer broke off: {}", describe(&error)))
        })?;
        if first.len() + all.len() + chunk.len() > MAX_ANSWER {
            return Err(Flaw::malformed("the answer is larger than 64 MiB"));
        }
        if first.is_empty() && all.is_empty() {
            first = chunk;
            continue;
        }
        if all.is_empty() {
            all.reserve(
                announced
                    .and_then(|length| usize::try_from(length).ok())
                    .map_or(0, |length| length.min(MAX_ANSWER)),
            );
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads at most `limit` bytes, for a short time: what there is of an error is good enough.
async fn read_some(mut body: AnswerBody, limit: usize) -> Vec<u8> {
    let mut read = Vec::new();
    let by = Instant::now() + ERROR_BODY;
    while read.len() < limit
        && let Ok(Some(Ok(chunk))) = timeout_at(by, body.chunk()).await
    {
        read.extend_from_slice(&chunk[..chunk.len().min(limit - read.len())]);
    }
    read
}

/// Holds a stream back until its first meaningful event.
async fn open_stream(
    body: AnswerBody,
    relay: Relay,
    by: Instant,
    idle: Duration,
) -> Result<Opened, Flaw> {
    let mut opened = Opened {
        ready: VecDeque::new(),
        relay,
        rest: Some(body),
        idle,
    };
    match timeout_at(by, hold(&mut opened)).await {
        Ok(Ok(())) => Ok(opened),
        Ok(Err(flaw)) => Err(flaw),
        Err(_) => Err(Flaw::Timeout("no first token in time")),
    }
}

async fn hold(stream: &mut Opened) -> Result<(), Flaw> {
    let mut held = 0;
    while !stream.relay.is_meaningful() && held < MAX_PREAMBLE {
        let Some(body) = &mut stream.rest else { break };
        match body.chunk().await {
            Some(Ok(chunk)) => {
                held += chunk.len();
                match stream.relay.feed(chunk, &mut stream.ready) {
                    Ok(()) => {}
                    // An error right behind the first token: the token is the client's all the same.
                    Err(broken) if !stream.relay.is_meaningful() => return Err(broken.into()),
                    Err(broken) => return later(stream, broken),
                }
                if stream.relay.is_done() && !stream.relay.is_meaningful() {
                    return Err(Flaw::malformed("the stream ended without content"));
                }
            }
            Some(Err(error)) => {
                return Err(Flaw::Network(format!(
                    "the stream broke off before its first token: {}",
                    describe(&error)
                )));
            }
            None => return end_early(stream),
        }
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

/// A stream that broke in the very chunk that opened it: the break is kept for the reader.
fn later(stream: &mut Opened, broken: Broken) -> Result<(), Flaw> {
    stream.relay.break_later(broken);
    Ok(())
}

impl From<Broken> for Flaw {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Error(body) => Flaw::Error(body),
            Broken::Truncated => Flaw::Network("the stream ended before its first token".into()),
        }
    }
}
