//! A client's stream, written: `data:` lines and nothing else, for Google's own SDKs read nothing else.
//!
//! Each chunk is a whole answer to be appended to the one before. How a candidate ended and the counts of
//! tokens come in the last chunks, at the end of the stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::answer::{Answer, Piece};
use super::{fail, usage};
use crate::chat::{ErrorBody, Report, StreamEvent, Usage};
use crate::codec::answer_id::answer_id;
use crate::codec::held::{self, MAX_HELD};
use crate::codec::stream::StreamEncoder;
use crate::codec::target::Exchange;

/// More candidates than any model gives.
const MAX_CANDIDATES: u32 = 128;

/// See the module's head.
#[derive(Debug)]
pub struct Encoder {
    exchange: Arc<Exchange>,
    /// Model and id, which end every chunk; empty until they are known.
    tail: Vec<u8>,
    answers: BTreeMap<u32, Answer>,
    usage: Option<Usage>,
    report: Report,
    /// Whether more of the answers is held than may be.
    is_full: bool,
    is_over: bool,
}

impl Encoder {
    /// An encoder of server-sent events.
    pub fn new(exchange: Arc<Exchange>) -> Self {
        Self {
            exchange,
            tail: Vec::new(),
            answers: BTreeMap::new(),
            usage: None,
            report: Report::default(),
            is_full: false,
            is_over: false,
        }
    }

    /// An encoder that goes on with an answer known to its client by `id`.
    pub fn resumed(exchange: Arc<Exchange>, id: Option<&str>) -> Self {
        let mut encoder = Self::new(exchange);
        if let Some(id) = id {
            encoder.begin(id);
        }
        encoder
    }

    fn name(&mut self, id: Option<&str>) {
        if self.tail.is_empty() {
            let id = response_id(id, &self.exchange);
            self.begin(&id);
        }
    }

    fn begin(&mut self, id: &str) {
        self.tail.extend_from_slice(br#","modelVersion":"#);
        string(&self.exchange.model, &mut self.tail);
        self.tail.extend_from_slice(br#","responseId":"#);
        string(id, &mut self.tail);
    }

    fn with_answer(
        &mut self,
        choice: u32,
        out: &mut Vec<u8>,
        take: impl FnOnce(&mut Answer, &mut Report, &mut dyn FnMut(Piece<'_>)),
    ) {
        if choice >= MAX_CANDIDATES || self.is_over || self.is_full {
            return;
        }
        self.name(None);
        let Self {
            tail,
            answers,
            report,
            ..
        } = self;
        let answer = answers.entry(choice).or_default();
        take(answer, report, &mut |piece| {
            open(out);
            out.extend_from_slice(br#"{"candidates":[{"content":{"parts":["#);
            write_piece(&piece, out);
            out.extend_from_slice(br#"],"role":"model"},"index":"#);
            out.extend_from_slice(choice.to_string().as_bytes());
            out.extend_from_slice(b"}]");
            out.extend_from_slice(tail);
            out.push(b'}');
            close(out);
        });
    }

    /// The last chunk of a candidate.
    fn write_end(
        &mut self,
        choice: u32,
        fields: &Map<String, Value>,
        usage: Option<&Usage>,
        out: &mut Vec<u8>,
    ) {
        open(out);
        out.extend_from_slice(
            br#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"}"#,
        );
        for (key, value) in fields {
            out.push(b',');
            string(key, out);
            out.push(b':');
            json(value, out);
        }
        out.extend_from_slice(br#","index":"#);
        out.extend_from_slice(choice.to_string().as_bytes());
        out.extend_from_slice(b"}]");
        if let Some(counts) = usage {
            out.extend_from_slice(br#","usageMetadata":"#);
            json(&usage::write(counts), out);
        }
        out.extend_from_slice(&self.tail);
        out.push(b'}');
        close(out);
    }
}

/// The answer's id: the upstream's, or one of our own.
pub(crate) fn response_id(id: Option<&str>, exchange: &Exchange) -> String {
    answer_id(id, "", exchange.seed).into_owned()
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Start { id, .. } => self.name(id.as_deref()),
            StreamEvent::Delta { choice, delta } => {
                self.with_answer(choice, out, |answer, report, mut out| {
                    answer.take(delta, report, &mut out);
                });
                let held = self.answers.values().map(Answer::held);
                self.is_full |= held.sum::<usize>() > MAX_HELD;
            }
            StreamEvent::Finish { choice, finish } => {
                self.with_answer(choice, out, |answer, _, mut out| {
                    answer.finish(finish, &mut out);
                });
            }
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::Ping => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        self.name(None);
        self.answers.entry(0).or_default();
        let choices: Vec<u32> = self.answers.keys().copied().collect();
        for choice in choices {
            self.with_answer(choice, out, |answer, _, mut out| {
                answer.finish(crate::chat::Finish::default(), &mut out);
            });
        }
        let mut answers = std::mem::take(&mut self.answers);
        let usage = self.usage.take();
        while let Some((choice, answer)) = answers.pop_first() {
            let usage = usage.as_ref().filter(|_| answers.is_empty());
            self.write_end(choice, &answer.into_fields(), usage, out);
        }
        self.is_over = true;
    }

    fn fail(&mut self, error: &ErrorBody, request_id: &str, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        open(out);
        json(&fail::write(error, request_id), out);
        close(out);
        self.is_over = true;
    }

    fn report(&mut self) -> Report {
        std::mem::take(&mut self.report)
    }

    fn overflow(&self) -> Option<ErrorBody> {
        self.is_full.then(held::overflow)
    }
}

fn open(out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
}

fn close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\n\n");
}

/// Writes a part; the common one by hand.
fn write_piece(piece: &Piece<'_>, out: &mut Vec<u8>) {
    match piece {
        Piece::Text {
            text,
            is_thought,
            signature,
            is_more: _,
        } => {
            out.extend_from_slice(br#"{"text":"#);
            string(text, out);
            if *is_thought {
                out.extend_from_slice(br#","thought":true"#);
            }
            if let Some(signature) = signature {
                out.extend_from_slice(br#","thoughtSignature":"#);
                string(signature, out);
            }
            out.push(b'}');
        }
        Piece::Part(part) => {
            serde_json::to_writer(out, part).expect("values are always JSON");
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("text is always JSON");
}

fn json(value: &Value, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("values are always JSON");
}
