//! Blocks of this dialect, written as they were read, but for thoughts that the target may not have.

use serde_json::{Map, Value, json};

use super::media;
use super::node::LIST;
use super::own::mark_of;
use crate::chat::part::{Content, Document, Reasoning, Text, ToolCall, ToolResult};
use crate::chat::signature::SEAL;
use crate::chat::{Dialect, Extra, OpaqueKind, Part, Report};
use crate::codec::anthropic::object::object;
use crate::codec::anthropic::{cache, citation};
use crate::codec::field_names::Field;
use crate::codec::target::Target;

/// Writes blocks for a target.
#[derive(Debug)]
pub(super) struct Blocks<'a, 't> {
    /// Who gets them.
    pub(super) target: &'a Target<'t>,
    /// What was stripped.
    pub(super) report: &'a mut Report,
}

impl Blocks<'_, '_> {
    /// A `content`: a string where it was one.
    pub(super) fn content(&mut self, parts: &[Part], extra: &Extra) -> Value {
        match parts {
            [part] if extra.get(LIST).is_none() && part.as_plain_text().is_some() => {
                part.as_plain_text().map(Value::from).unwrap_or_default()
            }
            _ => parts.iter().filter_map(|part| self.block(part)).collect(),
        }
    }

    /// A block; `None` for a thought that the target may not have.
    pub(super) fn block(&mut self, part: &Part) -> Option<Value> {
        let Part {
            content,
            cache,
            extra,
        } = part;
        let mut map = match content {
            // Kept whole.
            _ if extra.get("type").is_some() => Map::new(),
            Content::Text(text) => self::text(text),
            Content::Image(image) => medium("image", media::own(&image.source), extra),
            Content::Document(document) => self::document(document, extra),
            Content::ToolCall(call) => self.tool_use(call),
            Content::ToolResult(result) => self.tool_result(result, extra),
            Content::Reasoning(reasoning) => self.reasoning(reasoning, extra)?,
            Content::Foreign(foreign) => return Some(foreign.value.clone()),
            // Not of this dialect.
            Content::Refusal(_) | Content::Audio(_) | Content::Video(_) => return None,
        };
        if let Some(mark) = cache {
            map.insert(cache::FIELD.to_owned(), mark_of(mark, extra));
        }
        extra.merge_into(&mut map);
        Some(Value::Object(map))
    }

    fn tool_use(&mut self, call: &ToolCall) -> Map<String, Value> {
        if call.signature.is_some() {
            // It was another provider's: a call has no such slot here.
            self.strip();
        }
        let input = serde_json::from_str(&call.arguments);
        object([
            ("type", "tool_use".into()),
            ("id", call.id.as_str().into()),
            ("name", call.name.as_str().into()),
            ("input", input.unwrap_or_else(|_| json!({}))),
        ])
    }

    fn tool_result(&mut self, result: &ToolResult, extra: &Extra) -> Map<String, Value> {
        let mut map = object([
            ("type", "tool_result".into()),
            ("tool_use_id", result.id.as_str().into()),
        ]);
        if !result.parts.is_empty() || extra.get(LIST).is_some() {
            let content = self.content(&result.parts, extra);
            map.insert("content".to_owned(), content);
        }
        if result.is_error {
            map.insert("is_error".to_owned(), true.into());
        }
        map
    }

    fn reasoning(&mut self, reasoning: &Reasoning, extra: &Extra) -> Option<Map<String, Value>> {
        let text = &reasoning.text;
        let thinking = |signature: Option<&str>| {
            let mut map = object([
                ("type", "thinking".into()),
                ("thinking", text.as_str().into()),
            ]);
            map.extend(signature.map(|token| ("signature".to_owned(), token.into())));
            map
        };
        let may_have = |opaque, kind| self.target.may_have(opaque, kind);
        match &reasoning.opaque {
            Some(opaque) if may_have(opaque, OpaqueKind::Signature) => {
                Some(thinking(Some(&opaque.payload)))
            }
            Some(opaque) if may_have(opaque, OpaqueKind::Redacted) => Some(object([
                ("type", "redacted_thinking".into()),
                ("data", opaque.payload.as_str().into()),
            ])),
            None if !is_sealed(extra) => Some(thinking(None)),
            _ => {
                self.strip();
                None
            }
        }
    }

    fn strip(&mut self) {
        self.report.drop(Field::Reasoning.name(Dialect::Anthropic));
    }
}

/// Whether a thought came under a seal that could not be opened.
fn is_sealed(extra: &Extra) -> bool {
    let signature = extra.get("signature").and_then(Value::as_str);
    signature.is_some_and(|signature| signature.starts_with(SEAL))
}

fn text(text: &Text) -> Map<String, Value> {
    let mut map = object([("type", "text".into()), ("text", text.text.as_str().into())]);
    let citations: Vec<Value> = text.citations.iter().filter_map(citation::write).collect();
    if !citations.is_empty() {
        map.insert("citations".to_owned(), citations.into());
    }
    map
}

fn document(document: &Document, extra: &Extra) -> Map<String, Value> {
    let mut map = medium("document", media::own(&document.source), extra);
    if let Some(name) = &document.name {
        map.insert("title".to_owned(), name.as_str().into());
    }
    map
}

fn medium(kind: &str, source: Option<Value>, extra: &Extra) -> Map<String, Value> {
    let source = extra.get("source").cloned().or(source);
    object([
        ("type", kind.into()),
        ("source", source.unwrap_or_default()),
    ])
}
