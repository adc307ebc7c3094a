//! Crossings: answers carried from an upstream of one dialect to a client of another, through the same
//! machinery as in the gateway and without any of its IO.

use std::collections::VecDeque;
use std::sync::Arc;

use autogw::chat::{Dialect, ErrorBody, Report, Request, Response, StreamEvent};
use autogw::codec::dispatch::{Decoder, Encoder};
use autogw::codec::stream::{StreamDecoder as _, StreamEncoder as _};
use autogw::codec::target::{Exchange, Origin};
use autogw::codec::tool_map::ToolMap;
use autogw::proxy::problem::Problem;
use autogw::proxy::relay::{Broken, Relay};
use autogw::proxy::translate::{Crossing, Translator};
use autogw::sse::{Event, Splitter};
use bytes::Bytes;

/// What the client calls the model.
pub(crate) const MODEL: &str = "best";

/// The id of every request here.
pub(crate) const REQUEST_ID: &str = "req-1";

/// Who answers in `upstream`.
pub(crate) fn origin(upstream: Dialect) -> Origin {
    Origin {
        provider: "there".to_owned(),
        model: match upstream {
            Dialect::OpenAiChat => "gpt-5.5",
            Dialect::OpenAiResponses => "gpt-5.6",
            Dialect::Anthropic => "claude-opus-5",
            Dialect::Gemini => "gemini-3-pro",
        }
        .to_owned(),
    }
}

/// What is known of the request.
pub(crate) fn exchange() -> Exchange {
    Exchange {
        model: MODEL.to_owned(),
        created: 1_790_000_000,
        seed: 7,
        include_usage: true,
        estimated_input: 11,
        echo: serde_json::Map::new(),
        legacy_functions: false,
    }
}

/// A crossing for a request that declared no tools.
pub(crate) fn crossing(upstream: Dialect, client: Dialect) -> Crossing {
    Crossing {
        client,
        upstream,
        origin: origin(upstream),
        tools: ToolMap::new(&Request::new(client), upstream),
        exchange: Arc::new(exchange()),
        storing: None,
    }
}

/// What a client heard of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Every byte.
    pub text: String,
    /// How the upstream's stream ended.
    pub end: Result<(), Broken>,
}

/// Carries a stream that comes in `pieces`, and tells its client of a break as the gateway does.
pub(crate) fn carry<'a>(
    upstream: Dialect,
    client: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Heard {
    let translator = Translator::new(Arc::new(crossing(upstream, client)));
    let mut relay = Relay::new(upstream, false, true).translated(translator);
    let mut out = VecDeque::new();
    let mut pieces = pieces.into_iter();
    let fed = pieces.try_for_each(|piece| relay.feed(Bytes::copy_from_slice(piece), &mut out));
    let end = fed.and_then(|()| relay.finish(&mut out));
    if let Err(broken) = &end {
        let problem = match broken.clone() {
            Broken::Error(body) => Problem::reported(body),
            Broken::Truncated => Problem::broken_stream("it ended without a finish"),
        };
        let translator = relay.translator().expect("it was given one");
        let event = translator.fail(&problem, REQUEST_ID);
        out.push_back(event.unwrap_or_else(|| problem.event(client, REQUEST_ID, 0)));
    }
    let text = String::from_utf8(Vec::from(out).concat()).expect("what we write is UTF-8");
    Heard { text, end }
}

/// The events of an upstream's stream, and whether it ended well.
pub(crate) fn events(
    dialect: Dialect,
    stream: &[u8],
) -> (Vec<StreamEvent>, Result<bool, ErrorBody>) {
    let mut decoder = Decoder::new(dialect, origin(dialect));
    let (mut splitter, mut at, mut out) = (Splitter::default(), 0, Vec::new());
    while let Some(end) = splitter.next(stream, at) {
        if let Err(error) = decoder.decode(&Event::parse(&stream[at..end]), &mut out) {
            return (out, Err(error));
        }
        at = end;
    }
    let is_whole = decoder.end(&mut out);
    (out, Ok(is_whole))
}

/// The client's stream that tells `events`, and what it could not tell.
pub(crate) fn told(
    client: Dialect,
    events: impl IntoIterator<Item = StreamEvent>,
    exchange: Exchange,
) -> (String, Report) {
    let mut encoder = Encoder::new(client, Arc::new(exchange));
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    encoder.end(&mut out);
    let text = String::from_utf8(out).expect("what we write is UTF-8");
    (text, encoder.report())
}

/// The answer that a client's SDK makes of a stream.
pub(crate) fn understood(client: Dialect, stream: &str) -> Response {
    let (events, end) = events(client, stream.as_bytes());
    assert_eq!(
        end,
        Ok(true),
        "{client} does not take its own stream:\n{stream}"
    );
    Response::fold(events)
}
