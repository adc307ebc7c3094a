//! A client's stream, written: items one after the other, each event numbered, and at the end the whole
//! answer once more.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::response::{self, Closing, Envelope};
use super::call::Call;
use super::message::{Message, Thought, Words};
use super::write::event;
use crate::chat::part::{Content, Image, Source, ToolKind};
use crate::chat::{
    Delta, Dialect, ErrorBody, Finish, FinishReason, Opaque, Part, Report, StreamEvent, Usage,
};
use crate::codec::call_id;
use crate::codec::stream::StreamEncoder;
use crate::codec::target::Exchange;
use crate::sse;

/// More calls than any model makes at once.
const MAX_WAITING: usize = 1024;

/// Most bytes of arguments that wait for their turn.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// See the module's head.
#[derive(Debug)]
pub struct Encoder {
    exchange: Arc<Exchange>,
    stage: Stage,
    sequence: u64,
    /// Items that are complete, as they are in the list.
    output: Vec<u8>,
    /// How many they are.
    complete: u64,
    open: Open,
    waiting: VecDeque<Call>,
    waiting_bytes: usize,
    finish: Option<Finish>,
    usage: Option<Usage>,
    /// Bytes of the answer, for an estimate of its tokens.
    written: u64,
    has_refused: bool,
    report: Report,
    scratch: Vec<u8>,
}

/// How far the stream has come.
#[derive(Debug)]
enum Stage {
    New,
    Running(Envelope),
    Over,
}

/// The item that is under way.
#[derive(Debug)]
enum Open {
    Nothing,
    Message(Message),
    Thought(Thought),
    Call(Call),
}

impl Encoder {
    /// An encoder for the answer of `exchange`.
    pub fn new(exchange: Arc<Exchange>) -> Self {
        Self {
            exchange,
            stage: Stage::New,
            sequence: 0,
            output: Vec::new(),
            complete: 0,
            open: Open::Nothing,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            finish: None,
            usage: None,
            written: 0,
            has_refused: false,
            report: Report::default(),
            scratch: Vec::new(),
        }
    }

    /// Ends the answer and gives the whole of it, as the last event has it.
    pub(in super::super) fn whole(&mut self, out: &mut Vec<u8>) -> Vec<u8> {
        self.start(None, out);
        self.explain(out);
        self.close_all(out);
        let mut body = Vec::new();
        self.write_response(self.closing(), &mut body);
        self.stage = Stage::Over;
        body
    }

    /// Begins the stream; an upstream's id is kept if it is one of this dialect.
    fn start(&mut self, id: Option<&str>, out: &mut Vec<u8>) {
        if !matches!(self.stage, Stage::New) {
            return;
        }
        let id = match id.filter(|id| id.starts_with("resp_")) {
            Some(id) => id.to_owned(),
            None => call_id::made(self.exchange.seed, 0, "resp_"),
        };
        self.stage = Stage::Running(Envelope::new(&id, &self.exchange));
        let mut body = Vec::new();
        self.write_response(Closing::InProgress, &mut body);
        for kind in ["response.created", "response.in_progress"] {
            event(out, &mut self.sequence, kind, |fields| {
                fields.raw("response", &body).end();
            });
        }
    }

    fn write_response(&self, closing: Closing<'_>, out: &mut Vec<u8>) {
        let usage = match closing {
            Closing::InProgress => None,
            Closing::Ended(_) => Some(self.usage.unwrap_or_else(|| self.estimate())),
            Closing::Failed(..) => self.usage,
        };
        let usage = usage.as_ref().map(response::write_usage);
        if let Stage::Running(envelope) = &self.stage {
            envelope.write(closing, &self.output, usage.as_ref(), out);
        }
    }

    /// Token counts where the upstream gave none: clients of this dialect rely on them.
    fn estimate(&self) -> Usage {
        Usage {
            input: self.exchange.estimated_input,
            output: self.written.div_ceil(4),
            ..Usage::default()
        }
    }

    fn closing(&self) -> Closing<'static> {
        let reason = self.finish.as_ref().map(|finish| finish.reason);
        Closing::Ended(reason.unwrap_or_default())
    }

    fn delta(&mut self, delta: Delta, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text) => self.words(&text, false, out),
            Delta::Refusal(text) => self.words(&text, true, out),
            Delta::Reasoning(text) => self.think(&text, out),
            Delta::PartEnd { signature } => self.end_part(signature, out),
            Delta::Citation(citation) => {
                if let Some(part) = self.text(out) {
                    part.citations.push(citation);
                }
            }
            Delta::Logprobs(logprobs) => {
                if let (Some(part), Value::Array(list)) = (self.text(out), logprobs) {
                    part.logprobs.extend(list);
                }
            }
            Delta::ToolCall {
                call,
                id,
                name,
                namespace,
                kind,
            } => self.begin_call(call, id, name, namespace, kind, out),
            Delta::ToolArguments { call, fragment } => self.arguments(call, &fragment, out),
            Delta::ToolEnd { call, signature } => self.end_call(call, signature, out),
            Delta::Whole(part) => self.whole_part(*part, out),
        }
    }

    /// The number and the id of the next item.
    fn next_id(&self, prefix: &str) -> String {
        let number = usize::try_from(self.complete).unwrap_or(usize::MAX);
        call_id::made(self.exchange.seed, number.saturating_add(1), prefix)
    }

    /// Announces the item that `write` writes.
    fn added(&mut self, write: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        self.scratch.clear();
        write(&mut self.scratch);
        let (index, item) = (self.complete, &self.scratch);
        event(
            out,
            &mut self.sequence,
            "response.output_item.added",
            |fields| {
                fields.number("output_index", index).raw("item", item).end();
            },
        );
    }

    /// The item that `write` writes is complete.
    fn done(&mut self, write: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        if self.complete > 0 {
            self.output.push(b',');
        }
        let start = self.output.len();
        write(&mut self.output);
        let (index, item) = (self.complete, &self.output[start..]);
        event(
            out,
            &mut self.sequence,
            "response.output_item.done",
            |fields| {
                fields.number("output_index", index).raw("item", item).end();
            },
        );
        self.complete += 1;
    }

    /// More text or more of a refusal; nothing opens nothing.
    fn words(&mut self, text: &str, is_refusal: bool, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.written = self.written.saturating_add(text.len() as u64);
        self.has_refused |= is_refusal;
        self.open_words(is_refusal, out);
        let Open::Message(message) = &mut self.open else {
            return;
        };
        let (index, place) = (self.complete, message.complete);
        let kind = if is_refusal {
            "response.refusal.delta"
        } else {
            "response.output_text.delta"
        };
        event(out, &mut self.sequence, kind, |fields| {
            let fields = fields
                .text("item_id", &message.id)
                .number("output_index", index)
                .number("content_index", place)
                .text("delta", text);
            if is_refusal {
                fields.end();
            } else {
                fields.raw("logprobs", b"[]").end();
            }
        });
        if let Some(part) = &mut message.part {
            part.text.push_str(text);
        }
    }

    /// The text that is open, or a new one.
    fn text(&mut self, out: &mut Vec<u8>) -> Option<&mut Words> {
        self.open_words(false, out);
        match &mut self.open {
            Open::Message(message) => message.part.as_mut(),
            _ => None,
        }
    }

    fn open_words(&mut self, is_refusal: bool, out: &mut Vec<u8>) {
        if let Open::Message(Message {
            part: Some(part), ..
        }) = &self.open
            && part.is_refusal == is_refusal
        {
            return;
        }
        if matches!(self.open, Open::Message(_)) {
            self.close_words(out);
        } else {
            self.close_all(out);
            let message = Message::new(self.next_id("msg_"));
            self.added(|item| message.write("in_progress", item), out);
            self.open = Open::Message(message);
        }
        let Open::Message(message) = &mut self.open else {
            return;
        };
        let part = Words {
            is_refusal,
            ..Words::default()
        };
        self.scratch.clear();
        part.write(&[], &mut self.scratch);
        let (index, json) = (self.complete, &self.scratch);
        event(
            out,
            &mut self.sequence,
            "response.content_part.added",
            |fields| {
                fields
                    .text("item_id", &message.id)
                    .number("output_index", index)
                    .number("content_index", message.complete)
                    .raw("part", json)
                    .end();
            },
        );
        message.part = Some(part);
    }

    /// The open part of a message is complete.
    fn close_words(&mut self, out: &mut Vec<u8>) {
        let Open::Message(message) = &mut self.open else {
            return;
        };
        let Some(part) = message.part.take() else {
            return;
        };
        let (index, place) = (self.complete, message.complete);
        let (annotations, is_short) = part.annotations();
        if is_short {
            self.report.drop("citations");
        }
        for (number, annotation) in (0..).zip(&annotations) {
            event(
                out,
                &mut self.sequence,
                "response.output_text.annotation.added",
                |fields| {
                    fields
                        .text("item_id", &message.id)
                        .number("output_index", index)
                        .number("content_index", place)
                        .number("annotation_index", number)
                        .value("annotation", annotation)
                        .end();
                },
            );
        }
        let kind = if part.is_refusal {
            "response.refusal.done"
        } else {
            "response.output_text.done"
        };
        event(out, &mut self.sequence, kind, |fields| {
            let fields = fields
                .text("item_id", &message.id)
                .number("output_index", index)
                .number("content_index", place);
            if part.is_refusal {
                fields.text("refusal", &part.text).end();
            } else {
                fields
                    .text("text", &part.text)
                    .value("logprobs", &part.logprobs.as_slice().into())
                    .end();
            }
        });
        if message.complete > 0 {
            message.content.push(b',');
        }
        let start = message.content.len();
        part.write(&annotations, &mut message.content);
        event(
            out,
            &mut self.sequence,
            "response.content_part.done",
            |fields| {
                fields
                    .text("item_id", &message.id)
                    .number("output_index", index)
                    .number("content_index", place)
                    .raw("part", &message.content[start..])
                    .end();
            },
        );
        message.complete += 1;
    }

    /// More of a thought; nothing opens nothing.
    fn think(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.written = self.written.saturating_add(text.len() as u64);
        if !matches!(self.open, Open::Thought(_)) {
            self.open_thought(out);
            self.summary("response.reasoning_summary_part.added", out);
        }
        let index = self.complete;
        if let Open::Thought(thought) = &mut self.open {
            thought.text.push_str(text);
            event(
                out,
                &mut self.sequence,
                "response.reasoning_summary_text.delta",
                |fields| {
                    fields
                        .text("item_id", &thought.id)
                        .number("output_index", index)
                        .number("summary_index", 0)
                        .text("delta", text)
                        .end();
                },
            );
        }
    }

    fn open_thought(&mut self, out: &mut Vec<u8>) {
        self.close_all(out);
        let thought = Thought {
            id: self.next_id("rs_"),
            text: String::new(),
        };
        self.added(|item| thought.write("in_progress", None, item), out);
        self.open = Open::Thought(thought);
    }

    /// An event about the part of the open thought.
    fn summary(&mut self, kind: &str, out: &mut Vec<u8>) {
        let Open::Thought(thought) = &self.open else {
            return;
        };
        self.scratch.clear();
        thought.write_part(&mut self.scratch);
        let (index, part) = (self.complete, &self.scratch);
        event(out, &mut self.sequence, kind, |fields| {
            fields
                .text("item_id", &thought.id)
                .number("output_index", index)
                .number("summary_index", 0)
                .raw("part", part)
                .end();
        });
    }

    /// The thought is complete.
    fn close_thought(&mut self, status: &str, signature: Option<Opaque>, out: &mut Vec<u8>) {
        let index = self.complete;
        if let Open::Thought(thought) = &self.open
            && !thought.text.is_empty()
        {
            event(
                out,
                &mut self.sequence,
                "response.reasoning_summary_text.done",
                |fields| {
                    fields
                        .text("item_id", &thought.id)
                        .number("output_index", index)
                        .number("summary_index", 0)
                        .text("text", &thought.text)
                        .end();
                },
            );
            self.summary("response.reasoning_summary_part.done", out);
        }
        if let Open::Thought(thought) = std::mem::replace(&mut self.open, Open::Nothing) {
            self.done(|item| thought.write(status, signature, item), out);
        }
    }

    fn end_part(&mut self, signature: Option<Opaque>, out: &mut Vec<u8>) {
        match &self.open {
            Open::Thought(_) => self.close_thought("completed", signature, out),
            Open::Message(_) => {
                self.close_words(out);
                self.carry(signature, out);
            }
            Open::Nothing | Open::Call(_) => self.carry(signature, out),
        }
    }

    /// A state for which there is no place: it becomes a thought of its own, of which nothing may be read.
    fn carry(&mut self, signature: Option<Opaque>, out: &mut Vec<u8>) {
        if signature.is_some() {
            self.open_thought(out);
            self.close_thought("completed", signature, out);
        }
    }

    fn begin_call(
        &mut self,
        number: u32,
        id: String,
        name: String,
        namespace: Option<String>,
        kind: ToolKind,
        out: &mut Vec<u8>,
    ) {
        let call = Call {
            number,
            item: String::new(),
            id,
            name,
            namespace,
            kind,
            arguments: String::new(),
            signature: None,
            is_complete: false,
        };
        if matches!(&self.open, Open::Call(open) if open.looks_complete()) {
            self.close_call("completed", out);
            self.next_calls(out);
        }
        match self.open {
            Open::Call(_) if self.waiting.len() >= MAX_WAITING => self.report.drop("tool_calls"),
            Open::Call(_) => self.waiting.push_back(call),
            _ => self.open_call(call, out),
        }
    }

    fn open_call(&mut self, mut call: Call, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Nothing) {
            self.close_item("completed", out);
        }
        call.item = self.next_id(match call.kind {
            ToolKind::Function => "fc_",
            ToolKind::Freeform => "ctc_",
        });
        if call.id.is_empty() {
            let number = usize::try_from(self.complete).unwrap_or(usize::MAX);
            call.id = call_id::made(self.exchange.seed, number.saturating_add(1), "call_");
        }
        let waited = std::mem::take(&mut call.arguments);
        self.added(|item| call.write("in_progress", item), out);
        self.open = Open::Call(call);
        self.fragment(&waited, out);
    }

    fn arguments(&mut self, number: u32, fragment: &str, out: &mut Vec<u8>) {
        if matches!(&self.open, Open::Call(call) if call.number == number) {
            return self.fragment(fragment, out);
        }
        let has_room = self.waiting_bytes.saturating_add(fragment.len()) <= MAX_WAITING_BYTES;
        let call = self.waiting.iter_mut().find(|call| call.number == number);
        match call {
            Some(call) if has_room => {
                call.arguments.push_str(fragment);
                self.waiting_bytes += fragment.len();
            }
            _ if fragment.is_empty() => {}
            _ => self.report.drop("tool_calls"),
        }
    }

    /// More of the arguments of the open call.
    fn fragment(&mut self, fragment: &str, out: &mut Vec<u8>) {
        let Open::Call(call) = &mut self.open else {
            return;
        };
        if fragment.is_empty() {
            return;
        }
        self.written = self.written.saturating_add(fragment.len() as u64);
        call.arguments.push_str(fragment);
        let index = self.complete;
        event(out, &mut self.sequence, call.delta_event(), |fields| {
            fields
                .text("item_id", &call.item)
                .number("output_index", index)
                .text("delta", fragment)
                .end();
        });
    }

    fn end_call(&mut self, number: u32, signature: Option<Opaque>, out: &mut Vec<u8>) {
        match &mut self.open {
            Open::Call(call) if call.number == number => {
                call.signature = signature;
                self.close_call("completed", out);
                self.next_calls(out);
            }
            _ => {
                let call = self.waiting.iter_mut().find(|call| call.number == number);
                if let Some(call) = call {
                    call.is_complete = true;
                    call.signature = signature;
                }
            }
        }
    }

    /// The open call is complete: a function without arguments was called with none.
    fn close_call(&mut self, status: &str, out: &mut Vec<u8>) {
        if matches!(&self.open, Open::Call(call) if call.kind == ToolKind::Function && call.arguments.is_empty())
        {
            self.fragment("{}", out);
        }
        let Open::Call(mut call) = std::mem::replace(&mut self.open, Open::Nothing) else {
            return;
        };
        let index = self.complete;
        event(out, &mut self.sequence, call.done_event(), |fields| {
            let fields = fields
                .text("item_id", &call.item)
                .number("output_index", index);
            let fields = match call.kind {
                ToolKind::Function => fields.text("name", &call.name),
                ToolKind::Freeform => fields,
            };
            fields.text(call.arguments_key(), &call.arguments).end();
        });
        let signature = call.signature.take();
        self.done(|item| call.write(status, item), out);
        self.carry(signature, out);
    }

    /// Opens the calls that waited, up to the first that is not complete.
    fn next_calls(&mut self, out: &mut Vec<u8>) {
        while let Some(call) = self.waiting.pop_front() {
            let is_complete = call.is_complete;
            self.waiting_bytes = self.waiting_bytes.saturating_sub(call.arguments.len());
            self.open_call(call, out);
            if !is_complete {
                return;
            }
            self.close_call("completed", out);
        }
    }

    /// Closes the item that is open.
    fn close_item(&mut self, status: &str, out: &mut Vec<u8>) {
        match &self.open {
            Open::Nothing => {}
            Open::Thought(_) => self.close_thought(status, None, out),
            Open::Call(_) => self.close_call(status, out),
            Open::Message(_) => {
                self.close_words(out);
                let open = std::mem::replace(&mut self.open, Open::Nothing);
                if let Open::Message(message) = open {
                    self.done(|item| message.write(status, item), out);
                }
            }
        }
    }

    /// Closes whatever is open and tells the calls that waited. What was under way when an answer was cut
    /// off is marked as such.
    fn close_all(&mut self, out: &mut Vec<u8>) {
        let status = match self.finish {
            Some(_) => match self.closing().status() {
                "incomplete" => "incomplete",
                _ => "completed",
            },
            None => "completed",
        };
        self.close_item(status, out);
        while let Some(call) = self.waiting.pop_front() {
            self.open_call(call, out);
            self.close_call(status, out);
        }
        self.waiting_bytes = 0;
    }

    /// A part that comes in one piece.
    fn whole_part(&mut self, part: Part, out: &mut Vec<u8>) {
        let item = match part.content {
            Content::Foreign(foreign) if foreign.dialect == Dialect::OpenAiResponses => {
                foreign.value
            }
            Content::Foreign(foreign) => return self.report.drop(foreign.kind),
            Content::Image(Image {
                source: Source::Data { data, .. },
                ..
            }) => json!({
                "type": "image_generation_call",
                "id": self.next_id("ig_"),
                "status": "completed",
                "result": data,
            }),
            Content::Text(text) => {
                self.words(&text.text, false, out);
                return self.end_part(text.signature, out);
            }
            Content::Refusal(text) => {
                self.words(&text, true, out);
                return self.end_part(None, out);
            }
            _ => return self.report.drop("output"),
        };
        self.close_all(out);
        let json = item.to_string().into_bytes();
        self.added(|out| out.extend_from_slice(&json), out);
        self.done(|out| out.extend_from_slice(&json), out);
    }

    /// The words of a refusal that the upstream told beside its answer.
    fn explain(&mut self, out: &mut Vec<u8>) {
        let finish = self.finish.as_ref();
        let refusal = finish.filter(|finish| finish.reason == FinishReason::Filtered);
        let words = refusal.and_then(|finish| finish.explanation.clone());
        if let Some(words) = words.filter(|_| !self.has_refused) {
            self.words(&words, true, out);
        }
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        match event {
            StreamEvent::Ping => return out.extend_from_slice(sse::KEEP_ALIVE),
            StreamEvent::Start { id, .. } => return self.start(id.as_deref(), out),
            StreamEvent::Usage(usage) => {
                self.usage = Some(usage);
                return;
            }
            _ => self.start(None, out),
        }
        match event {
            StreamEvent::Delta { choice: 0, delta } => self.delta(delta, out),
            StreamEvent::Finish { choice: 0, finish } => self.finish = Some(finish),
            StreamEvent::Delta { .. } | StreamEvent::Finish { .. } => self.report.drop("choices"),
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        self.start(None, out);
        self.explain(out);
        self.close_all(out);
        let closing = self.closing();
        let mut body = Vec::new();
        self.write_response(closing, &mut body);
        let kind = match closing.status() {
            "incomplete" => "response.incomplete",
            _ => "response.completed",
        };
        event(out, &mut self.sequence, kind, |fields| {
            fields.raw("response", &body).end();
        });
        self.stage = Stage::Over;
    }

    fn fail(&mut self, error: &ErrorBody, request_id: &str, out: &mut Vec<u8>) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        if matches!(self.stage, Stage::Running(_)) {
            let mut body = Vec::new();
            self.write_response(Closing::Failed(error, request_id), &mut body);
            event(out, &mut self.sequence, "response.failed", |fields| {
                fields.raw("response", &body).end();
            });
        } else {
            let param = error.param.as_deref().map_or(Value::Null, Value::from);
            event(out, &mut self.sequence, "error", |fields| {
                fields
                    .text("code", response::error_code(error))
                    .text("message", &error.message)
                    .value("param", &param)
                    .text("request_id", request_id)
                    .end();
            });
        }
        self.stage = Stage::Over;
    }

    fn report(&mut self) -> Report {
        std::mem::take(&mut self.report)
    }
}
