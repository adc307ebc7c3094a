//! An answer that is written but not yet sent: what time and fate then act on.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response};
use serde_json::Value;

use crate::provider::DemoProfile;

use super::draws::Fate;
use super::pace::{self, Body, Step};

/// An answer of a generating endpoint.
pub(super) enum Reply {
    /// One JSON document that took `tokens` tokens to write.
    Whole { body: Value, tokens: usize },
    /// A stream of events.
    Stream(Transcript),
}

/// The events of a stream, as bytes.
#[derive(Default)]
pub(super) struct Transcript {
    /// Before the first token.
    pub(super) opening: Vec<Bytes>,
    /// One event per token.
    pub(super) tokens: Vec<Bytes>,
    /// After the last token.
    pub(super) closing: Vec<Bytes>,
}

impl Reply {
    /// The response that `profile` paces and `fate` may cut.
    pub(super) fn into_response(self, profile: &DemoProfile, fate: Fate) -> Response<Body> {
        match self {
            Reply::Whole { body, .. } => document(&body, fate),
            Reply::Stream(transcript) => transcript.into_response(profile, fate),
        }
    }
}

/// A response of one JSON document; cut in its middle if fate wants it so.
pub(super) fn document(body: &Value, fate: Fate) -> Response<Body> {
    let bytes = Bytes::from(body.to_string());
    let length = bytes.len();
    let body = match fate {
        Fate::Cut(_) => pace::timed(vec![Step::now(bytes.slice(..length / 2)), Step::Cut]),
        _ => pace::whole(bytes),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Said even when the body will not keep it: that is how the other side notices the cut.
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

impl Transcript {
    fn into_response(self, profile: &DemoProfile, fate: Fate) -> Response<Body> {
        let mut response = Response::new(pace::timed(self.into_steps(profile, fate)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    fn into_steps(self, profile: &DemoProfile, fate: Fate) -> Vec<Step> {
        let end = pace::due(profile, self.tokens.len().saturating_sub(1));
        let kept = match fate {
            Fate::Cut(tokens) => tokens,
            _ => usize::MAX,
        };
        let tokens = self.tokens.into_iter().take(kept).enumerate();
        let mut steps: Vec<Step> = self.opening.into_iter().map(Step::now).collect();
        steps.extend(tokens.map(|(nth, bytes)| Step::Send {
            at: pace::due(profile, nth),
            bytes,
        }));
        if matches!(fate, Fate::Cut(_)) {
            steps.push(Step::Cut);
        } else {
            steps.extend(
                self.closing
                    .into_iter()
                    .map(|bytes| Step::Send { at: end, bytes }),
            );
        }
        steps
    }
}

/// `event` as one server-sent event.
pub(super) fn event(event: &Value) -> Bytes {
    Bytes::from(format!("data: {event}\n\n"))
}

/// The event that ends every complete stream.
pub(super) fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}
