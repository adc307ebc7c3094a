//! What the tests of this dialect share: fixtures, targets, and streams as events.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::stream::Decoder;
use crate::chat::{Dialect, ErrorBody, Report, Request, StreamEvent};
use crate::codec::stream::StreamDecoder;
use crate::codec::target::{Exchange, Origin, Refusal, Target};
use crate::codec::tool_map::ToolMap;
use crate::provider::knowledge;
use crate::sse::{Event, Splitter};

fn folder(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/openai_responses")
        .join(kind)
}

/// All fixtures of a folder, by name.
pub(super) fn fixtures(kind: &str) -> Vec<(String, String)> {
    let files = fs::read_dir(folder(kind)).expect("the folder is there");
    let mut all: Vec<(String, String)> = files
        .map(|file| {
            let path = file.expect("readable").path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            (
                name.into_owned(),
                fs::read_to_string(&path).expect("readable"),
            )
        })
        .collect();
    all.sort();
    assert!(all.len() > 20, "{kind} has only {} fixtures", all.len());
    all
}

/// One fixture as JSON.
pub(super) fn json(kind: &str, name: &str) -> Value {
    let text = fs::read_to_string(folder(kind).join(format!("{name}.json"))).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

/// One fixture of a request.
pub(super) fn request(name: &str) -> Request {
    super::decode_request(map(json("request", name))).expect("a request")
}

/// A value as an object.
pub(super) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

/// What is written of `request` for `model`, and what is reported.
pub(super) fn encode(request: &Request, model: &str) -> (Result<Value, Refusal>, Report) {
    let tools = ToolMap::new(request, Dialect::OpenAiResponses);
    let target = Target {
        provider: "openai",
        quirks: &[],
        model,
        knowledge: &knowledge::of(model),
        streams: false,
        tools: &tools,
    };
    let mut report = Report::default();
    let written = super::encode_request(request, &target, &mut report);
    (written.map(Value::Object), report)
}

/// Who answers in the tests.
pub(super) fn origin() -> Origin {
    Origin {
        provider: "openai".to_owned(),
        model: "gpt-5.6-sol".to_owned(),
    }
}

/// An exchange whose client said nothing worth repeating.
pub(super) fn exchange() -> Arc<Exchange> {
    Arc::new(Exchange {
        model: "served".to_owned(),
        created: 1_763_740_800,
        seed: 7,
        include_usage: false,
        estimated_input: 11,
        echo: Map::new(),
        legacy_functions: false,
    })
}

/// The blocks of a stream that arrives in the given chunks.
pub(super) fn blocks(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut splitter, mut tail, mut out) = (Splitter::default(), Vec::new(), Vec::new());
    for chunk in chunks {
        let mut at = 0;
        while let Some(end) = splitter.next(chunk, at) {
            tail.extend_from_slice(&chunk[at..end]);
            out.push(std::mem::take(&mut tail));
            at = end;
        }
        tail.extend_from_slice(&chunk[at..]);
    }
    out
}

/// What the decoder says of a stream, and whether it was complete.
pub(super) fn decode(chunks: &[&[u8]]) -> (Result<Vec<StreamEvent>, ErrorBody>, bool) {
    let mut decoder = Decoder::new(origin());
    let mut events = Vec::new();
    for block in blocks(chunks) {
        if let Err(error) = decoder.decode(&Event::parse(&block), &mut events) {
            return (Err(error), false);
        }
    }
    let is_complete = decoder.end(&mut events);
    (Ok(events), is_complete)
}
