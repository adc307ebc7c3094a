//! Items of an answer, read as parts.

use serde_json::{Map, Value};

use super::super::annotation;
use super::super::request::join_texts;
use crate::chat::part::{Content, Foreign, Reasoning, Text, ToolCall, ToolKind};
use crate::chat::{Dialect, OpaqueKind, Part};
use crate::codec::target::Origin;

/// The parts that an item of the output is.
pub(in super::super) fn read(item: Value, origin: &Origin) -> Vec<Part> {
    let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "message" => message(item),
        "function_call" => vec![call(&item, ToolKind::Function)],
        "custom_tool_call" => vec![call(&item, ToolKind::Freeform)],
        "reasoning" => reasoning(&item, origin).into_iter().collect(),
        _ => foreign(item).into_iter().collect(),
    }
}

fn message(mut item: Value) -> Vec<Part> {
    let Some(Value::Array(content)) = item.get_mut("content").map(Value::take) else {
        return Vec::new();
    };
    content.into_iter().filter_map(part).collect()
}

/// A part of a message; `None` for what is no object.
pub(in super::super) fn part(value: Value) -> Option<Part> {
    let Value::Object(mut map) = value else {
        return None;
    };
    let kind = text(&map, "type");
    match kind.as_str() {
        "output_text" | "text" => {
            let citations = take_list(&mut map, "annotations");
            let logprobs = take_list(&mut map, "logprobs");
            Some(Part::new(Content::Text(Text {
                text: text(&map, "text"),
                citations: citations.into_iter().map(annotation::read).collect(),
                logprobs: (!logprobs.is_empty()).then_some(Value::Array(logprobs)),
                signature: None,
            })))
        }
        "refusal" => Some(Part::new(Content::Refusal(text(&map, "refusal")))),
        _ => foreign(Value::Object(map)),
    }
}

fn take_list(map: &mut Map<String, Value>, key: &str) -> Vec<Value> {
    match map.shift_remove(key) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn text(map: &Map<String, Value>, key: &str) -> String {
    let text = map.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// A call of a client's tool.
pub(in super::super) fn call(item: &Value, kind: ToolKind) -> Part {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    let arguments = match kind {
        ToolKind::Function => "arguments",
        ToolKind::Freeform => "input",
    };
    Part::new(Content::ToolCall(ToolCall {
        id: text("call_id").or_else(|| text("id")).unwrap_or_default(),
        name: text("name").unwrap_or_default(),
        namespace: text("namespace"),
        arguments: text(arguments).unwrap_or_default(),
        kind,
        signature: None,
    }))
}

/// A thought; `None` if there is nothing to it.
pub(in super::super) fn reasoning(item: &Value, origin: &Origin) -> Option<Part> {
    let text = reasoning_text(item);
    let encrypted = item.get("encrypted_content").and_then(Value::as_str);
    let encrypted = encrypted.filter(|payload| !payload.is_empty());
    let opaque = encrypted.map(|payload| origin.opaque(OpaqueKind::Encrypted, payload));
    let is_empty = text.is_empty() && opaque.is_none();
    (!is_empty).then(|| Part::new(Content::Reasoning(Reasoning { text, opaque })))
}

/// What may be read of a thought.
fn reasoning_text(item: &Value) -> String {
    join_texts(["summary", "content"].map(|key| item.get(key)))
}

/// What only this dialect has; `None` for what has no type.
fn foreign(value: Value) -> Option<Part> {
    let kind = value.get("type")?.as_str()?.to_owned();
    Some(Part::new(Content::Foreign(Foreign {
        dialect: Dialect::OpenAiResponses,
        kind,
        value,
    })))
}
