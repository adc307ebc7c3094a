//! A complete answer, and the fold that makes one of a stream.

use super::event::{Delta, StreamEvent};
use super::part::{Content, Part, Reasoning, Text, ToolCall};
use super::usage::Usage;

/// A complete answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// Its id, as the upstream gave it.
    pub id: Option<String>,
    /// The model, as the upstream called it.
    pub model: Option<String>,
    /// Seconds since 1970, where the upstream said.
    pub created: Option<u64>,
    /// The answers; one, unless several were asked for.
    pub choices: Vec<Choice>,
    /// Token counts.
    pub usage: Option<Usage>,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// What was said.
    pub parts: Vec<Part>,
    /// How it ended.
    pub finish: Finish,
}

/// How an answer ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finish {
    /// Why, in neutral words.
    pub reason: FinishReason,
    /// Why, in the upstream's.
    pub native: Option<String>,
    /// The text that ended it.
    pub stop_sequence: Option<String>,
    /// What the upstream said of a refusal.
    pub explanation: Option<String>,
}

/// Why an answer ended (the canonical column of the table of stop reasons).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FinishReason {
    /// It was complete.
    #[default]
    End,
    /// A stop sequence was written.
    StopSequence,
    /// Tools are to be called.
    ToolCalls,
    /// The limit of tokens was reached.
    Length,
    /// The context was full.
    ContextFull,
    /// A filter, or the model's own refusal.
    Filtered,
    /// A hosted tool takes longer: the client is to send the answer back.
    Paused,
}

impl Response {
    /// The answer that `events` tell.
    pub fn fold(events: impl IntoIterator<Item = StreamEvent>) -> Self {
        let mut fold = Fold::default();
        events.into_iter().for_each(|event| fold.take(event));
        fold.finish()
    }

    /// The events that tell this answer.
    pub fn into_events(self) -> Vec<StreamEvent> {
        let mut events = vec![StreamEvent::Start {
            id: self.id,
            model: self.model,
            created: self.created,
        }];
        for (index, choice) in (0..).zip(self.choices) {
            for (call, part) in (0..).zip(choice.parts) {
                tell(call, part, |delta| {
                    events.push(StreamEvent::Delta {
                        choice: index,
                        delta,
                    });
                });
            }
            events.push(StreamEvent::Finish {
                choice: index,
                finish: choice.finish,
            });
        }
        events.extend(self.usage.map(StreamEvent::Usage));
        events
    }
}

/// Tells a part in deltas; `call` numbers it if it is a call.
fn tell(call: u32, part: Part, mut out: impl FnMut(Delta)) {
    match part.content {
        Content::Text(text) => {
            out(Delta::Text(text.text));
            text.logprobs
                .map(Delta::Logprobs)
                .into_iter()
                .for_each(&mut out);
            text.citations
                .into_iter()
                .map(Delta::Citation)
                .for_each(&mut out);
            out(Delta::PartEnd {
                signature: text.signature,
            });
        }
        Content::Refusal(text) => {
            out(Delta::Refusal(text));
            out(Delta::PartEnd { signature: None });
        }
        Content::Reasoning(reasoning) => {
            out(Delta::Reasoning(reasoning.text));
            out(Delta::PartEnd {
                signature: reasoning.opaque,
            });
        }
        Content::ToolCall(ToolCall {
            id,
            name,
            namespace,
            arguments,
            kind,
            signature,
        }) => {
            out(Delta::ToolCall {
                call,
                id,
                name,
                namespace,
                kind,
            });
            out(Delta::ToolArguments {
                call,
                fragment: arguments,
            });
            out(Delta::ToolEnd { call, signature });
        }
        _ => out(Delta::Whole(Box::new(part))),
    }
}

/// A complete answer in the making.
#[derive(Debug, Default)]
pub struct Fold {
    response: Response,
    open: Vec<Open>,
}

/// What is under way in one choice.
#[derive(Debug, Default)]
struct Open {
    /// Whether the last part is open: text, refusal or reasoning.
    part: bool,
    /// Calls by their number: where their parts are.
    calls: Vec<(u32, usize)>,
}

impl Fold {
    /// Takes the next event.
    pub fn take(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Start { id, model, created } => {
                self.response.id = id.or(self.response.id.take());
                self.response.model = model.or(self.response.model.take());
                self.response.created = created.or(self.response.created);
            }
            StreamEvent::Delta { choice, delta } => {
                if let Some((choice, open)) = self.choice(choice) {
                    open.take(choice, delta);
                }
            }
            StreamEvent::Finish { choice, finish } => {
                if let Some((choice, _)) = self.choice(choice) {
                    choice.finish = finish;
                }
            }
            StreamEvent::Usage(usage) => self.response.usage = Some(usage),
            StreamEvent::Ping => {}
        }
    }

    /// The answer as far as it was told.
    pub fn finish(self) -> Response {
        self.response
    }

    fn choice(&mut self, index: u32) -> Option<(&mut Choice, &mut Open)> {
        let place = usize::try_from(index)
            .ok()
            .filter(|place| *place < MAX_CHOICES)?;
        while self.response.choices.len() <= place {
            self.response.choices.push(Choice::default());
            self.open.push(Open::default());
        }
        Some((&mut self.response.choices[place], &mut self.open[place]))
    }
}

/// More answers than any API gives at once.
const MAX_CHOICES: usize = 128;

impl Open {
    fn take(&mut self, choice: &mut Choice, delta: Delta) {
        match delta {
            Delta::Text(text) => self.text(choice, &text),
            Delta::Refusal(text) => self.refusal(choice, &text),
            Delta::Reasoning(text) => self.reasoning(choice, &text),
            Delta::PartEnd { signature } => self.end(choice, signature),
            Delta::Citation(citation) => {
                self.text(choice, "");
                if let Some(Content::Text(text)) = last(choice) {
                    text.citations.push(citation);
                }
            }
            Delta::Logprobs(logprobs) => {
                self.text(choice, "");
                if let Some(Content::Text(text)) = last(choice) {
                    join_logprobs(text, logprobs);
                }
            }
            Delta::ToolCall {
                call,
                id,
                name,
                namespace,
                kind,
            } => {
                self.part = false;
                self.calls.retain(|(known, _)| *known != call);
                self.calls.push((call, choice.parts.len()));
                choice.parts.push(Part::new(Content::ToolCall(ToolCall {
                    id,
                    name,
                    namespace,
                    kind,
                    ..ToolCall::default()
                })));
            }
            Delta::ToolArguments { call, fragment } => {
                if let Some(open) = self.call(choice, call) {
                    open.arguments.push_str(&fragment);
                }
            }
            Delta::ToolEnd { call, signature } => {
                if let Some(open) = self.call(choice, call) {
                    open.signature = signature.or(open.signature.take());
                }
            }
            Delta::Whole(part) => {
                self.part = false;
                choice.parts.push(*part);
            }
        }
    }

    fn call<'c>(&self, choice: &'c mut Choice, call: u32) -> Option<&'c mut ToolCall> {
        let (_, place) = self.calls.iter().find(|(known, _)| *known == call)?;
        match &mut choice.parts.get_mut(*place)?.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        }
    }

    fn text(&mut self, choice: &mut Choice, fragment: &str) {
        match last(choice) {
            Some(Content::Text(text)) if self.part => text.text.push_str(fragment),
            _ => self.open(choice, Part::text(fragment)),
        }
    }

    fn refusal(&mut self, choice: &mut Choice, fragment: &str) {
        match last(choice) {
            Some(Content::Refusal(text)) if self.part => text.push_str(fragment),
            _ => self.open(choice, Part::new(Content::Refusal(fragment.to_owned()))),
        }
    }

    fn reasoning(&mut self, choice: &mut Choice, fragment: &str) {
        match last(choice) {
            Some(Content::Reasoning(reasoning)) if self.part => reasoning.text.push_str(fragment),
            _ => {
                let text = fragment.to_owned();
                let reasoning = Reasoning { text, opaque: None };
                self.open(choice, Part::new(Content::Reasoning(reasoning)));
            }
        }
    }

    fn open(&mut self, choice: &mut Choice, part: Part) {
        self.part = true;
        choice.parts.push(part);
    }

    /// The part is complete. A state that belongs to no open part is a thought of its own.
    fn end(&mut self, choice: &mut Choice, signature: Option<super::Opaque>) {
        if let Some(signature) = signature {
            match last(choice) {
                Some(Content::Reasoning(reasoning)) if self.part => {
                    reasoning.opaque = Some(signature);
                }
                Some(Content::Text(text)) if self.part => text.signature = Some(signature),
                _ => choice.parts.push(Part::new(Content::Reasoning(Reasoning {
                    text: String::new(),
                    opaque: Some(signature),
                }))),
            }
        }
        self.part = false;
    }
}

fn last(choice: &mut Choice) -> Option<&mut Content> {
    choice.parts.last_mut().map(|part| &mut part.content)
}

fn join_logprobs(text: &mut Text, more: serde_json::Value) {
    match (&mut text.logprobs, more) {
        (Some(serde_json::Value::Array(known)), serde_json::Value::Array(more)) => {
            known.extend(more);
        }
        (slot, more) => *slot = Some(more),
    }
}
