//! Writes a complete answer for a Chat client.

use serde_json::{Map, Value, json};

use super::{annotations, counts, details, finish};
use crate::chat::part::{Citation, Content, Source, Text, ToolCall, ToolKind};
use crate::chat::{Choice, Dialect, FinishReason, Part, Report, Response};
use crate::codec::target::Exchange;
use crate::codec::{answer_id, call_id, media};

/// How the ids of answers begin.
const ID: &str = "chatcmpl-";

/// Writes the body of an answer.
pub fn encode_response(response: &Response, exchange: &Exchange, report: &mut Report) -> Value {
    let mut calls = 0;
    let choices: Vec<Value> = response
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| write_choice(index, choice, exchange, &mut calls, report))
        .collect();
    let mut body = json!({
        "id": answer_id(response.id.as_deref(), exchange),
        "object": "chat.completion",
        "created": response.created.unwrap_or(exchange.created),
        "model": exchange.model,
        "choices": choices,
    });
    if let Some(usage) = &response.usage {
        body["usage"] = counts::write(usage);
    }
    body
}

/// The upstream's id if it is one of Chat, else one of autogw's.
pub(super) fn answer_id(id: Option<&str>, exchange: &Exchange) -> String {
    answer_id::answer_id(id, ID, exchange.seed).into_owned()
}

/// The id of a call; `made` counts those that had none.
pub(super) fn call_id(id: &str, exchange: &Exchange, made: &mut usize) -> String {
    if !id.is_empty() {
        return id.to_owned();
    }
    *made += 1;
    call_id::made(exchange.seed, *made, "call_")
}

fn write_choice(
    index: usize,
    choice: &Choice,
    exchange: &Exchange,
    calls: &mut usize,
    report: &mut Report,
) -> Value {
    let Choice { parts, finish } = choice;
    let mut message = Message::default();
    for part in parts {
        message.take(part, exchange, calls, report);
    }
    let reason = reason(finish.reason, exchange, !message.calls.is_empty());
    if message.refusal.is_none() && finish.reason == FinishReason::Filtered {
        message.refusal.clone_from(&finish.explanation);
    }
    let logprobs = std::mem::take(&mut message.logprobs);
    let mut written = json!({
        "index": index,
        "message": message.write(exchange),
        "logprobs": logprobs.map(|content| json!({"content": content, "refusal": null})),
        "finish_reason": reason,
    });
    if let Some(native) = answer_id::stop_reason(finish.native.as_deref()) {
        written["native_finish_reason"] = json!(native);
    }
    written
}

/// The finish in the client's words, which are about calls if and only if there are some.
pub(super) fn reason(reason: FinishReason, exchange: &Exchange, has_calls: bool) -> &'static str {
    match finish::word(reason) {
        "stop" | "tool_calls" if !has_calls => "stop",
        "stop" | "tool_calls" if exchange.legacy_functions => "function_call",
        "stop" => "tool_calls",
        word => word,
    }
}

/// A message in the making.
#[derive(Default)]
struct Message {
    text: Option<String>,
    /// Characters of the text so far.
    length: u64,
    refusal: Option<String>,
    thought: Option<String>,
    details: Vec<Value>,
    annotations: Vec<Value>,
    logprobs: Option<Vec<Value>>,
    images: Vec<Value>,
    calls: Vec<Value>,
    /// Whether a call came since the last text.
    is_after_call: bool,
    fields: Map<String, Value>,
}

impl Message {
    fn take(&mut self, part: &Part, exchange: &Exchange, calls: &mut usize, report: &mut Report) {
        match &part.content {
            Content::Text(text) => self.text(text, report),
            Content::Refusal(text) => self.refusal.get_or_insert_default().push_str(text),
            Content::Reasoning(reasoning) => {
                if !reasoning.text.is_empty() {
                    let thought = self.thought.get_or_insert_default();
                    if !thought.is_empty() {
                        thought.push_str("\n\n");
                    }
                    thought.push_str(&reasoning.text);
                }
                if let Some(opaque) = &reasoning.opaque {
                    let index = self.details.len();
                    let entry = details::sealed(&reasoning.text, opaque, index);
                    self.details.push(entry);
                }
            }
            Content::ToolCall(call) => self.call(call, exchange, calls),
            Content::Image(image) => match image_url(&image.source) {
                Some(url) => self
                    .images
                    .push(json!({"type": "image_url", "image_url": {"url": url}})),
                None => report.drop("choices[].message.images"),
            },
            Content::Foreign(foreign)
                if foreign.dialect == Dialect::OpenAiChat && foreign.kind == "audio" =>
            {
                self.fields
                    .insert("audio".to_owned(), foreign.value.clone());
            }
            Content::Foreign(foreign) => report.drop(format!("choices[].message.{}", foreign.kind)),
            Content::Document(_)
            | Content::Audio(_)
            | Content::Video(_)
            | Content::ToolResult(_) => {
                report.drop("choices[].message.content");
            }
        }
    }

    fn text(&mut self, part: &Text, report: &mut Report) {
        let Text {
            text,
            citations,
            logprobs,
            signature,
        } = part;
        let content = self.text.get_or_insert_default();
        if self.is_after_call && !content.is_empty() {
            content.push_str("\n\n");
            self.length += 2;
        }
        self.is_after_call = false;
        content.push_str(text);
        let length = characters(text);
        for citation in citations {
            match annotations::write(citation, self.length, length) {
                Some(annotation) => self.annotations.push(annotation),
                None => report.drop(citation_name(citation)),
            }
        }
        self.length += length;
        if let Some(Value::Array(tokens)) = logprobs {
            self.logprobs
                .get_or_insert_default()
                .extend(tokens.iter().cloned());
        }
        if let Some(signature) = signature {
            let slot = json!({"google": {"thought_signature": signature.seal()}});
            self.fields.insert("extra_content".to_owned(), slot);
        }
    }

    fn call(&mut self, call: &ToolCall, exchange: &Exchange, calls: &mut usize) {
        let ToolCall {
            id,
            name,
            namespace: _,
            arguments,
            kind,
            signature,
        } = call;
        self.is_after_call = true;
        let id = call_id(id, exchange, calls);
        let mut written = match kind {
            ToolKind::Function => {
                let arguments = if arguments.is_empty() {
                    "{}"
                } else {
                    arguments
                };
                json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
            }
            ToolKind::Freeform => {
                json!({"id": id, "type": "custom", "custom": {"name": name, "input": arguments}})
            }
        };
        if let Some(signature) = signature {
            written["extra_content"] = json!({"google": {"thought_signature": signature.seal()}});
        }
        self.calls.push(written);
    }

    fn write(self, exchange: &Exchange) -> Map<String, Value> {
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        message.insert("content".to_owned(), json!(self.text));
        message.insert("refusal".to_owned(), json!(self.refusal));
        if let Some(thought) = self.thought {
            message.insert("reasoning_content".to_owned(), json!(thought));
        }
        for (key, list) in [
            ("reasoning_details", self.details),
            ("annotations", self.annotations),
            ("images", self.images),
        ] {
            if !list.is_empty() {
                message.insert(key.to_owned(), list.into());
            }
        }
        message.extend(self.fields);
        if self.calls.is_empty() {
            return message;
        }
        if exchange.legacy_functions {
            let first = self
                .calls
                .into_iter()
                .next()
                .map(|mut call| call["function"].take());
            message.insert("function_call".to_owned(), first.unwrap_or_default());
        } else {
            message.insert("tool_calls".to_owned(), self.calls.into());
        }
        message
    }
}

/// Characters of a text, the unit of its citations.
pub(super) fn characters(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}

/// What a citation that cannot be said is called.
pub(super) fn citation_name(citation: &Citation) -> String {
    match citation {
        Citation::Foreign { value, .. } => {
            let kind = value["type"].as_str().unwrap_or("citation");
            format!("choices[].message.annotations.{kind}")
        }
        Citation::Web { .. } => "choices[].message.annotations".to_owned(),
    }
}

/// The address of a picture that a model made.
pub(super) fn image_url(source: &Source) -> Option<String> {
    match source {
        Source::Data { mime, data } => Some(media::data_url(mime, data)),
        Source::Url { url, .. } => Some(url.clone()),
        Source::Text(_) | Source::File { .. } => None,
    }
}
