//! Conversations in the shapes of Responses and Gemini: items with a `type`, contents with `parts`.

use serde_json::{Value, json};

use super::Reader;
use super::parts::{arguments, data_source};
use crate::chat::part::{
    Content, Document, Foreign, Image, Reasoning, Source, Text, ToolCall, ToolKind, ToolResult,
};
use crate::chat::request::Message;
use crate::chat::{Dialect, Opaque, OpaqueKind, Part, Role};
use crate::json::fields::{BadField, Fields};

/// The path of a part of Gemini's, for messages and reports.
const PATH: &str = "contents[].parts[]";

impl Reader {
    /// An item of Responses that is no message; `None` if it is none of those either.
    pub(super) fn item(
        &mut self,
        kind: &str,
        item: &mut Fields,
    ) -> Result<Option<Message>, BadField> {
        let (role, content) = match kind {
            "function_call" | "custom_tool_call" => (Role::Assistant, self.call_item(kind, item)?),
            "function_call_output" | "custom_tool_call_output" => {
                (Role::Tool, self.output_item(kind, item)?)
            }
            "reasoning" => (Role::Assistant, reasoning_item(item)?),
            _ => return Ok(None),
        };
        Ok(Some(Message::new(role, vec![Part::new(content)])))
    }

    fn call_item(&mut self, kind: &str, item: &mut Fields) -> Result<Content, BadField> {
        let (key, kind) = match kind {
            "custom_tool_call" => ("input", ToolKind::Freeform),
            _ => ("arguments", ToolKind::Function),
        };
        let name = item.need_text("name")?;
        let id = item.text("call_id")?.or(item.text("id")?);
        item.take("id");
        item.take("status");
        Ok(Content::ToolCall(ToolCall {
            id: self.calls.call(id, &name),
            name,
            namespace: item.text("namespace")?,
            arguments: arguments(item.take(key)),
            kind,
            signature: None,
        }))
    }

    fn output_item(&mut self, kind: &str, item: &mut Fields) -> Result<Content, BadField> {
        let id = item.text("call_id")?;
        item.take("id");
        item.take("status");
        let output = item.take("output").unwrap_or_default();
        Ok(Content::ToolResult(ToolResult {
            id: self.calls.result(id, None),
            name: None,
            parts: self.result_parts(output)?,
            is_error: false,
            kind: match kind {
                "custom_tool_call_output" => ToolKind::Freeform,
                _ => ToolKind::Function,
            },
        }))
    }

    /// A part of Gemini's, which has no `type`.
    pub(super) fn gemini_part(&mut self, mut part: Fields) -> Result<Part, BadField> {
        let signature = part.take_any(&["thoughtSignature", "thought_signature"]);
        let signature = signature.as_ref().and_then(Value::as_str);
        let signature = signature.and_then(|slot| Opaque::open(slot, OpaqueKind::Thought));
        let is_thought = part.take("thought") == Some(Value::Bool(true));
        let content = if let Some(call) = part.take_any(&["functionCall", "function_call"]) {
            self.gemini_call(call, signature)?
        } else if let Some(result) = part.take_any(&["functionResponse", "function_response"]) {
            self.gemini_result(result)?
        } else if let Some(data) = part.take_any(&["inlineData", "inline_data"]) {
            media(Fields::of(data, PATH)?, &["data"])?
        } else if let Some(file) = part.take_any(&["fileData", "file_data"]) {
            media(Fields::of(file, PATH)?, &["fileUri", "file_uri"])?
        } else if let Some(text) = part.text("text")? {
            if is_thought {
                let opaque = signature;
                Content::Reasoning(Reasoning { text, opaque })
            } else {
                Content::Text(Text {
                    text,
                    signature,
                    ..Text::default()
                })
            }
        } else {
            let value = Value::Object(part.into_rest());
            let kind = value.as_object().and_then(|map| map.keys().next().cloned());
            return Ok(foreign(kind.unwrap_or_else(|| "part".to_owned()), value));
        };
        let extra = self.leftovers.collect(part);
        Ok(Part {
            extra,
            ..Part::new(content)
        })
    }

    fn gemini_call(&mut self, call: Value, signature: Option<Opaque>) -> Result<Content, BadField> {
        let mut call = Fields::of(call, PATH)?;
        let name = call.need_text("name")?;
        Ok(Content::ToolCall(ToolCall {
            id: self.calls.call(call.text("id")?, &name),
            name,
            arguments: arguments(call.take("args")),
            signature,
            ..ToolCall::default()
        }))
    }

    fn gemini_result(&mut self, result: Value) -> Result<Content, BadField> {
        let mut result = Fields::of(result, PATH)?;
        let name = result.text("name")?;
        let id = result.text("id")?;
        let answer = result.take("response").unwrap_or_default();
        let (is_error, text) = answer_text(&answer);
        Ok(Content::ToolResult(ToolResult {
            id: self.calls.result(id, name.as_deref()),
            name,
            parts: vec![Part::text(text)],
            is_error,
            kind: ToolKind::Function,
        }))
    }
}

/// What a function's response says, out of the object Gemini wraps it in.
fn answer_text(answer: &Value) -> (bool, String) {
    let only = answer.as_object().filter(|map| map.len() == 1);
    let found = only.and_then(|map| {
        let keys = ["output", "result", "content", "error"];
        keys.into_iter().find_map(|key| Some((key, map.get(key)?)))
    });
    match found {
        Some((key, Value::String(text))) => (key == "error", text.clone()),
        Some(("error", value)) => (true, value.to_string()),
        _ => (false, answer.to_string()),
    }
}

/// Bytes or an address with a media type.
fn media(mut media: Fields, keys: &[&str]) -> Result<Content, BadField> {
    let mime = media.take_any(&["mimeType", "mime_type"]);
    let mime = mime
        .as_ref()
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let Some(Value::String(text)) = media.take_any(keys) else {
        return Err(media.bad(keys[0], "a string"));
    };
    let source = match keys {
        ["data"] => Source::Data {
            mime: mime.clone(),
            data: text,
        },
        _ => match data_source(&text) {
            Source::Url { url, .. } => Source::Url {
                url,
                mime: Some(mime.clone()).filter(|mime| !mime.is_empty()),
            },
            other => other,
        },
    };
    Ok(match mime.split('/').next() {
        Some("image") => Content::Image(Image {
            source,
            detail: None,
        }),
        Some("audio") => Content::Audio(source),
        Some("video") => Content::Video(source),
        _ => Content::Document(Document { source, name: None }),
    })
}

/// A thought of Responses: its summaries, and its state.
fn reasoning_item(item: &mut Fields) -> Result<Content, BadField> {
    let slot = item
        .text("encrypted_content")?
        .filter(|slot| !slot.is_empty());
    let opaque = slot.and_then(|slot| Opaque::open(&slot, OpaqueKind::Encrypted));
    let summary = item.take("summary").unwrap_or_default();
    let texts = summary.as_array().into_iter().flatten();
    let texts: Vec<&str> = texts.filter_map(|part| part["text"].as_str()).collect();
    item.take("id");
    item.take("content");
    Ok(Content::Reasoning(Reasoning {
        text: texts.join("\n\n"),
        opaque,
    }))
}

/// A part nobody here knows.
pub(super) fn foreign(kind: String, value: Value) -> Part {
    Part::new(Content::Foreign(Foreign {
        dialect: Dialect::OpenAiChat,
        kind,
        value,
    }))
}

/// A conversation in one text, as an item.
pub(super) fn said(text: &str) -> Value {
    json!({"role": "user", "content": text})
}
