//! Blocks of a request's messages, read.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::media;
use super::node::{LIST, Node, others, whole};
use crate::chat::part::{
    CacheMark, Content, Document, Foreign, Image, Reasoning, Source, Text, ToolCall, ToolKind,
    ToolResult,
};
use crate::chat::signature::SEAL;
use crate::chat::{Dialect, Leftovers, Opaque, OpaqueKind, Part};
use crate::codec::anthropic::{cache, citation};
use crate::json::fields::{BadField, Fields};

/// Where blocks stand, for errors and leftovers.
const PATH: &str = "messages[].content[]";

/// The parts of `content`, a string or a list of blocks. `node` keeps what tells the one from the other.
pub(super) fn content(
    content: Option<Value>,
    node: &mut Node,
    leftovers: &mut Leftovers,
) -> Result<Vec<Part>, BadField> {
    let blocks = match content {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![Part::text(text)]),
        Some(Value::Array(blocks)) => blocks,
        Some(_) => return Err(node.fields.bad("content", "a string or an array")),
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for value in blocks {
        parts.push(block(value, leftovers)?);
    }
    if matches!(
        parts.as_slice(),
        [] | [Part {
            content: Content::Text(_),
            ..
        }]
    ) {
        node.keep(LIST, Value::Array(Vec::new()));
    }
    Ok(sign_calls(parts))
}

/// A thought without words that stands before a call carries what the call was signed with (Gemini):
/// calls have no slot for it here. Some clients put all thoughts first, so that they are given out in turn.
fn sign_calls(parts: Vec<Part>) -> Vec<Part> {
    if !parts.iter().any(is_state) {
        return parts;
    }
    let mut states = VecDeque::new();
    let mut signed: Vec<Part> = Vec::with_capacity(parts.len());
    for mut part in parts {
        if is_state(&part) {
            states.push_back(part);
            continue;
        }
        if let Content::ToolCall(call) = &mut part.content
            && let Some(Content::Reasoning(state)) = states.pop_front().map(|part| part.content)
        {
            call.signature = state.opaque;
        }
        signed.push(part);
    }
    signed.extend(states);
    signed
}

fn is_state(part: &Part) -> bool {
    let Content::Reasoning(Reasoning { text, opaque }) = &part.content else {
        return false;
    };
    let is_thought = |opaque: &Opaque| opaque.kind == OpaqueKind::Thought;
    text.is_empty() && opaque.as_ref().is_some_and(is_thought)
}

/// One block. One that only this dialect has stays as it is.
pub(super) fn block(value: Value, leftovers: &mut Leftovers) -> Result<Part, BadField> {
    let map = match value {
        Value::Object(map) => map,
        Value::String(text) => return Ok(Part::text(text)),
        _ => return Err(BadField::new(PATH, "an object")),
    };
    let kind = match map.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => return Err(BadField::new(format!("{PATH}.type"), "a string")),
    };
    match kind.as_str() {
        "search_result" | "mid_conv_system" => return Ok(paraphrase(&kind, map, leftovers)),
        "text" | "image" | "document" | "tool_use" | "tool_result" | "thinking"
        | "redacted_thinking" => {}
        _ => return Ok(foreign(kind, map)),
    }
    let source = match kind.as_str() {
        "image" | "document" => match media::source(&map) {
            Some(source) => source,
            None => return Ok(foreign(kind, map)),
        },
        _ => Source::Text(String::new()),
    };
    let mut fields = Fields::new(map, PATH);
    fields.take("type");
    let mut node = Node::new(fields);
    let cache = cache_mark(&mut node, leftovers);
    let content = match kind.as_str() {
        "text" => text(&mut node)?,
        "image" => image(source, &mut node),
        "document" => document(source, &mut node)?,
        "tool_use" => tool_use(&mut node)?,
        "tool_result" => tool_result(&mut node, leftovers)?,
        "thinking" => thinking(&mut node)?,
        _ => redacted(&mut node)?,
    };
    Ok(Part {
        content,
        cache,
        extra: node.finish(leftovers),
    })
}

/// The mark of a node.
pub(super) fn cache_mark(node: &mut Node, leftovers: &mut Leftovers) -> Option<CacheMark> {
    let (mark, raw) = cache::take(&mut node.fields)?;
    if let Some(raw) = raw {
        let path = node.fields.path_of(cache::FIELD);
        for path in others(&raw, &["type", "ttl"], &path) {
            leftovers.note_idle(path);
        }
        node.keep(cache::FIELD, raw);
    }
    Some(mark)
}

fn foreign(kind: String, map: Map<String, Value>) -> Part {
    Part::new(Content::Foreign(Foreign {
        dialect: Dialect::Anthropic,
        kind,
        value: Value::Object(map),
    }))
}

/// What other dialects can only be told in words; its own gets it back whole.
fn paraphrase(kind: &str, map: Map<String, Value>, leftovers: &mut Leftovers) -> Part {
    for key in map.keys() {
        if !["type", "title", "source", "content", cache::FIELD].contains(&key.as_str()) {
            leftovers.note(format!("{PATH}.{key}"));
        }
    }
    let content = texts(map.get("content").unwrap_or(&Value::Null));
    let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
    let words = if kind == "search_result" {
        let (title, source) = (text("title"), text("source"));
        format!("{title}\n{source}\n\n{content}")
    } else {
        format!("<system-reminder>\n{content}\n</system-reminder>")
    };
    Part {
        cache: map
            .get(cache::FIELD)
            .filter(|mark| mark.is_object())
            .map(|mark| CacheMark {
                ttl: mark["ttl"].as_str().map(str::to_owned),
            }),
        extra: whole(map),
        ..Part::text(words.trim_start())
    }
}

/// The texts of a string or of a list of text blocks, a blank line between them.
pub(super) fn texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|b| b["text"].as_str()).collect();
            texts.join("\n\n")
        }
        _ => String::new(),
    }
}

fn text(node: &mut Node) -> Result<Content, BadField> {
    let text = node.fields.need_text("text")?;
    let citations = node.fields.list("citations")?;
    if citations.as_ref().is_some_and(Vec::is_empty) {
        node.keep("citations", Value::Array(Vec::new()));
    }
    let citations = citations.unwrap_or_default();
    let length = (!citations.is_empty()).then(|| count(&text));
    let read = |value| citation::read(value, length);
    Ok(Content::Text(Text {
        citations: citations.into_iter().map(read).collect(),
        text,
        ..Text::default()
    }))
}

fn count(text: &str) -> u64 {
    text.chars().count() as u64
}

fn image(source: Source, node: &mut Node) -> Content {
    keep_source(node);
    Content::Image(Image {
        source,
        detail: None,
    })
}

fn document(source: Source, node: &mut Node) -> Result<Content, BadField> {
    keep_source(node);
    let name = node.fields.text("title")?;
    Ok(Content::Document(Document { source, name }))
}

/// Keeps a source that says more than the neutral form.
fn keep_source(node: &mut Node) {
    match node.fields.take("source") {
        Some(Value::Object(source)) if media::is_plain(&source) => {}
        Some(source) => node.keep("source", source),
        None => {}
    }
}

fn tool_use(node: &mut Node) -> Result<Content, BadField> {
    let input = node.fields.take("input");
    Ok(Content::ToolCall(ToolCall {
        id: node.fields.need_text("id")?,
        name: node.fields.need_text("name")?,
        arguments: input.map_or_else(|| "{}".to_owned(), |input| input.to_string()),
        kind: ToolKind::Function,
        namespace: None,
        signature: None,
    }))
}

fn tool_result(node: &mut Node, leftovers: &mut Leftovers) -> Result<Content, BadField> {
    let id = node.fields.need_text("tool_use_id")?;
    let is_error = node.fields.boolean("is_error")?;
    if is_error == Some(false) {
        node.keep("is_error", Value::Bool(false));
    }
    let inner = node.fields.take("content");
    Ok(Content::ToolResult(ToolResult {
        id,
        name: None,
        parts: content(inner, node, leftovers)?,
        is_error: is_error == Some(true),
        kind: ToolKind::Function,
    }))
}

/// A thought. A seal that does not open is kept, so that nobody takes it for a signature.
fn thinking(node: &mut Node) -> Result<Content, BadField> {
    let text = node.fields.text("thinking")?.unwrap_or_default();
    let signature = node.fields.text("signature")?;
    let opaque = signature
        .as_deref()
        .filter(|signature| !signature.is_empty())
        .and_then(|signature| Opaque::open(signature, OpaqueKind::Signature));
    if let (Some(signature), None) = (signature, &opaque) {
        node.keep("signature", signature.into());
    }
    Ok(Content::Reasoning(Reasoning { text, opaque }))
}

fn redacted(node: &mut Node) -> Result<Content, BadField> {
    let data = node.fields.need_text("data")?;
    let opaque = Opaque::open(&data, OpaqueKind::Redacted);
    if opaque.is_none() {
        node.keep("signature", SEAL.into());
    }
    Ok(Content::Reasoning(Reasoning {
        text: String::new(),
        opaque,
    }))
}
