//! Thoughts of the model, and the states that come back to it.

use super::super::message::Thought;
use super::super::write::event;
use super::{Encoder, Open};
use crate::chat::Opaque;
use crate::codec::held;

impl Encoder {
    /// More of a thought; nothing opens nothing.
    pub(super) fn think(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.written = self.written.saturating_add(text.len() as u64);
        self.hold(held::text(text));
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

    pub(super) fn open_thought(&mut self, out: &mut Vec<u8>) {
        self.close_all(out);
        let thought = Thought {
            id: self.next_id("rs_"),
            text: String::new(),
        };
        self.added(|item| thought.write("in_progress", None, item), out);
        self.open = Open::Thought(thought);
    }

    /// An event about the part of the open thought.
    pub(super) fn summary(&mut self, kind: &str, out: &mut Vec<u8>) {
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
    pub(super) fn close_thought(
        &mut self,
        status: &str,
        signature: Option<Opaque>,
        out: &mut Vec<u8>,
    ) {
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

    /// A state for which there is no place: it becomes a thought of its own, of which nothing may be read.
    pub(super) fn carry(&mut self, signature: Option<Opaque>, out: &mut Vec<u8>) {
        if signature.is_some() {
            self.open_thought(out);
            self.close_thought("completed", signature, out);
        }
    }
}
