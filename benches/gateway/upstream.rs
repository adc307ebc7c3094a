//! The scripted upstream: an OpenAI-compatible server that costs as little as it can and always answers the same.
//!
//! Everything it sends was built at its start. A stream hands over one event and lets hyper write it before the next: no
//! pause, but every event is a write and a TCP segment of its own, so that what a gateway does *per event* is paid for.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Result;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

/// Streams this many tokens; a request without `stream` is answered at once.
pub(crate) const MODEL: &str = "bench-1000";
/// Streams one token and then says nothing until the client leaves.
pub(crate) const HOLDING_MODEL: &str = "bench-hold";
/// Tokens in a stream of [`MODEL`].
pub(crate) const TOKENS: usize = 1000;

/// Size of the plain answer in bytes.
const ANSWER_BYTES: usize = 1024;

type Answer = Either<Full<Bytes>, Events>;

/// Serves the script until stdin ends.
pub(crate) fn serve() -> Result<()> {
    let script = Arc::new(Script::new());
    super::role::serve(move |request| answer(request, Arc::clone(&script)))
}

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

async fn answer(request: Request<Incoming>, script: Arc<Script>) -> Response<Answer> {
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return refusal(),
    };
    let Ok(asked) = serde_json::from_slice::<Asked>(&body) else {
        return refusal();
    };
    let (kind, body) = if asked.stream {
        (
            "text/event-stream",
            Either::Right(Events::new(&asked, script)),
        )
    } else {
        (
            "application/json",
            Either::Left(Full::new(script.answer.clone())),
        )
    };
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn refusal() -> Response<Answer> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// The bytes of every answer and event.
struct Script {
    answer: Bytes,
    role: Bytes,
    tokens: Vec<Bytes>,
    finish: Bytes,
    usage: Bytes,
    done: Bytes,
}

impl Script {
    fn new() -> Self {
        let words = [
            "The", " quick", " brown", " fox", " said", " \"hé\"", "\n", " and",
        ];
        let usage = json!({"prompt_tokens": 480, "completion_tokens": TOKENS, "total_tokens": 480 + TOKENS});
        let token = |word| delta(&json!({"content": word}), &Value::Null);
        Self {
            answer: completion(&usage),
            role: delta(
                &json!({"role": "assistant", "content": "", "refusal": null}),
                &Value::Null,
            ),
            tokens: words.into_iter().map(token).collect(),
            finish: delta(&json!({}), &json!("stop")),
            usage: event(&chunk(&json!([]), &usage)),
            done: Bytes::from_static(b"data: [DONE]\n\n"),
        }
    }
}

/// `usage` is null in every chunk but the last, as it is in the real thing: an observer must not be woken by the word alone.
fn chunk(choices: &Value, usage: &Value) -> Value {
    json!({
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", "object": "chat.completion.chunk", "created": 1_741_570_283,
        "model": MODEL, "system_fingerprint": "fp_fc9f1d7035", "choices": choices, "usage": usage,
    })
}

fn delta(delta: &Value, finish: &Value) -> Bytes {
    let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    event(&chunk(&choices, &Value::Null))
}

fn event(chunk: &Value) -> Bytes {
    format!("data: {chunk}\n\n").into()
}

/// A chat completion of exactly [`ANSWER_BYTES`].
fn completion(usage: &Value) -> Bytes {
    let with_text = |text: &str| {
        let message = json!({"role": "assistant", "content": text, "refusal": null});
        json!({
            "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion", "created": 1_741_569_952, "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}], "usage": usage,
        })
        .to_string()
    };
    let padding = ANSWER_BYTES.saturating_sub(with_text("").len());
    with_text(&"x".repeat(padding)).into()
}

/// A response body: role, tokens, finish, usage if asked for, `[DONE]`.
struct Events {
    script: Arc<Script>,
    tokens: usize,
    usage: bool,
    holds: bool,
    sent: usize,
    written: bool,
}

impl Events {
    fn new(asked: &Asked<'_>, script: Arc<Script>) -> Self {
        let holds = asked.model == HOLDING_MODEL;
        Self {
            script,
            tokens: if holds { 1 } else { TOKENS },
            usage: asked
                .stream_options
                .as_ref()
                .is_some_and(|options| options.include_usage),
            holds,
            sent: 0,
            written: true,
        }
    }

    /// The event at `place`; `None` past the last one.
    fn event(&self, place: usize) -> Option<&Bytes> {
        let script = &self.script;
        let tail = [
            Some(&script.finish),
            self.usage.then_some(&script.usage),
            Some(&script.done),
        ];
        match place {
            0 => Some(&script.role),
            token if token <= self.tokens => script.tokens.get((token - 1) % script.tokens.len()),
            later => tail.into_iter().flatten().nth(later - self.tokens - 1),
        }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.holds && self.sent > self.tokens {
            return Poll::Pending;
        }
        // hyper gathers frames for as long as the body is ready and writes when it is not: so it is not, once per event.
        self.written = !self.written;
        if self.written {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let event = self.event(self.sent).cloned();
        self.sent += 1;
        Poll::Ready(event.map(|event| Ok(Frame::data(event))))
    }
}
