//! Thoughts: the opaque reasoning behind calls of tools, for clients that send back only what their SDK
//! knows. Most Chat clients drop unknown fields, and a model that thought before it called a tool wants
//! its thought back with the result.
//!
//! Kept by client and id of the call; looked up when a conversation comes back without. Some upstreams
//! count their ids anew in each conversation, so a thought belongs to what was called as well: to another
//! call of the same id it is no thought.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Shelf;
use super::call::{Digest, Open, digest};
use crate::chat::part::{Content, Part, Reasoning, ToolCall};
use crate::chat::{Delta, Message, Response};
use crate::chat::{Opaque, Request, Role, StreamEvent};

/// Most calls of one answer that are remembered.
const MAX_CALLS: usize = 128;

/// Most bytes of one answer's thoughts that are remembered.
const MAX_THOUGHT: usize = 4 * 1024 * 1024;

/// Most bytes of arguments that are held until their calls are complete; a call beyond is not remembered.
const MAX_ARGUMENTS: usize = 1024 * 1024;

/// See the module's head.
#[derive(Debug)]
pub struct Thoughts(Mutex<Shelf<Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    /// What was called.
    call: Digest,
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

    /// Has other room from now on.
    pub fn resize(&self, max_bytes: usize, ttl: Duration, now: Instant) {
        self.0.lock().resize(max_bytes, ttl, now);
    }

    /// Remembers what `listener` heard of an answer to `client`.
    pub fn keep(&self, client: &str, listener: Listener, now: Instant) {
        let calls = listener
            .calls
            .into_iter()
            .map(Call::close)
            .collect::<Vec<_>>();
        let reasoning: Arc<[Reasoning]> = listener.reasoning.into();
        let bytes: usize = reasoning.iter().map(weight).sum();
        let mut kept = self.0.lock();
        for (id, call, signature) in calls {
            let name = name(client, &id);
            let Some(call) = call.filter(|_| !reasoning.is_empty() || signature.is_some()) else {
                kept.remove(&name);
                continue;
            };
            let own = size_of::<Kept>() + signature.as_ref().map_or(0, |own| own.payload.len());
            let thought = Kept {
                call,
                reasoning: reasoning.clone(),
                signature,
            };
            kept.put(name, thought, bytes + own, now);
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
        let known = shelf.get(&name(client, &call.id), now);
        let Some(known) = known.filter(|known| known.call == digest(&call.name, &call.arguments))
        else {
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

fn weight(reasoning: &Reasoning) -> usize {
    let opaque = reasoning.opaque.as_ref();
    let state = opaque.map_or(0, |opaque| opaque.payload.len());
    size_of::<Reasoning>() + reasoning.text.len() + state
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
    calls: Vec<Call>,
    bytes: usize,
    /// Arguments of calls that are not complete.
    held: usize,
}

/// A call as far as it was heard.
#[derive(Debug)]
struct Call {
    number: u32,
    id: String,
    said: Said,
    signature: Option<Opaque>,
}

/// What is called, and with what.
#[derive(Debug)]
enum Said {
    Open(Open),
    Complete(Digest),
    TooLong,
}

impl Call {
    fn whole(call: &ToolCall) -> Self {
        let said = match call.arguments.len() {
            ..=MAX_ARGUMENTS => Said::Complete(digest(&call.name, &call.arguments)),
            _ => Said::TooLong,
        };
        Self {
            number: 0,
            id: call.id.clone(),
            said,
            signature: call.signature.clone(),
        }
    }

    /// Its id, what it is known by, and its token.
    fn close(self) -> (String, Option<Digest>, Option<Opaque>) {
        let digest = match self.said {
            Said::Open(open) => Some(open.close()),
            Said::Complete(digest) => Some(digest),
            Said::TooLong => None,
        };
        (self.id, digest, self.signature)
    }
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
            Delta::ToolCall { call, id, name, .. }
                if self.calls.len() < MAX_CALLS && !id.is_empty() =>
            {
                self.calls.push(Call {
                    number: *call,
                    id: id.clone(),
                    said: Said::Open(Open::new(name)),
                    signature: None,
                });
            }
            Delta::ToolArguments { call, fragment } => self.argue(*call, fragment),
            Delta::ToolEnd { call, signature } => self.end_call(*call, signature.as_ref()),
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
                Content::ToolCall(call) if self.calls.len() < MAX_CALLS && !call.id.is_empty() => {
                    self.calls.push(Call::whole(call));
                }
                _ => {}
            }
        }
    }

    fn argue(&mut self, number: u32, fragment: &str) {
        let Self { calls, held, .. } = self;
        let Some(call) = calls.iter_mut().rfind(|call| call.number == number) else {
            return;
        };
        let Said::Open(open) = &mut call.said else {
            return;
        };
        if fragment.len() > MAX_ARGUMENTS - *held {
            *held -= open.len();
            call.said = Said::TooLong;
        } else {
            *held += fragment.len();
            open.push(fragment);
        }
    }

    fn end_call(&mut self, number: u32, signature: Option<&Opaque>) {
        let Self {
            calls, held, bytes, ..
        } = self;
        let Some(call) = calls.iter_mut().rfind(|call| call.number == number) else {
            return;
        };
        if let Said::Open(open) = &mut call.said {
            *held -= open.len();
            call.said = Said::Complete(std::mem::take(open).close());
        }
        if let Some(signature) = signature.filter(|_| *bytes < MAX_THOUGHT) {
            *bytes += signature.payload.len();
            call.signature = Some(signature.clone());
        }
    }

    fn end(&mut self, signature: Option<&Opaque>) {
        let text = std::mem::take(&mut self.thought);
        let is_silent = !std::mem::take(&mut self.is_thinking);
        let Some(opaque) = signature else { return };
        // A text may be signed as well, which is of use to nobody who lost it.
        let is_text = is_silent && opaque.kind == crate::chat::OpaqueKind::Thought;
        if !is_text && self.bytes < MAX_THOUGHT {
            self.bytes += opaque.payload.len();
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
            for fragment in [r#"{"a":{},"#, r#""b":[1,"\u0078"]}"#] {
                let fragment = fragment.to_owned();
                deltas.push(Delta::ToolArguments { call, fragment });
            }
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
                name: "f".into(),
                arguments: r#"{ "b": [1.0, "x"], "a": {} }"#.into(),
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
            name: "f".into(),
            arguments: r#"{"a":{},"b":[1,"x"]}"#.into(),
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

    fn change(request: &mut Request, change: impl Fn(&mut ToolCall)) {
        for part in &mut request.messages[0].parts {
            if let Content::ToolCall(call) = &mut part.content {
                change(call);
            }
        }
    }

    #[test]
    fn another_call_of_the_same_id_gets_no_thought() {
        let thoughts = Thoughts::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        thoughts.keep("me", heard("s", &["functions_f_0"]), now);
        let others: [fn(&mut ToolCall); 4] = [
            |call| call.name = "g".into(),
            |call| call.arguments = r#"{"a":{},"b":[2,"x"]}"#.into(),
            |call| call.arguments = "{}".into(),
            |call| call.arguments = "no JSON".into(),
        ];
        for other in others {
            let mut request = asking(&["functions_f_0"]);
            change(&mut request, other);
            let before = request.clone();
            thoughts.recall("me", &mut request, now);
            assert_eq!(request, before);
        }
    }

    #[test]
    fn an_answer_without_thoughts_ends_what_its_call_was_known_for() {
        let thoughts = Thoughts::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        thoughts.keep("me", heard("s", &["1"]), now);
        let mut thoughtless = heard("s", &["1"]);
        thoughtless.reasoning.clear();
        thoughts.keep("me", thoughtless, now);
        let mut request = asking(&["1"]);
        thoughts.recall("me", &mut request, now);
        assert!(thoughts_in(&request).is_empty());
    }

    #[test]
    fn arguments_are_held_up_to_a_bound_and_the_call_beyond_is_not_remembered() {
        let mut listener = heard("s", &["1", "2"]);
        assert_eq!(listener.held, 0);
        let piece = "x".repeat(MAX_ARGUMENTS / 4);
        for call in [8, 9] {
            let delta = Delta::ToolCall {
                call,
                id: call.to_string(),
                name: "f".into(),
                namespace: None,
                kind: ToolKind::Function,
            };
            listener.hear(&StreamEvent::Delta { choice: 0, delta });
        }
        for call in [8, 9, 9, 9, 9, 9, 8] {
            let fragment = piece.clone();
            let delta = Delta::ToolArguments { call, fragment };
            listener.hear(&StreamEvent::Delta { choice: 0, delta });
            assert!(listener.held <= MAX_ARGUMENTS);
        }
        assert_eq!(listener.held, MAX_ARGUMENTS / 2);
        let thoughts = Thoughts::new(1 << 20, Duration::from_mins(1));
        let now = Instant::now();
        thoughts.keep("me", listener, now);
        let kept = thoughts.0.lock();
        let is_kept = |id: &str| kept.get(&name("me", id), now).is_some();
        assert_eq!(["1", "2", "8", "9"].map(is_kept), [true, true, true, false]);
    }
}
