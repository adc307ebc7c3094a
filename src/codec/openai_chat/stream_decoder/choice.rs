//! One answer of a stream: which part is open, which calls, and how it ends.

use serde_json::Value;

use super::calls::Calls;
use super::{MAX_HELD, member, text, too_much};
use crate::chat::part::Content;
use crate::chat::{Delta, ErrorBody, StreamEvent};
use crate::codec::openai_chat::decode_response::{self, Said, value};
use crate::codec::openai_chat::{annotations, details, finish};
use crate::codec::target::Origin;
use crate::json::scan;

/// The members of a choice that matter.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) index: Option<&'a [u8]>,
    delta: Option<&'a [u8]>,
    logprobs: Option<&'a [u8]>,
    finish: Option<&'a [u8]>,
    native: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, key: &[u8], value: &'a [u8]) {
        match key {
            b"index" => self.index = Some(value),
            // A host that sends whole messages in a stream has only one.
            b"delta" | b"message" if value.starts_with(b"{") => self.delta = Some(value),
            b"logprobs" if value.starts_with(b"{") => self.logprobs = Some(value),
            b"finish_reason" => self.finish = Some(value),
            b"native_finish_reason" => self.native = Some(value),
            _ => {}
        }
    }
}

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Refusal,
    Thought,
}

/// One answer under way.
#[derive(Debug)]
pub(super) struct ChoiceState {
    number: u32,
    open: Open,
    calls: Calls,
    /// Deltas that came behind calls; calls are complete only at the end.
    held: Vec<Delta>,
    held_bytes: usize,
    /// `reasoning_details` of the open thought.
    details: Vec<Value>,
    /// Whether the last thought was ended by autogw's own token: the next begins with a blank line.
    is_sealed: bool,
    /// The signature of the text.
    signature: Option<crate::chat::Opaque>,
    reason: Option<String>,
    native: Option<String>,
    is_finished: bool,
}

impl ChoiceState {
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            open: Open::Nothing,
            calls: Calls::default(),
            held: Vec::new(),
            held_bytes: 0,
            details: Vec::new(),
            is_sealed: false,
            signature: None,
            reason: None,
            native: None,
            is_finished: false,
        }
    }

    /// Whether the upstream said how it ends.
    pub(super) fn has_finish(&self) -> bool {
        self.reason.is_some()
    }

    /// Reads a choice of a chunk.
    pub(super) fn read(
        &mut self,
        fields: &Fields<'_>,
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        if self.is_finished {
            return Ok(());
        }
        if let Some(delta) = fields.delta {
            self.delta(delta, origin, out)?;
        }
        if let Some(logprobs) = fields
            .logprobs
            .and_then(|logprobs| member(logprobs, b"content"))
            && !scan::is_blank(logprobs)
        {
            self.open(Open::Text, origin, out)?;
            self.say(Delta::Logprobs(value(logprobs)), logprobs.len(), out)?;
        }
        self.native = text(fields.native).or(self.native.take());
        if let Some(reason) = text(fields.finish) {
            // A failure is told at once.
            finish::read(Some(&reason), None, false)?;
            self.reason = Some(reason);
        }
        Ok(())
    }

    fn delta(
        &mut self,
        delta: &[u8],
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        let (mut thought, mut entries) = (None, None);
        let mut later = Later::default();
        for member in scan::members(delta).map_while(Result::ok) {
            let slice = &delta[member.value..member.end];
            if scan::is_blank(slice) {
                continue;
            }
            match &delta[member.key..member.key_end] {
                b"reasoning_content" => thought = Some(slice),
                b"reasoning" => thought = thought.or(Some(slice)),
                b"reasoning_details" => entries = Some(slice),
                b"content" => later.content = Some(slice),
                b"refusal" => later.refusal = Some(slice),
                b"annotations" => later.annotations = Some(slice),
                b"images" => later.images = Some(slice),
                b"tool_calls" => later.calls = Some(slice),
                b"function_call" => later.function = Some(slice),
                b"extra_content" => later.has_signature = true,
                _ => {}
            }
        }
        self.thought(thought, entries, origin, out)?;
        if let Some(content) = later.content {
            self.content(content, origin, out)?;
        }
        if let Some(refusal) = text(later.refusal) {
            self.speak(Open::Refusal, refusal, origin, out)?;
        }
        if later.has_signature
            && let Value::Object(delta) = value(delta)
        {
            self.signature = decode_response::signature(&delta, origin).or(self.signature.take());
        }
        self.extras(&later, origin, out)?;
        for call in later
            .calls
            .into_iter()
            .flat_map(|calls| scan::elements(calls).map_while(Result::ok))
        {
            self.open(Open::Nothing, origin, out)?;
            self.calls.read(call, self.number, origin, out)?;
        }
        if let Some(function) = later.function {
            self.open(Open::Nothing, origin, out)?;
            self.calls.legacy(function, self.number, out)?;
        }
        Ok(())
    }

    fn extras(
        &mut self,
        later: &Later<'_>,
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        for annotation in list(later.annotations) {
            self.open(Open::Text, origin, out)?;
            let size = later.annotations.map_or(0, <[u8]>::len);
            self.say(Delta::Citation(annotations::read(annotation)), size, out)?;
        }
        for image in list(later.images).iter().filter_map(decode_response::image) {
            self.open(Open::Nothing, origin, out)?;
            debug_assert!(matches!(image.content, Content::Image(_)));
            let size = later.images.map_or(0, <[u8]>::len);
            self.say(Delta::Whole(Box::new(image)), size, out)?;
        }
        Ok(())
    }

    /// Thoughts: the readable text, or where there is none that of the details.
    fn thought(
        &mut self,
        readable: Option<&[u8]>,
        entries: Option<&[u8]>,
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        let readable = text(readable);
        let has_readable = readable.is_some();
        if let Some(readable) = readable {
            self.think(readable, origin, out)?;
        }
        if entries.is_none() {
            return Ok(());
        }
        let (sealed, own) = details::split(list(entries));
        for entry in own {
            let words = details::readable(&entry).unwrap_or_default();
            if !has_readable && !words.is_empty() {
                self.think(words.to_owned(), origin, out)?;
            }
            if let Value::Object(entry) = entry {
                self.hold(entries.map_or(0, <[u8]>::len))?;
                details::join(&mut self.details, entry);
            }
        }
        for thought in sealed {
            if self.open != Open::Thought && !thought.text.is_empty() {
                self.think(thought.text, origin, out)?;
            }
            if self.open != Open::Thought {
                self.open(Open::Nothing, origin, out)?;
            }
            self.open = Open::Nothing;
            self.is_sealed = true;
            self.say(
                Delta::PartEnd {
                    signature: thought.opaque,
                },
                0,
                out,
            )?;
        }
        Ok(())
    }

    fn think(
        &mut self,
        words: String,
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        let words = match words.strip_prefix("\n\n") {
            Some(rest) if std::mem::take(&mut self.is_sealed) => rest.to_owned(),
            _ => words,
        };
        self.is_sealed = false;
        self.speak(Open::Thought, words, origin, out)
    }

    /// Content is text, or Mistral's list of texts and thoughts.
    fn content(
        &mut self,
        content: &[u8],
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        if content.starts_with(b"\"") {
            return match text(Some(content)) {
                Some(text) => self.speak(Open::Text, text, origin, out),
                None => Ok(()),
            };
        }
        for part in list(Some(content)) {
            let mut said = Said::default();
            said.content(Value::Array(vec![part]));
            self.speak(Open::Thought, said.thought, origin, out)?;
            self.speak(Open::Text, said.text, origin, out)?;
            self.speak(Open::Refusal, said.refusal.unwrap_or_default(), origin, out)?;
        }
        Ok(())
    }

    /// Words of a kind, which open their part.
    fn speak(
        &mut self,
        kind: Open,
        words: String,
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        if words.is_empty() {
            return Ok(());
        }
        self.open(kind, origin, out)?;
        let size = words.len();
        let delta = match kind {
            Open::Thought => Delta::Reasoning(words),
            Open::Refusal => Delta::Refusal(words),
            Open::Text | Open::Nothing => Delta::Text(words),
        };
        self.say(delta, size, out)
    }

    /// Opens a part of `kind`, and ends what else is open.
    fn open(
        &mut self,
        kind: Open,
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        if self.open == kind && (kind != Open::Nothing || self.details.is_empty()) {
            return Ok(());
        }
        self.close(origin, out)?;
        self.open = kind;
        Ok(())
    }

    /// Ends the open part.
    fn close(&mut self, origin: &Origin, out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        let open = std::mem::replace(&mut self.open, Open::Nothing);
        let entries = std::mem::take(&mut self.details);
        let token = match open {
            // That there were words is all that matters for a token without details.
            Open::Thought => decode_response::token(&entries, "words", origin),
            _ => decode_response::token(&entries, "", origin),
        };
        match open {
            Open::Nothing if token.is_none() => Ok(()),
            Open::Thought | Open::Nothing => self.say(Delta::PartEnd { signature: token }, 0, out),
            Open::Text | Open::Refusal => {
                self.say(Delta::PartEnd { signature: None }, 0, out)?;
                match token {
                    Some(_) => self.say(Delta::PartEnd { signature: token }, 0, out),
                    None => Ok(()),
                }
            }
        }
    }

    /// Tells a delta, or holds it back while calls are open.
    fn say(
        &mut self,
        delta: Delta,
        size: usize,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        if self.calls.is_empty() {
            let choice = self.number;
            out.push(StreamEvent::Delta { choice, delta });
            return Ok(());
        }
        self.held.push(delta);
        self.hold(size.saturating_add(64))
    }

    fn hold(&mut self, bytes: usize) -> Result<(), ErrorBody> {
        self.held_bytes = self.held_bytes.saturating_add(bytes);
        if self.held_bytes > MAX_HELD {
            return Err(too_much("text"));
        }
        Ok(())
    }

    /// Ends the answer.
    pub(super) fn finish(
        &mut self,
        origin: &Origin,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ErrorBody> {
        if self.is_finished {
            return Ok(());
        }
        let signature = self.signature.take();
        match self.open {
            Open::Text if self.details.is_empty() => {
                self.open = Open::Nothing;
                self.say(Delta::PartEnd { signature }, 0, out)?;
            }
            _ => self.close(origin, out)?,
        }
        let choice = self.number;
        self.calls.end(choice, out);
        let held = self.held.drain(..);
        out.extend(held.map(|delta| StreamEvent::Delta { choice, delta }));
        let has_calls = !self.calls.is_empty();
        let finish = finish::read(self.reason.as_deref(), self.native.take(), has_calls)?;
        self.is_finished = true;
        out.push(StreamEvent::Finish { choice, finish });
        Ok(())
    }
}

/// What follows thoughts in a delta, whatever the order of its members.
#[derive(Default)]
struct Later<'a> {
    content: Option<&'a [u8]>,
    refusal: Option<&'a [u8]>,
    annotations: Option<&'a [u8]>,
    images: Option<&'a [u8]>,
    calls: Option<&'a [u8]>,
    function: Option<&'a [u8]>,
    has_signature: bool,
}

fn list(slice: Option<&[u8]>) -> Vec<Value> {
    match slice.map(value) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}
