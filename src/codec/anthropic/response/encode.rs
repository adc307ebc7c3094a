//! A complete answer, written for a client.

use serde_json::{Value, json};

use crate::chat::part::{Content, Text, ToolCall, ToolKind};
use crate::chat::{Choice, Dialect, Part, Report, Response};
use crate::codec::answer_id::answer_id;
use crate::codec::anthropic::finish::Stop;
use crate::codec::anthropic::object::object;
use crate::codec::anthropic::usage::Counts;
use crate::codec::anthropic::{arguments, citation, thought};
use crate::codec::call_id::{self, IdRule};
use crate::codec::target::Exchange;
use crate::codec::tokens;

/// How ids of answers begin.
const MESSAGE: &str = "msg_";

/// Writes the answer to `POST /v1/messages`.
pub fn encode_response(response: &Response, exchange: &Exchange, report: &mut Report) -> Value {
    let nothing = Choice::default();
    let choice = response.choices.first().unwrap_or(&nothing);
    if response.choices.len() > 1 {
        report.drop("choices");
    }
    let mut blocks = Blocks {
        seed: exchange.seed,
        report,
        content: Vec::new(),
        calls: 0,
        has_refused: false,
    };
    choice.parts.iter().for_each(|part| blocks.part(part));
    let Blocks {
        content,
        calls,
        has_refused,
        ..
    } = blocks;
    let stop = Stop::of(&choice.finish, calls > 0, has_refused);
    let usage = response
        .usage
        .map_or_else(|| estimate(exchange, &content), Counts::of);
    let mut body = json!({
        "id": message_id(response.id.as_deref(), exchange.seed),
        "type": "message",
        "role": "assistant",
        "model": exchange.model,
        "content": null,
        "stop_reason": stop.reason,
        "stop_sequence": stop.sequence,
        "usage": usage.write(),
    });
    body["content"] = Value::Array(content);
    if let Some(details) = stop.details(&choice.finish) {
        body["stop_details"] = details;
    }
    body
}

/// The id of an answer: the upstream's if it looks like one of this dialect.
pub fn message_id(id: Option<&str>, seed: u64) -> String {
    answer_id(id, MESSAGE, seed).into_owned()
}

/// The id of the `n`th call of an answer, as this dialect has them.
pub fn tool_id(id: &str, seed: u64, n: usize) -> String {
    if id.is_empty() {
        return call_id::made(seed, n, "toolu_");
    }
    call_id::outward(id, IdRule::Anthropic).into_owned()
}

/// Counts that nobody gave us.
fn estimate(exchange: &Exchange, content: &[Value]) -> Counts {
    let length: usize = content.iter().map(|block| block.to_string().len()).sum();
    Counts {
        input: exchange.estimated_input,
        output: tokens_of(length),
        ..Counts::default()
    }
}

/// Tokens of so many bytes, by the rule of [`tokens::estimate_text`] for plain text.
pub fn tokens_of(bytes: usize) -> u64 {
    const SAMPLE: &str = "word";
    let each = tokens::estimate_text(SAMPLE).max(1);
    (bytes as u64)
        .div_ceil(SAMPLE.len() as u64)
        .saturating_mul(each)
}

struct Blocks<'r> {
    seed: u64,
    report: &'r mut Report,
    content: Vec<Value>,
    calls: usize,
    has_refused: bool,
}

impl Blocks<'_> {
    fn part(&mut self, part: &Part) {
        match &part.content {
            Content::Text(text) => self.text(text),
            Content::Refusal(text) => {
                self.has_refused = true;
                self.plain(text);
            }
            Content::Reasoning(reasoning) => self.content.extend(thought::block(reasoning)),
            Content::ToolCall(call) => self.call(call),
            Content::Foreign(foreign) if foreign.dialect == Dialect::Anthropic => {
                self.content.push(foreign.value.clone());
            }
            content => self.report.drop(unsaid(content)),
        }
    }

    fn text(&mut self, text: &Text) {
        if text.logprobs.is_some() {
            self.report.drop("logprobs");
        }
        if text.signature.is_some() {
            self.report.note("signature");
        }
        let citations: Vec<Value> = text.citations.iter().filter_map(citation::write).collect();
        if citations.len() < text.citations.len() {
            self.report.drop("citations");
        }
        if citations.is_empty() {
            return self.plain(&text.text);
        }
        let block = json!({"type": "text", "text": text.text, "citations": citations});
        self.content.push(block);
    }

    fn plain(&mut self, text: &str) {
        if !text.is_empty() {
            self.content.push(json!({"type": "text", "text": text}));
        }
    }

    fn call(&mut self, call: &ToolCall) {
        // The state of a call goes before it: the call has no slot for it.
        self.content
            .extend(call.signature.as_ref().map(thought::unread));
        self.calls += 1;
        let id = tool_id(&call.id, self.seed, self.calls);
        let input = self.input(call);
        let block = object([
            ("type", "tool_use".into()),
            ("id", id.into()),
            ("name", call.name.as_str().into()),
            ("input", input),
        ]);
        self.content.push(Value::Object(block));
    }

    fn input(&mut self, call: &ToolCall) -> Value {
        if call.kind == ToolKind::Freeform {
            return json!({"input": call.arguments});
        }
        arguments::write(&call.arguments).unwrap_or_else(|| {
            self.report.adjust("tool_use.input", "_raw");
            arguments::raw(&call.arguments)
        })
    }
}

/// The name of what cannot be told to this client.
pub fn unsaid(content: &Content) -> &'static str {
    match content {
        Content::Image(_) => "image",
        Content::Document(_) => "document",
        Content::Audio(_) => "audio",
        Content::Video(_) => "video",
        Content::ToolResult(_) => "tool_result",
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Reasoning(_)
        | Content::ToolCall(_)
        | Content::Foreign(_) => "hosted_tool",
    }
}
