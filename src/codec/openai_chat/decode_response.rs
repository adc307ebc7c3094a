//! Reads a complete Chat answer into the neutral form.

use serde_json::{Map, Value};

use super::{annotations, counts, details, error, finish};
use crate::chat::part::{Content, Foreign, Image, Reasoning, Source, Text, ToolCall, ToolKind};
use crate::chat::{Choice, Dialect, ErrorBody, Finish, Opaque, OpaqueKind, Part, Response};
use crate::codec::media::DataUrl;
use crate::codec::target::Origin;
use crate::json::scan;

/// Most answers that are read.
const MAX_CHOICES: usize = 128;

/// Reads the body of an answer.
///
/// # Errors
/// It reports a failure, or it is no answer.
pub fn decode_response(body: Value, origin: &Origin) -> Result<Response, ErrorBody> {
    let Value::Object(mut body) = body else {
        return Err(no_answer("the answer is not an object"));
    };
    let reported = body.get("error").map(Value::to_string);
    if reported.is_some_and(|reported| error::is_reported(reported.as_bytes())) {
        return Err(error::read(Value::Object(body).to_string().as_bytes()));
    }
    let Some(Value::Array(list)) = body.get_mut("choices").map(Value::take) else {
        let text = Value::Object(body).to_string();
        let found = error::recognise(text.as_bytes());
        return Err(found.unwrap_or_else(|| no_answer("the answer has no choices")));
    };
    let mut choices: Vec<Choice> = Vec::new();
    for (order, value) in list.into_iter().enumerate().take(MAX_CHOICES) {
        let index = value["index"]
            .as_u64()
            .and_then(|index| usize::try_from(index).ok());
        let place = index.filter(|place| *place < MAX_CHOICES).unwrap_or(order);
        let choice = choice(value, origin)?;
        if choices.len() <= place {
            choices.resize_with(place + 1, Choice::default);
        }
        choices[place] = choice;
    }
    let usage = body.get("usage").and_then(counts::read);
    Ok(Response {
        id: text(&body, "id"),
        model: text(&body, "model"),
        created: body.get("created").and_then(Value::as_u64),
        choices,
        usage: usage.or_else(|| {
            body.get("x_groq")
                .and_then(|groq| counts::read(&groq["usage"]))
        }),
    })
}

fn no_answer(message: &str) -> ErrorBody {
    ErrorBody {
        message: message.to_owned(),
        ..ErrorBody::default()
    }
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    let text = map.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn choice(mut choice: Value, origin: &Origin) -> Result<Choice, ErrorBody> {
    let logprobs = choice.pointer_mut("/logprobs/content").map(Value::take);
    let logprobs = logprobs.filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let reason = choice["finish_reason"].as_str().map(str::to_owned);
    let native = choice["native_finish_reason"].as_str().map(str::to_owned);
    let message = match choice.get_mut("message").map(Value::take) {
        Some(Value::Object(message)) => message,
        _ => Map::new(),
    };
    let parts = message_parts(message, logprobs, origin);
    let has_calls = parts
        .iter()
        .any(|part| matches!(part.content, Content::ToolCall(_)));
    let finish: Finish = finish::read(reason.as_deref(), native, has_calls)?;
    Ok(Choice { parts, finish })
}

fn message_parts(
    mut message: Map<String, Value>,
    logprobs: Option<Value>,
    origin: &Origin,
) -> Vec<Part> {
    let mut said = Said::default();
    said.content(message.shift_remove("content").unwrap_or_default());
    let mut parts: Vec<Part> = thoughts(&mut message, &said.thought, origin)
        .into_iter()
        .map(|thought| Part::new(Content::Reasoning(thought)))
        .collect();
    let citations = list(&mut message, "annotations")
        .map(annotations::read)
        .collect();
    let signature = signature(&message, origin);
    let text = Text {
        text: said.text,
        citations,
        logprobs,
        signature,
    };
    let refusal = text_of(&message, "refusal").or(said.refusal);
    let is_said = !text.text.is_empty() || text.logprobs.is_some() || !text.citations.is_empty();
    if is_said || text.signature.is_some() {
        parts.push(Part::new(Content::Text(text)));
    }
    parts.extend(refusal.map(|refusal| Part::new(Content::Refusal(refusal))));
    parts.extend(list(&mut message, "images").filter_map(|value| image(&value)));
    if let Some(audio) = message.shift_remove("audio").filter(Value::is_object) {
        parts.push(Part::new(Content::Foreign(Foreign {
            dialect: Dialect::OpenAiChat,
            kind: "audio".to_owned(),
            value: audio,
        })));
    }
    let calls = list(&mut message, "tool_calls").filter_map(|value| call(value, origin));
    parts.extend(calls.map(|call| Part::new(Content::ToolCall(call))));
    if let Some(function) = message.get("function_call").filter(|call| call.is_object()) {
        parts.push(Part::new(Content::ToolCall(called(function))));
    }
    parts
}

fn list(message: &mut Map<String, Value>, key: &str) -> impl Iterator<Item = Value> + use<> {
    let list = match message.shift_remove(key) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    list.into_iter()
}

/// What stands in the content: text, or Mistral's list of texts and thoughts.
#[derive(Default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) thought: String,
    pub(super) refusal: Option<String>,
}

impl Said {
    /// Reads a `content` of any form.
    pub(super) fn content(&mut self, content: Value) {
        match content {
            Value::String(text) => self.text.push_str(&text),
            Value::Array(parts) => parts.iter().for_each(|part| self.part(part)),
            _ => {}
        }
    }

    fn part(&mut self, part: &Value) {
        match (part["type"].as_str(), part) {
            (_, Value::String(text)) => self.text.push_str(text),
            (Some("thinking"), _) => self.thought.push_str(&thinking(&part["thinking"])),
            (Some("refusal"), _) => {
                let text = part["refusal"].as_str().unwrap_or_default();
                self.refusal.get_or_insert_default().push_str(text);
            }
            _ => self
                .text
                .push_str(part["text"].as_str().unwrap_or_default()),
        }
    }
}

fn thinking(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(chunks) => chunks
            .iter()
            .filter_map(|chunk| chunk["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

/// The thoughts of a message with what must come back beside them.
fn thoughts(message: &mut Map<String, Value>, said: &str, origin: &Origin) -> Vec<Reasoning> {
    let text = text_of(message, "reasoning_content").or_else(|| text_of(message, "reasoning"));
    let text = text.unwrap_or_else(|| said.to_owned());
    let (sealed, own) = details::split(list(message, "reasoning_details").collect());
    assemble(text, sealed, &own, origin)
}

/// Thoughts out of their readable text and the entries of `reasoning_details`.
pub(super) fn assemble(
    text: String,
    sealed: Vec<Reasoning>,
    own: &[Value],
    origin: &Origin,
) -> Vec<Reasoning> {
    if !sealed.is_empty() {
        return sealed;
    }
    let text = if text.is_empty() {
        details::text(own)
    } else {
        text
    };
    let opaque = token(own, &text, origin);
    let is_thought = !text.is_empty() || opaque.is_some();
    is_thought
        .then_some(Reasoning { text, opaque })
        .into_iter()
        .collect()
}

/// The token of a thought of this origin: its details, or no more than whose it is.
pub(super) fn token(own: &[Value], text: &str, origin: &Origin) -> Option<Opaque> {
    if details::is_opaque(own) {
        let list = serde_json::to_string(own).unwrap_or_default();
        return Some(origin.opaque(OpaqueKind::Details, list));
    }
    (!text.is_empty()).then(|| origin.opaque(OpaqueKind::Plain, ""))
}

fn text_of(map: &Map<String, Value>, key: &str) -> Option<String> {
    text(map, key)
}

/// The state Gemini's own Chat endpoint gives with texts and calls.
pub(super) fn signature(object: &Map<String, Value>, origin: &Origin) -> Option<Opaque> {
    let slot = object
        .get("extra_content")?
        .pointer("/google/thought_signature")?;
    let slot = slot.as_str().filter(|slot| !slot.is_empty())?;
    let token = Opaque::open(slot, OpaqueKind::Thought)?;
    // An unsealed one is the upstream's own.
    Some(match token.provider {
        None => origin.opaque(OpaqueKind::Thought, token.payload),
        Some(_) => token,
    })
}

fn call(value: Value, origin: &Origin) -> Option<ToolCall> {
    let Value::Object(call) = value else {
        return None;
    };
    let id = text(&call, "id").unwrap_or_default();
    let signature = signature(&call, origin);
    let read = match (call.get("custom"), call.get("function")) {
        (Some(Value::Object(custom)), _) => ToolCall {
            name: text(custom, "name").unwrap_or_default(),
            arguments: text(custom, "input").unwrap_or_default(),
            kind: ToolKind::Freeform,
            ..ToolCall::default()
        },
        (_, Some(function)) => called(function),
        _ => return None,
    };
    Some(ToolCall {
        id,
        signature,
        ..read
    })
}

fn called(function: &Value) -> ToolCall {
    ToolCall {
        name: function["name"].as_str().unwrap_or_default().to_owned(),
        arguments: arguments(&function["arguments"]),
        ..ToolCall::default()
    }
}

/// Arguments as JSON text; some hosts send them as an object.
pub(super) fn arguments(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // It says as much as none; a stream's first piece may be one.
        Value::Object(map) if map.is_empty() => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A picture the model made (OpenRouter).
pub(super) fn image(value: &Value) -> Option<Part> {
    let url = value.pointer("/image_url/url")?.as_str()?;
    let source = match DataUrl::parse(url).and_then(|parsed| {
        let data = parsed.base64()?.into_owned();
        Some((parsed.media_type.into_owned(), data))
    }) {
        Some((mime, data)) => Source::Data { mime, data },
        None => Source::Url {
            url: url.to_owned(),
            mime: None,
        },
    };
    let detail = None;
    Some(Part::new(Content::Image(Image { source, detail })))
}

/// The value of a scanned member as JSON; what cannot be read says nothing.
pub(super) fn value(slice: &[u8]) -> Value {
    if scan::is_blank(slice) {
        return Value::Null;
    }
    serde_json::from_slice(slice).unwrap_or_default()
}
