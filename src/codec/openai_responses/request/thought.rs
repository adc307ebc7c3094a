//! Thoughts of the model that the client sends back.

use serde_json::{Value, json};

use super::super::node::Kept;
use super::items::bookkeeping;
use crate::chat::part::Reasoning;
use crate::chat::request::{Message, Role};
use crate::chat::{Content, Opaque, OpaqueKind, Part, Request};
use crate::json::fields::{BadField, Fields};

/// Between the parts of a thought.
pub(super) const BETWEEN: &str = "\n\n";

/// Reads a reasoning item; a signature that only borrowed its place goes back to what it was made for.
pub(super) fn read(mut fields: Fields, request: &mut Request) -> Result<(), BadField> {
    let mut kept = Kept::default();
    bookkeeping(&mut fields, &mut kept);
    let summary = fields.take("summary");
    let content = fields.take("content");
    let mut text = join([summary.as_ref(), content.as_ref()]);
    let opaque = fields.text("encrypted_content")?;
    let opaque = opaque.and_then(|slot| Opaque::open(&slot, OpaqueKind::Encrypted));
    if let Some(own) = opaque.as_ref().and_then(|opaque| opaque.text.clone()) {
        text = own;
    }
    if let Some(summary) = summary.filter(|summary| *summary != write_summary(&text)) {
        kept.mark("summary", summary);
    }
    if let Some(content) = content {
        kept.mark("content", content);
    }
    let opaque = match opaque {
        Some(opaque) if text.is_empty() => match give_back(opaque, &mut request.messages) {
            Some(opaque) => Some(opaque),
            None => return Ok(()),
        },
        opaque => opaque,
    };
    let part = Part::new(Content::Reasoning(Reasoning { text, opaque }));
    let mut message = Message::new(Role::Assistant, vec![part]);
    message.extra = kept.with(fields, &mut request.leftovers);
    request.messages.push(message);
    Ok(())
}

/// The texts of a summary and of a content, each part apart from the next.
pub(in super::super) fn join<'a>(lists: impl IntoIterator<Item = Option<&'a Value>>) -> String {
    let parts = lists.into_iter().flatten().filter_map(Value::as_array);
    let texts: Vec<&str> = parts
        .flatten()
        .filter_map(|part| part.get("text")?.as_str())
        .filter(|text| !text.is_empty())
        .collect();
    texts.join(BETWEEN)
}

/// A thought as a summary of one part, or of none.
pub(super) fn write_summary(text: &str) -> Value {
    if text.is_empty() {
        json!([])
    } else {
        json!([{"type": "summary_text", "text": text}])
    }
}

/// Gemini signs calls and texts, which have no place for it here: the encoder of answers puts the
/// signature into an item of its own behind them. What is not such a one is handed back.
fn give_back(opaque: Opaque, messages: &mut [Message]) -> Option<Opaque> {
    if opaque.kind != OpaqueKind::Thought {
        return Some(opaque);
    }
    let last = messages
        .last_mut()
        .filter(|last| last.role == Role::Assistant);
    let content = last.and_then(|last| last.parts.last_mut());
    match content.map(|part| &mut part.content) {
        Some(Content::ToolCall(call)) if call.signature.is_none() => call.signature = Some(opaque),
        Some(Content::Text(text)) if text.signature.is_none() => text.signature = Some(opaque),
        _ => return Some(opaque),
    }
    None
}
