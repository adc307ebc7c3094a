//! One answer for a client, delta after delta, as parts of a candidate.
//!
//! Text and thoughts go out as they come. Calls wait until their arguments are whole, for here they are
//! objects. The token of a thought waits for what follows it: Gemini's clients give back what stands on
//! a call, and some leave out thoughts, so it travels on the call if there is one.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::citations::{Cited, Grounding, MAX_CITATIONS};
use super::{finish, logprobs};
use crate::chat::part::{Citation, Content, Document, Image, ToolKind};
use crate::chat::{Delta, Dialect, Finish, Opaque, Part, Report};
use crate::codec::gemini::{parts, signature};
use crate::codec::held;

/// The longest arguments that are kept until they are whole.
const MAX_ARGUMENTS: usize = 8 << 20;

/// More calls than any model makes at once.
const MAX_CALLS: usize = 1024;

/// The longest answer whose citations are placed, and the longest thought that travels with its token.
const MAX_KEPT_TEXT: usize = 8 << 20;

/// More tokens than any answer has.
const MAX_LOGPROBS: usize = 1 << 17;

/// A piece of the answer, ready to be written.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// More of a text or a thought.
    Text {
        /// The text; empty if it only brings a signature.
        text: &'a str,
        /// Whether it is a thought.
        is_thought: bool,
        /// What stands in its slot.
        signature: Option<String>,
        /// Whether it belongs to the piece before.
        is_more: bool,
    },
    /// A whole part.
    Part(Map<String, Value>),
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    open: Open,
    /// Whether anything of the open part was written.
    is_written: bool,
    text: String,
    /// Where the open text begins.
    start: usize,
    citations: Vec<Citation>,
    grounding: Grounding,
    logprobs: Vec<Value>,
    thought: String,
    /// The token of the last thought, until something follows.
    held: Option<Opaque>,
    /// A token that text followed: written already, and once more on the first call.
    told: Option<Opaque>,
    calls: VecDeque<Call>,
    malformed: Option<String>,
    /// Bytes of the calls, citations and tokens that were kept, about.
    kept: usize,
    finish: Option<Finish>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Text,
    Thought,
}

#[derive(Debug)]
struct Call {
    number: u32,
    id: String,
    name: String,
    kind: ToolKind,
    arguments: String,
    is_too_long: bool,
    is_done: bool,
    signature: Option<Opaque>,
}

impl Answer {
    /// Bytes that are held of the answer, about.
    pub(crate) fn held(&self) -> usize {
        let token = |token: &Option<Opaque>| token.as_ref().map_or(0, held::opaque);
        self.text.len() + self.thought.len() + token(&self.held) + token(&self.told) + self.kept
    }

    /// Takes a delta and tells the pieces that became ready.
    pub(crate) fn take(
        &mut self,
        delta: Delta,
        report: &mut Report,
        out: &mut impl FnMut(Piece<'_>),
    ) {
        if self.finish.is_some() {
            return;
        }
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => self.text(&text, out),
            Delta::Reasoning(text) => self.think(&text, out),
            Delta::PartEnd { signature } => self.end_part(signature, out),
            Delta::Citation(citation) => self.cite(citation, report),
            Delta::Logprobs(Value::Array(tokens)) => {
                let room = MAX_LOGPROBS.saturating_sub(self.logprobs.len());
                let before = self.logprobs.len();
                self.logprobs.extend(tokens.into_iter().take(room));
                let added = self.logprobs[before..].iter().map(held::value);
                self.kept += added.sum::<usize>();
            }
            Delta::Logprobs(_) => {}
            Delta::ToolCall {
                call,
                id,
                name,
                namespace: _,
                kind,
            } => self.begin_call(call, id, name, kind),
            Delta::ToolArguments { call, fragment } => self.argue(call, &fragment),
            Delta::ToolEnd { call, signature } => {
                if let Some(call) = self.calls.iter_mut().find(|known| known.number == call) {
                    call.is_done = true;
                    call.signature = signature;
                }
                self.release(out);
            }
            Delta::Whole(part) => self.whole(&part, report, out),
        }
    }

    /// Takes the end of the answer.
    pub(crate) fn finish(&mut self, finish: Finish, out: &mut impl FnMut(Piece<'_>)) {
        if self.finish.is_some() {
            return;
        }
        self.close();
        self.calls.iter_mut().for_each(|call| call.is_done = true);
        self.release(out);
        self.release_token(out);
        self.finish = Some(finish);
    }

    /// The fields of the candidate beside its content and its number.
    pub(crate) fn into_fields(mut self) -> Map<String, Value> {
        self.close();
        let mut fields = Map::new();
        let finish = self.finish.unwrap_or_default();
        let (reason, message) = match self.malformed {
            Some(name) => (
                "MALFORMED_FUNCTION_CALL",
                Some(format!(
                    "the arguments of the call of `{name}` are no JSON object"
                )),
            ),
            None => (finish::name(&finish), finish.explanation.clone()),
        };
        fields.insert("finishReason".to_owned(), reason.into());
        if let Some(message) = message {
            fields.insert("finishMessage".to_owned(), message.into());
        }
        if let Some(grounding) = self.grounding.finish() {
            fields.insert("groundingMetadata".to_owned(), grounding);
        }
        if !self.logprobs.is_empty() {
            fields.insert("logprobsResult".to_owned(), logprobs::write(&self.logprobs));
        }
        fields
    }

    fn text(&mut self, text: &str, out: &mut impl FnMut(Piece<'_>)) {
        if self.open != Open::Text {
            self.close();
            if !text.is_empty() {
                self.release_token(out);
            }
            self.open = Open::Text;
            self.start = self.text.len();
        }
        if text.is_empty() {
            return;
        }
        self.release_token(out);
        if self.text.len().saturating_add(text.len()) <= MAX_KEPT_TEXT {
            self.text.push_str(text);
        }
        self.write(text, None, out);
    }

    fn think(&mut self, text: &str, out: &mut impl FnMut(Piece<'_>)) {
        if self.open != Open::Thought {
            self.close();
            self.release_token(out);
            self.open = Open::Thought;
        }
        if text.is_empty() {
            return;
        }
        if self.thought.len().saturating_add(text.len()) <= MAX_KEPT_TEXT {
            self.thought.push_str(text);
        }
        self.write(text, None, out);
    }

    fn write(&mut self, text: &str, signature: Option<String>, out: &mut impl FnMut(Piece<'_>)) {
        out(Piece::Text {
            text,
            is_thought: self.open == Open::Thought,
            signature,
            is_more: self.is_written,
        });
        self.is_written = true;
    }

    fn end_part(&mut self, token: Option<Opaque>, out: &mut impl FnMut(Piece<'_>)) {
        match (self.open, token) {
            (Open::Text, Some(token)) => self.write("", Some(signature::write(&token)), out),
            (_, None) => {}
            (Open::Thought | Open::Nothing, Some(token)) => {
                let thought = std::mem::take(&mut self.thought);
                self.release_token(out);
                let text = Some(thought).filter(|thought| !thought.is_empty());
                self.held = Some(Opaque {
                    text: text.or(token.text.clone()),
                    ..token
                });
            }
        }
        self.close();
    }

    /// Ends the open part.
    fn close(&mut self) {
        if !self.citations.is_empty() {
            let cited = Cited {
                text: &self.text,
                start: self.start,
            };
            self.grounding
                .add(std::mem::take(&mut self.citations), cited);
        }
        self.open = Open::Nothing;
        self.is_written = false;
        self.thought.clear();
    }

    /// Writes the token that no call took.
    fn release_token(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        if let Some(token) = self.held.take() {
            out(Piece::Text {
                text: "",
                is_thought: true,
                signature: Some(signature::write(&token)),
                is_more: true,
            });
            self.told = Some(token);
        }
    }

    fn cite(&mut self, citation: Citation, report: &mut Report) {
        match citation {
            Citation::Web { .. } if self.citations.len() < MAX_CITATIONS => {
                self.kept += held::citation(&citation);
                self.citations.push(citation);
            }
            Citation::Web { .. } | Citation::Foreign { .. } => report.drop("citations"),
        }
    }

    fn begin_call(&mut self, number: u32, id: String, name: String, kind: ToolKind) {
        self.close();
        if self.calls.len() >= MAX_CALLS {
            self.malformed.get_or_insert(name);
            return;
        }
        self.kept += id.len() + name.len();
        self.calls.push_back(Call {
            number,
            id,
            name,
            kind,
            arguments: String::new(),
            is_too_long: false,
            is_done: false,
            signature: None,
        });
    }

    fn argue(&mut self, number: u32, fragment: &str) {
        let call = self.calls.iter_mut().rev();
        if let Some(call) = call.into_iter().find(|known| known.number == number) {
            if call.arguments.len().saturating_add(fragment.len()) > MAX_ARGUMENTS {
                call.is_too_long = true;
            } else {
                call.arguments.push_str(fragment);
                self.kept += fragment.len();
            }
        }
    }

    /// Writes the calls that are whole, in their order.
    fn release(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        while self.calls.front().is_some_and(|call| call.is_done) {
            let Some(call) = self.calls.pop_front() else {
                return;
            };
            let told = call.id.len() + call.name.len() + call.arguments.len();
            self.kept = self.kept.saturating_sub(told);
            let Some(args) = arguments(&call) else {
                self.malformed.get_or_insert(call.name);
                continue;
            };
            let mut inner = Map::new();
            if !call.id.is_empty() {
                inner.insert("id".to_owned(), call.id.into());
            }
            inner.insert("name".to_owned(), call.name.into());
            inner.insert("args".to_owned(), args);
            let mut part = Map::new();
            part.insert("functionCall".to_owned(), inner.into());
            if call.signature.is_some() {
                self.release_token(out);
            }
            let token = call.signature.or(self.held.take()).or(self.told.take());
            if let Some(token) = token {
                let slot = signature::write(&token);
                part.insert("thoughtSignature".to_owned(), slot.into());
            }
            out(Piece::Part(part));
        }
    }

    fn whole(&mut self, part: &Part, report: &mut Report, out: &mut impl FnMut(Piece<'_>)) {
        self.close();
        self.release_token(out);
        let written = match &part.content {
            Content::Image(Image { source, .. })
            | Content::Document(Document { source, .. })
            | Content::Audio(source)
            | Content::Video(source) => parts::write_media(source, ""),
            Content::Foreign(foreign) if foreign.dialect == Dialect::Gemini => {
                foreign.value.as_object().cloned()
            }
            _ => None,
        };
        match written {
            Some(part) => out(Piece::Part(part)),
            None => report.drop(match &part.content {
                Content::Foreign(foreign) => format!("content[].{}", foreign.kind),
                _ => "content[]".to_owned(),
            }),
        }
    }
}

/// The arguments as an object; `None` if they are none.
fn arguments(call: &Call) -> Option<Value> {
    let text = &call.arguments;
    if call.is_too_long {
        return None;
    }
    if call.kind == ToolKind::Freeform {
        return Some(json!({ "input": text }));
    }
    if text.trim().is_empty() {
        return Some(json!({}));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Some(map.into()),
        Ok(Value::Null) => Some(json!({})),
        _ => None,
    }
}
