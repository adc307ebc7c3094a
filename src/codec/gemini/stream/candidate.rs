//! One candidate of an upstream's stream, chunk after chunk.
//!
//! Text parts are the hot ones: they are read as slices of the event. Everything else may cost a value.

use std::collections::HashSet;

use serde_json::Value;

use super::citations::{self, Cited, MAX_CITATIONS};
use super::{finish, logprobs};
use crate::chat::part::{Citation, Content, Foreign, ToolKind};
use crate::chat::{Delta, Dialect, ErrorBody, Extra, Finish, FinishReason, OpaqueKind, Part};
use crate::codec::gemini::{parts, wire};
use crate::codec::target::Origin;
use crate::json::scan;

/// More calls than any model makes at once.
const MAX_CALLS: u32 = 1024;

/// The longest answer whose citations are placed.
const MAX_CITED_TEXT: usize = 8 << 20;

/// What has been read of it.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    calls: u32,
    /// All text so far, for places in it.
    text: String,
    /// Where the last text part of it begins.
    start: usize,
    is_text_open: bool,
    /// Citations are told again in later chunks.
    told: HashSet<(String, Option<u64>, Option<u64>)>,
    pub(super) finish: Option<Finish>,
}

/// The fields of a candidate, as slices.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) index: u32,
    content: &'a [u8],
    finish: &'a [u8],
    message: &'a [u8],
    grounding: &'a [u8],
    citations: &'a [u8],
    logprobs: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn read(candidate: &'a [u8]) -> Self {
        let mut fields = Self::default();
        for (key, value) in members(candidate) {
            match key {
                b"index" => fields.index = number(value),
                b"content" => fields.content = value,
                b"finishReason" | b"finish_reason" => fields.finish = value,
                b"finishMessage" | b"finish_message" => fields.message = value,
                b"groundingMetadata" | b"grounding_metadata" => fields.grounding = value,
                b"citationMetadata" | b"citation_metadata" => fields.citations = value,
                b"logprobsResult" | b"logprobs_result" => fields.logprobs = value,
                _ => {}
            }
        }
        fields
    }
}

/// A part, as slices.
#[derive(Debug, Default)]
struct PartFields<'a> {
    text: Option<&'a [u8]>,
    is_thought: bool,
    signature: Option<&'a [u8]>,
    call: Option<&'a [u8]>,
    is_other: bool,
}

impl Candidate {
    /// Reads the candidate's share of a chunk and tells its deltas to `out`.
    pub(super) fn take(
        &mut self,
        fields: &Fields<'_>,
        origin: &Origin,
        out: &mut impl FnMut(Delta),
    ) -> Result<(), ErrorBody> {
        for (key, value) in members(fields.content) {
            if key == b"parts" {
                for part in scan::elements(value).flatten() {
                    self.part(part, origin, out)?;
                }
            }
        }
        if let Some(tokens) = value(fields.logprobs).and_then(|result| logprobs::read(&result)) {
            self.open_text();
            out(Delta::Logprobs(tokens));
        }
        self.cite(fields, out);
        if let Some(native) = text(fields.finish).filter(|native| !native.is_empty()) {
            self.finish = Some(finish::read(&native, text(fields.message), self.calls > 0)?);
        } else if let Some(finish) = &mut self.finish
            && finish.reason == FinishReason::End
            && self.calls > 0
        {
            finish.reason = FinishReason::ToolCalls;
        }
        Ok(())
    }

    /// Ends an answer that says nothing of its end.
    pub(super) fn assume_finished(&mut self) {
        let reason = if self.calls > 0 {
            FinishReason::ToolCalls
        } else {
            FinishReason::End
        };
        self.finish.get_or_insert(Finish {
            reason,
            ..Finish::default()
        });
    }

    fn part(
        &mut self,
        part: &[u8],
        origin: &Origin,
        out: &mut impl FnMut(Delta),
    ) -> Result<(), ErrorBody> {
        let mut fields = PartFields::default();
        for (key, value) in members(part) {
            match key {
                b"text" => fields.text = Some(value),
                b"thought" => fields.is_thought = value == b"true",
                b"thoughtSignature" | b"thought_signature" => fields.signature = Some(value),
                b"functionCall" | b"function_call" => fields.call = Some(value),
                _ => fields.is_other |= value != b"null",
            }
        }
        let signature = fields.signature.and_then(text);
        let signature = signature.filter(|slot| !slot.is_empty());
        if let Some(call) = fields.call.filter(|call| call.starts_with(b"{")) {
            return self.call(call, signature, origin, out);
        }
        if fields.is_other && fields.text.is_none() {
            self.is_text_open = false;
            if let Some(part) = whole(part) {
                out(Delta::Whole(Box::new(part)));
            }
            return Ok(());
        }
        let said = fields.text.and_then(text).unwrap_or_default();
        if said.is_empty() && signature.is_none() {
            return Ok(());
        }
        if fields.is_thought {
            self.is_text_open = false;
            // Without text it only signs: the thought that is open, or one that nobody may read.
            out(Delta::Reasoning(said));
        } else {
            self.open_text();
            if self.text.len().saturating_add(said.len()) <= MAX_CITED_TEXT {
                self.text.push_str(&said);
            }
            out(Delta::Text(said));
        }
        if let Some(signature) = signature {
            self.is_text_open = false;
            let signature = Some(origin.opaque(OpaqueKind::Thought, signature));
            out(Delta::PartEnd { signature });
        }
        Ok(())
    }

    fn open_text(&mut self) {
        if !self.is_text_open {
            self.is_text_open = true;
            self.start = self.text.len();
        }
    }

    /// A call comes whole.
    fn call(
        &mut self,
        call: &[u8],
        signature: Option<String>,
        origin: &Origin,
        out: &mut impl FnMut(Delta),
    ) -> Result<(), ErrorBody> {
        self.is_text_open = false;
        let number = self.calls;
        if number >= MAX_CALLS {
            return Err(ErrorBody {
                message: "the answer calls more tools than this gateway keeps".to_owned(),
                kind: Some("server_error".to_owned()),
                code: Some("too_many_tool_calls".to_owned()),
                param: None,
            });
        }
        self.calls += 1;
        let (mut id, mut name, mut args) = (String::new(), String::new(), "{}".to_owned());
        for (key, value) in members(call) {
            match key {
                b"id" => id = text(value).unwrap_or_default(),
                b"name" => name = text(value).unwrap_or_default(),
                b"args" if value.starts_with(b"{") => args = compact(value),
                _ => {}
            }
        }
        out(Delta::ToolCall {
            call: number,
            id,
            name,
            namespace: None,
            kind: ToolKind::Function,
        });
        out(Delta::ToolArguments {
            call: number,
            fragment: args,
        });
        out(Delta::ToolEnd {
            call: number,
            signature: signature.map(|slot| origin.opaque(OpaqueKind::Thought, slot)),
        });
        Ok(())
    }

    fn cite(&mut self, fields: &Fields<'_>, out: &mut impl FnMut(Delta)) {
        let cited = Cited {
            text: &self.text,
            start: self.start,
        };
        let mut all = Vec::new();
        if let Some(metadata) = value(fields.grounding) {
            all.extend(citations::grounding(&metadata, cited));
        }
        if let Some(metadata) = value(fields.citations) {
            all.extend(citations::sources(&metadata, cited));
        }
        for citation in all {
            let place = match &citation {
                Citation::Web {
                    url, start, end, ..
                } => (url.clone(), *start, *end),
                Citation::Foreign { value, .. } => (value.to_string(), None, None),
            };
            if self.told.len() < MAX_CITATIONS && self.told.insert(place) {
                self.open_text();
                out(Delta::Citation(citation));
            }
        }
    }
}

/// A part that comes in one piece: media, or what only Gemini has.
fn whole(part: &[u8]) -> Option<Part> {
    let part: Value = serde_json::from_slice(part).ok()?;
    let mut fields = wire::node(part, "").ok()?;
    let is_thought = fields.take("thought") == Some(Value::Bool(true));
    let signature = fields.take("thoughtSignature");
    let mut content = None;
    if !is_thought {
        // A sketch made while thinking is not the answer.
        content = parts::take_media(&mut fields).ok().flatten();
    }
    let content = if let Some(media) = content {
        media.content
    } else {
        let value = fields.into_rest();
        Content::Foreign(Foreign {
            dialect: Dialect::Gemini,
            kind: value.keys().next()?.clone(),
            value: value.into(),
        })
    };
    let mut part = Part::new(content);
    if let Some(signature) = signature {
        let mut extra = Extra::default();
        extra.set("thoughtSignature", signature);
        part.extra = extra;
    }
    Some(part)
}

/// The members of an object; none of anything else.
pub(super) fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let members = scan::members(object).map_while(Result::ok);
    members.map(|member| {
        (
            &object[member.key..member.key_end],
            &object[member.value..member.end],
        )
    })
}

/// A string; nothing of any other value.
pub(super) fn text(value: &[u8]) -> Option<String> {
    if !value.starts_with(b"\"") {
        return None;
    }
    scan::string(value).map(std::borrow::Cow::into_owned)
}

/// The text of a value without the white space between its tokens: streams are printed with some,
/// complete answers are not, and both are to say the same. Numbers stay as they were spelled.
fn compact(value: &[u8]) -> String {
    let (mut is_inside, mut is_escaped) = (false, false);
    let mut kept = Vec::with_capacity(value.len());
    for byte in value {
        if !is_inside && byte.is_ascii_whitespace() {
            continue;
        }
        kept.push(*byte);
        is_inside ^= *byte == b'"' && !is_escaped;
        is_escaped = is_inside && !is_escaped && *byte == b'\\';
    }
    String::from_utf8(kept).unwrap_or_else(|_| "{}".to_owned())
}

fn value(slice: &[u8]) -> Option<Value> {
    if !slice.starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(slice).ok()
}

fn number(value: &[u8]) -> u32 {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.trim_matches('"').parse().unwrap_or_default()
}
