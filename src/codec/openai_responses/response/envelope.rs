//! The envelope of an answer: every field that the schema asks for, whether there is something to say or not.
//!
//! Most of them repeat the request. They are the same in each event of a stream that carries the answer,
//! so they are written once.

use serde_json::{Map, Value, json};

use crate::chat::{ErrorBody, FinishReason};
use crate::codec::target::Exchange;

/// Fields of a request that its answer repeats.
const REPEATED: [&str; 26] = [
    "background",
    "conversation",
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// What an answer to the request `body` repeats of it.
pub fn echo(body: &Map<String, Value>) -> Map<String, Value> {
    let said = |key: &str| body.get(key).filter(|value| !value.is_null());
    let said = REPEATED
        .into_iter()
        .filter_map(|key| Some((key, said(key)?)));
    said.map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

/// What the answer says where the request said nothing.
fn defaults() -> Value {
    json!({
        "background": false,
        "frequency_penalty": 0.0,
        "instructions": null,
        "max_output_tokens": null,
        "max_tool_calls": null,
        "metadata": {},
        "parallel_tool_calls": true,
        "presence_penalty": 0.0,
        "previous_response_id": null,
        "prompt_cache_key": null,
        "prompt_cache_retention": null,
        "reasoning": {"effort": null, "summary": null},
        "safety_identifier": null,
        "service_tier": "default",
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": null,
    })
}

/// The envelope of one answer.
#[derive(Debug)]
pub(in super::super) struct Envelope {
    /// `"id":…,"object":…,"created_at":…`
    head: Vec<u8>,
    /// `,"background":…` and all that is repeated.
    tail: Vec<u8>,
    created: u64,
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Closing<'a> {
    /// It has begun.
    InProgress,
    /// It has ended like this.
    Ended(FinishReason),
    /// It broke off.
    Failed(&'a ErrorBody, &'a str),
}

impl Closing<'_> {
    /// The status of the answer.
    pub(in super::super) fn status(self) -> &'static str {
        match self {
            Closing::InProgress => "in_progress",
            Closing::Ended(reason) if incomplete(reason).is_some() => "incomplete",
            Closing::Ended(_) => "completed",
            Closing::Failed(..) => "failed",
        }
    }
}

/// Why an answer is not complete.
fn incomplete(reason: FinishReason) -> Option<&'static str> {
    match reason {
        FinishReason::Length | FinishReason::ContextFull => Some("max_output_tokens"),
        FinishReason::Filtered => Some("content_filter"),
        FinishReason::End
        | FinishReason::StopSequence
        | FinishReason::ToolCalls
        | FinishReason::Paused => None,
    }
}

impl Envelope {
    /// The envelope of the answer `id`.
    pub(in super::super) fn new(id: &str, exchange: &Exchange) -> Self {
        let head = json!({"id": id, "object": "response", "created_at": exchange.created});
        let mut tail = exchange.echo.clone();
        if let Value::Object(defaults) = defaults() {
            for (key, value) in defaults {
                tail.entry(key).or_insert(value);
            }
        }
        complete(&mut tail);
        tail.insert("model".to_owned(), json!(exchange.model));
        Self {
            head: members(&head),
            tail: members(&Value::Object(tail)),
            created: exchange.created,
        }
    }

    /// Writes the answer with these items and token counts.
    pub(in super::super) fn write(
        &self,
        closing: Closing<'_>,
        output: &[u8],
        usage: Option<&Value>,
        out: &mut Vec<u8>,
    ) {
        let (mut done, mut error, mut details) = (Value::Null, Value::Null, Value::Null);
        match closing {
            Closing::InProgress => {}
            Closing::Ended(reason) => match incomplete(reason) {
                Some(reason) => details = json!({"reason": reason}),
                None => done = json!(self.created),
            },
            Closing::Failed(body, request_id) => {
                error = json!({
                    "code": super::error_code(body),
                    "message": body.message,
                    "request_id": request_id,
                });
            }
        }
        let standing = json!({
            "status": closing.status(),
            "completed_at": done,
            "error": error,
            "incomplete_details": details,
            "usage": usage,
        });
        out.push(b'{');
        out.extend_from_slice(&self.head);
        out.push(b',');
        out.extend_from_slice(&members(&standing));
        out.extend_from_slice(b",\"output\":[");
        out.extend_from_slice(output);
        out.extend_from_slice(b"],");
        out.extend_from_slice(&self.tail);
        out.push(b'}');
    }
}

/// An object without its braces.
fn members(value: &Value) -> Vec<u8> {
    let mut text = value.to_string().into_bytes();
    text.pop();
    text.drain(..1.min(text.len()));
    text
}

/// Fills what is inside the repeated fields: they are required there too.
fn complete(echo: &mut Map<String, Value>) {
    if let Some(Value::Object(text)) = echo.get_mut("text") {
        text.entry("format").or_insert(json!({"type": "text"}));
    }
    if let Some(Value::Object(reasoning)) = echo.get_mut("reasoning") {
        reasoning.entry("effort").or_insert(Value::Null);
        reasoning.entry("summary").or_insert(Value::Null);
    }
    let tools = echo.get_mut("tools").and_then(Value::as_array_mut);
    for tool in tools.into_iter().flatten().filter_map(Value::as_object_mut) {
        if tool.get("type").and_then(Value::as_str) == Some("function") {
            tool.entry("parameters").or_insert(Value::Null);
            tool.entry("strict").or_insert(Value::Null);
        }
    }
}
