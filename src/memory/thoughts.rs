//! Thoughts: the opaque reasoning behind calls of tools, for clients that send back only what their SDK
//! knows. Most Chat clients drop unknown fields, and a model that thought before it called a tool wants
//! its thought back with the result.
//!
//! Kept by client and id of the call; looked up when a conversation comes back without.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Shelf;
use crate::chat::part::{Content, Part, Reasoning, ToolCall};
use crate::chat::{Delta, Message, Response};
use crate::chat::{Opaque, Request, Role, StreamEvent};

/// Most calls of one answer that are remembered.
const MAX_CALLS: usize = 128;

/// Most bytes of one answer's thoughts that are remembered.
const MAX_THOUGHT: usize = 4 * 1024 * 1024;

/// The longest id of a call that is remembered.
const MAX_ID: usize = 1024;

/// See the module's head.
#[derive(Debug)]
pub struct Thoughts(Mutex<Shelf<Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    /// What was thought before the calls of the same answer.
    reasoning: Arc<[Reasoning]>,
    /// The call's own token.
    signature: Option<Opaque>,
}

impl Thoughts {
    /// Room for `max_bytes`, each thought for `ttl`.
    pub fn new(max_bytes: usize, ttl: Duration) -> Self {
        Self(Mutex::new(Shelf::new(max_bytes, ttl)))
    }

    /// Remembers what `listener` heard of an answer to `client`.
    pub fn keep(&self, client: &str, listener: Listener, now: Instant) {
        let reasoning: Arc<[Reasoning]> = listener.reasoning.into();
        let weight = |reasoning: &Reasoning| {
            reasoning.text.len()
                + reasoning
                    .opaque
                    .as_ref()
                    .map_or(0, |opaque| opaque.payload.len())
        };
        let bytes: usize = reasoning.iter().map(weight).sum();
        let mut kept = self.0.lock();
        for (id, signature) in listener.calls {
            if reasoning.is_empty() && signature.is_none() {
                continue;
            }
            let own = signature.as_ref().map_or(0, |opaque| opaque.payload.len());
            let reasoning = reasoning.clone();
            let thought = Kept {
                reasoning,
                signature,
            };
            kept.put(name(client, &id), thought, bytes + own, now);
        }
    }

    /// Gives the thoughts behind the calls in `request` back to them, where the client did not.
    pub fn recall(&self, client: &str, request: &mut Request, now: Instant) {
        let kept = self.0.lock();
        let mut has_thought = false;
        for message in &mut request.messages {
            if message.role != Role::Assistant {
                has_thought = false;
                continue;
            }
            has_thought |= message.parts.iter().any(is_thought);
            recall_message(&kept, client, message, &mut has_thought, now);
        }
    }
}

fn recall_message(
    shelf: &Shelf<Kept>,
    client: &str,
    message: &mut Message,
    has_thought: &mut bool,
    now: Instant,
) {
    let mut recalled = None;
    for part in &mut message.parts {
        let Content::ToolCall(call) = &mut part.content else {
            continue;
        };
        let Some(known) = shelf.get(&name(client, &call.id), now) else {
            continue;
        };
        call.signature = call.signature.take().or_else(|| known.signature.clone());
        recalled.get_or_insert_with(|| known.reasoning.clone());
    }
    if let Some(reasoning) = recalled.filter(|_| !*has_thought) {
        *has_thought = true;
        let thoughts = reasoning
            .iter()
            .cloned()
            .map(Content::Reasoning)
            .map(Part::new);
        message.parts.splice(0..0, thoughts);
    }
}

/// A thought without its token is no thought that a model could go on from.
fn is_thought(part: &Part) -> bool {
    matches!(
        &part.content,
        Content::Reasoning(Reasoning {
            opaque: Some(_),
            ..
        })
    )
}

/// Ids are the upstream's, so two clients may meet the same one.
fn name(client: &str, id: &str) -> String {
    format!("{client}\0{id}")
}

/// Listens to one answer for what has to be remembered of it.
#[derive(Debug, Default)]
pub struct Listener {
    thought: String,
    is_thinking: bool,
    reasoning: Vec<Reasoning>,
    calls: Vec<(String, Option<Opaque>)>,
    numbers: Vec<u32>,
    bytes: usize,
    /// Bytes of the calls' own tokens.
    tokens: usize,
}

impl Listener {
    /// Hears an event of the answer; of several answers only the first is listened to.
    pub fn hear(&mut self, event: &StreamEvent) {
        let StreamEvent::Delta { choice: 0, delta } = event else {
            return;
        };
        match delta {
            Delta::Reasoning(text) => {
                self.is_thinking = true;
                if self.bytes < MAX_THOUGHT {
                    self.bytes += text.len();
                    self.thought.push_str(text);
                }
            }
            Delta::PartEnd { signature } => self.end(signature.as_ref()),
            Delta::ToolCall { call, id, .. }
                if self.calls.len() < MAX_CALLS && (1..=MAX_ID).contains(&id.len()) =>
            {
                self.numbers.push(*call);
                self.calls.push((id.clone(), None));
            }
            Delta::ToolEnd {
                call,
                signature: Some(signature),
            } if self.tokens < MAX_THOUGHT => {
                self.tokens += signature.payload.len();
                let place = self.numbers.iter().rposition(|number| number == call);
                if let Some((_, slot)) = place.and_then(|place| self.calls.get_mut(place)) {
                    *slot = Some(signature.clone());
                }
            }
            _ => {}
        }
    }

    /// Hears a complete answer.
    pub fn hear_whole(&mut self, response: &Response) {
        let parts = response
            .choices
            .first()
            .map_or(&[][..], |choice| &choice.parts);
        for part in parts {
            match &part.content {
                Content::Reasoning(reasoning) if reasoning.opaque.is_some() => {
                    self.reasoning.push(reasoning.clone());
                }
                Content::ToolCall(ToolCall { id, signature, .. })
                    if self.calls.len() < MAX_CALLS && !id.is_empty() =>
                {
                    self.calls.push((id.clone(), signature.clone()));
                }
                _ => {}
            }
        }
    }

    fn end(&mut self, signature: Option<&Opaque>) {
        let text = std::mem::take(&mut self.thought);
        let is_silent = !std::mem::take(&mut self.is_thinking);
        let Some(opaque) = signature else { return };
        // A text may be signed as well, which is of use to nobody who lost it.
        let is_text = is_silent && opaque.kind == crate::chat::OpaqueKind::Thought;
        if !is_text && self.bytes < MAX_THOUGHT {
            self.bytes += opaque.payload.len().max(1);
            self.reasoning.push(Reasoning {
                text,
                opaque: Some(opaque.clone()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::part::ToolKind;
    use crate::chat::{Dialect, OpaqueKind};

    fn heard(signature: &str, ids: &[&str]) -> Listener {
        let mut listener = Listener::default();
        let signature = Opaque::unsealed(OpaqueKind::Signature, signature);
        let mut deltas = vec![
            Delta::Reasoning("let me ".into()),
            Delta::Reasoning("see".into()),
            Delta::PartEnd {
                signature: Some(signature),
            },
        ];
        for (call, id) in (0..).zip(ids) {
            deltas.push(Delta::ToolCall {
                call,
                id: (*id).to_owned(),
                name: "f".into(),
                namespace: None,
                kind: ToolKind::Function,
            });
            deltas.push(Delta::ToolEnd {
                call,
                signature: None,
            });
        }
        for delta in deltas {
            listener.hear(&StreamEvent::Delta { choice: 0, delta });
        }
        listener
    }

    fn asking(ids: &[&str]) -> Request {
        let mut request = Request::new(Dialect::OpenAiChat);
        let calls = ids.iter().map(|id| {
            Part::new(Content::ToolCall(ToolCall {
                id: (*id).to_owned(),
                ..ToolCall::default()
            }))
        });
        request.messages = vec![Message::new(Role::Assistant, calls.collect())];
        request
    }

    fn thoughts_in(request: &Request) -> Vec<&str> {
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        let thoughts = parts.filter_map(|part| match &part.content {
            Content::Reasoning(reasoning) => Some(reasoning.text.as_str()),
            _ => None,
        });
        thoughts.collect()
    }

    #[test]
    fn a_thought_comes_back_once_before_its_calls() {
        let thoughts = Thoughts::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        thoughts.keep("me", heard("s", &["1", "2"]), now);
        let mut request = asking(&["1", "2"]);
        thoughts.recall("me", &mut request, now);
        assert_eq!(thoughts_in(&request), ["let me see"]);
        assert!(matches!(
            request.messages[0].parts[0].content,
            Content::Reasoning(_)
        ));
        // Somebody who has it already gets no second one.
        thoughts.recall("me", &mut request, now);
        assert_eq!(thoughts_in(&request).len(), 1);
    }

    #[test]
    fn nobody_gets_the_thoughts_of_others() {
        let thoughts = Thoughts::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        thoughts.keep("me", heard("s", &["1"]), now);
        let mut request = asking(&["1"]);
        thoughts.recall("you", &mut request, now);
        assert!(thoughts_in(&request).is_empty());
    }

    #[test]
    fn a_call_gets_its_own_token_back() {
        let thoughts = Thoughts::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        let mut listener = Listener::default();
        let call = Content::ToolCall(ToolCall {
            id: "1".into(),
            signature: Some(Opaque::unsealed(OpaqueKind::Thought, "t")),
            ..ToolCall::default()
        });
        listener.hear_whole(&Response {
            choices: vec![crate::chat::Choice {
                parts: vec![Part::new(call)],
                ..Default::default()
            }],
            ..Response::default()
        });
        thoughts.keep("me", listener, now);
        let mut request = asking(&["1"]);
        thoughts.recall("me", &mut request, now);
        let Content::ToolCall(call) = &request.messages[0].parts[0].content else {
            panic!("{request:?}")
        };
        assert_eq!(
            call.signature.as_ref().map(|token| token.payload.as_str()),
            Some("t")
        );
    }
}
