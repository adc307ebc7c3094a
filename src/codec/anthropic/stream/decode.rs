//! An upstream's stream, read: blocks one after the other, each opened, filled and closed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::trouble;
use crate::chat::part::{Content, Foreign, ToolKind};
use crate::chat::{Delta, Dialect, ErrorBody, Finish, OpaqueKind, Part, StreamEvent};
use crate::codec::anthropic::usage::{self, Counts};
use crate::codec::anthropic::{arguments, citation, finish};
use crate::codec::stream::{StreamDecoder, without_object};
use crate::codec::target::Origin;
use crate::json::mend::mended;
use crate::sse::Event;

/// The most that is gathered of one block before it is told.
const MAX_GATHERED: usize = 8 * 1024 * 1024;

/// The most citations of one text.
const MAX_CITATIONS: usize = 1024;

/// Reads a stream of `POST /v1/messages`.
#[derive(Debug)]
pub struct Decoder {
    origin: Origin,
    block: Option<Block>,
    index: Option<u64>,
    calls: u32,
    counts: Counts,
    has_finished: bool,
    is_done: bool,
}

/// The block that is open.
#[derive(Debug)]
enum Block {
    Text {
        characters: u64,
        citations: Vec<Value>,
    },
    Thinking {
        signature: String,
    },
    Redacted {
        data: String,
    },
    Tool {
        call: u32,
        /// Given at the start; real upstreams give nothing there.
        input: Option<Value>,
        has_arguments: bool,
    },
    Foreign {
        value: Value,
        json: String,
    },
}

/// A delta as nearly all of them are.
#[derive(Deserialize)]
struct Hot<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow)]
    delta: HotDelta<'a>,
}

#[derive(Deserialize)]
struct HotDelta<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    partial_json: Option<String>,
    #[serde(default)]
    signature: Option<String>,
}

impl<'a> HotDelta<'a> {
    /// The same, where a field is odd.
    fn of(delta: &'a Value) -> Self {
        let text = |key: &str| delta[key].as_str().map(str::to_owned);
        Self {
            kind: delta["type"].as_str().unwrap_or_default().into(),
            text: text("text"),
            thinking: text("thinking"),
            partial_json: text("partial_json"),
            signature: text("signature"),
        }
    }
}

impl Decoder {
    /// A decoder of what `origin` answers.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            block: None,
            index: None,
            calls: 0,
            counts: Counts::default(),
            has_finished: false,
            is_done: false,
        }
    }

    /// A delta that is worth no tree. False if it has to be read as one.
    fn hot(&mut self, data: &[u8], out: &mut Vec<StreamEvent>) -> bool {
        let Ok(event) = serde_json::from_slice::<Hot<'_>>(data) else {
            return false;
        };
        event.kind == "content_block_delta" && self.say(event.index, event.delta, out)
    }

    /// Tells a delta of a kind that is known. False if it is of another.
    fn say(&mut self, index: Option<u64>, delta: HotDelta<'_>, out: &mut Vec<StreamEvent>) -> bool {
        if !self.is_open(index) && !self.open_for(index, &delta.kind, out) {
            return false;
        }
        match (&mut self.block, &*delta.kind) {
            (Some(Block::Text { characters, .. }), "text_delta") => {
                let text = delta.text.unwrap_or_default();
                *characters += text.chars().count() as u64;
                tell_some(Delta::Text, text, out);
            }
            (Some(Block::Thinking { .. }), "thinking_delta") => {
                tell_some(Delta::Reasoning, delta.thinking.unwrap_or_default(), out);
            }
            (Some(Block::Thinking { signature }), "signature_delta") => {
                gather(signature, &delta.signature.unwrap_or_default());
            }
            (
                Some(Block::Tool {
                    call,
                    has_arguments,
                    ..
                }),
                "input_json_delta",
            ) => {
                let (call, fragment) = (*call, delta.partial_json.unwrap_or_default());
                *has_arguments |= !fragment.is_empty();
                tell_some(
                    |fragment| Delta::ToolArguments { call, fragment },
                    fragment,
                    out,
                );
            }
            (Some(Block::Foreign { json, .. }), "input_json_delta") => {
                gather(json, &delta.partial_json.unwrap_or_default());
            }
            _ => return false,
        }
        true
    }

    /// Opens the block of a delta that nobody announced, if its kind says all there is to know of it.
    fn open_for(&mut self, index: Option<u64>, kind: &str, out: &mut Vec<StreamEvent>) -> bool {
        let is_late = self.block.is_some() && index < self.index;
        let block = match kind {
            _ if is_late || self.has_finished => return false,
            "text_delta" => Block::Text {
                characters: 0,
                citations: Vec::new(),
            },
            "thinking_delta" => Block::Thinking {
                signature: String::new(),
            },
            _ => return false,
        };
        self.close(out);
        (self.block, self.index) = (Some(block), index);
        true
    }

    /// Whether the index is that of the open block; one that does not say is taken to be.
    fn is_open(&self, index: Option<u64>) -> bool {
        self.block.is_some() && (index.is_none() || index == self.index)
    }

    fn start(&mut self, event: &Value, out: &mut Vec<StreamEvent>) {
        let message = &event["message"];
        let text = |key: &str| message[key].as_str().map(str::to_owned);
        out.push(StreamEvent::Start {
            id: text("id"),
            model: text("model"),
            created: None,
        });
        self.count(&message["usage"], out);
    }

    fn count(&mut self, node: &Value, out: &mut Vec<StreamEvent>) {
        if usage::read(node, &mut self.counts) {
            out.push(StreamEvent::Usage(self.counts.neutral()));
        }
    }

    fn open(&mut self, mut event: Value, out: &mut Vec<StreamEvent>) {
        self.close(out);
        self.index = event["index"].as_u64();
        let value = event.get_mut("content_block").map(Value::take);
        let value = value.unwrap_or_default();
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        self.block = Some(match value["type"].as_str().unwrap_or_default() {
            "text" => {
                let characters = text("text").chars().count() as u64;
                tell_some(Delta::Text, text("text"), out);
                let citations = value["citations"].as_array().cloned();
                Block::Text {
                    characters,
                    citations: citations.unwrap_or_default(),
                }
            }
            "thinking" => {
                tell_some(Delta::Reasoning, text("thinking"), out);
                Block::Thinking {
                    signature: text("signature"),
                }
            }
            "redacted_thinking" => Block::Redacted { data: text("data") },
            "tool_use" => {
                let call = self.calls;
                self.calls = self.calls.saturating_add(1);
                tell(
                    Delta::ToolCall {
                        call,
                        id: text("id"),
                        name: text("name"),
                        namespace: None,
                        kind: ToolKind::Function,
                    },
                    out,
                );
                Block::Tool {
                    call,
                    input: value.get("input").filter(|input| !input.is_null()).cloned(),
                    has_arguments: false,
                }
            }
            _ => Block::Foreign {
                value,
                json: String::new(),
            },
        });
    }

    /// A delta that is rare or odd.
    fn fill(&mut self, mut event: Value, out: &mut Vec<StreamEvent>) {
        let index = event["index"].as_u64();
        if self.say(index, HotDelta::of(&event["delta"]), out) || !self.is_open(index) {
            return;
        }
        match &mut self.block {
            Some(Block::Text { citations, .. }) if citations.len() < MAX_CITATIONS => {
                let citation = event.pointer_mut("/delta/citation").map(Value::take);
                citations.extend(citation.filter(|citation| !citation.is_null()));
            }
            Some(Block::Foreign {
                value: Value::Object(block),
                ..
            }) => {
                // What kinds of deltas there will be is not known: texts are appended to their namesakes.
                for (key, more) in event["delta"].as_object().into_iter().flatten() {
                    let Some(more) = more.as_str().filter(|_| key != "type") else {
                        continue;
                    };
                    match block.entry(key.as_str()).or_insert_with(|| "".into()) {
                        Value::String(text) => gather(text, more),
                        slot @ Value::Null => *slot = more.into(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, out: &mut Vec<StreamEvent>) {
        let Some(block) = self.block.take() else {
            return;
        };
        match block {
            Block::Text {
                characters,
                citations,
            } => {
                for value in citations {
                    tell(
                        Delta::Citation(citation::read(value, Some(characters))),
                        out,
                    );
                }
                tell(Delta::PartEnd { signature: None }, out);
            }
            Block::Thinking { signature } => {
                let opaque = (!signature.is_empty())
                    .then(|| self.origin.opaque(OpaqueKind::Signature, signature));
                tell(Delta::PartEnd { signature: opaque }, out);
            }
            Block::Redacted { data } => {
                let signature = Some(self.origin.opaque(OpaqueKind::Redacted, data));
                tell(Delta::PartEnd { signature }, out);
            }
            Block::Tool {
                call,
                input,
                has_arguments,
            } => {
                if !has_arguments {
                    let fragment = arguments::read(input.as_ref());
                    tell(Delta::ToolArguments { call, fragment }, out);
                }
                tell(
                    Delta::ToolEnd {
                        call,
                        signature: None,
                    },
                    out,
                );
            }
            Block::Foreign { value, json } => out.extend(foreign(value, &json)),
        }
    }

    fn finish(&mut self, event: &Value, out: &mut Vec<StreamEvent>) {
        if let Some(reason) = event["delta"]["stop_reason"].as_str() {
            self.close(out);
            self.end_with(finish::read(reason, &event["delta"]), out);
        }
        self.count(&event["usage"], out);
    }

    fn end_with(&mut self, finish: Finish, out: &mut Vec<StreamEvent>) {
        if !self.has_finished {
            self.has_finished = true;
            out.push(StreamEvent::Finish { choice: 0, finish });
        }
    }

    fn stop(&mut self, out: &mut Vec<StreamEvent>) {
        self.close(out);
        self.end_with(Finish::default(), out);
        self.is_done = true;
    }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &Event<'_>, out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        let Some(data) = &event.data else {
            return Ok(());
        };
        if self.is_done || data.trim_ascii().is_empty() {
            return Ok(());
        }
        let data = &*mended(data);
        let may_be_hot = event.name.is_none_or(|name| name == b"content_block_delta");
        if may_be_hot && self.hot(data, out) {
            return Ok(());
        }
        let value: Value = match serde_json::from_slice(data) {
            Ok(value) => value,
            Err(_) if event.name == Some(b"error") => Value::Null,
            Err(_) => return without_object(data),
        };
        let name = || event.name.and_then(|name| std::str::from_utf8(name).ok());
        match value["type"].as_str().or_else(name).unwrap_or_default() {
            "message_start" => self.start(&value, out),
            "content_block_start" => self.open(value, out),
            "content_block_delta" => self.fill(value, out),
            "content_block_stop" => self.close(out),
            "message_delta" => self.finish(&value, out),
            "message_stop" => self.stop(out),
            "ping" => out.push(StreamEvent::Ping),
            "error" => return Err(trouble::read(&value)),
            _ if value["error"].is_object() => return Err(trouble::read(&value)),
            _ => {}
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn end(&mut self, _out: &mut Vec<StreamEvent>) -> bool {
        self.is_done
    }
}

fn tell(delta: Delta, out: &mut Vec<StreamEvent>) {
    out.push(StreamEvent::Delta { choice: 0, delta });
}

/// Tells text, if there is any.
fn tell_some(delta: impl FnOnce(String) -> Delta, text: String, out: &mut Vec<StreamEvent>) {
    if !text.is_empty() {
        tell(delta(text), out);
    }
}

/// Appends up to a bound.
fn gather(text: &mut String, more: &str) {
    if text.len().saturating_add(more.len()) <= MAX_GATHERED {
        text.push_str(more);
    }
}

/// A block that only this dialect has, once it is whole.
fn foreign(mut value: Value, json: &str) -> Option<StreamEvent> {
    let kind = value["type"].as_str()?.to_owned();
    if !json.is_empty() {
        value["input"] = serde_json::from_str(json).unwrap_or_else(|_| json.into());
    }
    let part = Part::new(Content::Foreign(Foreign {
        dialect: Dialect::Anthropic,
        kind,
        value,
    }));
    Some(StreamEvent::Delta {
        choice: 0,
        delta: Delta::Whole(Box::new(part)),
    })
}
