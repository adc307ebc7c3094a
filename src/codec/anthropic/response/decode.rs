//! A complete answer of an upstream, read.

use serde_json::{Map, Value};

use crate::chat::part::{Content, Foreign, Reasoning, Text, ToolCall};
use crate::chat::{Choice, Dialect, ErrorBody, Finish, OpaqueKind, Part, Response};
use crate::codec::anthropic::stream::trouble;
use crate::codec::anthropic::usage::{self, Counts};
use crate::codec::anthropic::{arguments, citation, finish};
use crate::codec::target::Origin;

/// Reads the answer to `POST /v1/messages`.
///
/// # Errors
/// It is none: the upstream reports an error in it, or something else altogether.
pub fn decode_response(mut body: Value, origin: &Origin) -> Result<Response, ErrorBody> {
    if body["type"] == "error" || body["error"].is_object() {
        return Err(trouble::read(&body));
    }
    let Some(Value::Array(blocks)) = body.get_mut("content").map(Value::take) else {
        return Err(ErrorBody {
            message: "the upstream's answer has no `content`".to_owned(),
            ..ErrorBody::default()
        });
    };
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    let reason = body["stop_reason"].as_str();
    let mut counts = Counts::default();
    let is_counted = usage::read(&body["usage"], &mut counts);
    Ok(Response {
        id: text("id"),
        model: text("model"),
        created: None,
        choices: vec![Choice {
            parts: blocks
                .into_iter()
                .filter_map(|value| block(value, origin))
                .collect(),
            finish: reason.map_or_else(Finish::default, |reason| finish::read(reason, &body)),
        }],
        usage: is_counted.then(|| counts.neutral()),
    })
}

/// A block; `None` for one that says nothing.
fn block(value: Value, origin: &Origin) -> Option<Part> {
    let Value::Object(map) = value else {
        return None;
    };
    let kind = map.get("type")?.as_str()?.to_owned();
    let content = match kind.as_str() {
        "text" => Content::Text(text(map)?),
        "thinking" => Content::Reasoning(thinking(&map, origin)?),
        "redacted_thinking" => Content::Reasoning(Reasoning {
            text: String::new(),
            opaque: Some(origin.opaque(OpaqueKind::Redacted, word(&map, "data"))),
        }),
        "tool_use" => Content::ToolCall(ToolCall {
            id: word(&map, "id"),
            name: word(&map, "name"),
            arguments: arguments::read(map.get("input")),
            ..ToolCall::default()
        }),
        _ => Content::Foreign(Foreign {
            dialect: Dialect::Anthropic,
            kind,
            value: Value::Object(map),
        }),
    };
    Some(Part::new(content))
}

fn word(map: &Map<String, Value>, key: &str) -> String {
    let word = map.get(key).and_then(Value::as_str);
    word.unwrap_or_default().to_owned()
}

fn text(mut map: Map<String, Value>) -> Option<Text> {
    let text = word(&map, "text");
    let citations = match map.shift_remove("citations") {
        Some(Value::Array(citations)) => citations,
        _ => Vec::new(),
    };
    if text.is_empty() && citations.is_empty() {
        return None;
    }
    let length = text.chars().count() as u64;
    let read = |value| citation::read(value, Some(length));
    Some(Text {
        citations: citations.into_iter().map(read).collect(),
        text,
        ..Text::default()
    })
}

fn thinking(map: &Map<String, Value>, origin: &Origin) -> Option<Reasoning> {
    let (text, signature) = (word(map, "thinking"), word(map, "signature"));
    if text.is_empty() && signature.is_empty() {
        return None;
    }
    let opaque = (!signature.is_empty()).then(|| origin.opaque(OpaqueKind::Signature, signature));
    Some(Reasoning { text, opaque })
}
