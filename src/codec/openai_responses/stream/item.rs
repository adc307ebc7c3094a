//! An item of an upstream's stream that is under way: what has been told of it, so that what came only at
//! its end is told then, and nothing twice.

use serde_json::Value;

use super::super::response;
use crate::chat::part::{Content, ToolKind};
use crate::chat::{Delta, Part};
use crate::codec::target::Origin;

/// What kind of item it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words of the model.
    Message,
    /// A thought.
    Reasoning,
    /// A call of a client's tool.
    Call(ToolKind),
    /// Anything else: told whole at its end.
    Other,
}

impl Kind {
    /// The kind of an item of this type.
    pub(super) fn of(item: &Value) -> Self {
        match item.get("type").and_then(Value::as_str) {
            Some("message") => Kind::Message,
            Some("reasoning") => Kind::Reasoning,
            Some("function_call") => Kind::Call(ToolKind::Function),
            Some("custom_tool_call") => Kind::Call(ToolKind::Freeform),
            _ => Kind::Other,
        }
    }
}

/// Which list of a thought a text belongs to, and where.
pub(super) type Place = (Section, u64);

/// A list of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// `summary`, of a thought.
    Summary,
    /// `content`.
    Content,
}

/// An item under way.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) index: u64,
    pub(super) kind: Kind,
    /// The part that is open or was last.
    place: Option<Place>,
    is_open: bool,
    /// Whether anything was told of the open part (of a call: of its arguments).
    is_told: bool,
    has_logprobs: bool,
    citations: usize,
    /// Parts of a message that are complete.
    complete: usize,
}

impl Item {
    /// An item that nothing is known of but its kind.
    pub(super) fn new(index: u64, kind: Kind) -> Self {
        Self {
            index,
            kind,
            place: None,
            is_open: false,
            is_told: false,
            has_logprobs: false,
            citations: 0,
            complete: 0,
        }
    }

    /// The number of the call.
    pub(super) fn call(&self) -> u32 {
        u32::try_from(self.index).unwrap_or(u32::MAX)
    }

    /// A part of a message begins, or goes on.
    pub(super) fn open(&mut self, place: Place, out: &mut Vec<Delta>) {
        if self.is_open && self.place == Some(place) {
            return;
        }
        self.close(out);
        self.place = Some(place);
        self.is_open = true;
        self.is_told = false;
        self.has_logprobs = false;
        self.citations = 0;
    }

    /// More text of a message.
    pub(super) fn text(&mut self, place: Place, delta: Delta, out: &mut Vec<Delta>) {
        self.open(place, out);
        self.is_told = true;
        out.push(delta);
    }

    /// Log probabilities of the open text.
    pub(super) fn logprobs(&mut self, logprobs: Value, out: &mut Vec<Delta>) {
        self.has_logprobs = true;
        out.push(Delta::Logprobs(logprobs));
    }

    /// Where the open text was taken from.
    pub(super) fn cite(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        self.citations += 1;
        out.push(delta);
    }

    /// A part of a message is complete, and this is all of it.
    pub(super) fn finish(&mut self, place: Place, part: Option<Part>, out: &mut Vec<Delta>) {
        let is_words = matches!(
            part.as_ref().map(|part| &part.content),
            Some(Content::Text(_) | Content::Refusal(_))
        );
        if is_words {
            self.open(place, out);
        }
        match part.map(|part| (part.content, part.extra)) {
            Some((Content::Text(text), _)) => {
                if !self.is_told {
                    out.push(Delta::Text(text.text));
                }
                if let Some(logprobs) = text.logprobs.filter(|_| !self.has_logprobs) {
                    out.push(Delta::Logprobs(logprobs));
                }
                let rest = text.citations.into_iter().skip(self.citations);
                out.extend(rest.map(Delta::Citation));
            }
            Some((Content::Refusal(text), _)) if !self.is_told => out.push(Delta::Refusal(text)),
            Some((content @ Content::Foreign(_), _)) => {
                out.push(Delta::Whole(Box::new(Part::new(content))));
                self.complete += 1;
            }
            _ => {}
        }
        self.close(out);
    }

    /// The open part of a message ends.
    pub(super) fn close(&mut self, out: &mut Vec<Delta>) {
        if self.is_open {
            out.push(Delta::PartEnd { signature: None });
            self.is_open = false;
            self.complete += 1;
        }
    }

    /// More of a thought; its parts stand apart.
    pub(super) fn thought(&mut self, place: Place, text: String, out: &mut Vec<Delta>) {
        if text.is_empty() {
            return;
        }
        if self.place.is_some_and(|last| last != place) {
            out.push(Delta::Reasoning("\n\n".to_owned()));
        }
        self.place = Some(place);
        self.is_told = true;
        out.push(Delta::Reasoning(text));
    }

    /// The end of a thought's part: all of it, in case there were no deltas.
    pub(super) fn thought_done(&mut self, place: Place, text: String, out: &mut Vec<Delta>) {
        if self.place != Some(place) {
            self.thought(place, text, out);
        }
    }

    /// A call begins.
    pub(super) fn begin_call(&self, item: &Value, kind: ToolKind, out: &mut Vec<Delta>) {
        if let Content::ToolCall(call) = response::call(item, kind).content {
            out.push(Delta::ToolCall {
                call: self.call(),
                id: call.id,
                name: call.name,
                namespace: call.namespace,
                kind,
            });
        }
    }

    /// More of a call's arguments.
    pub(super) fn arguments(&mut self, fragment: String, out: &mut Vec<Delta>) {
        self.is_told = true;
        let call = self.call();
        out.push(Delta::ToolArguments { call, fragment });
    }

    /// All of a call's arguments, in case there were no deltas.
    pub(super) fn arguments_done(&mut self, whole: &str, out: &mut Vec<Delta>) {
        if !self.is_told && !whole.is_empty() {
            self.arguments(whole.to_owned(), out);
        }
    }

    /// The item is complete, and this is all of it.
    pub(super) fn end(mut self, item: Value, origin: &Origin, out: &mut Vec<Delta>) {
        match self.kind {
            Kind::Message => self.end_message(item, origin, out),
            Kind::Reasoning => self.end_thought(&item, origin, out),
            Kind::Call(kind) => {
                if let Content::ToolCall(call) = response::call(&item, kind).content {
                    self.arguments_done(&call.arguments, out);
                }
                self.abandon(out);
            }
            Kind::Other => {
                let parts = response::read_item(item, origin);
                out.extend(parts.into_iter().map(|part| Delta::Whole(Box::new(part))));
            }
        }
    }

    /// Closes what is open of an item that was never said to be complete.
    pub(super) fn abandon(&mut self, out: &mut Vec<Delta>) {
        match self.kind {
            Kind::Message => self.close(out),
            Kind::Reasoning if self.is_told => out.push(Delta::PartEnd { signature: None }),
            Kind::Call(_) => out.push(Delta::ToolEnd {
                call: self.call(),
                signature: None,
            }),
            Kind::Reasoning | Kind::Other => {}
        }
    }

    fn end_message(&mut self, item: Value, origin: &Origin, out: &mut Vec<Delta>) {
        let parts = response::read_item(item, origin);
        let open = usize::from(self.is_open);
        let missing = self.complete + open < parts.len();
        self.close(out);
        if missing {
            let done = self.complete;
            for (place, part) in (0..).zip(parts).skip(done) {
                self.finish((Section::Content, place), Some(part), out);
            }
        }
    }

    fn end_thought(&mut self, item: &Value, origin: &Origin, out: &mut Vec<Delta>) {
        let Some(part) = response::reasoning(item, origin) else {
            return self.abandon(out);
        };
        if let Content::Reasoning(reasoning) = part.content {
            if !self.is_told && !reasoning.text.is_empty() {
                out.push(Delta::Reasoning(reasoning.text));
            }
            out.push(Delta::PartEnd {
                signature: reasoning.opaque,
            });
        }
    }
}
