//! What the tests of this dialect share: recorded shapes, a target, and ways to break a document.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::chat::Dialect;
use crate::chat::{Report, Request};
use crate::codec::target::{Origin, Refusal, Target};
use crate::codec::tool_map::ToolMap;
use crate::provider::knowledge::{self, Knowledge};

/// The fixtures of a kind (`request`, `response`, `stream`) with their names, in order.
pub(super) fn all(kind: &str) -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemini");
    let folder = std::fs::read_dir(root.join(kind)).expect("the fixtures are there");
    let mut fixtures: Vec<_> = folder
        .map(|file| {
            let path = file.expect("readable").path();
            let name = path.file_stem().expect("named").to_string_lossy();
            let text = std::fs::read_to_string(&path).expect("text");
            (name.into_owned(), text)
        })
        .collect();
    fixtures.sort();
    assert!(fixtures.len() > 20, "too few fixtures of {kind}");
    fixtures
}

pub(super) fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("a JSON object")
}

pub(super) fn origin() -> Origin {
    Origin {
        provider: "google".into(),
        model: "gemini-3-pro".into(),
    }
}

/// Encodes for `model` at the provider `google`.
pub(super) fn encode_for(
    model: &str,
    request: &Request,
) -> (Result<Map<String, Value>, Refusal>, Report) {
    encode_knowing(model, &knowledge::of(model), request)
}

pub(super) fn encode_knowing(
    model: &str,
    knowledge: &Knowledge,
    request: &Request,
) -> (Result<Map<String, Value>, Refusal>, Report) {
    let tools = ToolMap::new(request, Dialect::Gemini);
    let target = Target {
        provider: "google",
        quirks: &[],
        model,
        knowledge,
        streams: false,
        tools: &tools,
    };
    let mut report = Report::default();
    let body = super::encode_request(request, &target, &mut report);
    (body, report)
}

/// The document with each of its values replaced in turn.
pub(super) fn broken(document: &Value) -> Vec<Value> {
    let substitutes = [
        Value::Null,
        1e300.into(),
        Value::Array(vec![Value::Null, Value::Array(Vec::new())]),
        "x".into(),
        Value::Object(Map::new()),
        Value::Bool(true),
    ];
    let mut all = Vec::new();
    let mut place = 0;
    loop {
        let before = all.len();
        for substitute in &substitutes {
            let mut copy = document.clone();
            let mut at = place;
            if replace(&mut copy, &mut at, substitute) {
                all.push(copy);
            }
        }
        if all.len() == before {
            return all;
        }
        place += 1;
    }
}

/// Replaces the `at`th value, counted from the outside in.
fn replace(value: &mut Value, at: &mut usize, substitute: &Value) -> bool {
    if *at == 0 {
        *value = substitute.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter_mut().any(|item| replace(item, at, substitute)),
        Value::Object(map) => map.values_mut().any(|item| replace(item, at, substitute)),
        _ => false,
    }
}
