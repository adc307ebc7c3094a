//! A client's stream, written: items one after the other, each event numbered, and at the end the whole
//! answer once more.

mod calls;
mod thoughts;
mod words;

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Call;
use super::message::{Message, Thought};
use super::write::event;
use crate::chat::part::{Content, Image, Source};
use crate::chat::{Delta, Dialect, ErrorBody, Finish, Opaque, Part, Report, StreamEvent, Usage};
use crate::codec::call_id;
use crate::codec::held::{self, MAX_HELD};
use crate::codec::openai_responses::response::{self, Closing, Envelope};
use crate::codec::stream::StreamEncoder;
use crate::codec::target::Exchange;
use crate::sse;

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
    /// Bytes that are held of the answer, about.
    held: usize,
    /// How many may be.
    room: usize,
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
            held: 0,
            room: MAX_HELD,
            finish: None,
            usage: None,
            written: 0,
            has_refused: false,
            report: Report::default(),
            scratch: Vec::new(),
        }
    }

    /// An encoder that holds so many bytes of an answer.
    pub(in crate::codec::openai_responses) fn with_room(
        exchange: Arc<Exchange>,
        room: usize,
    ) -> Self {
        Self {
            room,
            ..Self::new(exchange)
        }
    }

    /// Counts what is held more of the answer.
    fn hold(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
    }

    fn is_full(&self) -> bool {
        self.held > self.room
    }

    /// Ends the answer and gives the whole of it, as the last event has it.
    pub(in crate::codec::openai_responses) fn whole(&mut self, out: &mut Vec<u8>) -> Vec<u8> {
        self.start(out);
        self.explain(out);
        self.close_all(out);
        let mut body = Vec::new();
        self.write_response(self.closing(), &mut body);
        self.stage = Stage::Over;
        body
    }

    /// Begins the stream. Its id is never the upstream's: answers are stored and found by it here.
    fn start(&mut self, out: &mut Vec<u8>) {
        if !matches!(self.stage, Stage::New) {
            return;
        }
        let id = call_id::made(self.exchange.seed, 0, "resp_");
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
                self.hold(held::citation(&citation));
                if let Some(part) = self.text(out) {
                    part.citations.push(citation);
                }
            }
            Delta::Logprobs(logprobs) => {
                if let (Some(part), Value::Array(list)) = (self.text(out), &logprobs) {
                    let bytes = part.add_logprobs(list);
                    self.hold(bytes);
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
        self.held = self.held.max(self.output.len());
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
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        if matches!(self.stage, Stage::Over) || self.is_full() {
            return;
        }
        match event {
            StreamEvent::Ping => return out.extend_from_slice(sse::KEEP_ALIVE),
            StreamEvent::Start { .. } => return self.start(out),
            StreamEvent::Usage(usage) => {
                self.usage = Some(usage);
                return;
            }
            _ => self.start(out),
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
        self.start(out);
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
            if self.is_full() {
                // The client has it, and it has grown too long to be told once more.
                self.output = Vec::new();
            }
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

    fn overflow(&self) -> Option<ErrorBody> {
        self.is_full().then(held::overflow)
    }
}
