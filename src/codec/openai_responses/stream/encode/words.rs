//! Words of the model: messages with their texts and refusals.

use super::super::message::{Message, Words};
use super::super::write::event;
use super::{Encoder, Open};
use crate::chat::FinishReason;
use crate::codec::held;

impl Encoder {
    /// More text or more of a refusal; nothing opens nothing.
    pub(super) fn words(&mut self, text: &str, is_refusal: bool, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.written = self.written.saturating_add(text.len() as u64);
        self.hold(held::text(text));
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
    pub(super) fn text(&mut self, out: &mut Vec<u8>) -> Option<&mut Words> {
        self.open_words(false, out);
        match &mut self.open {
            Open::Message(message) => message.part.as_mut(),
            _ => None,
        }
    }

    pub(super) fn open_words(&mut self, is_refusal: bool, out: &mut Vec<u8>) {
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
    pub(super) fn close_words(&mut self, out: &mut Vec<u8>) {
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
                    .list("logprobs", &part.logprobs)
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
        self.held = self.held.max(self.output.len() + message.content.len());
    }

    /// The words of a refusal that the upstream told beside its answer.
    pub(super) fn explain(&mut self, out: &mut Vec<u8>) {
        let finish = self.finish.as_ref();
        let refusal = finish.filter(|finish| finish.reason == FinishReason::Filtered);
        let words = refusal.and_then(|finish| finish.explanation.clone());
        if let Some(words) = words.filter(|_| !self.has_refused) {
            self.words(&words, true, out);
        }
    }
}
