//! An upstream's stream, read. There is no terminal event: the stream is complete if every candidate has
//! said why it ended by the time the connection does.

use std::collections::BTreeMap;

use super::candidate::{Candidate, Fields, members, text};
use super::usage;
use crate::chat::{ErrorBody, Finish, FinishReason, StreamEvent, Usage};
use crate::codec::gemini::stream::fail;
use crate::codec::stream::{StreamDecoder, without_object};
use crate::codec::target::Origin;
use crate::json::mend::mended;
use crate::json::scan;
use crate::sse::Event;

/// More candidates than any model gives.
const MAX_CANDIDATES: u32 = 128;

/// See the module's head.
#[derive(Debug)]
pub struct Decoder {
    origin: Origin,
    has_started: bool,
    candidates: BTreeMap<u32, Candidate>,
    usage: Option<Usage>,
    /// The prompt was refused: there will be no candidates.
    blocked: Option<Finish>,
}

/// The fields of a chunk, as slices.
#[derive(Debug, Default)]
struct Chunk<'a> {
    candidates: &'a [u8],
    usage: &'a [u8],
    feedback: &'a [u8],
    model: &'a [u8],
    id: &'a [u8],
    error: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// `None` if it is no JSON object.
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut chunk = Self::default();
        for member in scan::members(data) {
            let member = member.ok()?;
            let value = &data[member.value..member.end];
            match &data[member.key..member.key_end] {
                b"candidates" => chunk.candidates = value,
                b"usageMetadata" | b"usage_metadata" => chunk.usage = value,
                b"promptFeedback" | b"prompt_feedback" => chunk.feedback = value,
                b"modelVersion" | b"model_version" => chunk.model = value,
                b"responseId" | b"response_id" => chunk.id = value,
                b"error" => chunk.error = value,
                _ => {}
            }
        }
        Some(chunk)
    }
}

impl Decoder {
    /// A decoder for the stream of `origin`.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            has_started: false,
            candidates: BTreeMap::new(),
            usage: None,
            blocked: None,
        }
    }

    /// Reads a chunk, or a list of them.
    pub(crate) fn read(
        &mut self,
        data: &[u8],
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        let data = &*mended(data.trim_ascii());
        if data.starts_with(b"[") {
            for chunk in scan::elements(data).map_while(Result::ok) {
                self.chunk(chunk, out)?;
            }
            return without_object(data);
        }
        self.chunk(data, out)
    }

    fn chunk(&mut self, data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        let Some(chunk) = Chunk::read(data) else {
            return without_object(data);
        };
        if !chunk.error.is_empty() && !scan::is_blank(chunk.error) {
            return Err(fail::read(chunk.error));
        }
        if !self.has_started {
            self.has_started = true;
            out.push(StreamEvent::Start {
                id: text(chunk.id),
                model: text(chunk.model),
                created: None,
            });
        }
        self.blocked = blocked(chunk.feedback).or(self.blocked.take());
        if chunk.candidates.starts_with(b"[") {
            for candidate in scan::elements(chunk.candidates).map_while(Result::ok) {
                self.candidate(candidate, out)?;
            }
        }
        let usage = usage::read(chunk.usage);
        if usage.is_some() && usage != self.usage {
            self.usage = usage;
            out.extend(usage.map(StreamEvent::Usage));
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        if !candidate.starts_with(b"{") {
            return Ok(());
        }
        let fields = Fields::read(candidate);
        let choice = fields.index;
        if choice >= MAX_CANDIDATES {
            return Ok(());
        }
        let known = self.candidates.entry(choice).or_default();
        known.take(&fields, &self.origin, &mut |delta| {
            out.push(StreamEvent::Delta { choice, delta });
        })
    }

    /// For a complete answer: what does not say how it ended is complete all the same.
    pub(crate) fn assume_finished(&mut self) {
        self.candidates
            .values_mut()
            .for_each(Candidate::assume_finished);
    }
}

/// The refusal of a prompt.
fn blocked(feedback: &[u8]) -> Option<Finish> {
    let (mut reason, mut explanation) = (None, None);
    for (key, value) in members(feedback) {
        match key {
            b"blockReason" | b"block_reason" => reason = text(value),
            b"blockReasonMessage" | b"block_reason_message" => explanation = text(value),
            _ => {}
        }
    }
    let native = reason.filter(|reason| !reason.is_empty() && !reason.ends_with("UNSPECIFIED"))?;
    Some(Finish {
        reason: FinishReason::Filtered,
        native: Some(native),
        stop_sequence: None,
        explanation,
    })
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &Event<'_>, out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        match &event.data {
            Some(data) => self.read(data, out),
            None => Ok(()),
        }
    }

    fn is_done(&self) -> bool {
        false
    }

    fn end(&mut self, out: &mut Vec<StreamEvent>) -> bool {
        let mut is_complete = !self.candidates.is_empty();
        for (choice, candidate) in &mut self.candidates {
            match candidate.finish.take() {
                Some(finish) => out.push(StreamEvent::Finish {
                    choice: *choice,
                    finish,
                }),
                None => is_complete = false,
            }
        }
        if !self.candidates.is_empty() {
            return is_complete;
        }
        let Some(finish) = self.blocked.take() else {
            return false;
        };
        out.push(StreamEvent::Finish { choice: 0, finish });
        true
    }
}
