//! Writes a stream for a Chat client.
//!
//! One id, time and model throughout; per answer a role first and a finish last; the usage chunk only for
//! who asked for it. Chunks are templates with the words between, appended to the caller's buffer.

use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::encode_response::{answer_id, call_id, characters, citation_name, image_url, reason};
use super::{annotations, counts, details, error};
use crate::chat::part::{Content, ToolKind};
use crate::chat::{
    Delta, Dialect, ErrorBody, Finish, FinishReason, Opaque, Part, Report, StreamEvent, Usage,
};
use crate::codec::answer_id::stop_reason;
use crate::codec::error::Told;
use crate::codec::held::{self, MAX_HELD};
use crate::codec::stream::StreamEncoder;
use crate::codec::target::Exchange;
use crate::sse;

/// Most bytes of a thought that are kept for its entry in `reasoning_details`.
const MAX_THOUGHT: usize = 8 * 1024 * 1024;

/// Most answers that are kept apart.
const MAX_CHOICES: usize = 128;

/// More calls than any model makes in one answer.
const MAX_CALLS: usize = 1024;

/// See the module's head.
#[derive(Debug)]
pub struct Encoder {
    exchange: Arc<Exchange>,
    /// A chunk up to the list of its choices; empty until the answer begins.
    head: Vec<u8>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
    /// Calls that had no id.
    made: usize,
    report: Report,
    /// Whether more of the answer is held than may be.
    is_full: bool,
    is_over: bool,
}

/// One answer under way.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about what was written"
)]
struct Choice {
    has_role: bool,
    has_refused: bool,
    is_finished: bool,
    /// Characters of text so far, and where the open text begins.
    text: u64,
    base: u64,
    is_text_open: bool,
    /// Whether a call came since the last text.
    is_after_call: bool,
    /// The open thought, for the entry that carries its token.
    thought: String,
    has_thought: bool,
    is_thought_open: bool,
    details: usize,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    number: u32,
    kind: ToolKind,
    has_arguments: bool,
}

impl Encoder {
    /// An encoder for the answer of one exchange.
    pub fn new(exchange: Arc<Exchange>) -> Self {
        Self {
            exchange,
            head: Vec::new(),
            choices: Vec::new(),
            usage: None,
            made: 0,
            report: Report::default(),
            is_full: false,
            is_over: false,
        }
    }

    /// An encoder that goes on with an answer known to its client by `id`.
    pub fn resumed(exchange: Arc<Exchange>, id: Option<&str>) -> Self {
        let mut encoder = Self::new(exchange);
        if let Some(id) = id {
            encoder.begin(id, encoder.exchange.created);
        }
        encoder
    }

    fn start(&mut self, id: Option<&str>, created: Option<u64>) {
        if self.head.is_empty() {
            let id = answer_id(id, &self.exchange);
            self.begin(&id, created.unwrap_or(self.exchange.created));
        }
    }

    fn begin(&mut self, id: &str, created: u64) {
        let start = json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": self.exchange.model,
        });
        let mut head = start.to_string();
        head.pop();
        self.head = format!("data: {head},\"choices\":[").into_bytes();
    }

    /// The answer at `index`, opened with its role.
    fn choice(&mut self, index: u32, out: &mut Vec<u8>) -> Option<&mut Choice> {
        let place = usize::try_from(index)
            .ok()
            .filter(|place| *place < MAX_CHOICES)?;
        while self.choices.len() <= place {
            self.choices.push(Choice::default());
        }
        if !std::mem::replace(&mut self.choices[place].has_role, true) {
            self.start(None, None);
            self.delta(index, out, |out| {
                out.extend_from_slice(br#""role":"assistant","content":"","refusal":null"#);
            });
        }
        let choice = &mut self.choices[place];
        (!choice.is_finished).then_some(choice)
    }

    /// A chunk with one delta, whose members `write` writes.
    fn delta(&self, index: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.open(index, out);
        write(out);
        out.extend_from_slice(br#"},"logprobs":null,"finish_reason":null}"#);
        self.close(out);
    }

    fn open(&self, index: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        write!(out, r#"{{"index":{index},"delta":{{"#).expect("a buffer takes bytes");
    }

    fn close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.exchange.include_usage {
            b"],\"usage\":null}\n\n"
        } else {
            b"]}\n\n"
        });
    }

    /// A chunk with one delta of one member.
    fn member(&self, index: u32, key: &str, value: &Value, out: &mut Vec<u8>) {
        self.delta(index, out, |out| {
            write!(out, "\"{key}\":{value}").expect("a buffer takes bytes");
        });
    }

    /// A chunk with one delta of one text, if there is any: the hot path.
    fn words(&self, index: u32, key: &str, words: &str, out: &mut Vec<u8>) {
        if words.is_empty() {
            return;
        }
        self.delta(index, out, |out| {
            out.push(b'"');
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            quote(words, out);
        });
    }

    fn tell(&mut self, index: u32, delta: Delta, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index, out) else {
            return;
        };
        match delta {
            Delta::Text(text) => {
                let is_apart = choice.text(&text);
                if is_apart {
                    self.words(index, "content", "\n\n", out);
                }
                self.words(index, "content", &text, out);
            }
            Delta::Refusal(text) => {
                choice.close_text();
                choice.has_refused = true;
                self.words(index, "refusal", &text, out);
            }
            Delta::Reasoning(text) => {
                let is_apart = choice.think(&text);
                let thoughts = self.choices.iter().map(|choice| choice.thought.len());
                self.is_full |= thoughts.sum::<usize>() > MAX_HELD;
                if is_apart {
                    self.words(index, "reasoning_content", "\n\n", out);
                }
                self.words(index, "reasoning_content", &text, out);
            }
            Delta::PartEnd { signature } => self.part_end(index, signature.as_ref(), out),
            Delta::Citation(citation) => {
                let (base, length) = (choice.base, choice.text - choice.base);
                match annotations::write(&citation, base, length) {
                    Some(written) => self.member(index, "annotations", &json!([written]), out),
                    None => self.report.drop(citation_name(&citation)),
                }
            }
            Delta::Logprobs(tokens) => self.logprobs(index, &tokens, out),
            Delta::ToolCall {
                call,
                id,
                name,
                namespace: _,
                kind,
            } => self.call(index, call, &id, &name, kind, out),
            Delta::ToolArguments { call, fragment } => self.arguments(index, call, &fragment, out),
            Delta::ToolEnd { call, signature } => {
                self.call_end(index, call, signature.as_ref(), out);
            }
            Delta::Whole(part) => self.whole(index, &part, out),
        }
    }

    fn part_end(&mut self, index: u32, signature: Option<&Opaque>, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index, out) else {
            return;
        };
        if choice.is_text_open {
            choice.close_text();
            if let Some(signature) = signature {
                let slot = json!({"google": {"thought_signature": signature.seal()}});
                self.member(index, "extra_content", &slot, out);
            }
            return;
        }
        let thought = std::mem::take(&mut choice.thought);
        choice.is_thought_open = false;
        if let Some(signature) = signature {
            let entry = details::sealed(&thought, signature, choice.details);
            choice.details += 1;
            self.member(index, "reasoning_details", &json!([entry]), out);
        }
    }

    fn logprobs(&mut self, index: u32, tokens: &Value, out: &mut Vec<u8>) {
        self.open(index, out);
        let logprobs = json!({"content": tokens, "refusal": null});
        write!(
            out,
            r#""content":""}},"logprobs":{logprobs},"finish_reason":null}}"#
        )
        .expect("a buffer takes bytes");
        self.close(out);
    }

    fn call(
        &mut self,
        index: u32,
        number: u32,
        id: &str,
        name: &str,
        kind: ToolKind,
        out: &mut Vec<u8>,
    ) {
        let id = call_id(id, &self.exchange, &mut self.made);
        // Its number may have been another's, who gets no more arguments then.
        self.call_end(index, number, None, out);
        let Some(choice) = self.choice(index, out) else {
            return;
        };
        choice.close_text();
        choice.is_after_call = true;
        let place = choice.calls.len();
        if place >= MAX_CALLS {
            self.is_full = true;
            return;
        }
        choice.calls.push(Call {
            number,
            kind,
            has_arguments: false,
        });
        if self.exchange.legacy_functions {
            if place == 0 {
                let function = json!({"name": name, "arguments": ""});
                self.member(index, "function_call", &function, out);
            }
            return;
        }
        let call = match kind {
            ToolKind::Function => json!({"index": place, "id": id, "type": "function",
                "function": {"name": name, "arguments": ""}}),
            ToolKind::Freeform => json!({"index": place, "id": id, "type": "custom",
                "custom": {"name": name, "input": ""}}),
        };
        self.member(index, "tool_calls", &json!([call]), out);
    }

    fn arguments(&mut self, index: u32, number: u32, fragment: &str, out: &mut Vec<u8>) {
        if fragment.is_empty() {
            return;
        }
        let Some((place, call)) = self
            .choice(index, out)
            .and_then(|choice| choice.call(number))
        else {
            return;
        };
        call.has_arguments = true;
        let kind = call.kind;
        if self.exchange.legacy_functions {
            if place == 0 {
                self.delta(index, out, |out| {
                    out.extend_from_slice(br#""function_call":{"arguments":"#);
                    quote(fragment, out);
                    out.push(b'}');
                });
            }
            return;
        }
        let (object, key) = match kind {
            ToolKind::Function => ("function", "arguments"),
            ToolKind::Freeform => ("custom", "input"),
        };
        self.delta(index, out, |out| {
            write!(
                out,
                r#""tool_calls":[{{"index":{place},"{object}":{{"{key}":"#
            )
            .expect("a buffer takes bytes");
            quote(fragment, out);
            out.extend_from_slice(b"}}]");
        });
    }

    /// A call without arguments has an empty object of them; SDKs parse what was sent.
    fn call_end(&mut self, index: u32, number: u32, signature: Option<&Opaque>, out: &mut Vec<u8>) {
        let Some((place, call)) = self
            .choice(index, out)
            .and_then(|choice| choice.call(number))
        else {
            return;
        };
        if !call.has_arguments && call.kind == ToolKind::Function {
            self.arguments(index, number, "{}", out);
        }
        let Some(signature) = signature else { return };
        if self.exchange.legacy_functions {
            // A `function_call` has no place for it.
            self.report
                .drop("choices[].delta.tool_calls[].extra_content");
        } else {
            let slot = json!({"google": {"thought_signature": signature.seal()}});
            let call = json!([{"index": place, "extra_content": slot}]);
            self.member(index, "tool_calls", &call, out);
        }
    }

    fn whole(&mut self, index: u32, part: &Part, out: &mut Vec<u8>) {
        match &part.content {
            Content::Image(image) => match image_url(&image.source) {
                Some(url) => {
                    let image = json!([{"type": "image_url", "image_url": {"url": url}}]);
                    self.member(index, "images", &image, out);
                }
                None => self.report.drop("choices[].delta.images"),
            },
            Content::Foreign(foreign)
                if foreign.dialect == Dialect::OpenAiChat && foreign.kind == "audio" =>
            {
                self.member(index, "audio", &foreign.value, out);
            }
            Content::Foreign(foreign) => {
                self.report
                    .drop(format!("choices[].delta.{}", foreign.kind));
            }
            _ => self.report.drop("choices[].delta.content"),
        }
    }

    fn finish(&mut self, index: u32, finish: &Finish, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index, out) else {
            return;
        };
        let has_refused = choice.has_refused;
        let open: Vec<u32> = choice
            .calls
            .iter()
            .filter(|call| !call.has_arguments)
            .map(|call| call.number)
            .collect();
        for number in open {
            self.call_end(index, number, None, out);
        }
        if let Some(words) = finish.explanation.as_deref()
            && finish.reason == FinishReason::Filtered
            && !has_refused
        {
            self.words(index, "refusal", words, out);
        }
        let Some(choice) = self.choice(index, out) else {
            return;
        };
        choice.is_finished = true;
        let has_calls = !choice.calls.is_empty();
        let word = reason(finish.reason, &self.exchange, has_calls);
        self.open(index, out);
        write!(out, r#"}},"logprobs":null,"finish_reason":"{word}""#)
            .expect("a buffer takes bytes");
        if let Some(native) = stop_reason(finish.native.as_deref()) {
            out.extend_from_slice(b",\"native_finish_reason\":");
            quote(native, out);
        }
        out.push(b'}');
        self.close(out);
    }

    fn usage(&self, out: &mut Vec<u8>) {
        if let Some(usage) = self.usage.filter(|_| self.exchange.include_usage) {
            out.extend_from_slice(&self.head);
            write!(out, "],\"usage\":{}}}\n\n", counts::write(&usage))
                .expect("a buffer takes bytes");
        }
    }
}

impl Choice {
    /// Takes words of a text; true if a blank line sets them apart from the text before a call.
    fn text(&mut self, words: &str) -> bool {
        let begins = !std::mem::replace(&mut self.is_text_open, true);
        let is_apart = begins && self.is_after_call && self.text > 0;
        self.is_after_call &= !begins;
        if is_apart {
            self.text += 2;
        }
        if begins {
            self.base = self.text;
        }
        self.close_thought();
        self.text += characters(words);
        is_apart
    }

    fn close_text(&mut self) {
        self.is_text_open = false;
    }

    /// A thought that ended without a token needs no entry.
    fn close_thought(&mut self) {
        self.is_thought_open = false;
        self.thought.clear();
    }

    /// Takes words of a thought; true if a blank line sets them apart from the thought before.
    fn think(&mut self, words: &str) -> bool {
        self.close_text();
        let begins = !std::mem::replace(&mut self.is_thought_open, true);
        if self.thought.len() + words.len() <= MAX_THOUGHT {
            self.thought.push_str(words);
        }
        begins && std::mem::replace(&mut self.has_thought, true)
    }

    /// The call of that number, and its place.
    fn call(&mut self, number: u32) -> Option<(usize, &mut Call)> {
        let place = self.calls.iter().rposition(|call| call.number == number)?;
        Some((place, &mut self.calls[place]))
    }
}

/// Appends `text` as a JSON string.
fn quote(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a buffer takes bytes");
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        if self.is_over || self.is_full {
            return;
        }
        match event {
            StreamEvent::Start {
                id,
                model: _,
                created,
            } => self.start(id.as_deref(), created),
            StreamEvent::Delta { choice, delta } => self.tell(choice, delta, out),
            StreamEvent::Finish { choice, finish } => self.finish(choice, &finish, out),
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::Ping => out.extend_from_slice(sse::KEEP_ALIVE),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let count = u32::try_from(self.choices.len().max(1)).unwrap_or(1);
        for index in 0..count {
            let has_calls = self
                .choices
                .get(usize::try_from(index).unwrap_or(usize::MAX))
                .is_some_and(|choice| !choice.calls.is_empty());
            let reason = if has_calls {
                FinishReason::ToolCalls
            } else {
                FinishReason::End
            };
            let finish = Finish {
                reason,
                ..Finish::default()
            };
            self.finish(index, &finish, out);
        }
        self.usage(out);
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, error: &ErrorBody, request_id: &str, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let body = error::write(&Told {
            status: 502,
            body: error,
            request_id,
            attempts: &[],
            retry_after: None,
        });
        write!(out, "data: {body}\n\n").expect("a buffer takes bytes");
    }

    fn report(&mut self) -> Report {
        std::mem::take(&mut self.report)
    }

    fn overflow(&self) -> Option<ErrorBody> {
        self.is_full.then(held::overflow)
    }
}
