//! The scripted upstream: a server of all four dialects that costs as little as it can and always answers the same.
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

use super::script::Script;
use super::tongue::Tongue;

/// Streams a thousand tokens, or as few as are asked for; a request without `stream` is answered at once.
pub(crate) const MODEL: &str = "bench-1000";
/// Streams one token and then says nothing until the client leaves.
pub(crate) const HOLDING_MODEL: &str = "bench-hold";

type Answer = Either<Full<Bytes>, Events>;

/// Serves the scripts until stdin ends.
pub(crate) fn serve() -> Result<()> {
    let scripts: Arc<[(Tongue, Arc<Script>)]> = Tongue::ALL
        .map(|tongue| (tongue, Arc::new(Script::new(tongue, tongue.model()))))
        .into();
    super::role::serve(move |request| answer(request, Arc::clone(&scripts)))
}

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

async fn answer(
    request: Request<Incoming>,
    scripts: Arc<[(Tongue, Arc<Script>)]>,
) -> Response<Answer> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let spoken = Tongue::at(path);
    let script = scripts.iter().find(|(tongue, _)| Some(*tongue) == spoken);
    let Some((_, script)) = script else {
        return refusal(StatusCode::NOT_FOUND);
    };
    let Ok(body) = body.collect().await else {
        return refusal(StatusCode::BAD_REQUEST);
    };
    let body = body.to_bytes();
    let Ok(asked) = serde_json::from_slice::<Asked>(&body) else {
        return refusal(StatusCode::BAD_REQUEST);
    };
    let (kind, body) = if asked.stream || path.ends_with(":streamGenerateContent") {
        (
            "text/event-stream",
            Either::Right(Events::new(&asked, Arc::clone(script))),
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

fn refusal(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}

/// A response body: what opens the stream, tokens, what closes it.
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
        let options = asked.stream_options.as_ref();
        let most = asked.max_tokens.or(asked.max_completion_tokens);
        Self {
            tokens: script.tokens.len().min(most.unwrap_or(usize::MAX)),
            script,
            usage: options.is_some_and(|options| options.include_usage),
            holds: asked.model.as_deref() == Some(HOLDING_MODEL),
            sent: 0,
            written: true,
        }
    }

    /// The next event; `None` past the last one.
    fn next(&mut self) -> Option<Bytes> {
        let Script {
            opening,
            tokens,
            closing,
            usage,
            ..
        } = &*self.script;
        let tokens = tokens.get(..self.tokens).unwrap_or_default();
        let is_usage = |place| self.sent == opening.len() + tokens.len() + place;
        if !self.usage && usage.is_some_and(is_usage) {
            self.sent += 1;
        }
        let event = opening.iter().chain(tokens).chain(closing).nth(self.sent);
        self.sent += 1;
        event.cloned()
    }

    /// Whether a stream that is held open has said all that it says.
    fn is_held(&self) -> bool {
        self.holds && self.sent > self.script.opening.len()
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_held() {
            return Poll::Pending;
        }
        // hyper gathers frames for as long as the body is ready and writes when it is not: so it is not, once per event.
        self.written = !self.written;
        if self.written {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.next().map(|event| Ok(Frame::data(event))))
    }
}
