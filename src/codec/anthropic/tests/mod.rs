//! The fixtures under `tests/fixtures/anthropic`, and the laws that hold for all of them.

mod hostile;
mod laws;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Decoder, Encoder};
use crate::chat::{ErrorBody, Report, Request, StreamEvent};
use crate::codec::stream::{StreamDecoder as _, StreamEncoder as _};
use crate::codec::target::{Exchange, Origin, Refusal, Target};
use crate::codec::tool_map::ToolMap;
use crate::provider::knowledge::{self, Knowledge};
use crate::sse::{Event, Splitter};

/// Every fixture of a kind, by the name of its case.
pub(in crate::codec::anthropic) fn fixtures(kind: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/anthropic")
        .join(kind);
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is in the repository")
        .map(|entry| entry.expect("readable").path())
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            let text = std::fs::read_to_string(&path).expect("text");
            (name.into_owned(), text)
        })
        .collect();
    all.sort();
    assert!(all.len() > 10, "{kind}: {}", all.len());
    all
}

/// The fixture of one case.
pub(in crate::codec::anthropic) fn fixture(kind: &str, case: &str) -> String {
    let found = fixtures(kind).into_iter().find(|(name, _)| name == case);
    found.unwrap_or_else(|| panic!("no {kind}/{case}")).1
}

/// JSON that is an object.
pub(in crate::codec::anthropic) fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("an object")
}

/// Who answers in these tests.
pub(in crate::codec::anthropic) fn origin() -> Origin {
    Origin {
        provider: "claude".to_owned(),
        model: "claude-sonnet-4-5".to_owned(),
    }
}

/// What a client is answered with in these tests.
pub(in crate::codec::anthropic) fn exchange() -> Exchange {
    Exchange {
        model: "claude-sonnet-4-5".to_owned(),
        created: 1_700_000_000,
        seed: 7,
        include_usage: false,
        estimated_input: 99,
        echo: Map::new(),
        legacy_functions: false,
    }
}

/// `request`, written for a model of which `know` is known.
pub(in crate::codec::anthropic) fn encoded(
    request: &Request,
    model: &str,
    know: &Knowledge,
) -> Result<(Value, Report), Refusal> {
    let tools = ToolMap::new(request, crate::chat::Dialect::Anthropic);
    let target = Target {
        provider: "claude",
        quirks: &[],
        model,
        knowledge: know,
        streams: false,
        tools: &tools,
    };
    let mut report = Report::default();
    let body = super::encode_request(request, &target, &mut report)?;
    Ok((Value::Object(body), report))
}

/// The same for a model by its name.
pub(in crate::codec::anthropic) fn encoded_for(request: &Request, model: &str) -> (Value, Report) {
    encoded(request, model, &knowledge::of(model)).expect("no refusal")
}

/// What a decoder made of a stream: its events, and how it ended.
pub(in crate::codec::anthropic) type Decoded = (Vec<StreamEvent>, Result<bool, ErrorBody>);

/// The events of a stream that arrives in `chunks`.
pub(in crate::codec::anthropic) fn decoded(chunks: &[&[u8]]) -> Decoded {
    let (mut decoder, mut splitter) = (Decoder::new(origin()), Splitter::default());
    let (mut block, mut events) = (Vec::new(), Vec::new());
    for chunk in chunks {
        let mut at = 0;
        while let Some(end) = splitter.next(chunk, at) {
            block.extend_from_slice(&chunk[at..end]);
            at = end;
            if let Err(error) = decoder.decode(&Event::parse(&block), &mut events) {
                return (events, Err(error));
            }
            block.clear();
        }
        block.extend_from_slice(&chunk[at..]);
    }
    let is_whole = decoder.end(&mut events);
    (events, Ok(is_whole))
}

/// The stream that tells `events`, with what was lost.
pub(in crate::codec::anthropic) fn told(
    events: impl IntoIterator<Item = StreamEvent>,
) -> (String, Report) {
    let mut encoder = Encoder::new(Arc::new(exchange()));
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    encoder.end(&mut out);
    let text = String::from_utf8(out).expect("text");
    (text, encoder.report())
}
