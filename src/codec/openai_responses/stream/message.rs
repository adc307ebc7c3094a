//! What an encoder keeps of an item that is under way, and how it is written: a message or a thought.

use serde_json::Value;

use super::super::annotation;
use super::write::{Object, write_value};
use crate::chat::part::Citation;
use crate::chat::{Opaque, OpaqueKind};

/// A message under way.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    /// Its complete parts, as they are in the list.
    pub(super) content: Vec<u8>,
    pub(super) complete: u64,
    pub(super) part: Option<Words>,
}

/// A part of a message under way.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) is_refusal: bool,
    pub(super) text: String,
    pub(super) citations: Vec<Citation>,
    /// As they are in the list.
    pub(super) logprobs: Vec<u8>,
}

impl Message {
    /// A message without a part.
    pub(super) fn new(id: String) -> Self {
        Self {
            id,
            content: Vec::new(),
            complete: 0,
            part: None,
        }
    }

    /// Writes the item.
    pub(super) fn write(&self, status: &str, out: &mut Vec<u8>) {
        Object::typed(out, "message")
            .text("id", &self.id)
            .text("status", status)
            .text("role", "assistant")
            .list("content", &self.content)
            .end();
    }
}

impl Words {
    /// The annotations of the text, and whether one was lost.
    pub(super) fn annotations(&self) -> (Vec<Value>, bool) {
        let length = self.text.chars().count() as u64;
        annotation::write_all(&self.citations, length, false)
    }

    /// Adds tokens to the list; how many bytes they take.
    pub(super) fn add_logprobs(&mut self, tokens: &[Value]) -> usize {
        let before = self.logprobs.len();
        for token in tokens {
            if !self.logprobs.is_empty() {
                self.logprobs.push(b',');
            }
            write_value(&mut self.logprobs, token);
        }
        self.logprobs.len() - before
    }

    /// Writes the part.
    pub(super) fn write(&self, annotations: &[Value], out: &mut Vec<u8>) {
        if self.is_refusal {
            return Object::typed(out, "refusal")
                .text("refusal", &self.text)
                .end();
        }
        Object::typed(out, "output_text")
            .text("text", &self.text)
            .value("annotations", &annotations.into())
            .list("logprobs", &self.logprobs)
            .end();
    }
}

/// A thought under way.
#[derive(Debug)]
pub(super) struct Thought {
    pub(super) id: String,
    pub(super) text: String,
}

impl Thought {
    /// Writes the item; `opaque` is sealed, as its place here may not be its own.
    pub(super) fn write(&self, status: &str, opaque: Option<Opaque>, out: &mut Vec<u8>) {
        let mut summary = Vec::new();
        if !self.text.is_empty() {
            self.write_part(&mut summary);
        }
        let object = Object::typed(out, "reasoning")
            .text("id", &self.id)
            .text("status", status)
            .list("summary", &summary);
        match opaque {
            Some(opaque) => object.text("encrypted_content", &self.seal(opaque)).end(),
            None => object.end(),
        }
    }

    /// Writes the one part of the summary.
    pub(super) fn write_part(&self, out: &mut Vec<u8>) {
        Object::typed(out, "summary_text")
            .text("text", &self.text)
            .end();
    }

    /// The token with the thought it was made for, where that has to come back to the letter: clients
    /// may drop or change the summary.
    fn seal(&self, mut opaque: Opaque) -> String {
        let needs_text = matches!(opaque.kind, OpaqueKind::Signature | OpaqueKind::Plain);
        if needs_text && opaque.text.is_none() && !self.text.is_empty() {
            opaque.text = Some(self.text.clone());
        }
        opaque.seal()
    }
}
