//! A client's stream, written.

use std::sync::Arc;

use serde_json::json;

use super::queue::{Block, Full, Kind, Queue};
use super::write;
use crate::chat::part::{Citation, Content, ToolKind};
use crate::chat::{Delta, Dialect, ErrorBody, Finish, Opaque, Report, StreamEvent, Usage};
use crate::codec::anthropic::finish::Stop;
use crate::codec::anthropic::response::{message_id, tokens_of, tool_id, unsaid};
use crate::codec::anthropic::usage::Counts;
use crate::codec::anthropic::{citation, thought};
use crate::codec::held;
use crate::codec::stream::StreamEncoder;
use crate::codec::target::Exchange;

/// Writes a stream of `POST /v1/messages`.
#[derive(Debug)]
pub struct Encoder {
    exchange: Arc<Exchange>,
    stage: Stage,
    /// The answer's id, as the upstream gave it.
    id: Option<String>,
    queue: Queue,
    usage: Option<Usage>,
    finish: Option<Finish>,
    calls: usize,
    has_refused: bool,
    /// Whether more of the answer waits than may.
    is_full: bool,
    /// Bytes of the answer, for when nobody counts its tokens.
    length: usize,
    report: Report,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has come.
    Before,
    /// The answer was announced. It is told of once it is known whether its tokens are counted.
    Announced,
    /// It is being told.
    Within,
    Over,
}

impl Encoder {
    /// An encoder of one answer.
    pub fn new(exchange: Arc<Exchange>) -> Self {
        Self {
            exchange,
            stage: Stage::Before,
            id: None,
            queue: Queue::default(),
            usage: None,
            finish: None,
            calls: 0,
            has_refused: false,
            is_full: false,
            length: 0,
            report: Report::default(),
        }
    }

    /// An encoder that goes on with an answer that its client was told of.
    pub fn resumed(exchange: Arc<Exchange>) -> Self {
        Self {
            stage: Stage::Within,
            ..Self::new(exchange)
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if matches!(self.stage, Stage::Within | Stage::Over) {
            return;
        }
        self.stage = Stage::Within;
        let counts = self.usage.map_or_else(
            || Counts {
                input: self.exchange.estimated_input,
                ..Counts::default()
            },
            Counts::of,
        );
        let id = message_id(self.id.as_deref(), self.exchange.seed);
        write::start(&id, &self.exchange.model, &counts.write(), out);
    }

    fn delta(&mut self, delta: Delta, out: &mut Vec<u8>) -> Result<(), Full> {
        match delta {
            Delta::Text(text) => self.words(Kind::Text, &text, out),
            Delta::Refusal(text) => {
                self.has_refused = true;
                self.words(Kind::Text, &text, out)
            }
            Delta::Reasoning(text) => self.words(Kind::Thinking, &text, out),
            Delta::PartEnd { signature } => self.end_part(signature),
            Delta::Citation(citation) => self.cite(&citation),
            Delta::Logprobs(_) => {
                self.report.drop("logprobs");
                Ok(())
            }
            Delta::ToolCall {
                call,
                id,
                name,
                namespace: _,
                kind,
            } => {
                self.calls += 1;
                let id = tool_id(&id, self.exchange.seed, self.calls);
                let is_freeform = kind == ToolKind::Freeform;
                self.queue.end_call(call, None);
                self.queue.push(Block::new(Kind::Tool {
                    call,
                    id,
                    name,
                    is_freeform,
                }))
            }
            Delta::ToolArguments { call, fragment } => self.arguments(call, &fragment, out),
            Delta::ToolEnd { call, signature } => {
                self.queue.end_call(call, signature);
                Ok(())
            }
            Delta::Whole(part) => match part.content {
                Content::Foreign(foreign) if foreign.dialect == Dialect::Anthropic => {
                    self.queue.push(Block::new(Kind::Whole(foreign.value)))
                }
                content => {
                    self.report.drop(unsaid(&content));
                    Ok(())
                }
            },
        }
    }

    fn cite(&mut self, citation: &Citation) -> Result<(), Full> {
        let Some(citation) = citation::write(citation) else {
            self.report.drop("citations");
            return Ok(());
        };
        self.open(Kind::Text)?;
        self.queue.cite(citation)
    }

    /// More of a text or a thought.
    fn words(&mut self, kind: Kind, text: &str, out: &mut Vec<u8>) -> Result<(), Full> {
        if text.is_empty() {
            return Ok(());
        }
        self.length = self.length.saturating_add(text.len());
        self.open(kind)?;
        self.queue.fill_last(text, out)
    }

    /// Opens such a block unless one is open.
    fn open(&mut self, kind: Kind) -> Result<(), Full> {
        if self.queue.last_open() == Some(&kind) {
            return Ok(());
        }
        self.queue.push(Block::new(kind))
    }

    /// A text or a thought is complete. A state that belongs to neither is a thought of its own.
    fn end_part(&mut self, signature: Option<Opaque>) -> Result<(), Full> {
        if self.queue.last_open() == Some(&Kind::Text) && signature.is_some() {
            self.report.note("signature");
        }
        let was_open = self.queue.last_open().is_some();
        match signature {
            Some(opaque) if !was_open => {
                let block = Block::new(Kind::Whole(thought::unread(&opaque)));
                self.queue.push(block)
            }
            signature => {
                self.queue.end_last(signature);
                Ok(())
            }
        }
    }

    fn arguments(&mut self, call: u32, fragment: &str, out: &mut Vec<u8>) -> Result<(), Full> {
        if fragment.is_empty() {
            return Ok(());
        }
        self.length = self.length.saturating_add(fragment.len());
        let is_known = self.queue.fill_call(call, fragment, out)?;
        if !is_known && !fragment.trim().is_empty() {
            self.report.drop("tool_use.input");
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let finish = self.finish.take().unwrap_or_default();
        let stop = Stop::of(&finish, self.calls > 0, self.has_refused);
        let mut delta = json!({"stop_reason": stop.reason, "stop_sequence": stop.sequence});
        if let Some(details) = stop.details(&finish) {
            delta["stop_details"] = details;
        }
        let counts = self.usage.map_or_else(
            || Counts {
                input: self.exchange.estimated_input,
                output: tokens_of(self.length),
                ..Counts::default()
            },
            Counts::of,
        );
        write::finish(&delta, &counts.write(), out);
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        if self.stage == Stage::Over || self.is_full {
            return;
        }
        match event {
            StreamEvent::Start { id, .. } if self.stage == Stage::Before => {
                (self.stage, self.id) = (Stage::Announced, id);
            }
            StreamEvent::Start { .. } => {}
            StreamEvent::Delta { choice: 0, delta } => {
                self.start(out);
                self.is_full = self.delta(delta, out) == Err(Full);
                self.queue.settle(out);
            }
            StreamEvent::Finish { choice: 0, finish } => {
                self.start(out);
                self.queue.end_all();
                self.queue.settle(out);
                self.finish = Some(finish);
            }
            StreamEvent::Delta { .. } | StreamEvent::Finish { .. } => self.report.drop("choices"),
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::Ping => {
                if self.stage == Stage::Announced {
                    self.start(out);
                }
                out.extend_from_slice(write::PING);
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.stage == Stage::Over {
            return;
        }
        self.start(out);
        self.stage = Stage::Over;
        self.queue.end_all();
        self.queue.settle(out);
        self.finish(out);
        out.extend_from_slice(write::MESSAGE_STOP);
    }

    fn fail(&mut self, error: &ErrorBody, request_id: &str, out: &mut Vec<u8>) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            write::error(error, request_id, out);
        }
    }

    fn report(&mut self) -> Report {
        std::mem::take(&mut self.report)
    }

    fn overflow(&self) -> Option<ErrorBody> {
        self.is_full.then(held::overflow)
    }
}
