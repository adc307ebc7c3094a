//! Tests of the translation: the laws over all fixtures, and the tables of the reference.

mod conversations;
mod hostile;
mod hosts;
mod laws;
mod odd_shapes;
mod requests;
mod streams;

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::decode_request::decode_request;
use super::encode_request::encode_request;
use super::stream_decoder::Decoder;
use crate::chat::{Dialect, ErrorBody, Report, Request, StreamEvent};
use crate::codec::stream::StreamDecoder;
use crate::codec::target::{Exchange, Origin, Refusal, Target};
use crate::codec::tool_map::ToolMap;
use crate::provider::Quirk;
use crate::provider::knowledge::{self, Knowledge};
use crate::sse::{Event, Splitter};

/// The fixtures of a kind: name and text, in the order of their names.
fn fixtures(kind: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/openai_chat");
    let files = fs::read_dir(root.join(kind)).expect("a folder of fixtures");
    let mut all: Vec<_> = files
        .map(|file| file.expect("an entry").path())
        .map(|path| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read_to_string(&path).expect("a fixture"))
        })
        .collect();
    all.sort();
    assert!(all.len() > 20, "{kind}: {}", all.len());
    all
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("an object")
}

fn origin() -> Origin {
    Origin {
        provider: "up".to_owned(),
        model: "m".to_owned(),
    }
}

fn exchange() -> Exchange {
    Exchange {
        model: "gpt-5.6-2026-08-01".to_owned(),
        created: 1_790_000_001,
        seed: 7,
        include_usage: true,
        estimated_input: 0,
        echo: Map::new(),
        legacy_functions: false,
    }
}

/// What a model nobody knows is sent by a host without quirks.
fn encode(request: &Request) -> (Map<String, Value>, Report) {
    encode_for(request, "m", &[]).expect("no refusal")
}

/// What a model is sent by a host with these quirks.
fn encode_for(
    request: &Request,
    model: &str,
    quirks: &[Quirk],
) -> Result<(Map<String, Value>, Report), Refusal> {
    encode_with(request, model, quirks, &knowledge::of(model))
}

fn encode_with(
    request: &Request,
    model: &str,
    quirks: &[Quirk],
    knowledge: &Knowledge,
) -> Result<(Map<String, Value>, Report), Refusal> {
    let target = Target {
        provider: "up",
        quirks,
        model,
        knowledge,
        streams: false,
        tools: &ToolMap::new(request, Dialect::OpenAiChat),
    };
    let mut report = Report::default();
    encode_request(request, &target, &mut report).map(|body| (body, report))
}

fn decode(body: Value) -> Request {
    let Value::Object(body) = body else {
        panic!("no object");
    };
    decode_request(body).expect("a request")
}

/// What a stream tells that arrives in `chunks`, up to a failure; and whether it is complete.
fn read_stream(chunks: &[&[u8]]) -> (Vec<StreamEvent>, Result<bool, ErrorBody>) {
    let (mut splitter, mut decoder) = (Splitter::default(), Decoder::new(origin()));
    let (mut block, mut out) = (Vec::new(), Vec::new());
    for chunk in chunks {
        let mut at = 0;
        while let Some(end) = splitter.next(chunk, at) {
            block.extend_from_slice(&chunk[at..end]);
            at = end;
            let read = decoder.decode(&Event::parse(&block), &mut out);
            block.clear();
            if let Err(error) = read {
                return (out, Err(error));
            }
        }
        block.extend_from_slice(&chunk[at..]);
    }
    let is_complete = decoder.end(&mut out);
    (out, Ok(is_complete))
}

fn dropped(report: &Report) -> Vec<&str> {
    report.dropped().collect()
}
